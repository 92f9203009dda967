"""The artist's engine R: parameters → SVG → pixels. DiceBear composes the SVG, resvg rasterises it."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import cv2
import numpy as np

from ..core.errors import UserError
from ..core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image
from .parameters import NONE, SPECS, Parameters
from .shape import affine
from .styles import DRAWINGS

View = Literal["bust", "head", "face"]
"""bust: the artist's whole canvas (`Spec.bust`); head: the crop with the eyes placed as in `faces.align`; face: from
eyebrows to chin."""

SIZES = (16, 4096)
"""Smallest and largest side of a picture in pixels."""


def svg(parameters: Parameters, view: View = "bust") -> str:
    """Draw an avatar as SVG, with the artist's credit in its metadata.

    A hash of the drawing is part of all ids. Otherwise, an SVG inline in a page would use the definitions of another.
    """
    content = json.dumps([parameters.to_dict(), view], sort_keys=True).encode()
    suffix = hashlib.blake2b(content, digest_size=5).hexdigest()
    return re.sub(r'(\bid="|href="#|url\(#)([^")]+)', rf"\1\2-{suffix}", draw(parameters, view))


def draw(parameters: Parameters, view: View = "bust") -> str:
    """As `svg`, with the same ids for all avatars of a style."""
    text = compose(parameters.style, options(parameters), frame(parameters.style, view))
    if view == "bust":
        # The artist's clip path is the canvas itself and would cut off tall hats. A layer also renders faster.
        text = re.sub(r'</defs><g clip-path="[^"]*">', '</defs><g style="isolation:isolate">', text, count=1)
    return _apply_shape(text, parameters) if any(parameters.shape.values()) else text


def image(parameters: Parameters, size: int = 256, view: View = "bust") -> Image:
    """Draw an avatar as (size, size, 4) uint8 RGBA, straight alpha. Raises UserError for a size outside `SIZES`."""
    check_size(size)
    return raster(draw(parameters, view), size)


def check_size(size: int) -> None:
    """Raise UserError for a size outside `SIZES`."""
    if not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
        raise UserError(f"size must lie between {SIZES[0]} and {SIZES[1]} pixels, not {size!r:.40}.")


# Layers of an SVG


def parts(text: str, style: str) -> tuple[str, list[tuple[str, str]], str]:
    """Split the SVG of an avatar into its elements.

    Returns:
        The text before the elements, [(layer, element)] in drawing order, and the text after them. DiceBear names the
        target of <use> after its slot; any other element belongs to the canvas and is part of the first layer.
    """
    start = re.compile(r"<g [^>]*>").match(text, text.index("</defs>") + len("</defs>")).end()
    end = text.rindex("</g></svg>")
    elements = []
    for element in re.findall(r"<use [^>]*/>|<path [^>]*/>|<g .*?</g>", text[start:end], re.S):
        reference = re.search(r'href="#([A-Za-z]+)-', element)
        elements.append((reference.group(1) if reference else SPECS[style].layers[0], element))
    return text[:start], elements, text[end:]


def split_layers(parameters: Parameters, view: View = "bust") -> dict[str, str]:
    """Draw each layer as an SVG of its own, with only the definitions that it uses. Layer → SVG."""
    text = draw(parameters, view)
    header = text[: text.index("<metadata")]
    definitions = _definitions(text)
    layers: dict[str, str] = {}
    for name, element in parts(text, parameters.style)[1]:
        layers[name] = layers.get(name, "") + element
    return {
        name: f"{header}<defs>{_used_definitions(body, definitions)}</defs>{body}</svg>"
        for name, body in layers.items()
    }


def _used_definitions(body: str, definitions: dict[str, str]) -> str:
    """The definitions that an element refers to, directly or through another one, in their original order."""
    used: set[str] = set()
    pending = _references(body)
    while pending:
        attribute = f'id="{pending.pop()}"'
        owner = next(key for key, element in definitions.items() if attribute in element)
        if owner not in used:
            used.add(owner)
            pending += _references(definitions[owner])
    return "".join(element for key, element in definitions.items() if key in used)


def _references(text: str) -> list[str]:
    """The ids that a piece of an SVG refers to."""
    return re.findall(r'(?:href="|url\()#([^")]+)', text)


def _definitions(text: str) -> dict[str, str]:
    """Id → element of an SVG's <defs>."""
    body = text[text.index("<defs>") + len("<defs>") : text.index("</defs>")]
    definitions = {}
    depth = 0
    start = 0
    for tag in re.finditer(r"<(/?)[^>]*?(/?)>", body):
        is_closing = tag[1] == "/"
        is_empty = tag[2] == "/"
        if depth == 0:
            start = tag.start()
        if is_closing:
            depth -= 1
        elif not is_empty:
            depth += 1
        if depth == 0:
            element = body[start : tag.end()]
            definitions[re.search(r'id="([^"]+)"', element)[1]] = element
    return definitions


