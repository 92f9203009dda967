"""What the face parser sees of a head: colours, outlines and proportions, and the colours put into an avatar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.colors import from_lab, to_hex, to_lab
from ..core.types import Image
from ..networks.parser import PARTS
from .avatar import Avatar
from .outlines import MASKS, shrink
from .proportions import measure_proportions
from .skin import lit_skin

Appearance = Mapping[str, NDArray[np.floating]]
"""What is measured of N heads; NaN where it can't be read. "colour:PALETTE" → (N, 3) CIELAB; "mask:OUTLINE" (see
`outlines.MASKS`) → (N, SIDE, SIDE); "shape:NAME" → (N,) proportion; "lens" → (N,) how much darker lenses are than the
skin, in L*."""


class Region(NamedTuple):
    """Which pixels of a part its colour is read from.

    Attributes:
        min_share: Share of the head crop that must be seen of the part.
        darkest: Quantile of L* below which pixels are left out: shadows.
        lightest: Quantile of L* above which they are left out: highlights, and the skin behind lenses.
    """

    min_share: float
    darkest: float = 0.2
    lightest: float = 0.8


REGIONS = {
    "hair": Region(0.015),
    "hat": Region(0.02),
    "clothes": Region(0.006),
    "glasses": Region(0.004, 0.05, 0.35),
}
"""Palette, which is named after its part → the pixels that its colour is read from."""

CERTAIN = 0.65
"""Probability from which a pixel counts as a part's."""

MIN_SKIN = 0.03
"""Share of the head crop that must be skin for the light to be judged."""

MIN_SKIN_LIGHTNESS = 18.0
"""Median L* of the skin below which a photo is too dark to read colours from."""

SKIN_CHROMA = (6.0, 55.0)
"""Chroma of the skin: below it the photo is black-and-white, above it the light is coloured."""

SKIN_HUE = (10.0, 92.0)
"""Hue angle of skin in degrees, in light that isn't strongly coloured."""

LIGHTNESS = (12.0, 95.0)
"""Range of L* that is drawn: the artists' shading isn't visible outside of it."""

SKIN_AB = (11.0, 18.0)
"""Mean a* and b* of skin in white light; people differ in them far less than lamps do."""

BALANCE = 0.5
"""Share of the skin's difference from `SKIN_AB` that is taken for the colour of the light."""

MAX_BALANCE = 6.0
"""Largest change of a* and b* by the white balance."""

HAIR_HUE = (25.0, 75.0)
"""Hue angle of hair in degrees, unless it is dyed: beyond it is the colour of the light."""

DYED_CHROMA = 35.0
"""Chroma from which hair of any hue is dyed."""

MIN_FRAME_DIFFERENCE = 25.0
"""ΔE76 from the skin below which no frame is seen: the pixels of thin frames are mostly the skin behind them."""

LENS_QUANTILE = 0.75
"""Quantile of the L* of glasses that is a lens rather than a frame."""


def measure(pictures: Image, probabilities: NDArray[np.float32]) -> dict[str, NDArray[np.floating]]:
    """Measure the `Appearance` of N heads.

    Args:
        pictures: (N, S, S, 3) uint8 RGB head crops.
        probabilities: (N, len(PARTS), S, S) of the parts, as by `faces.parse.parse`.
    """
    colours = {name: np.full((len(pictures), 3), np.nan, np.float32) for name in ("skin", *REGIONS)}
    lens = np.full(len(pictures), np.nan, np.float32)
    masks: dict[str, list[NDArray[np.float32]]] = {name: [] for name in MASKS}
    skin_lightness = lit_skin(pictures, probabilities)[:, 0]
    for i, picture in enumerate(pictures):
        lab = to_lab(picture)
        for name, rows in masks.items():
            rows.append(shrink(probabilities[i, PARTS.index(name)]))
        glasses = _mask(probabilities[i], "glasses")
        if glasses.mean() >= REGIONS["glasses"].min_share:
            lens[i] = skin_lightness[i] - np.quantile(lab[glasses, 0], LENS_QUANTILE)
        skin = _mask(probabilities[i], "skin")
        if not _is_plain_light(lab, skin):
            continue
        colours["skin"][i] = np.median(lab[skin], axis=0)
        for name, region in REGIONS.items():
            colours[name][i] = _median_colour(lab, _mask(probabilities[i], name), region)
        if np.linalg.norm(colours["glasses"][i] - colours["skin"][i]) < MIN_FRAME_DIFFERENCE:
            colours["glasses"][i] = np.nan
    return {
        **{f"colour:{name}": lab for name, lab in colours.items()},
        **{f"mask:{name}": np.stack(rows).astype(np.float16) for name, rows in masks.items()},
        **{f"shape:{name}": values for name, values in measure_proportions(probabilities).items()},
        "lens": lens,
    }


