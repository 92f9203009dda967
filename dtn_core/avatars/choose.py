"""Choose an avatar from c's probabilities of the variants and f's probabilities of attributes.

c is trained on drawings: it ranks photos well, but its probabilities are not calibrated for them. So c's log-odds of
each yes/no question are mapped to f's by a line (Platt scaling against f's probabilities on unlabelled photos) and
averaged with f's own log-odds. The answer is yes above one half, so that little is invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .parameters import HAIR_COLOURS, SPECS, Parameters
from .proportions import Statistics, face_shapes
from .skin import drawn_skin
from .styles import DRAWINGS
from .styles.record import Question as Question

LogProbabilities = Mapping[str, NDArray[np.float32]]
"""Head → (N, choices) log-probabilities. Heads are a style's slots, and "colour:NAME" for its palettes."""

Attributes = Mapping[str, NDArray[np.float64]]
"""f's attribute → (N,) probabilities."""

QUESTIONS = {name: drawing.questions for name, drawing in DRAWINGS.items()}
"""Style → name → question."""

RESERVED = {name: drawing.reserved for name, drawing in DRAWINGS.items()}
"""Style → head → choices for people only."""

HAIR_ATTRIBUTES = {"black": "Black_Hair", "brown": "Brown_Hair", "blond": "Blond_Hair", "grey": "Gray_Hair"}
"""Hair colour → f's attribute."""

EXPRESSION_ATTRIBUTES = {"smiling": "Smiling", "mouth_open": "Mouth_Slightly_Open"}
"""Expression → f's attribute. c is not asked about these."""

SMILES = 0.4
"""Probability of a smile from which a face smiles. f underestimates it a little."""

GREY_OF_OLD = 0.6
"""Probability of grey hair for people over sixty."""

F_WEIGHT = 0.75
"""Weight of f's log-odds relative to c's. On the validation part c alone has six attributes right for 82.6% of people,
.5 has 83.4%, .75 has 83.2% and f alone 83.0%; from .75 on nobody gets glasses, a hat or a beard that f doesn't see."""


class Decisions(NamedTuple):
    """What is learnt from unlabelled photos, as plain values for config.json.

    Attributes:
        lines: Question → (slope, offset) that map c's log-odds to f's.
        rates: Question → mean probability.
        hair: Hair colour → (slope, offset) for c's log-probability.
        hair_rates: Hair colour → mean probability.
        bias: Head → what is added to the log-probability of each choice.
        shape: See `proportions.shape_statistics`. If empty, all faces have the artist's shape.
        f_weight: See `F_WEIGHT`.
    """

    lines: dict[str, tuple[float, float]]
    rates: dict[str, float]
    hair: dict[str, tuple[float, float]]
    hair_rates: dict[str, float]
    bias: dict[str, list[float]]
    shape: Statistics = {}
    f_weight: float = F_WEIGHT

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Decisions:
        """The inverse of `_asdict` after JSON. Raises KeyError or TypeError if something is missing."""
        pairs = {k: {n: (float(a), float(b)) for n, (a, b) in values[k].items()} for k in ("lines", "hair")}
        numbers = {k: {n: float(v) for n, v in values[k].items()} for k in ("rates", "hair_rates")}
        return cls(
            **pairs,
            **numbers,
            bias={k: [float(b) for b in v] for k, v in values["bias"].items()},
            shape={k: {n: float(x) for n, x in v.items()} for k, v in values.get("shape", {}).items()},
            f_weight=float(values.get("f_weight", F_WEIGHT)),
        )


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


def logit(p: NDArray[np.float64], margin: float = 1e-6) -> NDArray[np.float64]:
    """The inverse of `sigmoid`, with p clipped to [margin, 1 - margin]."""
    p = np.clip(p, margin, 1 - margin)
    return np.log(p / (1 - p))


# What c and f say


