"""The photo domain s: portraits of CelebA, CelebA-HQ and UTKFace from their packs, split, cropped and stylised.

Packs are zips of JPEGs in a data folder (``--data`` or the environment variable ``DTN_DATA``): ``celeba.zip`` and
``celebahq.zip``, each with a table of attributes, and ``utkface.zip``. All are aligned already, so the eyes stand at
one place in each.
"""

from __future__ import annotations

import csv
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core import images
from ..core.errors import UserError
from ..core.progress import track
from ..core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image

Split = Literal["train", "val", "test"]
UNKNOWN = -1.0
"""Label of an attribute that a dataset has no labels for; losses and metrics ignore it."""

HAIR_LABELS = frozenset(
    (
        "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Receding_Hairline", "Straight_Hair",
        "Wavy_Hair", "Wearing_Hat", "Wearing_Earrings", "Wearing_Necklace", "Wearing_Necktie",
    )
)  # fmt: skip
"""Attributes that aren't visible in a tight crop of the face."""


@dataclass(frozen=True)
class Portraits:
    """Aligned photos.

    Attributes:
        pictures: (N, H, W, 3) uint8 RGB.
        eyes: (left x, right x, y) in pixels, the same for all.
        labels: (N, len(attributes)) float32 of 0, 1 or `UNKNOWN`.
        names: File names in the pack.
        tight: Whether the crop ends at the face, without hair.
    """

    pictures: Image
    eyes: tuple[float, float, float]
    labels: NDArray[np.float32]
    names: tuple[str, ...]
    tight: bool

    def __len__(self) -> int:
        return len(self.pictures)


def split_of(name: str) -> Split:
    """The part a picture belongs to, from its name alone: 12% test, 6% val, the rest train."""
    bucket = zlib.crc32(name.encode()) % 100
    return "test" if bucket < 12 else "val" if bucket < 18 else "train"


def data_folder(given: str | os.PathLike[str] | None) -> Path:
    """The folder of packs: as given, else DTN_DATA. Raises UserError with the remedy."""
    folder = given or os.environ.get("DTN_DATA")
    if not folder:
        raise UserError("no data folder: pass --data DIR or set DTN_DATA (see 'Data' in docs/training.md).")
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: no such folder. Pass --data DIR or set DTN_DATA (see 'Data' in docs/training.md).")
    return Path(folder)


def optional_folder(given: str | os.PathLike[str] | None) -> Path | None:
    """`data_folder`, or None if neither is given: for domains with a drawn substitute."""
    return data_folder(given) if given or os.environ.get("DTN_DATA") else None


def celeba(data: Path, split: Split, attributes: tuple[str, ...], limit: int | None = None) -> Portraits:
    """CelebA's part of a split: whole heads, 109×89, its 40 attributes."""
    return _with_attributes(data, "celeba", split, attributes, limit, (89, 109), (34.6, 54.0, 56.5))


def celebahq(data: Path, split: Split, attributes: tuple[str, ...], limit: int | None = None) -> Portraits:
    """CelebA-HQ's part of a split: whole heads, 104×104, CelebA's 40 attributes."""
    return _with_attributes(data, "celebahq", split, attributes, limit, (104, 104), (39.5, 64.7, 50.4))


def _with_attributes(
    data: Path,
    stem: str,
    split: Split,
    attributes: tuple[str, ...],
    limit: int | None,
    size: tuple[int, int],
    eyes: tuple[float, float, float],
) -> Portraits:
    table = data / f"{stem}_attributes.csv"
    if not table.is_file():
        raise UserError(f"{table}: missing. The data folder needs {stem}.zip and {stem}_attributes.csv.")
    try:
        with table.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if "file" not in (reader.fieldnames or ()):
                raise ValueError("no column 'file'")
            rows = [row for row in reader if split_of(row["file"]) == split][:limit]
        names = tuple(row["file"] for row in rows)
        labels = np.full((len(rows), len(attributes)), UNKNOWN, np.float32)
        for i, name in enumerate(attributes):
            if rows and name in rows[0]:
                labels[:, i] = [float(row[name]) for row in rows]
    except (TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{table}: damaged ({error}). Get it again.") from None
    return Portraits(_read(data / f"{stem}.zip", names, size), eyes, labels, names, tight=False)


def utkface(data: Path, split: Split, attributes: tuple[str, ...], limit: int | None = None) -> Portraits:
    """UTKFace's part of a split: tight faces, scaled to 100×100, with sex, group and age from the names."""
    path = data / "utkface.zip"
    if not path.is_file():
        raise UserError(f"{path}: missing. The data folder needs utkface.zip.")
    try:
        with zipfile.ZipFile(path) as pack:
            names = tuple(n for n in pack.namelist() if split_of(n) == split and len(n.split("_")) == 4)[:limit]
        people = [[int(part) for part in name.split("_")[:3]] for name in names]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: damaged, or other names than UTKFace's ({error}). Get the pack again.") from None
    labels = np.full((len(names), len(attributes)), UNKNOWN, np.float32)
    index = {name: i for i, name in enumerate(attributes)}
    for row, (age, sex, group) in zip(labels, people):
        known = {"Male": sex == 0, "age_under_13": age < 13} | {f"age_{a}": age >= a for a in (30, 45, 60)}
        if group < 4:
            known |= {f"race_{g}": i == group for i, g in enumerate(("White", "Black", "Asian", "Indian"))}
        for attribute, value in known.items():
            if attribute in index:
                row[index[attribute]] = value
    return Portraits(_read(path, names, (100, 100)), (30.0, 68.1, 30.2), labels, names, tight=True)


def public_domain() -> dict[str, Image]:
    """Portraits in the public domain that come with installed packages."""
    portraits = {}
    for name, read in (("Grace Hopper", _hopper), ("Eileen Collins", _astronaut)):
        try:
            portraits[name] = read()
        except (ImportError, OSError, ValueError, UserError):
            continue
    return portraits


def _hopper() -> Image:
    from matplotlib import cbook

    return images.load(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def _astronaut() -> Image:
    from skimage import data

    return data.astronaut()


def _read(path: Path, names: tuple[str, ...], size: tuple[int, int]) -> Image:
    pictures = np.empty((len(names), size[1], size[0], 3), np.uint8)
    try:
        with zipfile.ZipFile(path) as pack:
            for i, name in enumerate(track(names, "reading photos")):
                picture = cv2.imdecode(np.frombuffer(pack.read(name), np.uint8), cv2.IMREAD_COLOR)
                if picture.shape[1::-1] != size:
                    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                pictures[i] = picture[..., ::-1]
    except (OSError, KeyError, zipfile.BadZipFile, AttributeError) as error:
        raise UserError(f"{path}: missing or damaged ({error}). Get the pack again.") from None
    return pictures


def crop_matrix(eyes: tuple[float, float, float], size: int) -> NDArray[np.float64]:
    """(2, 3) matrix from a picture's pixels to those of its head crop of the given side."""
    left, right, y = eyes
    scale = HEAD_EYE_DISTANCE * size / (right - left)
    return np.array([[scale, 0, size / 2 - scale * (left + right) / 2], [0, scale, size * HEAD_EYE_HEIGHT - scale * y]])


def head_crop(picture: Image, eyes: tuple[float, float, float], size: int) -> Image:
    """The (size, size, 3) head crop of an aligned picture."""
    return cv2.warpAffine(
        picture, crop_matrix(eyes, size), (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