def entries(appearance: Appearance, kind: str) -> dict[str, NDArray[np.floating]]:
    """Select the entries of a kind ("colour", "mask", "shape"), by their names without it."""
    return {name.removeprefix(f"{kind}:"): rows for name, rows in appearance.items() if name.startswith(f"{kind}:")}


def apply_colours(avatar: Avatar, lab: Mapping[str, NDArray[np.floating]]) -> Avatar:
    """Give an avatar the colours that were read and that its style has; a beard has the colour of the hair.

    The colour of the skin isn't applied: c and f choose it. It is the reference for the white balance of the others.

    Args:
        avatar: What c chose.
        lab: Palette → (3,) CIELAB of this face.
    """
    known = avatar.parameters.colours
    measured = tuple(name for name in REGIONS if name in known and name in lab and not np.isnan(lab[name]).any())
    if not measured:
        return avatar
    codes = {name: to_hex(from_lab(_balanced(name, lab[name], lab["skin"]))) for name in measured}
    if "hair" in codes and "beard" in known:
        codes["beard"] = codes["hair"]
    heads = {f"colour:{name}" for name in codes}
    return replace(
        avatar,
        parameters=replace(avatar.parameters, colours={**known, **codes}),
        probabilities={head: p for head, p in avatar.probabilities.items() if head not in heads},
        measured=measured,
    )


def _mask(probabilities: NDArray[np.float32], part: str) -> NDArray[np.bool_]:
    return probabilities[PARTS.index(part)] >= CERTAIN


def _is_plain_light(lab: NDArray[np.float32], skin: NDArray[np.bool_]) -> bool:
    """Whether the skin looks as skin does in a colour photo with enough light that isn't strongly coloured."""
    if skin.mean() < MIN_SKIN:
        return False
    lightness, a, b = np.median(lab[skin], axis=0)
    hue = np.degrees(np.arctan2(b, a))
    has_colour = SKIN_CHROMA[0] <= np.hypot(a, b) <= SKIN_CHROMA[1]
    return bool(lightness >= MIN_SKIN_LIGHTNESS and has_colour and SKIN_HUE[0] <= hue <= SKIN_HUE[1])


def _median_colour(lab: NDArray[np.float32], mask: NDArray[np.bool_], region: Region) -> NDArray[np.float32]:
    """(3,) median CIELAB of a part without its darkest and lightest pixels; NaN if too little of it is seen."""
    if mask.mean() < region.min_share:
        return np.full(3, np.nan, np.float32)
    pixels = lab[mask]
    low, high = np.quantile(pixels[:, 0], (region.darkest, region.lightest))
    return np.median(pixels[(pixels[:, 0] >= low) & (pixels[:, 0] <= high)], axis=0)


def _balanced(name: str, lab: NDArray[np.float32], skin: NDArray[np.float32]) -> NDArray[np.float64]:
    """The (3,) CIELAB of a colour of the photo in white light, by the skin beside it."""
    lightness = np.clip(lab[0], *LIGHTNESS)
    shift = np.clip(BALANCE * (np.array(SKIN_AB) - skin[1:]), -MAX_BALANCE, MAX_BALANCE)
    a, b = lab[1:] + shift
    chroma, hue = np.hypot(a, b), np.arctan2(b, a)
    if name == "hair" and chroma < DYED_CHROMA:
        hue = np.clip(hue, *np.radians(HAIR_HUE))
    return np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)])
