"""From beliefs to choices. c gives a probability for every variant; what people ask of a face is a *question* over them
(glasses: is any variant drawn?), and where to draw the line between yes and no is a decision of its own.

Probabilities learnt on drawings aren't those of photos: c ranks photos well and misjudges how often. So each question's
log-odds are mapped to f's own reading by a line (Platt scaling against f's probabilities on unlabelled photos) and
averaged with f's reading itself; from one half on it is drawn, so that little is invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .choose_shape import Statistics, face_shapes
from .parameters import HAIR_COLOURS, SPECS, Parameters, numbered
from .skin import skin_colour

Beliefs = Mapping[str, NDArray[np.float32]]
"""Head → (N, choices) log-probabilities; heads are a style's slots, and "colour:NAME" for its palettes."""


class Question(NamedTuple):
    """yes, no: slot → kinds (`Spec.kinds`) between which c's log-odds decide; reads: f's attributes that tell it, "-"
    before one that tells the opposite; the surest counts."""

    yes: dict[str, tuple[str, ...]]
    no: dict[str, tuple[str, ...]]
    reads: tuple[str, ...]


_AVATAAARS_HAIR = ("long", "short", "either")
QUESTIONS: dict[str, dict[str, Question]] = {
    "avataaars": {
        "hat": Question({"top": ("hat",)}, {"top": ("bald", *_AVATAAARS_HAIR)}, ("Wearing_Hat",)),
        "bald": Question({"top": ("bald",)}, {"top": _AVATAAARS_HAIR}, ("Bald",)),
        "male": Question({"top": ("short",)}, {"top": ("long",)}, ("Male",)),
        "beard": Question({"facialHair": ("beard", "moustache")}, {"facialHair": ("none",)}, ("-No_Beard", "Mustache")),
        "glasses": Question({"accessories": ("clear", "dark")}, {"accessories": ("none",)}, ("Eyeglasses",)),
    },
    "toon-head": {
        "bald": Question({"hair": ("bald",)}, {"hair": ("hair",)}, ("Bald",)),
        "male": Question({"rearHair": ("short",)}, {"rearHair": ("long",)}, ("Male",)),
        "beard": Question({"beard": ("beard", "moustache")}, {"beard": ("none",)}, ("-No_Beard", "Mustache")),
    },
    "lorelei": {
        "bald": Question({"hair": ("bald",)}, {"hair": ("long", "short", "either")}, ("Bald",)),
        "male": Question({"hair": ("short",)}, {"hair": ("long",)}, ("Male",)),
        "beard": Question({"beard": ("beard",)}, {"beard": ("none",)}, ("-No_Beard", "Mustache")),
        "glasses": Question({"glasses": ("clear", "dark")}, {"glasses": ("none",)}, ("Eyeglasses",)),
    },
}
HAIR_READS = {"black": "Black_Hair", "brown": "Brown_Hair", "blond": "Blond_Hair", "grey": "Gray_Hair"}

RESERVED: dict[str, dict[str, tuple[str, ...]]] = {
    "avataaars": {
        "clothes": ("blazerAndSweater", "collarAndSweater", "overall"),
        "eyes": ("squint", "closed", "surprised", "side", "wink"),
        "eyebrows": (
            "raisedExcited", "flatNatural", "frownNatural", "sadConcerned", "sadConcernedNatural", "angry",
            "angryNatural", "upDown", "upDownNatural",
        ),
        "top": (
            "turban", "hijab", "frida", "froBand", "shavedSides", "shaggyMullet", "dreads02", "hat", "winterHat1",
            "winterHat02", "winterHat04",
        ),
        "facialHair": ("beardMajestic",),
        "accessories": ("kurt",),
        "colour:hat": ("#ffffff",),
    },
    "toon-head": {
        "clothes": ("dress",), "beard": ("longBeard",), "eyes": ("bow", "humble", "wink"), "eyebrows": ("sad", "angry"),
    },
    "lorelei": {
        "eyes": numbered(3, 5, 7, 15, 17, 18, 19),
        "eyebrows": numbered(12, 1, 3, 4, 6, 8, 11, 13),
        "earrings": numbered(1, 2, 3),
        "freckles": numbered(1),
        "glasses": numbered(5),
        "hair": numbered(26, 27, 40, 41, 45),
        "hairAccessories": ("flowers",),
        "colour:glasses": ("#25557c", "#8f3a2b"),
    },
}  # fmt: skip
"""Head → what only people choose: no network should guess a creed or a mood, rare cuts, hats and jewellery would be
invented, and a white hat is lost on paper."""

