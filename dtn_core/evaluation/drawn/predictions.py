"""What c reads in photos, and the avatars it draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...avatars.avatar import Avatar
from ...avatars.choose import Decisions, calibrated_probabilities, choose
from ...avatars.predict import AvatarPredictor
from ...core.colors import to_lab, to_rgb
from ...core.types import Image
from ..nets import batched, over_grey
from .depicted_attributes import Answers, DepictedAttributes, answers_of, of_parameters

Point = Literal["sure", "balanced"]
"""Operating point. sure: drawn from a probability of one half on, as in the app; balanced: from the base rate on."""

POINTS: tuple[Point, ...] = get_args(Point)


def thresholds(decisions: Decisions, point: Point) -> dict[str, float]:
    """Return the thresholds of an operating point, as `avatars.choose.choose` takes them."""
    if point == "sure":
        return {}
    return {**decisions.rates, **{f"hair:{name}": rate**0.5 for name, rate in decisions.hair_rates.items()}}


@dataclass(frozen=True)
class AvatarPredictions:
    """c's predictions for N photos.

    Attributes:
        predictor: f, c and its decisions.
        features: (N, dim) features of c's f.
        attributes: Attribute → (N,) probability, f's own reading.
        chances: Question → (N,) probability of c, as in `avatars.choose.chances`.
        avatars: Operating point → N avatars.
    """

    predictor: AvatarPredictor
    features: Tensor
    attributes: dict[str, NDArray[np.float64]]
    chances: dict[str, NDArray[np.float64]]
    avatars: dict[Point, list[Avatar]]

    def __len__(self) -> int:
        return len(self.features)

    def depicted(self, point: Point) -> list[DepictedAttributes]:
        """Return what each avatar shows."""
        return [of_parameters(avatar.parameters) for avatar in self.avatars[point]]

    def answers(self, point: Point) -> Answers:
        """Return the avatars' answers; c's decision counts where the drawing leaves the presentation open."""
        male = self.chances["male"] > thresholds(self.predictor.decisions, point).get("male", 0.5)
        return answers_of(self.predictor.style, self.depicted(point), male)

    def skin(self, point: Point = "sure") -> NDArray[np.float32]:
        """Return the drawn skin colours in CIELAB, (N, 3)."""
        return to_lab(np.array([to_rgb(avatar.parameters.colours["skin"]) for avatar in self.avatars[point]]))

    def pictures(self, point: Point) -> Tensor:
        """Draw the heads over mid-grey: (N, 3, 64, 64) in [-1, 1]."""
        return over_grey(np.stack([avatar.image(64, "head") for avatar in self.avatars[point]]))


def predict_avatars(predictor: AvatarPredictor, crops: Image, points: tuple[Point, ...] = POINTS) -> AvatarPredictions:
    """Run f and c on (N, S, S, 3) uint8 head crops."""
    return make_predictions(predictor, batched(predictor.f, crops), points)


def make_predictions(
    predictor: AvatarPredictor,
    features: Tensor,
    points: tuple[Point, ...] = POINTS,
) -> AvatarPredictions:
    """Run c on (N, dim) features of its f.

    Args:
        predictor: f, c and its decisions.
        features: Features of the photos.
        points: Operating points to draw at.
    """
    log_probabilities, avatars = [], {point: [] for point in points}
    for part in torch.arange(len(features)).split(256):
        reading = predictor.with_outlines(predictor.read(features[part]))
        log_probabilities.append(reading.log_probabilities)
        for point in points:
            chosen = choose(
                predictor.style,
                reading.log_probabilities,
                predictor.decisions,
                reading.attributes,
                reading.skin,
                thresholds(predictor.decisions, point),
            )
            avatars[point] += [Avatar(*avatar) for avatar in chosen]
    joined = {name: np.concatenate([log_p[name] for log_p in log_probabilities]) for name in log_probabilities[0]}
    attributes = predictor.attributes(features)
    probabilities = calibrated_probabilities(predictor.style, joined, predictor.decisions, attributes)
    return AvatarPredictions(predictor, features, attributes, probabilities, avatars)
