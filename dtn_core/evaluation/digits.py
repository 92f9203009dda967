"""Evaluation of digit translations: a judge's accuracy on G(x), for street numbers that neither f nor g learnt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from ..core.images import to_float, to_rgb
from ..data.digits import Digits
from ..pipeline.model import Checkpoint


class Measures(TypedDict):
    """Figures of one translation.

    Attributes:
        n: How many pictures.
        accuracy: The judge's accuracy on G(x).
        digits: The same for each digit; None without pictures of it.
        n_digits: How many pictures of each digit.
        confidence: The judge's mean confidence.
        const: Mean squared distance of f in x and G(x).
        f_keeps: Share of x where f reads the same digit in G(x).
        judge_agrees: Share of G(x) where judge and f read the same digit.
    """

    n: int
    accuracy: float
    digits: list[float | None]
    n_digits: list[int]
    confidence: float
    const: float
    f_keeps: float
    judge_agrees: float


@torch.no_grad()
def measure(loaded: Checkpoint, judge: nn.Module, test: Digits) -> Measures:
    """Measure a translation on held-out s."""
    x = rgb(test)
    translated = transfer(loaded, x)
    logits = logits_of(judge, translated)
    predictions = logits.argmax(1).numpy()
    right = predictions == test.y
    features_x = _batched(loaded.f, x)
    features_gx = _batched(loaded.f, to_rgb(translated))
    read_x, read_gx = (loaded.f.logits(z).argmax(1).numpy() for z in (features_x, features_gx))
    distance = loaded.standardise_t(features_gx) - loaded.standardise_s(features_x)
    return {
        "n": len(x),
        "accuracy": _share(right),
        "digits": [_share(right[test.y == d]) if (test.y == d).any() else None for d in range(10)],
        "n_digits": np.bincount(test.y, minlength=10).tolist(),
        "confidence": round(float(logits.softmax(1).amax(1).mean()), 4),
        "const": round(float(distance.square().mean()), 4),
        "f_keeps": _share(read_gx == read_x),
        "judge_agrees": _share(predictions == read_gx),
    }


def accuracy(net: nn.Module, x: Tensor, y: np.ndarray) -> float:
    """Of a digit encoder; x: (N, 1|3, 32, 32) uint8, or float in [-1, 1]; y: (N,)."""
    return _share(logits_of(net, x).argmax(1).numpy() == y)


def logits_of(net: nn.Module, x: Tensor) -> Tensor:
    """(N, 1|3, 32, 32) uint8, or float in [-1, 1] → (N, 10)."""
    return _batched(lambda part: net.logits(net(to_rgb(part))), x)


def rgb(part: Digits) -> Tensor:
    """(N, 3, 32, 32) uint8, grey repeated."""
    x = torch.from_numpy(part.x)
    return x[:, None].expand(-1, 3, -1, -1) if x.ndim == 3 else x.permute(0, 3, 1, 2)


def transfer(loaded: Checkpoint, x: Tensor) -> Tensor:
    """G of (N, 3, 32, 32) uint8: (N, 1|3, 32, 32) in [-1, 1]."""
    return _batched(loaded.transfer, x)


@torch.no_grad()
def _batched(net: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    parts = x.split(256)
    return torch.cat([net(to_float(part) if part.dtype == torch.uint8 else part) for part in parts])


def _share(right: np.ndarray) -> float:
    return round(float(right.mean()), 4)
