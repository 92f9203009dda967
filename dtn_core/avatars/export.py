"""Avatars as files: SVG, PNG, WebP or JSON, each with the artist's name and the terms in it."""

from __future__ import annotations

import io
import json
import re
from typing import Literal, get_args

from ..core.errors import UserError
from . import engine
from .parameters import VERSION, Parameters

Format = Literal["svg", "png", "webp", "json"]
FORMATS = get_args(Format)

MIME = {"svg": "image/svg+xml", "png": "image/png", "webp": "image/webp", "json": "application/json"}

STICKER = 512
"""Side in pixels of the stickers that messengers take; they want WebP."""

_COPYRIGHT, _ARTIST = 0x8298, 0x013B
"""Tags of EXIF."""


def export(
    parameters: Parameters,
    format: Format = "png",
    size: int = STICKER,
    background: str | None = None,
    view: engine.View = "bust",
) -> bytes:
    """An avatar as the content of a file. size: side of a PNG or WebP in pixels, see `engine.SIZES`; background:
    "#rrggbb", or None for a transparent one; view: what is seen of it; JSON has none of these.

    Raises UserError for another format, size or background.
    """
    if format not in FORMATS:
        raise UserError(f"format is one of {', '.join(FORMATS)}, not {format!r:.40}.")
    if background is not None and not (isinstance(background, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", background)):
        raise UserError(f"background must be written #rrggbb, not {background!r:.40}.")
    artist, terms = engine.credit(parameters.style)
    rights = f"{artist}, {terms}, drawn by DiceBear"
    if format == "json":
        return (json.dumps({"version": VERSION, **parameters.to_dict(), "credit": rights}, indent=1) + "\n").encode()
    text = engine.svg(parameters, view)
    if background:
        left, top, side = engine.frame(parameters.style, view)
        paper = f'<rect x="{left:g}" y="{top:g}" width="{side:g}" height="{side:g}" fill="{background}"/>'
        text = text.replace("</defs>", f"</defs>{paper}", 1)
    if format == "svg":
        return text.encode()
    return _pixels(text, format, size, artist, rights)


def _pixels(text: str, format: Format, size: int, artist: str, rights: str) -> bytes:
    from PIL import Image as PILImage
    from PIL.PngImagePlugin import PngInfo

    engine.check_size(size)
    buffer, options = io.BytesIO(), {}
    if format == "png":
        options["pnginfo"] = PngInfo()
        for name, value in (("Author", artist), ("Copyright", rights), ("Software", "DTN Studio")):
            options["pnginfo"].add_itxt(name, value)
    else:
        exif = PILImage.Exif()
        exif[_ARTIST], exif[_COPYRIGHT] = artist, rights
        options |= {"exif": exif, "lossless": True}
    PILImage.fromarray(engine.raster(text, size)).save(buffer, format, **options)
    return buffer.getvalue()
