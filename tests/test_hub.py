"""Checkpoints to and from the Hub, by its own client against a Hub on this machine; and what doesn't need one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import made_hub
import numpy as np
import pytest
import torch
from made_runs import make_run

from dtn_core import Transferrer, UserError
from dtn_core.networks import checkpoint, hub

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def server():
    with made_hub.serve() as made:
        yield made


@pytest.fixture
def program(server, tmp_path):
    """The command line in a process of its own, as it reads the Hub's address when it is imported."""

    def run(*words, token="good", endpoint=server.url, **more):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")} | more
        environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
        environment |= {"HF_TOKEN": token} if token else {}
        command = [sys.executable, "-m", "dtn_core", *map(str, words)]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250)

    return run


def test_a_checkpoint_survives_the_hub(program, server, tmp_path, hopper_path):
    server.repos["somebody/heads"] = {"old.safetensors": b"of an earlier version", "pictures.zip": b"kept"}
    done = program("push", "toon-head", "somebody/heads")
    assert done.returncode == 0, done.stderr
    assert "somebody/heads: uploaded" in done.stderr
    files = server.repos["somebody/heads"]
    assert "old.safetensors" not in files
    assert "encoder.safetensors" in files  # which the shipped one shares with others
    assert "shared" not in json.loads(files["config.json"])
    assert files["README.md"].startswith(b"---\nlibrary_name: dtn-studio")
    files["evil.py"] = b"raise SystemExit"
    ways = {"hub": "somebody/heads", "here": "toon-head"}
    for name, way in ways.items():
        out = tmp_path / f"{name}.png"
        done = program("emojify", hopper_path, "-o", out, "--checkpoint", way, "--json")
        assert done.returncode == 0, done.stderr
        ways[name] = out.read_bytes(), json.loads(done.stdout)["checkpoint"]
    assert ways["hub"][0] == ways["here"][0]
    assert ways["hub"][1] == {"name": "somebody/heads", "hash": ways["here"][1]["hash"]}
    assert not list(tmp_path.glob("hf/**/evil.py")), "only what a checkpoint consists of is downloaded"
    assert not list(tmp_path.glob("hf/**/pictures.zip"))
    asked = len(server.asked)
    for more in ({"HF_HUB_OFFLINE": "1"}, {"endpoint": "http://127.0.0.1:9"}):  # what was downloaded once stays
        done = program("emojify", hopper_path, "-o", tmp_path / "c.png", "--checkpoint", "somebody/heads", **more)
        assert done.returncode == 0, done.stderr
    assert len(server.asked) == asked


@pytest.fixture
def client(server, tmp_path, monkeypatch):
    """The Hub's client in this process."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return constants


NOWHERE = {"ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("name", "settings", "line"),
    [
        ("nobody/nothing", {}, "neither here nor on the Hub. If it is private, log in with `hf auth login`"),
        ("somebody/gated", {}, "its owner asks for terms to be accepted on its page"),
        ("somebody/else", {}, "is on the Hub, but no checkpoint of DTN Studio"),
        ("somebody/later", {"HF_HUB_OFFLINE": True}, "the Hub can't be reached and isn't here. Go online"),
        ("somebody/later", NOWHERE, "the Hub can't be reached and isn't here. Go online"),
        ("somebody/future", {}, "checkpoint format 99, this version reads 1. Update DTN Studio."),
    ],
)
def test_missing_hub_files_are_reported(client, server, monkeypatch, name, settings, line):
    server.repos |= {"somebody/gated": {}, "somebody/else": {"README.md": b"# Something else"}}
    server.repos["somebody/future"] = {"config.json": b'{"format": 99, "kind": "transfer"}'}
    server.gated.add("somebody/gated")
    for setting, value in settings.items():
        monkeypatch.setattr(client, setting, value)
    with pytest.raises(UserError, match=re.escape(line)) as refused:
        Transferrer.from_pretrained(name)
    assert "\n" not in str(refused.value)


def test_another_revision_is_requested(client, server):
    server.repos["somebody/heads"] = {"config.json": b"{}"}
    with pytest.raises(UserError, match="no such revision"):
        hub.find("somebody/heads", revision="v9")
    assert (hub.find("somebody/heads", revision=made_hub.SHA) / "config.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("name", "token", "settings", "line"),
    [
        ("somebody/mine", None, {}, "`hf auth login`"),
        ("somebody/mine", "bad", {}, "`hf auth login`"),
        ("somebody/mine", "good", NOWHERE, "the Hub can't be reached. Go online"),
        ("mine", "good", {}, "mine: is no name on the Hub. Write USER/NAME."),
    ],
)
def test_a_failed_upload_is_reported(client, server, monkeypatch, name, token, settings, line):
    for setting, value in settings.items():
        monkeypatch.setattr(client, setting, value)
    with pytest.raises(UserError, match=re.escape(line)) as refused:
        hub.push(checkpoint.find("lorelei"), name, token=token)
    assert "\n" not in str(refused.value)
    assert "somebody/mine" not in server.repos


def test_a_run_is_pushed_to_the_hub_with_its_card(program, server, tmp_path):
    run = make_run(tmp_path, "00001-heads")
    shutil.rmtree(run / "export")
    done = program("push", run, "somebody/trained")
    assert done.returncode == 2
    assert "has exported nothing yet" in done.stderr
    hub.write(checkpoint.find("lorelei"), run / "export")
    (run / "export" / "README.md").unlink()
    done = program("push", run, "somebody/trained", "--private")
    assert done.returncode == 0, done.stderr
    card = server.repos["somebody/trained"]["README.md"].decode()
    assert card.startswith("---\nlibrary_name: dtn-studio")
    assert "# 00001-heads" in card
    assert "not measured" in card


def test_a_saved_checkpoint_is_complete(tmp_path):
    first = Transferrer.from_pretrained("toon-head", device="cpu")
    for _ in range(2):  # the second takes the place of the first
        assert first.save_pretrained(tmp_path / "heads") == tmp_path / "heads"
    again = Transferrer.from_pretrained(tmp_path / "heads", device="cpu")
    assert again.checkpoint.hash == first.checkpoint.hash
    assert "shared" not in again.checkpoint.info
    x = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 3, 64, 64)).astype(np.float32))
    assert torch.equal(again.transfer(x), first.transfer(x))
    assert [path.name for path in tmp_path.iterdir()] == ["heads"]


def test_nothing_that_is_no_checkpoint_is_written_over(tmp_path):
    (tmp_path / "diary").mkdir()
    (tmp_path / "diary" / "today.txt").write_text("kept")
    with pytest.raises(UserError, match="is there and no checkpoint"):
        Transferrer.from_pretrained("lorelei", device="cpu").save_pretrained(tmp_path / "diary")
    assert [path.name for path in tmp_path.rglob("*")] == ["diary", "today.txt"]


def test_a_folder_takes_precedence_over_the_hub(tmp_path, monkeypatch):
    hub.write(checkpoint.find("lorelei"), tmp_path / "somebody" / "heads")
    monkeypatch.chdir(tmp_path)
    assert not hub.is_on_hub("somebody/heads")
    assert hub.find("somebody/heads") == Path("somebody/heads")
    for name in ("emoji", "/abs/olute", "../up", "a/b/c", "./here", "a/.b", ""):
        assert not hub.is_on_hub(name)
