"""Predict avatars from head crops with f and c."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..networks.avatar_head import AvatarHead
from ..networks.encoders import Standardise
from ..networks.resnet import ATTRIBUTES, AttributeEncoder
from .appearance import Appearance, apply_colours, entries
from .avatar import Avatar
from .choose import Decisions, LogProbabilities, choose
from .outlines import match_outlines
from .parameters import DrawnStyle
from .sampling import choice_probabilities


class Predictions(NamedTuple):
    """What is read from N photos, by f, by c, and in their pixels.

    Attributes:
        log_probabilities: c's log-probabilities, see `avatars.choose.LogProbabilities`.
        attributes: f's attribute → (N,) probabilities.
        skin: (N, 3) CIELAB of the skins, as they would be in ordinary light.
        appearance: See `appearance.Appearance`; empty where nothing was measured.
    """

    log_probabilities: LogProbabilities
    attributes: dict[str, NDArray[np.float64]]
    skin: NDArray[np.floating]
    appearance: Appearance = MappingProxyType({})


@dataclass(frozen=True)
class AvatarPredictor:
    """f reads attributes, c chooses parameters, the artist's engine draws. All frozen, in eval mode, float32.

    Attributes:
        style: Name of the drawn style.
        f: The encoder of the faces.
        standardise: f's statistics on photos.
        head: c.
        decisions: See `avatars.choose`.
        skin: The regression of `skin.fit`; without it, f's own head for the skin.
        hash: Of c's weights.
    """

    style: DrawnStyle
    f: AttributeEncoder
    standardise: Standardise
    head: AvatarHead
    decisions: Decisions
    skin: nn.Linear | None = None
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
    def read(self, features: Tensor) -> Predictions:
        """Predict what f and c tell from (N, dim) features of photos."""
        skin = self.skin(features) if self.skin else self.f.skin_lab(features)
        return Predictions(self.log_probabilities(features), self.attributes(features), skin.cpu().numpy())

    def decide(self, reading: Predictions) -> list[Avatar]:
        """Choose N avatars from the predictions for N photos."""
        reading = self.with_outlines(reading)
        log_probabilities, attributes, skin, appearance = reading
        choices = choose(
            self.style,
            log_probabilities,
            self.decisions,
            attributes,
            skin,
            proportions=entries(appearance, "shape"),
        )
        distributions = choice_probabilities(self.style, log_probabilities, self.decisions, attributes)
        avatars = [
            Avatar(parameters, confidence, probabilities)
            for (parameters, confidence), probabilities in zip(choices, distributions)
        ]
        colours = entries(appearance, "colour")
        return [
            apply_colours(avatar, {name: lab[i] for name, lab in colours.items()}) for i, avatar in enumerate(avatars)
        ]

    def with_outlines(self, reading: Predictions) -> Predictions:
        """Replace c's probabilities where outlines tell more, see `outlines.match_outlines`."""
        matched = match_outlines(
            self.style,
            reading.log_probabilities,
            self.decisions.bias,
            reading.attributes,
            masks=entries(reading.appearance, "mask"),
            lens=reading.appearance.get("lens"),
        )
        return reading._replace(log_probabilities=matched)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> list[Avatar]:
        """Predict N avatars from (N, 3, S, S) head crops in [-1, 1], without the face parser."""
        return self.decide(self.read(self.f(x)))

    def describe(self) -> dict[str, Any]:
        """The entry "avatar" of config.json."""
        decisions = self.decisions._asdict()
        return {"style": self.style, "head": self.head.config, "skin": self.skin is not None, "decisions": decisions}

    def tensors(self) -> dict[str, Tensor]:
        """The content of ``avatar.safetensors``: c's weights, f's statistics on photos, and the skin's regression."""
        parts = {"standardise": self.standardise, "head": self.head}
        if self.skin:
            parts["skin"] = self.skin
        return {f"{name}.{k}": v for name, net in parts.items() for k, v in net.state_dict().items()}
