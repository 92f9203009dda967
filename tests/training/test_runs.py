"""Run directories: numbered, locked, whole or not at all."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from dtn_core.config import PRESETS
from dtn_core.events import Finished, read
from dtn_core.training.runs import Run

TINY = PRESETS["faces-tiny"]


def test_runs_are_numbered_and_never_overwritten(tmp_path):
    paths = [Run.create(tmp_path, name, TINY).path.name for name in ("a", "b")]
    assert paths == ["00001-a", "00002-b"]
    (tmp_path / "00002-b").rename(tmp_path / "00007-b")
    assert Run.create(tmp_path, "c", TINY).path.name == "00008-c"
    assert json.loads((tmp_path / "00001-a" / "config.json").read_text())["kind"] == "transfer"


def test_state_comes_back_with_its_types(tmp_path):
    run = Run.create(tmp_path, "x", TINY)
    assert run.load_state() is None
    tensor = torch.arange(6.0).view(2, 3)
    state = {"step": 3, "adam": {"state": {0: {"exp": tensor}}, "groups": [{"lr": 0.5, "betas": [0.5, 0.9]}]}}
    run.save_state(state)
    back = run.load_state()
    assert torch.equal(back["adam"]["state"][0]["exp"], tensor)
    assert back["adam"]["groups"] == state["adam"]["groups"]
    assert back["step"] == 3
    assert not list(run.path.glob("checkpoints/*.tmp"))


def test_a_state_cut_short_is_refused_in_one_line(tmp_path):
    run = Run.create(tmp_path, "x", TINY)
    run.save_state({"w": torch.ones(100)})
    path = run.path / "checkpoints" / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match="damaged") as error:
        run.load_state()
    assert "\n" not in str(error.value)


def test_only_one_process_can_hold_a_run(tmp_path):
    run = Run.create(tmp_path, "x", TINY)
    code = f"from pathlib import Path; from dtn_core.training.runs import Run; Run.reopen(Path({str(run.path)!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert other.returncode != 0
    assert "being trained by another process" in other.stderr


def test_stop_is_a_file_and_reopening_takes_it_away(tmp_path):
    run = Run.create(tmp_path, "x", TINY)
    assert not run.asked_to_stop()
    (run.path / "control" / "stop").touch()
    assert run.asked_to_stop()
    path = run.path
    del run
    assert not Run.reopen(path).asked_to_stop()


def test_events_and_samples_land_in_the_run(tmp_path):
    run = Run.create(tmp_path, "x", TINY)
    run.tell(Finished(1, "done"))
    assert [s.event for s in read(run.path / "events.jsonl")[0]] == [Finished(1, "done")]
    name = run.save_sample(5, np.zeros((4, 4, 3), np.uint8))
    assert name == "samples/000005.png"
    assert (run.path / name).exists()


def test_what_is_no_run_and_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(ValueError, match="not a run directory"):
        Run.reopen(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot be written"):
        Run.create(tmp_path / "file", "x", TINY)
