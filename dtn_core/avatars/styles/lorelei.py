"""Lorelei by Lisa Wischofsky. Chosen as the third drawn style before open-peeps, of which f has learnt labels
(`domains.illustrations`) and whose hair has one colour, and before adventurer, which has no beards."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..attributes import SKINS, Attributes, Rates, SampledAvatar, make_samplers
from .record import ALL_HAIR_COLOURS, HAIR_COLOURS, NONE, Change, Drawing, Question, Rig, Spec, StyleRecord


def numbered(*numbers: int) -> tuple[str, ...]:
    """Lorelei's names of variants."""
    return tuple(f"variant{n:02d}" for n in numbers)


HAIR = {
    "bald": (NONE, *numbered(25)),
    "short": numbered(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 22, 28, 39, 43, 44, 47, 27),
    "long": numbered(
        10, 13, 14, 15, 16, 17, 18, 19, 21, 23, 24, 29, 30, 31, 32, 33, 35, 36, 37, 38, 40, 41, 42, 45, 46, 48, 26
    ),
    "either": numbered(20),
}

SPEC = Spec(
    slots={
        "head": numbered(1, 2, 3, 4),
        "eyes": numbered(6, 4, 8, 12, 20, 16, 13, 2, 24, 14, 21, 10, 11, 23, 1, 22, 3, 5, 7, 15, 17, 18, 19),
        "eyebrows": numbered(7, 2, 5, 9, 10, 12, 1, 3, 4, 6, 8, 11, 13),
        "earrings": (NONE, *numbered(1, 2, 3)),
        "freckles": (NONE, *numbered(1)),
        "nose": numbered(5, 1, 2, 3, 4, 6),
        "mouth": (
            "happy14", "happy01", "happy05", "happy08", "happy02", "happy03", "happy04", "happy06", "happy07",
            "happy10", "happy11", "happy13", "happy15", "happy16", "happy18", "sad01", "sad03", "sad04", "sad05",
            "sad06", "sad07", "sad09",
        ),
        "beard": (NONE, *numbered(1, 2)),
        "glasses": (NONE, *numbered(1, 3, 4, 5, 2)),
        "hair": tuple(variant for variants in HAIR.values() for variant in variants),
        "hairAccessories": (NONE, "flowers"),
    },
    layers=(
        "rearHair", "head", "eyes", "eyebrows", "earrings", "freckles", "nose", "mouth", "beard", "lips", "glasses",
        "hair", "hairAccessories",
    ),
    colours={
        "skin": ("#ffdbb4", "#edb98a", "#d08b5b", "#a9673f", "#7b4b34"),
        "hair": ALL_HAIR_COLOURS,
        "glasses": ("#000000", "#25557c", "#8f3a2b"),
        "flowers": ("#e0566f", "#f2b134", "#6f7fd8"),
    },
    options={
        "skin": "skinColor", "hair": "hairColor", "glasses": "glassesColor", "flowers": "hairAccessoriesColor",
    },
    eyes=(502, 464, 176),
    canvas=980,
    bust_scale=1.25,
    kinds={
        "hair": HAIR,
        "beard": {"none": (NONE,), "beard": numbered(1, 2)},
        "glasses": {"none": (NONE,), "clear": numbered(1, 3, 4, 5), "dark": numbered(2)},
        "mouth": {
            "neutral": ("happy14",), "smile": ("happy01", "happy02"), "laugh": ("happy05", "happy06"),
            "open": ("happy08",),
        },
    },
    follows={"rearHair": ("hair",), "lips": ("mouth", "beard")},
)  # fmt: skip

SHAPES = {
    "face_width": Change(
        (
            "rearHair", "head", "eyes", "eyebrows", "earrings", "freckles", "nose", "mouth", "beard", "lips",
            "glasses", "hair", "hairAccessories",
        ),
        (502, 464), (0.06, 0),
    ),
    "brow_height": Change(("eyebrows",), (540, 370), up=12),
    "brow_thickness": Change(("eyebrows",), (540, 370), (0.04, 0.25)),
    "eye_size": Change(("eyes",), (582, 462), (0.08, 0.12)),
    "mouth_size": Change(("mouth", "lips"), (565, 640), (0.15, 0.1)),
}  # fmt: skip

