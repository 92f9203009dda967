"""Run directories: numbered, locked, whole or not at all."""

import errno
import gc
import io
import json
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from tqdm import tqdm

from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.training.events import Finished, Noted, Started, Stepped, read
from dtn_core.training.runs import states
from dtn_core.training.runs.status import holder, is_alive
from dtn_core.training.runs.store import Run

TINY = PRESETS["faces-tiny"]


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path, "x", TINY)


@pytest.fixture(autouse=True)
def _own_output(monkeypatch):
    """Adopting an inherited lock replaces these streams."""
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)


def again(run):
    """Reopen a run as another process would."""
    run.release()
    return Run.reopen(run.path)


def events_of(run):
    return [stamped.event for stamped in read(run.path / "events.jsonl")[0]]


def test_runs_are_numbered_and_never_overwritten(tmp_path):
    paths = [Run.create(tmp_path, name, TINY).path.name for name in ("a", "b")]
    assert paths == ["00001-a", "00002-b"]
    (tmp_path / "00002-b").rename(tmp_path / "00007-b")
    assert Run.create(tmp_path, "c", TINY).path.name == "00008-c"
    assert json.loads((tmp_path / "00001-a" / "config.json").read_text())["kind"] == "faces"


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a\nb", "a" * 81])
def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="can't be called"):
        Run.create(tmp_path / "runs", name, TINY)
    assert not (tmp_path / "runs").exists()


def test_the_data_folder_is_stored_as_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run.create(tmp_path, "x", TINY, "data")
    assert run.data == str(tmp_path / "data")
    facts = json.loads((run.path / "run.json").read_text())
    assert facts == {"version": 1, "data": str(tmp_path / "data"), "preset": "x"}
    assert Run.create(tmp_path, "y", TINY).data is None


def test_a_run_older_than_run_json_can_be_reopened(run):
    (run.path / "run.json").unlink()
    assert again(run).data is None


def test_state_round_trip_keeps_types(run):
    assert run.load_state() is None
    tensor = torch.arange(6.0).view(2, 3)
    state = {"step": 3, "adam": {"state": {0: {"exp": tensor}}, "groups": [{"lr": 0.5, "betas": [0.5, 0.9]}]}}
    run.save_state(state)
    back = run.load_state()
    assert torch.equal(back["adam"]["state"][0]["exp"], tensor)
    assert back["adam"]["groups"] == state["adam"]["groups"]
    assert back["step"] == 3
    assert not list(run.path.glob("checkpoints/*.tmp"))


def cut(run, name, size):
    path = run.path / "checkpoints" / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize("size", [0, 3, 100, -50])
def test_a_state_cut_short_is_refused_in_one_line(run, size):
    run.save_state({"w": torch.ones(100)})
    cut(run, "last", size)
    with pytest.raises(UserError, match=r"last.safetensors: damaged .* Start a new run") as error:
        run.load_state()
    assert "\n" not in str(error.value)


def test_the_best_state_replaces_a_damaged_last_one(run, capsys):
    run.save_state({"step": 4, "w": torch.ones(100)}, "best")
    run.save_state({"step": 8, "w": torch.zeros(100)})
    assert run.load_state()["step"] == 8
    cut(run, "last", -50)
    assert run.load_state()["step"] == 4
    message = "last.safetensors is damaged; going on from best.safetensors"
    assert events_of(run) == [Noted(4, message)]
    assert message in capsys.readouterr().err
    cut(run, "best", -50)
    with pytest.raises(UserError, match="best.safetensors"):
        run.load_state()
    with pytest.raises(UserError, match="best.safetensors: damaged"):
        run.load_state("best")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), SafetensorError("No space left on device")]
)
def test_a_state_that_cannot_be_written_leaves_the_one_before(run, monkeypatch, error):
    run.save_state({"step": 1})

    def full(tensors, path, metadata):
        path.write_bytes(b"half of it")
        raise error

    monkeypatch.setattr(states, "save_file", full)
    with pytest.raises(UserError, match=r"last.safetensors: cannot be written \(No space left on device\)"):
        run.save_state({"step": 2})
    assert run.load_state() == {"step": 1}
    assert os.listdir(run.path / "checkpoints") == ["last.safetensors"]


