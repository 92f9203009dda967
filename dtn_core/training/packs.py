"""Training packs: all that the transfer's loop touches, made once, since f is frozen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from .. import checkpoint, images
from ..config import TransferTraining
from ..domains import avatars, digits, portraits
from ..images import to_float
from ..networks import encoders
from .classifier import channels_first, coloured, turned

CROP = 128
"""Side of the head crops that f sees of photos, before it scales them to its own size."""

VAL = 1000
"""At most so many validation digits."""


@dataclass(frozen=True)
class Pack:
    """All that the loop touches.

    f_s: (N, views, dim) f of jittered views of the source pictures; t: (M, C, S, S) uint8 target pictures, RGBA ones
    premultiplied, see `images`; f_t: (M, dim); f_val: (K, dim) f of validation pictures of s; val: (K, S, S, 3) uint8
    those pictures; x_s: (N, views, 3, S, S) uint8, the views themselves, for a G that doesn't contain f (digits only);
    source: where both domains come from, in words.
    """

    f_s: Tensor
    t: Tensor
    f_t: Tensor
    f_val: Tensor
    val: Tensor
    x_s: Tensor | None = None
    source: str = ""

    def write(self, path: Path) -> None:
        """Write as one safetensors file, whole or not at all; features as fp16."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        tensors = {k: v for k, v in vars(self).items() if isinstance(v, Tensor)}
        halved = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in tensors.items()}
        save_file(halved, temporary, metadata={"source": self.source})
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> Pack:
        """The inverse of `write`."""
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
            source = (file.metadata() or {}).get("source", "")
        return cls(**{k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, source=source)


def make_encoder(name: str, device: str = "cpu") -> nn.Module:
    """f by its name in `TransferTraining.encoder`: "dlib", "facenet", a checkpoint, or several joined by "+"."""
    parts = [
        encoders.build({"name": part}) if part in ("dlib", "facenet") else checkpoint.load_encoder(part)
        for part in name.split("+")
    ]
    f = parts[0] if len(parts) == 1 else encoders.SideBySide(parts)
    return f.to(device).eval().requires_grad_(False)


def pack_path(config: TransferTraining, f: nn.Module, data: Path | None, folder: Path) -> Path:
    """Where the pack of these settings and this very f is kept."""
    digest = hashlib.sha256()
    if config.task == "faces":
        settings = [config.views, config.limit, config.avatars, config.seed, repr(avatars.PEOPLE)]
    else:
        # A digit that is to be absent is taken out of the whole pack, so it has no part in the name.
        settings = [config.task, config.views, config.limit, str(data and data.resolve()), config.swap, None, None]
    digest.update(json.dumps([f.config, settings]).encode())
    for key, value in sorted(f.state_dict().items()):
        digest.update(key.encode() + value.cpu().numpy().tobytes())
    return folder / f"{digest.hexdigest()[:12]}.safetensors"


@torch.no_grad()
def make_pack(config: TransferTraining, f: nn.Module, data: Path | None, device: str) -> Pack:
    """Read or draw both domains and compute f once on all. Labels of neither are looked at, except to leave out a
    digit where the settings ask for it."""
    if config.task == "digits":
        return _digits(config, f, data, device)
    data = portraits.data_folder(data)
    photos = portraits.celeba(data, "train", (), config.limit)
    held = portraits.celeba(data, "val", (), config.limit)
    rng = np.random.default_rng(config.seed)
    rows = []
    for i in tqdm(range(len(photos)), desc="f(s)", unit="photo"):
        crop = portraits.head_crop(photos.pictures[i], photos.eyes, CROP)
        views = [crop] + [
            cv2.warpAffine(
                crop, portraits.jitter(rng, CROP, 0.4), (CROP, CROP), flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for _ in range(config.views - 1)
        ]  # fmt: skip
        rows.append(f(images.to_tensor(views).to(device)).cpu())
    (drawn,) = avatars.render_many(range(config.avatars))
    t = (images.to_tensor(drawn) + 1).mul(127.5).round().to(torch.uint8)
    f_t = [f(to_float(part)[:, :3].to(device)).cpu() for part in t.split(64)]
    val = np.stack([portraits.head_crop(p, held.eyes, CROP) for p in held.pictures])
    f_val = [f(images.to_tensor(part).to(device)).cpu() for part in np.array_split(val, max(1, len(val) // 64))]
    small = np.stack([cv2.resize(p, (64, 64), interpolation=cv2.INTER_AREA) for p in val])
    return Pack(
        torch.stack(rows),
        t,
        torch.cat(f_t),
        torch.cat(f_val),
        torch.from_numpy(small),
        source="CelebA → avatars",
    )


def get_pack(config: TransferTraining, f: nn.Module, data: Path | None, device: str, folder: Path) -> Pack:
    """The pack of these settings; made and kept in the folder if it isn't there yet."""
    whole = replace(config, absent_s=None, absent_t=None)
    path = pack_path(whole, f, data, folder)
    if not path.exists():
        make_pack(whole, f, data, device).write(path)
    pack = Pack.read(path)
    return pack if config == whole else _without(pack, config, data)


def _digits(config: TransferTraining, f: nn.Module, data: Path | None, device: str) -> Pack:
    """Street numbers → handwritten digits, or the other way round (`TransferTraining.swap`)."""
    street = [digits.svhn(data, "train", config.limit), digits.svhn(data, "unlabelled", config.limit)]
    hand = [digits.mnist(data, "train", config.limit)]
    street_val, hand_val = digits.svhn(data, "val", config.limit), digits.mnist(data, "test", config.limit)
    (s, val), t = ((hand, hand_val), street) if config.swap else ((street, street_val), hand)
    x, t_rgb = (torch.cat([channels_first(torch.from_numpy(part.x)) for part in parts]) for parts in (s, t))
    random = torch.Generator().manual_seed(0)
    views = [x] + [_jittered(x, random, config.swap) for _ in range(config.views - 1)]
    x_val = channels_first(torch.from_numpy(val.x[:VAL]))

    def features(part: Tensor) -> Tensor:
        rows = tqdm(part.split(256), desc="f", unit="batch", leave=False)
        return torch.cat([f(to_float(row).to(device)).cpu() for row in rows])

    pack = Pack(
        torch.stack([features(view) for view in views], 1),
        t_rgb if config.swap else t_rgb[:, :1].contiguous(),
        features(t_rgb),
        features(x_val),
        x_val.permute(0, 2, 3, 1).contiguous(),
        torch.stack(views, 1),
        f"{s[0].source} → {t[0].source}",
    )
    return _without(pack, config, data)


def _without(pack: Pack, config: TransferTraining, data: Path | None) -> Pack:
    """The pack without the digits that the settings want absent. Unlabelled pictures of s go too, where a digit is to
    be absent there: nobody can tell it among them."""
    if config.absent_s is None and config.absent_t is None:
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
    return pack


def _jittered(x: Tensor, random: torch.Generator, grey: bool) -> Tensor:
    """A view of every picture as f saw them in its training, without negatives; uint8 → uint8."""
    rows = []
    for part in x.split(512):
        moved = turned(to_float(part), random)
        moved = moved if grey else coloured(moved, random, negative=0)
        rows.append(((moved + 1) * 127.5).round().to(torch.uint8))
    return torch.cat(rows)
