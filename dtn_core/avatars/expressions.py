"""Named expressions: variants of mouth, eyes and eyebrows that go together."""

from __future__ import annotations

from .styles import DRAWINGS


def expressions(style: str) -> dict[str, dict[str, str]]:
    """Name → slot → variant."""
    slots = ("mouth", "eyes", "eyebrows")
    return {name: dict(zip(slots, variants)) for name, variants in DRAWINGS[style].expressions.items()}
