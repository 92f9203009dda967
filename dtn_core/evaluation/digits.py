"""How well digits are translated: a judge's accuracy on G(x), on street numbers that neither f nor g has seen."""

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
    """n: pictures; accuracy: the judge's, of all and of each digit (None where there is none), and how many there are
    of each; confidence: its mean; const: mean squared f-distance; f_keeps: share of x that f reads in G(x) as in x;
    judge_agrees: share of G(x) that the judge reads as f does."""

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
    """The figures of one translation on held-out s."""
    x = rgb(test)
    made = transfer(loaded, x)
    logits = logits_of(judge, made)
    predictions = logits.argmax(1).numpy()
    right = predictions == test.y
    features, features_made = _batched(loaded.f, x), _batched(loaded.f, to_rgb(made))
    by_f, by_f_made = (loaded.f.logits(z).argmax(1).numpy() for z in (features, features_made))
    distance = loaded.standardise_t(features_made) - loaded.standardise_s(features)
    return {
        "n": len(x),
        "accuracy": _share(right),
        "digits": [_share(right[test.y == d]) if (test.y == d).any() else None for d in range(10)],
        "n_digits": np.bincount(test.y, minlength=10).tolist(),
        "confidence": round(float(logits.softmax(1).amax(1).mean()), 4),
        "const": round(float(distance.square().mean()), 4),
        "f_keeps": _share(by_f_made == by_f),
        "judge_agrees": _share(predictions == by_f_made),
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
