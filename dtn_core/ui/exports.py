"""Many emoji as one zip, made in memory."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence

from PIL import Image as PILImage

from ..avatars.export import Format, export
from ..avatars.parameters import Parameters
from ..domains.styles import STYLES
from ..types import Image

CREDITS = "CREDITS.txt"


def archive(
    avatars: Sequence[tuple[str, Parameters]],
    formats: Sequence[Format] = ("svg", "png", "json"),
    size: int = 512,
    painted: Sequence[tuple[str, Image]] = (),
    credits: Sequence[str] = (),
) -> bytes:
    """A zip of avatars, one file a format, and of painted emoji as PNG; CREDITS.txt names the artists and their terms.

    avatars: (name, parameters); the name is made a safe file name, and numbered where it is there already. size: of the
    PNGs of avatars, in pixels. painted: (name, (S, S, 4) RGBA). credits: of the painted ones.
    Raises UserError for a size outside `engine.SIZES`.
    """
    taken: set[str] = set()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as pack:
        for name, parameters in avatars:
            stem = _stem(name, taken)
            for format in formats:
                packed = zipfile.ZIP_STORED if format in ("png", "webp") else zipfile.ZIP_DEFLATED
                pack.writestr(f"{stem}.{format}", export(parameters, format, size), packed)
        for name, picture in painted:
            pack.writestr(f"{_stem(name, taken)}.png", _png(picture), zipfile.ZIP_STORED)
        artists = [STYLES[parameters.style].credit for _, parameters in avatars]
        pack.writestr(CREDITS, "".join(f"{credit}\n" for credit in dict.fromkeys([*artists, *credits])))
    return buffer.getvalue()


def _stem(name: str, taken: set[str]) -> str:
    """A file name without its suffix that every system can hold, other than those taken already."""
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
