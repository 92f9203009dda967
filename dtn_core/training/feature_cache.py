"""Feature caches: all that the transfer's loop touches, made once, since f is frozen."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from ..avatars import attributes as avatars
from ..avatars import styles
from ..config import DigitsTransfer, FacesTransfer, FoldersTransfer, StyleTransfer, TransferTraining, kind_of
from ..core import augment, images
from ..core.errors import UserError, reason_of
from ..core.files import temporary_directory, write_error
from ..core.images import to_float, to_rgb
from ..core.types import Image
from ..data import digits, folders, portraits, screen_print
from ..data.folders import Pictures
from ..networks import checkpoint, encoders
from ..networks.dlib_models import download_facenet
from .stages.classifier import channels_first, head

CROP = 128
"""Side of the head crops that f sees of photos, before it scales them to its own size."""

VAL = 1000
"""At most so many validation pictures of s."""

VAL_T = 200
"""At most so many of t."""

PARTIAL = ("absent_s", "absent_t", "limit_s", "limit_t")
"""Settings of digits that leave out a part of a pack."""

FORMAT = 5
"""Part of a kept cache's name: other caches are made anew."""


@dataclass(frozen=True)
class FeatureCache:
    """All that the loop touches.

    f_s: (N, views, dim) f of jittered views of the source pictures; t: (M, C, S, S) uint8 target pictures, RGBA ones
    premultiplied, see `images`; f_t: (M, dim); f_val: (K, dim) f of validation pictures of s; val: (K, S, S, 3) uint8
    those pictures; t_val, f_t_val: as t and f_t, of held-out target pictures; x_s: (N, views, 3, S, S) uint8, the views
    themselves, for a G that doesn't contain f (digits only); source: where both domains come from, in words; made_by:
    the `identity` of f.
    """

    f_s: Tensor
    t: Tensor
    f_t: Tensor
    f_val: Tensor
    val: Tensor
    t_val: Tensor
    f_t_val: Tensor
    x_s: Tensor | None = None
    source: str = ""
    made_by: str = ""

    def write(self, path: Path) -> None:
        """Write as one safetensors file, whole or not at all; features as fp16, targets deflated. Raises UserError
        with one line if it can't be written."""
        tensors = {k: v for k, v in vars(self).items() if isinstance(v, Tensor)}
        halved = {k: (v.half() if v.is_floating_point() else v).contiguous().clone() for k, v in tensors.items()}
        shapes = {}
        for key in ("t", "t_val"):  # drawings shrink to a sixth, so that a pack can be carried to a GPU
            squeezed = zlib.compress(halved[key].numpy().tobytes())
            shapes[key] = json.dumps(list(halved[key].shape))
            halved[key] = torch.frombuffer(bytearray(squeezed), dtype=torch.uint8)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary_directory(path) as folder:  # save_file leaves files of its own where it is killed
                temporary = folder / path.name
                save_file(halved, temporary, metadata={"source": self.source, "f": self.made_by, **shapes})
                temporary.replace(path)
        except (OSError, SafetensorError) as error:
            raise write_error(path, error, "Free space, or choose another.") from None

    @classmethod
    def read(cls, path: Path) -> FeatureCache:
        """The inverse of `write`. Raises UserError with one line if it is missing, damaged or no pack."""
        found = _metadata(path)
        try:
            with safe_open(path, "pt") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
            for key in ("t", "t_val"):
                raw = bytearray(zlib.decompress(tensors[key].numpy().tobytes()))
                tensors[key] = torch.frombuffer(raw, dtype=torch.uint8).view(json.loads(found[key]))
            wide = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
            return cls(**wide, source=found.get("source", ""), made_by=found.get("f", ""))
        except (OSError, SafetensorError, zlib.error, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"{path}: damaged, or no feature cache ({reason_of(error)}). Make it again.") from None


def make_encoder(name: str, device: str = "cpu") -> nn.Module:
    """f by its name in `TransferTraining.encoder`: "dlib", "facenet", a checkpoint, or several joined by "+". facenet's
    weights are downloaded where they aren't here."""
    if "facenet" in name.split("+"):
        download_facenet()
    parts = [
        encoders.build({"name": part}) if part in ("dlib", "facenet") else checkpoint.load_encoder(part)
        for part in name.split("+")
    ]
    f = parts[0] if len(parts) == 1 else encoders.SideBySide(parts)
    return f.to(device).eval().requires_grad_(False)


