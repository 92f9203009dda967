"""Stage: the Domain Transfer Network (paper, Sec. 4): g and D against each other, f frozen."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from .. import checkpoint, images, losses
from ..config import TransferTraining
from ..domains import avatars, portraits
from ..images import to_float
from ..networks import encoders
from ..networks.discriminator import Discriminator
from ..networks.encoders import Standardise
from ..networks.generator import Generator
from ..types import Image
from .loop import flat_cosine

CROP = 128
"""Side of the head crops that f sees of photos, before it scales them to its own size."""


@dataclass(frozen=True)
class Pack:
    """All that the loop touches, made once: f is frozen, so photos themselves are not needed.

    f_s: (N, views, dim) f of jittered views of the photos; t: (M, 4, 64, 64) uint8 premultiplied pictures, see
    `images`; f_t: (M, dim); f_val: (K, dim) f of validation photos; val: (K, 64, 64, 3) uint8 the photos.
    """

    f_s: Tensor
    t: Tensor
    f_t: Tensor
    f_val: Tensor
    val: Tensor

    def write(self, path: Path) -> None:
        """Write as one safetensors file, whole or not at all; features as fp16."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        save_file(
            {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in vars(self).items()},
            temporary,
        )
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> Pack:
        """The inverse of `write`."""
        return cls(**{k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})


def make_encoder(name: str, device: str = "cpu") -> nn.Module:
    """f by its name in `TransferTraining.encoder`: "dlib", "facenet", a checkpoint, or several joined by "+"."""
    parts = [
        encoders.build({"name": part}) if part in ("dlib", "facenet") else checkpoint.load_encoder(part)
        for part in name.split("+")
    ]
    f = parts[0] if len(parts) == 1 else encoders.SideBySide(parts)
    return f.to(device).eval().requires_grad_(False)


def pack_path(config: TransferTraining, f: nn.Module, folder: Path) -> Path:
    """Where the pack of these settings and this very f is kept."""
    digest = hashlib.sha256()
    settings = [config.views, config.limit, config.avatars, config.seed, repr(avatars.PEOPLE)]
    digest.update(json.dumps([f.config, settings]).encode())
    for key, value in sorted(f.state_dict().items()):
        digest.update(key.encode() + value.cpu().numpy().tobytes())
    return folder / f"{digest.hexdigest()[:12]}.safetensors"


@torch.no_grad()
def make_pack(config: TransferTraining, f: nn.Module, data: Path, device: str) -> Pack:
    """Read the photos, draw the avatars, compute f once on all. Labels of neither are looked at."""
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
    return Pack(torch.stack(rows), t, torch.cat(f_t), torch.cat(f_val), torch.from_numpy(small))


def alpha_at(config: TransferTraining, step: int) -> float:
    """α at a step: constant, or falling geometrically between 45% and 60% of the steps to `alpha_end`."""
    if config.alpha_end is None or config.alpha == 0:
        return config.alpha
    fallen = min(1.0, max(0.0, (step / config.steps - 0.45) / 0.15))
    return config.alpha * (max(config.alpha_end, 1e-6) / config.alpha) ** fallen


