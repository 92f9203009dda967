"""What can be chosen of an avatar: a variant a slot, a colour a palette, and the shape of the face. Nothing else
reaches the SVG."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from ..core.errors import UserError
from .shape import SHAPES

DrawnStyle = Literal["avataaars", "toon-head", "lorelei"]
"""Styles that an engine draws from parameters."""

NONE = ""
"""The variant of an optional slot that draws nothing."""


class Spec(NamedTuple):
    """What a style's engine can draw.

    slots: name → variants, in the order of drawing; `NONE` where nothing may be drawn. layers: order of drawing of
    slots and of the fixed parts. colours: name → the artist's palette; any other colour may be given too. options:
    colour → the name of DiceBear's option. eyes: x, y of the middle between the eyes and their distance on the canvas,
    measured on a render; of a head that is turned, as they would be from the front. canvas: its side. kinds: slot →
    kind → the variants that show it; what people ask of a face ("hat") is a kind. follows: a layer that is no slot but
    drawn by one → that slot, and those of which something must be drawn too.
    """

    slots: dict[str, tuple[str, ...]]
    layers: tuple[str, ...]
    colours: dict[str, tuple[str, ...]]
    options: dict[str, str]
    eyes: tuple[float, float, float]
    canvas: float
    larger: float
    kinds: dict[str, dict[str, tuple[str, ...]]]
    follows: dict[str, tuple[str, ...]] = {}

    def choices(self, head: str) -> tuple[str, ...]:
        """What a slot, or "colour:NAME", can be; nothing where the style has none of that name."""
        return self.colours.get(head[7:], ()) if head.startswith("colour:") else self.slots.get(head, ())

    @property
    def bust(self) -> tuple[float, float, float]:
        """left, top and side of what is seen of a canvas: all of it, and some room for tall hats above it."""
        room = 0.06 * self.canvas
        return -room / 2, -room, self.canvas + room


HAIR_COLOURS = {
    "black": ("#2c1b18",),
    "brown": ("#4a312c", "#724133", "#a55728"),
    "blond": ("#b58143", "#d6b370", "#ecdcbf"),
    "red": ("#c93305",),
    "grey": ("#e8e1e1", "#b9b4b1"),
}
"""What people call hair colours, and the artists' colours that are called so."""

_HAIR = tuple(code for codes in HAIR_COLOURS.values() for code in codes)

_TOP = {
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


def numbered(*numbers: int) -> tuple[str, ...]:
    """Names as Lorelei has them."""
    return tuple(f"variant{n:02d}" for n in numbers)


_LORELEI_HAIR = {
    "bald": (NONE, *numbered(25)),
    "short": numbered(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 22, 28, 39, 43, 44, 47, 27),
    "long": numbered(
        10, 13, 14, 15, 16, 17, 18, 19, 21, 23, 24, 29, 30, 31, 32, 33, 35, 36, 37, 38, 40, 41, 42, 45, 46, 48, 26
    ),
    "either": numbered(20),
}

SPECS: dict[str, Spec] = {
    "avataaars": Spec(
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
            "top": tuple(variant for variants in _TOP.values() for variant in variants),
            "facialHair": (NONE, "beardLight", "beardMedium", "beardMajestic", "moustacheFancy", "moustacheMagnum"),
            "accessories": (NONE, "prescription01", "prescription02", "round", "sunglasses", "wayfarers", "kurt"),
        },
        layers=("body", "clothes", "mouth", "nose", "eyes", "eyebrows", "top", "facialHair", "accessories"),
        colours={
            "skin": ("#ffdbb4", "#edb98a", "#d08b5b", "#ae5d29", "#614335"),
            "hair": _HAIR,
            "beard": _HAIR,
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
        larger=1.35,
        kinds={
            "top": _TOP,
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
    ),
    "toon-head": Spec(
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
            "hair": _HAIR,
            "clothes": ("#151613", "#0b3286", "#545454", "#147f3c", "#b11f1f", "#e8e9e6", "#731ac3"),
        },
        options={"skin": "skinColor", "hair": "hairColor", "clothes": "clothesColor"},
        eyes=(383.1, 407.0, 163.8),
        canvas=768,
        larger=1.5,
        kinds={
            "hair": {"bald": (NONE,), "hair": ("sideComed", "undercut", "spiky", "bun")},
            "rearHair": {"short": (NONE,), "long": ("longStraight", "longWavy", "neckHigh", "shoulderHigh")},
            "beard": {
                "none": (NONE,), "beard": ("fullBeard", "longBeard", "chin"),
                "moustache": ("chinMoustache", "moustacheTwirl"),
            },
            "mouth": {"neutral": ("smile",), "laugh": ("laugh",), "open": ("agape",)},  # its smile is a flat line
        },
    ),
    "lorelei": Spec(
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
            "hair": tuple(variant for variants in _LORELEI_HAIR.values() for variant in variants),
            "hairAccessories": (NONE, "flowers"),
        },
        layers=(
            "rearHair", "head", "eyes", "eyebrows", "earrings", "freckles", "nose", "mouth", "beard", "lips", "glasses",
            "hair", "hairAccessories",
        ),
        colours={
            "skin": ("#ffdbb4", "#edb98a", "#d08b5b", "#a9673f", "#7b4b34"),
            "hair": _HAIR,
            "glasses": ("#000000", "#25557c", "#8f3a2b"),
            "flowers": ("#e0566f", "#f2b134", "#6f7fd8"),
        },
        options={
            "skin": "skinColor", "hair": "hairColor", "glasses": "glassesColor", "flowers": "hairAccessoriesColor",
        },
        eyes=(502, 464, 176),
        canvas=980,
        larger=1.25,
        kinds={
            "hair": _LORELEI_HAIR,
            "beard": {"none": (NONE,), "beard": numbered(1, 2)},
            "glasses": {"none": (NONE,), "clear": numbered(1, 3, 4, 5), "dark": numbered(2)},
            "mouth": {
                "neutral": ("happy14",), "smile": ("happy01", "happy02"), "laugh": ("happy05", "happy06"),
                "open": ("happy08",),
            },
        },
        follows={"rearHair": ("hair",), "lips": ("mouth", "beard")},
    ),
}  # fmt: skip
"""By style. Left out are variants that no ordinary portrait calls for (tears, hearts, a mouth that vomits)."""


