"""Decisions learnt from unlabelled photos: c's log-odds calibrated to f's reading (Platt, "Probabilistic Outputs for
Support Vector Machines", 1999), and haircuts and clothes made as frequent as among drawings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .choose import (
    HAIR_READS,
    QUESTIONS,
    Beliefs,
    Decisions,
    hair_reading,
    hair_scores,
    kind_index,
    log_odds,
    may_choose,
    reading,
    sigmoid,
)
from .choose_shape import Statistics
from .parameters import HAIR_COLOURS, SPECS


def learn(
    style: str,
    beliefs: Beliefs,
    attributes: Mapping[str, NDArray[np.float64]],
    skin: dict[str, float],
    shape: Statistics,
    artist: Mapping[str, NDArray[np.float64]],
) -> Decisions:
    """Decisions from unlabelled photos: c's beliefs and f's probabilities of its attributes (name → (N,)); skin: see
    `skin.skin_means`; shape: see `choose_shape.shape_statistics`; artist: head → how often each choice is among the
    drawings."""
    lines, rates = {}, {}
    for name, question in QUESTIONS[style].items():
        target = reading(attributes, question.reads)
        lines[name] = _line(log_odds(style, question, beliefs), target)
        rates[name] = round(float(target.mean()), 4)
    target = hair_reading(attributes)
    fitted = _lines_of_classes(hair_scores(style, beliefs), target)
    hair = {name: (round(fitted[0], 4), round(fitted[1][i], 4)) for i, name in enumerate(HAIR_READS)}
    hair_rates = {name: round(float(target[:, i].mean()), 4) for i, name in enumerate(HAIR_READS)}
    bias = {head: _biases(style, head, log_p, artist[head]) for head, log_p in beliefs.items()}
    return Decisions(lines, rates, hair, hair_rates, skin, bias, shape)


FEWEST = 100
"""So many photos at least tell how often a kind's variants are chosen."""


def _biases(style: str, head: str, log_p: NDArray[np.float32], artist: NDArray[np.float64]) -> list[float]:
    """What makes each choice as frequent within its kind as the artist's drawings have it: photos tell little of a
    haircut or of clothes, and without it nearly everybody would wear the same."""
    bias = np.zeros(log_p.shape[1])
    for group in _kinds_of(style, head):
        allowed = [j for j in group if may_choose(style, head, j) and artist[j] > 0]
        if len(allowed) < 2:
            continue
        mass = np.logaddexp.reduce(log_p[:, group], axis=1)
        mostly = np.flatnonzero(mass > np.log(0.5))
        rows = mostly if len(mostly) >= FEWEST else np.argsort(-mass)[:FEWEST]
        target = artist[allowed] / artist[allowed].sum()
        scores = log_p[rows][:, allowed].astype(np.float64)
        scores -= scores.mean(1, keepdims=True)
        bias[allowed] = -scores.mean(0)
        step = 0.2 * scores.std(0).mean()  # in proportion to what there is to tell photos apart by
        for round_ in range(400):
            chosen = (scores + bias[allowed]).argmax(1)
            often = np.bincount(chosen, minlength=len(allowed)) / len(rows)
            bias[allowed] += step * 0.99**round_ * np.log((target + 0.01) / (often + 0.01))
    return bias.round(5).tolist()


def _kinds_of(style: str, head: str) -> list[list[int]]:
    """The choices of a head by kind; one list of all where it has none."""
    spec = SPECS[style]
    if head in spec.kinds:
        return [kind_index(style, head, (kind,)) for kind in spec.kinds[head]]
    if head == "colour:hair":
        return [[spec.colours["hair"].index(code) for code in codes] for codes in HAIR_COLOURS.values()]
    return [list(range(len(spec.choices(head))))]


def _line(scores: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and offset of the logistic curve through (scores, probabilities): Newton's steps on the cross-entropy."""
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


def _lines_of_classes(scores: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, list[float]]:
    """One slope and an offset a class of the softmax through (scores, probabilities): gradient steps."""
    slope, offsets = 1.0, np.zeros(scores.shape[1])
    x = scores - scores.mean(1, keepdims=True)
    scale = max(float(x.std()), 1e-6)
    for _ in range(2000):
        logits = slope * x / scale + offsets
        p = np.exp(logits - logits.max(1, keepdims=True))
        miss = p / p.sum(1, keepdims=True) - target
        slope -= 1.0 * float((miss * x / scale).sum(1).mean())
        offsets -= 1.0 * miss.mean(0)
    return slope / scale, [float(v) for v in offsets - offsets.mean()]
