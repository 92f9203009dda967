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

from .. import images
from ..errors import UserError
from ..types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image

Split = Literal["train", "val", "test"]
UNKNOWN = -1.0
"""Label of an attribute that a picture's set doesn't tell; losses and figures leave it out."""

HAIR_LABELS = frozenset(
    (
        "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Receding_Hairline", "Straight_Hair",
        "Wavy_Hair", "Wearing_Hat", "Wearing_Earrings", "Wearing_Necklace", "Wearing_Necktie",
    )
)  # fmt: skip
"""Attributes that can't be seen in a tight crop of the face."""


@dataclass(frozen=True)
class Portraits:
    """Aligned photos. pictures: (N, H, W, 3) uint8; eyes: (left x, right x, y) in pixels, the same for all;
    labels: (N, len(attributes)) float32 of 0, 1 or `UNKNOWN`; names: file names in the pack; tight: the crop
    ends at the face, without hair."""

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
    """As `data_folder`, but None where neither is given: for what has a drawn stand-in."""
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
        told = {"Male": sex == 0, "age_under_13": age < 13} | {f"age_{a}": age >= a for a in (30, 45, 60)}
        if group < 4:
            told |= {f"race_{g}": i == group for i, g in enumerate(("White", "Black", "Asian", "Indian"))}
        for attribute, value in told.items():
            if attribute in index:
                row[index[attribute]] = value
    return Portraits(_read(path, names, (100, 100)), (30.0, 68.1, 30.2), labels, names, tight=True)


def free() -> dict[str, Image]:
    """Portraits that are in the public domain and come with installed packages; those not installed are left
    out."""
    found = {}
    for name, read in (("Grace Hopper", _hopper), ("Eileen Collins", _astronaut)):
        try:
            found[name] = read()
        except (ImportError, OSError, ValueError):
            continue
    return found


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
            for i, name in enumerate(names):
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


def head_crop(picture: Image, eyes: tuple[float, float, float], size: int, matrix: np.ndarray | None = None) -> Image:
    """The (size, size, 3) head crop of an aligned picture; matrix: a further (2, 3) motion in crop pixels."""
    affine = crop_matrix(eyes, size)
    if matrix is not None:
        affine = matrix @ np.vstack([affine, [0, 0, 1]])
    return cv2.warpAffine(picture, affine, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def jitter(rng: np.random.Generator, size: int, strength: float = 1.0) -> NDArray[np.float64]:
    """A random motion of a crop: ±8° turned, scaled .9-1.12, moved ±6%, flipped half of the time."""
    angle = np.deg2rad(rng.uniform(-8, 8) * strength)
    scale = 1 + (rng.uniform(0.9, 1.12) - 1) * strength
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    dx, dy = rng.uniform(-0.06, 0.06, 2) * size * strength
    flip = -1.0 if rng.random() < 0.5 else 1.0
    centre = size / 2
    return np.array(
        [
            [cos * flip, -sin, centre + dx - cos * flip * centre + sin * centre],
            [sin * flip, cos, centre + dy - sin * flip * centre - cos * centre],
        ]
    )


def stylise(rng: np.random.Generator, image: Image, share: float = 0.75) -> Image:
    """Make a share of photos look drawn, at random, so that f meets drawings half-way: flat patches, few colours, drawn
    edges; and each in another light and tint, some with a hidden patch. (S, S, 3) uint8 → the same."""
    if rng.random() < share:
        if rng.random() < 0.6:
            image = cv2.medianBlur(image, int(rng.choice((3, 5, 7))))
        else:
            image = cv2.bilateralFilter(image, 7, float(rng.uniform(40, 120)), 5)
        if rng.random() < 0.3:
            edges = cv2.adaptiveThreshold(
                cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
                255,
                cv2.ADAPTIVE_THRESH_MEAN_C,
                cv2.THRESH_BINARY,
                7,
                6,
            )
            image = image.copy()
            image[edges == 0] = image[edges == 0] // 3
        if rng.random() < 0.7:
            levels = int(rng.integers(24, 65))
            image = np.minimum(image.astype(np.int16) // levels * levels + levels // 2, 255).astype(np.uint8)
    if rng.random() < 0.35:  # hide a patch behind its own mean colour: no attribute may hang on one place
        size = len(image)
        h, w = (int(v) for v in rng.integers(size // 8, size // 2, 2))
        y, x = int(rng.integers(0, size - h)), int(rng.integers(0, size - w))
        image = image.copy()
        image[y : y + h, x : x + w] = image[y : y + h, x : x + w].mean((0, 1))
    tint = rng.uniform(0.8, 1.25) * (1 + rng.uniform(-0.07, 0.07, 3))
    return np.clip(image * tint + rng.uniform(-20, 20), 0, 255).astype(np.uint8)


def relight(rng: np.random.Generator, image: Image) -> Image:
    """Strong changes of light: exposure .4 to 1.9, gamma .75 to 1.35, warm to cold, shade from one side. What f says of
    a person, skin above all, shouldn't move with them. (S, S, 3) uint8 → the same."""
    lit = (image.astype(np.float32) / 255) ** rng.uniform(0.75, 1.35)
    warm, green = rng.uniform(-0.18, 0.18), rng.uniform(-0.05, 0.05)
    lit *= 2 ** rng.uniform(-1.3, 0.95) * np.array([1 + warm, 1 + green, 1 - warm], np.float32)
    if rng.random() < 0.4:
        angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
        ramp = np.linspace(-1, 1, len(image), dtype=np.float32)
        side = np.clip(np.cos(angle) * ramp[None] + np.sin(angle) * ramp[:, None], -1, 1)
        lit *= (1 - depth * (side + 1) / 2)[..., None]
    return (np.clip(lit, 0, 1) * 255).astype(np.uint8)


def hide_context(rng: np.random.Generator, image: Image) -> Image:
    """Cover what a tight crop of the face doesn't show with a plain colour, so that tight and whole-head sets
    look alike to f."""
    size = len(image)
    top, side = round(0.342 * size), round(0.172 * size)
    covered = np.empty_like(image)
    covered[:] = rng.integers(0, 256, 3)
    covered[top:, side : size - side] = image[top:, side : size - side]
    return covered
