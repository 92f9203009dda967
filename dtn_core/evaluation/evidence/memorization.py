"""Memorization: is G(x) nearer to g's training pictures than pictures of t that nothing learnt? And a map of f."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def pixels(x: Tensor, side: int = 32) -> Tensor:
    """Flatten (N, C, S, S) in [-1, 1] to (N, d) in 0..1, reduced in size so that small shifts matter little."""
    small = torch.nn.functional.interpolate(x, size=(side, side), mode="area") if x.shape[-1] > side else x
    return ((small + 1) / 2).flatten(1)


@torch.no_grad()
def nearest(queries: Tensor, pool: Tensor) -> tuple[Tensor, Tensor]:
    """Find the nearest of (M, d) to each of (Q, d): root mean square distance and index, (Q,) both."""
    minima = [torch.cdist(part, pool).min(1) for part in queries.split(128)]
    distance = torch.cat([part.values for part in minima]) / queries.shape[1] ** 0.5
    return distance, torch.cat([part.indices for part in minima])


def compare_distances(translated: Tensor, unseen: Tensor, learnt: Tensor) -> dict[str, Any]:
    """Compare how far (N, d) G(x) and (M, d) unseen pictures of t are from the nearest of (L, d) training pictures.

    Returns:
        Dictionary with

        - made, unseen: `QUANTILES` of the distances;
        - ratio: of the medians;
        - closer: share of G(x) nearer than the 5% quantile of the unseen pictures; .05 where g copies no more than t
          repeats itself.
    """
    ours, theirs = (nearest(x, learnt)[0].double().numpy() for x in (translated, unseen))
    our_quantiles, their_quantiles = (np.quantile(distances, QUANTILES) for distances in (ours, theirs))
    median = QUANTILES.index(0.5)
    ratio = our_quantiles[median] / their_quantiles[median] if their_quantiles[median] else None
    return {
        "made": [round(float(q), 4) for q in our_quantiles],
        "unseen": [round(float(q), 4) for q in their_quantiles],
        "ratio": None if ratio is None else round(float(ratio), 3),
        "closer": round(float((ours < their_quantiles[0]).mean()), 4),
    }


def pca_map(parts: dict[str, Tensor]) -> dict[str, Any]:
    """Project features of several domains onto the first two principal components of all together.

    Args:
        parts: Domain → (N, d) standardised features.

    Returns:
        Dictionary with the points of each domain, and explained: shares of the variance.
    """
    x = torch.cat(list(parts.values())).double()
    x = x - x.mean(0)
    _, spread, axes = torch.linalg.svd(x, full_matrices=False)
    axes = axes[:2]
    for axis in axes:  # SVD leaves the sign open; fix it so that the map is the same at every call
        axis *= axis[axis.abs().argmax()].sign()
    projected = (x @ axes.T).split([len(part) for part in parts.values()])
    explained = (spread**2 / (spread**2).sum())[:2]
    points = {name: [[round(float(v), 2) for v in point] for point in domain] for name, domain in zip(parts, projected)}
    return {"method": "PCA", "explained": [round(float(v), 4) for v in explained], "points": points}
