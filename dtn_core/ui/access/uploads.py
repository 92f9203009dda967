"""Zips of pictures that viewers upload to train on.

Each is stored in a folder of its own in RUNS/uploads. It is never unpacked (`data.folders` reads zips), and is deleted
with the last run that uses it.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import stat
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ...core.errors import UserError
from ...core.zips import open_zip

MAX_BYTES = 1 << 30
"""Maximum size of an upload in bytes."""

MAX_UNPACKED_BYTES = 4 * MAX_BYTES
"""Maximum total size of the files in a zip; pictures hardly compress."""

RETENTION_SECONDS = 24 * 3600
"""Time for which an upload that no run uses is kept."""


def check(file: Path) -> None:
    """Raise UserError if a file isn't a zip, is too large, or has unsafe entries. Nothing is unpacked."""
    if file.stat().st_size > MAX_BYTES:
        raise UserError(f"the zip is larger than {MAX_BYTES >> 30} GB. Upload fewer or smaller pictures.")
    with open_zip(file, "the upload") as archive:
        entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise UserError(
            f"the zip unpacks to more than {MAX_UNPACKED_BYTES >> 30} GB. Upload fewer or smaller pictures."
        )
    if any(_is_unsafe(entry) for entry in entries):
        raise UserError("the zip contains links, or paths outside of it. Zip only the pictures.")


def _is_unsafe(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a link or would be unpacked outside its folder."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or stat.S_ISLNK(entry.external_attr >> 16)


def store(file: Path, runs: Path, before: str = "") -> Path:
    """Check an uploaded zip and move it to the folder of uploads. A rejected file is deleted.

    Args:
        file: the upload.
        runs: folder of training runs.
        before: prefix of the name of its folder.

    Returns:
        Its new path.

    Raises:
        UserError: if it is rejected or can't be stored.
    """
    try:
        check(file)
        folder = runs.absolute() / "uploads" / f"{before}{secrets.token_hex(8)}"
        folder.mkdir(parents=True, mode=0o700)
        name = re.sub(r"[^\w.-]+", "-", file.stem).strip(".-") or "pictures"
        return Path(shutil.move(file, folder / f"{name}.zip"))
    except OSError as error:
        raise UserError(f"the zip could not be stored ({error.strerror}).") from None
    finally:
        file.unlink(missing_ok=True)


def delete_unused(runs: Path, used: Iterable[str], released: Iterable[str] = (), now: float | None = None) -> None:
    """Delete uploads that no run uses.

    Args:
        runs: folder of training runs.
        used: paths that runs use.
        released: paths that are deleted at once if unused; others are kept for `RETENTION_SECONDS`.
        now: the current time; None for the clock's.
    """
    now = time.time() if now is None else now
    used_folders = {Path(path).parent for path in used}
    released_folders = {Path(path).parent for path in released}
    for folder in (runs.absolute() / "uploads").glob("*/"):
        expired = now - folder.stat().st_mtime > RETENTION_SECONDS
        if folder not in used_folders and (expired or folder in released_folders):
            shutil.rmtree(folder, ignore_errors=True)


def delete_feature_caches(runs: Path, since: float, until: float) -> None:
    """Delete the feature caches written while a run on a viewer's own pictures was running: one of them holds those.

    The others are rebuilt when they are needed.

    Args:
        runs: folder of training runs.
        since: start of the run, in seconds since 1970.
        until: its end.
    """
    for cache in (runs / "feature-cache").glob("*.safetensors"):
        with contextlib.suppress(OSError):
            if since - 1 <= cache.stat().st_mtime <= until + 1:
                cache.unlink()
