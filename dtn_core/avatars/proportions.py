"""The shape of a drawn face, by the proportions of the face in the photo.

What is drawn is a person's deviation from the mean of all photos, within the limits of `shape.SHAPES`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..networks.parser import PARTS
from .shape import SHAPES

MIN_SHARES = {"mouth": 0.003, "brows": 0.0015, "eyes": 0.001}
"""Part → share of the head crop that must be seen of it for a proportion to be measured."""

SHAPE_LIMIT = 1.5
"""Number of standard deviations at which a shape reaches -1 or 1."""

Statistics = dict[str, dict[str, float]]
"""Shape → {"mean", "std"} of its proportion over photos."""


def measure_proportions(probabilities: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Measure (N, len(PARTS), S, S) parts of aligned heads; lengths and areas are shares of the side and its square.

    Returns:
        Shape → (N,) proportion, NaN where its part isn't seen well enough:
        face_width: Width of the face at the height of the mouth.
        brow_height: Distance of the eyebrows from the eyes.
        brow_thickness: Area of the eyebrows.
        eye_size: Area of the eyes.
    """
    p = {part: probabilities[:, i].astype(np.float64) for i, part in enumerate(PARTS)}
    size = probabilities.shape[-1]
    y = ((np.arange(size) + 0.5) / size)[:, None]
    area = {part: p[part].mean((1, 2)) for part in MIN_SHARES}
    height = {part: (p[part] * y).mean((1, 2)) / np.maximum(area[part], 1e-9) for part in MIN_SHARES}
    beside_mouth = np.abs(y - height["mouth"][:, None, None]) < 0.03
    face = (p["skin"] + p["mouth"]) * beside_mouth
    proportions = {
        "face_width": face.sum((1, 2)) / np.maximum(beside_mouth.sum((1, 2)), 1) / size,
        "brow_height": height["eyes"] - height["brows"],
        "brow_thickness": area["brows"],
        "eye_size": area["eyes"],
    }
    needed = {"face_width": ("mouth",), "brow_height": ("brows", "eyes"), "brow_thickness": ("brows",)}
    for name, values in proportions.items():
        for part in needed.get(name, ("eyes",)):
            values[area[part] < MIN_SHARES[part]] = np.nan
    return proportions


def shape_statistics(proportions: Mapping[str, NDArray[np.float64]]) -> Statistics:
    """Compute the mean and the standard deviation of (N,) proportions, which may be NaN."""
    return {
        name: {"mean": round(float(np.nanmean(values)), 6), "std": max(round(float(np.nanstd(values)), 6), 1e-6)}
        for name, values in proportions.items()
    }


def face_shapes(
    style: str, proportions: Mapping[str, NDArray[np.float64]], statistics: Statistics
) -> dict[str, NDArray[np.float64]]:
    """Compute how far N faces are from the mean: shape of the style → (N,) in [-1, 1], 0 where it wasn't measured."""
    shapes = {}
    for name in SHAPES[style]:
        row = statistics.get(name, {})
        if name in proportions and row.keys() == {"mean", "std"}:  # earlier checkpoints have a table of groups
            deviation = (proportions[name] - row["mean"]) / row["std"]
            shapes[name] = np.nan_to_num(np.clip(deviation / SHAPE_LIMIT, -1, 1)).round(2)
    return shapes
