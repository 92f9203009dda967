"""Compute feature caches from data sets: one builder for each kind of transfer (`BUILDERS`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ..avatars import attributes as avatars
from ..avatars import rendering, styles
from ..config import DigitsTransfer, FacesTransfer, FoldersTransfer, StyleTransfer, TransferTraining
from ..core import augment, images
from ..core.errors import UserError
from ..core.images import to_float, to_rgb
from ..core.progress import track
from ..core.types import Image
from ..data import digits, folders, portraits, screen_print
from ..data.folders import Pictures
from .feature_file import FeatureCache
from .stages.classifier import channels_first, head

CROP = 128
"""Side of the head crops of photos; f scales them to its own size."""

MAX_VAL_S = 1000
"""Validation pictures of s at most."""

MAX_VAL_T = 200
"""Held-out pictures of t at most."""

SELECTION = ("absent_s", "absent_t", "limit_s", "limit_t")
"""Settings of digits that select a part of the complete cache."""


class Builder(Protocol):
    """Computes the feature cache of a kind of transfer from its settings and the data folder."""

    def __init__(self, config: TransferTraining, data: Path | None) -> None: ...

    def key(self) -> list[Any]:
        """Plain values that change whenever `build` would give another cache with the same f."""

    def build(self, f: nn.Module, device: str) -> FeatureCache:
        """Read or draw both domains and compute f of all pictures."""


class FacesBuilder:
    """Photos → drawings."""

    def __init__(self, config: FacesTransfer, data: Path | None) -> None:
        self.config = config
        self.data = data

    def key(self) -> list[Any]:
        config = self.config
        files = _hashes(self.data, [*_photo_files(config), *styles.STYLES[config.style].pack_files])
        return [
            config.views, config.limit, config.avatars, config.seed, repr(avatars.ENRICHED_RATES), config.style,
            config.utkface, files,
        ]  # fmt: skip

    def build(self, f: nn.Module, device: str) -> FeatureCache:
        data = portraits.data_folder(self.data)
        seeds = range(self.config.avatars + min(MAX_VAL_T, self.config.avatars))
        targets = rendering.draw(self.config.style, seeds, data, avatars.ENRICHED_RATES).pictures
        return _build_from_photos(self.config, f, data, device, targets, self.config.style)


class StyleBuilder:
    """Photos → stylised photos of another data set."""

    def __init__(self, config: StyleTransfer, data: Path | None) -> None:
        self.config = config
        self.data = data

    def key(self) -> list[Any]:
        config = self.config
        files = _hashes(self.data, [*_photo_files(config), "celebahq.zip", "celebahq_attributes.csv"])
        inks = repr(screen_print.read_inks(config.picture))
        return [config.views, config.limit, config.photos, config.seed, config.utkface, files, inks]

    def build(self, f: nn.Module, device: str) -> FeatureCache:
        data = portraits.data_folder(self.data)
        targets = stylised(self.config, data, self.config.photos)
        return _build_from_photos(self.config, f, data, device, targets, "stylised CelebA-HQ")


class DigitsBuilder:
    """Street numbers → handwritten digits, or the reverse (`DigitsTransfer.swap`)."""

    def __init__(self, config: DigitsTransfer, data: Path | None) -> None:
        self.config = config
        self.data = data

    def key(self) -> list[Any]:
        # `select_digits` works on the complete cache, so its settings don't matter here.
        files = [] if self.data is None else _hash_files(digits.files(self.data))
        return [self.config.views, self.config.limit, self.config.swap, files]

    def build(self, f: nn.Module, device: str) -> FeatureCache:
        config, data = self.config, self.data
        street = [digits.svhn(data, "train", config.limit), digits.svhn(data, "unlabelled", config.limit)]
        handwritten = [digits.mnist(data, "train", config.limit)]
        street_val = digits.svhn(data, "val", config.limit)
        handwritten_val = digits.mnist(data, "test", config.limit)
        if config.swap:
            s, s_val, t, t_val = handwritten, handwritten_val, street, street_val
        else:
            s, s_val, t, t_val = street, street_val, handwritten, handwritten_val

        x_s = torch.cat([channels_first(torch.from_numpy(part.x)) for part in s])
        x_t = torch.cat([channels_first(torch.from_numpy(part.x)) for part in t])
        x_val = channels_first(torch.from_numpy(s_val.x[:MAX_VAL_S]))
        x_t_val = channels_first(torch.from_numpy(t_val.x[:MAX_VAL_T]))
        random = torch.Generator().manual_seed(0)
        views = [x_s] + [_augmented(x_s, random, config.swap) for _ in range(config.views - 1)]
        channels = slice(None) if config.swap else slice(1)  # g paints handwritten digits in grey
        cache = FeatureCache(
            f_s=torch.stack([_features(f, view, device) for view in views], 1),
            t=x_t[:, channels].contiguous(),
            f_t=_features(f, x_t, device),
            f_val=_features(f, x_val, device),
            val=x_val.permute(0, 2, 3, 1).contiguous(),
            t_val=x_t_val[:, channels].contiguous(),
            f_t_val=_features(f, x_t_val, device),
            x_s=torch.stack(views, 1),
            source=f"{s[0].source} → {t[0].source}",
        )
        return select_digits(cache, config, data)


class FoldersBuilder:
    """The user's own two folders; a tenth of each is held out."""

    def __init__(self, config: FoldersTransfer, data: Path | None) -> None:
        self.config = config

    def key(self) -> list[Any]:
        config = self.config
        return [config.views, config.limit, config.size, config.heads, _fingerprint(config.s), _fingerprint(config.t)]

    def build(self, f: nn.Module, device: str) -> FeatureCache:
        s, t = read_folders(self.config)
        train_s, val_s = folders.split(len(s.x))
        train_t, val_t = folders.split(len(t.x))
        x_s = packed(s.x[train_s])
        x_t = packed(t.x)
        random = torch.Generator().manual_seed(0)
        views = [x_s]
        for _ in range(self.config.views - 1):
            views.append(_augmented(x_s, random, grey=True, angle=6, scale=0.06, shift=0.04))
        f_t = _features(f, x_t, device)
        return FeatureCache(
            f_s=torch.stack([_features(f, view, device) for view in views], 1),
            t=x_t[train_t],
            f_t=f_t[train_t],
            f_val=_features(f, packed(s.x[val_s]), device),
            val=torch.from_numpy(_resized(s.x[val_s], self.config.size)),
            t_val=x_t[val_t],
            f_t_val=f_t[val_t],
            source="own folders",
            notes=tuple(filter(None, map(folders.describe_skipped, (s, t), (self.config.s, self.config.t)))),
        )


