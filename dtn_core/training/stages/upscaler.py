"""Stage: train SR on renders of the same avatars at 64 and at 256 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from ...avatars import rendering
from ...config import UpscalerTraining, to_dict
from ...core import augment, images
from ...core.images import to_float
from ...core.types import Image
from ...networks import checkpoint
from ...networks.upscaler import Upscaler
from ..feature_builders import batches
from ..optim import flat_cosine, load_states, local_slice, optimizer_step, prepare, prepare_optimizer, set_lr, states

FIRST_SEED = 30_000_000
"""First seed of SR's avatars, so that none of them is used in an evaluation."""


def pairs(first: int, count: int) -> tuple[Tensor, Tensor]:
    """Render avatars at two sizes: (N, 4, 64, 64) and (N, 4, 256, 256) uint8, premultiplied as in `images`."""
    small, large = rendering.render_many(range(first, first + count), (64, 256))
    packed = [torch.cat([images.to_uint8(images.to_tensor(part)) for part in batches(v, 64)]) for v in (small, large)]
    return packed[0], packed[1]


class UpscalerStage:
    """Charbonnier loss on random patches, a third of them clean and the rest degraded like pictures of g."""

    def __init__(self, config: UpscalerTraining, data: Path | None, accelerator: Accelerator) -> None:
        self.config, self.accelerator = config, accelerator
        self.device = str(accelerator.device)
        self.batch = config.batch
        self.figure = "-psnr_rough"
        torch.manual_seed(config.seed)
        self.net = prepare(Upscaler(4, config.width, config.depth), accelerator, config.compile)
        self.optimizer = prepare_optimizer(torch.optim.Adam(self.net.parameters(), lr=config.lr), accelerator)
        self.small, self.large = pairs(FIRST_SEED, config.avatars)
        self.val = pairs(2 * FIRST_SEED, max(4, config.avatars // 50))

    def step(self, step: int) -> dict[str, Tensor]:
        low, high = self._batch(step)
        set_lr(self.optimizer, self.config.lr * flat_cosine(step, self.config.steps))
        self.net.train()
        with self.accelerator.autocast():
            output = self.net(low)
        # Charbonnier: like the mean absolute error at edges, but smooth in flat areas, which dominate drawings.
        loss = ((output.float() - high).square() + 0.05**2).sqrt().mean() - 0.05
        optimizer_step(loss, self.optimizer, self.accelerator, self.config.clip)
        return {"loss": loss}

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        n = self.batch
        p = self.config.patch
        local = local_slice(n, self.accelerator)
        index = torch.randint(len(self.small), (n,), generator=random)
        ys, xs = torch.randint(0, self.small.shape[-1] - p + 1, (2, n), generator=random).tolist()
        low = torch.stack([self.small[i, :, y : y + p, x : x + p] for i, y, x in zip(index, ys, xs)])
        high = torch.stack(
            [self.large[i, :, 4 * y : 4 * (y + p), 4 * x : 4 * (x + p)] for i, y, x in zip(index, ys, xs)]
        )
        low = to_float(low)
        rough = torch.rand(n, 1, 1, 1, generator=random) < 2 / 3
        low = torch.where(rough, augment.as_generated(low, random), low)
        return low[local].to(self.accelerator.device), to_float(high[local]).to(self.accelerator.device)

    @torch.no_grad()
    def samples(self) -> Image:
        """Held-out avatars: upscaled bicubically, upscaled by SR, and rendered large."""
        self.net.eval()
        low, high = (to_float(v[:4]) for v in self.val)
        low = augment.as_generated(low, torch.Generator().manual_seed(0))
        bicubic = F.interpolate(low, scale_factor=4, mode="bicubic", align_corners=False)
        output = self.net(low.to(self.accelerator.device))
        return images.grid([list(images.to_images(v[:, :3])) for v in (bicubic, output, high)])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean PSNR in dB of SR and of bicubic interpolation on held-out avatars, clean and degraded."""
        self.net.eval()
        low, high = (to_float(v) for v in self.val)
        figures = {}
        for name, x in (("clean", low), ("rough", augment.as_generated(low, torch.Generator().manual_seed(0)))):
            output = torch.cat([self.net(part.to(self.accelerator.device)).cpu() for part in x.split(8)])
            bicubic = F.interpolate(x, scale_factor=4, mode="bicubic", align_corners=False)
            figures[f"psnr_{name}"] = psnr(output, high)
            figures[f"psnr_{name}_bicubic"] = psnr(bicubic, high)
        return figures

    def state(self) -> dict[str, Any]:
        return states(self, ("net", "optimizer"))

    def load_state(self, state: dict[str, Any]) -> None:
        load_states(self, state)

    def export(self, directory: Path, step: int) -> Path:
        info = {
            "kind": "upscaler",
            "upscaler": self.net.config,
            "trained": {"step": step, **to_dict(self.config)},
        }
        return checkpoint.save(directory, info, {"upscaler": self.net.state_dict()})


def psnr(output: Tensor, truth: Tensor) -> float:
    """Mean over pictures of 10 log10(range² / MSE), in dB; (B, C, H, W) in [-1, 1]."""
    error = (output.clamp(-1, 1) - truth).square().mean((1, 2, 3)).clamp_min(1e-10)
    return float((10 * torch.log10(4 / error)).mean())
