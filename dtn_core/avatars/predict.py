"""Predict avatars from head crops with f and c."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.avatar_head import AvatarHead
from ..networks.encoders import Standardise
from ..networks.resnet import ATTRIBUTES, AttributeEncoder
from .appearance import Colours, apply_colours
from .avatar import Avatar
from .choose import Decisions, LogProbabilities, choose
from .parameters import DrawnStyle
from .sampling import choice_probabilities
from .skin import even_light, skin_lightness


class Predictions(NamedTuple):
    """What is read from N photos, by f, by c, and in their pixels.

    Attributes:
        log_probabilities: c's log-probabilities, see `avatars.choose.LogProbabilities`.
        attributes: f's attribute → (N,) probabilities.
        lightness: (N,) L* of the skins to draw.
        colours: Measured colours, see `appearance.Colours`; empty where nothing was measured.
    """

    log_probabilities: LogProbabilities
    attributes: dict[str, NDArray[np.float64]]
    lightness: NDArray[np.float64]
    colours: Colours = MappingProxyType({})


@dataclass(frozen=True)
class AvatarPredictor:
    """f reads attributes, c chooses parameters, the artist's engine draws. All frozen, in eval mode, float32.

    Attributes:
        style: Name of the drawn style.
        f: An encoder with a head for the skin.
        standardise: f's statistics on photos.
        head: c.
        decisions: See `avatars.choose`.
        hash: Of c's weights.
    """

    style: DrawnStyle
    f: AttributeEncoder
    standardise: Standardise
    head: AvatarHead
    decisions: Decisions
    hash: str = ""

    @torch.no_grad()
    def log_probabilities(self, features: Tensor) -> LogProbabilities:
        """c: (N, dim) features of photos → head → (N, choices) log-probabilities."""
        logits = self.head(self.standardise(features))
        return {name: values.log_softmax(1).cpu().numpy() for name, values in logits.items()}

    @torch.no_grad()
    def attributes(self, features: Tensor) -> dict[str, NDArray[np.float64]]:
        """f: (N, dim) features of photos → attribute → (N,) probabilities."""
        probabilities = self.f.logits(features).sigmoid().cpu().numpy().astype(np.float64)
        return dict(zip(ATTRIBUTES, probabilities.T))

    @torch.no_grad()
    def skin_features(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) head crops in [-1, 1] → (N, dim) features of them in even light, to read the skin from."""
        return self.f(even_light(x))

    @torch.no_grad()
    def read(self, features: Tensor, skin_features: Tensor | None = None) -> Predictions:
        """Predict everything that `decide` needs.

        Args:
            features: (N, dim) features of photos.
            skin_features: (N, dim) of `skin_features`. Without them the skin is read from features, and depends more on
                the light.
        """
        if skin_features is None:
            skin_features = features
        cheeks = self.f.skin_lab(skin_features)[:, 0].cpu().numpy()
        lightness = skin_lightness(self.attributes(skin_features), cheeks, self.decisions.skin)
        return Predictions(self.log_probabilities(features), self.attributes(features), lightness)

    def decide(self, reading: Predictions) -> list[Avatar]:
        """Choose N avatars from the predictions for N photos."""
        log_probabilities, attributes, lightness, colours = reading
        choices = choose(self.style, log_probabilities, self.decisions, attributes, lightness)
        distributions = choice_probabilities(self.style, log_probabilities, self.decisions, attributes)
        avatars = [
            Avatar(parameters, confidence, probabilities)
            for (parameters, confidence), probabilities in zip(choices, distributions)
        ]
        return [
            apply_colours(avatar, {name: lab[i] for name, lab in colours.items()}) for i, avatar in enumerate(avatars)
        ]

    def choose(self, features: Tensor, skin_features: Tensor | None = None) -> list[Avatar]:
        """Predict N avatars from features, see `read` and `decide`."""
        return self.decide(self.read(features, skin_features))

    @torch.no_grad()
    def __call__(self, x: Tensor) -> list[Avatar]:
        """Predict N avatars from (N, 3, S, S) head crops in [-1, 1]."""
        return self.choose(self.f(x), self.skin_features(x))

    def describe(self) -> dict[str, Any]:
        """The entry "avatar" of config.json."""
        return {"style": self.style, "head": self.head.config, "decisions": self.decisions._asdict()}

    def tensors(self) -> dict[str, Tensor]:
        """The content of ``avatar.safetensors``: c's weights and f's statistics on photos."""
        parts = {"standardise": self.standardise, "head": self.head}
        return {f"{name}.{k}": v for name, net in parts.items() for k, v in net.state_dict().items()}
