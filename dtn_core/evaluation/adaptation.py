"""Domain adaptation (paper, Sec. 5.1, Table 2): the nearest neighbours of t among G(s) lend it the labels of s."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..core import augment

COPIES = 3
"""How many slanted and bent copies of each G(s) a gallery with copies has."""

VARIANTS: dict[str, tuple[bool, bool]] = {
    "pixels": (False, False),
    "bent copies": (False, True),
    "deskewed": (True, False),
    "deskewed, bent copies": (True, True),
}
"""Name → whether all pictures are deskewed, and whether the gallery has bent copies too."""


class Neighbours:
    """Nearest neighbours among G(s), in each of `VARIANTS`.

    Args:
        translated: (N, 1, 32, 32) G(s) in [-1, 1].
        labels: (N,) labels of s.
        seed: Seed of the bent copies.
    """

    def __init__(self, translated: Tensor, labels: Tensor, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        self.translated = translated[:, 0]
        self.labels = labels
        self.bent = torch.cat([translated, *(augment.sketch(translated, random, 1.0) for _ in range(COPIES))])[:, 0]

    def guess(self, variant: str, x: Tensor) -> NDArray[np.int64]:
        """Return (Q,) labels of (Q, 32, 32) pictures of t, float in [-1, 1]."""
        upright, copies = VARIANTS[variant]
        gallery, labels = (self.bent, self.labels.repeat(1 + COPIES)) if copies else (self.translated, self.labels)
        same: Callable[[Tensor], Tensor] = deskew if upright else lambda x: x
        return nearest_neighbours(same(gallery), labels, same(x)).numpy()


def choose(neighbours: Neighbours, x: Tensor, read: NDArray[np.int64]) -> tuple[str, dict[str, float]]:
    """Choose the variant that agrees most with a classifier that learnt G(s), without labels of t.

    Args:
        neighbours: Nearest neighbours.
        x: (Q, 32, 32) pictures of t.
        read: (Q,) labels by the classifier.

    Returns:
        The variant, and the agreement of each.
    """
    agreement = {variant: round(float((neighbours.guess(variant, x) == read).mean()), 4) for variant in VARIANTS}
    return max(agreement, key=agreement.__getitem__), agreement


@torch.no_grad()
def nearest_neighbours(x: Tensor, y: Tensor, queries: Tensor, k: int = 5) -> Tensor:
    """Label (Q, 32, 32) queries by majority of the k nearest of (N, 32, 32) pictures, float, in pixels."""
    flat = x.flatten(1)
    labels = []
    for part in queries.flatten(1).split(500):
        nearest = torch.cdist(part, flat).topk(k, largest=False).indices
        labels.append(torch.mode(y[nearest], 1).values)
    return torch.cat(labels)


def deskew(x: Tensor) -> Tensor:
    """Make handwritten digits upright, centred and of one height, by their moments (as LeCun et al., 1998).

    (N, 32, 32) light on black in [-1, 1] → the same; a blank picture stays blank.
    """
    n, side = x.shape[0], x.shape[-1]
    ink = (x + 1) / 2 * (x > -0.6)
    ink = ink / ink.sum((1, 2), keepdim=True).clamp_min(1e-6)
    at = torch.linspace(-1 + 1 / side, 1 - 1 / side, side)
    across, down = ink.sum(1), ink.sum(2)  # (N, side)
    cx, cy = across @ at, down @ at
    dy = at - cy[:, None]
    variance = (down * dy.square()).sum(1).clamp_min(1e-4)
    slant = (ink * dy[:, :, None] * (at - cx[:, None])[:, None, :]).sum((1, 2)) / variance
    height = variance.sqrt() / 0.42  # of MNIST's digits, about: their size changes little
    rows = [height, slant * height, cx, torch.zeros(n), height, cy]
    spots = F.affine_grid(torch.stack(rows, 1).view(n, 2, 3), [n, 1, side, side], align_corners=False)
    return F.grid_sample(x[:, None], spots, padding_mode="border", align_corners=False)[:, 0]
