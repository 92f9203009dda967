"""Avatars with the attributes of those that were drawn, so that what is compared is the hand and not who is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...avatars.parameters import HAIR_COLOURS
from ...domains import avatars, styles
from ...domains.avatars import VectorStyle
from ..baselines import SEEDS
from ..nets import over_grey
from .shown import Shown, of_attributes

MATCHED = SEEDS + 600_000
"""Seeds of these avatars start at this."""

COUNT = 4000


def matched(
    style: VectorStyle, wanted: Sequence[Shown], seed: int = 0, first: int = MATCHED, count: int = COUNT
) -> tuple[Tensor, float]:
    """For each of N drawings, a random one of the avatars (seeds from first on, rare attributes made common) that share
    most of its attributes: (N, 3, 64, 64) in [-1, 1]; and the share of drawings that one has all of."""
    told = [avatars.sample(s, avatars.BALANCED, style).attributes for s in range(first, first + count)]
    picked, exact = pick(signatures(wanted), signatures([of_attributes(a) for a in told]), seed)
    once, index = np.unique(picked, return_inverse=True)
    drawn = styles.draw(style, (first + once).tolist(), rates=avatars.BALANCED).pictures
    return over_grey(drawn)[index], exact


def signatures(shown: Sequence[Shown]) -> NDArray[np.int64]:
    """(N, 7) numbers: glasses, bald, hat, beard, presentation (open for the bald, unless they have a beard), hair's
    colour, skin's."""
    hair = [None, *HAIR_COLOURS]
    rows = []
    for s in shown:
        male = None if s.bald and not s.beard else s.male
        yes = [-1 if value is None else int(value) for value in (s.glasses, s.bald, s.hat, s.beard, male)]
        rows.append([*yes, hair.index(s.hair), s.skin])
    return np.array(rows)


def pick(wanted: NDArray[np.int64], there: NDArray[np.int64], seed: int = 0) -> tuple[NDArray[np.int64], float]:
    """(N,) places of random ones of those among (M, k) that differ least from each of (N, k); and the share of N that
    has one just like it."""
    misses = sum((wanted[:, i, None] != there[None, :, i]).astype(np.float32) for i in range(wanted.shape[1]))
    ties = np.random.default_rng(seed).uniform(0, 0.5, misses.shape)
    return (misses + ties).argmin(1), round(float((misses.min(1) == 0).mean()), 4)
