"""The shape of a drawn face, from f's attributes. What CelebA's annotators called big lips, a big nose or chubby goes
with the group of the person, so only the deviation from what f's reading of the group leads to expect is drawn: nobody
is caricatured for the group they belong to."""

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
"""Shape → f's attributes whose logits are added up, those after "-" subtracted."""

SHAPE_LIMIT = 1.5
"""Standard deviations at which a shape reaches its extreme."""

Statistics = dict[str, dict[str, float]]
"""Shape → {group as f reads it: expected score; "std": standard deviation of what is left}."""


def shape_statistics(style: str, probabilities: Mapping[str, NDArray[np.float64]]) -> Statistics:
    """Least squares of each score on the probabilities of the groups. probabilities: f's attribute → (N,), of photos
    among which all groups are frequent."""
    p, made = groups(probabilities), {}
    for name in SHAPES[style]:
        score = _score(probabilities, name)
        expected = np.linalg.lstsq(p, score, rcond=None)[0]
        std = max(float((score - p @ expected).std()), 1e-3)
        made[name] = {k: round(float(v), 4) for k, v in zip((*SKIN_LIGHTNESS, "std"), (*expected, std))}
    return made


def face_shapes(
    probabilities: Mapping[str, NDArray[np.float64]], statistics: Statistics
) -> dict[str, NDArray[np.float64]]:
    """Shape → (N,) in [-1, 1], in hundredths: how far each face is from what its group leads to expect."""
    p, made = groups(probabilities), {}
    for name, known in statistics.items():
        expected = p @ np.array([known[group] for group in SKIN_LIGHTNESS])
        deviation = (_score(probabilities, name) - expected) / known["std"]
        made[name] = np.clip(deviation / SHAPE_LIMIT, -1, 1).round(2)
    return made


def _score(probabilities: Mapping[str, NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    """(N,) sum of the logits that `SHAPE_READS` names."""
    p = np.clip([probabilities[read.removeprefix("-")] for read in SHAPE_READS[name]], 1e-6, 1 - 1e-6)
    signs = np.array([-1.0 if read.startswith("-") else 1.0 for read in SHAPE_READS[name]])
    return signs @ np.log(p / (1 - p))
