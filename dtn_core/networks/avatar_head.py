"""c: the network that chooses an avatar's parameters (Wolf, Taigman, Polyak, "Unsupervised Creation of Parameterized
Avatars", ICCV 2017)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class AvatarHead(nn.Module):
    """(B, inputs) standardised features → head → (B, choices) logits. A linear layer generalises best from drawings to
    photos.

    heads: name → number of choices.
    """

    def __init__(self, inputs: int, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.config = {"inputs": inputs, "heads": dict(heads)}
        self.choose = nn.Linear(inputs, sum(heads.values()))

    def forward(self, z: Tensor) -> dict[str, Tensor]:
        heads = self.config["heads"]
        return dict(zip(heads, self.choose(z).split(list(heads.values()), 1)))
