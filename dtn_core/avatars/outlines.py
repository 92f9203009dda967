"""Choose variants of hair, hats and glasses by their outline, and beards by f.

The outline of every variant is rendered once and compared with what the face parser sees in the photo. That changes
c's probabilities within a kind (`Spec.kinds`): whether there are glasses, a hat or a beard, and whether the hair is
long, remains c's and f's decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from . import engine
from .parameters import NONE, SPECS, Parameters
from .styles import DRAWINGS

SIDE = 64
"""Side of outlines in pixels."""

MIN_SEEN = {"hair": 0.015, "hat": 0.02, "glasses": 0.006}
"""Outline → share of the head crop that must be seen of it, so that it is compared."""

MASKS = tuple(MIN_SEEN)
"""Names of the outlines."""

TEMPERATURE = 0.03
"""Difference in overlap that makes a variant e times as probable."""

TEXTURE = 0.1
"""Overlap that a fringe, waves or stubble as f reads them are worth."""

DARK_LENS = 19.0
"""Difference in L* between the skin and a lens from which glasses are rather dark ones."""

LENS_SCALE = 4.0
"""Further difference in L* that makes them e times as likely to be dark."""

FLOOR = -20.0
"""Log-probability of variants that can't be chosen."""

_ROLES = {"hair": "hair", "facial hair": "beard", "glasses": "glasses"}
"""Role of slots → outline."""


class Variants(NamedTuple):
    """All combinations of the variants of a role's slots.

    Attributes:
        slots: Names of the slots.
        choices: V tuples of a variant for each slot.
        kinds: V tuples of the kind of each choice; combinations of the same kinds compete.
        names: V names of the outline that is compared; "beard" has none in photos, where shade is as dark.
        outlines: (V, SIDE, SIDE) float32 in 0..1.
        allowed: (V,) whether it may be chosen for people.
    """

    slots: tuple[str, ...]
    choices: list[tuple[str, ...]]
    kinds: list[tuple[str | None, ...]]
    names: list[str]
    outlines: NDArray[np.float32]
    allowed: NDArray[np.bool_]


