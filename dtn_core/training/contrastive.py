"""Contrastive learning without labels (Chen et al., SimCLR, 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def projection(features: int, outputs: int = 64) -> nn.Module:
    """Projection head, which is only used for the loss: (B, features) → (B, outputs)."""
    return nn.Sequential(nn.Linear(features, features), nn.ReLU(), nn.Linear(features, outputs))


def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding a picture's other view among all views of a batch by cosine similarity.

    Args:
        a: (B, dim) projections of one view.
        b: (B, dim) projections of the other view.
        temperature: Divides the similarities.
    """
    z = F.normalize(torch.cat([a, b]).float(), dim=1)
    n = len(a)
    similarities = (z @ z.T / temperature).masked_fill(torch.eye(2 * n, dtype=torch.bool, device=z.device), -torch.inf)
    positives = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(similarities, positives)