class TransferStage:
    """L_D over D, then L_GANG + α L_CONST + β L_TID + γ L_TV over g alone, one step each.

    One batch of g's pictures serves both steps: D sees it detached, then, once D has moved, g is judged on it.
    """

    def __init__(self, config: TransferTraining, pack: Pack, f: nn.Module, accelerator: Accelerator) -> None:
        self.config, self.accelerator, self.f = config, accelerator, f
        device = accelerator.device
        self.device, self.batch = str(device), config.batch
        self.standardise_s = Standardise.of(pack.f_s.flatten(0, 1)).to(device)
        self.standardise_t = Standardise.of(pack.f_t).to(device)
        self.z_s = self.standardise_s(pack.f_s.to(device))
        self.z_t = self.standardise_t(pack.f_t.to(device))
        self.z_val, self.val = self.standardise_s(pack.f_val.to(device)), pack.val
        self.t = pack.t.to(device)
        torch.manual_seed(config.seed)
        self.g = Generator(f.dim, config.base).to(device, memory_format=torch.channels_last)
        self.d = Discriminator(4, 64, config.d_base, config.d_upscale).to(device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.g).eval().requires_grad_(False)
        self.adam_g = torch.optim.Adam(self.g.parameters(), config.lr, betas=(0.5, 0.99))
        self.adam_d = torch.optim.Adam(self.d.parameters(), config.lr_d, betas=(0.5, 0.99))

    def step(self, step: int) -> dict[str, Tensor]:
        """One step of D and one of g on a batch that depends on (seed, step) alone."""
        for adam, lr in ((self.adam_g, self.config.lr), (self.adam_d, self.config.lr_d)):
            for group in adam.param_groups:
                group["lr"] = lr * flat_cosine(step, self.config.steps)
        z_s, z_t, t = self._batch(step)
        self.g.train()
        with self.accelerator.autocast():
            g_s, g_t = self.g(torch.cat([z_s, z_t])).float().chunk(2)
        d = self._step_d(g_s.detach(), g_t.detach(), t)
        g = self._step_g(g_s, g_t, z_s, t, step)
        self._average(step)
        return {
            "d": d.total, "d_accuracy": d.accuracy, "g": g.total, "gang": g.gang,
            "const": g.const, "tid": g.tid, "tv": g.tv,
        }  # fmt: skip

    def _batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        n = self.config.batch
        photo = torch.randint(len(self.z_s), (n,), generator=random).to(self.z_s.device)
        view = torch.randint(self.z_s.shape[1], (n,), generator=random).to(self.z_s.device)
        avatar = torch.randint(len(self.t), (n,), generator=random).to(self.t.device)
        t = to_float(self.t[avatar]).contiguous(memory_format=torch.channels_last)
        return self.z_s[photo, view], self.z_t[avatar], t

    def _step_d(self, g_s: Tensor, g_t: Tensor, t: Tensor) -> losses.DiscriminatorLoss:
        with self.accelerator.autocast():
            logits = self.d(torch.cat([g_s, g_t, t]))
        loss = losses.discriminator(*logits.chunk(3))
        self.adam_d.zero_grad()
        self.accelerator.backward(loss.total)
        self.adam_d.step()
        return loss

    def _moved(self, x: Tensor, step: int) -> Tensor:
        """Shift by up to 2 pixels, so that no pattern that f sees at one place alone can stand for constancy."""
        dy, dx = np.random.default_rng([self.config.seed, step]).integers(0, 5, 2)
        h, w = x.shape[2:]
        return F.pad(x, (2, 2, 2, 2), mode="replicate")[..., dy : dy + h, dx : dx + w]

    def _step_g(self, g_s: Tensor, g_t: Tensor, z_s: Tensor, t: Tensor, step: int) -> losses.GeneratorLoss:
        self.d.requires_grad_(False)  # L_G is minimised over g alone
        with self.accelerator.autocast():
            logits_s, logits_t = self.d(torch.cat([g_s, g_t])).chunk(2)
            f_g_s = self.standardise_t(self.f(self._moved(g_s[:, :3], step)).float())
        loss = losses.generator(
            losses.gang(logits_s, logits_t),
            losses.const(z_s, f_g_s),
            losses.tid(t, g_t),
            losses.tv(g_s),
            alpha_at(self.config, step),
            self.config.beta,
            self.config.gamma,
        )
        self.adam_g.zero_grad()
        self.accelerator.backward(loss.total)
        self.adam_g.step()
        self.d.requires_grad_(True)
        return loss

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.config.ema, step / (step + 10))
        for kept, new in zip(self.ema.state_dict().values(), self.g.state_dict().values()):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)

    @torch.no_grad()
    def samples(self) -> Image:
        """Rows in pairs: validation photos and G(s); avatars and G(t)."""
        n = min(14, len(self.val), len(self.t))
        rows = []
        for start in (0, n):
            if start + n > len(self.val) or start + n > len(self.t):
                break
            z, t = self.z_val[start : start + n], to_float(self.t[start : start + n])
            g_s, g_t = (show(self.ema(part)) for part in (z, self.z_t[start : start + n]))
            rows += [list(self.val[start : start + n].numpy()), g_s, show(t), g_t]
        return images.grid(rows)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """f-constancy on validation photos: unsupervised, so a checkpoint may be chosen by it."""
        made = [self.ema(part) for part in self.z_val.split(64)]
        f_g = torch.cat([self.standardise_t(self.f(part[:, :3])) for part in made])
        return {"const": float(losses.const(self.z_val, f_g))}

    def state(self) -> dict[str, Any]:
        parts = ("g", "d", "ema", "adam_g", "adam_d")
        return {name: getattr(self, name).state_dict() for name in parts}

    def load_state(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            getattr(self, name).load_state_dict(value)

    def export(self, directory: Path, step: int) -> Path:
        """f, its statistics and the averaged g, as a checkpoint that `checkpoint.load` reads."""
        statistics = {
            "mean_s": self.standardise_s.mean, "std_s": self.standardise_s.std,
            "mean_t": self.standardise_t.mean, "std_t": self.standardise_t.std,
        }  # fmt: skip
        tensors = {"statistics": statistics, "generator": self.ema.state_dict()}
        if own := checkpoint.own_weights(self.f):
            tensors["encoder"] = own
        info = {
            "kind": "transfer", "encoder": self.f.config, "generator": self.ema.config, "upscaler": None,
            "emphasis": self.config.emphasis,
            "trained": {"step": step, **vars(self.config)},
        }  # fmt: skip
        return checkpoint.save(directory, info, tensors)


def show(x: Tensor) -> list[Image]:
    """(B, 4, H, W) → RGB pictures over mid-grey."""
    return list(images.to_images(x[:, :3]))
