"""Files: those that come with the package, and writing whole or not at all."""

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

from . import locks
from .errors import UserError, reason_of

PACKAGE = Path(__file__).resolve().parents[1]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a disk that has no room left, at all or for this user."""

WRITERS = 64
"""Processes that write to the same place at a time, at most; from then on temporary names are random."""


def shipped(folder: str) -> Path:
    """A folder that comes with the package: beside it in a checkout, in it once installed (pyproject.toml)."""
    beside = PACKAGE.parent / folder
    return beside if (PACKAGE.parent / "pyproject.toml").exists() else PACKAGE / folder


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a Python process that is to import this very package; more: further variables."""
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def parse_json(text: str | bytes) -> Any:
    """What JSON says. Raises ValueError if it is none, nested too deep to be read, or holds half a character, which
    nothing could write again."""
    try:
        found = json.loads(text)
        if (b"\\ud" if isinstance(text, bytes) else "\\ud") in text.lower():
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    return found


def lies_inside(name: str) -> bool:
    """Whether a path stays in the directory it begins at."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def check_file(path: Path, what: str) -> Path:
    """The path of a file that can be read. what: "picture" or "video". Raises UserError with one line, or OSError where
    its folder can't be read."""
    if not path.exists():
        raise UserError(f"{path}: no such file. Check the path.")
    if path.is_dir():
        raise UserError(f"{path}: is a folder, a {what} is wanted.")
    if not path.is_file():  # a pipe would block, a device never end
        raise UserError(f"{path}: is not a file. Give a {what}'s path.")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes). Save or download it again.")
    return path


@contextmanager
def replacing(path: Path, folder: bool = False) -> Iterator[Path]:
    """As `atomic_write`; its folder is made. Raises UserError with one line if it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, folder) as temporary:
            yield temporary
    except OSError as error:
        remedy = "Free some space, or choose" if error.errno in FULL else "Choose"
        raise write_error(path, error, f"{remedy} another output.") from None


def write_error(path: Path, error: Exception, remedy: str) -> UserError:
    """The UserError for a file or folder that cannot be written. Its reason is that of the error."""
    reason = reason_of(error)
    return UserError(
        f"{path}: cannot be written ({reason}). {remedy}",
        code="disk_full" if getattr(error, "errno", None) in FULL else "not_writable",
        subject=path,
        reason=reason,
        remedy=remedy,
    )


@contextmanager
def atomic_write(path: Path, folder: bool = False) -> Iterator[Path]:
    """An empty temporary file or folder beside this one, which takes its place once the block ends well: at any moment,
    there is the old one or the new one. What a killed process left of it is used again. Raises OSError."""
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
    finally:  # not before: others take what is free
        locks.release(descriptor, temporary)


@contextmanager
def temporary_directory(path: Path) -> Iterator[Path]:
    """An empty folder beside this file or folder, to make it in; removed at the end. What a killed process left of it
    is used again. Raises OSError."""
    descriptor, temporary = _claim(path, True)
    made = temporary.stat()
    try:
        yield temporary
    finally:
        with suppress(OSError):  # it may have been moved away, and the name may be another's now
            if os.path.samestat(made, temporary.stat()):
                shutil.rmtree(temporary)
        locks.release(descriptor, temporary)


def _claim(path: Path, folder: bool) -> tuple[int, Path]:
    """A temporary name beside a path that no other process uses, and the descriptor of its lock."""
    for number in range(WRITERS):
        temporary = path.with_name(f".{path.stem[:40]}.part{number}{path.suffix}")
        descriptor = locks.claim(temporary, folder)
        if descriptor is not None:
            return descriptor, temporary
    if folder:
        temporary = tempfile.mkdtemp(dir=path.parent, prefix=".")
    else:
        made, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(made)
    return os.open(os.devnull, os.O_RDONLY), Path(temporary)


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders' names at once; where the system can't, there is none of the name for a moment."""
    here, at_once = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    with suppress(AttributeError, TypeError):  # Linux only
        if ctypes.CDLL(None).renameat2(here, os.fsencode(one), here, os.fsencode(other), at_once) == 0:
            return
    aside = Path(tempfile.mkdtemp(dir=other.parent, prefix="."))
    os.replace(other, aside / "old")  # Windows replaces no folder, not even an empty one
    os.replace(one, other)
    os.replace(aside / "old", one)
    aside.rmdir()
