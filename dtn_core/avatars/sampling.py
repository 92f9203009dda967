"""The probability of every variant for a face, and further avatars sampled from these probabilities."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.colors import from_lab, to_hex, to_lab, to_rgb
from ..core.errors import UserError
from .choose import (
    EXPRESSION_ATTRIBUTES,
    HAIR_ATTRIBUTES,
    QUESTIONS,
    Attributes,
    Decisions,
    LogProbabilities,
    calibrated_probabilities,
    is_allowed,
    kind_index,
    mouth_of,
)
from .parameters import HAIR_COLOURS, SPECS, Parameters
from .style_mapping import kinds_by_role
from .styles import DRAWINGS

ChoiceProbabilities = Mapping[str, Mapping[str, float]]
"""Slot, or "colour:NAME" → variant or colour → probability."""

MIN_PROBABILITY = 0.002
"""Choices with a lower probability are left out."""

SKIN_SPREAD = 4.0
"""Standard deviation in L* of the skins of further avatars: about the effect of lighting on c."""

MAX_ATTEMPTS = 40
"""Samples for each avatar that `sample_similar` is to return."""

POOL = 8
"""Different avatars, for each one that `sample_similar` returns, among which the most different ones are chosen."""

COLOUR_DISTANCE = 40.0
"""Difference of two colours in CIELAB that counts as much as another variant of a small part."""


def choice_probabilities(
    style: str, log_probabilities: LogProbabilities, decisions: Decisions, attributes: Attributes
) -> list[dict[str, dict[str, float]]]:
    """Compute the distributions over all choices for N faces, see `ChoiceProbabilities`.

    Within a kind they are c's, between kinds the answers of `choose.calibrated_probabilities`. The skin is missing: its
    colour is continuous. Arguments as for `choose.choose`.
    """
    spec = SPECS[style]
    p = {
        head: _choice_probabilities(style, head, log_p, decisions)
        for head, log_p in log_probabilities.items()
        if head not in ("colour:skin", "mouth")
    }
    smiling, mouth_open = (attributes[name] for name in EXPRESSION_ATTRIBUTES.values())
    laughing = [spec.slots["eyes"].index(variant) for variant in DRAWINGS[style].laughing_eyes]
    _divide(p["eyes"], laughing, [j for j in range(len(spec.slots["eyes"])) if j not in laughing], 0.5 * smiling)
    answers = calibrated_probabilities(style, log_probabilities, decisions, attributes)
    for name, question in QUESTIONS[style].items():
        ((slot, yes),) = question.yes.items()
        _divide(p[slot], kind_index(style, slot, yes), kind_index(style, slot, question.no[slot]), answers[name])
    palette = spec.colours["hair"]
    for name, codes in HAIR_COLOURS.items():
        share = answers[f"hair:{name}"] if name in HAIR_ATTRIBUTES else np.zeros(len(p["colour:hair"]))
        _scale(p["colour:hair"], [palette.index(code) for code in codes], share)
    p["mouth"] = _mouth_probabilities(style, smiling, mouth_open)
    distributions: list[dict[str, dict[str, float]]] = [{} for _ in smiling]
    for head, rows in p.items():
        for distribution, row in zip(distributions, rows):
            pairs = zip(spec.choices(head), row)
            distribution[head] = {choice: round(float(v), 4) for choice, v in pairs if v >= MIN_PROBABILITY}
    return distributions


def masked_softmax(scores: NDArray, mask: Collection[bool]) -> NDArray[np.float64]:
    """(N, M) scores → (N, M) probabilities, 0 where the (M,) mask is False."""
    scores = np.where(mask, scores, -np.inf).astype(np.float64)
    p = np.exp(scores - scores.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _choice_probabilities(
    style: str, head: str, log_p: NDArray[np.float32], decisions: Decisions
) -> NDArray[np.float64]:
    """c's probabilities of the choices that it may make, without variants for either answer."""
    has_either = "either" in SPECS[style].kinds.get(head, {})
    either = kind_index(style, head, ("either",)) if has_either else []
    allowed = [is_allowed(style, head, j) and j not in either for j in range(log_p.shape[1])]
    return masked_softmax(log_p + np.array(decisions.bias[head]), allowed)


def _mouth_probabilities(
    style: str, smiling: NDArray[np.float64], mouth_open: NDArray[np.float64]
) -> NDArray[np.float64]:
    kinds = {
        "smile": smiling * (1 - mouth_open),
        "laugh": smiling * mouth_open,
        "open": (1 - smiling) * mouth_open,
        "neutral": (1 - smiling) * (1 - mouth_open),
    }
    variants = SPECS[style].slots["mouth"]
    p = np.zeros((len(smiling), len(variants)))
    for kind, probability in kinds.items():
        p[:, variants.index(mouth_of(style, kind))] += probability
    return p


