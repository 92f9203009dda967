"""Baselines: a random avatar, the avatar whose f is nearest, and a supervised ceiling, the avatar that matches most of
f's attributes."""

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
from ..avatars import rendering, styles
from ..avatars.attributes import Attributes
from ..avatars.rendering import LabelledPictures
from ..config import Style
from ..core.types import Image
from ..data import portraits
from ..data.portraits import UNKNOWN
from ..networks import checkpoint
from ..networks.resnet import ATTRIBUTES, CELEBA, AttributeEncoder
from ..pipeline.model import Checkpoint
from .nets import batched, over_grey
from .questions import HAIR, NINE, utkface_truth

FIRST_SEED = 50_000_000
"""Seeds of the avatars used here start here; training never uses them."""

CLEAN_SEEDS = FIRST_SEED + 200_000
"""Seeds of the avatars that cleanliness is compared with."""

MATCHING_SEEDS = FIRST_SEED + 400_000
"""Seeds of the avatars that the ceiling picks from."""

CEILING, NEAREST, RANDOM = "supervised_ceiling", "nearest_avatar", "random_avatar"
BASELINES = {NEAREST: "nearest avatar", RANDOM: "random avatar", CEILING: "supervised ceiling"}


def drawn_pool(style: Style, data: Path, pool: int, clean: int) -> tuple[LabelledPictures, LabelledPictures]:
    """Return pictures of a style for the baselines, and others that nothing learnt; at most `pool` and `clean`."""
    if style in styles.PACKS:
        learnt, held_out = rendering.split_pack(style, data)
        return learnt.part(0, pool), held_out.part(0, clean)
    drawn = rendering.draw(style, [*range(FIRST_SEED, FIRST_SEED + pool), *range(CLEAN_SEEDS, CLEAN_SEEDS + clean)])
    return drawn.part(0, pool), drawn.part(pool)


@torch.no_grad()
def nearest(loaded: Checkpoint, z: dict[str, Tensor], pool: Tensor) -> dict[str, Tensor]:
    """Find the avatars of a pool whose standardised f is nearest to that of photos.

    Args:
        loaded: Whose f.
        z: Dataset → (N, dim) standardised f of the photos.
        pool: (M, 3, 64, 64).

    Returns:
        Dataset → (N,) indices.
    """
    z_pool = loaded.standardise_t(batched(loaded.f, pool))
    return {k: torch.cat([torch.cdist(part, z_pool).argmin(1) for part in v.split(256)]) for k, v in z.items()}


WANTED = ("glasses", "bald", "hat", "beard", "male", *HAIR, "dark_skin", "old")
"""Attributes that the ceiling reads in the photo and matches in an avatar."""


def attribute_encoder(loaded: Checkpoint) -> AttributeEncoder:
    """Return the part of f that reads the named attributes, or the shipped encoder if there is none."""
    for module in loaded.f.modules():
        if isinstance(module, AttributeEncoder) and module.config["outputs"] == len(ATTRIBUTES):
            return module
    return checkpoint.load_encoder("encoder")


def base_rates(data: Path) -> NDArray[np.float64]:
    """Return (len(WANTED),) shares of the training photos: thresholds with the best balanced accuracy."""
    with (data / "celeba_attributes.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if portraits.split_of(r["file"]) == "train"]
    celeba = {a: np.mean([float(r[a]) for r in rows]) for a in CELEBA}
    with zipfile.ZipFile(data / "utkface.zip") as pack:
        names = [n for n in pack.namelist() if portraits.split_of(n) == "train" and len(n.split("_")) == 4]
    labels = utkface_truth(names)
    dark = labels["dark_skin"][labels["dark_skin"] != UNKNOWN].mean()
    return np.array([*_as_wanted(celeba), dark, labels["old"].mean()], np.float64)


def _as_wanted(celeba: dict[str, Any]) -> list[Any]:
    """Return CelebA's probabilities or shares in the order of `WANTED`."""
    return [1 - celeba[label] if label == "No_Beard" else celeba[label] for label in NINE.values()]


def wanted_attributes(logits: Tensor, rates: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, len(ATTRIBUTES)) logits → (N, len(WANTED)): whether an attribute is likelier than its base rate."""
    chances = dict(zip(ATTRIBUTES, logits.sigmoid().numpy().T))
    dark = chances["race_Black"] + chances["race_Indian"]
    return np.stack([*_as_wanted(chances), dark, chances["age_60"]], 1) > rates


def depicted_attributes(attributes: Attributes) -> list[float]:
    """Return `WANTED` of an avatar: 0, 1, or .5 if it is open. Hair under a hat has no colour."""
    a = attributes
    # Without a hat, and without a label for baldness, the hair may have any colour.
    is_open = a.bald is None and not a.hat
    labels = (a.glasses, a.bald, a.hat, a.beard, a.male)
    glasses, bald, hat, beard, male = (0.5 if v is None else float(v) for v in labels)
    hair = [0.5 if is_open else float(a.hair == name.removeprefix("hair_")) for name in HAIR]
    old = 0.5 if is_open else float(bool(a.bald) or a.hair == "grey")
    dark = 0.5 if a.skin is None else float(a.skin in ("brown", "dark"))
    return [glasses, bald if is_open else float(bool(a.bald)), hat, beard, male, *hair, dark, old]


def ceiling(
    loaded: Checkpoint, crops: dict[str, Image], data: Path, learnt: LabelledPictures, style: Style, seed: int
) -> dict[str, Tensor]:
    """Return dataset → (N, 3, 64, 64) `matching_avatars` for f's attributes of its photos."""
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
    among: LabelledPictures | None = None,
) -> Tensor:
    """Pick, for each photo, a random one of the avatars that match most of its attributes.

    This is a translation with the knowledge of f's logits that draws as the artist does.

    Args:
        wanted: (N, len(WANTED)).
        seed: Seed of the choice among equals.
        count: How many avatars to pick from; rare attributes are made common.
        style: Their style.
        among: Pick from these pictures instead, by their labels.

    Returns:
        (N, 3, 64, 64).
    """
    seeds = range(MATCHING_SEEDS, MATCHING_SEEDS + count)
    if among is None:
        labels = [rendering.sample(s, avatars.BALANCED_RATES, style).attributes for s in seeds]
    else:
        labels = among.attributes[:count]
    pool = np.array([depicted_attributes(attributes) for attributes in labels])
    # |w − t| summed, for w of 0 and 1, without an (N, count, len(WANTED)) array.
    misses = wanted @ (1 - pool).T + (1 - wanted) @ pool.T
    ties = np.random.default_rng(seed).uniform(0, 0.01, misses.shape)
    picked, index = np.unique((misses + ties).argmin(1), return_inverse=True)
    if among is None:
        drawn = rendering.draw(style, (MATCHING_SEEDS + picked).tolist(), rates=avatars.BALANCED_RATES).pictures
    else:
        drawn = among.pictures[picked]
    return over_grey(drawn)[index]
