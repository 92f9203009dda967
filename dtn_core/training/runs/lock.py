"""The lock of a run directory: which process trains the run, and since when.

The lock belongs to an open file, not to a process. A launcher can therefore lock a run and let its child inherit the
file (`INHERITED_LOCK`), so that the run is held at every moment. The lock is released when the last holder is gone,
however it ended. On Windows a lock belongs to a process: there the launcher releases it and waits until the child has
taken it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ...core import locks
from ...core.errors import UserError

INHERITED_LOCK = "DTN_RUN_LOCK"
"""Environment variable with the descriptor of the lock that a process inherits; on Windows, with the run's path."""


class Signature(NamedTuple):
    """What the lock file says about the process that holds the lock, or held it last.

    Attributes:
        pid: Process id, or None if the file doesn't tell.
        since: Unix time at which it took the lock.
        event_bytes: Length of events.jsonl at that time. What follows was written by this process.
    """

    pid: int | None
    since: float
    event_bytes: int


class RunLock:
    """A run's lock, held by this process.

    Attributes:
        launched: Whether `launcher` started this process to train this run.
    """

    def __init__(self, file: BinaryIO, launched: bool) -> None:
        self._file = file
        self.launched = launched

    @classmethod
    def acquire(cls, run: Path) -> RunLock:
        """Take the lock of a run directory, or adopt the one that this process inherited.

        Raises:
            UserError: Another process trains this run.
            OSError: The lock file can't be opened.
        """
        path = run / "lock"
        file = _inherited_file(path)
        launched = file is not None or _launched_by_path(run)
        if file is None:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0)
        lock = cls(file, launched)
        try:
            acquire_file(file)
        except BlockingIOError:
            lock.release()
            pid = read_signature(run).pid
            process = "another process" if pid is None else f"process {pid}"
            raise UserError(f"{run}: is being trained by {process}. Stop that first.") from None
        return lock

    def sign(self, pid: int, since: float, event_bytes: int) -> None:
        """Write a `Signature` into the lock file.

        Byte offsets separate the events of two processes; times can't, as the clock may be set back.
        """
        self.restore(f"{pid}\n{round(since, 3)}\n{event_bytes}\n")

    def restore(self, signature: str) -> None:
        """Write the text of a signature into the lock file."""
        self._file.seek(0)
        self._file.write(signature.encode())
        self._file.truncate()  # last, so that a reader finds valid lines at any time

    def fileno(self) -> int:
        """The descriptor for a child to inherit."""
        return self._file.fileno()

    def release(self) -> None:
        """Close the file. A child that inherited it still holds the lock."""
        descriptor = self._file.fileno()
        inherited = not self._file.closefd
        self._file.close()
        if inherited:
            os.close(descriptor)


def acquire_file(file: BinaryIO) -> None:
    """Lock an open file for this process alone.

    Raises:
        BlockingIOError: Another process holds it for longer than `is_alive` needs to test it.
    """
    locks.acquire(file, wait=1)


def is_alive(run: Path) -> bool:
    """Whether a process trains this run now."""
    try:
        with (run / "lock").open("rb") as file:
            return locks.is_held(file)
    except OSError:
        return False


def read_signature(run: Path) -> Signature:
    """Read the lock file; missing or invalid lines become None and zeros."""
    lines = read_text(run / "lock").splitlines()
    event_bytes = 0
    if len(lines) > 2 and re.fullmatch("[0-9]{1,15}", lines[2]):
        event_bytes = int(lines[2])
    try:
        return Signature(int(lines[0]), float(lines[1]), event_bytes)
    except (ValueError, IndexError):
        return Signature(None, 0.0, event_bytes)


def holder(run: Path) -> tuple[int | None, float]:
    """Process id and start time of the process that holds the run, or held it last; (None, 0) if unknown."""
    signature = read_signature(run)
    return signature.pid, signature.since


def read_text(path: Path) -> str:
    """The text of a file; empty if it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _inherited_file(path: Path) -> BinaryIO | None:
    """The open lock file that this process inherited, or None if it inherited none or that of another run."""
    text = os.environ.get(INHERITED_LOCK, "")
    if not text.isdecimal() or not path.exists():
        return None
    descriptor = int(text)
    try:
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            return None
        # Closed with the process, not with the run: a free lock means that the process's memory is free, too.
        file = os.fdopen(descriptor, "r+b", buffering=0, closefd=False)
    except OSError:
        return None
    os.set_inheritable(descriptor, False)  # the trainer's own children must not keep the run locked
    del os.environ[INHERITED_LOCK]
    return file


def _launched_by_path(run: Path) -> bool:
    """Whether `launcher` started this process for this run on a system where a lock can't be inherited."""
    if os.environ.get(INHERITED_LOCK) != str(run):
        return False
    del os.environ[INHERITED_LOCK]
    return True