CUTS = {
    "avataaars": {
        "long": {
            "Bangs": ("longButNotTooLong", "miaWallace", "straightAndStrand"),
            "Wavy_Hair": ("bigHair", "curly", "curvy"),
            "": ("bob", "bun", "straight01", "straight02"),
        },
        "short": {
            "Bangs": ("shaggy", "shortRound", "theCaesarAndSidePart"),
            "Wavy_Hair": ("frizzle", "shaggy", "shortCurly", "shortWaved"),
            "": ("dreads01", "frizzle", "shortFlat", "shortRound", "theCaesar", "theCaesarAndSidePart"),
        },
    },
    "toon-head": {
        "long": {
            "Bangs": ("sideComed", "longStraight", "neckHigh", "shoulderHigh"),
            "Wavy_Hair": ("sideComed", "longWavy", "shoulderHigh"),
            "": ("sideComed", "bun", "longStraight", "neckHigh"),
        },
        "short": {"Bangs": ("sideComed",), "Wavy_Hair": ("sideComed", "spiky"), "": ("sideComed", "undercut")},
    },
    "lorelei": {
        "long": {
            "Bangs": numbered(10, 13, 14, 16, 17, 19, 23, 42, 46, 48),
            "Wavy_Hair": numbered(18, 24, 32, 35, 37),
            "": numbered(15, 21, 29, 31, 33, 35, 36, 38),
        },
        "short": {
            "Bangs": numbered(6, 7, 11, 12, 43),
            "Wavy_Hair": numbered(5, 9, 22, 39, 44),
            "": numbered(1, 2, 3, 4, 8, 28, 47),
        },
    },
}
"""Haircuts, long or short, by what f reads of the hair: a fringe first, then waves, else neither. Drawings alone teach
little of it, and people are distinguished by it."""


def cut_of(reads: Mapping[str, float]) -> str:
    """Which of `CUTS`; reads: f's attribute → probability."""
    return next((name for name in ("Bangs", "Wavy_Hair") if reads[name] > 0.5), "")


LAUGHING_EYES = {"avataaars": ("happy",), "toon-head": ("happy",), "lorelei": numbered(1, 22)}
"""Of smiling faces alone."""

SMILES = 0.4
"""From which probability on a face smiles: f is a little shy of it."""

GREY_OF_OLD = 0.6
"""Probability of grey hair among those over sixty."""

EXPRESSIONS = {"smiling": "Smiling", "mouth_open": "Mouth_Slightly_Open"}
"""Told by f's own logits; no drawing is asked."""


F_WEIGHT = 0.75
"""Weight of f's own log-odds beside c's. On the validation part c alone has six attributes right of 82.6% of people, .5
of 83.4%, .75 of 83.2%, f alone of 83.0%; from .75 on nobody is given glasses, a hat or a beard that f doesn't see."""