def kind_index(style: str, slot: str, kinds: tuple[str, ...]) -> list[int]:
    """The indices of all variants of these kinds in a slot."""
    spec = SPECS[style]
    return [spec.slots[slot].index(variant) for kind in kinds for variant in spec.kinds[slot][kind]]


def is_allowed(style: str, head: str, index: int) -> bool:
    """Whether c may make this choice: it is not reserved for people."""
    return SPECS[style].choices(head)[index] not in RESERVED[style].get(head, ())


def is_choosable(p: Parameters) -> bool:
    """Whether `choose` may return this avatar: it has no reserved choice, and a mouth of `mouth_of`."""
    choices = {**p.variants, **{f"colour:{name}": code for name, code in p.colours.items()}}
    has_reserved = any(choices[head] in values for head, values in RESERVED[p.style].items())
    return not has_reserved and p.variants["mouth"] in [variants[0] for variants in p.spec.kinds["mouth"].values()]


def question_slot(style: str, name: str) -> str:
    """The slot that shows the answer to a question."""
    return next(iter(QUESTIONS[style][name].yes))


def log_odds(style: str, question: Question, log_probabilities: LogProbabilities) -> NDArray[np.float64]:
    """(N,) log-odds of yes against no."""

    def log_sum(answer: dict[str, tuple[str, ...]]) -> NDArray[np.float64]:
        ((slot, kinds),) = answer.items()
        log_p = log_probabilities[slot][:, kind_index(style, slot, kinds)].astype(np.float64)
        return np.logaddexp.reduce(log_p, axis=1)

    return log_sum(question.yes) - log_sum(question.no)


def hair_scores(style: str, log_probabilities: LogProbabilities) -> NDArray[np.float64]:
    """(N, len(HAIR_READS)) c's log-probabilities of the named hair colours."""
    palette = SPECS[style].colours["hair"]
    log_p = log_probabilities["colour:hair"].astype(np.float64)
    columns = [[palette.index(code) for code in HAIR_COLOURS[name]] for name in HAIR_ATTRIBUTES]
    return np.stack([np.logaddexp.reduce(log_p[:, column], axis=1) for column in columns], 1)


def question_probability(attributes: Attributes, reads: tuple[str, ...]) -> NDArray[np.float64]:
    """(N,) f's probability of yes: the largest of the attributes that answer a question."""
    return np.max([1 - attributes[name[1:]] if name.startswith("-") else attributes[name] for name in reads], axis=0)


def hair_probabilities(attributes: Attributes) -> NDArray[np.float64]:
    """(N, len(HAIR_READS)) f's probabilities of the hair colours, summing to 1.

    The hair of old people, which may be hidden, is mostly taken to be grey.
    """
    p = np.stack([attributes[name] for name in HAIR_ATTRIBUTES.values()], 1) + 1e-6
    grey = list(HAIR_ATTRIBUTES).index("grey")
    p[:, grey] = np.maximum(p[:, grey], GREY_OF_OLD * attributes["age_60"])
    return p / p.sum(1, keepdims=True)


def calibrated_probabilities(
    style: str, log_probabilities: LogProbabilities, decisions: Decisions, attributes: Attributes
) -> dict[str, NDArray[np.float64]]:
    """Calibrated probabilities of c and f together.

    Returns:
        Question → (N,) probability of yes, and "hair:NAME" → that of a hair colour.
    """
    probabilities = {}
    weight = decisions.f_weight
    for name, question in QUESTIONS[style].items():
        slope, offset = decisions.lines[name]
        logit_c = slope * log_odds(style, question, log_probabilities) + offset
        logit_f = logit(question_probability(attributes, question.f_attributes))
        probabilities[name] = sigmoid((1 - weight) * logit_c + weight * logit_f)
    lines = np.array([decisions.hair[name] for name in HAIR_ATTRIBUTES])
    log_c = hair_scores(style, log_probabilities) * lines[:, 0] + lines[:, 1]
    log_c -= np.logaddexp.reduce(log_c, axis=1, keepdims=True)
    log_p = (1 - weight) * log_c + weight * np.log(hair_probabilities(attributes))
    hair = np.exp(log_p - np.logaddexp.reduce(log_p, axis=1, keepdims=True))
    return probabilities | {f"hair:{name}": hair[:, i] for i, name in enumerate(HAIR_ATTRIBUTES)}