RIG = Rig(
    depths={
        "eyes": 0.08, "eyebrows": 0.08, "freckles": 0.07, "nose": 0.12, "mouth": 0.08, "beard": 0.04, "lips": 0.08,
        "glasses": 0.09,
    },
    pivots={"eyes": (582, 462), "eyebrows": (582, 350), "mouth": (568, 604), "lips": (568, 604)},
    closed_eyes=numbered(1, 22, 19),
    winking_eyes=numbered(15, 18),
    blink="variant19",
    mouths={"smile": "happy01", "laugh": "happy05", "open": "happy08"},
)  # fmt: skip

QUESTIONS = {
    "bald": Question({"hair": ("bald",)}, {"hair": ("long", "short", "either")}, ("Bald",)),
    "male": Question({"hair": ("short",)}, {"hair": ("long",)}, ("Male",)),
    "beard": Question({"beard": ("beard",)}, {"beard": ("none",)}, ("-No_Beard", "Mustache")),
    "glasses": Question({"glasses": ("clear", "dark")}, {"glasses": ("none",)}, ("Eyeglasses",)),
}

RESERVED = {
    "eyes": numbered(3, 5, 7, 15, 17, 18, 19),
    "eyebrows": numbered(12, 1, 3, 4, 6, 8, 11, 13),
    "earrings": numbered(1, 2, 3),
    "freckles": numbered(1),
    "glasses": numbered(5),
    "hair": numbered(26, 27, 40, 41, 45),
    "hairAccessories": ("flowers",),
    "colour:glasses": ("#25557c", "#8f3a2b"),
}  # fmt: skip

HAIRCUTS = {
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
}

EXPRESSIONS = {
    "neutral": ("happy14", "variant06", "variant07"),
    "smile": ("happy01", "variant06", "variant07"),
    "laugh": ("happy05", "variant22", "variant02"),
    "surprised": ("sad01", "variant16", "variant12"),
    "wink": ("happy02", "variant15", "variant07"),
    "sad": ("sad05", "variant01", "variant12"),
    "angry": ("sad06", "variant06", "variant13"),
}

ROLES = {"hair": ("hair",), "facial hair": ("beard",), "glasses": ("glasses",), "mouth": ("mouth",)}

SKIN_COLOURS = dict(zip(SKINS, SPEC.colours["skin"]))
SHORT_HAIR = numbered(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 22, 28, 39, 43, 44, 47)
LONG_HAIR = numbered(10, 13, 14, 15, 16, 17, 18, 19, 21, 23, 24, 29, 30, 31, 32, 33, 35, 36, 37, 38, 42, 46, 48)
EYES = numbered(6, 4, 8, 12, 20, 16)
LASHES = numbered(2, 10, 11, 14, 21, 23, 24)


def sample(seed: int, rates: Rates) -> SampledAvatar:
    """The avatar of a seed; this style has no hats."""
    chance, pick = make_samplers(np.random.default_rng([seed, 0x10E]))
    woman, skin = chance(rates.women), pick(SKINS, rates.skin)
    darker = skin in ("tan", "brown", "dark")
    hair = pick(HAIR_COLOURS, rates.hair_of_darker if darker else rates.hair)
    bald, beard = not woman and chance(rates.bald), not woman and chance(rates.beard)
    neutral, glasses, smiling = not bald and chance(rates.neutral_hair), chance(rates.glasses), chance(rates.smile)
    hair_hex = HAIR_COLOURS["brown"][0] if darker and hair == "brown" else pick(HAIR_COLOURS[hair])
    if bald:
        cut = pick(("", "variant25"), (0.6, 0.4))
    else:
        cut = "variant20" if neutral else pick(LONG_HAIR if woman else SHORT_HAIR)
    male = True if beard else None if neutral else not woman
    attributes = Attributes(glasses, bald, None, beard, male, smiling, None if bald else hair, skin)
    eyes = pick(("variant01", "variant22")) if smiling and chance(0.12) else pick(LASHES if woman else EYES)
    options: dict[str, Any] = {
        "seed": str(seed),
        "skinColor": [SKIN_COLOURS[skin]],
        "hairColor": [hair_hex],
        "hairProbability": 100 if cut else 0,
        "rearHairProbability": 100 if cut else 0,
        "headVariant": [pick(numbered(1, 2, 3, 4), (0.1, 0.4, 0.1, 0.4) if woman else (0.5, 0.1, 0.3, 0.1))],
        "eyesVariant": [eyes],
        "eyebrowsVariant": [pick(numbered(7, 2, 5, 9) if woman else numbered(7, 2, 9, 10))],
        "earringsProbability": 0,
        "frecklesProbability": 0,
        "noseVariant": [
            pick(numbered(5, 1, 2, 3, 4, 6), (0.2, 0.1, *(0.175,) * 4) if woman else (0.3, 0.3, *(0.1,) * 4))
        ],
        "mouthVariant": [pick(("happy01", "happy02", "happy05", "happy06") if smiling else ("happy14", "happy08"))],
        "beardProbability": 100 if beard else 0,
        "beardVariant": [pick(numbered(1, 2))],
        "glassesProbability": 100 if glasses else 0,
        "glassesVariant": ["variant02" if chance(rates.dark_glasses) else pick(numbered(1, 3, 4, 5))],
        "glassesColor": ["#000000"],
        "hairAccessoriesProbability": 0,
    }
    options |= {"lipsProbability": options["beardProbability"], "lipsVariant": options["mouthVariant"]}
    if cut:
        options |= {"hairVariant": [cut], "rearHairVariant": [cut]}
    return SampledAvatar(seed, attributes, options, "lorelei")


