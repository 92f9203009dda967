"""Expressions as people name them: variants of mouth, eyes and brows that go together."""

from __future__ import annotations

from .parameters import SPECS, Parameters

_EXPRESSIONS: dict[str, dict[str, tuple[str, str, str]]] = {
    "avataaars": {
        "neutral": ("serious", "default", "defaultNatural"),
        "smile": ("twinkle", "default", "defaultNatural"),
        "laugh": ("smile", "happy", "raisedExcitedNatural"),
        "surprised": ("disbelief", "surprised", "raisedExcitedNatural"),
        "wink": ("twinkle", "wink", "defaultNatural"),
        "sad": ("sad", "default", "sadConcernedNatural"),
        "angry": ("grimace", "squint", "angryNatural"),
    },
    "toon-head": {
        "neutral": ("smile", "wide", "neutral"),
        "smile": ("laugh", "wide", "happy"),
        "laugh": ("laugh", "happy", "happy"),
        "surprised": ("agape", "wide", "raised"),
        "wink": ("smile", "wink", "raised"),
        "sad": ("sad", "humble", "sad"),
        "angry": ("angry", "bow", "angry"),
    },
    "lorelei": {
        "neutral": ("happy14", "variant06", "variant07"),
        "smile": ("happy01", "variant06", "variant07"),
        "laugh": ("happy05", "variant22", "variant02"),
        "surprised": ("sad01", "variant16", "variant12"),
        "wink": ("happy02", "variant15", "variant07"),
        "sad": ("sad05", "variant01", "variant12"),
        "angry": ("sad06", "variant06", "variant13"),
    },
}
"""Style → name → mouth, eyes, eyebrows."""


def expressions(style: str) -> dict[str, dict[str, str]]:
    """Name → slot → variant."""
    slots = ("mouth", "eyes", "eyebrows")
    return {name: dict(zip(slots, variants)) for name, variants in _EXPRESSIONS[style].items()}


def mannequin(style: str) -> Parameters:
    """Somebody plain, on whom a slot's variants are shown."""
    spec = SPECS[style]
    variants = {slot: "" if "" in known else known[0] for slot, known in spec.slots.items()}
    variants |= expressions(style)["neutral"] | ({"hair": "sideComed"} if style == "toon-head" else {})
    colours = {name: codes[len(codes) // 3] for name, codes in spec.colours.items()}
    return Parameters(style, variants, colours)
