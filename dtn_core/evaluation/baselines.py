"""What a translation is held beside: a random avatar, the avatar whose f is nearest, and a supervised ceiling, the
avatar that meets most of what f's attributes tell."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..avatars import attributes as avatars
from ..avatars import styles
from ..avatars.attributes import Attributes
from ..avatars.styles import Drawn
from ..config import Style
from ..core.types import Image
from ..data import portraits
from ..data.portraits import UNKNOWN
from ..networks import checkpoint
from ..networks.resnet import ATTRIBUTES, CELEBA, AttributeEncoder
from ..pipeline.model import Checkpoint
from .nets import batched, over_grey
from .questions import HAIR, NINE, utkface_truth

SEEDS = 50_000_000
"""Seeds of the avatars used here start at this; training never draws from there."""
_CLEAN, _MATCHING = SEEDS + 200_000, SEEDS + 400_000  # what cleanliness is compared with; what the ceiling picks from

CEILING, NEAREST, RANDOM = "supervised_ceiling", "nearest_avatar", "random_avatar"
BASELINES = {NEAREST: "nearest avatar", RANDOM: "random avatar", CEILING: "supervised ceiling"}


def drawn_pool(style: Style, data: Path, pool: int, clean: int) -> tuple[Drawn, Drawn]:
    """At most so many pictures of a style for the baselines, and others that nothing has learnt."""
    if style in styles.PACKS:
        learnt, held_out = styles.parts(style, data)
        return learnt.part(0, pool), held_out.part(0, clean)
    drawn = styles.draw(style, [*range(SEEDS, SEEDS + pool), *range(_CLEAN, _CLEAN + clean)])
    return drawn.part(0, pool), drawn.part(pool)


@torch.no_grad()
def nearest(loaded: Checkpoint, z: dict[str, Tensor], pool: Tensor) -> dict[str, Tensor]:
    """Set → (N,) places in the pool (M, 3, 64, 64) of the avatars whose f, standardised, is nearest to that of the
    photos, z."""
    z_pool = loaded.standardise_t(batched(loaded.f, pool))
    return {k: torch.cat([torch.cdist(part, z_pool).argmin(1) for part in v.split(256)]) for k, v in z.items()}


WANTED = ("glasses", "bald", "hat", "beard", "male", *HAIR, "dark_skin", "old")
"""What the ceiling reads off the photo and looks for in an avatar."""


def attribute_encoder(loaded: Checkpoint) -> AttributeEncoder:
    """The part of f that tells the named attributes, or the shipped encoder where f has none."""
    for module in loaded.f.modules():
        if isinstance(module, AttributeEncoder) and module.config["outputs"] == len(ATTRIBUTES):
            return module
    return checkpoint.load_encoder("encoder")


def base_rates(data: Path) -> NDArray[np.float64]:
    """(len(WANTED),) shares of the training photos that have each: the thresholds at which telling an attribute is
    best in balanced accuracy."""
    with (data / "celeba_attributes.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if portraits.split_of(r["file"]) == "train"]
    celeba = {a: np.mean([float(r[a]) for r in rows]) for a in CELEBA}
    with zipfile.ZipFile(data / "utkface.zip") as pack:
        names = [n for n in pack.namelist() if portraits.split_of(n) == "train" and len(n.split("_")) == 4]
    labels = utkface_truth(names)
    dark = labels["dark_skin"][labels["dark_skin"] != UNKNOWN].mean()
    return np.array([*_as_wanted(celeba), dark, labels["old"].mean()], np.float64)


def _as_wanted(celeba: dict[str, Any]) -> list[Any]:
    """CelebA's chances or shares in the order of `WANTED`."""
    return [1 - celeba[label] if label == "No_Beard" else celeba[label] for label in NINE.values()]


def wanted_attributes(logits: Tensor, rates: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, len(ATTRIBUTES)) logits of photos and base rates → (N, len(WANTED)): is it likelier than in any photo?"""
    chances = dict(zip(ATTRIBUTES, logits.sigmoid().numpy().T))
    dark = chances["race_Black"] + chances["race_Indian"]
    return np.stack([*_as_wanted(chances), dark, chances["age_60"]], 1) > rates


def shown_attributes(attributes: Attributes) -> list[float]:
    """`WANTED` of an avatar: 0, 1, or .5 where the drawing leaves it open. Hair under a hat has no colour."""
    a = attributes
    # Without a hat, a head of which it isn't told whether it is bald may have hair of any colour.
    unseen = a.bald is None and not a.hat
    labels = (a.glasses, a.bald, a.hat, a.beard, a.male)
    glasses, bald, hat, beard, male = (0.5 if v is None else float(v) for v in labels)
    hair = [0.5 if unseen else float(a.hair == name.removeprefix("hair_")) for name in HAIR]
    old = 0.5 if unseen else float(bool(a.bald) or a.hair == "grey")
    dark = 0.5 if a.skin is None else float(a.skin in ("brown", "dark"))
    return [glasses, bald if unseen else float(bool(a.bald)), hat, beard, male, *hair, dark, old]


def ceiling(
    loaded: Checkpoint, crops: dict[str, Image], data: Path, learnt: Drawn, style: Style, seed: int
) -> dict[str, Tensor]:
    """Set → (N, 3, 64, 64) `matching_avatars` for what f's attributes tell of its photos."""
    f, rates = attribute_encoder(loaded), base_rates(data)
    among = learnt if style in styles.PACKS else None
    count = min(4000, len(learnt.pictures))
    wanted = {k: wanted_attributes(f.logits(batched(f, v)), rates) for k, v in crops.items()}
    return {k: matching_avatars(v, seed, count, style, among) for k, v in wanted.items()}


def matching_avatars(
    wanted: NDArray[np.bool_],
    seed: int = 0,
    count: int = 4000,
    style: Style = "avataaars",
    among: Drawn | None = None,
) -> Tensor:
    """For each of (N, len(WANTED)) wishes, of so many avatars with rare attributes made common, one of those that meet
    most: (N, 3, 64, 64). A translation that knew what f's logits know, and drew as the artist does. among: pick from
    these pictures instead, by what of them is told."""
    seeds = range(_MATCHING, _MATCHING + count)
    if among is None:
        labels = [styles.sample(s, avatars.BALANCED, style).attributes for s in seeds]
    else:
        labels = among.attributes[:count]
    there = np.array([shown_attributes(attributes) for attributes in labels])
    # |w − t| summed, for w of 0 and 1, without an (N, count, len(WANTED)) array.
    misses = wanted @ (1 - there).T + (1 - wanted) @ there.T
    ties = np.random.default_rng(seed).uniform(0, 0.01, misses.shape)
    picked, index = np.unique((misses + ties).argmin(1), return_inverse=True)
    if among is None:
        drawn = styles.draw(style, (_MATCHING + picked).tolist(), rates=avatars.BALANCED).pictures
    else:
        drawn = among.pictures[picked]
    return over_grey(drawn)[index]
