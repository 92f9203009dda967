"""The editor of drawn avatars. The page keeps the avatars; what it can't do itself it asks of the functions here, each
with one object for its arguments. Nothing is kept between them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image as PILImage

from ..avatars import engine
from ..avatars.export import MIME, export
from ..avatars.likely import another
from ..avatars.parameters import Parameters
from ..avatars.roles import carry
from ..errors import UserError
from ..types import Box, Drawing, Face, Result
from . import catalogue
from .exports import archive
from .html import sentence
from .pictures import ASSETS, data_url

MOST = 200
"""Avatars in a zip."""


def editor(**options: Any) -> gr.HTML:
    """The editor; its value: see `payload` for what it is given, `edits` for what it gives. It fires ``submit``
    some time after an edit."""
    template, script = ((ASSETS / f"editor.{suffix}").read_text("utf-8") for suffix in ("html", "js"))
    functions = [describe, preview, draw, more, carry_over, write, read, pack]
    return gr.HTML(
        None,
        html_template=template,
        js_on_load=script,
        server_functions=functions,
        apply_default_css=False,
        elem_id="editor",
        **options,
    )


def payload(result: Result | None = None, photo: str = "", mirrored: bool = False) -> str:
    """What the editor is given of a photo: its avatars, none where it was painted. photo: any name of it, so that the
    same photo in another style keeps what was edited; mirrored: its faces went the other way round before."""
    faces = [face for face in result.faces if face.avatar] if result else []
    avatars = [{**described(face.avatar), "box": [round(v, 1) for v in face.aligned.face.box]} for face in faces]
    return json.dumps({"id": "photo", "key": photo, "mirror": mirrored, "faces": avatars})


def described(avatar: Drawing) -> dict[str, Any]:
    """An avatar as the editor takes it."""
    chosen = avatar.parameters.to_dict()
    likely = getattr(avatar, "likely", {})
    return {"parameters": chosen, "chosen": chosen, "sure": dict(avatar.sure), "likely": likely, "svg": avatar.svg()}


class Edit:
    """One face as the page gives it back. box: in the photo; edited: what was changed by hand, see `roles.carry`."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.parameters = Parameters.from_dict(values.get("parameters"))
        self.edited = _names(values.get("edited"))
        self.box = Box(*(float(v) for v in values.get("box") or (0, 0, 0, 0)))

    def face(self) -> Face:
        """Where it is in the photo."""
        return Face(self.box, np.zeros((5, 2), np.float32), 0.0)


def edits(value: str | None) -> list[Edit]:
    """The faces that a page has in its editor; those of a damaged value are none."""
    try:
        return [Edit(face) for face in json.loads(value or "{}").get("faces", [])]
    except (UserError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return []


def answering(function: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """For the page: errors for people come as {"error": one line, "code": what it may decide by}."""

    @wraps(function)
    def answer(values: Any) -> dict[str, Any]:
        try:
            if not isinstance(values, dict):
                raise UserError("an object is wanted.")
            return function(values)
        except UserError as error:
            return {"error": sentence(error), "code": error.code}

    return answer


@answering
def describe(values: dict[str, Any]) -> dict[str, Any]:
    """style → `catalogue.StyleInfo`, with labels of all variants."""
    info = catalogue.style_info(str(values.get("style")))
    labels = {slot["name"]: [catalogue.words(variant) for variant in slot["variants"]] for slot in info["slots"]}
    return {**info, "labels": labels}


@answering
def preview(values: dict[str, Any]) -> dict[str, Any]:
    """style, slot → url of `catalogue.previews` as WebP."""
    return {"url": _preview(str(values.get("style")), str(values.get("slot")))}


@cache
def _preview(style: str, slot: str) -> str:
    buffer = io.BytesIO()
    PILImage.fromarray(catalogue.previews(style, slot)).save(buffer, "webp", quality=80)
    return data_url(buffer.getvalue(), "image/webp")


@answering
def draw(values: dict[str, Any]) -> dict[str, Any]:
    """parameters → svg."""
    return drawn(Parameters.from_dict(values.get("parameters")))


@answering
def more(values: dict[str, Any]) -> dict[str, Any]:
    """parameters, likely, keep, seed → avatars, see `likely.another`."""
    parameters = Parameters.from_dict(values.get("parameters"))
    keep, seed = _names(values.get("keep")), values.get("seed", 0)
    if not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise UserError("seed must be a whole number from 0 on.")
    return {"avatars": [drawn(one) for one in another(parameters, values.get("likely"), keep, seed=seed)]}


@answering
def carry_over(values: dict[str, Any]) -> dict[str, Any]:
    """edited, source, target → parameters and svg of the target with the edits, and edited, see `roles.carry`."""
    source, target = (Parameters.from_dict(values.get(name)) for name in ("source", "target"))
    parameters, carried = carry(_names(values.get("edited")), source, target)
    return {**drawn(parameters), "edited": carried}


@answering
def write(values: dict[str, Any]) -> dict[str, Any]:
    """parameters, format, size, background → url of the file, see `export.export`."""
    format = values.get("format", "png")
    options = {"size": values.get("size", 512), "background": values.get("background")}
    content = export(Parameters.from_dict(values.get("parameters")), format, **options)
    return {"url": data_url(content, MIME[format])}


@answering
def read(values: dict[str, Any]) -> dict[str, Any]:
    """text of a JSON file → parameters and svg."""
    return drawn(Parameters.from_json(str(values.get("text", ""))))


@answering
def pack(values: dict[str, Any]) -> dict[str, Any]:
    """avatars (each with name and parameters), size → url of a zip, see `exports.archive`."""
    given = values.get("avatars")
    if not isinstance(given, list) or not 0 < len(given) <= MOST or not all(isinstance(one, dict) for one in given):
        raise UserError(f"1 to {MOST} avatars are wanted.")
    avatars = [(str(one.get("name", "emoji")), Parameters.from_dict(one.get("parameters"))) for one in given]
    return {"url": data_url(archive(avatars, size=values.get("size", 512)), "application/zip")}


def _names(values: Any) -> list[str]:
    if not isinstance(values, list | tuple | None):
        raise UserError("a list of names is wanted.")
    return [str(name) for name in values or ()]


def drawn(parameters: Parameters) -> dict[str, Any]:
    return {"parameters": parameters.to_dict(), "svg": engine.svg(parameters)}
