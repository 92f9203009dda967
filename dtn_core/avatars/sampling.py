"""What else a face could be drawn with: the probability of every variant, and further avatars drawn from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.colors import to_lab, to_rgb
from ..core.errors import UserError
from .choose import (
    CUTS,
    EXPRESSIONS,
    HAIR_READS,
    LAUGHING_EYES,
    QUESTIONS,
    Beliefs,
    Decisions,
    chances,
    cut_of,
    kind_index,
    may_choose,
    mouth_of,
)
from .parameters import HAIR_COLOURS, SPECS, Parameters
from .skin import skin_colour
from .style_mapping import meaning

Likely = Mapping[str, Mapping[str, float]]
"""Slot, or "colour:NAME" → variant or colour → probability."""

RARE = 0.002
"""What is less probable is left out."""

OTHER_CUT = 0.2
"""Weight of a haircut that doesn't have the fringe or the waves f reads."""

SKIN_SPREAD = 4.0
"""Standard deviation in L* of the skins of further avatars: about what light does to c's reading."""


def likely(
    style: str, beliefs: Beliefs, decisions: Decisions, attributes: Mapping[str, NDArray[np.float64]]
) -> list[dict[str, dict[str, float]]]:
    """N distributions over what may be chosen, see `Likely`: within a kind c's, between kinds the calibrated answers
    (`choose.chances`). The skin has none, its colour being continuous. Arguments as of `choose.choose`."""
    spec, answers, p = SPECS[style], chances(style, beliefs, decisions, attributes), {}
    smiling, parted = (attributes[name] for name in EXPRESSIONS.values())
    for head, log_p in beliefs.items():
        if head in ("colour:skin", "mouth"):
            continue
        undecided = kind_index(style, head, ("either",)) if "either" in spec.kinds.get(head, ()) else []
        allowed = [may_choose(style, head, j) and j not in undecided for j in range(log_p.shape[1])]
        scores = np.where(allowed, log_p + np.array(decisions.bias[head]), -np.inf).astype(np.float64)
        p[head] = np.exp(scores - scores.max(1, keepdims=True))
        p[head] /= p[head].sum(1, keepdims=True)
    for slot in {"top", "hair", "rearHair"} & p.keys():
        _prefer_cuts(style, p[slot], spec.slots[slot], attributes)
    laughing = [spec.slots["eyes"].index(variant) for variant in LAUGHING_EYES[style]]
    _divide(p["eyes"], laughing, [j for j in range(len(spec.slots["eyes"])) if j not in laughing], 0.5 * smiling)
    for name, question in QUESTIONS[style].items():
        ((slot, yes),) = question.yes.items()
        _divide(p[slot], kind_index(style, slot, yes), kind_index(style, slot, question.no[slot]), answers[name])
    palette = spec.colours["hair"]
    for name, codes in HAIR_COLOURS.items():
        share = answers[f"hair:{name}"] if name in HAIR_READS else np.zeros(len(p["colour:hair"]))
        _scale(p["colour:hair"], [palette.index(code) for code in codes], share)
    mouths = {"smile": smiling * (1 - parted), "laugh": smiling * parted, "open": (1 - smiling) * parted}
    mouths["neutral"] = (1 - smiling) * (1 - parted)
    p["mouth"] = np.zeros((len(smiling), len(spec.slots["mouth"])))
    for kind, share in mouths.items():
        p["mouth"][:, spec.slots["mouth"].index(mouth_of(style, kind))] += share
    made: list[dict[str, dict[str, float]]] = [{} for _ in smiling]
    for head, rows in p.items():
        for one, row in zip(made, rows):
            one[head] = {choice: round(float(v), 4) for choice, v in zip(spec.choices(head), row) if v >= RARE}
    return made


def _prefer_cuts(
    style: str, p: NDArray[np.float64], variants: tuple[str, ...], attributes: Mapping[str, NDArray[np.float64]]
) -> None:
    """Haircuts as f reads the hair, see `choose.CUTS`."""
    for i in range(len(p)):
        cut = cut_of({name: values[i] for name, values in attributes.items()})
        for cuts in CUTS.get(style, {}).values():
            every = {v for some in cuts.values() for v in some}
            p[i, [variants.index(v) for v in (every - set(cuts[cut])) & set(variants)]] *= OTHER_CUT
    p /= p.sum(1, keepdims=True)


def _divide(p: NDArray[np.float64], yes: list[int], no: list[int], share: NDArray[np.float64]) -> None:
    """Of what both sides have together, yes gets its share."""
    both = p[:, yes].sum(1) + p[:, no].sum(1)
    _scale(p, yes, both * share)
    _scale(p, no, both * (1 - share))


def _scale(p: NDArray[np.float64], index: list[int], share: NDArray[np.float64]) -> None:
    p[:, index] *= (share / np.maximum(p[:, index].sum(1), 1e-12))[:, None]


def another(
    parameters: Parameters, likely: Likely, keep: Collection[str] = (), count: int = 6, seed: int = 0
) -> list[Parameters]:
    """Further avatars, drawn from the probabilities of what was chosen for a face: up to count of them, all different
    from each other and from this one. keep: slots, "colour:NAME"s and "shape:NAME"s that stay as they are.

    Raises UserError where likely isn't of this style.
    """
    rng = np.random.default_rng([seed, 0xA0])
    likely = check(parameters.style, likely)
    found: dict[str, Parameters] = {}
    for _ in range(40 * count):
        variants, colours = dict(parameters.variants), dict(parameters.colours)
        for head, p in likely.items():
            if head in keep or not p:
                continue
            choices, weights = list(p), np.array(list(p.values()))
            value = choices[rng.choice(len(choices), p=weights / weights.sum())]
            if head.startswith("colour:"):
                colours[head[7:]] = value
            else:
                variants[head] = value
        if "beard" in colours and "colour:beard" not in keep and "colour:hair" in likely:
            colours["beard"] = colours["hair"]
        if "colour:skin" not in keep:
            lightness = float(to_lab(np.array(to_rgb(parameters.colours["skin"]), np.float32))[0])
            colours["skin"] = skin_colour(parameters.style, lightness + SKIN_SPREAD * float(rng.standard_normal()))
        one = Parameters(parameters.style, variants, colours, parameters.shape)
        if is_consistent(one) and one.variants != parameters.variants:
            found.setdefault(str(one.variants), one)
        if len(found) == count:
            break
    return list(found.values())


def is_consistent(parameters: Parameters) -> bool:
    """Whether its parts go together: no beard below long hair, none of it behind a bald head."""
    shown = meaning(parameters)
    long = "long" in shown["hair"]
    bearded = not {"none"} >= shown.get("facial hair", {"none"})
    return not (long and (bearded or "bald" in shown["hair"]))


def check(style: str, values: Any) -> dict[str, dict[str, float]]:
    """Probabilities as a page gives them back. Raises UserError where they aren't of this style's."""
    spec = SPECS[style]
    wrong = UserError(f"the probabilities aren't those of an avatar of {style}. Translate the photo again.")
    if not isinstance(values, Mapping):
        raise wrong
    for head, p in values.items():
        known = spec.choices(str(head))
        if not isinstance(p, Mapping) or not known or not set(p) <= set(known):
            raise wrong
        if not all(isinstance(v, int | float) and 0 <= v <= 1 for v in p.values()) or (p and not sum(p.values()) > 0):
            raise wrong
    return {str(head): dict(p) for head, p in values.items()}
