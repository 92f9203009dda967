"""Descriptions of the drawn styles, for the editor and for ``/styles``.

No ``from __future__ import annotations`` here: gradio doesn't resolve postponed type hints, see `endpoints`.
"""

import re
from dataclasses import replace
from functools import cache
from typing import TypedDict

from ...avatars import engine
from ...avatars.expressions import expressions
from ...avatars.parameters import SPECS, Parameters
from ...avatars.shape import SHAPES
from ...avatars.styles import STYLES
from ...core.errors import UserError


class Slot(TypedDict):
    """One part of an avatar, such as the mouth.

    Attributes:
        variants: what can be chosen; "" draws nothing.
        kinds: everyday names of some variants → the variants.
    """

    name: str
    label: str
    variants: list[str]
    kinds: dict[str, list[str]]


class Palette(TypedDict):
    """One colour of an avatar, such as the skin colour.

    Attributes:
        colours: the artist's, as "#rrggbb". Any other colour is valid too.
    """

    name: str
    label: str
    colours: list[str]


class Shape(TypedDict):
    """One measure of an avatar's shape, from -1 to 1; 0 is the artist's own."""

    name: str
    label: str


class StyleInfo(TypedDict):
    """A drawn style.

    Attributes:
        expressions: name → slot → variant.
    """

    name: str
    title: str
    artist: str
    terms: str
    slots: list[Slot]
    palettes: list[Palette]
    shapes: list[Shape]
    expressions: dict[str, dict[str, str]]


LABELS = {
    "top": "Hair, hats", "rearHair": "Hair at the back", "facialHair": "Beard", "accessories": "Glasses",
    "eyebrows": "Brows", "head": "Face", "hairAccessories": "Flowers",
}  # fmt: skip

_SLOT_ORDER = (
    "top", "hair", "rearHair", "head", "eyebrows", "eyes", "nose", "mouth", "facialHair", "beard", "accessories",
    "glasses", "earrings", "freckles", "hairAccessories", "clothes",
)  # fmt: skip
"""The order in which slots are listed."""

_FACE_SLOTS = ("eyebrows", "eyes", "nose", "mouth", "freckles", "facialHair", "beard", "accessories", "glasses")
"""Slots whose previews show the face alone."""


def words(name: str) -> str:
    """Turn an identifier into words: "shirtCrewNeck" → "Shirt crew neck"; "" → "None"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|_", " ", name).lower()
    return spaced[:1].upper() + spaced[1:] or "None"


@cache
def style_info(style: str) -> StyleInfo:
    """Describe a style. Raises UserError for a style that can't be drawn."""
    if style not in SPECS:
        raise UserError(f"style {style!r:.40} can't be drawn; known: {', '.join(SPECS)}.")
    spec, (artist, terms) = SPECS[style], engine.credit(style)
    order = sorted(spec.slots, key=lambda slot: _SLOT_ORDER.index(slot) if slot in _SLOT_ORDER else len(_SLOT_ORDER))
    slots = [
        Slot(
            name=slot,
            label=LABELS.get(slot, words(slot)),
            variants=list(spec.slots[slot]),
            kinds={kind: list(variants) for kind, variants in spec.kinds.get(slot, {}).items()},
        )
        for slot in order
    ]
    return StyleInfo(
        name=style,
        title=STYLES[style].title,
        artist=artist,
        terms=terms,
        slots=slots,
        palettes=[Palette(name=n, label=words(n), colours=list(codes)) for n, codes in spec.colours.items()],
        shapes=[Shape(name=name, label=words(name)) for name in SHAPES[style]],
        expressions=expressions(style),
    )


def previews(parameters: Parameters, slot: str) -> list[str]:
    """Draw an avatar with each variant of a slot, or with each expression for "expression", as SVG.

    Raises UserError for a slot that the style doesn't have.
    """
    info = style_info(parameters.style)
    changes = {s["name"]: [{s["name"]: variant} for variant in s["variants"]] for s in info["slots"]}
    changes["expression"] = list(info["expressions"].values())
    if slot not in changes:
        raise UserError(f"{parameters.style} has no slot {slot!r:.40}; known: {', '.join(changes)}.")
    view = "face" if slot in (*_FACE_SLOTS, "expression") else "bust"
    avatars = [replace(parameters, variants={**parameters.variants, **change}) for change in changes[slot]]
    return [engine.svg(avatar, view) for avatar in avatars]
