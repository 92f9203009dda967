"""Pictures between the browser and Python without a file in between.

gradio keeps whatever passes through its image components in a folder on the disk. Here a picture travels as a
data URL inside the request and the answer instead: it lives in memory, and is gone when the answer is.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
from collections.abc import Mapping
from typing import Any

import cv2
import gradio as gr
import numpy as np
from PIL import Image as PILImage

from ...core import images
from ...core.errors import UserError
from ...core.files import shipped
from ...core.types import Image
from ...data.examples import Example

ASSETS = shipped("assets")

MAX_BYTES = 40_000_000
"""Files larger than this are refused: they travel in memory, and phone photos stay far below."""

MAX_SHOWN = 1600
"""Longest side of a photo sent back to the browser."""


def encode(image: Image, max_side: int | None = MAX_SHOWN, exact: bool = False) -> str:
    """A picture as a data URL, scaled down to ``max_side``: RGB becomes JPEG, RGBA a PNG that keeps its
    transparency. exact: a PNG in any case; then (H, W) grey will do too."""
    height, width = image.shape[:2]
    if max_side and max(height, width) > max_side:
        scale = max_side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    lossless = exact or image.shape[2] == 4
    kind, options = ("png", {"compress_level": 3}) if lossless else ("jpeg", {"quality": 90})
    PILImage.fromarray(np.ascontiguousarray(image)).save(buffer, kind, **options)
    return data_url(buffer.getvalue(), f"image/{kind}")


def data_url(content: bytes, kind: str) -> str:
    """The content of a file as a data URL; kind: its MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def decode(url: str, min_side: int | None = None, max_pixels: int = images.MAX_PIXELS) -> Image:
    """Decode a data URL or bare base64 to (H, W, 3) RGB, with the options and errors of `images.load`."""
    if not isinstance(url, str):  # programs send null
        raise UserError("no picture was given: give one as a data URL or as base64.")
    if len(url) > MAX_BYTES * 4 / 3 + 100:
        raise UserError(f"the picture is larger than {MAX_BYTES // 1_000_000} MB. Scale it down first.")
    text = url.partition(",")[2] if url.startswith("data:") else url
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UserError("the picture did not arrive whole: give it as a data URL or as base64.") from None
    return images.load(data, min_side, max_pixels)


def picture_input(name: str, examples: str = "", **options: Any) -> gr.HTML:
    """An input that assets/``name``.html and .js make; its value is a picture's data URL, made in the browser, and it
    fires ``submit``. gr.Image would upload the file to a folder on the server. examples: HTML of what to pick from."""
    template = (ASSETS / f"{name}.html").read_text("utf-8").replace("{{examples}}", examples)
    script = scripts("files", name)
    return gr.HTML(None, html_template=template, js_on_load=script, apply_default_css=False, **options)


def scripts(*names: str) -> str:
    """The scripts assets/``name``.js of one element, one after the other."""
    text = "".join((ASSETS / f"{name}.js").read_text("utf-8") for name in names)
    return text.replace("MAX_BYTES", str(MAX_BYTES))


def photo_input(photos: Mapping[str, Image], drawn: Mapping[str, Example], **options: Any) -> gr.HTML:
    """Choose, drop or paste a file, take a snapshot, or pick an example, and rotate or clear it; see `picture_input`.
    The examples are photos and drawn faces, whose credits are shown on hover."""
    buttons = [_example(name, encode(photo, 768), name) for name, photo in photos.items()]
    buttons += [_example(f"Drawn: {name}", encode(one.picture, exact=True), one.credit) for name, one in drawn.items()]
    return picture_input("photo", "".join(buttons), **options)


def _example(name: str, url: str, title: str) -> str:
    return (
        f'<button type="button" class="photo-example" title="{html.escape(title)}">'
        f'<img src="{url}" alt=""><span>{html.escape(name)}</span></button>'
    )
