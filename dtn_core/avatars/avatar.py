"""An avatar that was chosen for somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core.types import Image
from . import engine
from .engine import View
from .parameters import Parameters
from .sampling import Likely


@dataclass(frozen=True)
class Avatar:
    """parameters: what is drawn; sure: what it shows ("glasses", "no hat", "brown hair") → its probability, 0..1;
    likely: the probabilities of everything that could have been chosen."""

    parameters: Parameters
    sure: Mapping[str, float]
    likely: Likely = field(default_factory=dict)

    def svg(self, view: View = "bust") -> str:
        """The drawing as SVG, with the artist's credit."""
        return engine.svg(self.parameters, view)

    def image(self, size: int = 256, view: View = "bust") -> Image:
        """(size, size, 4) uint8 RGBA, straight alpha. Raises UserError for a size beyond `engine.SIZES`."""
        return engine.image(self.parameters, size, view)
