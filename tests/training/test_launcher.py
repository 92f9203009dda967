"""Trainings as processes of their own, with real ones: most only sleep, the last really trains."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dtn_core import config as configs
from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.training.events import Finished, Stamped, Started, encode
from dtn_core.training.runs import launcher
from dtn_core.training.runs.listing import resume_command
from dtn_core.training.runs.status import holder, is_alive, log_tail, read_status, runs_in
from dtn_core.training.runs.store import Run

TINY = replace(PRESETS["faces-tiny"], device="cpu")
SLEEP = "import time; print('a last word', flush=True); time.sleep(100)"
STARTED = encode(Stamped(Started(0, 8, "cpu"), 9e9)) + "\n"


def until(condition, seconds=60.0):
    patience = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < patience, "waited in vain"
        time.sleep(0.02)


def shell(code):
    """A trainer that runs this code instead; "dtn_core" is in its command line as in a real one's."""
    return lambda path: [sys.executable, "-c", code, "dtn_core", str(path)]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder of runs whose trainers sleep. Those that are left are ended."""
    monkeypatch.setattr(launcher, "_trainer", shell(SLEEP))
    folder = tmp_path / "runs"
    yield folder
    for path in runs_in(folder):
        if is_alive(path) and holder(path)[0] not in (None, os.getpid()):
            os.kill(holder(path)[0], signal.SIGKILL)


@pytest.fixture
def path(runs):
    path = launcher.start(TINY, "x", runs)
    until(lambda: log_tail(path).endswith("\na last word"))
    return path


def test_the_lock_of_a_run_is_held_while_its_process_lives(path):
    assert is_alive(path)
    pid = holder(path)[0]
    assert pid not in (None, os.getpid())
    assert os.getsid(pid) == pid  # Ctrl-C at the app is none of its business
    found = read_status(path)
    assert (found.status, found.step, found.steps, found.config) == ("starting", 0, 8, TINY)
    with (path / "events.jsonl").open("a") as file:
        file.write(STARTED)
    assert read_status(path, found).status == "running"
    launcher.request(path, "stop")
    assert read_status(path, found).status == "stopping"
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(path))
    found = read_status(path, found)
    assert (found.status, found.reason) == ("died", "a last word")
    until(lambda: not Path(f"/proc/{pid}").exists())  # reaped


def test_the_child_gets_arguments_environment_and_empty_standard_input(runs, monkeypatch, tmp_path):
    code = "import os, sys; import dtn_core.training.events; print(sys.argv[1:], repr(sys.stdin.read()), os.getcwd())"
    monkeypatch.setattr(launcher, "_trainer", shell(code))
    monkeypatch.chdir(tmp_path)  # where dtn_core isn't
    path = launcher.start(TINY, "x", Path("runs"), "data")
    assert path == tmp_path / "runs" / "00001-x"
    until(lambda: not is_alive(path))
    head, output = (path / "log.txt").read_text().splitlines()
    assert head.startswith("--- 2")
    assert head.endswith(f"dtn_core {path}")
    assert output == f"['dtn_core', '{path}'] '' {tmp_path}"
    assert Run.data_of(path) == str(tmp_path / "data")
    assert read_status(path).reason == output


def test_what_is_started_is_the_command_line(tmp_path):
    run = tmp_path / "00001-x"
    assert launcher._trainer(run) == [sys.executable, "-m", "dtn_core", "train", "--resume", str(run)]


def test_a_child_inherits_the_lock_and_early_requests(runs, monkeypatch):
    code = """
import os, sys, time
from pathlib import Path
from dtn_core.training.events import Finished, Noted, Started
from dtn_core.training.runs.listing import resume_command
from dtn_core.training.runs.store import Run
run = Run.reopen(Path(sys.argv[-1]))
run.write(Started(0, 8, "cpu"))
run.write(Noted(0, f"{sorted(run.requests())} {os.environ.get('DTN_RUN_LOCK')}"))
while "stop" not in run.requests():
    time.sleep(0.01)
