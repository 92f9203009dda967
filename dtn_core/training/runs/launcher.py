"""Start and control trainings as separate processes, which outlive the app. Everything goes through the run directory:
its files, requests in control/, and the lock."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import BinaryIO

from ... import config as configs
from ...core import locks, processes
from ...core.devices import pick_device
from ...core.errors import UserError
from ...core.files import child_environment, write_error
from .lock import INHERITED_LOCK, acquire_file, holder, is_alive
from .status import LOG_MARK, runs_in
from .store import REQUESTS, Run, write_text_atomically

DELETED_SUFFIX = ".deleted"
"""Ends the name of a run that is being deleted."""

START_TIMEOUT_SECONDS = 120
"""Time in which a trainer takes the lock of its run; most of it is importing torch."""

MAX_NOTES_CHARACTERS = 20_000


def start(
    config: configs.Config,
    name: str,
    runs: Path,
    data: str | None = None,
    *,
    share_device: bool = False,
    owner: str = "",
) -> Path:
    """Start a training and return its run directory at once.

    Args:
        config: The settings.
        name: What follows the number in the directory's name.
        runs: Folder of the runs.
        data: The data folder.
        share_device: Whether it may share its device with another training of this folder.
        owner: See `RunStatus`.

    Raises:
        UserError: The device is in use, or the training can't be started.
    """
    runs = Path(runs).absolute()
    with _starting(runs):
        remove_deleted_runs(runs)
        if not share_device:
            _check_device(config, runs)
        run = Run.create(runs, name, config, data, sign=False, owner=owner)
        try:
            _spawn(run)
        except UserError:
            shutil.rmtree(run.path, ignore_errors=True)
            raise
        finally:
            run.release()
    return run.path


def resume(path: Path, *, share_device: bool = False) -> None:
    """Resume a run that isn't running.

    Raises:
        UserError: As `start`; or the run is running, or was made by another version.
    """
    path = Path(path).absolute()
    with _starting(path.parent):
        if not share_device:
            _check_device(Run.config_of(path), path.parent, path)
        run = Run.reopen(path, sign=False)
        try:
            _spawn(run)
        finally:
            run.release()


def request(path: Path, what: str) -> None:
    """Send a request to a training: save and end ("stop"), draw a sample grid ("sample"), save a checkpoint ("save").

    Raises:
        UserError: It isn't running, or there is no such request.
    """
    if what not in REQUESTS:
        raise UserError(f"a training can be asked for {', '.join(sorted(REQUESTS))}, not {what!r}.")
    _check_alive(path)
    _write(path / "control" / what, "")


def set_sample_every(path: Path, n: int) -> None:
    """Change the steps between two sample grids of a training. Raises UserError if it isn't running, or n < 1."""
    if n < 1:
        raise UserError(f"steps between two samples: at least 1, not {n}.")
    _check_alive(path)
    _write(path / "control" / "sample_every", f"{n}\n")


def force_stop(path: Path, wait: float = 5.0) -> None:
    """End a training that doesn't react to a request.

    SIGTERM lets it save if it can. SIGKILL after `wait` seconds loses what it did since its last checkpoint.

    Raises:
        UserError: It isn't running, its process is unknown, or it doesn't end.
    """
    _check_alive(path)
    pid, _ = holder(path)
    if pid is None or not _is_trainer(pid, path):
        raise UserError(f"{path}: it isn't certain which process trains this run. End it where it was started.")
    for force in (False, True):
        processes.end(pid, force)
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            if not is_alive(path):
                with contextlib.suppress(OSError), (path / "log.txt").open("a+b", buffering=0) as log:
                    _append_line(log, "Stopped by force.")
                return
            time.sleep(0.02)
    raise UserError(f"{path}: process {pid} doesn't end. Check what is blocking it.")


def delete(path: Path) -> None:
    """Remove a run directory with all its files. Raises UserError if it is running, or isn't one."""
    path = Path(path)
    required = (path / "config.json", path / "lock", path / "control")
    if path.is_symlink() or not all(file.exists() for file in required):
        raise UserError(f"{path}: not a run directory; nothing was deleted.")
    hidden = path.with_name(f".{path.name}.{time.time_ns()}{DELETED_SUFFIX}")
    try:
        with (path / "lock").open("r+b") as lock:
            acquire_file(lock)  # so that nobody resumes it meanwhile
            if locks.POSIX:
                path.rename(hidden)
        if not locks.POSIX:  # Windows can't rename a folder that contains an open file
            path.rename(hidden)
        remove_deleted_runs(path.parent)
        if hidden.exists():
            shutil.rmtree(hidden)
    except BlockingIOError:
        raise UserError(f"{path}: is running. Stop it first.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be deleted ({error.strerror}). Change its permissions.") from None


def remove_deleted_runs(runs: Path) -> None:
    """Finish deletions that were interrupted."""
    for hidden in Path(runs).glob(f".*{DELETED_SUFFIX}"):
        shutil.rmtree(hidden, ignore_errors=True)


def write_notes(path: Path, text: str) -> None:
    """Replace a run's notes. Raises UserError if they are too long, or can't be written."""
    if len(text) > MAX_NOTES_CHARACTERS:
        raise UserError(f"notes of {len(text)} characters: {MAX_NOTES_CHARACTERS} at most. Shorten them.")
    if not (path / "config.json").exists():
        raise UserError(f"{path}: not a run directory.")
    _write(path / "notes.txt", text.encode("utf-8", "replace").decode())  # lone surrogates can't be written


