"""Named expressions: variants of mouth, eyes and eyebrows that go together."""

from __future__ import annotations

from .parameters import NONE, SPECS, Parameters
from .styles import DRAWINGS


def expressions(style: str) -> dict[str, dict[str, str]]:
    """Name → slot → variant."""
    slots = ("mouth", "eyes", "eyebrows")
    return {name: dict(zip(slots, variants)) for name, variants in DRAWINGS[style].expressions.items()}


def preview_figure(style: str) -> Parameters:
    """A plain figure to preview the variants of a slot on."""
    spec = SPECS[style]
    variants = {slot: NONE if NONE in known else known[0] for slot, known in spec.slots.items()}
    variants |= expressions(style)["neutral"]
    variants |= DRAWINGS[style].preview
    colours = {name: palette[len(palette) // 3] for name, palette in spec.colours.items()}
    return Parameters(style, variants, colours)