_ENTRIES = ("style", "variants", "colours", "shape")

VERSION = 1
"""Of the file format: what `from_dict` reads."""

LARGEST = 100_000
"""Characters of JSON; an avatar has less than a thousand."""


@dataclass(frozen=True)
class Parameters:
    """One avatar: all that its engine needs.

    style: of `SPECS`; variants: slot → variant; colours: name → "#rrggbb"; shape: name of `shape.SHAPES` → -1..1. What
    isn't given is the style's first, or its own shape, 0.
    Raises UserError, one line that names what is known, for anything else: no text from outside reaches the SVG.
    """

    style: str
    variants: Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    shape: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.style not in SPECS:
            raise UserError(f"style {self.style!r:.40} can't be drawn; known: {', '.join(get_args(DrawnStyle))}.")
        spec, shapes = SPECS[self.style], SHAPES[self.style]
        parts = (
            (self.variants, spec.slots, "slot"),
            (self.colours, spec.colours, "colour"),
            (self.shape, shapes, "shape"),
        )
        for given, known, what in parts:
            if not isinstance(given, Mapping):
                raise UserError(f"{what}s must be an object of names and values, not {type(given).__name__}.")
            for name in given:
                if name not in known:
                    raise UserError(f"{self.style} has no {what} {name!r:.40}; known: {', '.join(known)}.")
        for slot, variant in self.variants.items():
            if variant not in spec.slots[slot]:
                names = ", ".join(v or '"" (none)' for v in spec.slots[slot])
                raise UserError(f"{slot} can't be {variant!r:.40}; known: {names}.")
        for name, code in self.colours.items():
            if not isinstance(code, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", code):
                raise UserError(f"colour {name} must be written #rrggbb, not {code!r:.40}.")
        for name, value in self.shape.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not -1 <= value <= 1:
                raise UserError(f"shape {name} must be a number from -1 to 1, not {value!r:.40}.")
        full = {slot: self.variants.get(slot, variants[0]) for slot, variants in spec.slots.items()}
        object.__setattr__(self, "variants", full)
        paint = {name: self.colours.get(name, codes[0]).lower() for name, codes in spec.colours.items()}
        object.__setattr__(self, "colours", paint)
        object.__setattr__(self, "shape", {name: float(self.shape.get(name, 0)) for name in shapes})

    @property
    def spec(self) -> Spec:
        """What its style can draw."""
        return SPECS[self.style]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `from_dict` takes them."""
        return {n: getattr(self, n) if n == "style" else dict(getattr(self, n)) for n in _ENTRIES}

    @classmethod
    def from_dict(cls, values: Any) -> Parameters:
        """The inverse of `to_dict`; anything else is a UserError of one line."""
        if not isinstance(values, Mapping):
            raise UserError("an avatar is an object with style, variants, colours and shape.")
        if (version := values.get("version", VERSION)) != VERSION:
            raise UserError(f"avatar format {version!r:.40}, this version reads {VERSION}. Update DTN Studio.")
        for name in values:
            if name not in (*_ENTRIES, "version", "credit"):
                raise UserError(f"unknown entry {name!r:.40}; an avatar has style, variants, colours and shape.")
        return cls(str(values.get("style", "")), *(values.get(name, {}) for name in _ENTRIES[1:]))

    @classmethod
    def from_json(cls, text: str) -> Parameters:
        """One avatar from a JSON file's text, see `from_dict`; anything else is a UserError of one line."""
        if len(text) > LARGEST:
            raise UserError(f"{len(text) / 1e6:.1f} MB are too much for an avatar. Give a JSON file that was exported.")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise UserError("the file is not JSON. Give one that was exported.") from None
        return cls.from_dict(values)

    def kind_of(self, slot: str) -> str | None:
        """The kind of what a slot shows ("hat"); None where the style has no such slot or names no kind."""
        for kind, variants in self.spec.kinds.get(slot, {}).items():
            if self.variants[slot] in variants:
                return kind
        return None
