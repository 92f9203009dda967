"""The paper's networks of digits (Sec. 5.1): f and the judge, g and D."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PaperDigitEncoder(nn.Module):
    """The paper's f, and its judge: four 3×3 convolutions of 64, 128, 256 and 128 channels, each with max-pooling
    and ReLU. The last pooling covers what is left, so that the representation has 128 numbers; it is taken before
    the last ReLU. The paper tells neither kernel nor pooling sizes. outputs: classes.
    """

    size = 32

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.config = {"name": "digits-paper", "outputs": outputs}
        self.dim = 128
        self.body = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
            nn.Conv2d(64, 128, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
            nn.Conv2d(128, 256, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
            nn.Conv2d(256, 128, 3, padding=1), nn.MaxPool2d(4), nn.Flatten(),
        )  # fmt: skip
        self.classify = nn.Linear(128, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 32, 32) in [-1, 1] → (B, 128)."""
        return self.body(x)

    def logits(self, features: Tensor) -> Tensor:
        """(B, 128) of `forward` → (B, outputs)."""
        return self.classify(F.relu(features))


class DeconvGenerator(nn.Module):
    """The paper's g of digits: four blocks of deconvolution, batch norm and ReLU, the last with tanh instead.

    features: length of the representation; base: channels after the second to last block; channels: 1 or 3.
    """

    def __init__(self, features: int, base: int = 128, channels: int = 1) -> None:
        super().__init__()
        self.config = {"name": "deconv", "features": features, "base": base, "channels": channels}
        widths = [features, 4 * base, 2 * base, base]
        layers: list[nn.Module] = [nn.Unflatten(1, (features, 1, 1))]
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            stride, padding = (1, 0) if i == 0 else (2, 1)
            layers += [nn.ConvTranspose2d(a, b, 4, stride, padding, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(base, channels, 4, 2, 1))

    def forward(self, z: Tensor) -> Tensor:
        """(B, features) → (B, channels, 32, 32) in [-1, 1]."""
        return self.body(z).tanh()


class ConvDiscriminator(nn.Module):
    """The paper's D of digits: four convolutions with batch norm, LeakyReLU 0.2 between them.

    channels: of the pictures; base: channels after the first convolution; classes: logits.
    """

    def __init__(self, channels: int = 1, base: int = 128, classes: int = 3) -> None:
        super().__init__()
        widths = [channels, base, 2 * base, 4 * base]
        layers: list[nn.Module] = []
        for a, b in zip(widths, widths[1:]):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, nn.Conv2d(4 * base, classes, 4), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, 32, 32) in [-1, 1] → (B, classes) logits."""
        return self.body(x)
