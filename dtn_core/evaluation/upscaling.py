"""Evaluation of SR: PSNR and SSIM on held-out avatars, compared with bicubic upscaling."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ..avatars import rendering
from ..core import images
from ..core.errors import UserError
from ..pipeline import model
from .table import Table, to_markdown

FIRST_SEED = 80_000_000
"""Seeds of the avatars used here start here; training never uses them."""


@torch.no_grad()
def evaluate(name: str, n: int = 200) -> dict[str, Any]:
    """Measure SR and bicubic upscaling, 64 → 256, RGB over mid-grey: mean PSNR (dB) and SSIM of n avatars."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    loaded = model.load(name)
    if loaded.upscaler is None:
        raise UserError(f"checkpoint '{name}' holds no upscaler. Train one: python -m dtn_core train upscaler")
    small, large = rendering.render_many(range(FIRST_SEED, FIRST_SEED + n), (64, 256))
    rows: dict[str, list[tuple[float, float]]] = {"upscaler": [], "bicubic": []}
    for start in range(0, n, 8):
        x, truth = (images.to_tensor(v[start : start + 8]) for v in (small, large))
        plain = F.interpolate(x, scale_factor=4, mode="bicubic", align_corners=False)
        for kind, upscaled in (("upscaler", loaded.upscaler(x)), ("bicubic", plain)):
            for a, b in zip(images.to_images(upscaled[:, :3]), images.to_images(truth[:, :3])):
                rows[kind].append((peak_signal_noise_ratio(b, a), structural_similarity(b, a, channel_axis=2)))
    means = {k: [round(float(v), 4) for v in np.mean(pairs, 0)] for k, pairs in rows.items()}
    return {
        "checkpoint": loaded.name,
        "hash": loaded.hash,
        "n": n,
        "seed": FIRST_SEED,
        **{kind: {"psnr": psnr, "ssim": ssim} for kind, (psnr, ssim) in means.items()},
        "gain_db": round(means["upscaler"][0] - means["bicubic"][0], 3),
    }


def table(figures: dict[str, Any]) -> str:
    """Render the figures as a Markdown table."""
    rows = [(name, f"{figures[name]['psnr']:.2f}", f"{figures[name]['ssim']:.4f}") for name in ("upscaler", "bicubic")]
    return to_markdown([Table("64 → 256", ("PSNR, dB", "SSIM"), tuple(rows))])
