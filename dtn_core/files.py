"""Files: those that come with the package, and writing whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import UserError

try:
    import fcntl
except ImportError:  # not there on Windows
    fcntl = None

PACKAGE = Path(__file__).resolve().parent

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
    """As `beside`; its folder is made. Raises UserError with one line if it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside(path, folder) as temporary:
            yield temporary
    except OSError as error:
        remedy = "Free some space, or choose" if error.errno in FULL else "Choose"
        raise UserError(f"{path}: cannot be written ({error.strerror or error}). {remedy} another output.") from None


@contextmanager
def beside(path: Path, folder: bool = False) -> Iterator[Path]:
    """An empty temporary file or folder beside this one, which takes its place once the block ends well: at any moment,
    there is the old one or the new one. What a killed process left of it is used again. Raises OSError."""
    handle, temporary = _held(path, folder)
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
        os.close(handle)


@contextmanager
def workshop(path: Path) -> Iterator[Path]:
    """An empty folder beside this file or folder, to make it in; removed at the end. What a killed process left of it
    is used again. Raises OSError."""
    handle, temporary = _held(path, True)
    try:
        yield temporary
    finally:
        with suppress(OSError):  # it may have been moved away, and be another's now
            if os.path.samestat(os.fstat(handle), temporary.stat()):
                shutil.rmtree(temporary)
        os.close(handle)


def _held(path: Path, folder: bool) -> tuple[int, Path]:
    """What no other process writes to: each keeps its own locked."""
    for number in range(WRITERS if fcntl else 0):
        temporary = path.with_name(f".{path.stem[:40]}.part{number}{path.suffix}")
        if folder:
            temporary.mkdir(mode=0o700, exist_ok=True)
        try:
            handle = os.open(temporary, (os.O_RDONLY if folder else os.O_RDWR | os.O_CREAT) | os.O_NOFOLLOW, 0o600)
        except (FileNotFoundError, IsADirectoryError):  # just gone, or another's
            continue
        if _take(handle, temporary):
            if folder:
                clear(temporary)
            else:
                os.truncate(handle, 0)
            return handle, temporary
        os.close(handle)
    if folder:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix="."))
        return os.open(temporary, os.O_RDONLY), temporary
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)  # Windows renames nothing that is open
    return os.open(os.devnull, os.O_RDONLY), Path(name)


def _take(handle: int, path: Path) -> bool:
    """Lock what is open, if nobody else has, and it is our own and still there."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        about = os.fstat(handle)
        alone = stat.S_ISDIR(about.st_mode) or about.st_nlink == 1
        return alone and about.st_uid == os.geteuid() and os.path.samestat(about, path.stat())
    except OSError:
        return False


def clear(folder: Path) -> None:
    """Remove all that is in a folder. Raises OSError."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders' names at once; where the system can't, there is none of the name for a moment."""
    here, at_once = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    with suppress(AttributeError):  # not there but on Linux
        if ctypes.CDLL(None).renameat2(here, os.fsencode(one), here, os.fsencode(other), at_once) == 0:
            return
    old = Path(tempfile.mkdtemp(dir=other.parent, prefix="."))
    os.replace(other, old)
    os.replace(one, other)
    os.replace(old, one)
