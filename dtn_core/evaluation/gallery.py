"""What checkpoints make of faces that nobody picked: a sheet of random ones for each."""

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

UNSEEN = 1_000_000
"""Faces by other hands have seeds from here on: f has learnt from none of them."""

PAPER = 250


def sheet(transferrer: Transferrer, heads: Sequence[Image], columns: int = 8, painted: bool = False) -> Image:
    """(S, S, 3) uint8 head crops, each beside what is `made` of it, in rows: one RGB picture."""
    pairs = []
    for head in heads:
        emoji = made(transferrer, head, painted)
        shown = images.over(emoji, (PAPER,) * 3) if emoji.shape[2] == 4 else emoji
        both = (cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA) for picture in (head, shown))
        pairs.append(np.hstack(list(both)))
    blank = np.full_like(pairs[0], PAPER)
    pairs += [blank] * (-len(pairs) % columns)
    return images.grid([pairs[i : i + columns] for i in range(0, len(pairs), columns)], gap=6, background=PAPER)


def made(transferrer: Transferrer, head: Image, painted: bool = False) -> Image:
    """The bust that c draws of a head crop, RGBA; painted, or where there is no c: G(x), SR and all, RGB or RGBA."""
    x = images.to_tensor([head]).to(transferrer.device)
    predictor = None if painted else transferrer.checkpoint.predictor
    if predictor is None:
        return images.to_images(transferrer.upscale(transferrer.transfer(x)))[0]
    (avatar,) = predictor(x)
    return avatar.image(CELL)


def held_out(data: Path, n: int, seed: int) -> list[Image]:
    """Head crops of n random photos of CelebA's test part. They may not be passed on."""
    photos = portraits.celeba(data, "test", ())
    chosen = np.random.default_rng(seed).choice(len(photos), min(n, len(photos)), replace=False)
    return [portraits.head_crop(photos.pictures[i], photos.eyes, 128) for i in chosen]


def free(n: int, seed: int) -> list[Image]:
    """n faces that anyone may show: a quarter are views, in random light, of the portraits that come with installed
    packages; the rest are drawn by other hands, with seeds that f never saw."""
    rng = np.random.default_rng(seed)
    people = list(portraits.free().values())
    views = n // 4 if people else 0
    made = [_view(rng, people[i % len(people)]) for i in range(views)]
    hands = list(illustrations.HANDS)
    for i in range(n - views):
        drawn = illustrations.render(hands[int(rng.integers(len(hands)))], UNSEEN + 1000 * seed + i, 128)
        made.append(images.over(drawn, tuple(int(v) for v in rng.integers(90, 230, 3))))
    return made


def _view(rng: np.random.Generator, photo: Image) -> Image:
    """The head of the biggest face, in another light, mirrored half of the time."""
    if rng.random() < 0.5:
        photo = np.ascontiguousarray(photo[:, ::-1])
    light = rng.uniform(0.6, 1.35) * (1 + rng.uniform(-0.12, 0.12, 3))
    photo = np.clip(photo * light, 0, 255).astype(np.uint8)
    return align(photo, detect(photo, max_faces=1)[0]).image
