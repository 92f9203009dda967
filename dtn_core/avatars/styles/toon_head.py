"""ToonHead by Johan Melin."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..attributes import SKINS, Attributes, Avatar, Rates, chances
from ..parameters import HAIR_COLOURS
from .record import StyleRecord

SKIN_COLOURS = {"pale": "#f1c3a5", "light": "#dba98c", "tan": "#c68e7a", "brown": "#a36b4f", "dark": "#5c3829"}
BEARDS = ("fullBeard", "longBeard", "chinMoustache", "chin", "moustacheTwirl")


def sample(seed: int, rates: Rates) -> Avatar:
    """The avatar of a seed; this style has neither glasses nor hats."""
    chance, pick = chances(np.random.default_rng([seed, 0x700]))
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
    return Avatar(seed, attributes, options, "toon-head")


STYLE = StyleRecord(
    name="toon-head",
    title="ToonHead",
    credit="ToonHead by Johan Melin, CC BY 4.0, drawn by DiceBear",
    judge="judge-toon-head",
    untold=("glasses", "hat"),
    sample=sample,
)
