"""Google's Cartoon Set, from its pack: ``cartoonset.zip`` with ``cartoonset.csv`` in the data folder."""

from __future__ import annotations

import csv
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np

from ...core.errors import UserError
from ...core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image
from ..attributes import Attributes
from .record import StyleRecord

PACK_FILES = ("cartoonset.zip", "cartoonset.csv")
HAIR = {"0": "bald", "1": "blond", "2": "red", "3": "brown", "4": "black", "5": "grey"}

# The middle between the eyes and their distance as shares of the side; the same for all cartoons.
_EYES = (0.498, 0.492, 0.285)


def cartoons(data: Path, size: int = 64, limit: int | None = None) -> tuple[Image, list[Attributes]]:
    """All cartoons that stand before plain white: (N, size, size, 4) uint8 RGBA with the white around them made
    transparent, eyes where `types` wants them; and what the pack tells of each (None: it doesn't).

    Raises UserError with one line if the pack is missing or damaged.
    """
    path, table = (data / name for name in PACK_FILES)
    for file in (path, table):
        if not file.is_file():
            raise UserError(f"{file}: missing. The style 'cartoon-set' needs cartoonset.zip and cartoonset.csv.")
    drawn, labels = [], []
    try:
        with zipfile.ZipFile(path) as pack, table.open(newline="") as rows:
            for row in csv.DictReader(rows):
                if limit is not None and len(drawn) >= limit:
                    break
                picture = cv2.imdecode(np.frombuffer(pack.read(row["file"]), np.uint8), cv2.IMREAD_COLOR)
                cut = cut_out(picture[..., ::-1])
                if cut is not None:
                    drawn.append(head(cut, size))
                    labels.append(_attributes(row))
    except (OSError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, cv2.error) as error:
        raise UserError(f"{path}: damaged ({error}). Get the pack again.") from None
    if not drawn:
        raise UserError(f"{path}: no cartoon before plain white is in it. Get the pack again.")
    return np.stack(drawn), labels


def cut_out(picture: Image) -> Image | None:
    """(H, W, 3) cartoon → (H, W, 4), the white around it transparent; None if it doesn't stand before white."""
    edge = np.concatenate([picture[0, :4], picture[0, -4:], picture[-1, :4], picture[-1, -4:]])
    if edge.min() < 240:
        return None
    padded = cv2.copyMakeBorder(picture, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    mask = np.zeros((padded.shape[0] + 2, padded.shape[1] + 2), np.uint8)
    flags = 4 | (255 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    cv2.floodFill(np.ascontiguousarray(padded), mask, (0, 0), 0, (14,) * 3, (14,) * 3, flags)
    alpha = 255 - mask[2:-2, 2:-2]
    # The outline's outer pixels are half white: they take the darkness of their neighbours inside.
    alpha = cv2.erode(alpha, np.ones((3, 3), np.uint8))
    return np.dstack([picture, cv2.GaussianBlur(alpha, (3, 3), 0)])


def head(cut: Image, size: int) -> Image:
    """The aligned head crop of a cut-out cartoon."""
    side = len(cut)
    x, y, apart = (side * v for v in _EYES)
    scale = HEAD_EYE_DISTANCE * size / apart
    premultiplied = cut.astype(np.float32)
    premultiplied[..., :3] *= premultiplied[..., 3:] / 255
    # A box as wide as what falls into one pixel stands before the warp: INTER_AREA doesn't smooth there.
    blur = max(1.0, 1 / scale)
    premultiplied = cv2.GaussianBlur(premultiplied, (0, 0), 0.4 * blur)
    matrix = np.array([[scale, 0, size / 2 - scale * x], [0, scale, size * HEAD_EYE_HEIGHT - scale * y]])
    crop = cv2.warpAffine(premultiplied, matrix, (size, size), flags=cv2.INTER_LINEAR)
    alpha = np.maximum(crop[..., 3:], 1e-3)
    crop[..., :3] = np.where(crop[..., 3:] > 0.5, crop[..., :3] / alpha * 255, 0)
    return np.clip(crop.round(), 0, 255).astype(np.uint8)


def _attributes(row: dict[str, str]) -> Attributes:
    """Read the labels of one row. The set has none for skin and beards, and its hair doesn't depend on sex."""
    colour, yes = HAIR.get(row["hair_color"]), {"1": True, "-1": False}
    bald = None if colour is None else colour == "bald"
    hair = None if bald or colour is None else colour
    return Attributes(yes.get(row["eyeglasses"]), bald, None, None, None, yes.get(row["smiling"]), hair, None)


STYLE = StyleRecord(
    name="cartoon-set",
    title="Cartoon Set",
    credit="Cartoon Set by Google LLC, CC BY 4.0",
    judge="judge-cartoon-set",
    unlabelled=("hat", "beard", "male", "smiling", "dark_skin"),
    pack=cartoons,
    pack_files=PACK_FILES,
)