def _divide(p: NDArray[np.float64], yes: list[int], no: list[int], share: NDArray[np.float64]) -> None:
    """Give yes its share of the total probability of both sides; in place."""
    total = p[:, yes].sum(1) + p[:, no].sum(1)
    _scale(p, yes, total * share)
    _scale(p, no, total * (1 - share))


def _scale(p: NDArray[np.float64], index: list[int], total: NDArray[np.float64]) -> None:
    """Scale some columns so that they sum to (N,) totals; in place."""
    p[:, index] *= (total / np.maximum(p[:, index].sum(1), 1e-12))[:, None]


def sample_similar(
    parameters: Parameters, likely: ChoiceProbabilities, keep: Collection[str] = (), count: int = 6, seed: int = 0
) -> list[Parameters]:
    """Sample further avatars for the same face.

    Args:
        parameters: The avatar that was chosen for the face.
        likely: Probabilities of the choices.
        keep: Slots, "colour:NAME" and "shape:NAME" that don't change.
        count: Number of avatars to return at most, as different from each other and from this one as they come.
        seed: Of the samples.

    Raises:
        UserError: The probabilities belong to another style.
    """
    rng = np.random.default_rng([seed, 0xA0])
    likely = check_probabilities(parameters.style, likely)
    samples: dict[str, Parameters] = {}
    for _ in range(MAX_ATTEMPTS * count):
        sample = _sample(rng, parameters, likely, keep)
        if is_consistent(sample) and sample.variants != parameters.variants:
            samples.setdefault(str(sample.variants), sample)
        if len(samples) == POOL * count:
            break
    return _most_different(parameters, list(samples.values()), count)


def _most_different(first: Parameters, samples: list[Parameters], count: int) -> list[Parameters]:
    """Choose one after the other the sample whose nearest neighbour among those chosen is the farthest away."""
    chosen = [first]
    remaining = list(samples)
    while remaining and len(chosen) <= count:
        farthest = max(remaining, key=lambda sample: min(distance(sample, other) for other in chosen))
        remaining.remove(farthest)
        chosen.append(farthest)
    return chosen[1:]


def distance(a: Parameters, b: Parameters) -> float:
    """Measure how different two avatars of a style look: differing variants, hair counting three times, and colours."""
    hair = DRAWINGS[a.style].roles["hair"]
    total = sum(3.0 if slot in hair else 1.0 for slot in a.variants if a.variants[slot] != b.variants[slot])
    names = list(a.colours)
    lab_a, lab_b = (to_lab(np.array([to_rgb(p.colours[name]) for name in names], np.float32)) for p in (a, b))
    return total + float(np.linalg.norm(lab_a - lab_b, axis=-1).sum()) / COLOUR_DISTANCE


def _sample(
    rng: np.random.Generator, parameters: Parameters, likely: ChoiceProbabilities, keep: Collection[str]
) -> Parameters:
    variants = dict(parameters.variants)
    colours = dict(parameters.colours)
    for head, p in likely.items():
        if head in keep or not p:
            continue
        choices = list(p)
        weights = np.array(list(p.values()))
        value = choices[rng.choice(len(choices), p=weights / weights.sum())]
        if head.startswith("colour:"):
            colours[head.removeprefix("colour:")] = value
        else:
            variants[head] = value
    if "beard" in colours and "colour:beard" not in keep and "colour:hair" in likely:
        colours["beard"] = colours["hair"]
    if "colour:skin" not in keep:
        lab = to_lab(np.array(to_rgb(parameters.colours["skin"]), np.float32))
        lab[0] += SKIN_SPREAD * rng.standard_normal()
        colours["skin"] = to_hex(from_lab(lab))
    return Parameters(parameters.style, variants, colours, parameters.shape)


def is_consistent(parameters: Parameters) -> bool:
    """Whether the parts go together: long hair has no beard and no bald top."""
    meanings = kinds_by_role(parameters)
    if "long" not in meanings["hair"]:
        return True
    has_beard = not {"none"} >= meanings.get("facial hair", {"none"})
    return not has_beard and "bald" not in meanings["hair"]


def check_probabilities(style: str, values: Any) -> dict[str, dict[str, float]]:
    """Check probabilities that a client sent. Raises UserError unless they are of this style."""
    spec = SPECS[style]
    error = UserError(f"the probabilities aren't those of an avatar of {style}. Translate the photo again.")
    if not isinstance(values, Mapping):
        raise error
    for head, p in values.items():
        choices = spec.choices(str(head))
        if not isinstance(p, Mapping) or not choices or not set(p) <= set(choices):
            raise error
        in_range = all(isinstance(v, int | float) and 0 <= v <= 1 for v in p.values())
        if not in_range or (p and not sum(p.values()) > 0):
            raise error
    return {str(head): dict(p) for head, p in values.items()}
