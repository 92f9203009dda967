"""An avatar that was chosen for a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core.types import Image
from . import engine
from .engine import View
from .parameters import Parameters
from .sampling import ChoiceProbabilities


@dataclass(frozen=True)
class Avatar:
    """An avatar and the probabilities behind it.

    Attributes:
        parameters: What is drawn.
        confidences: What it depicts ("glasses", "no hat", "brown hair") → probability, 0..1.
        probabilities: The probabilities of all choices but the measured colours.
        measured: Names of the colours that were measured in the photo; the others are the palette's.
    """

    parameters: Parameters
    confidences: Mapping[str, float]
    probabilities: ChoiceProbabilities = field(default_factory=dict)
    measured: tuple[str, ...] = ()

    def svg(self, view: View = "bust") -> str:
        """Draw it as SVG, with the artist's credit."""
        return engine.svg(self.parameters, view)

    def image(self, size: int = 256, view: View = "bust") -> Image:
        """Draw it as (size, size, 4) uint8 RGBA, straight alpha. Raises UserError for a size beyond `engine.SIZES`."""
        return engine.image(self.parameters, size, view)
