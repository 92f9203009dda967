"""Same person, same avatar? Two photos of a person should be drawn more alike than photos of two."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional as F

from ...avatars.avatar import Avatar
from ...core.colors import to_lab, to_rgb
from ...core.metrics import auc
from .predictions import Portrayed

CLOSE = 10.0
"""Colours nearer than this in CIELAB (ΔE, 1976) count as the same."""


def likeness(queries: Portrayed, targets: Portrayed) -> dict[str, Any]:
    """AUC of telling photo i of the queries and i of the targets, one person, from i and another's. probabilities: by
    what c thinks; parameters: by what is drawn; f: by the cosine of f's standardised features, no avatar between."""
    return {
        "probabilities": _auc(probabilities_alike(beliefs(queries), beliefs(targets))),
        "parameters": _auc(parameters_alike(queries.avatars["sure"], targets.avatars["sure"])),
        "f": _auc(_cosines(queries, targets)),
        "same": len(queries),
        "different": len(queries) * (len(queries) - 1),
    }


def _auc(alike: NDArray[np.floating]) -> float | None:
    """The AUC of an (N, N) similarity whose diagonal should be highest."""
    return round(auc(np.eye(len(alike)).ravel(), alike.ravel()), 4) if len(alike) > 1 else None


def _cosines(a: Portrayed, b: Portrayed) -> NDArray[np.float32]:
    z = [F.normalize(of.predictor.standardise(of.features), dim=1) for of in (a, b)]
    return (z[0] @ z[1].T).numpy()


def beliefs(of: Portrayed) -> NDArray[np.float64]:
    """(N, choices) c's probabilities of every question and colour of hair, and the skin's L* / 100."""
    return np.stack([*of.chances.values(), of.skin()[:, 0] / 100], 1)


def probabilities_alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, choices), (M, choices) → (N, M) less the sum of the differences."""
    return -np.abs(a[:, None] - b[None]).sum(2)


def parameters_alike(a: list[Avatar], b: list[Avatar]) -> NDArray[np.float64]:
    """N and M avatars → (N, M) the mean over slots (1: the same variant), skin and hair (1: a close colour) and
    shapes (1: the same, 0: the opposite extremes)."""
    slots = a[0].parameters.spec.slots
    alike = [_variants(a, slot)[:, None] == _variants(b, slot)[None] for slot in slots]
    for name in ("skin", "hair"):
        alike.append(np.linalg.norm(_colours(a, name)[:, None] - _colours(b, name)[None], axis=2) < CLOSE)
    alike += [1 - np.abs(_shape(a, name)[:, None] - _shape(b, name)[None]) / 2 for name in a[0].parameters.shape]
    return np.mean(alike, axis=0)


def _variants(avatars: list[Avatar], slot: str) -> NDArray[np.str_]:
    return np.array([avatar.parameters.variants[slot] for avatar in avatars])


def _shape(avatars: list[Avatar], name: str) -> NDArray[np.float64]:
    return np.array([avatar.parameters.shape[name] for avatar in avatars])


def _colours(avatars: list[Avatar], name: str) -> NDArray[np.float32]:
    return to_lab(np.array([to_rgb(avatar.parameters.colours[name]) for avatar in avatars]))
