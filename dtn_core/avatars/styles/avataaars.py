"""avataaars by Pablo Stanley."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..attributes import HAT_COLOURS, SKINS, Attributes, Avatar, Rates, chances
from ..parameters import HAIR_COLOURS
from .record import StyleRecord

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


def sample(seed: int, rates: Rates) -> Avatar:
    """The avatar of a seed."""
    chance, pick = chances(np.random.default_rng([seed, 0xE0]))
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
    return Avatar(seed, attributes, options)


STYLE = StyleRecord(
    name="avataaars",
    title="Avataaars",
    credit="avataaars by Pablo Stanley, free for personal and commercial use, drawn by DiceBear",
    judge="judge",
    sample=sample,
    further={"long": ("curvy",)},
)
