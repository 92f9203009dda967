"""A run's checkpoint as one file to take away: weights, config.json and a model card."""

from __future__ import annotations

import io
import secrets
import shutil
import time
import zipfile
from pathlib import Path

from ...errors import UserError

KEPT = 3600
"""Seconds that a zip for download stays on the disk at least."""

_PARTS = (".safetensors", ".json", ".md")


def fresh_folder(cache: Path) -> Path:
    """A folder of its own for a zip to download, not yet made; those of old downloads are deleted."""
    forget(cache / "exports")
    return cache / "exports" / secrets.token_hex(8)


def forget(folder: Path, now: float | None = None) -> None:
    """Delete zips that nobody is still downloading."""
    for path in folder.glob("*/"):
        if (time.time() if now is None else now) - path.stat().st_mtime > KEPT:
            shutil.rmtree(path, ignore_errors=True)


def zipped(source: Path, readme: str) -> bytes:
    """A checkpoint's directory as a zip. readme: the model card where the directory has none. Raises UserError."""
    buffer = io.BytesIO()
    try:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:  # weights hardly shrink
            names = sorted(path.name for path in source.iterdir() if path.suffix in _PARTS and path.is_file())
            for name in names:
                file.write(source / name, f"{source.name}/{name}")
            if "README.md" not in names:
                file.writestr(f"{source.name}/README.md", readme)
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror}).") from None
    return buffer.getvalue()