# Choices


def choose(
    style: str,
    log_probabilities: LogProbabilities,
    decisions: Decisions,
    attributes: Attributes,
    skin: NDArray[np.floating],
    rates: Mapping[str, float] = MappingProxyType({}),
    proportions: Mapping[str, NDArray[np.float64]] = MappingProxyType({}),
) -> list[tuple[Parameters, dict[str, float]]]:
    """Choose an avatar for each of N faces.

    Args:
        style: Name of a drawn style.
        log_probabilities: c's log-probabilities, after `outlines.match_outlines`.
        decisions: See `Decisions`.
        attributes: f's probabilities.
        skin: (N, 3) CIELAB of the skins.
        rates: Question → threshold for yes, by default one half; "hair:NAME" → divisor of that colour's probability.
        proportions: See `proportions.measure_proportions`; without them faces have the artist's shape.

    Returns:
        N pairs of the avatar, and of what it depicts ("glasses", "no hat") → probability.
    """
    probabilities = calibrated_probabilities(style, log_probabilities, decisions, attributes)
    shapes = face_shapes(style, proportions, decisions.shape)
    avatars = []
    for i in range(len(skin)):
        row_log_probabilities = {head: log_p[i] for head, log_p in log_probabilities.items()}
        row_attributes = {name: float(values[i]) for name, values in attributes.items()}
        row = {name: float(values[i]) for name, values in probabilities.items()}
        answers = _answers(style, row, rates)
        hair = max(HAIR_ATTRIBUTES, key=lambda name: row[f"hair:{name}"] / rates.get(f"hair:{name}", 1.0))
        variants = _variants(style, row_log_probabilities, answers, row_attributes, decisions.bias)
        variants["mouth"] = _mouth(style, *(row_attributes[name] for name in EXPRESSION_ATTRIBUTES.values()))
        colours = _colours(style, row_log_probabilities, hair, skin[i], decisions)
        shape = {name: float(values[i]) for name, values in shapes.items()}
        confidence = _confidence(answers, hair, row, row_attributes["Smiling"])
        avatars.append((Parameters(style, variants, colours, shape), confidence))
    return avatars


def _answers(style: str, probabilities: Mapping[str, float], rates: Mapping[str, float]) -> dict[str, bool]:
    answers = {name: probabilities[name] > rates.get(name, 0.5) for name in QUESTIONS[style]}
    # A beard and long hair can't be drawn together: the more certain one stays.
    if answers["beard"] and not answers["male"]:
        beard_is_surer = probabilities["beard"] > 1 - probabilities["male"]
        answers["male" if beard_is_surer else "beard"] = beard_is_surer
    return answers


def _variants(
    style: str,
    log_probabilities: Mapping[str, NDArray[np.float32]],
    answers: Mapping[str, bool],
    attributes: Mapping[str, float],
    bias: Mapping[str, list[float]],
) -> dict[str, str]:
    """The most probable variant of each slot among those that agree with the answers.

    Args:
        style: Name of a drawn style.
        log_probabilities: Head → (choices,) log-probabilities.
        answers: Question → yes or no.
        attributes: f's attribute → probability.
        bias: See `calibrate._biases`.
    """
    drawing = DRAWINGS[style]
    has_moustache = attributes["Mustache"] > 0.5 and attributes["No_Beard"] > 0.5
    kinds = _kinds(style, log_probabilities, answers, has_moustache)
    chosen = {}
    for slot, variants in SPECS[style].slots.items():
        if slot == "mouth" or slot not in log_probabilities:
            continue
        allowed = kind_index(style, slot, kinds[slot]) if slot in kinds else range(len(variants))
        allowed = [j for j in allowed if is_allowed(style, slot, j)]
        if slot == "eyes" and attributes["Smiling"] <= SMILES:
            allowed = [j for j in allowed if variants[j] not in drawing.laughing_eyes]
        score = log_probabilities[slot] + bias[slot]
        chosen[slot] = variants[max(allowed, key=lambda j: score[j])]
    return chosen


