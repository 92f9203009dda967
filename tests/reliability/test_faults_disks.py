"""Disks that are full, or can't be written: one clear line with the remedy, and what was there before stays."""

from __future__ import annotations

import os
import re

import pytest
import torch
from made_runs import make_run
from made_videos import moved, video

from dtn_core import cli
from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.networks import checkpoint
from dtn_core.training.runs import launcher
from dtn_core.training.runs.status import read_status
from dtn_core.ui.tabs.train.service import TrainService

from .faults import disks, processes, training

pytestmark = pytest.mark.reliability

COMMANDS = {
    "picture": "emojify {portrait} -o {disk}/out.png --device cpu",
    "vector": "emojify {portrait} -o {disk}/out.svg --device cpu",
    "folder": "emojify {portrait} -o {disk}/out/ --device cpu",
    "video": "emojify {clip} -o {disk}/out.mp4 --device cpu",
    "parameters": "emojify {portrait} -o {home}/out.png --parameters {disk}/out.json --device cpu",
    "digits": "digits {portrait} -o {disk}/out.png --device cpu",
    "gallery": "gallery -n 1 -o {disk}/out --device cpu",
    "feature cache": "train digits-tiny --set limit=16 --write-feature-cache {disk}/out.safetensors",
    "training": "train digits-f-tiny --set limit=16 --runs {disk}/out",
}


@pytest.fixture
def home(tmp_path, hopper, hopper_path, monkeypatch):
    """A folder with a portrait and a clip; no data."""
    (tmp_path / "clip.mp4").write_bytes(video(moved(hopper, 3)))
    (tmp_path / "portrait.jpg").write_bytes(hopper_path.read_bytes())
    monkeypatch.delenv("DTN_DATA", raising=False)
    return tmp_path


@pytest.fixture
def disk(tmp_path):
    with disks.small(tmp_path / "disk") as made:
        yield made


@pytest.mark.parametrize("state", ["full", "read-only"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_on_a_full_disk_keeps_the_previous_file(name, state, home, disk, capfd):
    line = COMMANDS[name].format(portrait=home / "portrait.jpg", clip=home / "clip.mp4", home=home, disk=disk.folder)
    for suffix in (".png", ".svg", ".mp4", ".json", ".safetensors"):
        (disk.folder / f"out{suffix}").write_bytes(b"before")
    disk.fill()
    if state == "read-only":
        disk.read_only()
    before = sorted(disk.folder.rglob("*"))
    assert cli.main(line.split()) == 2
    output = [text for text in re.split("[\n\r]", capfd.readouterr().err) if text.startswith("error:")]
    assert len(output) == 1
    assert ("Free" if state == "full" else "hoose another") in output[0], output
    assert all((disk.folder / f"out{suffix}").read_bytes() == b"before" for suffix in (".png", ".mp4", ".safetensors"))
    assert [path for path in sorted(disk.folder.rglob("*")) if path not in before and path.is_file()] == []


def test_training_on_a_full_disk_warns_and_recovers(home, disk):
    trainers = training.Forked()
    unbroken = training.new_run(home / "runs", steps=10)
    training.finish(unbroken, trainers)
    with disks.small(home / "large", "64m") as large:
        path = training.new_run(large.folder / "runs", steps=10)
        large.fill(but=2 << 20)
        trainers.start(path)
        assert processes.until(lambda: not trainers.alive(path))
        run = read_status(path)
        assert run.status in ("failed", "died")
        assert run.status == "died" or "Free some space and resume." in run.reason
        training.check_states(path)
        large.free()
        training.finish(path, trainers)
        training.check_same(path, unbroken)


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_an_unwritable_folder_is_reported_in_the_tab(home, disk, state, monkeypatch):
    path = make_run(disk.folder, "00001-a", exports=(100,), notes="before")
    (path / "run.json").write_text("{}")
    service = TrainService(disk.folder, "all")
    disk.fill()
    if state == "read-only":
        disk.read_only()
    (run,) = service.list()
    assert run.notes == "before"
    for act in (
        lambda: service.note(path.name, "after" * 2000),
        lambda: launcher.start(PRESETS["digits-f-tiny"], "x", disk.folder),
        lambda: service.zip_export(path.name, "step 100, best", disk.folder / "zips"),
        lambda: checkpoint.save(disk.folder / "out", {"kind": "x"}, {"statistics": {"x": torch.ones(3000)}}),
    ):
        with pytest.raises(UserError, match=r"cannot be (written|kept)") as error:
            act()
        assert "\n" not in str(error.value)
    assert service.list()[0].notes == "before"
    assert [run.name for run in service.list()] == [path.name]
    assert os.listdir(disk.folder / path.name / "control") == []
