"""The skin of an avatar: of the person, not of the light. A cheek in a photo tells the light far more than the person,
so f's reading of UTKFace's groups says how light the skin is to be expected, and the cheek moves it a little. Both are
read in even light."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..core.colors import from_lab, to_hex, to_lab, to_rgb
from .parameters import SPECS

SKIN_LIGHTNESS = {"race_White": 80.0, "race_Black": 42.0, "race_Asian": 79.0, "race_Indian": 46.0}
"""f's group → the L* that its skin is drawn with on average, within the artists' palettes."""

OWN_SHARE = 0.15
"""How much of a cheek's deviation from its group's mean is drawn."""

EXPOSURE = 0.47
"""Mean of a head crop in even light, 0..1."""

NORM = 6
CLIPPED = 0.98


def even_light(x: Tensor) -> Tensor:
    """Head crops with the colour and the brightness of the light taken out: shades of grey (Finlayson and Trezzi, 2004,
    with a norm of 6; what is overexposed tells no colour), and `EXPOSURE`. (B, 3, S, S) in [-1, 1] → the same."""
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
    each = np.stack([attributes[name] for name in SKIN_LIGHTNESS], 1) + 1e-6
    return each / each.sum(1, keepdims=True)


def skin_means(attributes: Mapping[str, NDArray[np.float64]], lightness: NDArray[np.float32]) -> dict[str, float]:
    """Group → the mean of f's (N,) L* of the cheek over those that f counts to it."""
    p = groups(attributes)
    return {name: round(float(p[:, i] @ lightness / p[:, i].sum()), 2) for i, name in enumerate(SKIN_LIGHTNESS)}


def skin_lightness(
    attributes: Mapping[str, NDArray[np.float64]], lightness: NDArray[np.float32], means: Mapping[str, float]
) -> NDArray[np.float64]:
    """(N,) L* of the skin to draw: what f's reading of the group lets expect, and a share of how far the cheek lies
    from the mean of that group. Light moves the cheek far more than people differ, and hardly moves the group."""
    p = groups(attributes)
    expected = p @ np.array([means[name] for name in SKIN_LIGHTNESS])
    return p @ np.array(list(SKIN_LIGHTNESS.values())) + OWN_SHARE * (lightness - expected)


@cache
def _skins(style: str) -> NDArray[np.float32]:
    """(k, 3) CIELAB of the artist's skins, the darkest first."""
    lab = to_lab(np.array([to_rgb(code) for code in SPECS[style].colours["skin"]]))
    return lab[np.argsort(lab[:, 0])]


def skin_colour(style: str, lightness: float) -> str:
    """The artist's skin of this L*: the palette's colours, and all between them in CIELAB."""
    lab = _skins(style)
    lightness = float(np.clip(lightness, lab[0, 0], lab[-1, 0]))
    return to_hex(from_lab(np.array([np.interp(lightness, lab[:, 0], lab[:, k]) for k in range(3)])))
