"""ToonHead by Johan Melin."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..attributes import SKINS, Attributes, Rates, SampledAvatar, make_samplers
from .record import ALL_HAIR_COLOURS, HAIR_COLOURS, NONE, Change, Drawing, Question, Rig, Spec, StyleRecord

SPEC = Spec(
    slots={
        "rearHair": (NONE, "longStraight", "longWavy", "neckHigh", "shoulderHigh"),
        "clothes": ("tShirt", "shirt", "turtleNeck", "openJacket", "dress"),
        "mouth": ("smile", "laugh", "agape", "sad", "angry"),
        "beard": (NONE, "fullBeard", "longBeard", "chinMoustache", "chin", "moustacheTwirl"),
        "eyes": ("wide", "happy", "bow", "humble", "wink"),
        "eyebrows": ("neutral", "happy", "raised", "sad", "angry"),
        "hair": (NONE, "sideComed", "undercut", "spiky", "bun"),
    },
    layers=("rearHair", "body", "head", "clothes", "mouth", "beard", "eyes", "eyebrows", "hair"),
    colours={
        "skin": ("#f1c3a5", "#dba98c", "#c68e7a", "#a36b4f", "#5c3829"),
        "hair": ALL_HAIR_COLOURS,
        "clothes": ("#151613", "#0b3286", "#545454", "#147f3c", "#b11f1f", "#e8e9e6", "#731ac3"),
    },
    options={"skin": "skinColor", "hair": "hairColor", "clothes": "clothesColor"},
    eyes=(383.1, 407.0, 163.8),
    canvas=768,
    bust_scale=1.5,
    kinds={
        "hair": {"bald": (NONE,), "hair": ("sideComed", "undercut", "spiky", "bun")},
        "rearHair": {"short": (NONE,), "long": ("longStraight", "longWavy", "neckHigh", "shoulderHigh")},
        "beard": {
            "none": (NONE,), "beard": ("fullBeard", "longBeard", "chin"),
            "moustache": ("chinMoustache", "moustacheTwirl"),
        },
        "mouth": {"neutral": ("smile",), "laugh": ("laugh",), "open": ("agape",)},  # its smile is a flat line
    },
)  # fmt: skip

SHAPES = {
    "face_width": Change(("rearHair", "head", "mouth", "beard", "hair"), (383, 407), (0.06, 0)),
    "brow_height": Change(("eyebrows",), (383, 320), up=12),
    "brow_thickness": Change(("eyebrows",), (383, 320), (0.04, 0.25)),
    "eye_size": Change(("eyes",), (383, 407), (0.08, 0.12)),
    "mouth_size": Change(("mouth",), (383, 515), (0.15, 0.1)),
}  # fmt: skip

RIG = Rig(
    depths={
        "head": 0.03, "mouth": 0.11, "beard": 0.08, "eyes": 0.15, "eyebrows": 0.15, "hair": 0.03,
    },
    pivots={"eyes": (383, 407), "eyebrows": (383, 335), "mouth": (384, 492)},
    closed_eyes=("bow", "humble"),
    winking_eyes=("wink",),
    blink="humble",
    mouths={"smile": "laugh", "laugh": "laugh", "open": "agape"},
)  # fmt: skip

QUESTIONS = {
    "bald": Question({"hair": ("bald",)}, {"hair": ("hair",)}, ("Bald",)),
    "male": Question({"rearHair": ("short",)}, {"rearHair": ("long",)}, ("Male",)),
    "beard": Question({"beard": ("beard", "moustache")}, {"beard": ("none",)}, ("-No_Beard", "Mustache")),
}

RESERVED = {
    "clothes": ("dress",), "beard": ("longBeard",), "eyes": ("bow", "humble", "wink"), "eyebrows": ("sad", "angry"),
}  # fmt: skip

HAIRCUTS = {
    "long": {
        "Bangs": ("sideComed", "longStraight", "neckHigh", "shoulderHigh"),
        "Wavy_Hair": ("sideComed", "longWavy", "shoulderHigh"),
        "": ("sideComed", "bun", "longStraight", "neckHigh"),
    },
    "short": {"Bangs": ("sideComed",), "Wavy_Hair": ("sideComed", "spiky"), "": ("sideComed", "undercut")},
}

EXPRESSIONS = {
    "neutral": ("smile", "wide", "neutral"),
    "smile": ("laugh", "wide", "happy"),
    "laugh": ("laugh", "happy", "happy"),
    "surprised": ("agape", "wide", "raised"),
    "wink": ("smile", "wink", "raised"),
    "sad": ("sad", "humble", "sad"),
    "angry": ("angry", "bow", "angry"),
}

ROLES = {"hair": ("hair", "rearHair"), "facial hair": ("beard",), "mouth": ("mouth",)}

SKIN_COLOURS = {"pale": "#f1c3a5", "light": "#dba98c", "tan": "#c68e7a", "brown": "#a36b4f", "dark": "#5c3829"}
BEARDS = ("fullBeard", "longBeard", "chinMoustache", "chin", "moustacheTwirl")


def sample(seed: int, rates: Rates) -> SampledAvatar:
    """The avatar of a seed; this style has neither glasses nor hats."""
    chance, pick = make_samplers(np.random.default_rng([seed, 0x700]))
    woman, skin = chance(rates.women), pick(SKINS, rates.skin)
    darker = skin in ("tan", "brown", "dark")
    hair = pick(HAIR_COLOURS, rates.hair_of_darker if darker else rates.hair)
    bald, beard = not woman and chance(rates.bald), not woman and chance(rates.beard)
    neutral, smiling = not bald and chance(rates.neutral_hair), chance(rates.smile)
    hair_hex = HAIR_COLOURS["brown"][0] if darker and hair == "brown" else pick(HAIR_COLOURS[hair])
    if neutral:
        front, rear = "sideComed", "neckHigh"
    elif woman:
        front = pick(("bun", "sideComed"))
        rear = pick(("longStraight", "longWavy", "neckHigh", "shoulderHigh") + (("",) if front == "bun" else ()))
    else:
        front, rear = "" if bald else pick(("sideComed", "spiky", "undercut")), ""
    male = True if beard else None if neutral else not woman
    attributes = Attributes(None, bald, None, beard, male, smiling, None if bald else hair, skin)
    options: dict[str, Any] = {
        "seed": str(seed),
        "skinColor": [SKIN_COLOURS[skin]],
        "hairProbability": 100 if front else 0,
        "rearHairProbability": 100 if rear else 0,
        "hairColor": [hair_hex],
        "beardProbability": 100 if beard else 0,
        "beardVariant": [pick(BEARDS, (0.45, 0.2, 0.15, 0.1, 0.1))],
        "eyesVariant": [pick(("wide", "happy"), (0.8, 0.2))],
        "eyebrowsVariant": [pick(("neutral", "happy", "raised"))],
        "mouthVariant": ["laugh" if smiling else pick(("smile", "agape"), (0.75, 0.25))],
        "clothesVariant": [pick(("openJacket", "shirt", "tShirt", "turtleNeck"))],
        "clothesColor": [pick(("#151613", "#0b3286", "#545454", "#147f3c", "#b11f1f", "#e8e9e6", "#731ac3"))],
    }
    if front:
        options["hairVariant"] = [front]
    if rear:
        options["rearHairVariant"] = [rear]
    return SampledAvatar(seed, attributes, options, "toon-head")


STYLE = StyleRecord(
    name="toon-head",
    title="ToonHead",
    credit="ToonHead by Johan Melin, CC BY 4.0, drawn by DiceBear",
    judge="judge-toon-head",
    unlabelled=("glasses", "hat"),
    drawing=Drawing(
        sample=sample,
        spec=SPEC,
        questions=QUESTIONS,
        reserved=RESERVED,
        haircuts=HAIRCUTS,
        laughing_eyes=("happy",),
        shapes=SHAPES,
        rig=RIG,
        expressions=EXPRESSIONS,
        roles=ROLES,
        plain={"hair": "sideComed"},
    ),
)
