"""Learn `Decisions` from unlabelled photos.

c's log-odds are calibrated to f's (Platt, "Probabilistic Outputs for Support Vector Machines", 1999), and biases make
haircuts and clothes as frequent as in the artist's drawings.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .choose import (
    HAIR_ATTRIBUTES,
    QUESTIONS,
    Decisions,
    LogProbabilities,
    hair_probabilities,
    hair_scores,
    is_allowed,
    kind_index,
    log_odds,
    question_probability,
    sigmoid,
)
from .parameters import HAIR_COLOURS, SPECS
from .proportions import Statistics


def learn(
    style: str,
    log_probabilities: LogProbabilities,
    attributes: Mapping[str, NDArray[np.float64]],
    shape: Statistics,
    artist: Mapping[str, NDArray[np.float64]],
) -> Decisions:
    """Learn decisions from unlabelled photos.

    Args:
        style: Name of a drawn style.
        log_probabilities: c's log-probabilities.
        attributes: f's attribute → (N,) probabilities.
        shape: See `proportions.shape_statistics`.
        artist: Head → frequency of each choice in the drawings.
    """
    lines = {}
    rates = {}
    for name, question in QUESTIONS[style].items():
        target = question_probability(attributes, question.f_attributes)
        lines[name] = _fit_logistic(log_odds(style, question, log_probabilities), target)
        rates[name] = round(float(target.mean()), 4)
    target = hair_probabilities(attributes)
    slope, offsets = _fit_softmax(hair_scores(style, log_probabilities), target)
    hair = {name: (round(slope, 4), round(offset, 4)) for name, offset in zip(HAIR_ATTRIBUTES, offsets)}
    hair_rates = {name: round(float(target[:, i].mean()), 4) for i, name in enumerate(HAIR_ATTRIBUTES)}
    bias = {head: _biases(style, head, log_p, artist[head]) for head, log_p in log_probabilities.items()}
    return Decisions(lines, rates, hair, hair_rates, bias, shape)


MIN_PHOTOS = 100
"""Smallest number of photos from which the frequencies of a kind's variants are estimated."""


def _biases(style: str, head: str, log_p: NDArray[np.float32], artist: NDArray[np.float64]) -> list[float]:
    """Biases that make each choice as frequent within its kind as in the artist's drawings.

    Photos say little of haircuts and clothes; without a bias nearly everybody would get the same.
    """
    bias = np.zeros(log_p.shape[1])
    for group in _kinds_of(style, head):
        allowed = [j for j in group if is_allowed(style, head, j) and artist[j] > 0]
        if len(allowed) < 2:
            continue
        mass = np.logaddexp.reduce(log_p[:, group], axis=1)
        probable = np.flatnonzero(mass > np.log(0.5))
        rows = probable if len(probable) >= MIN_PHOTOS else np.argsort(-mass)[:MIN_PHOTOS]
        target = artist[allowed] / artist[allowed].sum()
        scores = log_p[rows][:, allowed].astype(np.float64)
        scores -= scores.mean(1, keepdims=True)
        bias[allowed] = -scores.mean(0)
        step = 0.2 * scores.std(0).mean()  # proportional to how much photos differ
        for iteration in range(400):
            chosen = (scores + bias[allowed]).argmax(1)
            frequency = np.bincount(chosen, minlength=len(allowed)) / len(rows)
            bias[allowed] += step * 0.99**iteration * np.log((target + 0.01) / (frequency + 0.01))
    return bias.round(5).tolist()


def _kinds_of(style: str, head: str) -> list[list[int]]:
    """Indices of a head's choices, grouped by kind; one group if it has no kinds."""
    spec = SPECS[style]
    if head in spec.kinds:
        return [kind_index(style, head, (kind,)) for kind in spec.kinds[head]]
    if head == "colour:hair":
        return [[spec.colours["hair"].index(code) for code in codes] for codes in HAIR_COLOURS.values()]
    return [list(range(len(spec.choices(head))))]


def _fit_logistic(scores: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float]:
    """Fit slope and offset of a logistic curve to (scores, probabilities) by Newton's method on the cross-entropy."""
    x = np.stack([scores, np.ones_like(scores)], 1)
    w = np.zeros(2)
    for _ in range(50):
        p = sigmoid(x @ w)
        hessian = (x * (p * (1 - p))[:, None]).T @ x / len(x) + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (p - target) / len(x))
        w -= np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-7:
            break
    return round(float(w[0]), 4), round(float(w[1]), 4)


def _fit_softmax(scores: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, list[float]]:
    """Fit one slope, and an offset for each class, of a softmax to (scores, probabilities) by gradient descent."""
    slope = 1.0
    offsets = np.zeros(scores.shape[1])
    x = scores - scores.mean(1, keepdims=True)
    scale = max(float(x.std()), 1e-6)
    for _ in range(2000):
        logits = slope * x / scale + offsets
        p = np.exp(logits - logits.max(1, keepdims=True))
        error = p / p.sum(1, keepdims=True) - target
        slope -= float((error * x / scale).sum(1).mean())
        offsets -= error.mean(0)
    return slope / scale, [float(v) for v in offsets - offsets.mean()]
