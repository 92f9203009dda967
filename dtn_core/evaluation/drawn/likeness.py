"""Consistency: two photos of a person should be drawn more alike than photos of two people."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional as F

from ...avatars.avatar import Avatar
from ...core.colors import to_lab, to_rgb
from ...core.metrics import auc
from .predictions import AvatarPredictions

MAX_SAME_COLOR_DISTANCE = 10.0
"""Colours nearer than this in CIELAB (ΔE, 1976) count as the same."""


def likeness(queries: AvatarPredictions, targets: AvatarPredictions) -> dict[str, Any]:
    """Return the AUC of telling the same person (query i and target i) from different people.

    Returns:
        AUC by c's probabilities, by the drawn parameters, and by the cosine of f's standardised features, with the
        numbers of same and different pairs.
    """
    return {
        "probabilities": _auc(probability_similarity(probability_vectors(queries), probability_vectors(targets))),
        "parameters": _auc(parameter_similarity(queries.avatars["sure"], targets.avatars["sure"])),
        "f": _auc(_cosines(queries, targets)),
        "same": len(queries),
        "different": len(queries) * (len(queries) - 1),
    }


def _auc(similarity: NDArray[np.floating]) -> float | None:
    """Return the AUC of an (N, N) similarity whose diagonal should be highest."""
    n = len(similarity)
    return round(auc(np.eye(n).ravel(), similarity.ravel()), 4) if n > 1 else None


def _cosines(a: AvatarPredictions, b: AvatarPredictions) -> NDArray[np.float32]:
    z_a, z_b = (F.normalize(one.predictor.standardise(one.features), dim=1) for one in (a, b))
    return (z_a @ z_b.T).numpy()


def probability_vectors(predictions: AvatarPredictions) -> NDArray[np.float64]:
    """Return c's probabilities of every question and hair colour, and the skin's L* / 100: (N, choices)."""
    return np.stack([*predictions.chances.values(), predictions.skin()[:, 0] / 100], 1)


def probability_similarity(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, M) negative L1 distances of (N, choices) and (M, choices)."""
    return -np.abs(a[:, None] - b[None]).sum(2)


def parameter_similarity(a: list[Avatar], b: list[Avatar]) -> NDArray[np.float64]:
    """Return (N, M) means over slots, colours and shapes of N and M avatars.

    A slot counts 1 for the same variant; skin and hair 1 for a close colour; a shape from 1 (the same) to 0 (the
    opposite extremes).
    """
    first = a[0].parameters
    parts = [_variants(a, slot)[:, None] == _variants(b, slot)[None] for slot in first.spec.slots]
    for name in ("skin", "hair"):
        distance = np.linalg.norm(_colors(a, name)[:, None] - _colors(b, name)[None], axis=2)
        parts.append(distance < MAX_SAME_COLOR_DISTANCE)
    parts += [1 - np.abs(_shape(a, name)[:, None] - _shape(b, name)[None]) / 2 for name in first.shape]
    return np.mean(parts, axis=0)


def _variants(avatars: list[Avatar], slot: str) -> NDArray[np.str_]:
    return np.array([avatar.parameters.variants[slot] for avatar in avatars])


def _shape(avatars: list[Avatar], name: str) -> NDArray[np.float64]:
    return np.array([avatar.parameters.shape[name] for avatar in avatars])


def _colors(avatars: list[Avatar], name: str) -> NDArray[np.float32]:
    return to_lab(np.array([to_rgb(avatar.parameters.colours[name]) for avatar in avatars]))
