"""Reliability: of what is told with a probability of 80%, are 80% so? By bins, of everybody and of each group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...data.portraits import UNKNOWN

BINS = 10
FEWEST = 20
"""Groups of fewer people, or with a label that fewer than `evaluation.questions.FEWEST` have, are left out."""

Members = Mapping[str, Mapping[str, NDArray[np.bool_]]]
"""Axis → group → (N,) who belongs to it."""


def reliability(labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> dict[str, Any]:
    """labels, probabilities: (N,), those whose label is `UNKNOWN` left out. n, yes: how many, and how many are yes;
    ece: expected calibration error, the mean distance of |probability - share|, weighted by the bins; brier: the mean
    squared error; bins: [n, mean probability, share of yes] of each that isn't empty."""
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    known = (y != UNKNOWN) & np.isfinite(p)
    y, p = y[known], p[known]
    place = np.minimum((p * bins).astype(int), bins - 1)
    filled = [(place == i) for i in range(bins) if (place == i).any()]
    rows = [[int(here.sum()), round(float(p[here].mean()), 4), round(float(y[here].mean()), 4)] for here in filled]
    n = len(y)
    error = sum(count * abs(mean - share) for count, mean, share in rows) / n if n else None
    return {
        "n": n,
        "yes": int(y.sum()),
        "ece": None if error is None else round(error, 4),
        "brier": round(float(np.mean((p - y) ** 2)), 4) if n else None,
        "bins": rows,
    }


def by_group(labels: ArrayLike, probabilities: ArrayLike, members: Members) -> dict[str, Any]:
    """`reliability` of everybody, and under "groups" of each group with `FEWEST` people and more."""
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    found: dict[str, Any] = reliability(y, p)
    groups: dict[str, dict[str, Any]] = {}
    for axis, named in members.items():
        rows = {name: reliability(y[who], p[who]) for name, who in named.items()}
        rows = {name: row for name, row in rows.items() if row["n"] >= FEWEST}
        if len(rows) > 1:
            groups[axis] = rows
    return {**found, "groups": groups}
