"""Robustness of drawings to the light of the photo."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.types import Image
from ...pipeline.model import Checkpoint
from ..nets import paint, to_images
from ..questions import YES_NO, Members
from .people import cheek_colors, group_shares
from .predictions import predict_avatars

PORTRAITS = 60
GAINS = (0.5, 0.7, 1.0, 1.3, 1.6)
TINTS = ((1.15, 1.0, 0.85), (1.0, 1.0, 1.0), (0.85, 1.0, 1.15))
"""Warm, unchanged, cold: factors of red, green and blue."""

NEUTRAL = 1
"""Index of the unchanged tint."""

BROWN_LIGHTNESS = 56.0
"""Skin of a lower L* counts as brown or dark."""


def relight(crop: Image, gain: float, tint: tuple[float, float, float] = TINTS[NEUTRAL]) -> Image:
    """Multiply an (S, S, 3) uint8 picture by a gain and a tint, and clip it."""
    return np.clip(np.round(crop * (gain * np.array(tint, np.float32))), 0, 255).astype(np.uint8)


def sample_heads(crops: dict[str, Image], seed: int, count: int = PORTRAITS) -> Image:
    """Sample at most `count` heads, equally many of each dataset."""
    rng = np.random.default_rng(seed)
    share = count // len(crops)
    return np.concatenate([v[rng.choice(len(v), min(share, len(v)), replace=False)] for v in crops.values()])


def light_ranges(loaded: Checkpoint, crops: Image) -> dict[str, Any]:
    """Measure how much the drawn skin, the painted cheek and the answers change with the light.

    Returns:
        `ranges` under gains (five exposures) and all (the same in three tints), and n.
    """
    views = np.stack([relight(crop, gain, tint) for crop in crops for tint in TINTS for gain in GAINS])
    predictions = predict_avatars(loaded.predictor, views, ("sure",))
    yes = predictions.answers("sure").yes
    answers = np.stack([yes[name] for name in YES_NO if name in yes], 1)
    measured = {"skin": predictions.skin()[:, 0], "answers": answers}
    if loaded.g:
        measured["cheek"] = cheek_colors(to_images(paint(loaded, views)))[:, 0]
    shape = (len(crops), len(TINTS), len(GAINS))
    by_light = {name: values.reshape(*shape, *values.shape[1:]) for name, values in measured.items()}
    by_view = {name: values.reshape(len(crops), -1, *values.shape[1:]) for name, values in measured.items()}
    return {
        "gains": ranges(**{name: values[:, NEUTRAL] for name, values in by_light.items()}),
        "all": ranges(**by_view),
        "n": len(crops),
    }


def ranges(
    skin: NDArray[np.float32], answers: NDArray[np.float32], cheek: NDArray[np.float32] | None = None
) -> dict[str, float | None]:
    """Return the mean over people of highest less lowest L*, and the share of people with a changed answer.

    Args:
        skin: (P, V) L* of the drawn skin of P people in V lights.
        answers: (P, V, questions).
        cheek: (P, V) L* of the painted cheek, if any.
    """
    return {
        "drawn_skin": round(float(np.ptp(skin, axis=1).mean()), 2),
        "painted_cheek": None if cheek is None else round(float(np.ptp(cheek, axis=1).mean()), 2),
        "answers_change": round(float((np.ptp(answers, axis=1) > 0).any(1).mean()), 4),
    }


def brown_skin(lightness: NDArray[np.float32], luminance: NDArray[np.float32], groups: Members) -> dict[str, Any]:
    """Return the share of each group whose skin is drawn brown or dark, in the darkest and brightest photos and in all.

    The colour of the skin shouldn't depend on the light.

    Args:
        lightness: (N,) L* of the drawn skin.
        luminance: (N,) mean luminance of the photos.
        groups: Group → (N,) mask.
    """
    low, high = np.quantile(luminance, (1 / 3, 2 / 3))
    thirds = {"darkest": luminance <= low, "brightest": luminance >= high, "all": np.ones(len(luminance), bool)}
    is_brown = lightness < BROWN_LIGHTNESS
    return {name: group_shares(is_brown, among, groups)["groups"] for name, among in thirds.items()}


def luminances(crops: Image) -> NDArray[np.float32]:
    """Return the mean luminance of N pictures, (N,) in 0..255."""
    return np.array([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).mean() for crop in crops], np.float32)