def flatten(definition: dict[str, Any]) -> dict[str, Any]:
    """The same drawing: what hair lies behind the head becomes the layer rearHair, and the mouth that shows through a
    beard the layer lips."""
    parts = definition["components"]
    hair, head = parts["hair"]["variants"], parts["head"]["variants"]
    whole, *above = definition["canvas"]["elements"]
    split = {name: _split(variant["elements"]) for name, variant in hair.items()}
    inner = next(iter(split.values()))[1][0]
    features = _split(next(iter(head.values()))["elements"])[1]
    rear = {name: {"elements": behind} for name, (behind, _, _) in split.items()}
    front = {name: {"elements": before} for name, (_, _, before) in split.items()}
    skulls = {name: {"elements": _split(variant["elements"])[0]} for name, variant in head.items()}
    beards = {name: {"elements": variant["elements"][:1]} for name, variant in parts["beard"]["variants"].items()}
    lips = {name: {"elements": _pale(variant["elements"])} for name, variant in parts["mouth"]["variants"].items()}
    made = {
        **parts,
        "hair": {**parts["hair"], "variants": front},
        "rearHair": {**parts["hair"], "variants": rear},
        "head": {**parts["head"], "variants": skulls},
        "beard": {**parts["beard"], "variants": beards},
        "lips": {**parts["mouth"], "variants": lips},
    }
    placed = [_placed("rearHair", whole), _placed("head", whole, inner)]
    for feature in features:
        placed.append(_placed(feature["name"], whole, inner, feature))
        if feature["name"] == "beard":
            mouth = next(other for other in features if other["name"] == "mouth")
            placed.append(_placed("lips", whole, inner, mouth))
    canvas = {**definition["canvas"], "elements": [*placed, _placed("hair", whole), *above]}
    return {**definition, "components": made, "canvas": canvas}


def _split(elements: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], ...]:
    """(what is drawn before the nested components, these, what is drawn after them)"""
    at = [i for i, element in enumerate(elements) if element["type"] == "component"]
    return elements[: at[0]], elements[at[0] : at[-1] + 1], elements[at[-1] + 1 :]


def _placed(name: str, *places: dict[str, Any]) -> dict[str, Any]:
    """A component on the canvas; places: the components that it lay in, and where."""
    transform = " ".join(place["attributes"]["transform"] for place in places)
    return {"name": name, "type": "component", "attributes": {"transform": transform}}


def _pale(elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the artist's translucent white."""
    return [{**e, "attributes": {**e["attributes"], "fill": "white", "fill-opacity": ".4"}} for e in elements]


STYLE = StyleRecord(
    name="lorelei",
    title="Lorelei",
    credit="Lorelei by Lisa Wischofsky, CC0 1.0, drawn by DiceBear",
    judge="judge-lorelei",
    unlabelled=("hat",),
    drawing=Drawing(
        sample=sample,
        spec=SPEC,
        questions=QUESTIONS,
        reserved=RESERVED,
        haircuts=HAIRCUTS,
        laughing_eyes=numbered(1, 22),
        shapes=SHAPES,
        rig=RIG,
        expressions=EXPRESSIONS,
        roles=ROLES,
        prepare=flatten,
    ),
)