class Decisions(NamedTuple):
    """What is learnt from unlabelled photos, and how much f weighs; plain values for config.json.

    lines: question → (slope, offset) from c's log-odds to those of f's reading; rates: question → mean probability;
    hair: colour → (slope, offset) of c's log-probability; hair_rates: colour → mean probability; skin: group, as f
    reads it, → the mean L* of its cheeks; bias: head → what is added to the log-probability of each choice; shape: see
    `choose_shape.shape_statistics` (none: every face has the artist's shape); f_weight: see `F_WEIGHT`.
    """

    lines: dict[str, tuple[float, float]]
    rates: dict[str, float]
    hair: dict[str, tuple[float, float]]
    hair_rates: dict[str, float]
    skin: dict[str, float]
    bias: dict[str, list[float]]
    shape: Statistics = {}
    f_weight: float = F_WEIGHT

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Decisions:
        """The inverse of `_asdict` after JSON. Raises KeyError or TypeError if something is missing."""
        pairs = {k: {n: (float(a), float(b)) for n, (a, b) in values[k].items()} for k in ("lines", "hair")}
        shares = {k: {n: float(v) for n, v in values[k].items()} for k in ("rates", "hair_rates", "skin")}
        bias = {k: [float(b) for b in v] for k, v in values["bias"].items()}
        shape = {k: {n: float(x) for n, x in v.items()} for k, v in values.get("shape", {}).items()}
        return cls(**pairs, **shares, bias=bias, shape=shape, f_weight=float(values.get("f_weight", F_WEIGHT)))


def kind_index(style: str, slot: str, kinds: tuple[str, ...]) -> list[int]:
    """The places of all variants of these kinds among a slot's."""
    spec = SPECS[style]
    return [spec.slots[slot].index(v) for kind in kinds for v in spec.kinds[slot][kind]]


def is_choosable(p: Parameters) -> bool:
    """Whether a network may choose this avatar: nothing of it is `RESERVED`, and the mouth is one of `_mouth`'s."""
    chosen = {**p.variants, **{f"colour:{name}": code for name, code in p.colours.items()}}
    reserved = any(chosen[head] in values for head, values in RESERVED[p.style].items())
    return not reserved and p.variants["mouth"] in [v[0] for v in p.spec.kinds["mouth"].values()]


def log_odds(style: str, question: Question, beliefs: Beliefs) -> NDArray[np.float64]:
    """(N,) log-odds of yes against no."""

    def log_sum(side: dict[str, tuple[str, ...]]) -> NDArray[np.float64]:
        ((slot, kinds),) = side.items()
        return np.logaddexp.reduce(beliefs[slot][:, kind_index(style, slot, kinds)].astype(np.float64), axis=1)

    return log_sum(question.yes) - log_sum(question.no)


def hair_scores(style: str, beliefs: Beliefs) -> NDArray[np.float64]:
    """(N, len(HAIR_READS)) log-probabilities of the named hair colours."""
    palette, log_p = SPECS[style].colours["hair"], beliefs["colour:hair"].astype(np.float64)
    return np.stack(
        [np.logaddexp.reduce(log_p[:, [palette.index(c) for c in HAIR_COLOURS[name]]], axis=1) for name in HAIR_READS],
        1,
    )


def reading(attributes: Mapping[str, NDArray[np.float64]], reads: tuple[str, ...]) -> NDArray[np.float64]:
    """(N,) f's probability of a question: of its attributes the surest."""
    return np.max([1 - attributes[name[1:]] if name.startswith("-") else attributes[name] for name in reads], axis=0)


