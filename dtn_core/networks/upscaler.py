"""SR: a sub-pixel CNN in the spirit of Dong et al. (2015), applied to g's output after training (paper, Sec. 5.2)."""

from __future__ import annotations

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