BUILDERS: dict[type[TransferTraining], type[Builder]] = {
    FacesTransfer: FacesBuilder,
    StyleTransfer: StyleBuilder,
    DigitsTransfer: DigitsBuilder,
    FoldersTransfer: FoldersBuilder,
}


def stylised(config: StyleTransfer, data: Path, limit: int) -> Image:
    """The first photos of CelebA-HQ's training part, stylised: (N, S, S, 4) uint8.

    Raises:
        UserError: The data set or the style picture can't be read.
    """
    inks = screen_print.read_inks(config.picture)
    photos = portraits.celebahq(data, "train", (), limit)
    crops = (portraits.head_crop(picture, photos.eyes, CROP) for picture in photos.pictures)
    rows = track(crops, "printing photos", len(photos))
    return np.stack([screen_print.screen_print(crop, inks, config.size) for crop in rows])


def read_folders(config: FoldersTransfer) -> tuple[Pictures, Pictures]:
    """Read the user's own pictures of s, at `CROP` pixels, and of t, at the size that g paints.

    Raises:
        UserError: A folder is missing or has too few pictures, or both are the same.
    """
    if not (config.s and config.t):
        raise UserError("which pictures? Give two folders or zips: --set s=DIR --set t=DIR.")
    s = folders.read(config.s, CROP, config.limit, crop=head if config.heads else None)
    t = folders.read(config.t, config.size, config.limit, alpha=True)
    folders.check_pair(s, t, config.s, config.t)
    return s, t


def select_digits(cache: FeatureCache, config: DigitsTransfer, data: Path | None) -> FeatureCache:
    """Remove absent digits (`absent_s`, `absent_t`) and limit the pictures (`limit_s`, `limit_t`).

    If a digit is absent from s, its unlabelled pictures are removed, too: they may show that digit.
    """
    if all(getattr(config, name) is None for name in SELECTION):
        return cache
    y_s = digits.svhn(data, "train", config.limit).y
    y_t = digits.mnist(data, "train", config.limit).y
    if config.swap:
        y_s, y_t = y_t, y_s
    if config.absent_s is not None:
        read, split = (digits.mnist, "test") if config.swap else (digits.svhn, "val")
        y_val = read(data, split, config.limit).y[:MAX_VAL_S]
        s = torch.from_numpy(np.flatnonzero(y_s != config.absent_s))
        val = torch.from_numpy(np.flatnonzero(y_val != config.absent_s))
        cache = replace(cache, f_s=cache.f_s[s], x_s=cache.x_s[s], f_val=cache.f_val[val], val=cache.val[val])
    if config.absent_t is not None:
        t = torch.from_numpy(np.flatnonzero(y_t != config.absent_t))
        cache = replace(cache, t=cache.t[t], f_t=cache.f_t[t])
    first_s = slice(config.limit_s)
    first_t = slice(config.limit_t)
    return replace(
        cache, f_s=cache.f_s[first_s], x_s=cache.x_s[first_s], t=cache.t[first_t], f_t=cache.f_t[first_t]
    )  # fmt: skip


