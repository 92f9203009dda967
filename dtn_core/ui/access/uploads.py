"""Zips of pictures that viewers upload where all trainings are allowed. They lie in RUNS/uploads, a folder each, stay
zips (`domains.folders` reads them where they lie), and go with the last run that uses them."""

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

LARGEST = 1 << 30
"""Bytes of an upload at most."""

UNPACKED = 4 * LARGEST
"""Bytes of all that is in one at most; pictures hardly shrink in a zip."""

KEPT = 24 * 3600
"""Seconds that an upload waits for a run to use it."""


def check(file: Path) -> None:
    """Raise UserError with one line if a file is no zip, too large, or looks unsafe. Nothing is unpacked."""
    if file.stat().st_size > LARGEST:
        raise UserError(f"the zip is larger than {LARGEST >> 30} GB. Upload fewer or smaller pictures.")
    with open_zip(file, "the upload") as pack:
        entries = pack.infolist()
    if sum(entry.file_size for entry in entries) > UNPACKED:
        raise UserError(f"the zip unpacks to more than {UNPACKED >> 30} GB. Upload fewer or smaller pictures.")
    if any(_leads_outside(entry) for entry in entries):
        raise UserError("the zip holds links, or paths that lead out of it. Zip the pictures alone.")


def _leads_outside(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or stat.S_ISLNK(entry.external_attr >> 16)


def keep(file: Path, runs: Path, before: str = "") -> Path:
    """Check an uploaded zip and move it to where runs may use it; returns where. before: what its folder's
    name begins with. Raises UserError; a file that is refused is deleted."""
    try:
        check(file)
        folder = runs.absolute() / "uploads" / f"{before}{secrets.token_hex(8)}"
        folder.mkdir(parents=True, mode=0o700)
        name = re.sub(r"[^\w.-]+", "-", file.stem).strip(".-") or "pictures"
        return Path(shutil.move(file, folder / f"{name}.zip"))
    except OSError as error:
        raise UserError(f"the zip cannot be kept ({error.strerror}).") from None
    finally:
        file.unlink(missing_ok=True)


def forget(runs: Path, used: Iterable[str], gone: Iterable[str] = (), now: float | None = None) -> None:
    """Delete uploads that no run uses: those among `gone` at once, others once they have waited long enough."""
    used, gone = ({Path(path).parent for path in paths} for paths in (used, gone))
    for folder in (runs.absolute() / "uploads").glob("*/"):
        old = (time.time() if now is None else now) - folder.stat().st_mtime > KEPT
        if folder not in used and (old or folder in gone):
            shutil.rmtree(folder, ignore_errors=True)


def forget_packs(runs: Path, since: float, until: float) -> None:
    """Delete the packs of prepared pictures that were made while a run on own pictures went on: one holds those. What
    else was made meanwhile is made anew when it is wanted."""
    for pack in (runs / "feature-cache").glob("*.safetensors"):
        with contextlib.suppress(OSError):
            if since - 1 <= pack.stat().st_mtime <= until + 1:
                pack.unlink()
