"""The editor of drawn avatars.

The page holds the avatars. It calls the server functions below for what it can't do in the browser, each with one
object of arguments. The server keeps no state between calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr
import numpy as np

from ...avatars import engine
from ...avatars.export import MIME, export
from ...avatars.parameters import Parameters
from ...avatars.sampling import sample_similar
from ...avatars.style_mapping import transfer_edits
from ...core.errors import UserError
from ...core.types import Box, DrawnAvatar, Face, Result
from ..access.admission import ServerFunctions, check_pixels
from ..components import catalogue
from ..components.exports import archive
from ..components.html import sentence
from ..components.pictures import ASSETS, data_url, encode
from ..components.scripts import component_script

MAX_AVATARS = 200
"""Maximum number of avatars in a zip."""


def editor(functions: ServerFunctions, **options: Any) -> gr.HTML:
    """Create the editor's component.

    Its value is set by `payload` and read by `edits`. It fires ``submit`` shortly after an edit.

    Args:
        functions: the queues through which the page calls the server functions.
    """
    template = (ASSETS / "editor.html").read_text("utf-8")
    short = [functions.short(function) for function in (describe, preview, draw, more, carry_over, read)]
    return gr.HTML(
        None,
        html_template=template,
        js_on_load=component_script("editor"),
        server_functions=[*short, functions.pictures(write), functions.archives(pack)],
        apply_default_css=False,
        elem_id="editor",
        **options,
    )


def payload(result: Result | None = None, photo: str = "", mirrored: bool = False, credit: str = "") -> str:
    """Return the editor's value for a photo, as JSON.

    Args:
        result: of the photo. Faces without an avatar (painted ones) are pictures, which can be saved but not edited.
        photo: any name for the photo. The same photo in another style, under the same name, keeps its edits.
        mirrored: whether the photo was mirrored since the last value.
        credit: artist and licence of the style, shown with painted pictures.
    """
    faces = result.faces if result else ()
    avatars = [
        {**avatar_payload(face.avatar), "box": [round(v, 1) for v in face.aligned.face.box]}
        for face in faces
        if face.avatar
    ]
    painted = [encode(face.picture(), max_side=None) for face in faces if not face.avatar]
    value = {"id": "photo", "key": photo, "mirror": mirrored, "faces": avatars, "painted": painted, "credit": credit}
    return json.dumps(value)


def avatar_payload(avatar: DrawnAvatar) -> dict[str, Any]:
    """Return an avatar as the editor's script expects it."""
    parameters = avatar.parameters.to_dict()
    return {
        "parameters": parameters,
        "chosen": parameters,
        "sure": dict(avatar.confidences),
        "measured": list(avatar.measured),
        "likely": getattr(avatar, "probabilities", {}),
        "svg": avatar.svg(),
    }


class Edit:
    """One face of the editor's value.

    Attributes:
        parameters: of the avatar.
        edited: names of what the user has changed, see `style_mapping.carry`.
        box: of the face in the photo.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.parameters = Parameters.from_dict(values.get("parameters"))
        self.edited = _names(values.get("edited"))
        self.box = Box(*(float(v) for v in values.get("box") or (0, 0, 0, 0)))

    def face(self) -> Face:
        """Return the face in the photo."""
        return Face(self.box, np.zeros((5, 2), np.float32), 0.0)


def edits(value: str | None) -> list[Edit]:
    """Parse the editor's value; a damaged value has no faces."""
    try:
        return [Edit(face) for face in json.loads(value or "{}").get("faces", [])]
    except (UserError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return []


def errors_as_json(function: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Decorate a server function to return a UserError as {"error": one line, "code": its code}."""

    @wraps(function)
    def call(values: Any) -> dict[str, Any]:
        try:
            if not isinstance(values, dict):
                raise UserError("the arguments must be an object.")
            return function(values)
        except UserError as error:
            return {"error": sentence(error), "code": error.code}

    return call


@errors_as_json
def describe(values: dict[str, Any]) -> dict[str, Any]:
    """Describe a style: style → `catalogue.StyleInfo`, with labels of all variants."""
    info = catalogue.style_info(str(values.get("style")))
    labels = {slot["name"]: [catalogue.words(variant) for variant in slot["variants"]] for slot in info["slots"]}
    return {**info, "labels": labels}


@errors_as_json
def preview(values: dict[str, Any]) -> dict[str, Any]:
    """Draw an avatar with all variants of a slot: parameters, slot → pictures, see `catalogue.previews`."""
    return {"pictures": catalogue.previews(Parameters.from_dict(values.get("parameters")), str(values.get("slot")))}


@errors_as_json
def draw(values: dict[str, Any]) -> dict[str, Any]:
    """Draw an avatar: parameters → parameters, svg."""
    return svg_payload(Parameters.from_dict(values.get("parameters")))


@errors_as_json
def more(values: dict[str, Any]) -> dict[str, Any]:
    """Draw other likely avatars: parameters, likely, keep, seed → avatars, see `sampling.sample_similar`."""
    parameters = Parameters.from_dict(values.get("parameters"))
    keep = _names(values.get("keep"))
    seed = values.get("seed", 0)
    if not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise UserError("seed must be a whole number of at least 0.")
    return {"avatars": [svg_payload(one) for one in sample_similar(parameters, values.get("likely"), keep, seed=seed)]}


@errors_as_json
def carry_over(values: dict[str, Any]) -> dict[str, Any]:
    """Apply edits to another style's avatar: edited, source, target → parameters, svg, edited (see `style_mapping`)."""
    source, target = (Parameters.from_dict(values.get(name)) for name in ("source", "target"))
    parameters, carried = transfer_edits(_names(values.get("edited")), source, target)
    return {**svg_payload(parameters), "edited": carried}


@errors_as_json
def write(values: dict[str, Any]) -> dict[str, Any]:
    """Export an avatar: parameters, format, size, background → url of the file, see `export.export`."""
    format = values.get("format", "png")
    options = {"size": values.get("size", 512), "background": values.get("background")}
    content = export(Parameters.from_dict(values.get("parameters")), format, **options)
    return {"url": data_url(content, MIME[format])}


@errors_as_json
def read(values: dict[str, Any]) -> dict[str, Any]:
    """Open an exported JSON file: text → parameters, svg."""
    return svg_payload(Parameters.from_json(str(values.get("text", ""))))


@errors_as_json
def pack(values: dict[str, Any]) -> dict[str, Any]:
    """Export many avatars: avatars (each with name and parameters), size → url of a zip, see `exports.archive`."""
    given = values.get("avatars")
    size = values.get("size", 512)
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise UserError("avatars must be a list of objects.")
    if not 0 < len(given) <= MAX_AVATARS:
        raise UserError(f"a zip holds 1 to {MAX_AVATARS} avatars.")
    check_pixels(len(given), size)
    avatars = [(str(one.get("name", "emoji")), Parameters.from_dict(one.get("parameters"))) for one in given]
    return {"url": data_url(archive(avatars, size=size), "application/zip")}


def _names(values: Any) -> list[str]:
    if not isinstance(values, list | tuple | None):
        raise UserError("names must be a list.")
    return [str(name) for name in values or ()]


def svg_payload(parameters: Parameters) -> dict[str, Any]:
    """Draw an avatar; return its complete parameters and its SVG."""
    return {"parameters": parameters.to_dict(), "svg": engine.svg(parameters)}
