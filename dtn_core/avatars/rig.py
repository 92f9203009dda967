"""A drawing taken apart so that it can move: the artist's layers, how far each lies before the head's axis, and the
artist's own variants for closed eyes and for what a mouth does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, NamedTuple

from .engine import alone, frame
from .expressions import expressions
from .parameters import Parameters, numbered
from .shape import affine


class _Rig(NamedTuple):
    """How a style moves, in units of its canvas.

    depths: layer → how far it is before the axis about which the head turns, in distances of the eyes; what isn't named
    stays in place. pivots: layer → of eyes and brows, where the left one ends and the right one begins, and the line
    upon which lids close; of mouths, the middle of the upper lip. shut, winks: eyes that are closed, and those of which
    one is; closed: those of a blink. mouths: "smile", "laugh" and "open" → variant.
    """

    depths: dict[str, float]
    pivots: dict[str, tuple[float, float]]
    shut: tuple[str, ...]
    winks: tuple[str, ...]
    closed: str
    mouths: dict[str, str]


RIGS = {
    "avataaars": _Rig(
        depths={
            "mouth": 0.1, "nose": 0.2, "eyes": 0.15, "eyebrows": 0.15, "facialHair": 0.07, "accessories": 0.16,
        },
        pivots={"eyes": (140, 114), "eyebrows": (140, 94), "mouth": (140, 150)},
        shut=("happy", "closed"),
        winks=("wink",),
        closed="closed",
        mouths={"smile": "twinkle", "laugh": "smile", "open": "default"},
    ),
    "toon-head": _Rig(
        depths={
            "head": 0.03, "mouth": 0.11, "beard": 0.08, "eyes": 0.15, "eyebrows": 0.15, "hair": 0.03,
        },
        pivots={"eyes": (383, 407), "eyebrows": (383, 335), "mouth": (384, 492)},
        shut=("bow", "humble"),
        winks=("wink",),
        closed="humble",
        mouths={"smile": "laugh", "laugh": "laugh", "open": "agape"},
    ),
    "lorelei": _Rig(
        depths={
            "eyes": 0.08, "eyebrows": 0.08, "freckles": 0.07, "nose": 0.12, "mouth": 0.08, "beard": 0.04, "lips": 0.08,
            "glasses": 0.09,
        },
        pivots={"eyes": (582, 462), "eyebrows": (582, 350), "mouth": (568, 604), "lips": (568, 604)},
        shut=numbered(1, 22, 19),
        winks=numbered(15, 18),
        closed="variant19",
        mouths={"smile": "happy01", "laugh": "happy05", "open": "happy08"},
    ),
}  # fmt: skip

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
"""shut: a lid below draws the closed eye; smile, open: numbers of `Motion` from which a mouth is so; hold: what is
drawn stays until its number is so far beyond the threshold; widest: the most that an eye is stretched; brow: rise of a
brow at 1, in distances of the eyes; ajar, gape: an open or laughing mouth is ajar + gape · open times as high; wide: a
mouth is 1 + wide · `Motion.wide` times as wide; turn: a turned head lies beside its eyes, and the whole is shifted,
along its own horizontal, by -turn · apart · yaw."""

_MOVES = {"eyes": "eyes", "eyebrows": "brows", "mouth": "mouth", "lips": "mouth"}


def rig(parameters: Parameters, edited: Collection[str] = ()) -> dict[str, Any]:
    """What draws an avatar that moves, as plain values.

    style; view: left, top and side of the bust on the canvas; eyes, larger: see `Spec`; law: `MOTION_PARAMS`; parts,
    in the order of drawing: name; moves: "still", "eyes", "brows" or "mouth"; depth, pivot: see `RIGS`; svg, of the
    whole view; of eyes "closed", an svg too; of a mouth "mouths": name → svg. Let a be the distance of the eyes:

    - every part is shifted by depth · a · (yaw, pitch);
    - eyes and brows are cut in two at their pivot's x; an eye's height is scaled by its lid about the pivot's y, a brow
      rises by `MOTION_PARAMS` brow · a · `Motion.brows`;
    - a mouth is scaled about its pivot;
    - the middle of the eyes goes to (x, y) of the motion, the scale is apart / a · larger, the turn roll.

    edited: slots that somebody chose by hand, whose variants are kept at rest. Of the others the mouth is neutral and
    the eyes are open, for the face itself is to move them.
    """
    spec, how, style = parameters.spec, RIGS[parameters.style], parameters.style
    neutral, shown = expressions(style)["neutral"], dict(parameters.variants)
    if "mouth" not in edited:
        shown["mouth"] = neutral["mouth"]
    if "eyes" not in edited and shown["eyes"] in (*how.shut, *how.winks):
        shown["eyes"] = neutral["eyes"]
    rest = _drawn(parameters, shown)
    closed = shown["eyes"] if shown["eyes"] in how.shut else how.closed
    blink = _drawn(parameters, shown | {"eyes": closed})
    mouths = {name: _drawn(parameters, shown | {"mouth": variant}) for name, variant in how.mouths.items()}
    parts: list[dict[str, Any]] = []
    for layer, text in ((layer, rest[layer]) for layer in spec.layers if layer in rest):
        moves, depth = _MOVES.get(layer, "still"), how.depths.get(layer, 0.0)
        if moves == "still" and parts and (parts[-1]["moves"], parts[-1]["depth"]) == (moves, depth):
            parts[-1]["name"] += f"+{layer}"
            parts[-1]["svg"] = _together(parts[-1]["svg"], text)
            continue
        pivot = _moved(parameters, layer, how.pivots.get(layer, spec.eyes[:2]))
        part = {"name": layer, "moves": moves, "depth": depth, "pivot": pivot, "svg": text}
        if moves == "eyes":
            part["closed"] = blink[layer]
        if moves == "mouth":
            part["mouths"] = {name: other[layer] for name, other in mouths.items()}
        parts.append(part)
    view = list(frame(style, "bust"))
    return {
        "style": style,
        "view": view,
        "eyes": list(spec.eyes),
        "larger": spec.larger,
        "parts": parts,
        "law": MOTION_PARAMS,
    }


def _drawn(parameters: Parameters, variants: dict[str, str]) -> dict[str, str]:
    return alone(replace(parameters, variants=variants))


def _together(below: str, above: str) -> str:
    """Two SVGs of one frame as one."""
    tail = above[above.index("<defs>") :].removesuffix("</svg>")
    return below.removesuffix("</svg>") + tail + "</svg>"


def _moved(parameters: Parameters, layer: str, point: tuple[float, float]) -> list[float]:
    """Where a point of a layer lies in a face of this shape."""
    a, d, e, f = affine(parameters.style, layer, parameters.shape) or (1, 1, 0, 0)
    return [round(a * point[0] + e, 3), round(d * point[1] + f, 3)]
