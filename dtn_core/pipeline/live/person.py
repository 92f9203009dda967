"""Who is seen: what f and c read of a person, averaged over time, and an avatar that changes only for a reason."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...avatars.avatar import Avatar
from ...avatars.choose import logit, sigmoid
from ...avatars.parameters import HAIR_COLOURS, Parameters
from ...avatars.predict import AvatarPredictor, Reading
from ...avatars.sampling import is_consistent
from ...core.colors import to_lab, to_rgb

WEIGHT = 0.35
"""Of the newest reading in the average, once there are three."""

ENOUGH = 5.0
"""Evidence, in nats of log-odds over all readings that speak for a change, from which the avatar changes: two clear
readings suffice, a reading that is as likely as not never does."""

DOUBT = 1.0
"""What a reading must speak for a change at least: so many nats are taken off each time (Page's CUSUM test)."""

KEEP = 0.4
"""When an avatar changes, what is at least so likely as the best stays as it is."""

SHADE = 5.0
"""Difference in L* from which the skin changes with the rest."""

SETTLED = 3
"""Readings after which the first avatar, drawn from one, is looked over once."""

SAME = 0.6
"""Distance of dlib's descriptors below which two faces are of one person."""

_CALM = ("Smiling", "Mouth_Slightly_Open")


def part(reading: Reading, i: int) -> Reading:
    """The reading of the i-th of several faces."""
    beliefs, attributes, lightness = reading
    return Reading(
        {k: v[i : i + 1] for k, v in beliefs.items()},
        {k: v[i : i + 1] for k, v in attributes.items()},
        lightness[i : i + 1],
    )


def mixed(readings: Sequence[Reading], weights: Sequence[float]) -> Reading:
    """Log-probabilities and log-odds averaged; weights sum to 1."""
    first = readings[0]
    beliefs = {k: sum(w * r.beliefs[k] for w, r in zip(weights, readings)) for k in first.beliefs}
    attributes = {
        k: sigmoid(sum(w * logit(r.attributes[k], 1e-4) for w, r in zip(weights, readings))) for k in first.attributes
    }
    return Reading(beliefs, attributes, sum(w * r.lightness for w, r in zip(weights, readings)))


class Person:
    """avatar: what is drawn; None before the first reading. locked: keep the avatar whatever is read."""

    def __init__(self) -> None:
        self.avatar: Avatar | None = None
        self.locked = False
        self.average: Reading | None = None
        self.descriptor: NDArray[np.float32] | None = None
        self.count = 0
        self._recent: deque[Reading] = deque(maxlen=2)
        self._evidence: dict[str, float] = {}

    def hear(self, reading: Reading, predictor: AvatarPredictor) -> bool:
        """Learn from one reading of this face (N = 1); returns whether the avatar changed."""
        if self.average and np.isnan(reading.lightness).any():  # the skin wasn't read
            reading = reading._replace(lightness=self.average.lightness)
        self.count += 1
        self._recent.append(reading)
        weight = max(1 / self.count, WEIGHT)
        self.average = mixed([self.average, reading], [1 - weight, weight]) if self.average else reading
        if self.avatar is None:
            self.avatar = _calm(predictor, self.average)
            return True
        speaks = self._speaks(_calm(predictor, reading))
        if self.locked or not (speaks or self.count == SETTLED):
            return False
        if speaks:
            self.average = mixed(self._recent, [1 / len(self._recent)] * len(self._recent))
        self._evidence.clear()
        new = _calm(predictor, self.average)
        new = replace(new, parameters=_kept(self.avatar.parameters, new))
        if _chosen(new.parameters) == _chosen(self.avatar.parameters):
            return False
        self.avatar = new
        return True

    def forget(self) -> None:
        """What was read and drawn, not who it is: for another style."""
        self.avatar = self.average = None
        self.count = 0
        self._recent.clear()
        self._evidence.clear()

    def meet(self, descriptor: NDArray[np.float32]) -> float:
        """Distance of a descriptor to this person's, which moves towards it if it is theirs; 0 for the first."""
        if self.descriptor is None:
            self.descriptor = descriptor
            return 0.0
        distance = float(np.linalg.norm(descriptor - self.descriptor))
        if distance < SAME:
            self.descriptor = self.descriptor + 0.2 * (descriptor - self.descriptor)
        return distance

    def _speaks(self, now: Avatar) -> bool:
        """Whether the readings so far speak for a change, this one included."""
        worn, seen = _chosen(self.avatar.parameters), _chosen(now.parameters)
        for head, p in now.likely.items():
            value, old = seen.get(head), worn[head]
            if value is None or value == old or not p:
                gain = -2 * DOUBT
            else:
                p = _by_kind(self.avatar.parameters, head, p, value, old)
                odds = math.log(max(p.get(value, 0), 1e-3) / max(p.get(old, 0), 1e-3))
                gain = float(np.clip(odds, -4, 4)) - DOUBT
            self._evidence[head] = max(0.0, self._evidence.get(head, 0.0) + gain)
        return any(value >= ENOUGH for value in self._evidence.values())


def _calm(predictor: AvatarPredictor, reading: Reading) -> Avatar:
    """The avatar with a resting face: how the mouth and the eyes move is another's business."""
    still = {**reading.attributes, **{name: np.zeros_like(reading.attributes[name]) for name in _CALM}}
    avatar = predictor.decide(reading._replace(attributes=still))[0]
    return replace(avatar, sure={label: p for label, p in avatar.sure.items() if label != "not smiling"})


def _chosen(parameters: Parameters) -> dict[str, str]:
    """Head → variant or colour."""
    return {**parameters.variants, **{f"colour:{name}": code for name, code in parameters.colours.items()}}


def _by_kind(parameters: Parameters, head: str, p: Mapping[str, float], *values: str) -> Mapping[str, float]:
    """The probabilities of values, each with those of its kind (`Spec.kinds`) where the kinds differ."""
    of = [_kind(parameters, head, value) for value in values]
    if len(set(of)) < len(of):
        return p
    return {value: sum(p.get(variant, 0) for variant in variants) for value, variants in zip(values, of)}


def _kind(parameters: Parameters, head: str, value: str) -> tuple[str, ...]:
    """All that people call by one name ("long", "blond"); the value itself where there is no name."""
    kinds = HAIR_COLOURS if head == "colour:hair" else parameters.spec.kinds.get(head, {})
    return next((variants for variants in kinds.values() if value in variants), (value,))


def _kept(old: Parameters, new: Avatar) -> Parameters:
    """The new parameters, in which everything that is nearly as likely as the best, and called the same, stays."""
    worn, seen = _chosen(old), _chosen(new.parameters)
    kept = {
        head
        for head, p in new.likely.items()
        if worn[head] != seen[head]
        and p.get(worn[head], 0) >= KEEP * p.get(seen[head], 1)
        and (_kind(old, head, worn[head]) == _kind(old, head, seen[head]) or not _named(old, head))
    }
    if abs(_lightness(worn["colour:skin"]) - _lightness(seen["colour:skin"])) < SHADE:
        kept.add("colour:skin")
    values = {**seen, **{head: worn[head] for head in kept}}
    variants = {slot: values[slot] for slot in new.parameters.variants}
    colours = {name: values[f"colour:{name}"] for name in new.parameters.colours}
    mixed = Parameters(old.style, variants, colours, new.parameters.shape)
    return mixed if is_consistent(mixed) else new.parameters


def _named(parameters: Parameters, head: str) -> bool:
    return head == "colour:hair" or head in parameters.spec.kinds


def _lightness(code: str) -> float:
    return float(to_lab(np.array(to_rgb(code), np.float32))[0])
