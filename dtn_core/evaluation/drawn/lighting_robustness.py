"""Does the light change who is drawn?"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.types import Image
from ...pipeline.model import Checkpoint
from ..nets import paint, to_images
from ..questions import YES_NO
from .people import Members, cheeks, shares
from .predictions import portray

PORTRAITS = 60
GAINS = (0.5, 0.7, 1.0, 1.3, 1.6)
TINTS = ((1.15, 1.0, 0.85), (1.0, 1.0, 1.0), (0.85, 1.0, 1.15))
"""Warm, as it is, cold: factors of red, green and blue."""

NEUTRAL = 1
"""The place of "as it is" among them."""

BROWN = 56.0
"""Skin of a lower L* is called brown or dark."""


def relit(crop: Image, gain: float, tint: tuple[float, float, float] = TINTS[NEUTRAL]) -> Image:
    """An (S, S, 3) uint8 picture brighter or darker by a factor, and warmer or colder; too bright is clipped."""
    return np.clip(np.round(crop * (gain * np.array(tint, np.float32))), 0, 255).astype(np.uint8)


def some(crops: dict[str, Image], seed: int, count: int = PORTRAITS) -> Image:
    """At most so many random heads, as many of each set."""
    rng, share = np.random.default_rng(seed), count // len(crops)
    return np.concatenate([v[rng.choice(len(v), min(share, len(v)), replace=False)] for v in crops.values()])


def steadiness(made: Checkpoint, crops: Image) -> dict[str, Any]:
    """How much the drawn skin, the painted cheek, and the answers move as the light does: over people, the mean of the
    highest L* less the lowest; and the share of people of whom some yes or no changes. gains: five exposures; all: the
    same in three colours of light."""
    views = np.stack([relit(crop, gain, tint) for crop in crops for tint in TINTS for gain in GAINS])
    painted = paint(made, views) if made.g else None
    portrayed = portray(made.predictor, views, ("sure",))
    shape = len(crops), len(TINTS), len(GAINS)
    yes = portrayed.answers("sure").yes
    answers = np.stack([yes[name] for name in YES_NO if name in yes], 1)
    skin = portrayed.skin()[:, 0].reshape(shape)
    cheek = None if painted is None else cheeks(to_images(painted))[:, 0].reshape(shape)
    answers = answers.reshape(*shape, -1)
    return {
        "gains": moves(skin[:, NEUTRAL], answers[:, NEUTRAL], None if cheek is None else cheek[:, NEUTRAL]),
        "all": moves(*(v if v is None else v.reshape(len(crops), -1, *v.shape[3:]) for v in (skin, answers, cheek))),
        "n": len(crops),
    }


def moves(
    skin: NDArray[np.float32], answers: NDArray[np.float32], cheek: NDArray[np.float32] | None = None
) -> dict[str, float | None]:
    """(P, V) L* of skins and, where something is painted, of cheeks, (P, V, questions) answers, in V lights."""
    return {
        "drawn_skin": round(float(np.ptp(skin, axis=1).mean()), 2),
        "painted_cheek": None if cheek is None else round(float(np.ptp(cheek, axis=1).mean()), 2),
        "answers_change": round(float((np.ptp(answers, axis=1) > 0).any(1).mean()), 4),
    }


def brown_skin(lightness: NDArray[np.float32], luminance: NDArray[np.float32], groups: Members) -> dict[str, Any]:
    """Group → the share whose skin is drawn brown or dark, of the darkest third of the photos and of the brightest:
    the colour of the skin shouldn't hang on the light. lightness: (N,) L* of the drawn skin; luminance: (N,) of the
    photos."""
    low, high = np.quantile(luminance, (1 / 3, 2 / 3))
    thirds = {"darkest": luminance <= low, "brightest": luminance >= high, "all": np.ones(len(luminance), bool)}
    return {name: shares(lightness < BROWN, meant, groups)["groups"] for name, meant in thirds.items()}


def luminances(crops: Image) -> NDArray[np.float32]:
    """(N,) the mean luminance of pictures, 0..255."""
    return np.array([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).mean() for crop in crops], np.float32)
