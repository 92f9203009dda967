"""The shape of a drawn face: affine changes of the artist's layers, each controlled by a number between -1 and 1.

0 is the artist's own drawing.
"""

from __future__ import annotations

from collections.abc import Mapping

from .styles import DRAWINGS

SHAPES = {name: drawing.shapes for name, drawing in DRAWINGS.items()}
"""Style → name → change."""


def affine(style: str, layer: str, shape: Mapping[str, float]) -> tuple[float, float, float, float] | None:
    """Compose the changes of a layer.

    Args:
        style: Name of a drawn style.
        layer: Name of a layer.
        shape: Name of a change → number in [-1, 1].

    Returns:
        (a, d, e, f): a point (x, y) of the layer moves to (a x + e, d y + f) on the canvas. None if no change applies.
    """
    changes = [(c, shape[name]) for name, c in SHAPES[style].items() if layer in c.layers and name in shape]
    if not changes:
        return None
    a = d = 1.0
    e = f = 0.0
    for change, value in changes:
        x, y = change.centre
        scale_x = 1 + change.scale[0] * value
        scale_y = 1 + change.scale[1] * value
        a = a * scale_x
        e = (e - x) * scale_x + x
        d = d * scale_y
        f = (f - y) * scale_y + y - change.up * value
    return a, d, e, f
