"""c: the networks that choose an avatar's parameters (Wolf, Taigman, Polyak, "Unsupervised Creation of Parameterized
Avatars", ICCV 2017)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class AvatarHead(nn.Module):
    """From f: (B, inputs) standardised features → {head: (B, choices) logits}.

    heads: name → number of choices; hidden: width of two hidden layers, 0: linear, which carries over from drawings to
    photos best.
    """

    def __init__(self, inputs: int, heads: Mapping[str, int], hidden: int = 0) -> None:
        super().__init__()
        self.config = {"inputs": inputs, "heads": dict(heads), "hidden": hidden}
        self.body = nn.Identity()
        if hidden:
            self.body = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.choose = nn.Linear(hidden or inputs, sum(heads.values()))

    def forward(self, z: Tensor) -> dict[str, Tensor]:
        heads = self.config["heads"]
        return dict(zip(heads, self.choose(self.body(z)).split(list(heads.values()), 1)))


class PictureHead(nn.Module):
    """From a painted picture: (B, 3, 64, 64) in [-1, 1] over mid-grey → {head: (B, choices) logits}."""

    def __init__(self, heads: Mapping[str, int], width: int = 24) -> None:
        super().__init__()
        self.config = {"heads": dict(heads), "width": width}
        layers: list[nn.Module] = []
        for a, b in zip((3, width, 2 * width, 4 * width), (width, 2 * width, 4 * width, 8 * width)):
            layers += [nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2))
        self.choose = nn.Linear(8 * width * 16, sum(heads.values()))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        heads = self.config["heads"]
        return dict(zip(heads, self.choose(self.body(x)).split(list(heads.values()), 1)))


def added(a: Mapping[str, Tensor] | None, b: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """Log-probabilities of both readers added, or of the one there is: {head: (B, choices)}, normalised."""
    parts = [{k: v.log_softmax(1) for k, v in part.items()} for part in (a, b) if part is not None]
    return parts[0] if len(parts) == 1 else {k: torch.log_softmax(v + parts[1][k], 1) for k, v in parts[0].items()}