def shrink(mask: NDArray[np.floating]) -> NDArray[np.float32]:
    """(S, S) → (SIDE, SIDE)."""
    return cv2.resize(mask.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def overlap(seen: NDArray[np.floating], outlines: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, SIDE, SIDE) and (V, SIDE, SIDE) soft masks → (N, V) intersection over union."""
    a = seen.reshape(-1, 1, SIDE * SIDE).astype(np.float32)
    b = outlines.reshape(1, -1, SIDE * SIDE)
    return np.minimum(a, b).sum(2) / np.maximum(np.maximum(a, b).sum(2), 1e-6)


@cache
def variants_of(style: str, role: str) -> Variants:
    """Render the outlines of all variants of a role ("hair", "facial hair", "glasses")."""
    spec = SPECS[style]
    slots = DRAWINGS[style].roles[role]
    reserved = DRAWINGS[style].reserved
    choices = list(product(*(spec.slots[slot] for slot in slots)))
    plain = dict(DRAWINGS[style].plain) | dict.fromkeys(slots, NONE)
    kinds, names, outlines = [], [], []
    for choice in choices:
        parameters = Parameters(style, plain | dict(zip(slots, choice)))
        kind = tuple(parameters.kind_of(slot) for slot in slots)
        name = "hat" if "hat" in kind else _ROLES[role]
        kinds.append(kind)
        names.append(name)
        outlines.append(_outline(parameters, name, slots) if name in MASKS else np.zeros((SIDE, SIDE), np.float32))
    allowed = [all(v not in reserved.get(slot, ()) for slot, v in zip(slots, choice)) for choice in choices]
    return Variants(
        slots=slots,
        choices=choices,
        kinds=kinds,
        names=names,
        outlines=np.stack(outlines),
        allowed=np.array(allowed),
    )


def _outline(parameters: Parameters, name: str, slots: tuple[str, ...]) -> NDArray[np.float32]:
    """The pixels of a head that belong to a variant: (SIDE, SIDE) in 0..1.

    They change with its colour; of a hat, whose band may be white, they are all that differ from a bare head.
    """
    if name == "hat":
        bare = replace(parameters, variants={**parameters.variants, **dict.fromkeys(slots, NONE)})
        changed = np.abs(_on_black(parameters, "hat", "#00ff00") - _on_black(bare, "hat", "#00ff00")).max(2)
    else:
        changed = np.abs(_on_black(parameters, name, "#ffffff") - _on_black(parameters, name, "#000000")).max(2)
    changed = np.clip(1.3 * changed / 255, 0, 1)
    if name == "glasses":
        contours, _ = cv2.findContours((changed > 0.4).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(changed, contours, -1, 1.0, cv2.FILLED)
    return shrink(changed)


def _on_black(parameters: Parameters, palette: str, code: str) -> NDArray[np.float32]:
    rgba = engine.image(replace(parameters, colours={palette: code}), 2 * SIDE, "head")
    return rgba[..., :3] * (rgba[..., 3:] / np.float32(255))


def match_outlines(
    style: str,
    log_probabilities: Mapping[str, NDArray[np.float32]],
    bias: Mapping[str, list[float]],
    attributes: Mapping[str, NDArray[np.float64]],
    masks: Mapping[str, NDArray[np.floating]],
    lens: NDArray[np.floating] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Change c's log-probabilities within each kind of hair, hats, glasses and beards.

    Args:
        style: Name of a drawn style.
        log_probabilities: c's, head → (N, choices).
        bias: See `choose.Decisions`; it is added later, so it is subtracted from what was matched.
        attributes: f's attribute → (N,) probabilities.
        masks: Name of `MASKS` → (N, SIDE, SIDE) what is seen of it; empty if photos weren't parsed.
        lens: (N,) how much darker lenses are than the skin, in L*, by which dark glasses are recognised. NaN where it
            is unknown.

    Returns:
        All of c's heads; those of other slots as they were.
    """
    result = dict(log_probabilities)
    for role in _ROLES:
        if role not in DRAWINGS[style].roles:
            continue
        variants = variants_of(style, role)
        indices = [
            [SPECS[style].slots[slot].index(choice[k]) for choice in variants.choices]
            for k, slot in enumerate(variants.slots)
        ]
        columns = list(zip(variants.slots, indices))
        raw: NDArray[np.floating] = sum(log_probabilities[slot][:, index] for slot, index in columns)
        learned = sum(np.array(bias[slot])[index] for slot, index in columns)
        score = _compared(variants, raw + learned, masks)
        if role != "glasses":
            score = score + TEXTURE / TEMPERATURE * _texture(style, role, variants, attributes)
        if role == "glasses" and lens is not None:
            raw = _dark_or_clear(variants, raw, lens)
        joint = _within_kinds(variants, raw, np.where(variants.allowed, score, FLOOR + score.min()))
        for slot, index in columns:
            chosen = [np.array(index) == j for j in range(len(SPECS[style].slots[slot]))]
            marginal = np.stack([np.logaddexp.reduce(joint[:, column], axis=1) for column in chosen], 1)
            matched = np.maximum(marginal, FLOOR) - np.array(bias[slot])
            for kind in SPECS[style].kinds[slot].values():
                members = [SPECS[style].slots[slot].index(variant) for variant in kind]
                change = np.logaddexp.reduce(marginal[:, members], 1) - np.logaddexp.reduce(matched[:, members], 1)
                matched[:, members] += change[:, None]
            result[slot] = matched
    return result


def _compared(
    variants: Variants, score: NDArray[np.floating], masks: Mapping[str, NDArray[np.floating]]
) -> NDArray[np.floating]:
    """Add the overlap to (N, V) scores where the photo shows enough."""
    score = np.array(score, np.float64)
    for name in set(variants.names) & masks.keys():
        column = np.array([other == name for other in variants.names])
        rows = masks[name].mean((1, 2)) >= MIN_SEEN[name]
        score[np.ix_(rows, column)] += overlap(masks[name][rows], variants.outlines[column]) / TEMPERATURE
    return score


def _texture(
    style: str, role: str, variants: Variants, attributes: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """(N, V) probability that a haircut has the fringe and the waves that f reads, see `Drawing.haircuts`, or that a
    beard is stubble or isn't.
    """
    drawing = DRAWINGS[style]
    if role == "facial hair":
        is_stubble = np.array([choice[0] in drawing.stubble for choice in variants.choices])
        return np.abs(attributes["5_o_Clock_Shadow"][:, None] - ~is_stubble)
    bangs = attributes["Bangs"]
    waves = (1 - bangs) * attributes["Wavy_Hair"]
    read = {"Bangs": bangs, "Wavy_Hair": waves, "": 1 - bangs - waves}
    agreement = np.zeros((len(bangs), len(variants.choices)))
    for haircuts in drawing.haircuts.values():
        listed = {variant for group in haircuts.values() for variant in group}
        shown = [set(choice) & listed for choice in variants.choices]
        for key, group in haircuts.items():
            has_texture = np.array([bool(cut) and cut <= set(group) for cut in shown])
            agreement = np.maximum(agreement, read[key][:, None] * has_texture)
    return agreement


def _dark_or_clear(variants: Variants, raw: NDArray[np.floating], lens: NDArray[np.floating]) -> NDArray[np.floating]:
    """Divide the probability of (N, V) glasses between dark and clear ones by their lenses, where these are known."""
    dark, clear = (np.array([kind == (name,) for kind in variants.kinds]) for name in ("dark", "clear"))
    log_odds = (np.nan_to_num(lens) - DARK_LENS) / LENS_SCALE
    both = np.logaddexp.reduce(raw[:, dark | clear], axis=1)
    divided = np.array(raw, np.float64)
    for column, share in ((dark, -np.logaddexp(0, -log_odds)), (clear, -np.logaddexp(0, log_odds))):
        mass = np.logaddexp.reduce(raw[:, column], axis=1)
        divided[:, column] += (both + share - mass)[:, None]
    return np.where(np.isnan(lens)[:, None], raw, divided)


def _within_kinds(variants: Variants, raw: NDArray[np.floating], score: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N, V) log-probabilities: each kind as probable as by raw, its variants as by score."""
    joint = np.empty(score.shape)
    for kind in set(variants.kinds):
        column = np.array([other == kind for other in variants.kinds])
        mass = np.logaddexp.reduce(raw[:, column], axis=1, keepdims=True)
        part = score[:, column]
        joint[:, column] = mass + part - np.logaddexp.reduce(part, axis=1, keepdims=True)
    return joint
