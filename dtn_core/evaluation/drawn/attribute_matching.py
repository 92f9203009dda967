"""Avatars with the attributes of those that were drawn, so that what is compared is the hand and not who is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...avatars import engine, styles
from ...avatars.choose import is_choosable
from ...avatars.parameters import HAIR_COLOURS, DrawnStyle, Parameters
from ..baselines import SEEDS
from ..nets import over_grey
from .depicted_attributes import Shown, of_parameters

MATCHED = SEEDS + 600_000
"""Seeds of these avatars start at this."""

COUNT = 8000


def matched(
    wanted: Sequence[Parameters], seed: int = 0, first: int = MATCHED, count: int = COUNT
) -> tuple[Tensor, float]:
    """For each of N drawings, a random one of the avatars that a network may choose (seeds from first on, rare
    attributes made common) that share most of its attributes, with its shape: (N, 3, 64, 64) in [-1, 1]; and the share
    of drawings that one has all of."""
    there, known = _pool(wanted[0].style, first, count, seed)
    picked, exact = pick(signatures([of_parameters(p) for p in wanted]), known, seed)
    alike = [replace(there[i], shape=p.shape) for i, p in zip(picked, wanted)]
    return over_grey(np.stack([engine.image(p, 64, "head") for p in alike])), exact


@lru_cache(maxsize=4)
def _pool(style: DrawnStyle, first: int, count: int, seed: int) -> tuple[list[Parameters], NDArray[np.int64]]:
    """Avatars that a network may choose, and their `signatures`."""
    there = [p for p in styles.sample_parameters(style, first, count, seed) if is_choosable(p)]
    return there, signatures([of_parameters(p) for p in there])


def signatures(shown: Sequence[Shown]) -> NDArray[np.int64]:
    """(N, 9) numbers: glasses, bald, hat, beard, presentation (open for the bald, unless they have a beard), smiling,
    mouth open, hair's colour, skin's."""
    hair = [None, *HAIR_COLOURS]
    rows = []
    for s in shown:
        male = None if s.bald and not s.beard else s.male
        known = (s.glasses, s.bald, s.hat, s.beard, male, s.smiling, s.mouth_open)
        rows.append([*(-1 if value is None else int(value) for value in known), hair.index(s.hair), s.skin])
    return np.array(rows)


def pick(wanted: NDArray[np.int64], there: NDArray[np.int64], seed: int = 0) -> tuple[NDArray[np.int64], float]:
    """(N,) places of random ones of those among (M, k) that differ least from each of (N, k); and the share of N that
    has one just like it."""
    misses = sum((wanted[:, i, None] != there[None, :, i]).astype(np.float32) for i in range(wanted.shape[1]))
    ties = np.random.default_rng(seed).uniform(0, 0.5, misses.shape)
    return (misses + ties).argmin(1), round(float((misses.min(1) == 0).mean()), 4)
