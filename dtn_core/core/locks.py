"""Locks on files, the same on POSIX systems and on Windows.

A lock lasts until its file is closed or the process ends. The system releases it, so a killed process leaves none.

filelock and portalocker lock the first byte of a file, or all of it. On Windows nobody else can read what is locked,
but a run's lock file says who holds it. So there a byte far behind the text is locked.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

POSIX = fcntl is not None
"""Whether a lock belongs to the open file, so that a child that inherits the file holds it too.

On Windows it belongs to the process, a folder can't be opened, and what is open can't be renamed."""

_LOCKED_BYTE = 2**30
_POLL = 0.02


def acquire(file: BinaryIO | int, wait: float | None = 0.0) -> None:
    """Lock an open file for this process alone.

    Args:
        file: The file or its descriptor.
        wait: Seconds to wait for another process to release it; None waits for ever.

    Raises:
        BlockingIOError: Another process holds the lock.
    """
    deadline = None if wait is None else time.monotonic() + wait
    while True:
        try:
            _try(file)
            return
        except BlockingIOError:
            if deadline is not None and time.monotonic() >= deadline:
                raise
            time.sleep(_POLL)


def is_held(file: BinaryIO) -> bool:
    """Whether another process holds the lock of a file that was opened for this question."""
    if POSIX:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two processes may ask at once
        except BlockingIOError:
            return True
        return False
    try:
        acquire(file, wait=2 * _POLL)  # longer than another process holds it that asks, too
    except BlockingIOError:
        return True
    return False


def _try(file: BinaryIO | int) -> None:
    if POSIX:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    descriptor = file if isinstance(file, int) else file.fileno()
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError as error:
        raise BlockingIOError(*error.args) from None
    finally:
        os.lseek(descriptor, position, os.SEEK_SET)


def claim(path: Path, folder: bool) -> int | None:
    """Make a temporary file or folder and lock it, so that no other process uses the same name.

    What a killed process left under that name is emptied and used again.

    Returns:
        A descriptor to pass to `release`, or None if another process has claimed it.
    """
    descriptor = _claim_itself(path, folder) if POSIX else _claim_beside(path, folder)
    if descriptor is None:
        return None
    if folder:
        clear(path)
    else:
        os.truncate(descriptor if POSIX else path, 0)
    return descriptor


def release(descriptor: int, path: Path) -> None:
    """Let others claim a path again."""
    os.close(descriptor)
    if not POSIX:
        _lock_file(path).unlink(missing_ok=True)


def _claim_itself(path: Path, folder: bool) -> int | None:
    if folder:
        path.mkdir(mode=0o700, exist_ok=True)
    flags = os.O_RDONLY if folder else os.O_RDWR | os.O_CREAT
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    except (FileNotFoundError, IsADirectoryError):  # removed by its owner meanwhile, or a folder
        return None
    try:
        _try(descriptor)
        if _is_ours(os.fstat(descriptor), path):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _is_ours(status: os.stat_result, path: Path) -> bool:
    """Whether what was opened belongs to this user, has no other name, and is still there."""
    alone = stat.S_ISDIR(status.st_mode) or status.st_nlink == 1
    return alone and status.st_uid == os.geteuid() and os.path.samestat(status, path.stat())


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _claim_beside(path: Path, folder: bool) -> int | None:
    try:
        descriptor = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:  # Windows is still deleting it
        return None
    try:
        _try(descriptor)
        if folder:
            path.mkdir(exist_ok=True)
        else:
            path.touch()
        return descriptor
    except OSError:
        os.close(descriptor)
        return None


def clear(folder: Path) -> None:
    """Remove all that is in a folder. Raises OSError."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
