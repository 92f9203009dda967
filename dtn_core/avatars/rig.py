"""Rig a drawing for animation: its layers, their depth in front of the axis of head rotation, and the artist's own
variants for closed eyes and for mouth shapes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from .engine import frame, split_layers
from .expressions import expressions
from .parameters import Parameters
from .shape import affine
from .styles import DRAWINGS

MOTION_PARAMS = {
    "shut": 0.45,
    "smile": 0.5,
    "open": 0.25,
    "hold": 0.08,
    "widest": 1.15,
    "brow": 0.12,
    "ajar": 0.6,
    "gape": 0.7,
    "wide": 0.15,
    "turn": 0.5,
}
"""Constants of the animation, which the page reads too.

shut: the closed eye is drawn for lids below it
smile, open: thresholds of `Motion.smile` and `Motion.open` for smiling and open mouths
hold: hysteresis of these thresholds
widest: largest vertical scale of an eye
brow: rise of an eyebrow at 1, in eye distances
ajar, gape: the vertical scale of an open or laughing mouth is ajar + gape · open
wide: the horizontal scale of a mouth is 1 + wide · `Motion.wide`
turn: the centre of a turned head lies beside its eyes, so the whole is shifted along its own horizontal axis by
    -turn · eye distance · yaw
"""

_MOVES = {"eyes": "eyes", "eyebrows": "brows", "mouth": "mouth", "lips": "mouth"}


def rig(parameters: Parameters, edited: Collection[str] = ()) -> dict[str, Any]:
    """Build what a client needs to animate an avatar, as plain values.

    Let a be the distance of the eyes:

    - each part is shifted by depth · a · (yaw, pitch);
    - eyes and eyebrows are cut in two at the x of their pivot; an eye is scaled vertically by its lid about the y of
      the pivot, an eyebrow rises by `MOTION_PARAMS` brow · a · `Motion.brows`;
    - a mouth is scaled about its pivot;
    - the midpoint of the eyes moves to (x, y) of the motion, the scale is apart / a · bust_scale, the rotation roll.

    Args:
        parameters: The avatar.
        edited: Slots that the user chose, whose variants are kept at rest. Otherwise the mouth is neutral and the eyes
            are open at rest, since the face animates them.

    Returns:
        style
        view: left, top and side of the bust on the canvas
        eyes, bust_scale: see `Spec`
        law: `MOTION_PARAMS`
        parts: in drawing order, each with name; moves ("still", "eyes", "brows" or "mouth"); depth and pivot, see
            `Rig`; svg, of the whole view; for eyes closed, an SVG; for mouths mouths, name → SVG
    """
    spec = parameters.spec
    config = DRAWINGS[parameters.style].rig
    variants = _variants_at_rest(parameters, edited)
    rest = _layers(parameters, variants)
    is_closed = variants["eyes"] in config.closed_eyes
    blink = _layers(parameters, variants | {"eyes": variants["eyes"] if is_closed else config.blink})
    mouths = {name: _layers(parameters, variants | {"mouth": variant}) for name, variant in config.mouths.items()}
    parts: list[dict[str, Any]] = []
    for layer in spec.layers:
        if layer not in rest:
            continue
        svg = rest[layer]
        moves = _MOVES.get(layer, "still")
        depth = config.depths.get(layer, 0.0)
        if moves == "still" and parts and (parts[-1]["moves"], parts[-1]["depth"]) == (moves, depth):
            parts[-1]["name"] += f"+{layer}"
            parts[-1]["svg"] = _stack(parts[-1]["svg"], svg)
            continue
        pivot = _transform_point(parameters, layer, config.pivots.get(layer, spec.eyes[:2]))
        part = {"name": layer, "moves": moves, "depth": depth, "pivot": pivot, "svg": svg}
        if moves == "eyes":
            part["closed"] = blink[layer]
        if moves == "mouth":
            part["mouths"] = {name: layers[layer] for name, layers in mouths.items()}
        parts.append(part)
    return {
        "style": parameters.style,
        "view": list(frame(parameters.style, "bust")),
        "eyes": list(spec.eyes),
        "bust_scale": spec.bust_scale,
        "parts": parts,
        "law": MOTION_PARAMS,
    }


def _variants_at_rest(parameters: Parameters, edited: Collection[str]) -> dict[str, str]:
    config = DRAWINGS[parameters.style].rig
    neutral = expressions(parameters.style)["neutral"]
    variants = dict(parameters.variants)
    if "mouth" not in edited:
        variants["mouth"] = neutral["mouth"]
    if "eyes" not in edited and variants["eyes"] in (*config.closed_eyes, *config.winking_eyes):
        variants["eyes"] = neutral["eyes"]
    return variants


def _layers(parameters: Parameters, variants: dict[str, str]) -> dict[str, str]:
    return split_layers(replace(parameters, variants=variants))


def _stack(below: str, above: str) -> str:
    """Merge two SVGs of the same view into one."""
    content = above[above.index("<defs>") :].removesuffix("</svg>")
    return below.removesuffix("</svg>") + content + "</svg>"


def _transform_point(parameters: Parameters, layer: str, point: tuple[float, float]) -> list[float]:
    """Move a point of a layer as the shape of the face does."""
    a, d, e, f = affine(parameters.style, layer, parameters.shape) or (1, 1, 0, 0)
    return [round(a * point[0] + e, 3), round(d * point[1] + f, 3)]
