"""g: from f's representation to a picture (paper, Sec. 5.2)."""

from __future__ import annotations

from torch import Tensor, nn


class Generator(nn.Module):
    """Upsampling convolutions with batch norm, ReLU and the paper's 1×1 convolutions ("which lowered L_CONST").

    features: length of the representation; base: channels at full size; channels: 3 (RGB) or 4 (with alpha);
    size: side of the picture, 4 times a power of two. Nearest upsampling followed by a 3×3 convolution stands
    in for the deconvolution: same function class, no checkerboard.
    """

    def __init__(self, features: int, base: int = 24, channels: int = 4, size: int = 64) -> None:
        super().__init__()
        blocks = (size // 4).bit_length() - 1
        if size < 8 or size != 4 << blocks:
            raise ValueError(f"generator size must be 4 times a power of two, not {size}.")
        self.config = {"features": features, "base": base, "channels": channels, "size": size}
        widths = [base * min(8, 1 << (blocks - i)) for i in range(blocks + 1)]
        self.widths = widths
        self.project = nn.Sequential(
            nn.Linear(features, widths[0] * 16, bias=False), nn.BatchNorm1d(widths[0] * 16), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(_block(a, b) for a, b in zip(widths, widths[1:])))
        self.paint = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, features) standardised representation → (B, channels, size, size) in [-1, 1]."""
        h = self.project(z).view(-1, self.widths[0], 4, 4)
        return self.paint(self.blocks(h)).tanh()


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
