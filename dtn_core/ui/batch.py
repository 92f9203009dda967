"""The mode *Many photos*: the browser sends one picture after the other, and shows the emoji on a sheet."""

from __future__ import annotations

import base64
from collections.abc import Callable
from threading import Semaphore
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image as PILImage

from ..avatars.parameters import Parameters
from ..domains.styles import SHOWN
from ..errors import UserError
from ..picture_files import open_picture
from ..transfer import Transferrer
from ..types import Image, TransferredFace
from . import exports, html, pictures
from .access.rate_limits import BUSY
from .editor import answering, described
from .gradio_internals import ALONGSIDE
from .translations import Translations, style_of

MAX_PICTURES = 200
"""So many are done at once: a viewer shares the machine with others."""

MAX_PACKED = 1000
"""So many emoji go into one zip."""

AT_ONCE = 2
"""So many pictures are done at a time, of all viewers."""

WAITING = 8
"""So many pictures wait; more are told that the app is busy. Each holds a thread, and there are forty for all pages."""

PAINTED_SIDE = 256
"""Longest side of a painted emoji in pixels."""


def fill(translations: Translations[Transferrer], chosen: gr.Dropdown, kind: gr.Radio) -> None:
    """Fill the mode, inside a gr.Tab. chosen, kind: what is chosen above the modes."""
    template = (pictures.ASSETS / "batch.html").read_text("utf-8").replace("{{max}}", str(MAX_PICTURES))
    script = pictures.scripts("files", "zip", "batch").replace("MAX_PICTURES", str(MAX_PICTURES))
    sheet = gr.HTML(
        ["", "drawn"], html_template=template, js_on_load=script, apply_default_css=False, elem_id="batch",
        server_functions=[portrayer(translations), packer(translations)],
    )  # fmt: skip
    gr.on([chosen.change, kind.change], lambda *now: list(now), [chosen, kind], sheet, **ALONGSIDE)


def portrayer(translations: Translations[Transferrer]) -> Callable[[Any], dict[str, Any]]:
    """What the page calls for every picture."""
    free, places = Semaphore(AT_ONCE), Semaphore(AT_ONCE + WAITING)

    @answering
    def portray(request: dict[str, Any]) -> dict[str, Any]:
        """photo: a data URL, style: a translation's key, kind → faces, notes."""
        transferrer = translations.get(request.get("style"))
        wanted = "painted" if request.get("kind") == "painted" and transferrer.paints else "drawn"
        if not places.acquire(blocking=False):
            raise UserError(BUSY)
        try:
            with free:
                frame = pictures.decode(request.get("photo"))  # a small file may be 150 MB of pixels: in its turn
                result = transferrer(frame, kind=wanted, compose=False)
        finally:
            places.release()
        seen = (*result.faces, *result.refused)
        notes = list(dict.fromkeys(face.note for face in seen if face.note)) if seen else [html.NO_FACE]
        return {"faces": [describe(face) for face in result.faces], "notes": notes}

    return portray


def describe(face: TransferredFace) -> dict[str, Any]:
    """A face as the page keeps it: drawn as the editor takes it, or painted."""
    if face.avatar is None:
        return {"parameters": None, "png": pictures.encode(face.picture(), max_side=None)}
    return described(face.avatar)


def packer(translations: Translations[Transferrer]) -> Callable[[Any], dict[str, Any]]:
    """What the page calls for the zip."""

    @answering
    def pack(request: dict[str, Any]) -> dict[str, Any]:
        """emoji (each with name and parameters, or with name, png and style) → url of the zip."""
        emoji = request.get("emoji")
        if not isinstance(emoji, list) or not all(isinstance(one, dict) for one in emoji):
            raise UserError("a list of emoji is wanted.")
        if not 0 < len(emoji) <= MAX_PACKED:
            raise UserError(f"a zip holds 1 to {MAX_PACKED} emoji. Clear some photos.")
        drawn, painted, styles = [], [], {}
        for one in emoji:
            name, parameters = str(one.get("name", "emoji")), one.get("parameters")
            if parameters is None:
                painted.append((name, _painted(one.get("png"))))
                styles[style_of(translations.get(one.get("style")).checkpoint.info)] = True
            else:
                drawn.append((name, Parameters.from_dict(parameters)))
        credits = [SHOWN[style].credit for style in styles if style in SHOWN]
        data = exports.archive(drawn, painted=painted, credits=credits)
        return {"url": pictures.data_url(data, "application/zip")}

    return pack


def _painted(url: Any) -> Image:
    """A painted emoji that comes back from the page as a PNG."""
    try:
        with open_picture(base64.b64decode(url.partition(",")[2]), ("PNG",)) as picture:
            if max(picture.size) <= PAINTED_SIDE:
                return np.array(picture.convert("RGBA"))
    except (AttributeError, OSError, ValueError, SyntaxError, PILImage.DecompressionBombError):
        pass
    raise UserError("a painted emoji did not arrive whole. Draw all again.")
