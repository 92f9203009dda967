"""D: the ternary discriminator (paper, Sec. 4); its classes are `losses.FROM_S`, `FROM_T` and `REAL`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class Discriminator(nn.Module):
    """Stride-2 convolutions, spectral norm, LeakyReLU 0.2.

    channels, size: of the pictures; upscale: they are first scaled up by this factor (the paper: 64 → 152);
    base: channels after the first convolution, doubled at every further one up to eight times; classes: logits.
    """

    def __init__(
        self, channels: int = 4, size: int = 64, base: int = 32, upscale: float = 1.0, classes: int = 3
    ) -> None:
        super().__init__()
        self.upscale = upscale
        depth = max(2, round(size * upscale).bit_length() - 3)  # down to 4x4 or a little more
        widths = [channels] + [base * min(8, 1 << i) for i in range(depth)]
        layers: list[nn.Module] = []
        for a, b in zip(widths, widths[1:]):
            layers += [spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)
        side = round(size * upscale) >> depth
        self.classify = spectral_norm(nn.Linear(widths[-1] * side * side, classes))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, size, size) in [-1, 1] → (B, classes) logits."""
        if self.upscale != 1:
            x = F.interpolate(x, scale_factor=self.upscale, mode="bilinear", align_corners=False)
        return self.classify(self.features(x).flatten(1))
