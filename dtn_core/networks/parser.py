"""The face parser: an aligned head → the part that each pixel belongs to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PARTS = ("background", "skin", "brows", "eyes", "mouth", "hair", "hat", "glasses", "neck", "clothes")
"""Names of the parts, in the order of the output channels. Skin includes the nose, the ears and a beard."""

UNLABELLED = 255
"""Label of pixels outside of a labelled picture."""


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class FaceParser(nn.Module):
    """A U-Net (Ronneberger et al. 2015) whose first and last layers work at half the resolution.

    Args:
        size: Side of the input in pixels.
        widths: Channels of each level, from the largest to the smallest.

    Attributes:
        config: The arguments, for config.json.
    """

    def __init__(self, size: int = 128, widths: tuple[int, ...] | list[int] = (24, 40, 64, 96, 128)) -> None:
        super().__init__()
        self.config = {"size": size, "widths": list(widths)}
        self.size = size
        self.stem = _block(3, widths[0], stride=2)
        pairs = list(zip(widths, widths[1:]))
        self.down = nn.ModuleList(nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in pairs)
        self.up = nn.ModuleList(_block(a + b, a) for a, b in reversed(pairs))
        self.out = nn.Conv2d(widths[0], len(PARTS), 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) RGB in [-1, 1] → (N, len(PARTS), S, S) logits."""
        levels = [self.stem(x)]
        for down in self.down:
            levels.append(down(levels[-1]))
        h = levels.pop()
        for up in self.up:
            skip = levels.pop()
            h = F.interpolate(h, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            h = up(torch.cat([h, skip], 1))
        return F.interpolate(self.out(h), size=x.shape[-2:], mode="bilinear", align_corners=False)


def build(config: dict[str, Any]) -> FaceParser:
    """Build a parser from the dictionary that its ``config`` gave, untrained. Raises TypeError for unknown settings."""
    return FaceParser(**config)


def iou(predicted: Tensor, truth: Tensor) -> dict[str, float]:
    """Part → intersection over union of (N, S, S) labels, ignoring unlabelled pixels; NaN of parts that never occur."""
    known = truth != UNLABELLED
    n = len(PARTS)
    counts = torch.bincount(truth[known] * n + predicted[known], minlength=n * n).view(n, n).double()
    both = counts.diagonal()
    either = counts.sum(0) + counts.sum(1) - both
    return {part: float(both[i] / either[i]) if either[i] else float("nan") for i, part in enumerate(PARTS)}