def train_command(config: configs.Config, preset: str, runs: Path, data: str | None) -> str:
    """The shell command that trains with these settings.

    Args:
        config: The settings.
        preset: Name of the preset to start from. If it doesn't fit, the one with the fewest differences is used.
        runs: Folder of the runs.
        data: The data folder.
    """
    base = configs.PRESETS.get(preset)
    if type(base) is not type(config):
        candidates = {name: base for name, base in configs.PRESETS.items() if type(base) is type(config)}
        preset = min(candidates, key=lambda name: len(_differing(config, candidates[name])))
        base = candidates[preset]
    words = ["python", "-m", "dtn_core", "train", preset]
    for name in _differing(config, base):
        value = getattr(config, name)
        words += ["--set", f"{name}={'none' if value is None else value}"]
    if data:
        words += ["--data", str(data)]
    return shlex.join([*words, "--runs", str(runs)])


def _differing(config: configs.Config, base: configs.Config) -> list[str]:
    """Names of the settings that differ."""
    return [f.name for f in fields(config) if getattr(config, f.name) != getattr(base, f.name)]


@contextlib.contextmanager
def _starting(runs: Path) -> Iterator[None]:
    """Serialise starts in a folder: two at once must not both find the device free."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = (runs / ".lock").open("w")
    except OSError as error:
        raise write_error(runs, error, "Choose another with --runs.") from None
    with lock:
        locks.acquire(lock, wait=None)
        yield


def _check_device(config: configs.Config, runs: Path, resumed: Path | None = None) -> None:
    """Raise UserError if another run than the resumed one trains on the device of these settings."""
    device = _device(config.device)
    for path in runs_in(runs):
        if path != resumed and is_alive(path) and _training_device(path) == device:
            raise UserError(
                f"{path.name} is being trained on {device} now. Stop it, choose another device, or start this one "
                "beside it; both will be slower."
            )


def _training_device(path: Path) -> str | None:
    """The device of a run; None if it was made by another version."""
    try:
        return _device(Run.config_of(path).device)
    except UserError:
        return None


def _device(name: str) -> str:
    """The canonical name of a device: "cuda" is the first GPU."""
    picked = pick_device(name)
    return "cuda:0" if picked == "cuda" else picked


def _trainer(path: Path) -> list[str]:
    return [sys.executable, "-m", "dtn_core", "train", "--resume", str(path)]


def _spawn(run: Run) -> None:
    """Start the trainer of a locked run. It inherits the lock; on Windows it takes the lock itself."""
    words = _trainer(run.path)
    inherited = [run.lock.fileno()] if locks.POSIX else []
    # The working directory stays, as settings may contain relative paths.
    environment = child_environment(
        PYTHONUNBUFFERED="1",
        PYTHONFAULTHANDLER="1",  # so that a crash below Python is logged
        TQDM_MININTERVAL="5",  # the log keeps every state of the progress bar
        **{INHERITED_LOCK: str(inherited[0]) if inherited else str(run.path)},
    )
    since = time.time()
    event_bytes = run.event_bytes()
    try:
        with (run.path / "log.txt").open("a+b", buffering=0) as log:
            _append_line(log, f"{LOG_MARK}{time.strftime('%Y-%m-%d %H:%M:%S')} {shlex.join(words)}")
            if not locks.POSIX:
                run.lock.sign(os.getpid(), since, event_bytes)  # until the trainer signs
                run.release()
            process = processes.start_in_background(words, log, environment, inherited)
            if locks.POSIX:
                run.lock.sign(process.pid, since, event_bytes)
            else:
                _wait_until_locked(run.path, process)
    except OSError as error:
        raise UserError(f"the training can't be started ({error.strerror or error}).") from None
    threading.Thread(target=process.wait, daemon=True).start()  # reaps it, so that it doesn't stay as a zombie


def _wait_until_locked(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a trainer has taken its lock, or has ended without."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while process.poll() is None and not is_alive(path) and time.monotonic() < deadline:
        time.sleep(0.05)


def _append_line(log: BinaryIO, line: str) -> None:
    """Append a line to a log that may end in a progress bar."""
    if end := log.seek(0, os.SEEK_END):
        log.seek(end - 1)
        if log.read(1) != b"\n":
            line = f"\n{line}"
    log.write(f"{line}\n".encode())


def _check_alive(path: Path) -> None:
    if not is_alive(path):
        raise UserError(f"{path}: isn't running.")


def _is_trainer(pid: int, path: Path) -> bool:
    """Whether another process is a trainer that has this run's lock open; without /proc, any other process."""
    if pid == os.getpid():
        return False
    if not Path("/proc/self/cmdline").exists():
        return True
    process = Path("/proc", str(pid))
    try:
        if b"dtn_core" not in (process / "cmdline").read_bytes():
            return False
        lock = (path / "lock").stat()
        return any(os.path.samestat(file.stat(), lock) for file in (process / "fd").iterdir() if file.exists())
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    try:
        write_text_atomically(path, text)
    except OSError as error:
        raise write_error(path, error, "Free some space.") from None
