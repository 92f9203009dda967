"""Zips of emoji, created in memory."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence

from PIL import Image as PILImage

from ...avatars.export import Format, export
from ...avatars.parameters import Parameters
from ...avatars.styles import STYLES
from ...core.types import Image
from ..access.admission import check_cancelled

CREDITS = "CREDITS.txt"


def archive(
    avatars: Sequence[tuple[str, Parameters]],
    formats: Sequence[Format] = ("svg", "png", "json"),
    size: int = 512,
    painted: Sequence[tuple[str, Image]] = (),
    credits: Sequence[str] = (),
) -> bytes:
    """Write a zip of avatars and painted emoji, with a CREDITS.txt that names the artists and their terms.

    Args:
        avatars: (name, parameters); a name is turned into a safe file name, and numbered where it is not unique.
        formats: files of each avatar.
        size: of the avatars' PNGs, in pixels.
        painted: (name, (S, S, 4) RGBA), each written as PNG.
        credits: lines for the painted emoji.

    Raises:
        UserError: for a size outside `engine.SIZES`.
    """
    taken: set[str] = set()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as pack:
        for name, parameters in avatars:
            stem = _stem(name, taken)
            for format in formats:
                check_cancelled()
                compression = zipfile.ZIP_STORED if format in ("png", "webp") else zipfile.ZIP_DEFLATED
                pack.writestr(f"{stem}.{format}", export(parameters, format, size), compression)
        for name, picture in painted:
            check_cancelled()
            pack.writestr(f"{_stem(name, taken)}.png", _png(picture), zipfile.ZIP_STORED)
        artists = [STYLES[parameters.style].credit for _, parameters in avatars]
        pack.writestr(CREDITS, "".join(f"{credit}\n" for credit in dict.fromkeys([*artists, *credits])))
    return buffer.getvalue()


def _stem(name: str, taken: set[str]) -> str:
    """Return a file name without suffix that is valid on every system and not in `taken`, and add it there."""
    stem = re.sub(r"\.\w{1,5}$", "", re.split(r"[/\\]", name)[-1])
    stem = re.sub(r"[^\w .()-]", "_", stem).strip(" .")[:80].rstrip(" .") or "emoji"
    unique, number = stem, 1
    while unique.casefold() in taken:
        number += 1
        unique = f"{stem}-{number}"
    taken.add(unique.casefold())
    return unique


def _png(picture: Image) -> bytes:
    buffer = io.BytesIO()
    PILImage.fromarray(picture).save(buffer, "png", compress_level=3)
    return buffer.getvalue()
