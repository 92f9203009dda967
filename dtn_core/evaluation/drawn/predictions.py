"""What c reads and draws of photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...avatars.avatar import Avatar
from ...avatars.choose import Decisions, chances, choose
from ...avatars.predict import AvatarPredictor
from ...core.colors import to_lab, to_rgb
from ...core.types import Image
from ..nets import batched, over_grey
from .depicted_attributes import Answers, Shown, answers, of_parameters

Point = Literal["sure", "balanced"]
"""Operating point. sure: drawn from a probability of one half on, as the app does; balanced: from the base rate on."""

POINTS: tuple[Point, ...] = get_args(Point)


def rates(decisions: Decisions, point: Point) -> dict[str, float]:
    """The thresholds of an operating point, as `avatars.choose.choose` takes them."""
    if point == "sure":
        return {}
    return {**decisions.rates, **{f"hair:{name}": rate**0.5 for name, rate in decisions.hair_rates.items()}}


@dataclass(frozen=True)
class Portrayed:
    """N photos as c portrays them.

    features: (N, dim) of c's f; attributes: f's own reading, attribute → (N,) probability; chances: c's probabilities,
    as in `avatars.choose.chances`; avatars: operating point → N avatars.
    """

    predictor: AvatarPredictor
    features: Tensor
    attributes: dict[str, NDArray[np.float64]]
    chances: dict[str, NDArray[np.float64]]
    avatars: dict[Point, list[Avatar]]

    def __len__(self) -> int:
        return len(self.features)

    def shown(self, point: Point) -> list[Shown]:
        """What is drawn of each."""
        return [of_parameters(avatar.parameters) for avatar in self.avatars[point]]

    def answers(self, point: Point) -> Answers:
        """The same as answers; a bald head or a hat without a beard is of the presentation that c decided on."""
        male = self.chances["male"] > rates(self.predictor.decisions, point).get("male", 0.5)
        return answers(self.predictor.style, self.shown(point), male)

    def skin(self, point: Point = "sure") -> NDArray[np.float32]:
        """(N, 3) the drawn skins in CIELAB."""
        return to_lab(np.array([to_rgb(avatar.parameters.colours["skin"]) for avatar in self.avatars[point]]))

    def pictures(self, point: Point) -> Tensor:
        """(N, 3, 64, 64) heads over mid-grey in [-1, 1], as the engine draws them."""
        return over_grey(np.stack([avatar.image(64, "head") for avatar in self.avatars[point]]))


def portray(predictor: AvatarPredictor, crops: Image, points: tuple[Point, ...] = POINTS) -> Portrayed:
    """c of (N, S, S, 3) head crops."""
    return portray_seen(predictor, batched(predictor.f, crops), points, batched(predictor.skin_features, crops))


def portray_seen(
    predictor: AvatarPredictor,
    features: Tensor,
    points: tuple[Point, ...] = POINTS,
    skin_features: Tensor | None = None,
) -> Portrayed:
    """`portray`, where (N, dim) f of the photos is known, and `AvatarPredictor.skin_features`."""
    beliefs, avatars = [], {point: [] for point in points}
    for part in torch.arange(len(features)).split(256):
        reading = predictor.read(features[part], None if skin_features is None else skin_features[part])
        beliefs.append(reading.beliefs)
        for point in points:
            made = choose(
                predictor.style, reading.beliefs, predictor.decisions, reading.attributes, reading.lightness,
                rates(predictor.decisions, point),
            )  # fmt: skip
            avatars[point] += [Avatar(*one) for one in made]
    joined = {name: np.concatenate([log_p[name] for log_p in beliefs]) for name in beliefs[0]}
    attributes = predictor.attributes(features)
    return Portrayed(
        predictor,
        features,
        attributes,
        chances(predictor.style, joined, predictor.decisions, attributes),
        avatars,
    )
