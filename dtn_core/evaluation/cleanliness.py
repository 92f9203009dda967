"""Cleanliness: are generated pictures like rendered ones? Measured on features of the judge, which learnt from rendered
avatars only and isn't f, and by how flat the areas of colour are. Figures of different judges can't be compared."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.colors import flat_share
from ..core.images import to_images
from ..core.metrics import kid
from ..networks.judge import Judge
from .schema import Cleanliness, Flatness

MIN_PICTURES = 8
"""With fewer pictures on a side nothing is measured."""

FLAT_PICTURES = 200
"""Pictures of which flatness is measured."""


@torch.no_grad()
def judge_features(judge: Judge, x: Tensor, size: int = 64) -> tuple[Tensor, Tensor]:
    """Compute the judge's features of (N, 3, 64, 64) pictures in [-1, 1].

    Returns:
        Its last hidden layer (N, d), for KID; mean and deviation of every channel of its layers (N, e), for C2ST.
    """
    hidden, textures = [], []
    for h in x.split(size):
        statistics = []
        for layer in judge.body:
            h = layer(h)
            if isinstance(layer, nn.ReLU):
                statistics += [h.mean((2, 3)), h.std((2, 3))]
        hidden.append(h)
        textures.append(torch.cat(statistics, 1))
    return torch.cat(hidden), torch.cat(textures)


def cleanliness(generated: tuple[Tensor, Tensor], rendered: tuple[Tensor, Tensor], seed: int = 0) -> Cleanliness:
    """Compare `judge_features` of generated pictures with those of rendered avatars; None with too few pictures."""
    n = min(len(generated[0]), len(rendered[0]))
    if n < MIN_PICTURES:
        return dict.fromkeys(("kid", "kid_std", "c2st", "c2st_rendered"))
    # Subsets of half at most: were they everything, the deviation would say nothing.
    mean, deviation = kid(generated[0].numpy(), rendered[0].numpy(), size=min(500, n // 2), seed=seed)
    mistaken, recognised = c2st(generated[1], rendered[1])
    return {
        "kid": round(mean, 5),
        "kid_std": round(deviation, 5),
        "c2st": round(mistaken, 4),
        "c2st_rendered": round(recognised, 4),
    }


def c2st(generated: Tensor, rendered: Tensor) -> tuple[float, float]:
    """Run a classifier two-sample test: a logistic regression on every other of equally many features; deterministic.

    Args:
        generated: (N, e) features.
        rendered: (M, e) features.

    Returns:
        The shares of held-out generated and rendered pictures that it calls rendered.
    """
    n = min(len(generated), len(rendered))
    x = torch.stack([generated[:n], rendered[:n]]).double()
    seen, unseen = x[:, ::2], x[:, 1::2]
    mean, deviation = seen.mean((0, 1)), seen.flatten(0, 1).std(0).clamp_min(1e-6)
    seen, unseen = (seen - mean) / deviation, (unseen - mean) / deviation
    labels = torch.tensor([0.0, 1.0], dtype=x.dtype)[:, None].expand(seen.shape[:2])
    weights = torch.zeros(x.shape[2] + 1, dtype=x.dtype, requires_grad=True)
    descent = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        descent.zero_grad()
        fit = F.binary_cross_entropy_with_logits(seen @ weights[:-1] + weights[-1], labels)
        total = fit + 0.01 * weights[:-1].square().sum()
        total.backward()
        return total

    descent.step(loss)
    answers = (unseen @ weights[:-1] + weights[-1]).detach().numpy() > 0
    shares = np.mean(answers, axis=1)
    return float(shares[0]), float(shares[1])


def flatness(x: Tensor, seed: int = 0) -> Flatness:
    """Reduce the first (N, 3, S, S) pictures in [-1, 1] to ten colours each, by k-means in CIELAB.

    Returns:
        flatness: The share of pixels near their colour; residual: the mean distance from it (ΔE76).
    """
    share, residual = flat_share(to_images(x[:FLAT_PICTURES]), seed)
    return {"flatness": round(share, 4), "residual": round(residual, 3)}