def hair_reading(attributes: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(N, len(HAIR_READS)) f's probabilities of the hair colours, summing to 1. Of old people, whose hair may not be
    seen, most are taken to be grey."""
    each = np.stack([attributes[name] for name in HAIR_READS.values()], 1) + 1e-6
    grey = list(HAIR_READS).index("grey")
    each[:, grey] = np.maximum(each[:, grey], GREY_OF_OLD * attributes["age_60"])
    return each / each.sum(1, keepdims=True)


def may_choose(style: str, head: str, index: int) -> bool:
    return SPECS[style].choices(head)[index] not in RESERVED[style].get(head, ())


def chances(
    style: str, beliefs: Beliefs, decisions: Decisions, attributes: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Question → (N,) probability of yes, and "hair:NAME" → that of a colour. attributes: f's probabilities,
    name → (N,)."""
    made, w = {}, decisions.f_weight
    for name, question in QUESTIONS[style].items():
        slope, offset = decisions.lines[name]
        of_c = slope * log_odds(style, question, beliefs) + offset
        made[name] = sigmoid((1 - w) * of_c + w * logit(reading(attributes, question.reads)))
    lines = np.array([decisions.hair[name] for name in HAIR_READS])
    of_c = hair_scores(style, beliefs) * lines[:, 0] + lines[:, 1]
    of_c -= np.logaddexp.reduce(of_c, axis=1, keepdims=True)
    mixed = (1 - w) * of_c + w * np.log(hair_reading(attributes))
    p = np.exp(mixed - np.logaddexp.reduce(mixed, axis=1, keepdims=True))
    return made | {f"hair:{name}": p[:, i] for i, name in enumerate(HAIR_READS)}


def choose(
    style: str,
    beliefs: Beliefs,
    decisions: Decisions,
    attributes: Mapping[str, NDArray[np.float64]],
    lightness: NDArray[np.float64],
    rates: Mapping[str, float] = MappingProxyType({}),
) -> list[tuple[Parameters, dict[str, float]]]:
    """N avatars and how sure each choice is: what is shown → probability.

    attributes: f's probabilities, name → (N,); lightness: (N,) L* of the skins to draw; rates: question → the
    probability from which its answer is yes, one half where it isn't given, and "hair:NAME" → by what that of a colour
    is divided before they are compared.
    """
    likely = chances(style, beliefs, decisions, attributes)
    shapes = face_shapes(attributes, decisions.shape)
    answers = {name: likely[name] > rates.get(name, 0.5) for name in QUESTIONS[style]}
    made = []
    for i in range(len(lightness)):
        yes = {name: bool(answers[name][i]) for name in answers}
        # A beard on long hair: of the two that can't both be drawn the surer one stays.
        if yes["beard"] and not yes["male"]:
            if likely["beard"][i] > 1 - likely["male"][i]:
                yes["male"] = True
            else:
                yes["beard"] = False
        reads = {name: float(values[i]) for name, values in attributes.items()}
        variants = _variants(style, {k: v[i] for k, v in beliefs.items()}, yes, reads, decisions.bias)
        variants["mouth"] = _mouth(style, *(attributes[name][i] for name in EXPRESSIONS.values()))
        hair = max(HAIR_READS, key=lambda n: likely[f"hair:{n}"][i] / rates.get(f"hair:{n}", 1.0))
        colours = _colours(style, {k: v[i] for k, v in beliefs.items()}, hair, float(lightness[i]), decisions)
        parameters = Parameters(style, variants, colours, {name: float(v[i]) for name, v in shapes.items()})
        made.append((parameters, _sure(yes, hair, {k: float(v[i]) for k, v in likely.items()}, attributes, i)))
    return made


def _variants(
    style: str, beliefs: Beliefs, yes: dict[str, bool], reads: Mapping[str, float], bias: Mapping[str, list[float]]
) -> dict[str, str]:
    """The likeliest variant of every slot among those that the answers leave, see `calibrate._biases`; reads: f's
    attribute → probability."""
    kinds = _kinds(style, beliefs, yes, reads["Mustache"] > 0.5 and reads["No_Beard"] > 0.5)
    ((length, _),), ((hair, _),) = (QUESTIONS[style][name].yes.items() for name in ("male", "bald"))
    cut = cut_of(reads)
    cuts = CUTS[style].get(kinds[length][0], {}).get(cut, ()) if kinds[hair][0] != "bald" else ()
    made = {}
    for slot, variants in SPECS[style].slots.items():
        if slot == "mouth" or slot not in beliefs:
            continue
        allowed = kind_index(style, slot, kinds[slot]) if slot in kinds else range(len(variants))
        allowed = [j for j in allowed if may_choose(style, slot, j)]
        if slot in (length, hair):
            allowed = [j for j in allowed if variants[j] in cuts] or allowed
        if slot == "eyes" and reads["Smiling"] <= SMILES:
            allowed = [j for j in allowed if variants[j] not in LAUGHING_EYES[style]]
        score = beliefs[slot] + bias[slot]
        made[slot] = variants[max(allowed, key=lambda j: score[j])]
    return made


def _kinds(style: str, beliefs: Beliefs, yes: dict[str, bool], moustache: bool) -> dict[str, tuple[str, ...]]:
    """Slot → the kinds that the answers leave. A hat counts before a bald head, and that before presentation."""
    questions, kinds = QUESTIONS[style], {}
    for name in ("male", "bald", "hat"):
        if name not in questions:
            continue
        answer = yes[name] or (name == "male" and yes["bald"])
        ((slot, side),) = (questions[name].yes if answer else questions[name].no).items()
        if answer or slot not in kinds:
            kinds[slot] = side
    ((slot, side),) = questions["beard"].yes.items()
    beard = "moustache" if moustache and "moustache" in side else "beard"
    kinds[slot] = (beard,) if yes["beard"] else ("none",)
    if "glasses" in questions:
        ((slot, _),) = questions["glasses"].yes.items()
        dark, clear = (
            np.logaddexp.reduce(beliefs[slot][kind_index(style, slot, (kind,))]) for kind in ("dark", "clear")
        )
        kinds[slot] = ("none",) if not yes["glasses"] else ("dark",) if dark > clear else ("clear",)
    return kinds


def _mouth(style: str, smiling: float, parted: float) -> str:
    """A smiling face smiles, an open mouth is open; neutral otherwise."""
    if smiling > SMILES:
        return mouth_of(style, "laugh" if parted > 0.5 else "smile")
    return mouth_of(style, "open" if parted > 0.5 else "neutral")


def mouth_of(style: str, kind: str) -> str:
    """The mouth that a network draws of a kind; laughing where the style has no smile."""
    kinds = SPECS[style].kinds["mouth"]
    return kinds["laugh" if kind == "smile" and kind not in kinds else kind][0]


def _colours(style: str, beliefs: Beliefs, hair: str, lightness: float, decisions: Decisions) -> dict[str, str]:
    """The skin's by its L*, any between the artist's; others of the artist's palette, the hair's one of its name."""
    spec, made = SPECS[style], {}
    for name, palette in spec.colours.items():
        head = "colour:hair" if name == "beard" else f"colour:{name}"
        if name == "skin":
            made[name] = skin_colour(style, lightness)
        elif head in beliefs:
            score = beliefs[head] + decisions.bias[head]
            codes = (
                HAIR_COLOURS[hair]
                if name in ("hair", "beard")
                else [c for c in palette if c not in RESERVED[style].get(head, ())]
            )
            made[name] = max(codes, key=lambda code: score[palette.index(code)])
    return made


def _sure(
    yes: dict[str, bool], hair: str, likely: dict[str, float], attributes: Mapping[str, NDArray[np.float64]], i: int
) -> dict[str, float]:
    """What is drawn → its probability, in words for people."""
    words = {"male": ("short hair", "long hair")}
    made = {}
    for name, answer in yes.items():
        if name == "male" and (yes.get("hat") or yes.get("bald")):
            continue  # nobody sees it
        label = words.get(name, (name, f"no {name}" if name != "bald" else "not bald"))[0 if answer else 1]
        made[label] = likely[name] if answer else 1 - likely[name]
    if not yes.get("hat") and not yes.get("bald"):
        made[f"{hair} hair"] = likely[f"hair:{hair}"]
    smiling = float(attributes["Smiling"][i])
    made["smiling" if smiling > SMILES else "not smiling"] = max(smiling, 1 - smiling)
    return {label: round(p, 3) for label, p in made.items()}


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


def logit(p: NDArray[np.float64], margin: float = 1e-6) -> NDArray[np.float64]:
    """The inverse of `sigmoid`; probabilities are kept so far from 0 and 1."""
    p = np.clip(p, margin, 1 - margin)
    return np.log(p / (1 - p))
