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
"""Slanted and bent copies of each G(s), where there are any."""

WAYS: dict[str, tuple[bool, bool]] = {
    "pixels": (False, False),
    "bent copies": (False, True),
    "deskewed": (True, False),
    "deskewed, bent copies": (True, True),
}
"""Name → whether all pictures are deskewed, and whether the gallery has bent copies too."""


class Neighbours:
    """Nearest neighbours among G(s), in each of `WAYS`.

    made: (N, 1, 32, 32) in [-1, 1]; labels: (N,) of s; seed: of the copies.
    """

    def __init__(self, made: Tensor, labels: Tensor, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        self.made, self.labels = made[:, 0], labels
        self.bent = torch.cat([made, *(augment.sketch(made, random, 1.0) for _ in range(COPIES))])[:, 0]

    def guess(self, way: str, x: Tensor) -> NDArray[np.int64]:
        """Labels of (Q, 32, 32) pictures of t, float in [-1, 1]."""
        upright, copies = WAYS[way]
        gallery, labels = (self.bent, self.labels.repeat(1 + COPIES)) if copies else (self.made, self.labels)
        same: Callable[[Tensor], Tensor] = deskew if upright else lambda x: x
        return nearest_neighbours(same(gallery), labels, same(x)).numpy()


def choose(neighbours: Neighbours, x: Tensor, read: NDArray[np.int64]) -> tuple[str, dict[str, float]]:
    """The way that agrees most with a classifier that learnt G(s), and the agreement of each, without a label of t;
    x: (Q, 32, 32) pictures of t; read: what the classifier reads in them."""
    agreement = {way: round(float((neighbours.guess(way, x) == read).mean()), 4) for way in WAYS}
    return max(agreement, key=agreement.__getitem__), agreement


@torch.no_grad()
def nearest_neighbours(x: Tensor, y: Tensor, queries: Tensor, k: int = 5) -> Tensor:
    """Labels of (Q, 32, 32) queries by majority of the k nearest (N, 32, 32) pictures, in pixels; float."""
    flat, labels = x.flatten(1), []
    for part in queries.flatten(1).split(500):
        nearest = torch.cdist(part, flat).topk(k, largest=False).indices
        labels.append(torch.mode(y[nearest], 1).values)
    return torch.cat(labels)


def deskew(x: Tensor) -> Tensor:
    """Handwritten digits upright, centred and of one height, by their moments (LeCun et al., 1998, compare nearest
    neighbours so too); (N, 32, 32) light on black in [-1, 1] → the same. A blank picture stays blank."""
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
