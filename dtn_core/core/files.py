"""Files of the package, and atomic writing."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from . import locks
from .errors import UserError, reason_of

PACKAGE = Path(__file__).resolve().parents[1]

DISK_FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors for a full disk or an exceeded quota."""

MAX_WRITERS = 64
"""Concurrent writers of the same path with predictable temporary names; further ones get random names."""


def distribution_folder(folder: str) -> Path:
    """A folder that is part of the distribution: next to the package in a checkout, inside it once installed."""
    is_checkout = (PACKAGE.parent / "pyproject.toml").exists()
    return (PACKAGE.parent if is_checkout else PACKAGE) / folder


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a child Python process that imports the same package. more: further variables."""
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def parse_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError if it is invalid, nested too deep, or has a lone surrogate (not encodable)."""
    try:
        value = json.loads(text)
        escape = b"\\ud" if isinstance(text, bytes) else "\\ud"
        if escape in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def clean_path(text: str) -> str:
    """Return a path that a user typed or pasted without quotes around it, "file://", or "~"."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    if text.lower().startswith("file://"):
        text = url2pathname(urlsplit(text).path)
    return os.path.expanduser(text)


def lies_inside(name: str) -> bool:
    """Whether a relative path stays inside its base directory."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def check_file(path: Path, what: str) -> Path:
    """Check that a path is a regular file that isn't empty; returns it.

    Args:
        path: The path.
        what: "picture" or "video", for messages.

    Raises:
        UserError: It is none.
        OSError: Its folder can't be read.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file. Check the path.")
    if path.is_dir():
        raise UserError(f"{path}: is a folder, a {what} is wanted.")
    if not path.is_file():  # reading a pipe would block, and a device may be endless
        raise UserError(f"{path}: is not a file. Give a {what}'s path.")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes). Save or download it again.")
    return path


@contextmanager
def atomic_output(path: Path, folder: bool = False) -> Iterator[Path]:
    """`atomic_write` that also creates the parent folder, and raises UserError instead of OSError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, folder) as temporary:
            yield temporary
    except OSError as error:
        remedy = "Free some space, or choose" if error.errno in DISK_FULL_ERRORS else "Choose"
        raise write_error(path, error, f"{remedy} another output.") from None


def write_error(path: Path, error: Exception, remedy: str) -> UserError:
    """The UserError for a file or folder that cannot be written, with the reason of the error."""
    reason = reason_of(error)
    return UserError(
        f"{path}: cannot be written ({reason}). {remedy}",
        code="disk_full" if getattr(error, "errno", None) in DISK_FULL_ERRORS else "not_writable",
        subject=path,
        reason=reason,
        remedy=remedy,
    )


@contextmanager
def atomic_write(path: Path, folder: bool = False) -> Iterator[Path]:
    """Write a file or folder atomically: readers see the old one or the new one.

    Yields an empty temporary file or folder next to the target, which replaces it when the block succeeds. Temporary
    names that a killed process left behind are reused.

    Raises:
        OSError: It can't be written.
    """
    descriptor, temporary = _claim(path, folder)
    try:
        yield temporary
        os.chmod(temporary, 0o755 if folder else 0o644)
        if folder and path.exists():
            _exchange(temporary, path)
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True) if folder else temporary.unlink(missing_ok=True)
        raise
    finally:  # last: other processes claim what is released
        locks.release(descriptor, temporary)


@contextmanager
def temporary_directory(path: Path) -> Iterator[Path]:
    """Create a temporary folder next to this file or folder, and remove it after the block. Raises OSError.

    Names that a killed process left behind are reused.
    """
    descriptor, temporary = _claim(path, True)
    status = temporary.stat()
    try:
        yield temporary
    finally:
        with suppress(OSError):  # it may have been moved, and the name reused by another process
            if os.path.samestat(status, temporary.stat()):
                shutil.rmtree(temporary)
        locks.release(descriptor, temporary)


def _claim(path: Path, folder: bool) -> tuple[int, Path]:
    """Claim a temporary name next to a path. Returns the descriptor of its lock, and the name."""
    for number in range(MAX_WRITERS):
        temporary = path.with_name(f".{path.stem[:40]}.part{number}{path.suffix}")
        descriptor = locks.claim(temporary, folder)
        if descriptor is not None:
            return descriptor, temporary
    if folder:
        temporary = tempfile.mkdtemp(dir=path.parent, prefix=".")
    else:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(descriptor)
    return os.open(os.devnull, os.O_RDONLY), Path(temporary)


def _exchange(one: Path, other: Path) -> None:
    """Swap the names of two folders. Atomic on Linux; elsewhere the target doesn't exist for a moment."""
    at_fdcwd = -100
    rename_exchange = 2
    with suppress(AttributeError, TypeError):  # Linux only
        renameat2 = ctypes.CDLL(None).renameat2
        if renameat2(at_fdcwd, os.fsencode(one), at_fdcwd, os.fsencode(other), rename_exchange) == 0:
            return
    aside = Path(tempfile.mkdtemp(dir=other.parent, prefix="."))
    os.replace(other, aside / "old")  # Windows replaces no folder, not even an empty one
    os.replace(one, other)
    os.replace(aside / "old", one)
    aside.rmdir()
