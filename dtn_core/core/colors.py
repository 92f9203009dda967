"""Colours: hex codes, CIELAB, and the colour of the cheeks."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from .types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image

_CHEEKS = [(0.5 + side * 0.52 * HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT + 0.6 * HEAD_EYE_DISTANCE) for side in (-1, 1)]
"""x, y of the middle of both cheeks in a head crop, as shares of its side: below the eyes, above most beards."""

_CHEEK_RADIUS = 0.035

FLAT_COLOURS = 10
"""Colours to which a picture is reduced to measure how flat it is."""

FLAT_DISTANCE = 4.0
"""ΔE76 from its colour below which a pixel is flat."""


def to_rgb(code: str) -> tuple[int, int, int]:
    """ "#d08b5b" → (208, 139, 91)."""
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def to_hex(rgb: NDArray | tuple) -> str:
    """(208.2, 139, 91) → "#d08b5b"; clipped to 0..255."""
    return "#" + "".join(f"{int(v):02x}" for v in np.clip(np.round(np.asarray(rgb, np.float64)), 0, 255))


def to_lab(rgb: NDArray) -> NDArray[np.float32]:
    """(..., 3) sRGB in 0..255 → CIELAB under D65: L* in 0..100."""
    flat = np.asarray(rgb, np.float32).reshape(1, -1, 3) / 255
    return cv2.cvtColor(flat, cv2.COLOR_RGB2LAB).reshape(np.shape(rgb))


def from_lab(lab: NDArray) -> NDArray[np.float32]:
    """The inverse of `to_lab`, clipped to what sRGB can show."""
    flat = np.asarray(lab, np.float32).reshape(1, -1, 3)
    return 255 * np.clip(cv2.cvtColor(flat, cv2.COLOR_LAB2RGB), 0, 1).reshape(np.shape(lab))


def cheek(crop: Image) -> NDArray[np.float32]:
    """The median colour of both cheeks of an (S, S, 3) head crop in CIELAB: (3,)."""
    size = len(crop)
    r = max(1, round(_CHEEK_RADIUS * size))
    middles = [(round(x * size), round(y * size)) for x, y in _CHEEKS]
    patches = [crop[y - r : y + r + 1, x - r : x + r + 1].reshape(-1, 3) for x, y in middles]
    return to_lab(np.median(np.concatenate(patches), axis=0))


def flat_share(pictures: Iterable[Image], seed: int = 0) -> tuple[float, float]:
    """Reduce (H, W, 3) pictures to `FLAT_COLOURS` colours each, by k-means in CIELAB.

    Returns:
        The share of pixels near their colour, and the mean distance from it (ΔE76).
    """
    shares, residuals = [], []
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    for picture in pictures:
        cv2.setRNGSeed(seed)
        pixels = to_lab(picture).reshape(-1, 3)
        _, labels, centres = cv2.kmeans(pixels, FLAT_COLOURS, None, stop, 2, cv2.KMEANS_PP_CENTERS)
        distance = np.linalg.norm(pixels - centres[labels[:, 0]], axis=1)
        shares.append((distance < FLAT_DISTANCE).mean())
        residuals.append(distance.mean())
    return float(np.mean(shares)), float(np.mean(residuals))
