"""The mode *Many photos*: the browser sends one picture after the other and shows the emoji in a grid."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image as PILImage

from ...avatars.parameters import Parameters
from ...avatars.styles import LISTED_STYLES
from ...core.errors import UserError
from ...core.picture_files import open_picture
from ...core.types import Image, TransferredFace
from ...pipeline.photo import Transferrer
from ..access.admission import ServerFunctions, check_cancelled
from ..components import exports, html, pictures
from ..components.scripts import component_script
from ..gradio_internals import SECONDARY_LISTENER
from ..translations import Translations, style_of
from .editor import avatar_payload, errors_as_json

MAX_PICTURES = 200
"""Maximum number of photos in a grid, since viewers share the machine."""

MAX_EMOJI = 1000
"""Maximum number of emoji in a zip."""

MAX_PAINTED_SIDE = 256
"""Maximum side length of a painted emoji in pixels."""


def fill(
    translations: Translations[Transferrer], chosen: gr.Dropdown, kind: gr.Radio, functions: ServerFunctions
) -> None:
    """Fill the mode, inside a gr.Tab.

    Args:
        translations: what a photo can be redrawn with.
        chosen: the translation that is selected above the modes.
        kind: drawn or painted, as selected there.
        functions: the queues through which the page calls the server functions.
    """
    template = (pictures.ASSETS / "batch.html").read_text("utf-8").replace("{{max}}", str(MAX_PICTURES))
    script = component_script("batch", maxBytes=pictures.MAX_BYTES, maxPictures=MAX_PICTURES)
    sheet = gr.HTML(
        ["", "drawn"], html_template=template, js_on_load=script, apply_default_css=False, elem_id="batch",
        server_functions=[
            functions.pictures(make_batch_handler(translations)), functions.archives(make_pack_handler(translations)),
        ],
    )  # fmt: skip
    gr.on([chosen.change, kind.change], lambda *now: list(now), [chosen, kind], sheet, **SECONDARY_LISTENER)


def make_batch_handler(translations: Translations[Transferrer]) -> Callable[[Any], dict[str, Any]]:
    """Return the server function that the page calls for every photo."""

    @errors_as_json
    def redraw(request: dict[str, Any]) -> dict[str, Any]:
        """Redraw a photo: photo (a data URL), style (a translation's key), kind → faces, notes."""
        transferrer = translations.get(request.get("style"))
        photo = pictures.decode_photo(request.get("photo"))
        kind = "painted" if request.get("kind") == "painted" and transferrer.paints else "drawn"
        check_cancelled()
        result = transferrer(photo.picture, kind=kind, compose=False)
        faces = (*result.faces, *result.refused)
        notes = list(dict.fromkeys(face.note for face in faces if face.note)) if faces else [html.NO_FACE]
        if photo.note:
            notes.append(photo.note)
        return {"faces": [describe(face) for face in result.faces], "notes": notes}

    return redraw


def describe(face: TransferredFace) -> dict[str, Any]:
    """Return a face as the page keeps it: an avatar as for the editor, or a painted picture."""
    if face.avatar is None:
        return {"parameters": None, "png": pictures.encode(face.picture(), max_side=None)}
    return avatar_payload(face.avatar)


def make_pack_handler(translations: Translations[Transferrer]) -> Callable[[Any], dict[str, Any]]:
    """Return the server function that the page calls for a zip of all emoji."""

    @errors_as_json
    def pack(request: dict[str, Any]) -> dict[str, Any]:
        """Zip emoji: emoji (each with name and parameters, or with name, png and style) → url of the zip."""
        emoji = request.get("emoji")
        if not isinstance(emoji, list) or not all(isinstance(one, dict) for one in emoji):
            raise UserError("emoji must be a list of objects.")
        if not 0 < len(emoji) <= MAX_EMOJI:
            raise UserError(f"a zip holds 1 to {MAX_EMOJI} emoji. Clear some photos.")
        drawn, painted, styles = [], [], []
        for one in emoji:
            check_cancelled()
            name = str(one.get("name", "emoji"))
            parameters = one.get("parameters")
            if parameters is None:
                painted.append((name, _painted(one.get("png"))))
                styles.append(style_of(translations.get(one.get("style")).checkpoint.info))
            else:
                drawn.append((name, Parameters.from_dict(parameters)))
        credits = [LISTED_STYLES[style].credit for style in dict.fromkeys(styles) if style in LISTED_STYLES]
        data = exports.archive(drawn, painted=painted, credits=credits)
        return {"url": pictures.data_url(data, "application/zip")}

    return pack


def _painted(url: Any) -> Image:
    """Decode a painted emoji that the page sends back as a PNG."""
    try:
        with open_picture(base64.b64decode(url.partition(",")[2]), ("PNG",)) as picture:
            if max(picture.size) <= MAX_PAINTED_SIDE:
                return np.array(picture.convert("RGBA"))
    except (AttributeError, OSError, ValueError, SyntaxError, PILImage.DecompressionBombError):
        pass
    raise UserError("a painted emoji is damaged or too large. Draw all photos again.")
