"""Metrics in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: the probability that a positive scores above a negative, ties counting half.

    labels: (N,) of 0 and 1; scores: (N,), higher for 1. NaN if only one class is present.
    """
    y, s = np.asarray(labels, bool), np.asarray(scores, np.float64)
    positive, negative = int(y.sum()), int((~y).sum())
    if not positive or not negative:
        return float("nan")
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[y].sum() - positive * (positive + 1) / 2) / (positive * negative))


def balanced_accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Mean of sensitivity and specificity; NaN if only one class is present."""
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


def polynomial_mmd(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Squared maximum mean discrepancy under (x·y / d + 1)³, unbiased, so it can fall a little below 0.

    a: (M, d), b: (N, d) features; M, N ≥ 2. Bińkowski et al., "Demystifying MMD GANs", ICLR 2018 (KID's kernel).
    """

    def kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: NDArray[np.float64]) -> float:
        k = kernel(x, x)
        return float((k.sum() - np.trace(k)) / (len(x) * (len(x) - 1)))  # without the distance of a picture to itself

    return within(a) + within(b) - 2 * float(kernel(a, b).mean())


def kid(a: ArrayLike, b: ArrayLike, subsets: int = 50, size: int = 500, seed: int = 0) -> tuple[float, float]:
    """Kernel inception distance of (M, d) and (N, d) features: mean and standard deviation of `polynomial_mmd` over
    random subsets of this size of each, or of all where there are fewer. NaN for fewer than two."""
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    size = min(size, len(x), len(y))
    if size < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    drawn = [
        polynomial_mmd(x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)])
        for _ in range(subsets)
    ]
    return float(np.mean(drawn)), float(np.std(drawn))


def ranks(similarities: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Ranks of the targets of Q queries in a gallery, 1 is best, ties counting half.

    similarities: (Q, N), higher is more similar; targets: (Q,) the correct column of each query.
    """
    s, t = np.asarray(similarities, np.float64), np.asarray(targets, int)
    target = s[np.arange(len(s)), t][:, None]
    return 1 + (s > target).sum(1) + ((s == target).sum(1) - 1) / 2
