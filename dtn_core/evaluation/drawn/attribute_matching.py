"""Avatars with the attributes of those that c drew, so that a comparison is of the drawing style alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...avatars import engine, rendering
from ...avatars.choose import is_choosable
from ...avatars.parameters import HAIR_COLOURS, DrawnStyle, Parameters
from ..baselines import FIRST_SEED
from ..nets import over_grey
from .depicted_attributes import DepictedAttributes, of_parameters

FIRST_SEED = FIRST_SEED + 600_000
"""Seeds of these avatars start here."""

POOL_SIZE = 8000


def matching_drawings(
    drawings: Sequence[Parameters], seed: int = 0, first: int = FIRST_SEED, count: int = POOL_SIZE
) -> tuple[Tensor, float]:
    """Pick, for each of N drawings, a random avatar among those that share most of its attributes.

    Args:
        drawings: Parameters of the drawings, all of one style.
        seed: Seed of the choice, and of the avatars.
        first: First seed of the avatars to pick from; rare attributes are made common.
        count: How many avatars to sample; those that a network may not choose are left out.

    Returns:
        (N, 3, 64, 64) in [-1, 1], each with its drawing's shape, and the share of drawings with an exact match.
    """
    pool, pool_signatures = _pool(drawings[0].style, first, count, seed)
    picked, exact = pick(signatures([of_parameters(p) for p in drawings]), pool_signatures, seed)
    matches = [replace(pool[i], shape=p.shape) for i, p in zip(picked, drawings)]
    return over_grey(np.stack([engine.image(p, 64, "head") for p in matches])), exact


@lru_cache(maxsize=4)
def _pool(style: DrawnStyle, first: int, count: int, seed: int) -> tuple[list[Parameters], NDArray[np.int64]]:
    """Return avatars that a network may choose, and their `signatures`."""
    pool = [p for p in rendering.sample_parameters(style, first, count, seed) if is_choosable(p)]
    return pool, signatures([of_parameters(p) for p in pool])


def signatures(depicted: Sequence[DepictedAttributes]) -> NDArray[np.int64]:
    """Return (N, 9) integers: seven yes-no attributes (-1: open), hair colour, skin colour."""
    hair = [None, *HAIR_COLOURS]
    rows = []
    for avatar in depicted:
        male = None if avatar.bald and not avatar.beard else avatar.male
        flags = (
            avatar.glasses,
            avatar.bald,
            avatar.hat,
            avatar.beard,
            male,
            avatar.smiling,
            avatar.mouth_open,
        )
        rows.append([*(-1 if flag is None else int(flag) for flag in flags), hair.index(avatar.hair), avatar.skin])
    return np.array(rows)


def pick(wanted: NDArray[np.int64], pool: NDArray[np.int64], seed: int = 0) -> tuple[NDArray[np.int64], float]:
    """Pick the row of (M, k) that differs least from each of (N, k), ties at random.

    Returns:
        (N,) indices, and the share of N with an equal row.
    """
    misses = sum((wanted[:, i, None] != pool[None, :, i]).astype(np.float32) for i in range(wanted.shape[1]))
    ties = np.random.default_rng(seed).uniform(0, 0.5, misses.shape)
    return (misses + ties).argmin(1), round(float((misses.min(1) == 0).mean()), 4)
