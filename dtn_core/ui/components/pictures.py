"""Pictures as data URLs between the browser and Python, without files.

gradio stores the pictures of its image components in a folder on the disk. A data URL in the request and the response
exists in memory only.
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
from ...core.files import distribution_folder
from ...core.images import LoadedPicture
from ...core.types import Image
from ...data.examples import Example
from ...faces.photos import load_photo
from .scripts import component_script

ASSETS = distribution_folder("assets")

MAX_BYTES = 40_000_000
"""Maximum size of a picture file, since pictures are held in memory; phone photos are far smaller."""

THUMBNAIL = 112
"""Side length of the thumbnail of an example, in pixels."""

MAX_SHOWN = 1600
"""Maximum side length of a photo sent to the browser, in pixels."""


def encode(image: Image, max_side: int | None = MAX_SHOWN, exact: bool = False) -> str:
    """Encode a picture as a data URL: RGB as JPEG, RGBA as PNG.

    Args:
        image: (H, W, 3 or 4) uint8; also (H, W) with `exact`.
        max_side: scale it down to this side length; None to keep its size.
        exact: always encode as PNG.
    """
    height, width = image.shape[:2]
    if max_side and max(height, width) > max_side:
        scale = max_side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    lossless = exact or image.shape[2] == 4
    kind = "png" if lossless else "jpeg"
    options = {"compress_level": 3} if lossless else {"quality": 92, "subsampling": "4:4:4"}
    PILImage.fromarray(np.ascontiguousarray(image)).save(buffer, kind, **options)
    return data_url(buffer.getvalue(), f"image/{kind}")


def data_url(content: bytes, kind: str) -> str:
    """Return the content of a file as a data URL. kind: its MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def decode(url: str, min_side: int | None = None, max_pixels: int = images.MAX_PIXELS) -> Image:
    """Decode a data URL or bare base64 to (H, W, 3) RGB, with the options and errors of `images.load`."""
    return images.load(content_of(url), min_side, max_pixels)


def decode_photo(url: str) -> LoadedPicture:
    """Decode a photo of faces from a data URL or bare base64, with alpha. Raises UserError as `load_photo`."""
    return load_photo(content_of(url), alpha=True)


def content_of(url: str) -> bytes:
    """Return the bytes of a data URL or bare base64. Raises UserError if there are none, or too many."""
    if not isinstance(url, str):  # programs send null
        raise UserError("no picture was given: give one as a data URL or as base64.")
    if len(url) > MAX_BYTES * 4 / 3 + 100:
        raise UserError(f"the picture is larger than {MAX_BYTES // 1_000_000} MB. Scale it down first.")
    text = url.partition(",")[2] if url.startswith("data:") else url
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UserError("the picture did not arrive whole: give it as a data URL or as base64.") from None


def picture_input(name: str, examples: str = "", **options: Any) -> gr.HTML:
    """Create an input whose value is a picture's data URL. It fires ``submit``.

    gr.Image would upload the file to a folder on the server.

    Args:
        name: of assets/``name``.html and assets/js/``name``.js.
        examples: HTML of example pictures.
        options: of gr.HTML.
    """
    template = (ASSETS / f"{name}.html").read_text("utf-8")
    template = template.replace("{{examples}}", examples).replace("{{demo}}", "".join(demo()))
    script = component_script(name, maxBytes=MAX_BYTES)
    return gr.HTML(None, html_template=template, js_on_load=script, apply_default_css=False, **options)


def photo_input(photos: Mapping[str, Image], drawn: Mapping[str, Example], **options: Any) -> gr.HTML:
    """Create an input for a photo, see `picture_input`: from a file, the clipboard, the webcam or an example.

    Args:
        photos: example photos by name.
        drawn: drawn example faces by name; their credits are shown on hover.
        options: of gr.HTML.
    """
    buttons = [_example(name, photo, name) for name, photo in photos.items()]
    buttons += [
        _example(f"Drawn: {name}", example.picture, f"{name}: {example.credit}", exact=True)
        for name, example in drawn.items()
    ]
    return picture_input("photo", "".join(buttons), **options)


def demo() -> list[str]:
    """Return <img> elements of example photos and their emoji, in turns (tests/e2e/preview.py makes them)."""
    files = sorted((ASSETS / "demo").iterdir())
    kinds = {".webp": "image/webp", ".svg": "image/svg+xml"}
    urls = [data_url(file.read_bytes(), kinds[file.suffix]) for file in files]
    return [f'<img src="{url}" alt="" style="--i: {i}">' for i, url in enumerate(urls)]


def _example(name: str, picture: Image, title: str, exact: bool = False) -> str:
    small = encode(picture, THUMBNAIL)
    return (
        f'<button type="button" class="photo-example" title="{html.escape(title)}" aria-label="{html.escape(name)}" '
        f'data-picture="{encode(picture, 768, exact)}"><img src="{small}" alt=""></button>'
    )
