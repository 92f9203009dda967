"""Figures of merit, in numpy: everyone who measures uses these."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    labels: (N,) of 0 and 1; scores: (N,), higher means surer of 1. NaN if only one class is there.
    """
    y, s = np.asarray(labels, bool), np.asarray(scores, np.float64)
    positive, negative = int(y.sum()), int((~y).sum())
    if not positive or not negative:
        return float("nan")
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[y].sum() - positive * (positive + 1) / 2) / (positive * negative))


def balanced_accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Mean of the shares of positives and of negatives told right; NaN if only one class is there."""
    y, p = np.asarray(labels, bool), np.asarray(predictions, bool)
    if y.all() or not y.any():
        return float("nan")
    return float((p[y].mean() + (~p[~y]).mean()) / 2)


def mean_pairwise_distance(pictures: NDArray[np.uint8], pairs: int = 4000, seed: int = 0) -> float:
    """Diversity: the mean root-mean-square difference of random pairs; (N, H, W, C) uint8 → 0..1."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, len(pictures), (2, pairs))
    keep = a != b
    flat = pictures.reshape(len(pictures), -1)
    return float(
        np.mean([np.sqrt(np.mean(((flat[i] / 255.0) - (flat[j] / 255.0)) ** 2)) for i, j in zip(a[keep], b[keep])])
    )
