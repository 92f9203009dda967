"""Choose the shape of a drawn face from f's attributes.

CelebA's labels such as big lips, a big nose or chubby correlate with the ethnic group of the person. So only the
deviation from the expectation given f's prediction of the group is drawn, and nobody is caricatured for their group.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .shape import SHAPES
from .skin import SKIN_LIGHTNESS, groups

SHAPE_READS = {
    "face_width": ("Chubby",),
    "brow_height": ("Arched_Eyebrows",),
    "brow_thickness": ("Bushy_Eyebrows",),
    "mouth_size": ("Big_Lips",),
    "nose_size": ("Big_Nose", "-Pointy_Nose"),
}
"""Shape → f's attributes whose logits are added; those after "-" are subtracted."""

SHAPE_LIMIT = 1.5
"""Number of standard deviations at which a shape reaches -1 or 1."""

Statistics = dict[str, dict[str, float]]
"""Shape → {group: expected score, "std": standard deviation of the residuals}."""


def shape_statistics(style: str, probabilities: Mapping[str, NDArray[np.float64]]) -> Statistics:
    """Regress each score on the probabilities of the groups by least squares.

    Args:
        style: Name of a drawn style.
        probabilities: f's attribute → (N,), of photos with many people of all groups.
    """
    p = groups(probabilities)
    statistics = {}
    for name in SHAPES[style]:
        score = _score(probabilities, name)
        expected = np.linalg.lstsq(p, score, rcond=None)[0]
        std = max(float((score - p @ expected).std()), 1e-3)
        statistics[name] = {k: round(float(v), 4) for k, v in zip((*SKIN_LIGHTNESS, "std"), (*expected, std))}
    return statistics


def face_shapes(
    probabilities: Mapping[str, NDArray[np.float64]], statistics: Statistics
) -> dict[str, NDArray[np.float64]]:
    """Compute how far N faces are from the expectation: shape → (N,) in [-1, 1], rounded to hundredths."""
    p = groups(probabilities)
    shapes = {}
    for name, row in statistics.items():
        expected = p @ np.array([row[group] for group in SKIN_LIGHTNESS])
        deviation = (_score(probabilities, name) - expected) / row["std"]
        shapes[name] = np.clip(deviation / SHAPE_LIMIT, -1, 1).round(2)
    return shapes


def _score(probabilities: Mapping[str, NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    """(N,) signed sum of the logits of `SHAPE_READS`."""
    p = np.clip([probabilities[read.removeprefix("-")] for read in SHAPE_READS[name]], 1e-6, 1 - 1e-6)
    signs = np.array([-1.0 if read.startswith("-") else 1.0 for read in SHAPE_READS[name]])
    return signs @ np.log(p / (1 - p))