def _apply_shape(text: str, parameters: Parameters) -> str:
    """Transform each layer for the shape of the face."""
    before, layers, after = parts(text, parameters.style)
    elements = []
    for layer, element in layers:
        transform = affine(parameters.style, layer, parameters.shape)
        if transform is not None and transform != (1, 1, 0, 0):
            a, d, e, f = transform
            element = f'<g transform="matrix({a:.4f} 0 0 {d:.4f} {e:.3f} {f:.3f})">{element}</g>'
        elements.append(element)
    return before + "".join(elements) + after


# DiceBear's options


def options(parameters: Parameters) -> dict[str, Any]:
    """DiceBear's options for an avatar, each fixed to one value."""
    spec = parameters.spec
    values: dict[str, Any] = {"seed": "0"}
    for slot, variants in spec.slots.items():
        variant = parameters.variants[slot]
        values[f"{slot}Probability"] = 100 if variant else 0
        values[f"{slot}Variant"] = [variant or next(v for v in variants if v)]
    for layer, slots in spec.follows.items():
        values[f"{layer}Probability"] = 100 if all(parameters.variants[slot] for slot in slots) else 0
        values[f"{layer}Variant"] = values[f"{slots[0]}Variant"]
    return values | {spec.options[name]: [code] for name, code in parameters.colours.items()}


def parameters_of(style: str, values: dict[str, Any]) -> Parameters:
    """The inverse of `options`. values: DiceBear's options, each fixed to one value."""
    spec = SPECS[style]
    variants = {}
    for slot in spec.slots:
        is_drawn = f"{slot}Variant" in values and values.get(f"{slot}Probability", 100)
        variants[slot] = values[f"{slot}Variant"][0] if is_drawn else NONE
    colours = {name: values[option][0] for name, option in spec.options.items() if option in values}
    return Parameters(style, variants, colours)


# Views


def frame(style: str, view: View) -> tuple[float, float, float]:
    """left, top and side of a view on a style's canvas."""
    spec = SPECS[style]
    if view == "bust":
        return spec.bust
    if view == "head":
        return head_frame(spec.eyes)
    x, y, distance = spec.eyes
    return x - 1.35 * distance, y - 0.85 * distance, 2.7 * distance


def head_frame(eyes: tuple[float, float, float]) -> tuple[float, float, float]:
    """left, top and side of the head crop. eyes: x and y of the midpoint between the eyes, and their distance."""
    x, y, distance = eyes
    side = distance / HEAD_EYE_DISTANCE
    return x - side / 2, y - side * HEAD_EYE_HEIGHT, side


# DiceBear and resvg


def compose(style: str, values: dict[str, Any], view: tuple[float, float, float]) -> str:
    """Compose an SVG with DiceBear.

    Args:
        style: DiceBear's name of the style.
        values: DiceBear's options.
        view: left, top and side of the visible square of the canvas.
    """
    from dicebear import Avatar

    left, top, side = view
    text = Avatar(definition(style), values).to_string()
    return re.sub(r'viewBox="[^"]*"', f'viewBox="{left:g} {top:g} {side:g} {side:g}"', text, count=1)


def credit(style: str) -> tuple[str, str]:
    """The artist and the licence of a style, from its definition."""
    metadata = definition(style).meta()
    return metadata.creator().name(), metadata.license().name()


@cache
def definition(style: str) -> Any:
    """DiceBear's definition of a style, with all layers on the top level."""
    from dicebear import Style

    content = json.loads(files("dicebear_styles").joinpath(f"{style}.json").read_text("utf-8"))
    if style in DRAWINGS and DRAWINGS[style].prepare:
        content = DRAWINGS[style].prepare(content)
    return Style(content)


def raster(text: str, size: int) -> Image:
    """Rasterise an SVG of ours: (size, size, 4) uint8 RGBA, straight alpha."""
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
