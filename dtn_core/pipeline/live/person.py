"""A person in a live video: averaged readings, and an avatar that changes only when the evidence supports it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...avatars.avatar import Avatar
from ...avatars.choose import logit, sigmoid
from ...avatars.parameters import HAIR_COLOURS, Parameters
from ...avatars.predict import AvatarPredictor, Predictions
from ...avatars.sampling import is_consistent
from ...core.colors import to_lab, to_rgb

MIN_WEIGHT = 0.35
"""Weight of the newest reading in the average, once there are three."""

CHANGE_EVIDENCE = 5.0
"""Evidence for another choice, summed over readings in nats of log-odds, from which the avatar changes: two clear
readings suffice, readings that are as likely as not never do."""

EVIDENCE_DRIFT = 1.0
"""Nats that are subtracted from the evidence of each reading (Page's CUSUM test)."""

MAX_EVIDENCE = 4.0
"""Nats that one reading adds or removes at most."""

KEEP_RATIO = 0.4
"""When an avatar changes, a choice stays if its probability is at least this share of the best one's."""

SKIN_DIFFERENCE = 5.0
"""Difference in L* from which the skin changes along with the rest."""

SAME_COLOUR = 8.0
"""Difference in colour (ΔE76) below which a measured colour counts as unchanged."""

SETTLED_READINGS = 3
"""Readings after which the first avatar, chosen from a single one, is reviewed once."""

SAME_PERSON_DISTANCE = 0.6
"""Distance of dlib's descriptors below which two faces are of one person."""

_EXPRESSION_ATTRIBUTES = ("Smiling", "Mouth_Slightly_Open")


def reading_of(reading: Predictions, i: int) -> Predictions:
    """Select the reading of the i-th of several faces."""
    return Predictions(
        log_probabilities={head: rows[i : i + 1] for head, rows in reading.log_probabilities.items()},
        attributes={name: rows[i : i + 1] for name, rows in reading.attributes.items()},
        skin=reading.skin[i : i + 1],
        appearance={name: rows[i : i + 1] for name, rows in reading.appearance.items()},
    )


def average_readings(readings: Sequence[Predictions], weights: Sequence[float]) -> Predictions:
    """Average the log-probabilities of c, the log-odds of f, and what was measured.

    Args:
        readings: Readings of the same faces.
        weights: They sum to 1. What couldn't be measured in some of them is averaged over the others.
    """

    def average(values: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
        return sum(weight * value for weight, value in zip(weights, values))

    first = readings[0]
    return Predictions(
        log_probabilities={
            head: average(reading.log_probabilities[head] for reading in readings) for head in first.log_probabilities
        },
        attributes={
            name: sigmoid(average(logit(reading.attributes[name], 1e-4) for reading in readings))
            for name in first.attributes
        },
        skin=average(reading.skin for reading in readings),
        appearance={
            name: _average_known([reading.appearance[name] for reading in readings], weights)
            for name in first.appearance
        },
    )


def _average_known(values: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float64]:
    """The weighted average of equal arrays over those that aren't NaN; NaN where all are."""
    stacked = np.stack(values).astype(np.float32)
    shares = np.where(np.isnan(stacked), 0, np.reshape(weights, (-1, *[1] * values[0].ndim)))
    total = shares.sum(0)
    return np.where(total > 0, (shares * np.nan_to_num(stacked)).sum(0) / np.maximum(total, 1e-9), np.nan)


class Person:
    """What is known of one person.

    Attributes:
        avatar: The avatar, with a neutral expression; None before the first reading.
        locked: Whether the avatar stays as it is, whatever is read.
        average: Average of the readings.
        descriptor: (128,) float32 of the face recogniser; None before its first run.
        reading_count: Readings so far.
    """

    def __init__(self) -> None:
        self.avatar: Avatar | None = None
        self.locked = False
        self.average: Predictions | None = None
        self.descriptor: NDArray[np.float32] | None = None
        self.reading_count = 0
        self._recent: deque[Predictions] = deque(maxlen=2)
        self._evidence: dict[str, float] = {}

    def update(self, reading: Predictions, predictor: AvatarPredictor) -> bool:
        """Learn from one reading of this face (N = 1). Returns whether the avatar changed."""
        self.reading_count += 1
        self._recent.append(reading)
        weight = max(1 / self.reading_count, MIN_WEIGHT)
        self.average = average_readings([self.average, reading], [1 - weight, weight]) if self.average else reading
        if self.avatar is None:
            self.avatar = _neutral_avatar(predictor, self.average)
            return True
        has_changed = self._add_evidence(_neutral_avatar(predictor, reading))
        if self.locked or not (has_changed or self.reading_count == SETTLED_READINGS):
            return False
        if has_changed:
            # Older readings are of how the person looked before.
            self.average = average_readings(self._recent, [1 / len(self._recent)] * len(self._recent))
        self._evidence.clear()
        avatar = _neutral_avatar(predictor, self.average)
        parameters = _keep_probable_choices(self.avatar.parameters, avatar)
        if _choices(parameters) == _choices(self.avatar.parameters):
            return False
        self.avatar = replace(avatar, parameters=parameters)
        return True

    def clear_avatar(self) -> None:
        """Forget the avatar and all readings, but not the descriptor: for another style."""
        self.avatar = None
        self.average = None
        self.reading_count = 0
        self._recent.clear()
        self._evidence.clear()

    def match_descriptor(self, descriptor: NDArray[np.float32]) -> float:
        """Compare a (128,) descriptor with this person's, and average it in if it is the same person.

        Returns:
            The distance; 0 for the first descriptor.
        """
        if self.descriptor is None:
            self.descriptor = descriptor
            return 0.0
        distance = float(np.linalg.norm(descriptor - self.descriptor))
        if distance < SAME_PERSON_DISTANCE:
            self.descriptor = self.descriptor + 0.2 * (descriptor - self.descriptor)
        return distance

    def _add_evidence(self, latest: Avatar) -> bool:
        """Count what the latest reading would choose. Returns whether the evidence supports a change."""
        parameters = self.avatar.parameters
        current_choices = _choices(parameters)
        latest_choices = _choices(latest.parameters)
        for head, probabilities in latest.probabilities.items():
            current = current_choices[head]
            value = latest_choices.get(head)
            if value is None or value == current or not probabilities:
                gain = -2 * EVIDENCE_DRIFT
            else:
                p = _sum_over_kinds(parameters, head, probabilities, value, current)
                log_odds = math.log(max(p.get(value, 0), 1e-3) / max(p.get(current, 0), 1e-3))
                gain = float(np.clip(log_odds, -MAX_EVIDENCE, MAX_EVIDENCE)) - EVIDENCE_DRIFT
            self._evidence[head] = max(0.0, self._evidence.get(head, 0.0) + gain)
        return any(evidence >= CHANGE_EVIDENCE for evidence in self._evidence.values())


def _neutral_avatar(predictor: AvatarPredictor, reading: Predictions) -> Avatar:
    """The avatar of a reading, without its expression: that is the motion's."""
    no_expression = {name: np.zeros_like(reading.attributes[name]) for name in _EXPRESSION_ATTRIBUTES}
    reading = reading._replace(attributes={**reading.attributes, **no_expression})
    avatar = predictor.decide(reading)[0]
    return replace(avatar, confidences={label: p for label, p in avatar.confidences.items() if label != "not smiling"})


def _choices(parameters: Parameters) -> dict[str, str]:
    """Head of c → variant or colour."""
    return {**parameters.variants, **{f"colour:{name}": code for name, code in parameters.colours.items()}}


def _sum_over_kinds(
    parameters: Parameters, head: str, probabilities: Mapping[str, float], *values: str
) -> Mapping[str, float]:
    """Probabilities of the kinds of some values (`Spec.kinds`), by value; where the kinds are equal, of the values."""
    kinds = [_kind_of(parameters, head, value) for value in values]
    if len(set(kinds)) < len(kinds):
        return probabilities
    return {value: sum(probabilities.get(variant, 0) for variant in kind) for value, kind in zip(values, kinds)}


def _kind_of(parameters: Parameters, head: str, value: str) -> tuple[str, ...]:
    """All values that share a name ("long", "blond") with a value; the value alone where it has no name."""
    kinds = HAIR_COLOURS if head == "colour:hair" else parameters.spec.kinds.get(head, {})
    return next((variants for variants in kinds.values() if value in variants), (value,))


def _keep_probable_choices(old: Parameters, new: Avatar) -> Parameters:
    """The new parameters, but with the old choices that are nearly as probable and of the same kind."""
    old_choices = _choices(old)
    new_choices = _choices(new.parameters)
    values = dict(new_choices)
    for head, probabilities in new.probabilities.items():
        if _is_probable(old, head, probabilities, old_choices[head], new_choices[head]):
            values[head] = old_choices[head]
    if abs(_lightness(old_choices["colour:skin"]) - _lightness(new_choices["colour:skin"])) < SKIN_DIFFERENCE:
        values["colour:skin"] = old_choices["colour:skin"]
    for name in new.measured:
        if _difference(old.colours[name], new.parameters.colours[name]) < SAME_COLOUR:
            values[f"colour:{name}"] = old_choices[f"colour:{name}"]
    if "beard" in old.colours and "hair" in new.measured:
        values["colour:beard"] = values["colour:hair"]
    variants = {slot: values[slot] for slot in new.parameters.variants}
    colours = {name: values[f"colour:{name}"] for name in new.parameters.colours}
    merged = Parameters(old.style, variants, colours, new.parameters.shape)
    return merged if is_consistent(merged) else new.parameters


def _is_probable(
    parameters: Parameters, head: str, probabilities: Mapping[str, float], old_value: str, new_value: str
) -> bool:
    """Whether an old choice is nearly as probable as the new one, and of the same kind."""
    if old_value == new_value or probabilities.get(old_value, 0) < KEEP_RATIO * probabilities.get(new_value, 1):
        return False
    has_kinds = head == "colour:hair" or head in parameters.spec.kinds
    return not has_kinds or _kind_of(parameters, head, old_value) == _kind_of(parameters, head, new_value)


def _difference(code: str, other: str) -> float:
    """ΔE76 of two colours."""
    a, b = to_lab(np.array([to_rgb(code), to_rgb(other)], np.float32))
    return float(np.linalg.norm(a - b))


def _lightness(code: str) -> float:
    """L* of a colour."""
    return float(to_lab(np.array(to_rgb(code), np.float32))[0])
