"""Galleries: sheets of random faces and what a checkpoint makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..core import images
from ..core.types import Image
from ..data import illustrations, portraits
from ..faces.align import align
from ..faces.detect import detect
from ..pipeline.photo import Transferrer

CELL = 96
"""Side of a picture on the sheet, in pixels."""

FIRST_SEED = 1_000_000
"""Seeds of illustrations start here; f learnt from none of them."""

BACKGROUND = 250


def sheet(
    transferrer: Transferrer, heads: Sequence[Image], columns: int = 8, painted: bool = False, compare: bool = False
) -> Image:
    """Draw (S, S, 3) uint8 head crops, each beside its emoji, in rows of one RGB picture.

    Args:
        transferrer: Makes the emoji.
        heads: The head crops.
        columns: Heads in a row.
        painted: Show what g paints.
        compare: Put between them the avatar that c and f choose without the face parser.
    """
    makers = [transferrer]
    if compare:
        plain = Transferrer(transferrer.checkpoint, transferrer.device, measures_appearance=False)
        makers.insert(0, plain)
    groups = []
    for head in heads:
        emoji = [make_emoji(maker, head, painted) for maker in makers]
        shown = [images.composite_over(one, (BACKGROUND,) * 3) if one.shape[2] == 4 else one for one in emoji]
        cells = [cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA) for picture in (head, *shown)]
        groups.append(np.hstack(cells))
    blank = np.full_like(groups[0], BACKGROUND)
    groups += [blank] * (-len(groups) % columns)
    return images.grid([groups[i : i + columns] for i in range(0, len(groups), columns)], gap=6, background=BACKGROUND)


def make_emoji(transferrer: Transferrer, head: Image, painted: bool = False) -> Image:
    """Make the emoji of a head crop: c's bust, RGBA; if painted or without c, upscaled G(x), RGB or RGBA."""
    x = images.to_tensor([head]).to(transferrer.device)
    if painted or not transferrer.draws:
        return images.to_images(transferrer.upscale(transferrer.transfer(x)))[0]
    (avatar,) = transferrer.checkpoint.predictor.decide(transferrer.read(x))
    return avatar.image(CELL)


def held_out_heads(data: Path, n: int, seed: int) -> list[Image]:
    """Return head crops of n random photos of CelebA's test part, which may not be redistributed."""
    photos = portraits.celeba(data, "test", ())
    chosen = np.random.default_rng(seed).choice(len(photos), min(n, len(photos)), replace=False)
    return [portraits.head_crop(photos.pictures[i], photos.eyes, 128) for i in chosen]


def public_domain_heads(n: int, seed: int) -> list[Image]:
    """Return n freely usable faces: a quarter are relit views of portraits from installed packages, the rest are
    illustrations of other styles that f never learnt from."""
    rng = np.random.default_rng(seed)
    people = list(portraits.public_domain().values())
    views = n // 4 if people else 0
    faces = [_view(rng, people[i % len(people)]) for i in range(views)]
    sources = list(illustrations.ILLUSTRATION_STYLES)
    for i in range(n - views):
        drawn = illustrations.render(sources[int(rng.integers(len(sources)))], FIRST_SEED + 1000 * seed + i, 128)
        faces.append(images.composite_over(drawn, tuple(int(v) for v in rng.integers(90, 230, 3))))
    return faces


def _view(rng: np.random.Generator, photo: Image) -> Image:
    """Crop the head of the largest face, relit, mirrored half of the time."""
    if rng.random() < 0.5:
        photo = np.ascontiguousarray(photo[:, ::-1])
    light = rng.uniform(0.6, 1.35) * (1 + rng.uniform(-0.12, 0.12, 3))
    photo = np.clip(photo * light, 0, 255).astype(np.uint8)
    return align(photo, detect(photo, max_faces=1)[0]).image
