"""The colour of the skin, by a linear regression on f's features.

The colour of a cheek in a photo depends far more on the light than on the person, so it isn't copied. The regression
predicts the colour of a photo's skin from f of the same photo in simulated light, and the part of the prediction that
changes with that light is penalised. No label is used, and f's logits of ethnic groups are left out of its input.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..core.colors import from_lab, to_hex, to_lab, to_rgb
from ..core.types import HEAD_EYE_HEIGHT, Image
from ..networks.parser import PARTS
from ..networks.resnet import ATTRIBUTES
from .parameters import SPECS

CERTAIN = 0.65
"""Probability from which a pixel counts as skin."""

FACE_ROWS = (0.3, HEAD_EYE_HEIGHT + 0.24)
"""Rows of a head crop, as shares of its side, between which skin is measured: above most beards."""

LIT = (0.5, 0.9)
"""Quantiles of L* between which skin counts as lit: neither in shade nor a highlight."""

MIN_SKIN = 0.02
"""Share of the head crop that must be skin for its colour to be measured."""

RIDGE = 3000.0
"""Penalty on the weights of standardised features."""

LIGHT_PENALTY = 10.0
"""Penalty on the variance of the prediction over views of one photo, relative to the squared error."""

SPREAD = 1.3
"""Factor on the deviations from the mean: a regression predicts less variety than there is."""

LIFT = 2.5
"""What is added to L*: a flat area looks darker than a face with highlights."""

PALETTE_SHARE = 0.5
"""Share of the artist's palette in a* and b*; the rest is the person's."""


def lit_skin(pictures: Image, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Measure the lit skin of N heads.

    Args:
        pictures: (N, S, S, 3) uint8 RGB head crops.
        probabilities: (N, len(PARTS), S, S) of the parts, as by `faces.parse.parse`.

    Returns:
        (N, 3) CIELAB; NaN where too little skin is seen.
    """
    rows = (np.arange(pictures.shape[1]) / pictures.shape[1])[:, None]
    in_face = (rows > FACE_ROWS[0]) & (rows < FACE_ROWS[1])
    colours = np.full((len(pictures), 3), np.nan, np.float32)
    for i, picture in enumerate(pictures):
        mask = (probabilities[i, PARTS.index("skin")] > CERTAIN) & in_face
        if mask.mean() < MIN_SKIN:
            continue
        lab = to_lab(picture)[mask]
        low, high = np.quantile(lab[:, 0], LIT)
        colours[i] = np.median(lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)], axis=0)
    return colours


def relight(picture: Image, rng: np.random.Generator) -> Image:
    """Simulate other light on an (S, S, 3) picture: exposure, contrast, colour, and for some shade from one side."""
    light = (picture.astype(np.float32) / 255) ** np.exp(0.2 * rng.standard_normal())
    light *= np.exp(rng.uniform(-0.9, 0.6)) * np.exp(0.1 * rng.standard_normal(3))
    if rng.random() < 0.4:
        angle = rng.uniform(0, 2 * np.pi)
        ramp = np.linspace(-1, 1, len(picture))
        side = np.clip(np.cos(angle) * ramp + np.sin(angle) * ramp[:, None], -1, 1)
        light *= 1 - rng.uniform(0, 0.6) * (side[..., None] + 1) / 2
    return (255 * np.clip(light, 0, 1)).astype(np.uint8)


def fit(views: NDArray[np.float32], colours: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the regression in closed form.

    Args:
        views: (V, N, dim) f's features of N photos in V lights, the logits of `ATTRIBUTES` last.
        colours: (N, 3) `lit_skin` of the photos as they are, without NaN.

    Returns:
        Weights, (3, dim), and bias, (3,).
    """
    dim = views.shape[2]
    groups = [dim - len(ATTRIBUTES) + i for i, name in enumerate(ATTRIBUTES) if name.startswith("race_")]
    used = np.setdiff1d(np.arange(dim), groups)
    x = views[..., used].astype(np.float64)
    mean = x.mean((0, 1))
    std = x.std((0, 1)) + 1e-3
    z = (x - mean) / std
    by_light = (z - z.mean(0)).reshape(-1, len(used))
    z = z.reshape(-1, len(used))
    target = np.tile(colours - colours.mean(0), (len(views), 1))
    penalty = RIDGE * np.eye(len(used)) + LIGHT_PENALTY * by_light.T @ by_light
    slopes = SPREAD * np.linalg.solve(z.T @ z + penalty, z.T @ target) / std[:, None]
    weights = np.zeros((3, dim))
    weights[:, used] = slopes.T
    return weights, colours.mean(0) - mean @ slopes


@cache
def _skin_palette(style: str) -> NDArray[np.float32]:
    """(k, 3) CIELAB of the artist's skins, darkest first."""
    lab = to_lab(np.array([to_rgb(code) for code in SPECS[style].colours["skin"]]))
    return lab[np.argsort(lab[:, 0])]


def palette_skin(style: str, lightness: float) -> NDArray[np.float64]:
    """(3,) the skin of this L*, interpolated between the artist's palette in CIELAB."""
    lab = _skin_palette(style)
    lightness = float(np.clip(lightness, lab[0, 0], lab[-1, 0]))
    return np.array([np.interp(lightness, lab[:, 0], lab[:, k]) for k in range(3)])


def skin_colour(style: str, lightness: float) -> str:
    """As `palette_skin`, as a code."""
    return to_hex(from_lab(palette_skin(style, lightness)))


def drawn_skin(style: str, lab: NDArray[np.floating]) -> str:
    """The code that a style draws a skin of (3,) CIELAB in: as light as the person's, and half as the palette's."""
    palette = palette_skin(style, lab[0] + LIFT)
    ab = PALETTE_SHARE * palette[1:] + (1 - PALETTE_SHARE) * lab[1:]
    return to_hex(from_lab(np.array([palette[0], *ab])))
