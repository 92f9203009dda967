"""Reliability: are 80% of the answers with a probability of 80% right? In bins, for everybody and for each group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...data.portraits import UNKNOWN
from ..questions import Members

BINS = 10
MIN_PEOPLE = 20
"""Smaller groups are left out."""


def reliability(labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> dict[str, Any]:
    """Compute the calibration of probabilities.

    Args:
        labels: (N,) of 0 and 1; `UNKNOWN` ones are left out.
        probabilities: (N,) in 0..1.
        bins: How many bins of equal width.

    Returns:
        Dictionary with

        - n, yes: how many labels there are, and how many are 1;
        - ece: expected calibration error, the mean of |probability - share| over the bins, weighted by their size;
        - brier: mean squared error;
        - bins: [n, mean probability, share of 1] of each bin that isn't empty.
    """
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    known = (y != UNKNOWN) & np.isfinite(p)
    y, p = y[known], p[known]
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for i in np.unique(bin_of):
        inside = bin_of == i
        rows.append([int(inside.sum()), round(float(p[inside].mean()), 4), round(float(y[inside].mean()), 4)])
    n = len(y)
    return {
        "n": n,
        "yes": int(y.sum()),
        "ece": round(sum(count * abs(mean - share) for count, mean, share in rows) / n, 4) if n else None,
        "brier": round(float(np.mean((p - y) ** 2)), 4) if n else None,
        "bins": rows,
    }


def by_group(labels: ArrayLike, probabilities: ArrayLike, axes: Mapping[str, Members]) -> dict[str, Any]:
    """Compute `reliability` of everybody and, under "groups", of each group with at least `MIN_PEOPLE` people.

    Args:
        labels: (N,) as for `reliability`.
        probabilities: (N,).
        axes: Axis → group → (N,) mask of its members.
    """
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    groups: dict[str, dict[str, Any]] = {}
    for axis, members in axes.items():
        rows = {name: reliability(y[mask], p[mask]) for name, mask in members.items()}
        rows = {name: row for name, row in rows.items() if row["n"] >= MIN_PEOPLE}
        if len(rows) > 1:
            groups[axis] = rows
    return {**reliability(y, p), "groups": groups}
