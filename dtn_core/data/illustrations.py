"""Faces by other artists: labelled vector portraits in styles that are never a target, so that f can read drawings.

f is trained on photos. That it reads a beard or glasses in a drawing too is what makes G(s) follow the face, and labels
of the target may have no part in it. So f also learns, with labels, from several styles that nobody translates to:
DiceBear's ``personas`` (Draftbit, CC BY 4.0), ``big-ears`` (The Visual Team, CC BY 4.0), ``micah`` (Micah Lanier, CC BY
4.0), ``miniavs`` (Webpixels, CC BY 4.0) and ``open-peeps`` (Pablo Stanley, CC0).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..avatars import engine
from ..avatars.attributes import HAT_COLOURS, SKINS, make_samplers
from ..avatars.parameters import HAIR_COLOURS
from ..core.types import Image
from .portraits import UNKNOWN


class IllustrationStyle(NamedTuple):
    """A style: where the middle between the eyes and their distance are on its canvas; its options by what they mean.
    part names: hair, beard and glasses; kinds of hair: bald, hat, long (hers), short (his) and other haircuts."""

    eyes: tuple[float, float, float]
    hair: str
    bald: tuple[str, ...] = ()
    hat: tuple[str, ...] = ()
    long: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    grey: tuple[str, ...] = ()
    colours: bool = True
    skin: str = "skinColor"
    beard: str | None = None
    beards: tuple[str, ...] = ()
    glasses: str | None = None
    clear: tuple[str, ...] = ()
    dark: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    """What stands in the glasses' place without glasses, where that isn't nothing."""
    mouths: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Smiling ones and others."""


def _numbered(stem: str, last: int) -> tuple[str, ...]:
    return tuple(f"{stem}{i:02d}" for i in range(1, last + 1))


ILLUSTRATION_STYLES = {
    "personas": IllustrationStyle(
        (32, 29.0, 13.5), "hair", ("bald", "balding"), ("beanie", "cap"),
        ("bobBangs", "bobCut", "extraLong", "long", "pigtails", "straightBun"),
        ("buzzcut", "fade", "curlyHighTop", "shortCombover", "shortComboverChops", "mohawk"),
        ("curly", "curlyBun", "bunUndercut", "sideShave"),
        beard="facialHair", beards=("beardMustache", "goatee", "walrus", "pyramid"),
        glasses="eyes", clear=("glasses",), dark=("sunglasses",), bare=("happy", "open", "wink"),
        mouths=(("bigSmile", "smile", "smirk"), ("frown", "lips", "surprise")),
    ),
    "big-ears": IllustrationStyle((220, 278, 100), "hair", long=_numbered("long", 20), short=_numbered("short", 20)),
    "micah": IllustrationStyle(
        (190, 122, 85), "hair", ("mrClean", "dougFunny"), ("turban",), ("full",), ("fonze", "dannyPhantom"),
        ("mrT", "pixie"), skin="baseColor", beard="facialHair", beards=("beard",),
        glasses="glasses", clear=("round", "square"),
        mouths=(("laughing", "smile", "smirk"), ("frown", "pucker", "sad", "nervous")),
    ),
    "miniavs": IllustrationStyle(
        (40, 36, 14.5), "hair", ("balndess",), (), ("long", "ponyTail"), ("classic01", "classic02", "elvis", "stylish"),
        ("curly", "slaughter"), beard="mustache", beards=("freddy", "horshoe", "pencilThinBeard"),
        glasses="glasses", clear=("normal",),
    ),
    "open-peeps": IllustrationStyle(
        (385, 355, 160), "head", ("noHair1", "noHair2", "noHair3", "shaved1"),
        ("hatBeanie", "hatHip", "hijab", "turban"),
        ("bangs", "bangs2", "bun", "bun2", "long", "longBangs", "longCurly", "medium1", "medium2", "mediumBangs",
         "mediumStraight"),
        ("flatTop", "pomp", "short1", "short2", "short3", "short4", "short5"), ("afro", "dreads1", "twists"),
        ("grayBun", "grayMedium", "grayShort"), colours=False, beard="facialHair",
        beards=("full", "full2", "full3", "full4", "goatee1", "moustache1", "moustache2", "moustache4", "moustache5"),
        glasses="accessories", clear=("glasses", "glasses2", "glasses3", "glasses4"),
        dark=("sunglasses", "sunglasses2"),
    ),
}  # fmt: skip
"""By DiceBear's name. None of them is among `styles`: f may know their labels."""

_DARK_SKINS = ("brown", "dark")


