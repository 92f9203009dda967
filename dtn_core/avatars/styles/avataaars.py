"""avataaars by Pablo Stanley."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..attributes import HAT_COLOURS, SKINS, Attributes, Rates, SampledAvatar, make_samplers
from .record import ALL_HAIR_COLOURS, HAIR_COLOURS, NONE, Change, Drawing, Question, Rig, Spec, StyleRecord

TOPS = {
    "bald": (NONE, "sides"),
    "long": (
        "bigHair", "bob", "bun", "curly", "curvy", "frida", "longButNotTooLong", "miaWallace", "shavedSides",
        "straight01", "straight02", "straightAndStrand",
    ),
    "short": (
        "dreads01", "dreads02", "frizzle", "shaggy", "shortCurly", "shortFlat", "shortRound", "shortWaved", "theCaesar",
        "theCaesarAndSidePart",
    ),
    "either": ("fro", "froBand", "dreads", "shaggyMullet"),
    "hat": ("hat", "winterHat1", "winterHat02", "winterHat03", "winterHat04", "turban", "hijab"),
}  # fmt: skip

SPEC = Spec(
    slots={
        "clothes": (
            "shirtCrewNeck", "shirtVNeck", "shirtScoopNeck", "blazerAndShirt", "blazerAndSweater",
            "collarAndSweater", "hoodie", "overall",
        ),
        "mouth": (
            "serious", "twinkle", "smile", "default", "disbelief", "screamOpen", "concerned", "sad", "grimace",
            "tongue",
        ),
        "eyes": ("default", "happy", "closed", "squint", "surprised", "side", "wink"),
        "eyebrows": (
            "default", "defaultNatural", "flatNatural", "raisedExcited", "raisedExcitedNatural", "frownNatural",
            "sadConcerned", "sadConcernedNatural", "angry", "angryNatural", "upDown", "upDownNatural",
        ),
        "top": tuple(variant for variants in TOPS.values() for variant in variants),
        "facialHair": (NONE, "beardLight", "beardMedium", "beardMajestic", "moustacheFancy", "moustacheMagnum"),
        "accessories": (NONE, "prescription01", "prescription02", "round", "sunglasses", "wayfarers", "kurt"),
    },
    layers=("body", "clothes", "mouth", "nose", "eyes", "eyebrows", "top", "facialHair", "accessories"),
    colours={
        "skin": ("#ffdbb4", "#edb98a", "#d08b5b", "#ae5d29", "#614335"),
        "hair": ALL_HAIR_COLOURS,
        "beard": ALL_HAIR_COLOURS,
        "hat": ("#262e33", "#5199e4", "#25557c", "#929598", "#3c4f5c", "#ff5c5c", "#ffffff"),
        "clothes": ("#262e33", "#65c9ff", "#5199e4", "#25557c", "#929598", "#3c4f5c", "#ff5c5c"),
        "glasses": ("#262e33", "#3c4f5c", "#25557c"),
    },
    options={
        "skin": "skinColor", "hair": "hairColor", "beard": "facialHairColor", "hat": "hatColor",
        "clothes": "clothesColor", "glasses": "accessoriesColor",
    },
    eyes=(139.9, 111.9, 52.0),
    canvas=280,
    bust_scale=1.35,
    kinds={
        "top": TOPS,
        "facialHair": {
            "none": (NONE,), "beard": ("beardLight", "beardMedium", "beardMajestic"),
            "moustache": ("moustacheFancy", "moustacheMagnum"),
        },
        "accessories": {
            "none": (NONE,), "clear": ("prescription01", "prescription02", "round"),
            "dark": ("sunglasses", "wayfarers", "kurt"),
        },
        "mouth": {
            "neutral": ("serious",), "smile": ("twinkle",), "laugh": ("smile",), "open": ("default", "disbelief"),
        },
    },
)  # fmt: skip

SHAPES = {
    "face_width": Change(("body", "clothes", "mouth", "top", "facialHair", "accessories"), (140, 112), (0.07, 0)),
    "brow_height": Change(("eyebrows",), (140, 95), up=4),
    "brow_thickness": Change(("eyebrows",), (140, 95), (0.04, 0.3)),
    "eye_size": Change(("eyes",), (140, 112), (0.08, 0.12)),
    "mouth_size": Change(("mouth",), (140, 160), (0.15, 0.1)),
    "nose_size": Change(("nose",), (140, 140), (0.25, 0.15)),
}  # fmt: skip

RIG = Rig(
    depths={
        "mouth": 0.1, "nose": 0.2, "eyes": 0.15, "eyebrows": 0.15, "facialHair": 0.07, "accessories": 0.16,
    },
    pivots={"eyes": (140, 114), "eyebrows": (140, 94), "mouth": (140, 150)},
    closed_eyes=("happy", "closed"),
    winking_eyes=("wink",),
    blink="closed",
    mouths={"smile": "twinkle", "laugh": "smile", "open": "default"},
)  # fmt: skip

HAIR_KINDS = ("long", "short", "either")

QUESTIONS = {
    "hat": Question({"top": ("hat",)}, {"top": ("bald", *HAIR_KINDS)}, ("Wearing_Hat",)),
    "bald": Question({"top": ("bald",)}, {"top": HAIR_KINDS}, ("Bald",)),
    "male": Question({"top": ("short",)}, {"top": ("long",)}, ("Male",)),
    "beard": Question({"facialHair": ("beard", "moustache")}, {"facialHair": ("none",)}, ("-No_Beard", "Mustache")),
    "glasses": Question({"accessories": ("clear", "dark")}, {"accessories": ("none",)}, ("Eyeglasses",)),
}

RESERVED = {
    "clothes": ("blazerAndSweater", "collarAndSweater", "overall"),
    "eyes": ("squint", "closed", "surprised", "side", "wink"),
    "eyebrows": (
        "raisedExcited", "flatNatural", "frownNatural", "sadConcerned", "sadConcernedNatural", "angry",
        "angryNatural", "upDown", "upDownNatural",
    ),
    "top": (
        "turban", "hijab", "frida", "froBand", "shavedSides", "shaggyMullet", "dreads02", "winterHat1",
        "winterHat02", "winterHat04",
    ),
    "facialHair": ("beardMajestic",),
    "accessories": ("kurt",),
    "colour:hat": ("#ffffff",),
}  # fmt: skip

HAIRCUTS = {
    "long": {
        "Bangs": ("longButNotTooLong", "miaWallace", "straightAndStrand"),
        "Wavy_Hair": ("curly", "curvy"),
        "": ("bob", "bun", "straight01", "straight02"),
    },
    "short": {
        "Bangs": ("shaggy", "shortRound", "theCaesarAndSidePart"),
        "Wavy_Hair": ("dreads01", "frizzle", "shaggy", "shortCurly", "shortWaved"),
        "": ("frizzle", "shortFlat", "shortRound", "theCaesar", "theCaesarAndSidePart"),
    },
}

EXPRESSIONS = {
    "neutral": ("serious", "default", "defaultNatural"),
    "smile": ("twinkle", "default", "defaultNatural"),
    "laugh": ("smile", "happy", "raisedExcitedNatural"),
    "surprised": ("disbelief", "surprised", "raisedExcitedNatural"),
    "wink": ("twinkle", "wink", "defaultNatural"),
    "sad": ("sad", "default", "sadConcernedNatural"),
    "angry": ("grimace", "squint", "angryNatural"),
}

ROLES = {
    "hair": ("top",),
    "facial hair": ("facialHair",),
    "glasses": ("accessories",),
    "mouth": ("mouth",),
}

LONG_HAIR = (
    "bigHair", "bob", "bun", "curly", "longButNotTooLong", "miaWallace", "straight01", "straight02",
    "straightAndStrand",
)  # fmt: skip
SHORT_HAIR = (
    "dreads01", "frizzle", "shaggy", "shortCurly", "shortFlat", "shortRound", "shortWaved", "theCaesar",
    "theCaesarAndSidePart",
)  # fmt: skip
NEUTRAL_HAIR = ("fro", "dreads")
HATS = ("hat", "winterHat1", "winterHat02", "winterHat03", "turban", "hijab")
BEARDS = ("beardLight", "beardMedium", "beardMajestic", "moustacheFancy", "moustacheMagnum")
CLEAR_GLASSES = ("prescription01", "prescription02", "round")
DARK_GLASSES = ("sunglasses", "wayfarers")


def sample(seed: int, rates: Rates) -> SampledAvatar:
    """The avatar of a seed."""
    chance, pick = make_samplers(np.random.default_rng([seed, 0xE0]))
    woman, hat = chance(rates.women), chance(rates.hat)
    skin = pick(SKINS, rates.skin)
    darker = skin in ("tan", "brown", "dark")
    hair = pick(HAIR_COLOURS, rates.hair_of_darker if darker else rates.hair)
    bald = not woman and not hat and chance(rates.bald)
    beard = not woman and chance(rates.beard)
    neutral = not bald and not hat and chance(rates.neutral_hair)
    glasses, smiling = chance(rates.glasses), chance(rates.smile)
    # Auburn on brown skin would hide the hairline.
    hair_hex = HAIR_COLOURS["brown"][0] if darker and hair == "brown" else pick(HAIR_COLOURS[hair])

    if hat:
        top = pick([h for h in HATS if h != ("turban" if woman else "hijab")])
    elif bald:
        top = pick(("", "sides"))
    else:
        top = pick(NEUTRAL_HAIR if neutral else LONG_HAIR if woman else SHORT_HAIR)
    if beard:
        male: bool | None = True
    else:
        male = None if hat or neutral else not woman
    attributes = Attributes(
        glasses, None if hat else bald, hat, beard, male, smiling, None if hat or bald else hair, skin
    )
    options: dict[str, Any] = {
        "seed": str(seed),
        "skinColor": [SKINS[skin]],
        "topProbability": 100 if top else 0,
        "hairColor": [hair_hex],
        "hatColor": [pick(HAT_COLOURS)],
        "facialHairProbability": 100 if beard else 0,
        "facialHairVariant": [pick(BEARDS, (0.3, 0.35, 0.15, 0.1, 0.1))],
        "facialHairColor": [hair_hex],
        "accessoriesProbability": 100 if glasses else 0,
        "accessoriesVariant": [pick(DARK_GLASSES if chance(rates.dark_glasses) else CLEAR_GLASSES)],
        "accessoriesColor": [pick(("#262e33", "#3c4f5c", "#25557c"))],
        "eyesVariant": [pick(("default", "happy"), (0.9, 0.1))],
        "eyebrowsVariant": [pick(("default", "defaultNatural", "flatNatural", "raisedExcitedNatural"))],
        "mouthVariant": [pick(("smile", "twinkle"), (0.7, 0.3)) if smiling else pick(("default", "serious"))],
        "clothesVariant": [pick(("shirtCrewNeck", "shirtVNeck", "shirtScoopNeck", "blazerAndShirt", "hoodie"))],
        "clothesColor": [pick(("#262e33", "#65c9ff", "#5199e4", "#25557c", "#929598", "#3c4f5c", "#ff5c5c"))],
    }
    if top:
        options["topVariant"] = [top]
    return SampledAvatar(seed, attributes, options)


STYLE = StyleRecord(
    name="avataaars",
    title="Avataaars",
    credit="avataaars by Pablo Stanley, free for personal and commercial use, drawn by DiceBear",
    judge="judge",
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
        stubble=("beardLight",),
        further_tops={"long": ("curvy",)},
    ),
)
