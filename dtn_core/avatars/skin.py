"""Choose the skin of an avatar by the person, not by the light.

The colour of a cheek in a photo depends far more on the light than on the person. So the expected lightness follows
from f's prediction of UTKFace's ethnic groups, and the cheek changes it only a little. Both are read in even light.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..core.colors import from_lab, to_hex, to_lab, to_rgb
from .parameters import SPECS

SKIN_LIGHTNESS = {"race_White": 80.0, "race_Black": 42.0, "race_Asian": 79.0, "race_Indian": 46.0}
"""Group → mean L* of the skins that are drawn for it, within the artists' palettes."""

OWN_SHARE = 0.15
"""Share of a cheek's deviation from its group's mean that is drawn."""

EXPOSURE = 0.47
"""Mean of a head crop in even light, 0..1."""

NORM = 6
"""Order of the Minkowski norm of `even_light`."""

CLIPPED = 0.98
"""Brightness, 0..1, from which a pixel counts as overexposed."""


def even_light(x: Tensor) -> Tensor:
    """Remove the colour and the brightness of the light from head crops; (B, 3, S, S) in [-1, 1] → the same.

    White balance by shades of grey (Finlayson and Trezzi, 2004) without overexposed pixels, then scale to `EXPOSURE`.
    """
    rgb = (x + 1) / 2
    clear = (rgb.amax(1, keepdim=True) < CLIPPED).to(rgb)
    share = clear.mean((2, 3), keepdim=True)
    clear = clear.where(share > 0.3, 1)
    light = ((rgb**NORM * clear).sum((2, 3), keepdim=True) / clear.sum((2, 3), keepdim=True)) ** (1 / NORM) + 1e-3
    rgb = rgb * light.mean(1, keepdim=True) / light
    rgb = rgb * EXPOSURE / rgb.mean((1, 2, 3), keepdim=True).clamp_min(1e-3)
    return 2 * rgb.clamp(0, 1) - 1


def groups(attributes: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(N, len(SKIN_LIGHTNESS)) f's probabilities of the groups, summing to 1."""
    p = np.stack([attributes[name] for name in SKIN_LIGHTNESS], 1) + 1e-6
    return p / p.sum(1, keepdims=True)


def skin_means(attributes: Mapping[str, NDArray[np.float64]], lightness: NDArray[np.float32]) -> dict[str, float]:
    """Group → mean of the cheeks' (N,) L*, weighted by the probability of the group."""
    p = groups(attributes)
    return {name: round(float(p[:, i] @ lightness / p[:, i].sum()), 2) for i, name in enumerate(SKIN_LIGHTNESS)}


def skin_lightness(
    attributes: Mapping[str, NDArray[np.float64]], lightness: NDArray[np.float32], means: Mapping[str, float]
) -> NDArray[np.float64]:
    """(N,) L* of the skins to draw.

    The expectation given f's prediction of the group, and a share of the cheek's deviation from that group's mean:
    light changes cheeks far more than people differ, and hardly changes the predicted group.

    Args:
        attributes: f's attribute → (N,) probabilities.
        lightness: (N,) L* of the cheeks.
        means: See `skin_means`.
    """
    p = groups(attributes)
    expected = p @ np.array([means[name] for name in SKIN_LIGHTNESS])
    return p @ np.array(list(SKIN_LIGHTNESS.values())) + OWN_SHARE * (lightness - expected)


@cache
def _skin_palette(style: str) -> NDArray[np.float32]:
    """(k, 3) CIELAB of the artist's skins, darkest first."""
    lab = to_lab(np.array([to_rgb(code) for code in SPECS[style].colours["skin"]]))
    return lab[np.argsort(lab[:, 0])]


def skin_colour(style: str, lightness: float) -> str:
    """The skin colour of this L*, interpolated between the artist's palette in CIELAB."""
    lab = _skin_palette(style)
    lightness = float(np.clip(lightness, lab[0, 0], lab[-1, 0]))
    return to_hex(from_lab(np.array([np.interp(lightness, lab[:, 0], lab[:, k]) for k in range(3)])))
