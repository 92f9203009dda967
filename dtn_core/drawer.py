"""c made callable: head crops → avatars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .avatars.avatar import Avatar
from .avatars.choose import Beliefs, Decisions, Point, choose
from .avatars.likely import likely
from .avatars.parameters import DrawnStyle
from .avatars.skin import even_light, skin_lightness
from .networks.avatar_head import added
from .networks.encoders import Standardise
from .networks.resnet import ATTRIBUTES, AttributeEncoder

Reader = Literal["f", "g", "both"]
"""What c reads: f(x), the painted G(x), or both."""


class Reading(NamedTuple):
    """What f and c read in N photos. beliefs: see `avatars.choose.Beliefs`; attributes: f's own, name → (N,)
    probability; lightness: (N,) L* of the skin."""

    beliefs: Beliefs
    attributes: dict[str, NDArray[np.float64]]
    lightness: NDArray[np.float64]


@dataclass(frozen=True)
class Drawer:
    """f reads attributes, c chooses parameters, the artist's engine draws. All frozen, in eval mode, float32.

    f: an `AttributeEncoder` with a head for the skin; standardise: f's statistics on photos; head: `AvatarHead` on
    features, or None; picture: `PictureHead` on G(x), or None; decisions: see `avatars.choose`; hash: of c's weights.
    """

    style: DrawnStyle
    f: AttributeEncoder
    standardise: Standardise
    head: nn.Module | None
    picture: nn.Module | None
    decisions: Decisions
    hash: str = ""

    @property
    def reader(self) -> Reader:
        """What must be given: features, painted pictures, or both."""
        return "both" if self.head and self.picture else "f" if self.head else "g"

    @torch.no_grad()
    def beliefs(self, features: Tensor, painted: Tensor | None = None) -> Beliefs:
        """(N, dim) f of photos and, where `reader` wants it, (N, 3, 64, 64) G(x) in [-1, 1] → {head: (N, choices)
        log-probabilities}."""
        of_f = self.head(self.standardise(features)) if self.head else None
        of_g = self.picture(painted) if self.picture else None
        return {name: log_p.cpu().numpy() for name, log_p in added(of_f, of_g).items()}

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
    def read(self, features: Tensor, painted: Tensor | None = None, skin_features: Tensor | None = None) -> Reading:
        """(N, dim) f of photos (and G(x), see `beliefs`) → what is read in them. skin_features: None where there are no
        crops to take them of; then the skin is read from features, and follows the light more."""
        z = features if skin_features is None else skin_features
        cheeks = self.f.skin_lab(z)[:, 0].cpu().numpy()
        lightness = skin_lightness(self.attributes(z), cheeks, self.decisions.skin)
        return Reading(self.beliefs(features, painted), self.attributes(features), lightness)

    def decide(self, reading: Reading, point: Point = "sure") -> list[Avatar]:
        """What was read of N photos → N avatars."""
        beliefs, attributes, lightness = reading
        chosen = choose(self.style, beliefs, self.decisions, attributes, lightness, point)
        others = likely(self.style, beliefs, self.decisions, attributes)
        return [Avatar(*one, could_be) for one, could_be in zip(chosen, others)]

    def choose(
        self,
        features: Tensor,
        painted: Tensor | None = None,
        point: Point = "sure",
        skin_features: Tensor | None = None,
    ) -> list[Avatar]:
        """N avatars, see `read` and `decide`."""
        return self.decide(self.read(features, painted, skin_features), point)

    @torch.no_grad()
    def __call__(self, x: Tensor, painted: Tensor | None = None, point: Point = "sure") -> list[Avatar]:
        """(N, 3, S, S) head crops in [-1, 1] → N avatars."""
        return self.choose(self.f(x), painted, point, self.skin_features(x))

    def describe(self) -> dict[str, Any]:
        """What config.json says of c, under "avatar"."""
        return {
            "style": self.style,
            "head": self.head and self.head.config,
            "picture": self.picture and self.picture.config,
            "decisions": self.decisions._asdict(),
        }

    def tensors(self) -> dict[str, Tensor]:
        """c's weights and f's statistics on photos, as ``avatar.safetensors`` keeps them."""
        parts = {"standardise": self.standardise, "head": self.head, "picture": self.picture}
        return {f"{name}.{k}": v for name, net in parts.items() if net for k, v in net.state_dict().items()}
