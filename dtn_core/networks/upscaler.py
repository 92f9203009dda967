"""SR: a sub-pixel CNN in the spirit of Dong et al. (2015), applied to g's output after training (paper, Sec. 5.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Upscaler(nn.Module):
    """Convolutions at low resolution, then pixel shuffle, added to a bicubic enlargement.

    channels: 3 or 4; width: channels of the hidden layers; depth: hidden layers; factor: enlargement.
    """

    def __init__(self, channels: int = 4, width: int = 48, depth: int = 5, factor: int = 4) -> None:
        super().__init__()
        self.config = {"channels": channels, "width": width, "depth": depth, "factor": factor}
        self.factor = factor
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 5, padding=2), nn.ReLU()]
        for _ in range(depth - 1):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, channels * factor**2, 3, padding=1))
        for layer in self.body[:-1:2]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(self.body[-1].weight)  # starts as plain bicubic
        nn.init.zeros_(self.body[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, channels, factor·H, factor·W), both in [-1, 1] (clamp before display)."""
        large = F.interpolate(x, scale_factor=self.factor, mode="bicubic", align_corners=False)
        return large + F.pixel_shuffle(self.body(x), self.factor)


class InkUpscaler(nn.Module):
    """A slight blur, against specks, and bicubic enlargement; then every pixel takes the nearest ink and the outline is
    made sharp: flat areas with smooth contours at any size. Nothing is learnt.

    inks: how many colours the buffer `inks` (K, 3), in [-1, 1], holds; factor: enlargement.
    """

    BLUR = torch.tensor([0.2, 0.6, 0.2])

    def __init__(self, inks: int = 5, factor: int = 4) -> None:
        super().__init__()
        self.config = {"name": "inks", "inks": inks, "factor": factor}
        self.factor = factor
        self.register_buffer("inks", torch.zeros(inks, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4, H, W) premultiplied RGBA → (B, 4, factor·H, factor·W), both in [-1, 1]."""
        blur = torch.outer(self.BLUR, self.BLUR).to(x).expand(x.shape[1], 1, 3, 3)
        smooth = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), blur, groups=x.shape[1])
        large = F.interpolate(smooth, scale_factor=self.factor, mode="bicubic", align_corners=False)
        alpha = (large[:, 3:] + 1) / 2
        inks = self.inks.to(large)
        distance = (large[:, None, :3] / alpha[:, None].clamp_min(0.05) - inks[..., None, None]).square().sum(2)
        # Between two inks the weights change within about one pixel of the enlargement by 4.
        softness = (inks[1:] - inks[:-1]).square().sum(1).min() / 10
        rgb = torch.einsum("bkhw,kc->bchw", (-distance / softness.clamp_min(1e-4)).softmax(1), inks)
        sharp = ((alpha - 0.5) * 2 * self.factor / 3 + 0.5).clamp(0, 1)
        return torch.cat([rgb * sharp, 2 * sharp - 1], 1)


def build(config: dict[str, Any]) -> nn.Module:
    """An upscaler from the dictionary its ``config`` gave, untrained. Raises TypeError for unknown settings."""
    config = dict(config)
    return InkUpscaler(**config) if config.pop("name", None) == "inks" else Upscaler(**config)