def identity(f: nn.Module) -> str:
    """16 hex digits that tell an f from any other: SHA-256 over its settings and its weights."""
    digest = hashlib.sha256(json.dumps(f.config).encode())
    for key, value in sorted(f.state_dict().items()):
        digest.update(key.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def check_cache(path: Path, f: nn.Module) -> None:
    """Look at the head of a pack's file. Raises UserError with one line if it isn't one, or if another f made it."""
    made_by = _metadata(path).get("f")
    if not made_by:
        raise UserError(f"{path}: made by an earlier version, which didn't say with which f. Make it again.")
    if made_by != identity(f):
        raise UserError(f"{path}: made with another f. Give the encoder it was made with, or make it again.")


def read_cache(path: Path, f: nn.Module) -> FeatureCache:
    """The pack of a file, to train with this very f. Raises UserError as `check_cache` and `FeatureCache.read`."""
    check_cache(path, f)
    return FeatureCache.read(path)


def _metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself. Raises UserError with one line if there is no such file."""
    if not path.is_file():
        raise UserError(f"{path}: no such feature cache. Make one with --write-feature-cache.")
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: damaged, or no feature cache ({reason_of(error)}). Make it again.") from None


def cache_path(config: TransferTraining, f: nn.Module, data: Path | None, folder: Path) -> Path:
    """Where the pack of these settings, these pictures and this very f is kept."""
    settings: list[Any]
    if isinstance(config, FacesTransfer):
        settings = [config.views, config.limit, config.avatars, config.seed, repr(avatars.RICH)]
        settings += [config.style, config.utkface, _contents(config, data)]
    elif isinstance(config, StyleTransfer):
        settings = [config.views, config.limit, config.photos, config.seed, config.utkface, _contents(config, data)]
        settings.append(repr(screen_print.read_inks(config.picture)))
    elif isinstance(config, FoldersTransfer):
        settings = [config.views, config.limit, config.size, config.heads]
        settings += [_fingerprint(path) for path in (config.s, config.t)]
    else:
        # What is to be absent is taken out of the whole pack, so it has no part in the name.
        settings = [config.views, config.limit, config.swap, _contents(config, data)]
    name = hashlib.sha256(json.dumps([FORMAT, kind_of(config), identity(f), settings]).encode()).hexdigest()
    return folder / f"{name[:12]}.safetensors"


def _contents(config: TransferTraining, data: Path | None) -> list[tuple[str, str]]:
    """(name, SHA-256) of each file in the data folder that a pack of these settings is made of."""
    if data is None:
        return []
    if isinstance(config, DigitsTransfer):
        files = digits.files(data)
    else:
        names = ["celeba.zip", "celeba_attributes.csv"] + ["utkface.zip"] * bool(config.utkface)
        if isinstance(config, StyleTransfer):
            names += ["celebahq.zip", "celebahq_attributes.csv"]
        else:
            names += styles.STYLES[config.style].pack_files
        files = [path for path in (data / name for name in names) if path.is_file()]
    found = []
    for path in files:
        with path.open("rb") as file:
            found.append((path.name, hashlib.file_digest(file, "sha256").hexdigest()))
    return found


@torch.no_grad()
def build_cache(config: TransferTraining, f: nn.Module, data: Path | None, device: str) -> FeatureCache:
    """Read or draw both domains and compute f once on all. Labels of neither are looked at, except to leave out a
    digit where the settings ask for it."""
    make = {FacesTransfer: _faces, StyleTransfer: _style, DigitsTransfer: _digits, FoldersTransfer: _folders}
    return replace(make[type(config)](config, f, data, device), made_by=identity(f))


def _faces(config: FacesTransfer, f: nn.Module, data: Path | None, device: str) -> FeatureCache:
    """Photos → drawings."""
    data = portraits.data_folder(data)
    seeds = range(config.avatars + min(VAL_T, config.avatars))
    return _of_photos(config, f, data, device, styles.draw(config.style, seeds, data, avatars.RICH).pictures)


def _style(config: StyleTransfer, f: nn.Module, data: Path | None, device: str) -> FeatureCache:
    """Photos → photos of another set, stylised."""
    data = portraits.data_folder(data)
    return _of_photos(config, f, data, device, stylised(config, data, config.photos))


def stylised(config: StyleTransfer, data: Path, limit: int) -> Image:
    """The first photos of CelebA-HQ's training part, stylised: (N, S, S, 4) uint8. Raises UserError where the set or
    the style picture can't be read."""
    inks = screen_print.read_inks(config.picture)
    photos = portraits.celebahq(data, "train", (), limit)
    crops = (portraits.head_crop(picture, photos.eyes, CROP) for picture in photos.pictures)
    rows = tqdm(crops, desc="t", total=len(photos), unit="photo")
    return np.stack([screen_print.screen_print(crop, inks, config.size) for crop in rows])


def _of_photos(
    config: FacesTransfer | StyleTransfer, f: nn.Module, data: Path, device: str, targets: Image
) -> FeatureCache:
    """Photos of CelebA and UTKFace → (N, S, S, 4) targets, of which the last are held out."""
    sets = [portraits.celeba(data, "train", (), config.limit)]
    if more := round(config.utkface * len(sets[0])):
        sets.append(portraits.utkface(data, "train", (), more))
    held = portraits.celeba(data, "val", (), config.limit)
    rng = np.random.default_rng(config.seed)
    photos = [portraits.head_crop(picture, part.eyes, CROP) for part in sets for picture in part.pictures]
    rows = []
    for crops in tqdm(batches(np.stack(photos), 16), desc="f(s)", unit="batch"):
        views = [view for crop in crops for view in (crop, *_jittered(crop, rng, config.views - 1))]
        rows.append(f(images.to_tensor(views).to(device)).cpu().unflatten(0, (len(crops), config.views)))
    t = _packed(targets)
    f_t = _features(f, t, device)
    val = np.stack([portraits.head_crop(p, held.eyes, CROP) for p in held.pictures])
    f_val = [f(images.to_tensor(part).to(device)).cpu() for part in np.array_split(val, max(1, len(val) // 64))]
    small = np.stack([cv2.resize(p, (64, 64), interpolation=cv2.INTER_AREA) for p in val])
    held_t = min(VAL_T, len(t) // 2)
    learnt, kept = slice(len(t) - held_t), slice(len(t) - held_t, None)
    return FeatureCache(
        torch.cat(rows), t[learnt], f_t[learnt], torch.cat(f_val), torch.from_numpy(small), t[kept], f_t[kept],
        source=f"{' and '.join(['CelebA', 'UTKFace'][: len(sets)])} → {_target(config)}",
    )  # fmt: skip


def _jittered(crop: Image, rng: np.random.Generator, count: int) -> list[Image]:
    """A crop, moved at random."""
    way = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    return [cv2.warpAffine(crop, augment.affine_matrix(rng, CROP, 0.4), (CROP, CROP), **way) for _ in range(count)]


def _target(config: FacesTransfer | StyleTransfer) -> str:
    return config.style if isinstance(config, FacesTransfer) else "stylised CelebA-HQ"


def read_folders(config: FoldersTransfer) -> tuple[Pictures, Pictures]:
    """The user's own s, at `CROP`, and t, at the size that g paints. Raises UserError with one line if a folder is
    missing or has too few pictures, or if both are the same."""
    if not (config.s and config.t):
        raise UserError("which pictures? Give two folders or zips: --set s=DIR --set t=DIR.")
    s = folders.read(config.s, CROP, config.limit, crop=head if config.heads else None)
    t = folders.read(config.t, config.size, config.limit, alpha=True)
    folders.check_pair(s, t, config.s, config.t)
    return s, t


def _folders(config: FoldersTransfer, f: nn.Module, data: Path | None, device: str) -> FeatureCache:
    """The user's own two folders; a tenth of each is held out."""
    s, t = read_folders(config)
    (learn_s, held_s), (learn_t, held_t) = folders.split(len(s.x)), folders.split(len(t.x))
    x = _packed(s.x[learn_s])
    random = torch.Generator().manual_seed(0)
    views = [x] + [_augmented(x, random, grey=True, angle=6, scale=0.06, shift=0.04) for _ in range(config.views - 1)]
    x_t = _packed(t.x)
    f_t = _features(f, x_t, device)
    small = [cv2.resize(p, (config.size,) * 2, interpolation=cv2.INTER_AREA) for p in s.x[held_s]]
    return FeatureCache(
        torch.stack([_features(f, view, device) for view in views], 1), x_t[learn_t], f_t[learn_t],
        _features(f, _packed(s.x[held_s]), device), torch.from_numpy(np.stack(small)), x_t[held_t], f_t[held_t],
        source="own folders",
    )  # fmt: skip


def _fingerprint(path: str | None) -> list[Any]:
    """A folder or zip and what tells that it has changed since: names, sizes and times of its files."""
    root = Path(path or ".").resolve()
    files = sorted(root.rglob("*")) if root.is_dir() else [root]
    found = [(str(file), (facts := file.stat()).st_size, facts.st_mtime_ns) for file in files if file.is_file()]
    return [str(root), hashlib.sha256(repr(found).encode()).hexdigest()]


def _packed(pictures: Image) -> Tensor:
    """(N, S, S, C) uint8 → (N, C, S, S) uint8, RGBA premultiplied as in `images`."""
    parts = [images.to_uint8(images.to_tensor(part)) for part in batches(pictures, 256)]
    return torch.cat(parts)


def _features(f: nn.Module, x: Tensor, device: str) -> Tensor:
    """f of (N, C, S, S) uint8 pictures → (N, dim), on the CPU."""
    rows = tqdm(x.split(128), desc="f", unit="batch", leave=False)
    return torch.cat([f(to_rgb(to_float(row)).to(device)).cpu() for row in rows])


def batches(x: Image, n: int) -> list[Image]:
    return [x[i : i + n] for i in range(0, len(x), n)]


def get_cache(config: TransferTraining, f: nn.Module, data: Path | None, device: str, folder: Path) -> FeatureCache:
    """The pack of these settings; made and kept in the folder if it isn't there yet."""
    whole = replace(config, **dict.fromkeys(PARTIAL)) if isinstance(config, DigitsTransfer) else config
    path = cache_path(whole, f, data, folder)
    if not path.exists():
        build_cache(whole, f, data, device).write(path)
    pack = FeatureCache.read(path)
    return pack if config == whole else _without(pack, config, data)


def _digits(config: DigitsTransfer, f: nn.Module, data: Path | None, device: str) -> FeatureCache:
    """Street numbers → handwritten digits, or the other way round (`DigitsTransfer.swap`)."""
    street = [digits.svhn(data, "train", config.limit), digits.svhn(data, "unlabelled", config.limit)]
    hand = [digits.mnist(data, "train", config.limit)]
    street_val, hand_val = digits.svhn(data, "val", config.limit), digits.mnist(data, "test", config.limit)
    (s, val), t = ((hand, hand_val), street) if config.swap else ((street, street_val), hand)
    x, t_rgb = (torch.cat([channels_first(torch.from_numpy(part.x)) for part in parts]) for parts in (s, t))
    random = torch.Generator().manual_seed(0)
    views = [x] + [_augmented(x, random, config.swap) for _ in range(config.views - 1)]
    x_val = channels_first(torch.from_numpy(val.x[:VAL]))

    held_t = channels_first(torch.from_numpy((street_val if config.swap else hand_val).x[:VAL_T]))
    pack = FeatureCache(
        torch.stack([_features(f, view, device) for view in views], 1),
        t_rgb if config.swap else t_rgb[:, :1].contiguous(),
        _features(f, t_rgb, device),
        _features(f, x_val, device),
        x_val.permute(0, 2, 3, 1).contiguous(),
        held_t if config.swap else held_t[:, :1].contiguous(),
        _features(f, held_t, device),
        torch.stack(views, 1),
        f"{s[0].source} → {t[0].source}",
    )
    return _without(pack, config, data)


def _without(pack: FeatureCache, config: DigitsTransfer, data: Path | None) -> FeatureCache:
    """The pack without the digits that the settings want absent, and of so many pictures. Unlabelled pictures of s go
    too, where a digit is to be absent there: nobody can tell it among them."""
    if all(getattr(config, name) is None for name in PARTIAL):
        return pack
    s, t = digits.svhn(data, "train", config.limit).y, digits.mnist(data, "train", config.limit).y
    if config.swap:
        s, t = t, s
    if config.absent_s is not None:
        here = torch.from_numpy(np.flatnonzero(s != config.absent_s))
        val = digits.mnist(data, "test", config.limit) if config.swap else digits.svhn(data, "val", config.limit)
        held = torch.from_numpy(np.flatnonzero(val.y[:VAL] != config.absent_s))
        pack = replace(pack, f_s=pack.f_s[here], x_s=pack.x_s[here], f_val=pack.f_val[held], val=pack.val[held])
    if config.absent_t is not None:
        here = torch.from_numpy(np.flatnonzero(t != config.absent_t))
        pack = replace(pack, t=pack.t[here], f_t=pack.f_t[here])
    few_s, few_t = slice(config.limit_s), slice(config.limit_t)
    return replace(pack, f_s=pack.f_s[few_s], x_s=pack.x_s[few_s], t=pack.t[few_t], f_t=pack.f_t[few_t])


def _augmented(x: Tensor, random: torch.Generator, grey: bool, **how: float) -> Tensor:
    """A view of every picture as in the training of f, without negatives; uint8 → uint8. how: of the random affine."""
    rows = []
    for part in x.split(512):
        moved = augment.random_affine(to_float(part), random, **how)
        moved = moved if grey else augment.color_jitter(moved, random, negative=0)
        rows.append(images.to_uint8(moved))
    return torch.cat(rows)
