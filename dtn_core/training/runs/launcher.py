"""Trainings as processes of their own: they outlive the page and the app that started them, and everybody else talks
to them through the run directory."""

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
from .status import LOG_MARK, holder, is_alive, runs_in
from .store import ASKED, INHERITED, Run, take_lock, write_whole

DELETED = ".deleted"
"""Ends the name of a run that is being deleted."""

STARTS_WITHIN = 120
"""Seconds in which a trainer takes its run's lock; importing torch needs most of them."""

NOTES = 20_000
"""Characters of a run's notes at most."""


def start(
    config: configs.Config, name: str, runs: Path, data: str | None = None, *, beside: bool = False, owner: str = ""
) -> Path:
    """Start a training; returns its run directory at once. data: the data folder; beside: also where another training
    of this folder holds the same device; owner: see `RunStatus`. Raises UserError with one line if that is refused,
    or it can't be started."""
    runs = Path(runs).absolute()
    with _one_at_a_time(runs):
        sweep(runs)
        if not beside:
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


def resume(path: Path, *, beside: bool = False) -> None:
    """Go on with a run that isn't running. Raises UserError as `start`, or if it runs or is of another version."""
    path = Path(path).absolute()
    with _one_at_a_time(path.parent):
        if not beside:
            _check_device(Run.config_of(path), path.parent, path)
        run = Run.reopen(path, sign=False)
        try:
            _spawn(run)
        finally:
            run.release()


def ask(path: Path, what: str) -> None:
    """Ask a training to stop well, or for a sample grid ("sample") or a checkpoint ("save") now. Raises UserError if
    it isn't running."""
    if what not in ASKED:
        raise UserError(f"a training can be asked for {', '.join(sorted(ASKED))}, not {what!r}.")
    _check_alive(path)
    _write(path / "control" / what, "")


def set_sample_every(path: Path, n: int) -> None:
    """Change the steps between two sample grids of a training. Raises UserError if it isn't running, or n < 1."""
    if n < 1:
        raise UserError(f"steps between two samples: at least 1, not {n}.")
    _check_alive(path)
    _write(path / "control" / "sample_every", f"{n}\n")


def force_stop(path: Path, wait: float = 5.0) -> None:
    """End a training that doesn't answer: SIGTERM, which lets it save if it can, and, after `wait` seconds, SIGKILL,
    which loses what it did since its last checkpoint. Raises UserError if it is not running, or if its process
    is unknown."""
    _check_alive(path)
    pid = holder(path)[0]
    if pid is None or not _is_trainer(pid, path):
        raise UserError(f"{path}: it isn't certain which process trains this run. End it where it was started.")
    for force in (False, True):
        processes.end(pid, force)
        patience = time.monotonic() + wait
        while time.monotonic() < patience:
            if not is_alive(path):
                with contextlib.suppress(OSError), (path / "log.txt").open("a+b", buffering=0) as log:
                    _write_line(log, "Stopped by force.")
                return
            time.sleep(0.02)
    raise UserError(f"{path}: process {pid} doesn't end. Look what holds it up.")


def delete(path: Path) -> None:
    """Remove a run directory with all that is in it. Raises UserError if it is running, or isn't one."""
    path = Path(path)
    parts = (path / "config.json", path / "lock", path / "control")
    if path.is_symlink() or not all(part.exists() for part in parts):
        raise UserError(f"{path}: not a run directory; nothing was deleted.")
    hidden = path.with_name(f".{path.name}.{time.time_ns()}{DELETED}")
    try:
        with (path / "lock").open("r+b") as lock:
            take_lock(lock)  # so that nobody resumes it meanwhile
            if locks.POSIX:
                path.rename(hidden)
        if not locks.POSIX:  # Windows renames no folder with an open file in it
            path.rename(hidden)
        sweep(path.parent)
        if hidden.exists():
            shutil.rmtree(hidden)
    except BlockingIOError:
        raise UserError(f"{path}: is running. Stop it first.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be deleted ({error.strerror}). Change its permissions.") from None


def sweep(runs: Path) -> None:
    """Remove what is left of runs whose deletion was killed."""
    for half in Path(runs).glob(f".*{DELETED}"):
        shutil.rmtree(half, ignore_errors=True)


def write_notes(path: Path, text: str) -> None:
    """Replace a run's notes. Raises UserError if they are too long, or can't be written."""
    if len(text) > NOTES:
        raise UserError(f"notes of {len(text)} characters: {NOTES} at most. Shorten them.")
    if not (path / "config.json").exists():
        raise UserError(f"{path}: not a run directory.")
    _write(path / "notes.txt", text.encode("utf-8", "replace").decode())  # half a character can't be written


