"""c made callable: head crops → avatars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.avatar_head import AvatarHead
from ..networks.encoders import Standardise
from ..networks.resnet import ATTRIBUTES, AttributeEncoder
from .avatar import Avatar
from .choose import Beliefs, Decisions, choose
from .parameters import DrawnStyle
from .sampling import likely
from .skin import even_light, skin_lightness


class Reading(NamedTuple):
    """What f and c read in N photos. beliefs: see `avatars.choose.Beliefs`; attributes: f's own, name → (N,)
    probability; lightness: (N,) L* of the skin."""

    beliefs: Beliefs
    attributes: dict[str, NDArray[np.float64]]
    lightness: NDArray[np.float64]


@dataclass(frozen=True)
class AvatarPredictor:
    """f reads attributes, c chooses parameters, the artist's engine draws. All frozen, in eval mode, float32.

    f: an `AttributeEncoder` with a head for the skin; standardise: f's statistics on photos; head: `AvatarHead`;
    decisions: see `avatars.choose`; hash: of c's weights.
    """

    style: DrawnStyle
    f: AttributeEncoder
    standardise: Standardise
    head: AvatarHead
    decisions: Decisions
    hash: str = ""

    @torch.no_grad()
    def beliefs(self, features: Tensor) -> Beliefs:
        """(N, dim) f of photos → {head: (N, choices) log-probabilities}."""
        return {name: v.log_softmax(1).cpu().numpy() for name, v in self.head(self.standardise(features)).items()}

    @torch.no_grad()
    def attributes(self, features: Tensor) -> dict[str, NDArray[np.float64]]:
        """f's own reading: attribute → (N,) probability."""
        chances = self.f.logits(features).sigmoid().cpu().numpy().astype(np.float64)
        return dict(zip(ATTRIBUTES, chances.T))

    @torch.no_grad()
    def skin_features(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) head crops in [-1, 1] → (N, dim) f of them in even light, from which the skin is read."""
        return self.f(even_light(x))

    @torch.no_grad()
    def read(self, features: Tensor, skin_features: Tensor | None = None) -> Reading:
        """(N, dim) f of photos → what is read in them. skin_features: None where there are no crops to take them of;
        then the skin is read from features, and follows the light more."""
        z = features if skin_features is None else skin_features
        cheeks = self.f.skin_lab(z)[:, 0].cpu().numpy()
        lightness = skin_lightness(self.attributes(z), cheeks, self.decisions.skin)
        return Reading(self.beliefs(features), self.attributes(features), lightness)

    def decide(self, reading: Reading) -> list[Avatar]:
        """What was read of N photos → N avatars."""
        beliefs, attributes, lightness = reading
        chosen = choose(self.style, beliefs, self.decisions, attributes, lightness)
        others = likely(self.style, beliefs, self.decisions, attributes)
        return [Avatar(*one, could_be) for one, could_be in zip(chosen, others)]

    def choose(self, features: Tensor, skin_features: Tensor | None = None) -> list[Avatar]:
        """N avatars, see `read` and `decide`."""
        return self.decide(self.read(features, skin_features))

    @torch.no_grad()
    def __call__(self, x: Tensor) -> list[Avatar]:
        """(N, 3, S, S) head crops in [-1, 1] → N avatars."""
        return self.choose(self.f(x), self.skin_features(x))

    def describe(self) -> dict[str, Any]:
        """What config.json says of c, under "avatar"."""
        return {"style": self.style, "head": self.head.config, "decisions": self.decisions._asdict()}

    def tensors(self) -> dict[str, Tensor]:
        """c's weights and f's statistics on photos, as ``avatar.safetensors`` keeps them."""
        parts = {"standardise": self.standardise, "head": self.head}
        return {f"{name}.{k}": v for name, net in parts.items() for k, v in net.state_dict().items()}