def test_only_the_event_is_lost_on_a_full_disk(run, monkeypatch, capsys):
    run.write(Started(0, 8, "cpu"))
    before = (run.path / "events.jsonl").read_bytes()
    real = os.write
    opened = type(run.path).open

    class Full:
        """A file that takes three bytes more."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            return real(self.file.fileno(), data[:3])

    with monkeypatch.context() as patch:
        patch.setattr(type(run.path), "open", lambda *a, **k: Full(opened(*a, **k)))
        run.write(Stepped(1, {"d": 1.0}, 1.0))
    assert (run.path / "events.jsonl").read_bytes() == before
    output = capsys.readouterr().err
    assert "No space left on device" in output
    assert output.count("\n") == 1
    run.write(Finished(8, "done"))
    assert events_of(run) == [Started(0, 8, "cpu"), Finished(8, "done")]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder]).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_training_on_a_really_full_disk_keeps_the_old_state(small_disk, capsys):
    run = Run.create(small_disk / "runs", "x", TINY)
    run.write(Started(0, 8, "cpu"))
    run.save_state({"step": 1, "w": torch.ones(1000)})
    with pytest.raises(UserError, match="cannot be written") as error:
        run.save_state({"step": 2, "w": torch.ones(10**6)})
    assert "\n" not in str(error.value)
    assert run.load_state()["step"] == 1
    assert os.listdir(run.path / "checkpoints") == ["last.safetensors"]

    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"\0" * 4096)
    for step in range(100):  # what is left of the log's last block takes some of them
        run.write(Stepped(step, {"d": 1.0}, 1.0))
    assert "No space left" in capsys.readouterr().err
    assert (run.path / "events.jsonl").read_bytes().endswith(b"}\n")
    lost = 101 - len(events_of(run))
    assert lost > 0
    with pytest.raises(UserError, match="cannot be written"):
        Run.create(small_disk / "runs", "y", TINY)
    assert [path.name for path in (small_disk / "runs").iterdir()] == [run.path.name]

    (small_disk / "filler").unlink()
    run.write(Finished(8, "done"))
    assert events_of(run)[-1] == Finished(8, "done")
    assert len(events_of(run)) == 102 - lost


def test_only_one_process_can_hold_a_run(run):
    path = str(run.path)
    code = f"from pathlib import Path; from dtn_core.training.runs.store import Run; Run.reopen(Path({path!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert other.returncode != 0
    assert "being trained by process" in other.stderr
    assert holder(run.path)[0] == os.getpid()


def test_a_reader_does_not_block_a_trainer(run):
    """Readers lock for a moment; here one that takes long."""
    import fcntl
    import threading

    run.release()
    look = (run.path / "lock").open("rb")
    fcntl.flock(look, fcntl.LOCK_SH | fcntl.LOCK_NB)
    threading.Timer(0.2, look.close).start()
    Run.reopen(run.path)


def test_an_inherited_lock_is_adopted(run, monkeypatch):
    child = os.dup(run.lock.fileno())  # the same open file, as a child has it
    os.set_inheritable(child, True)
    (run.path / "control" / "stop").touch()
    run.release()
    assert is_alive(run.path)  # nobody could have come in between
    monkeypatch.setenv("DTN_RUN_LOCK", str(child))
    adopted = Run.reopen(run.path)
    assert adopted.lock.fileno() == child
    assert "DTN_RUN_LOCK" not in os.environ
    assert not os.get_inheritable(child)
    assert adopted.requests() == {"stop"}  # asked while the child was starting
    adopted.lock = None
    gc.collect()
    assert is_alive(run.path)  # till the process ends, whatever becomes of the run
    os.close(child)
    assert not is_alive(run.path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a file that is always full")
def test_a_process_survives_a_full_log(run, monkeypatch):
    full = io.TextIOWrapper(io.FileIO("/dev/full", "w"), "utf-8", write_through=True)  # as with PYTHONUNBUFFERED
    with pytest.raises(OSError):
        print("lost", file=full)
    monkeypatch.setattr(sys, "stdout", full)
    monkeypatch.setattr(sys, "stderr", full)
    monkeypatch.setenv("DTN_RUN_LOCK", str(os.dup(run.lock.fileno())))
    adopted = Run.reopen(run.path)
    for _ in tqdm(range(1000), mininterval=0):
        print("lost", flush=True)
    tqdm.write("lost")
    assert sys.stderr.encoding == "utf-8"
    adopted.release()
    with suppress(OSError):
        full.close()


def test_an_inherited_lock_can_be_released(run, monkeypatch):
    monkeypatch.setenv("DTN_RUN_LOCK", str(os.dup(run.lock.fileno())))
    adopted = Run.reopen(run.path)
    run.release()
    assert is_alive(run.path)
    adopted.release()
    adopted.release()
    assert not is_alive(run.path)


@pytest.mark.parametrize("text", ["", "x", "-1", "999999", "other"])
def test_a_descriptor_of_another_file_is_not_adopted(run, tmp_path, monkeypatch, text):
    with (tmp_path / "other").open("w") as other:
        text = text.replace("other", str(other.fileno()))
        monkeypatch.setenv("DTN_RUN_LOCK", text)
        reopened = again(run)
        assert is_alive(run.path)
        assert reopened.lock.fileno() != other.fileno()
        other.write("still open")
    assert os.environ["DTN_RUN_LOCK"] == text


def test_requests_are_files_and_cleared_on_reopening(run):
    assert run.requests() == set()
    control = run.path / "control"
    for name in ("stop", "sample", "save", "dance", ".save.1.tmp"):
        (control / name).touch()
    assert run.requests() == {"stop", "sample", "save"}
    assert "stop" in run.requests()
    run.clear_request("sample")
    run.clear_request("sample")
    assert run.requests() == {"stop", "save"}
    (control / "sample_every").write_text("50\n")
    run = again(run)
    assert run.requests() == set()
    assert "stop" not in run.requests()
    assert run.sample_every() == 50


@pytest.mark.parametrize(
    ("text", "steps"), [("7", 7), (" 100\n", 100), ("", None), ("0", None), ("-3", None), ("1e3", None), ("²", None)]
)
def test_invalid_sample_intervals_are_ignored(run, text, steps):
    assert run.sample_every() is None
    (run.path / "control" / "sample_every").write_text(text)
    assert run.sample_every() == steps


def test_reopening_removes_half_written_files(run):
    run.write(Started(0, 8, "cpu"))
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"time": 1.0, "event": "Stepp')
    (run.path / "checkpoints" / "last.tmp").write_bytes(b"half")
    for left in ("checkpoints/.last.part0.safetensors", "exports/.000004.part0", ".export.part0"):
        (run.path / left).mkdir()
        (run.path / left / "half").write_bytes(b"half")
    (run.path / "samples" / ".000004.part0.png").write_bytes(b"half")
    run = again(run)
    run.write(Finished(8, "done"))
    assert events_of(run) == [Started(0, 8, "cpu"), Finished(8, "done")]
    assert not any(list((run.path / part).iterdir()) for part in ("checkpoints", "exports", "samples"))
    assert not list(run.path.glob(".*"))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"warp": 9}),
        ("config.json", {"kind": "dreamer"}),
        ("config.json", {"batch": "many"}),
        ("run.json", {"version": 2}),
    ],
)
def test_a_run_of_another_version_is_refused_in_one_line(run, file, change):
    path = run.path / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match="made by another version of DTN Studio") as error:
        again(run)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300
    assert not is_alive(run.path)


def test_events_of_another_version_are_refused_but_not_damaged_ones(run):
    run.write(Started(0, 8, "cpu"))
    log = run.path / "events.jsonl"
    with log.open("a") as file:
        file.write('{"time": 1, "ev{"time": 2, "event": "Exploded"}\n\0\0\0\n')
    run = again(run)
    with log.open("a") as file:
        file.write('{"time": 2, "event": "Exploded"}\n')
    with pytest.raises(UserError, match="another version.*Exploded"):
        again(run)


def test_events_and_samples_land_in_the_run(run):
    run.write(Finished(1, "done"))
    assert events_of(run) == [Finished(1, "done")]
    name = run.save_sample(5, np.zeros((4, 4, 3), np.uint8))
    assert name == "samples/000005.png"
    assert (run.path / name).exists()


@pytest.mark.parametrize(("best", "left"), [(0, [8, 10]), (4, [4, 8, 10]), (10, [8, 10])])
def test_pruning_keeps_the_newest_and_the_best_checkpoints(run, best, left):
    for step in (2, 4, 8, 10):
        (run.path / "exports" / f"{step:06d}").mkdir()
    (run.path / "exports" / ".000010-x").mkdir()  # one that is being written
    run.prune_exports(2, best)
    assert sorted(os.listdir(run.path / "exports")) == [".000010-x", *(f"{step:06d}" for step in left)]


def test_invalid_and_unwritable_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="not a run directory"):
        Run.reopen(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        Run.create(tmp_path / "file", "x", TINY)
