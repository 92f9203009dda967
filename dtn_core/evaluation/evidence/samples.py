"""Pictures of a translation, and what is computed of them: nearest neighbours among t, and a map of f."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...core.types import Image
from ...pipeline.model import Checkpoint
from ..nets import batched
from .memorization import compare_distances, nearest, pca_map, pixels

MAX_SAMPLES = 300
"""How many pictures of each domain are on the map, and how many G(x) neighbours are searched for."""

LEARNT = 3000
"""How many of t's training pictures neighbours are searched among."""

PAIRS = 24
"""How many G(x) of free faces, or drawn numbers, are shown beside their nearest picture of t."""


@dataclass(frozen=True)
class Samples:
    """Pictures of both domains of a translation.

    Attributes:
        checkpoint: The translation.
        sources: Held-out pictures x of s: (N, S, S, 3) uint8, or a float tensor (N, 3, S, S) in [-1, 1].
        translated: G(x), (N, 3, S, S) in [-1, 1].
        unseen: (M, 3, S, S) pictures of t that nothing learnt from.
        learnt: (L, 3, S, S) pictures of t that g learnt from.
    """

    checkpoint: Checkpoint
    sources: Image | Tensor
    translated: Tensor
    unseen: Tensor
    learnt: Tensor

    def neighbours(self) -> dict[str, Any]:
        """Compare distances to the nearest training picture, in pixels and in f's features."""
        parts = (self.translated, self.unseen, self.learnt)
        return {
            "n": {"made": len(self.translated), "unseen": len(self.unseen), "learnt": len(self.learnt)},
            "pixels": compare_distances(*map(pixels, parts)),
            "f": compare_distances(*map(self._features_t, parts)),
        }

    def pairs(self, translated: Tensor) -> dict[str, Any]:
        """Return index and distance of the training picture nearest to each of (N, 3, S, S) other G(x)."""
        distance, index = nearest(pixels(translated), pixels(self.learnt))
        return {"seed": 0, "nearest": index.tolist(), "distance": [round(d, 4) for d in distance.tolist()]}

    def map(self) -> dict[str, Any]:
        """Return the map of f: sources, unseen pictures of t, and G(x)."""
        z_s = self.checkpoint.standardise_s(batched(self.checkpoint.f, self.sources))
        return pca_map({"s": z_s, "t": self._features_t(self.unseen), "g": self._features_t(self.translated)})

    def _features_t(self, pictures: Tensor) -> Tensor:
        return self.checkpoint.standardise_t(batched(self.checkpoint.f, pictures))
