"""Aligned heads with labels of their parts (CelebAMask-HQ), and heads without labels from other sets."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from ..core.errors import UserError
from ..core.types import Image
from ..networks.parser import PARTS, UNLABELLED
from . import portraits
from .portraits import Split, crop_matrix, head_crop, split_of

_PARTS_OF_CELEBAMASK = {
    "background": (0, 15, 16),  # earrings and necklaces too
    "skin": (1, 2, 8, 9),
    "brows": (6, 7),
    "eyes": (4, 5),
    "mouth": (10, 11, 12),
    "hair": (13,),
    "hat": (14,),
    "glasses": (3,),
    "neck": (17,),
    "clothes": (18,),
}
_PARTS_OF_ATTRIBUTES = {"Wearing_Hat": "hat", "Eyeglasses": "glasses"}
_EYES = (97.3, 158.7, 122.9)  # left x, right x, y, in pixels of its pictures of 256


SAME_PICTURE = 0.96
"""Correlation of grey thumbnails from which two heads are the same picture."""


class LabelledHeads(NamedTuple):
    """Head crops with their parts.

    Attributes:
        pictures: (N, S, S, 3) uint8 RGB.
        labels: (N, S, S) uint8, indices into `networks.parser.PARTS` or `UNLABELLED`.
        names: N file names.
    """

    pictures: Image
    labels: NDArray[np.uint8]
    names: tuple[str, ...]


class UnlabelledHeads(NamedTuple):
    """Head crops without labels of their pixels.

    Attributes:
        pictures: (N, S, S, 3) uint8 RGB.
        absent: (N, len(`networks.parser.PARTS`)) parts that aren't in the picture, by its attributes.
    """

    pictures: Image
    absent: NDArray[np.bool_]


def labelled_heads(data: Path, split: Split, size: int, limit: int | None = None) -> LabelledHeads:
    """Read the heads of a split from celebamask.zip. Raises UserError if it is missing or damaged."""
    path = data / "celebamask.zip"
    lookup = np.zeros(256, np.uint8)
    for part, codes in _PARTS_OF_CELEBAMASK.items():
        lookup[list(codes)] = PARTS.index(part)
    matrix = crop_matrix(_EYES, size)
    pictures, labels = [], []
    try:
        with zipfile.ZipFile(path) as pack:
            stems = sorted(Path(name).stem for name in pack.namelist() if name.startswith("images/"))
            stems = [stem for stem in stems if split_of(f"{stem}.jpg") == split][:limit]
            for stem in stems:
                picture = _decode(pack.read(f"images/{stem}.jpg"))
                # OpenCV would turn the palette into colours
                codes = _palette_indices(pack.read(f"masks/{stem}.png"))
                pictures.append(head_crop(picture, _EYES, size))
                labels.append(
                    cv2.warpAffine(
                        lookup[codes], matrix, (size, size), flags=cv2.INTER_NEAREST, borderValue=UNLABELLED
                    )  # fmt: skip
                )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: missing or damaged ({error}). Get the pack again.") from None
    return LabelledHeads(np.stack(pictures), np.stack(labels), tuple(stems))


def unlabelled_heads(data: Path, size: int, limit: int) -> UnlabelledHeads:
    """Read head crops of the training parts of CelebA-HQ (three quarters) and CelebA, at most `limit`.

    Heads with a hat or glasses come first. CelebAMask-HQ has other file names, so these may show pictures of its
    held-out parts, see `near_duplicates`.
    """
    pictures, absent = [], []
    for read, share in ((portraits.celebahq, 0.75), (portraits.celeba, 0.25)):
        people = read(data, "train", tuple(_PARTS_OF_ATTRIBUTES))
        has_part = people.labels == 1
        first = np.argsort(~has_part.any(1), kind="stable")[: max(1, round(limit * share))]
        pictures += [head_crop(people.pictures[i], people.eyes, size) for i in first]
        absent.append(~has_part[first])
    without = np.zeros((len(pictures), len(PARTS)), bool)
    without[:, [PARTS.index(part) for part in _PARTS_OF_ATTRIBUTES.values()]] = np.concatenate(absent)
    return UnlabelledHeads(np.stack(pictures), without)


def near_duplicates(heads: Image, others: Image) -> NDArray[np.bool_]:
    """Whether each of N head crops shows the same picture as any of M others, at whatever size: (N,)."""
    return (_thumbnails(heads) @ _thumbnails(others).T).max(1) > SAME_PICTURE


def _thumbnails(heads: Image) -> NDArray[np.float32]:
    """(N, d) standardised grey thumbnails of the middle of (N, S, S, 3) heads; products are correlations."""
    grey = [
        cv2.resize(cv2.cvtColor(head, cv2.COLOR_RGB2GRAY), (24, 24), interpolation=cv2.INTER_AREA) for head in heads
    ]
    rows = np.stack(grey)[:, 3:-3, 3:-3].reshape(len(heads), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _decode(data: bytes) -> Image:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise ValueError("a picture can't be decoded")
    return picture


def _palette_indices(data: bytes) -> NDArray[np.uint8]:
    with PILImage.open(io.BytesIO(data), formats=["PNG"]) as picture:
        return np.array(picture)
