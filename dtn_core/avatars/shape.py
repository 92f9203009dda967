"""The shape of a drawn face: affine changes of the artist's layers, each by a number between -1 and 1; 0 is the
artist's own drawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Change(NamedTuple):
    """What +1 does to some layers (-1 the opposite).

    layers: the layers concerned; centre: the point of the canvas that stays in place; scale: growth in x and y;
    up: shift in units of the canvas.
    """

    layers: tuple[str, ...]
    centre: tuple[float, float]
    scale: tuple[float, float] = (0.0, 0.0)
    up: float = 0.0


SHAPES: dict[str, dict[str, Change]] = {
    "avataaars": {
        "face_width": Change(("body", "clothes", "mouth", "top", "facialHair", "accessories"), (140, 112), (0.07, 0)),
        "brow_height": Change(("eyebrows",), (140, 95), up=4),
        "brow_thickness": Change(("eyebrows",), (140, 95), (0.04, 0.3)),
        "mouth_size": Change(("mouth",), (140, 160), (0.15, 0.1)),
        "nose_size": Change(("nose",), (140, 140), (0.25, 0.15)),
    },
    "toon-head": {
        "face_width": Change(("rearHair", "head", "mouth", "beard", "hair"), (383, 407), (0.06, 0)),
        "brow_height": Change(("eyebrows",), (383, 320), up=12),
        "brow_thickness": Change(("eyebrows",), (383, 320), (0.04, 0.25)),
        "mouth_size": Change(("mouth",), (383, 515), (0.15, 0.1)),
    },
    "lorelei": {
        "face_width": Change(
            (
                "rearHair", "head", "eyes", "eyebrows", "earrings", "freckles", "nose", "mouth", "beard", "lips",
                "glasses", "hair", "hairAccessories",
            ),
            (502, 464), (0.06, 0),
        ),
        "brow_height": Change(("eyebrows",), (540, 370), up=12),
        "brow_thickness": Change(("eyebrows",), (540, 370), (0.04, 0.25)),
        "mouth_size": Change(("mouth", "lips"), (565, 640), (0.15, 0.1)),
    },
}  # fmt: skip
"""By style. The limits are small enough for the artist's line to survive. Hair has no volume: short cuts lie close to
the skull, and smaller ones would bare it."""


def affine(style: str, layer: str, shape: Mapping[str, float]) -> tuple[float, float, float, float] | None:
    """(a, d, e, f): a point (x, y) of this layer moves to (a x + e, d y + f) on the canvas; None: nothing moves.

    shape: name → number.
    """
    changes = [(c, shape[name]) for name, c in SHAPES[style].items() if layer in c.layers and name in shape]
    if not changes:
        return None
    a = d = 1.0
    e = f = 0.0
    for (_, (x, y), (wide, high), up), value in changes:
        sx, sy = 1 + wide * value, 1 + high * value
        a, e = a * sx, (e - x) * sx + x
        d, f = d * sy, (f - y) * sy + y - up * value
    return a, d, e, f
