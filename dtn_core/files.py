"""Files: those that come with the package, and writing whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import UserError

PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """A folder that comes with the package: beside it in a checkout, in it once installed (pyproject.toml)."""
    beside = PACKAGE.parent / folder
    return beside if (PACKAGE.parent / "pyproject.toml").exists() else PACKAGE / folder


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
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside this one, which takes its place once the block ends well; its folder is made. Raises
    UserError with one line if it can't be written."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
        yield Path(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error}). Choose another output.") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
