"""Export avatars as SVG, PNG, WebP or JSON files, which contain the artist's name and the licence."""

from __future__ import annotations

import io
import json
import re
from typing import Any, Literal, get_args

from ..core.errors import UserError
from . import engine
from .parameters import VERSION, Parameters

Format = Literal["svg", "png", "webp", "json"]
FORMATS = get_args(Format)

MIME = {"svg": "image/svg+xml", "png": "image/png", "webp": "image/webp", "json": "application/json"}

STICKER_SIZE = 512
"""Side in pixels of the WebP stickers of messengers."""

_EXIF_COPYRIGHT = 0x8298
_EXIF_ARTIST = 0x013B


def export(
    parameters: Parameters,
    format: Format = "png",
    size: int = STICKER_SIZE,
    background: str | None = None,
    view: engine.View = "bust",
) -> bytes:
    """Encode an avatar as the content of a file. JSON ignores size, background and view.

    Args:
        parameters: The avatar.
        format: One of `FORMATS`.
        size: Side of a PNG or WebP in pixels, see `engine.SIZES`.
        background: "#rrggbb", or None for a transparent one.
        view: See `engine.View`.

    Raises:
        UserError: Another format, size or background.
    """
    if format not in FORMATS:
        raise UserError(f"format is one of {', '.join(FORMATS)}, not {format!r:.40}.")
    if background is not None and not (isinstance(background, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", background)):
        raise UserError(f"background must be written #rrggbb, not {background!r:.40}.")
    artist, licence = engine.credit(parameters.style)
    rights = f"{artist}, {licence}, drawn by DiceBear"
    if format == "json":
        return (json.dumps({"version": VERSION, **parameters.to_dict(), "credit": rights}, indent=1) + "\n").encode()
    text = engine.svg(parameters, view)
    if background:
        left, top, side = engine.frame(parameters.style, view)
        rect = f'<rect x="{left:g}" y="{top:g}" width="{side:g}" height="{side:g}" fill="{background}"/>'
        text = text.replace("</defs>", f"</defs>{rect}", 1)
    if format == "svg":
        return text.encode()
    return _rasterise(text, format, size, artist, rights)


def _rasterise(text: str, format: Format, size: int, artist: str, rights: str) -> bytes:
    from PIL import Image as PILImage
    from PIL.PngImagePlugin import PngInfo

    engine.check_size(size)
    buffer = io.BytesIO()
    options: dict[str, Any] = {}
    if format == "png":
        options["pnginfo"] = PngInfo()
        for name, value in (("Author", artist), ("Copyright", rights), ("Software", "DTN Studio")):
            options["pnginfo"].add_itxt(name, value)
    else:
        exif = PILImage.Exif()
        exif[_EXIF_ARTIST] = artist
        exif[_EXIF_COPYRIGHT] = rights
        options |= {"exif": exif, "lossless": True}
    PILImage.fromarray(engine.raster(text, size)).save(buffer, format, **options)
    return buffer.getvalue()
