"""Windows has no fcntl, resource, fork or process groups: the app starts there, serves, and trains all the same."""

import ast
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from serving import ROOT, serve
from without_posix.posix_names import MODULES, OS, SIGNALS

SEPARATE = {"dtn_core/core/locks.py", "dtn_core/core/processes.py"}
"""The files that tell systems apart."""

LACKING = {"os": {*OS}, "signal": {*SIGNALS, "SIGKILL"}}
"""Windows has no SIGKILL, but `subprocess` uses it where the simulation runs."""

SIMULATED = os.pathsep.join([str(ROOT / "tests" / "without_posix"), str(ROOT)])
ENVIRONMENT = {**os.environ, "PYTHONPATH": SIMULATED}

IMPORT_ALL = """
import importlib, pkgutil
import app, dtn_core.ui.app
for module in pkgutil.walk_packages(dtn_core.__path__, "dtn_core."):
    if not module.name.endswith("__main__"):  # which runs the command line
        importlib.import_module(module.name)
"""

HOLD_A_RUN = """
import sys, time
from pathlib import Path
from dtn_core.config import PRESETS
from dtn_core.training.runs.store import Run
run = Run.create(Path(sys.argv[1]), "x", PRESETS["faces-tiny"])
print(run.path, flush=True)
time.sleep(600)
"""

ASK_ABOUT_A_RUN = """
import sys
from pathlib import Path
from dtn_core.core.errors import UserError
from dtn_core.training.runs.store import Run
from dtn_core.training.runs.status import holder, is_alive
path = Path(sys.argv[1])
print(is_alive(path), *holder(path))
try:
    Run.reopen(path)
except UserError as error:
    print(error)
"""

HOLD_A_FOLDER_AND_A_FILE = """
import sys, time
from pathlib import Path
from dtn_core.core.files import atomic_write, temporary_directory
with temporary_directory(Path(sys.argv[1], "folder")) as folder, atomic_write(Path(sys.argv[1], "file.txt")) as file:
    (folder / "part").write_text("half")
    file.write_text("half")
    print(folder, file, sep="\\n", flush=True)
    time.sleep(600)
"""

WRITE_A_FOLDER_AND_A_FILE = """
import sys
from pathlib import Path
from dtn_core.core.files import atomic_write, temporary_directory
with temporary_directory(Path(sys.argv[1], "folder")) as folder, atomic_write(Path(sys.argv[1], "file.txt")) as file:
    print(folder, file, sep="\\n")
    assert not list(folder.iterdir())
    file.write_text("whole")
"""

TRAIN = """
import sys, time
from dataclasses import replace
from pathlib import Path
from dtn_core.config import PRESETS
from dtn_core.training.runs import launcher
from dtn_core.training.runs.status import holder, is_alive, log_tail, read_status, runs_in

def wait_for(condition):
    while not condition():
        time.sleep(0.05)

endless = {"steps": 10**6, "sample_every": 10**6, "save_every": 10**6}
path = launcher.start(replace(PRESETS["upscaler-tiny"], device="cpu", **endless), "x", Path(sys.argv[1]))
assert is_alive(path), log_tail(path)
wait_for(lambda: read_status(path).step or not is_alive(path))
launcher.request(path, "stop")
wait_for(lambda: not is_alive(path))
assert read_status(path).status == "stopped", log_tail(path)
launcher.resume(path)
assert is_alive(path), log_tail(path)
launcher.force_stop(path)
assert read_status(path).reason == "Stopped by force."
launcher.delete(path)
assert not runs_in(path.parent)
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@contextmanager
def running(code, *arguments):
    """A process that goes on; it is killed at the end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def posix_names(path):
    """POSIX-only modules and names that a file uses."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & {*MODULES}
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from {node.module} & {*MODULES}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from {node.attr} & LACKING.get(node.value.id, set())


def test_the_simulation_is_on():
    with pytest.raises(AssertionError, match="No module named 'fcntl'"):
        run("import fcntl")


def test_every_module_can_be_imported():
    run(IMPORT_ALL)


def test_only_two_files_use_what_windows_lacks():
    files = [ROOT / "app.py", *(ROOT / "dtn_core").rglob("*.py")]
    found = {str(path.relative_to(ROOT)): sorted(posix_names(path)) for path in files}
    assert {path for path, names in found.items() if names} == SEPARATE


def test_another_process_sees_who_holds_a_run_until_it_is_killed(tmp_path):
    before = time.time()
    with running(HOLD_A_RUN, tmp_path) as process:
        path = process.stdout.readline().strip()
        held, refused = run(ASK_ABOUT_A_RUN, path)
        alive, pid, since = held.split()
        assert (alive, int(pid)) == ("True", process.pid)
        assert float(since) >= before - 1
        assert f"is being trained by process {process.pid}" in refused
    assert run(ASK_ABOUT_A_RUN, path) == [f"False {pid} {since}"]


def test_temporary_names_are_used_by_one_process_and_again_after_a_kill(tmp_path):
    with running(HOLD_A_FOLDER_AND_A_FILE, tmp_path) as process:
        names = [process.stdout.readline().strip() for _ in range(2)]
        others = run(WRITE_A_FOLDER_AND_A_FILE, tmp_path)
        assert not {*names} & {*others}
    assert {Path(name).name for name in names} <= {path.name for path in tmp_path.iterdir()}
    assert run(WRITE_A_FOLDER_AND_A_FILE, tmp_path) == names
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
    assert (tmp_path / "file.txt").read_text() == "whole"


def test_trainings_are_started_stopped_resumed_and_deleted(tmp_path):
    run(TRAIN, tmp_path)


def test_the_app_starts_and_serves_its_page(drawing_checkpoint, tmp_path):
    with serve(drawing_checkpoint, tmp_path, PYTHONPATH=SIMULATED) as server:
        assert "DTN Studio" in httpx.get(server.url).text
