"""Is g copying? How far G(x) is from the nearest picture of t that it learnt from, beside how far pictures of t are
that nobody learnt; and a map of f in two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def pixels(x: Tensor, side: int = 32) -> Tensor:
    """(N, C, S, S) in [-1, 1] → (N, d) in 0..1, small, so that a shift of a pixel is not everything."""
    small = torch.nn.functional.interpolate(x, size=(side, side), mode="area") if x.shape[-1] > side else x
    return ((small + 1) / 2).flatten(1)


@torch.no_grad()
def nearest(queries: Tensor, pool: Tensor) -> tuple[Tensor, Tensor]:
    """(Q, d) and (M, d) → root mean square distance to the nearest, and its place: (Q,) both."""
    found = [torch.cdist(part, pool).min(1) for part in queries.split(128)]
    distance = torch.cat([row.values for row in found]) / queries.shape[1] ** 0.5
    return distance, torch.cat([row.indices for row in found])


def compared(made: Tensor, unseen: Tensor, learnt: Tensor) -> dict[str, Any]:
    """(N, d) G(x) and (M, d) pictures of t that nothing learnt, each against (L, d) those that g learnt from: quantiles
    of the distance to the nearest; ratio: of the medians; closer: the share of G(x) nearer than all but one in twenty
    of the unseen ones are, .05 where g copies no more than t repeats itself."""
    ours, theirs = (nearest(x, learnt)[0].double().numpy() for x in (made, unseen))
    a, b = (np.quantile(x, QUANTILES) for x in (ours, theirs))
    return {
        "made": [round(float(v), 4) for v in a],
        "unseen": [round(float(v), 4) for v in b],
        "ratio": round(float(a[2] / b[2]), 3) if b[2] else None,
        "closer": round(float((ours < b[0]).mean()), 4),
    }


def plane(parts: dict[str, Tensor]) -> dict[str, Any]:
    """Name → (N, d) features, standardised, of each domain → its points in the first two principal components of all
    together (PCA), which are the same at every call; explained: their shares of the variance."""
    x = torch.cat(list(parts.values())).double()
    x = x - x.mean(0)
    _, spread, axes = torch.linalg.svd(x, full_matrices=False)
    axes = axes[:2]
    for axis in axes:  # or the sign would be anybody's
        axis *= axis[axis.abs().argmax()].sign()
    spots = (x @ axes.T).split([len(part) for part in parts.values()])
    shares = (spread**2 / (spread**2).sum())[:2]
    points = {name: [[round(float(v), 2) for v in spot] for spot in some] for name, some in zip(parts, spots)}
    return {"method": "PCA", "explained": [round(float(v), 4) for v in shares], "points": points}