def _kinds(
    style: str, log_probabilities: Mapping[str, NDArray[np.float32]], answers: Mapping[str, bool], has_moustache: bool
) -> dict[str, tuple[str, ...]]:
    """Slot → the kinds that agree with the answers. A hat overrides a bald head, and that overrides the length."""
    questions = QUESTIONS[style]
    kinds = {}
    for name in ("male", "bald", "hat"):
        if name not in questions:
            continue
        answer = answers[name] or (name == "male" and answers["bald"])
        ((slot, allowed),) = (questions[name].yes if answer else questions[name].no).items()
        if answer or slot not in kinds:
            kinds[slot] = allowed
    ((slot, beards),) = questions["beard"].yes.items()
    beard = "moustache" if has_moustache and "moustache" in beards else "beard"
    kinds[slot] = (beard,) if answers["beard"] else ("none",)
    if "glasses" in questions:
        slot = question_slot(style, "glasses")
        kinds[slot] = (_glasses(style, slot, log_probabilities) if answers["glasses"] else "none",)
    return kinds


def _glasses(style: str, slot: str, log_probabilities: Mapping[str, NDArray[np.float32]]) -> str:
    dark, clear = (
        np.logaddexp.reduce(log_probabilities[slot][kind_index(style, slot, (kind,))]) for kind in ("dark", "clear")
    )
    return "dark" if dark > clear else "clear"


def _mouth(style: str, smiling: float, mouth_open: float) -> str:
    is_open = mouth_open > 0.5
    if smiling > SMILES:
        return mouth_of(style, "laugh" if is_open else "smile")
    return mouth_of(style, "open" if is_open else "neutral")


def mouth_of(style: str, kind: str) -> str:
    """The mouth that c draws of a kind: laughing if the style has no smile."""
    kinds = SPECS[style].kinds["mouth"]
    if kind == "smile" and kind not in kinds:
        kind = "laugh"
    return kinds[kind][0]


def _colours(
    style: str, log_probabilities: Mapping[str, NDArray[np.float32]], hair: str, skin: NDArray, decisions: Decisions
) -> dict[str, str]:
    """The skin as by `drawn_skin`; other colours from the artist's palette, hair and beard in a shade of hair."""
    spec = SPECS[style]
    colours = {}
    for name, palette in spec.colours.items():
        head = "colour:hair" if name == "beard" else f"colour:{name}"
        if name == "skin":
            colours[name] = drawn_skin(style, skin)
        elif head in log_probabilities:
            score = log_probabilities[head] + decisions.bias[head]
            codes = [code for code in palette if code not in RESERVED[style].get(head, ())]
            if name in ("hair", "beard"):
                codes = HAIR_COLOURS[hair]
            colours[name] = max(codes, key=lambda code: score[palette.index(code)])
    return colours


def _confidence(
    answers: Mapping[str, bool], hair: str, probabilities: Mapping[str, float], smiling: float
) -> dict[str, float]:
    """What is depicted, in words for people → its probability."""
    labels = {"male": ("short hair", "long hair"), "bald": ("bald", "not bald")}
    hair_is_hidden = answers.get("hat") or answers.get("bald")
    confidence = {}
    for name, answer in answers.items():
        if name == "male" and hair_is_hidden:
            continue
        yes, no = labels.get(name, (name, f"no {name}"))
        confidence[yes if answer else no] = probabilities[name] if answer else 1 - probabilities[name]
    if not hair_is_hidden:
        confidence[f"{hair} hair"] = probabilities[f"hair:{hair}"]
    confidence["smiling" if smiling > SMILES else "not smiling"] = max(smiling, 1 - smiling)
    return {label: round(p, 3) for label, p in confidence.items()}
