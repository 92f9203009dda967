"""Screen prints: photos stylised from a single style picture, the target domain of `StyleTransfer` (paper, Sec. 5.3).

The style picture gives the inks (k-means in CIELAB) and how much of each is used. The filter prints every tone of a
head crop in one ink: the shares decide which tones, half-way to fixed thresholds, so that dark stays dark. Behind the
head lies nothing; around it runs a rim of paper, the lightest ink.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..avatars import engine
from ..core import images
from ..core.errors import UserError
from ..core.files import distribution_folder
from ..core.types import Image

PICTURE = distribution_folder("assets") / "sunset.svg"
"""The style picture that is used where none is given; drawn for this project."""

FIXED = (0.25, 0.42, 0.58, 0.74)
"""Lightness (0-1) between one of five inks and the next, where a photo's own tones had no say."""

OWN = 0.6
"""How much say they have."""


class Inks(NamedTuple):
    """colours: (5, 3) uint8 RGB, dark to light, the last the paper; shares: (5,) float64, of the style picture's
    area."""

    colours: NDArray[np.uint8]
    shares: NDArray[np.float64]


def read_inks(path: str | os.PathLike[str] | None = None) -> Inks:
    """The inks of a style picture. Raises UserError with one line if it can't be read or has too few colours."""
    path = Path(path or PICTURE)
    if path.suffix.lower() == ".svg":
        try:
            picture = images.composite_over(engine.raster(path.read_text("utf-8"), 160), (255, 255, 255))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}). Give a PNG, JPEG or SVG picture.") from None
    else:
        picture = cv2.resize(images.load(path), (160, 160), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    count = len(FIXED) + 1
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    _, labels, centres = cv2.kmeans(lab, count, None, stop, 4, cv2.KMEANS_PP_CENTERS)
    order = np.argsort(centres[:, 0])
    shares = np.bincount(labels[:, 0], minlength=count)[order] / len(lab)
    if np.diff(centres[order, 0]).min() < 2 or shares.min() < 0.01:
        raise UserError(f"{path}: has fewer than {count} tones. Give a style picture with more contrast.")
    # The middle of a flat ink, not the mean, which its blurred edges would tint.
    colours = [np.median(picture.reshape(-1, 3)[labels[:, 0] == i], 0) for i in order]
    return Inks(np.array(colours).round().astype(np.uint8), shares)


def screen_print(head: Image, inks: Inks, size: int) -> Image:
    """The direct filter: an (S, S, 3) uint8 head crop → (size, size, 4) uint8 RGBA."""
    side = max(128, size)
    mask = cv2.resize(silhouette(head), (side, side), interpolation=cv2.INTER_CUBIC)
    tones = _tones(cv2.resize(head, (side, side), interpolation=cv2.INTER_CUBIC))
    own = np.quantile(tones[mask > 0.5], np.cumsum(inks.shares)[:-1])
    between = OWN * own + (1 - OWN) * np.array(FIXED)
    between = np.maximum.accumulate(between + 0.02 * np.arange(len(between)))
    above = _step(tones[..., None] - between, 0.01)
    weights = np.concatenate([1 - above[..., :1], above[..., :-1] - above[..., 1:], above[..., -1:]], -1)
    colours = inks.colours.astype(np.float32)
    inside = _step(mask - 0.5, 0.06)[..., None]
    rgb = weights @ colours * inside + colours[-1] * (1 - inside)
    rim = np.clip(1.05 * _step(cv2.GaussianBlur(mask, (0, 0), side / 40) - 0.12, 0.03) - 0.025, 0, 1)
    rgba = np.dstack([rgb, 255 * rim])
    rgba[..., :3] *= rim[..., None]  # premultiplied, so that shrinking mixes no hidden colour in
    rgba = cv2.resize(rgba, (size, size), interpolation=cv2.INTER_AREA)
    rgba[..., :3] /= np.maximum(rgba[..., 3:] / 255, 1e-3)
    return rgba.clip(0, 255).round().astype(np.uint8)


def silhouette(head: Image) -> NDArray[np.float32]:
    """Where the head and shoulders are: (96, 96) float32 of 0-1. What differs from the colours in the upper corners, or
    lies where heads lie in aligned crops; one piece without holes."""
    n = 96
    small = cv2.bilateralFilter(cv2.resize(head, (n, n), interpolation=cv2.INTER_AREA), 7, 40, 4)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32) * (0.8, 1, 1)
    y, x = (np.mgrid[:n, :n] + 0.5) / n
    x = abs(x - 0.5)
    corners = (x > 0.36) & (y < 0.42) | (y < 0.05) | (x > 0.46) & (y < 0.6)
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    _, _, behind = cv2.kmeans(lab[corners].astype(np.float32), 4, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    differs = np.linalg.norm(lab[:, :, None] - behind, axis=-1).min(-1)
    away = np.hypot(x / 0.34, (y - 0.56) / 0.50)
    away = np.where(y > 0.75, np.minimum(away, x / 0.30), away)
    logit = 9 * (1 - away) + (np.minimum(differs, 40) - 14) / 6
    logit = np.where(away > 1.45, -9, logit)
    logit = np.where(np.hypot(x / 0.2, (y - 0.56) / 0.3) < 1, 9, logit)
    soft = cv2.GaussianBlur(1 / (1 + np.exp(-logit)), (0, 0), 1.5)
    return cv2.GaussianBlur(_one_piece(soft > 0.5).astype(np.float32), (0, 0), 1.8)


def _one_piece(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The part in which the face lies, its holes filled and thin ends taken off."""
    n = len(mask)
    _, parts = cv2.connectedComponents(mask.astype(np.uint8))
    mask = parts == parts[int(0.6 * n), n // 2]
    _, parts = cv2.connectedComponents((~mask).astype(np.uint8))
    outside = np.unique(np.concatenate([parts[0], parts[:, 0], parts[:, -1]]))
    filled = mask | ~np.isin(parts, outside)
    return cv2.morphologyEx(
        filled.astype(np.uint8), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    )


def _tones(head: Image) -> NDArray[np.float32]:
    """Lightness, 0-1, smooth but for edges, a third of the light's unevenness over the face taken out."""
    side = len(head)
    lightness = cv2.cvtColor(head, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32) / 255
    for _ in range(3):
        lightness = cv2.bilateralFilter(lightness, 7, 0.1, 4)
    y, x = ((np.mgrid[:side, :side] + 0.5) / side).astype(np.float32)
    face = np.exp(-(((x - 0.5) / 0.22) ** 2) - ((y - 0.58) / 0.28) ** 2)
    blurred = cv2.GaussianBlur(lightness * face, (0, 0), 0.16 * side)
    low = blurred / np.maximum(cv2.GaussianBlur(face, (0, 0), 0.16 * side), 0.02)
    mean = (lightness * face).sum() / face.sum()
    return lightness - 0.35 * (low - mean) * np.clip(3 * face, 0, 1)


def _step(x: NDArray, width: float) -> NDArray:
    """A smooth step from 0 to 1 at 0."""
    return 1 / (1 + np.exp(-np.clip(x / width, -60, 60)))
