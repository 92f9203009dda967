"""The artist's engine R: parameters → SVG → pixels. DiceBear composes the SVG, resvg rasterises it."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import cv2
import numpy as np

from ..core.errors import UserError
from ..core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image
from .lorelei import flat
from .parameters import SPECS, Parameters
from .shape import affine

View = Literal["bust", "head", "face"]
"""bust: the artist's whole canvas (`Spec.bust`); head: the crop whose eyes stand as in `faces.align`; face: brows to
chin."""

SIZES = (16, 4096)
"""Smallest and largest side of a picture in pixels."""


def svg(parameters: Parameters, view: View = "bust") -> str:
    """The drawing as SVG, the artist's credit among its metadata."""
    text = compose(parameters.style, options(parameters), frame(parameters.style, view))
    if view == "bust":  # the artist's clip is the canvas itself, and would cut tall hats off; a layer also draws sooner
        text = re.sub(r'</defs><g clip-path="[^"]*">', '</defs><g style="isolation:isolate">', text, count=1)
    return _shaped(text, parameters) if any(parameters.shape.values()) else text


def parts(text: str, style: str) -> tuple[str, list[tuple[str, str]], str]:
    """An SVG of ours as (what comes before the drawing, [(layer, element)], what comes after). What DiceBear refers to
    by <use> is named after the slot; the rest is the canvas's own and belongs to the first layer."""
    opened = re.compile(r"<g [^>]*>").match(text, text.index("</defs>") + len("</defs>")).end()
    end = text.rindex("</g></svg>")
    made = []
    for element in re.findall(r"<use [^>]*/>|<path [^>]*/>|<g .*?</g>", text[opened:end], re.S):
        named = re.search(r'href="#([A-Za-z]+)-', element)
        made.append((named.group(1) if named else SPECS[style].layers[0], element))
    return text[:opened], made, text[end:]


def alone(parameters: Parameters, view: View = "bust") -> dict[str, str]:
    """Layer → an SVG of it alone, with the definitions that it uses."""
    text = svg(parameters, view)
    head, known = text[: text.index("<metadata")], _definitions(text)
    layers: dict[str, str] = {}
    for name, element in parts(text, parameters.style)[1]:
        layers[name] = layers.get(name, "") + element
    return {name: f"{head}<defs>{_used(body, known)}</defs>{body}</svg>" for name, body in layers.items()}


def _used(body: str, known: dict[str, str]) -> str:
    """Those of the definitions that an element refers to, directly or by another."""
    used: set[str] = set()
    wanted = _referred(body)
    while wanted:
        inner = f'id="{wanted.pop()}"'
        owner = next(key for key, element in known.items() if inner in element)
        if owner not in used:
            used.add(owner)
            wanted += _referred(known[owner])
    return "".join(element for key, element in known.items() if key in used)


def _referred(text: str) -> list[str]:
    """Ids that a piece of an SVG refers to."""
    return re.findall(r'(?:href="|url\()#([^")]+)', text)


def _definitions(text: str) -> dict[str, str]:
    """Id → element, of an SVG's <defs>."""
    inner = text[text.index("<defs>") + len("<defs>") : text.index("</defs>")]
    made, depth, start = {}, 0, 0
    for tag in re.finditer(r"<(/?)[^>]*?(/?)>", inner):
        start = tag.start() if depth == 0 else start
        depth += (tag[1] == "") - (tag[1] == "/" or tag[2] == "/")
        if depth == 0:
            element = inner[start : tag.end()]
            made[re.search(r'id="([^"]+)"', element)[1]] = element
    return made


def _shaped(text: str, parameters: Parameters) -> str:
    """Every layer transformed for the shape of the face."""
    before, layers, after = parts(text, parameters.style)
    made = []
    for layer, element in layers:
        change = affine(parameters.style, layer, parameters.shape)
        if change is not None and change != (1, 1, 0, 0):
            a, d, e, f = change
            element = f'<g transform="matrix({a:.4f} 0 0 {d:.4f} {e:.3f} {f:.3f})">{element}</g>'
        made.append(element)
    return before + "".join(made) + after


def image(parameters: Parameters, size: int = 256, view: View = "bust") -> Image:
    """Rasterise: (size, size, 4) uint8 RGBA, straight alpha. Raises UserError for a size outside `SIZES`."""
    check_size(size)
    return raster(svg(parameters, view), size)


def check_size(size: int) -> None:
    """Raises UserError for a size outside `SIZES`."""
    if not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
        raise UserError(f"size must lie between {SIZES[0]} and {SIZES[1]} pixels, not {size!r:.40}.")


def options(parameters: Parameters) -> dict[str, Any]:
    """DiceBear's options, each pinned to one value."""
    spec = parameters.spec
    made: dict[str, Any] = {"seed": "0"}
    for slot, variants in spec.slots.items():
        variant = parameters.variants[slot]
        made[f"{slot}Probability"] = 100 if variant else 0
        made[f"{slot}Variant"] = [variant or next(v for v in variants if v)]
    for layer, slots in spec.follows.items():
        made[f"{layer}Probability"] = 100 if all(parameters.variants[slot] for slot in slots) else 0
        made[f"{layer}Variant"] = made[f"{slots[0]}Variant"]
    return made | {spec.options[name]: [code] for name, code in parameters.colours.items()}


def parameters_of(style: str, pinned: dict[str, Any]) -> Parameters:
    """The inverse of `options`: parameters of DiceBear's options, each pinned to one value."""
    spec = SPECS[style]
    variants = {
        slot: pinned[f"{slot}Variant"][0]
        if f"{slot}Variant" in pinned and pinned.get(f"{slot}Probability", 100)
        else ""
        for slot in spec.slots
    }
    colours = {name: pinned[option][0] for name, option in spec.options.items() if option in pinned}
    return Parameters(style, variants, colours)


def frame(style: str, view: View) -> tuple[float, float, float]:
    """left, top and side of a view on a style's canvas."""
    spec = SPECS[style]
    x, y, apart = spec.eyes
    face = x - 1.35 * apart, y - 0.85 * apart, 2.7 * apart
    return {"bust": spec.bust, "head": head_frame(spec.eyes), "face": face}[view]


def head_frame(eyes: tuple[float, float, float]) -> tuple[float, float, float]:
    """left, top and side of the head crop of a canvas where the eyes are so; eyes: see `Spec`."""
    x, y, apart = eyes
    side = apart / HEAD_EYE_DISTANCE
    return x - side / 2, y - side * HEAD_EYE_HEIGHT, side


def compose(style: str, pinned: dict[str, Any], framed: tuple[float, float, float]) -> str:
    """The SVG that DiceBear makes of one of its styles. pinned: its options; framed: left, top and side of what is
    seen."""
    from dicebear import Avatar

    left, top, side = framed
    text = Avatar(definition(style), pinned).to_string()
    return re.sub(r'viewBox="[^"]*"', f'viewBox="{left:g} {top:g} {side:g} {side:g}"', text, count=1)


def credit(style: str) -> tuple[str, str]:
    """The artist of a style, and its terms, as its definition has them."""
    about = definition(style).meta()
    return about.creator().name(), about.license().name()


@cache
def definition(style: str) -> Any:
    """DiceBear's definition of a style, its layers side by side."""
    from dicebear import Style

    made = json.loads(files("dicebear_styles").joinpath(f"{style}.json").read_text("utf-8"))
    return Style(flat(made) if style == "lorelei" else made)


def raster(text: str, size: int) -> Image:
    """An SVG of ours as (size, size, 4) uint8 RGBA, straight alpha."""
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
