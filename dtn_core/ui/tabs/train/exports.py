"""A run's checkpoint as a zip to download: weights, config.json and a model card."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import shutil
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ....core.errors import UserError
from ...access.redaction import absolute_paths, redact_values

RETENTION_SECONDS = 3600
"""Minimum time for which a zip is kept for download."""

_SUFFIXES = (".safetensors", ".json", ".md")


def new_folder(cache: Path) -> Path:
    """Return a new folder's path for a zip to download, and delete the folders of old downloads."""
    delete_old(cache / "exports")
    return cache / "exports" / secrets.token_hex(8)


def delete_old(folder: Path, now: float | None = None) -> None:
    """Delete the folders of zips older than `RETENTION_SECONDS`."""
    for path in folder.glob("*/"):
        if (time.time() if now is None else now) - path.stat().st_mtime > RETENTION_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def zip_checkpoint(source: Path, readme: str, redact_runs: Path | None = None) -> bytes:
    """Zip a checkpoint's directory.

    Args:
        source: the directory.
        readme: the model card, used where the directory has none.
        redact_runs: for viewers who may not name paths: the folder of runs. The server's folders are then removed from
            all JSON and Markdown files.

    Raises:
        UserError: if the directory can't be read.
    """
    buffer = io.BytesIO()
    try:
        names = sorted(path.name for path in source.iterdir() if path.suffix in _SUFFIXES and path.is_file())
        contents: dict[str, bytes | str] = {name: (source / name).read_bytes() for name in names}
        contents.setdefault("README.md", readme)
    except OSError as error:
        raise UserError(f"{source.name}: cannot be read ({error.strerror}).") from None
    if redact_runs:
        contents = _redacted(contents, redact_runs)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:  # weights hardly compress
        for name, content in contents.items():
            file.writestr(f"{source.name}/{name}", content)
    return buffer.getvalue()


def _redacted(contents: Mapping[str, bytes | str], runs: Path) -> dict[str, bytes | str]:
    """Return the files of a checkpoint without the server's folders. Damaged JSON files are left out."""
    redacted: dict[str, bytes | str] = {}
    paths: set[str] = set()
    for name, content in contents.items():
        if name.endswith(".json"):
            with contextlib.suppress(ValueError, RecursionError):
                values = json.loads(content)
                paths.update(absolute_paths(values))
                redacted[name] = json.dumps(redact_values(values, runs), indent=1) + "\n"
        elif not name.endswith(".md"):
            redacted[name] = content
    for name in (name for name in contents if name.endswith(".md")):
        text = contents[name] if isinstance(contents[name], str) else contents[name].decode("utf-8", "replace")
        for path in sorted(paths, key=len, reverse=True):  # a pattern can't match paths that contain spaces
            text = text.replace(path, Path(path).name)
        redacted[name] = redact_values(text, runs)
    return redacted