def _build_from_photos(
    config: FacesTransfer | StyleTransfer, f: nn.Module, data: Path, device: str, targets: Image, target: str
) -> FeatureCache:
    """Photos of CelebA and UTKFace → (N, S, S, 4) targets, of which the last are held out."""
    sets = [portraits.celeba(data, "train", (), config.limit)]
    if count := round(config.utkface * len(sets[0])):
        sets.append(portraits.utkface(data, "train", (), count))
    photos_val = portraits.celeba(data, "val", (), config.limit)
    rng = np.random.default_rng(config.seed)
    photos = [portraits.head_crop(picture, part.eyes, CROP) for part in sets for picture in part.pictures]
    rows = []
    for crops in track(batches(np.stack(photos), 16), "computing f(s)", unit="batch"):
        views = [view for crop in crops for view in (crop, *_jittered(crop, rng, config.views - 1))]
        features = f(images.to_tensor(views).to(device)).cpu()
        rows.append(features.unflatten(0, (len(crops), config.views)))
    t = packed(targets)
    f_t = _features(f, t, device)
    val = np.stack([portraits.head_crop(picture, photos_val.eyes, CROP) for picture in photos_val.pictures])
    f_val = [f(images.to_tensor(part).to(device)).cpu() for part in np.array_split(val, max(1, len(val) // 64))]
    train_count = len(t) - min(MAX_VAL_T, len(t) // 2)
    names = ["CelebA", "UTKFace"][: len(sets)]
    return FeatureCache(
        f_s=torch.cat(rows),
        t=t[:train_count],
        f_t=f_t[:train_count],
        f_val=torch.cat(f_val),
        val=torch.from_numpy(_resized(val, 64)),
        t_val=t[train_count:],
        f_t_val=f_t[train_count:],
        source=f"{' and '.join(names)} → {target}",
    )


def _jittered(crop: Image, rng: np.random.Generator, count: int) -> list[Image]:
    """Random affine views of a crop."""
    options = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    return [cv2.warpAffine(crop, augment.affine_matrix(rng, CROP, 0.4), (CROP, CROP), **options) for _ in range(count)]


def _augmented(x: Tensor, random: torch.Generator, grey: bool, **affine: float) -> Tensor:
    """A view of every picture as in the training of f, without negatives; uint8 → uint8.

    Args:
        x: (N, 3, S, S) uint8.
        random: Source of the randomness.
        grey: Whether to leave the colours as they are.
        affine: Options of `augment.random_affine`.
    """
    rows = []
    for part in x.split(512):
        view = augment.random_affine(to_float(part), random, **affine)
        if not grey:
            view = augment.color_jitter(view, random, negative=0)
        rows.append(images.to_uint8(view))
    return torch.cat(rows)


def _features(f: nn.Module, x: Tensor, device: str) -> Tensor:
    """f of (N, C, S, S) uint8 pictures: (N, dim), on the CPU."""
    rows = track(x.split(128), "computing f(t)", unit="batch")
    return torch.cat([f(to_rgb(to_float(row)).to(device)).cpu() for row in rows])


def packed(pictures: Image) -> Tensor:
    """(N, S, S, C) uint8 → (N, C, S, S) uint8, RGBA premultiplied as in `images`."""
    return torch.cat([images.to_uint8(images.to_tensor(part)) for part in batches(pictures, 256)])


def _resized(pictures: Image, size: int) -> Image:
    return np.stack([cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) for picture in pictures])


def batches(x: Image, n: int) -> list[Image]:
    """Consecutive slices of n pictures; the last one may be shorter."""
    return [x[i : i + n] for i in range(0, len(x), n)]


def _photo_files(config: FacesTransfer | StyleTransfer) -> list[str]:
    """Files of the data folder that the source photos come from."""
    names = ["celeba.zip", "celeba_attributes.csv"]
    if config.utkface:
        names.append("utkface.zip")
    return names


def _hashes(data: Path | None, names: Iterable[str]) -> list[tuple[str, str]]:
    """(name, SHA-256) of the existing files among these of the data folder."""
    if data is None:
        return []
    return _hash_files(path for path in (data / name for name in names) if path.is_file())


def _hash_files(paths: Iterable[Path]) -> list[tuple[str, str]]:
    hashes = []
    for path in paths:
        with path.open("rb") as file:
            hashes.append((path.name, hashlib.file_digest(file, "sha256").hexdigest()))
    return hashes


def _fingerprint(path: str | None) -> list[Any]:
    """A folder or zip, and a hash of the names, sizes and times of its files, which changes with its contents."""
    root = Path(path or ".").resolve()
    files = sorted(root.rglob("*")) if root.is_dir() else [root]
    stats = [(str(file), file.stat()) for file in files if file.is_file()]
    facts = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return [str(root), hashlib.sha256(repr(facts).encode()).hexdigest()]
