"""Held-out photos with their labels."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.types import Image
from ..data import portraits
from ..data.portraits import Split
from .questions import LABELS, NINE, Truth, celeba_truth, utkface_truth
from .retrieval import pairs

CROP = 128


class Photos(NamedTuple):
    """Held-out photos.

    Attributes:
        truth: "celeba" and "utkface" → labels.
        crops: The same keys and, if there are pairs, "pairs" (the queries) → (N, 128, 128, 3) heads.
        targets: (Q, 128, 128, 3) second photos of the people in "pairs", or None.
        missed: How many people were left out because no face was detected, or None.
    """

    truth: dict[str, Truth]
    crops: dict[str, Image]
    targets: Image | None = None
    missed: int | None = None

    def nine(self) -> NDArray[np.float32]:
        """Return (N, len(NINE)) labels of CelebA; a moustache alone is no beard here."""
        return np.stack([self.truth["celeba"]["only_beard" if name == "beard" else name] for name in NINE], 1)


def labelled(data: Path, split: Split, limit: int | None = None) -> Photos:
    """Load a part of CelebA and UTKFace, at most `limit` photos of each.

    Raises:
        UserError: A pack is missing, or has no photo of the part.
    """
    celeba = portraits.celeba(data, split, LABELS, limit)
    utkface = portraits.utkface(data, split, (), limit)
    crops = {}
    for name, photos in (("celeba", celeba), ("utkface", utkface)):
        if not len(photos):
            raise UserError(f"{name}.zip: no pictures of the {split} part. Raise --limit or get the pack again.")
        crops[name] = np.stack([portraits.head_crop(p, photos.eyes, CROP) for p in photos.pictures])
    return Photos({"celeba": celeba_truth(celeba), "utkface": utkface_truth(utkface.names)}, crops)


def load(data: Path, split: Split, limit: int | None = None) -> Photos:
    """Load `labelled` and the pairs, at most `limit` of each."""
    photos, people = labelled(data, split, limit), pairs(data, split, limit, CROP)
    if people is None:
        return photos
    return Photos(photos.truth, photos.crops | {"pairs": people.queries}, people.targets, people.missed)