run.write(Finished(1, "stopped"))
"""
    monkeypatch.setattr(launcher, "_trainer", shell(code))
    path = launcher.start(TINY, "x", runs)
    seen = set()
    launcher.request(path, "save")
    while not (found := read_status(path)).messages:
        seen.add(found.status)
        time.sleep(0.01)
    assert seen <= {"starting", "running"}
    assert found.messages == ((0, "['save'] None"),)
    with pytest.raises(UserError, match="being trained by process"):
        Run.reopen(path)
    launcher.request(path, "stop")
    until(lambda: not is_alive(path))
    assert read_status(path).status == "stopped"
    with Path(os.devnull).open() as nothing:  # whatever happens to have the number that the lock had
        monkeypatch.setenv("DTN_RUN_LOCK", str(nothing.fileno()))
        Run.reopen(path)


def test_a_run_is_resumed_in_its_folder(path, runs):
    with pytest.raises(UserError, match="being trained by process"):
        launcher.resume(path)
    with (path / "events.jsonl").open("a") as file:
        file.write(encode(Stamped(Started(0, 8, "cpu"), 1.0)) + "\n" + '{"half')
    launcher.set_sample_every(path, 3)
    launcher.request(path, "sample")
    launcher.force_stop(path)
    launcher.resume(path)
    assert read_status(path).status == "starting"
    assert os.listdir(path / "control") == ["sample_every"]
    assert (path / "events.jsonl").read_bytes().endswith(b"}\n")
    assert (path / "log.txt").read_text().count("--- ") == 2
    assert runs_in(runs) == [path]


def test_a_run_of_another_version_is_not_resumed(path):
    launcher.force_stop(path)
    (path / "config.json").write_text('{"kind": "transfer", "warp": 9}')
    with pytest.raises(UserError, match="another version"):
        launcher.resume(path)
    assert not is_alive(path)


@pytest.mark.parametrize("how", ["resume", "start"])
def test_one_device_trains_one_run_by_default(path, runs, how):
    other = Run.create(runs, "other", TINY)
    other.release()

    def go(**options):
        return launcher.start(TINY, "y", runs, **options) if how == "start" else launcher.resume(other.path, **options)

    with pytest.raises(UserError, match="00001-x is being trained on cpu now"):
        go()
    assert [p.name for p in runs_in(runs)] == ["00002-other", "00001-x"]
    assert not is_alive(other.path)
    made = go(share_device=True) or other.path
    assert is_alive(made)
    assert holder(made)[0] != holder(path)[0]


def test_two_gpus_are_two_devices_and_the_first_has_two_names(runs, monkeypatch):
    monkeypatch.setattr(launcher, "pick_device", lambda name: "cuda" if name == "auto" else name)
    launcher.start(replace(TINY, device="auto"), "x", runs)
    launcher.start(replace(TINY, device="cuda:1"), "x", runs)
    launcher.start(replace(TINY, device="cpu"), "x", runs)
    for device, name in (("cuda:0", "00001-x"), ("cuda:1", "00002-x"), ("auto", "00001-x"), ("cpu", "00003-x")):
        with pytest.raises(UserError, match=f"{name} is being trained on"):
            launcher.start(replace(TINY, device=device), "x", runs)
    (runs / "00001-x" / "config.json").write_text("{")  # its device is unknown
    launcher.start(replace(TINY, device="cuda"), "x", runs)


def test_a_missing_device_creates_no_run(runs):
    with pytest.raises(UserError, match="device"):
        launcher.start(replace(TINY, device="cuda:9"), "x", runs)
    assert runs_in(runs) == []


def test_of_many_starts_at_once_one_wins(runs, monkeypatch):
    result, check = [], launcher._check_device

    def slowly(*about):
        check(*about)
        time.sleep(0.1)  # enough for the others to find the device free, too

    monkeypatch.setattr(launcher, "_check_device", slowly)

    def go():
        try:
            result.append(launcher.start(TINY, "x", runs).name)
        except UserError as error:
            result.append("refused" if "is being trained" in str(error) else error)

    threads = [threading.Thread(target=go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result) == ["00001-x"] + ["refused"] * 5


def test_what_cannot_be_started_leaves_nothing(runs, monkeypatch):
    monkeypatch.setattr(launcher, "_trainer", lambda path: ["/nowhere/python"])
    with pytest.raises(UserError, match="can't be started .*No such file"):
        launcher.start(TINY, "x", runs)
    assert runs_in(runs) == []
    run = Run.create(runs, "x", TINY)
    run.write(Started(0, 8, "cpu"))
    run.write(Finished(1, "stopped"))
    run.release()
    with pytest.raises(UserError, match="can't be started"):
        launcher.resume(run.path)
    assert read_status(run.path).status == "stopped"


def test_only_live_runs_take_requests(path):
    for what in ("stop", "sample", "save"):
        launcher.request(path, what)
    launcher.set_sample_every(path, 7)
    assert {p.name: p.read_text() for p in (path / "control").iterdir()} == {
        "stop": "", "sample": "", "save": "", "sample_every": "7\n"
    }  # fmt: skip
    with pytest.raises(UserError, match="not 'dance'"):
        launcher.request(path, "dance")
    with pytest.raises(UserError, match="at least 1"):
        launcher.set_sample_every(path, 0)
    launcher.force_stop(path)
    for act in (
        lambda: launcher.request(path, "stop"),
        lambda: launcher.set_sample_every(path, 7),
        lambda: launcher.force_stop(path),
    ):
        with pytest.raises(UserError, match="isn't running"):
            act()


def test_force_ends_a_training_with_what_it_started(runs, monkeypatch):
    code = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)']);"
        "print(p.pid, flush=True); time.sleep(100)"
    )
    monkeypatch.setattr(launcher, "_trainer", shell(code))
    path = launcher.start(TINY, "x", runs)
    until(lambda: log_tail(path).splitlines()[-1].isdigit())
    worker = int(log_tail(path).splitlines()[-1])
    launcher.force_stop(path)
    assert not is_alive(path)
    until(lambda: not _runs(worker))
    found = read_status(path)
    assert (found.status, found.reason) == ("died", "Stopped by force.")


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_process_messages_are_separate_lines(runs, monkeypatch):
    code = "import time; print(' 5%|#  | 1/8', end='', flush=True); time.sleep(100)"
    monkeypatch.setattr(launcher, "_trainer", shell(code))
    path = launcher.start(TINY, "x", runs)
    until(lambda: log_tail(path).endswith("1/8"))
    launcher.force_stop(path)
    launcher.resume(path)
    until(lambda: log_tail(path).count("1/8") == 4)  # twice in the commands
    bars, heads = log_tail(path).splitlines()[1::3], log_tail(path).splitlines()[::3]
    assert bars == [" 5%|#  | 1/8"] * 2
    assert [head[:4] for head in heads] == ["--- "] * 2


def test_force_does_not_take_no_for_an_answer(runs, monkeypatch):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
    monkeypatch.setattr(launcher, "_trainer", shell(code + "time.sleep(100)"))
    path = launcher.start(TINY, "x", runs)
    until(lambda: log_tail(path).endswith("\ndeaf"))
    launcher.force_stop(path, wait=0.3)
    assert not is_alive(path)


def test_force_stop_refuses_other_processes(runs):
    run = Run.create(runs, "mine", TINY)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)", "dtn_core"])
    try:
        for pid in (os.getpid(), bystander.pid, os.getppid()):
            run.lock.sign(pid, 0.0, 0)
            with pytest.raises(UserError, match="isn't certain"):
                launcher.force_stop(run.path)
        (run.path / "lock").write_text("")
        with pytest.raises(UserError, match="isn't certain"):
            launcher.force_stop(run.path)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_only_runs_that_rest_are_deleted(path, tmp_path, make_checkpoint):
    with pytest.raises(UserError, match="is running"):
        launcher.delete(path)
    launcher.force_stop(path)
    link = path.with_name("00009-link")
    link.symlink_to(path)
    checkpoint = make_checkpoint(tmp_path / "checkpoint")
    for other in (link, checkpoint, tmp_path, path / "control", tmp_path / "nowhere"):
        with pytest.raises(UserError, match="not a run directory"):
            launcher.delete(other)
    assert (checkpoint / "config.json").exists()
    assert (path / "config.json").exists()
    launcher.delete(path)
    assert not path.exists()
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "00009-link"]


def test_a_run_that_is_being_read_can_be_deleted(path):
    import fcntl

    launcher.force_stop(path)
    look = (path / "lock").open("rb")
    fcntl.flock(look, fcntl.LOCK_SH | fcntl.LOCK_NB)
    threading.Timer(0.2, look.close).start()
    launcher.delete(path)
    assert not path.exists()


def test_notes_are_replaced_whole_and_have_an_end(path, tmp_path):
    launcher.write_notes(path, "Zuerst α=8\n")
    launcher.write_notes(path, "Dann α=2\n")
    assert read_status(path).notes == "Dann α=2\n"
    launcher.write_notes(path, "x" * 20_000)
    with pytest.raises(UserError, match="20000 at most"):
        launcher.write_notes(path, "x" * 20_001)
    with pytest.raises(UserError, match="not a run directory"):
        launcher.write_notes(tmp_path, "x")
    assert read_status(path).notes == "x" * 20_000
    assert not [p for p in path.iterdir() if p.suffix == ".tmp"]


# --- commands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("faces-cpu", {}),
        ("faces", {"alpha": 1e-5, "alpha_end": 2.0, "seed": 3, "compile": True, "device": "cuda:1"}),
        ("folders-cpu", {"s": "my photos/a 'b'.zip", "t": "$HOME/ü", "heads": True, "size": 128, "keep": "last"}),
        ("faces-cpu", {"alpha_end": None}),
        ("digits", {"beta": 0.0, "binary": True, "precision": "fp32", "limit": 10}),
        ("digits-f-adapted", {"start": None, "absent": 3}),
        ("upscaler", {"depth": 7}),
    ],
)
def test_the_command_makes_the_same_settings(preset, changes):
    config = replace(PRESETS[preset], **changes)
    line = launcher.train_command(config, preset, Path("my runs"), "/data dir")
    python, m, package, train, name, *rest = shlex.split(line)
    assert (python, m, package, train, name) == ("python", "-m", "dtn_core", "train", preset)
    assert rest[-4:] == ["--data", "/data dir", "--runs", "my runs"]
    assert rest[:-4:2] == ["--set"] * len(changes)
    assert {setting.partition("=")[0] for setting in rest[1:-4:2]} == set(changes)
    assert configs.parse_set(PRESETS[preset], rest[1:-4:2]) == config


def test_the_command_of_a_run_starts_from_the_nearest_preset():
    config = replace(PRESETS["digits-cpu"], steps=123)
    for name in ("mine", "upscaler"):
        line = launcher.train_command(config, name, Path("runs"), None)
        assert line == "python -m dtn_core train digits-cpu --set steps=123 --runs runs"


def test_the_resume_command():
    assert resume_command(Path("my runs/x")) == "python -m dtn_core train --resume 'my runs/x'"


# --- a real one ---------------------------------------------------------------------------------------------


def test_a_training_really_runs_and_stops(tmp_path):
    config = replace(PRESETS["upscaler-tiny"], steps=10**6, device="cpu", sample_every=10**6, save_every=10**6)
    path = launcher.start(config, "upscaler-tiny", tmp_path)
    seen = [read_status(path)]

    def look(enough):
        seen.append(read_status(path, seen[-1]))
        return enough(seen[-1]) or not is_alive(path)

    until(lambda: look(lambda found: found.step > 4), 240)
    assert seen[-1].status == "running", log_tail(path)
    launcher.request(path, "sample")
    until(lambda: look(lambda found: found.samples))
    launcher.request(path, "stop")
    until(lambda: look(lambda found: found.status == "stopped"))
    last = read_status(path, seen[-1])
    assert last == read_status(path)
    assert last.status == "stopped", log_tail(path)
    assert all(png.exists() for _, png in last.samples)
    assert last.exports == ((last.step, path / "export"),)
    statuses = [found.status for found in (*seen, last)]
    assert sorted(statuses, key=["starting", "running", "stopping", "stopped"].index) == statuses
    assert {"running", "stopped"} <= {*statuses}  # the others may be over before anybody looks
    launcher.delete(path)
