"""Lorelei by Lisa Wischofsky. Chosen as the third drawn style before open-peeps, of which f has learnt labels
(`domains.illustrations`) and whose hair has one colour, and before adventurer, which has no beards."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..attributes import SKINS, Attributes, Avatar, Rates, chances
from ..parameters import HAIR_COLOURS, SPECS, numbered
from .record import StyleRecord

SKIN_COLOURS = dict(zip(SKINS, SPECS["lorelei"].colours["skin"]))
SHORT_HAIR = numbered(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 22, 28, 39, 43, 44, 47)
LONG_HAIR = numbered(10, 13, 14, 15, 16, 17, 18, 19, 21, 23, 24, 29, 30, 31, 32, 33, 35, 36, 37, 38, 42, 46, 48)
EYES = numbered(6, 4, 8, 12, 20, 16)
LASHES = numbered(2, 10, 11, 14, 21, 23, 24)


def sample(seed: int, rates: Rates) -> Avatar:
    """The avatar of a seed; this style has no hats."""
    chance, pick = chances(np.random.default_rng([seed, 0x10E]))
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
    return Avatar(seed, attributes, options, "lorelei")


STYLE = StyleRecord(
    name="lorelei",
    title="Lorelei",
    credit="Lorelei by Lisa Wischofsky, CC0 1.0, drawn by DiceBear",
    judge="judge-lorelei",
    untold=("hat",),
    sample=sample,
)
