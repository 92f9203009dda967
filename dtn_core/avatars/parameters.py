"""The parameters of an avatar: a variant for each slot, a colour for each palette, and the shape of the face.

Nothing else reaches the SVG.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import UserError
from .shape import SHAPES
from .styles import DRAWINGS
from .styles.record import HAIR_COLOURS as HAIR_COLOURS
from .styles.record import NONE as NONE
from .styles.record import Spec

DrawnStyle = str
"""Name of a style in `SPECS`."""

SPECS = {name: drawing.spec for name, drawing in DRAWINGS.items()}
"""Style → what its engine can draw. Variants that no ordinary portrait needs (tears, hearts) are left out."""

_ENTRIES = ("style", "variants", "colours", "shape")

VERSION = 1
"""The version of the file format."""

MAX_JSON_CHARACTERS = 100_000
"""Limit of `Parameters.from_json`; an avatar has less than a thousand."""


@dataclass(frozen=True)
class Parameters:
    """One avatar: everything that its engine needs. Text from outside is checked here and reaches the SVG only then.

    Attributes:
        style: Name of a style in `SPECS`.
        variants: Slot → variant; by default the style's first.
        colours: Palette name → "#rrggbb"; by default the palette's first.
        shape: Name of `shape.SHAPES` → -1..1; by default 0, the artist's own shape.

    Raises:
        UserError: Any other name or value.
    """

    style: str
    variants: Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    shape: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.style not in SPECS:
            raise UserError(f"style {self.style!r:.40} can't be drawn; known: {', '.join(SPECS)}.")
        spec = SPECS[self.style]
        shapes = SHAPES[self.style]
        self._check_names(self.variants, spec.slots, "slot")
        self._check_names(self.colours, spec.colours, "colour")
        self._check_names(self.shape, shapes, "shape")
        self._check_values(spec)
        variants = {slot: self.variants.get(slot, known[0]) for slot, known in spec.slots.items()}
        colours = {name: self.colours.get(name, palette[0]).lower() for name, palette in spec.colours.items()}
        object.__setattr__(self, "variants", variants)
        object.__setattr__(self, "colours", colours)
        object.__setattr__(self, "shape", {name: float(self.shape.get(name, 0)) for name in shapes})

    def _check_names(self, given: Any, known: Mapping[str, Any], what: str) -> None:
        if not isinstance(given, Mapping):
            raise UserError(f"{what}s must be an object of names and values, not {type(given).__name__}.")
        for name in given:
            if name not in known:
                raise UserError(f"{self.style} has no {what} {name!r:.40}; known: {', '.join(known)}.")

    def _check_values(self, spec: Spec) -> None:
        for slot, variant in self.variants.items():
            if variant not in spec.slots[slot]:
                names = ", ".join(v or '"" (none)' for v in spec.slots[slot])
                raise UserError(f"{slot} can't be {variant!r:.40}; known: {names}.")
        for name, code in self.colours.items():
            if not isinstance(code, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", code):
                raise UserError(f"colour {name} must be written #rrggbb, not {code!r:.40}.")
        for name, value in self.shape.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not -1 <= value <= 1:
                raise UserError(f"shape {name} must be a number from -1 to 1, not {value!r:.40}.")

    @property
    def spec(self) -> Spec:
        """What the style can draw."""
        return SPECS[self.style]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `from_dict`."""
        return {
            "style": self.style,
            "variants": dict(self.variants),
            "colours": dict(self.colours),
            "shape": dict(self.shape),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Parameters:
        """The inverse of `to_dict`. Raises UserError for anything else."""
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
        """Parse the JSON of `from_dict`. Raises UserError for anything else."""
        if len(text) > MAX_JSON_CHARACTERS:
            raise UserError(f"{len(text) / 1e6:.1f} MB are too much for an avatar. Give a JSON file that was exported.")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise UserError("the file is not JSON. Give one that was exported.") from None
        return cls.from_dict(values)

    def kind_of(self, slot: str) -> str | None:
        """The kind of a slot's variant ("hat"), or None if the style has no such slot or the variant has no kind."""
        for kind, variants in self.spec.kinds.get(slot, {}).items():
            if self.variants[slot] in variants:
                return kind
        return None
