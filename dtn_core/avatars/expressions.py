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
        "neutral": ("sad", "wide", "neutral"),
        "smile": ("smile", "wide", "happy"),
        "laugh": ("laugh", "happy", "happy"),
        "surprised": ("agape", "wide", "raised"),
        "wink": ("smile", "wink", "raised"),
        "sad": ("sad", "humble", "sad"),
        "angry": ("angry", "bow", "angry"),
    },
}
"""Style → name → mouth, eyes, eyebrows."""


def expressions(style: str) -> dict[str, dict[str, str]]:
    """Name → slot → variant. A style that names none has the kinds of its mouth."""
    if style in _EXPRESSIONS:
        slots = ("mouth", "eyes", "eyebrows")
        return {name: dict(zip(slots, variants)) for name, variants in _EXPRESSIONS[style].items()}
    return {kind: {"mouth": variants[0]} for kind, variants in SPECS[style].kinds["mouth"].items()}


def mannequin(style: str) -> Parameters:
    """Somebody plain, on whom a slot's variants are shown."""
    spec = SPECS[style]
    variants = {slot: "" if "" in known else known[0] for slot, known in spec.slots.items()}
    variants |= expressions(style)["neutral"] | ({"hair": "sideComed"} if style == "toon-head" else {})
    colours = {name: codes[len(codes) // 3] for name, codes in spec.colours.items()}
    return Parameters(style, variants, colours)
