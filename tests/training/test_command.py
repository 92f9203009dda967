"""``train`` and ``join`` on the command line, and training where only torch is."""

import subprocess
import sys

import pytest
import torch

from dtn_core.cli import main
from dtn_core.config import PRESETS
from dtn_core.networks import checkpoint
from dtn_core.networks.resnet import AttributeEncoder
from dtn_core.networks.upscaler import Upscaler
from dtn_core.pipeline import model
from dtn_core.training.feature_cache import build_cache
from dtn_core.training.feature_file import FeatureCache, identity, make_encoder


@pytest.fixture
def encoder(tmp_path):
    f = AttributeEncoder(8, 16)
    return checkpoint.save(tmp_path / "f", {"kind": "encoder", "encoder": f.config}, {"encoder": f.state_dict()})


@pytest.fixture
def cache(encoder, tmp_path):
    random = torch.Generator().manual_seed(0)
    made = FeatureCache(
        f_s=torch.randn(12, 1, 64, generator=random),
        t=torch.randint(0, 256, (12, 4, 64, 64), dtype=torch.uint8, generator=random),
        f_t=torch.randn(12, 64, generator=random),
        f_val=torch.randn(12, 64, generator=random),
        val=torch.zeros(12, 64, 64, 3, dtype=torch.uint8),
        t_val=torch.randint(0, 256, (4, 4, 64, 64), dtype=torch.uint8, generator=random),
        f_t_val=torch.randn(4, 64, generator=random),
        made_by=identity(make_encoder(str(encoder))),
    )
    made.write(tmp_path / "cache.safetensors")
    return tmp_path / "cache.safetensors"


BLOCK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dlib", "dicebear", "resvg_py", "facenet_pytorch", "gradio", "skimage"):
            raise ImportError(name + " is not on this machine")
sys.meta_path.insert(0, Blocker())
from dtn_core.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_g_trains_from_a_feature_cache_on_a_machine_with_only_torch(encoder, cache, tmp_path):
    """As on a GPU machine without dlib, DiceBear, facenet-pytorch and gradio."""
    command = ["train", "faces-tiny", "--feature-cache", str(cache), "--set", f"encoder={encoder}", "--set", "steps=2"]
    done = subprocess.run(
        [sys.executable, "-c", BLOCK, *command, "--runs", str(tmp_path / "runs")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "00001-faces-tiny: done" in done.stderr.splitlines()[-1]
    made = model.load(tmp_path / "runs" / "00001-faces-tiny" / "export")
    assert made.info["trained"]["steps"] == 2


def test_a_feature_cache_of_another_f_is_refused_before_there_is_a_run(encoder, cache, tmp_path, capsys):
    f = AttributeEncoder(8, 16)
    other = checkpoint.save(tmp_path / "other", {"kind": "encoder", "encoder": f.config}, {"encoder": f.state_dict()})
    runs = tmp_path / "runs"
    assert (
        main(["train", "faces-tiny", "--feature-cache", str(cache), "--set", f"encoder={other}", "--runs", str(runs)])
        == 2
    )
    output = capsys.readouterr().err
    assert "made with another f" in output
    assert output.count("\n") == 1
    assert not runs.exists()


def test_a_run_that_is_resumed_keeps_its_settings(encoder, cache, tmp_path, capsys):
    runs = ["--runs", str(tmp_path / "runs"), "--feature-cache", str(cache)]
    assert main(["train", "faces-tiny", "--set", f"encoder={encoder}", "--set", "steps=2", *runs]) == 0
    run = tmp_path / "runs" / "00001-faces-tiny"
    assert main(["train", "--resume", str(run), *runs]) == 0
    assert main(["train", "--resume", str(run), "--set", "steps=9", *runs]) == 2
    assert "can't change a run that is resumed" in capsys.readouterr().err


def test_an_upscaler_joins_a_translation(make_checkpoint, tmp_path):
    translation = make_checkpoint(tmp_path / "g", upscaler=False)
    sr = Upscaler(4, 8, 2)
    info = {"kind": "upscaler", "upscaler": sr.config, "trained": {"steps": 1}}
    large = checkpoint.save(tmp_path / "sr", info, {"upscaler": sr.state_dict()})
    assert main(["join", str(translation), str(large), "-o", str(tmp_path / "both")]) == 0
    both, before = model.load(tmp_path / "both"), model.load(translation)
    assert both.upscaler is not None
    assert both.hash != before.hash
    z = torch.randn(2, before.f.dim)
    assert torch.equal(both.g(z), before.g(z))
    assert main(["join", str(large), str(translation), "-o", str(tmp_path / "wrong")]) == 2
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (["train"], "give a preset"),
        (["train", "faces-tiny", "--resume", "x"], "give a preset"),
        (["train", "nosuch"], "unknown preset"),
        (["train", "nosuch.json"], "no configuration can be read"),
        (["train", "faces-tiny", "--set", "alpha=x"], "alpha='x': should be a valid number"),
        (["train", "faces-tiny", "--set", "encoder=nosuch"], "no data folder"),
        (["train", "faces-tiny", "--data", "/nowhere"], "no such folder"),
        (["train", "faces-tiny", "--feature-cache", "/nope"], "/nope: no such feature cache"),
        (["train", "faces-tiny", "--feature-cache", "."], ".: no such feature cache"),
        (["train", "--resume", "/nowhere"], "not a run directory"),
        (["join", "nosuch", "nosuch", "-o", "x"], "not found"),
    ],
)
def test_bad_requests_are_reported_in_one_line_and_exit_code_two(arguments, result, capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("DTN_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    output = capsys.readouterr().err
    assert result in output
    assert output.count("\n") == 1
    assert not list(tmp_path.rglob("config.json"))


def test_a_configuration_file_is_a_custom_preset(encoder, cache, tmp_path):
    import json

    from dtn_core.config import to_dict

    path = tmp_path / "mine.json"
    path.write_text(json.dumps(to_dict(PRESETS["faces-tiny"]) | {"steps": 1, "encoder": str(encoder)}))
    assert main(["train", str(path), "--feature-cache", str(cache), "--runs", str(tmp_path / "runs")]) == 0
    assert (tmp_path / "runs" / "00001-mine" / "export" / "generator.safetensors").exists()


def test_a_feature_cache_is_written_read_and_trained_from(tmp_path, capsys, monkeypatch):
    """Of digits, which need no data folder: targets come back as they were, and no data is asked for again."""
    monkeypatch.delenv("DTN_DATA", raising=False)
    file = tmp_path / "digits.cache"
    assert main(["train", "digits-tiny", "--write-feature-cache", str(file)]) == 0
    assert "MB" in capsys.readouterr().err
    config = PRESETS["digits-tiny"]
    made = build_cache(config, make_encoder(config.encoder), None, "cpu")
    read = FeatureCache.read(file)
    assert torch.equal(read.t, made.t)
    assert torch.equal(read.t_val, made.t_val)
    assert torch.allclose(read.f_s, made.f_s, atol=0.02)
    assert read.source == made.source
    assert main(["train", "digits-tiny", "--feature-cache", str(file), "--runs", str(tmp_path / "runs")]) == 0
    assert main(["train", "judge-tiny", "--write-feature-cache", str(file)]) == 2
    assert "goes with a translation" in capsys.readouterr().err