def command(config: configs.Config, preset: str, runs: Path, data: str | None) -> str:
    """The line for a shell that trains with these settings. preset: a name; where there is no such preset for them, the
    one that is nearest is taken."""
    base = configs.PRESETS.get(preset)
    if type(base) is not type(config):
        alike = {name: base for name, base in configs.PRESETS.items() if type(base) is type(config)}
        preset = min(alike, key=lambda name: len(_differing(config, alike[name])))
        base = alike[preset]
    words = ["python", "-m", "dtn_core", "train", preset]
    for name in _differing(config, base):
        value = getattr(config, name)
        words += ["--set", f"{name}={'none' if value is None else value}"]
    return shlex.join([*words, *(["--data", str(data)] if data else []), "--runs", str(runs)])


def _differing(config: configs.Config, base: configs.Config) -> list[str]:
    return [f.name for f in fields(config) if getattr(config, f.name) != getattr(base, f.name)]


@contextlib.contextmanager
def _one_at_a_time(runs: Path) -> Iterator[None]:
    """Two clicks at once must not both find the device free."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = (runs / ".lock").open("w")
    except OSError as error:
        raise write_error(runs, error, "Choose another with --runs.") from None
    with lock:
        locks.acquire(lock, wait=None)
        yield


def _check_device(config: configs.Config, runs: Path, but: Path | None = None) -> None:
    device = _device(config.device)
    for path in runs_in(runs):
        if path != but and is_alive(path) and _trains_on(path) == device:
            raise UserError(
                f"{path.name} is being trained on {device} now. Stop it, choose another device, or start this one "
                "beside it; both will be slower."
            )


def _trains_on(path: Path) -> str | None:
    try:
        return _device(Run.config_of(path).device)
    except UserError:  # of another version
        return None


def _device(name: str) -> str:
    """One name for one device: "cuda" is the first GPU."""
    picked = pick_device(name)
    return "cuda:0" if picked == "cuda" else picked


def _trainer(path: Path) -> list[str]:
    return [sys.executable, "-m", "dtn_core", "train", "--resume", str(path)]


def _spawn(run: Run) -> None:
    """Start the trainer of a run that is held. It inherits the lock; on Windows it takes the lock itself."""
    words = _trainer(run.path)
    inherited = [run.lock_descriptor()] if locks.POSIX else []
    # The working directory stays, as settings may name files relative to it.
    environment = child_environment(
        PYTHONUNBUFFERED="1",
        PYTHONFAULTHANDLER="1",  # a crash below Python leaves its name in the log
        TQDM_MININTERVAL="5",  # the log keeps every state of the bar
        **{INHERITED: str(inherited[0]) if inherited else str(run.path)},
    )
    since, told = time.time(), run.told()
    try:
        with (run.path / "log.txt").open("a+b", buffering=0) as log:
            _write_line(log, f"{LOG_MARK}{time.strftime('%Y-%m-%d %H:%M:%S')} {shlex.join(words)}")
            if not locks.POSIX:
                run.sign(os.getpid(), since, told)  # until the trainer does
                run.release()
            process = processes.start_in_background(words, log, environment, inherited)
            if locks.POSIX:
                run.sign(process.pid, since, told)
            else:
                _wait_until_held(run.path, process)
    except OSError as error:
        raise UserError(f"the training can't be started ({error.strerror or error}).") from None
    threading.Thread(target=process.wait, daemon=True).start()  # or it would stay as a zombie


def _wait_until_held(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a trainer has started, or has ended without starting."""
    deadline = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and not is_alive(path) and time.monotonic() < deadline:
        time.sleep(0.05)


def _write_line(log: BinaryIO, line: str) -> None:
    """Append a line to a log that may end in a progress bar."""
    if end := log.seek(0, os.SEEK_END):
        log.seek(end - 1)
        line = line if log.read(1) == b"\n" else f"\n{line}"
    log.write(f"{line}\n".encode())


def _check_alive(path: Path) -> None:
    if not is_alive(path):
        raise UserError(f"{path}: isn't running.")


def _is_trainer(pid: int, path: Path) -> bool:
    """Whether a process is another one than this, is a trainer, and has the run's lock open. Where there is no /proc,
    its number in the lock has to do."""
    if pid == os.getpid():
        return False
    about = Path("/proc", str(pid))
    if not Path("/proc/self/cmdline").exists():
        return True
    try:
        if b"dtn_core" not in (about / "cmdline").read_bytes():
            return False
        lock = (path / "lock").stat()
        return any(os.path.samestat(file.stat(), lock) for file in (about / "fd").iterdir() if file.exists())
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise write_error(path, error, "Free some space.") from None