def sample(hand: str, seed: int) -> tuple[dict[str, Any], dict[str, float]]:
    """DiceBear's options of one portrait, and its labels by the names of `networks.resnet.ATTRIBUTES`; what a drawing
    doesn't say is left out. Rare attributes are made common."""
    h = ILLUSTRATION_STYLES[hand]
    chance, pick = make_samplers(np.random.default_rng([seed, 0x0A, *hand.encode()]))
    kinds = {k: getattr(h, k) for k in ("bald", "hat", "long", "short", "other", "grey")}
    weights = {"bald": 0.14, "hat": 0.2, "long": 0.3, "short": 0.26, "other": 0.05, "grey": 0.05}
    here = [k for k in kinds if kinds[k]]
    total = sum(weights[k] for k in here)
    kind = pick(here, [weights[k] / total for k in here])
    skin = pick(SKINS)
    hair = pick(("black", "brown", "blond", "red", "grey"), (0.28, 0.26, 0.22, 0.06, 0.18))
    dye = _shifted(pick(HAIR_COLOURS[hair]), int(pick(range(-14, 15))))
    if kind == "hat":  # which these styles dye as hair
        dye = pick(HAT_COLOURS)
    may_have_beard = h.beard is not None and kind != "long"
    beard = may_have_beard and chance(0.4)
    glasses = h.glasses is not None and chance(0.4)
    dark = bool(h.dark) and chance(0.3)

    labels: dict[str, float] = {"Wearing_Hat": float(kind == "hat")} if h.hat else {}
    if h.bald:
        labels["Bald"] = float(kind == "bald")
    if h.beard:
        labels["No_Beard"] = float(not beard)
    if h.glasses:
        labels["Eyeglasses"] = float(glasses)
    if beard or kind in ("long", "short"):
        labels["Male"] = float(beard or kind == "short")
    elif kind == "bald":
        labels["Male"] = 1.0
    if kind == "grey" or kind in ("long", "short", "other"):
        shown = "grey" if kind == "grey" else hair if h.colours else "black"
        names = {"black": "Black_Hair", "brown": "Brown_Hair", "blond": "Blond_Hair", "grey": "Gray_Hair"}
        labels |= {name: float(shown == colour) for colour, name in names.items()}
        labels |= {name: float(shown == "grey") for name in ("age_45", "age_60")}  # how drawings say it
        labels["Young"] = float(shown != "grey")
    if skin in _DARK_SKINS:
        labels |= {"race_White": 0.0, "Pale_Skin": 0.0}
        if skin == "dark":
            labels["race_Black"] = 1.0
    elif skin != "tan":
        labels |= {"race_Black": 0.0, "race_Indian": 0.0}

    options: dict[str, Any] = {
        "seed": str(seed), f"{h.hair}Variant": [pick(kinds[kind])], f"{h.hair}Probability": 100,
        "hairColor": [dye], "headContrastColor": [dye], "facialHairColor": [dye if h.colours else "#000000"],
        h.skin: [_shifted(SKINS[skin], int(pick(range(-10, 11))))],
    }  # fmt: skip
    if h.beard:
        options |= {f"{h.beard}Probability": 100 if beard else 0, f"{h.beard}Variant": [pick(h.beards)]}
    if h.glasses:
        if glasses:
            glasses_variant = pick(h.dark if dark else h.clear)
        elif h.bare:
            glasses_variant = pick(h.bare)
        else:
            glasses_variant = h.clear[0]
        options |= {
            f"{h.glasses}Variant": [glasses_variant],
            f"{h.glasses}Probability": 100 if glasses or h.bare else 0,
        }
        options["glassesColor"] = [pick(("#262e33", "#3c4f5c", "#25557c", "#000000"))]
    if h.mouths[0]:
        smiling = chance(0.5)
        labels["Smiling"] = float(smiling)
        options["mouthVariant"] = [pick(h.mouths[0] if smiling else h.mouths[1])]
    return options, labels


def _shifted(colour: str, by: int) -> str:
    """A colour a little lighter or darker: a class is more than one hex number."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{min(255, max(0, v + by)):02x}" for v in parts)


def render(hand: str, seed: int, size: int = 64) -> Image:
    """One portrait: (size, size, 4) uint8 RGBA, straight alpha."""
    return _raster(hand, sample(hand, seed)[0], size)


def _raster(hand: str, options: dict[str, Any], size: int) -> Image:
    return engine.raster(engine.compose(hand, options, engine.head_frame(ILLUSTRATION_STYLES[hand].eyes)), size)


def draw(count: int, attributes: tuple[str, ...], size: int = 64) -> tuple[Image, NDArray[np.float32]]:
    """count portraits of every hand: (N, size, size, 4) uint8 RGBA, and (N, len(attributes)) of 0, 1 or `UNKNOWN`."""
    jobs = [(hand, seed) for hand in ILLUSTRATION_STYLES for seed in range(count)]
    labels = np.full((len(jobs), len(attributes)), UNKNOWN, np.float32)
    for row, (hand, seed) in zip(labels, jobs):
        for name, value in sample(hand, seed)[1].items():
            row[attributes.index(name)] = value
    return np.stack([render(hand, seed, size) for hand, seed in jobs]), labels
