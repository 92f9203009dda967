"""Files: those that come with the package, and writing whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError

PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """A folder that comes with the package: beside it in a checkout, in it once installed (pyproject.toml)."""
    beside = PACKAGE.parent / folder
    return beside if (PACKAGE.parent / "pyproject.toml").exists() else PACKAGE / folder


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
