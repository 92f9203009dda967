"""g: from f's representation to a picture (paper, Sec. 5.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import UserError
from . import encoders


class Generator(nn.Module):
    """Upsampling convolutions with batch norm, ReLU and the paper's 1×1 convolutions ("which lowered L_CONST").

    features: length of the representation; base: channels at full size; channels: 3 (RGB) or 4 (with alpha);
    size: side of the picture, 4 times a power of two; pointwise: with the 1×1 convolutions. Nearest upsampling
    followed by a 3×3 convolution stands in for the deconvolution: same function class, no checkerboard.
    """

    def __init__(
        self, features: int, base: int = 24, channels: int = 4, size: int = 64, pointwise: bool = True
    ) -> None:
        super().__init__()
        blocks = (size // 4).bit_length() - 1
        if size < 8 or size != 4 << blocks:
            raise UserError(f"generator size must be 4 times a power of two, not {size}.")
        self.config = {
            "features": features, "base": base, "channels": channels, "size": size, "pointwise": pointwise
        }  # fmt: skip
        widths = [base * min(8, 1 << (blocks - i)) for i in range(blocks + 1)]
        self.widths = widths
        self.project = nn.Sequential(
            nn.Linear(features, widths[0] * 16, bias=False), nn.BatchNorm1d(widths[0] * 16), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(_block(a, b, pointwise) for a, b in zip(widths, widths[1:])))
        self.paint = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, features) standardised representation → (B, channels, size, size) in [-1, 1]."""
        h = self.project(z).view(-1, self.widths[0], 4, 4)
        return self.paint(self.blocks(h)).tanh()


def _block(inputs: int, outputs: int, pointwise: bool) -> nn.Sequential:
    layers = [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
    layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
    if pointwise:
        layers += [nn.Conv2d(outputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class LayeredGenerator(nn.Module):
    """Paints with K flat layers: for each pixel a softmax over the layers (and "nothing", if the pictures have an alpha
    channel), for each picture one colour a layer. What it paints is clean by construction where t is flat areas of few
    colours.

    Args:
        features: Length of the representation.
        base: Channels at full size.
        channels: 3, or 4, whose alpha is 1 less the probability of nothing.
        size: Side of the picture, 4 times a power of two.
        layers: K.
        temperature: Factor on the logits of the masks; larger is more decided.

    Attributes:
        undecided: Mean entropy of the masks of the last pictures in training, in nats.
        roughness: Total variation of these masks, summed over the layers, as a mean over pixels.
    """

    def __init__(
        self,
        features: int,
        base: int = 16,
        channels: int = 4,
        size: int = 64,
        layers: int = 20,
        temperature: float = 2.0,
    ) -> None:
        super().__init__()
        if channels not in (3, 4):
            raise UserError(f"a layered generator paints RGB or RGBA, not {channels} channels.")
        trunk = Generator(features, base, channels, size)
        self.config = {
            "name": "layered", "features": features, "base": base, "channels": channels, "size": size,
            "layers": layers, "temperature": temperature,
        }  # fmt: skip
        self.layers = layers
        self.temperature = temperature
        self.width = trunk.widths[0]
        self.has_alpha = channels == 4
        self.project, self.blocks = trunk.project, trunk.blocks
        self.mask = nn.Conv2d(trunk.widths[-1], layers + self.has_alpha, 3, padding=1)
        self.colour = nn.Sequential(nn.Linear(features, 128), nn.ReLU(), nn.Linear(128, 3 * layers))
        nn.init.normal_(self.colour[-1].weight, 0, 0.05)
        nn.init.uniform_(self.colour[-1].bias, -1.2, 1.2)  # all over the colours, so that no layer is idle
        self.undecided = self.roughness = torch.zeros(())

    def split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, features) standardised representation → masks (B, layers, size, size), which sum to 1, after that of
        nothing where there is alpha: (B, layers + 1, size, size); and colours (B, layers, 3) in [-1, 1].
        """
        h = self.project(z).view(-1, self.width, 4, 4)
        masks = (self.temperature * self.mask(self.blocks(h)).float()).softmax(1)
        return masks, self.colour(z).float().tanh().view(-1, self.layers, 3)

    def forward(self, z: Tensor) -> Tensor:
        """(B, features) standardised representation → (B, channels, size, size) in [-1, 1]."""
        masks, colours = self.split(z)
        if self.training:
            self.undecided = -(masks * (masks + 1e-6).log()).sum(1).mean()
            across = (masks[..., 1:] - masks[..., :-1]).abs().sum(1).mean()
            down = (masks[..., 1:, :] - masks[..., :-1, :]).abs().sum(1).mean()
            self.roughness = across + down
        rgb = torch.einsum("bkhw,bkc->bchw", masks[:, -self.layers :], colours)
        if not self.has_alpha:
            return rgb
        return torch.cat([rgb, 1 - 2 * masks[:, :1]], 1)


class FromPicture(nn.Module):
    """G without f (paper, Table 1): a network with the architecture of f, trained together with g.

    encoder: from `encoders.build`, untrained and not frozen.
    """

    def __init__(self, encoder: nn.Module, g: nn.Module) -> None:
        super().__init__()
        self.config = {"name": "from-picture", "encoder": encoder.config, "g": g.config}
        self.encoder, self.g = encoder, g
        self.norm = nn.BatchNorm1d(encoder.dim, affine=False)  # stands where f's features are standardised

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) pictures in [-1, 1] → (B, channels, size, size) in [-1, 1]."""
        return self.g(self.norm(self.encoder(x)))


class Truncated(nn.Module):
    """g with the truncation trick (Brock et al., BigGAN, 2019): z is moved towards the mean of its class.

    Args:
        g: The generator.
        truncation: Remaining share of the distance to the mean.
        means: (classes, features) mean z of each class.
        tail: Number of last dimensions of z (f's logits) by which the nearest mean is found.
    """

    def __init__(self, g: nn.Module, truncation: float, means: Tensor, tail: int) -> None:
        super().__init__()
        self.config = {
            "name": "truncated", "truncation": truncation, "classes": len(means), "tail": tail, "g": g.config
        }  # fmt: skip
        self.g, self.truncation, self.tail = g, truncation, tail
        self.register_buffer("means", means)

    def forward(self, z: Tensor) -> Tensor:
        """(B, features) standardised representation → (B, channels, size, size) in [-1, 1]."""
        classes = torch.cdist(z[:, -self.tail :], self.means[:, -self.tail :]).argmin(1)
        return self.g(self.means[classes].lerp(z, self.truncation))


def without_truncation(g: nn.Module | None) -> nn.Module | None:
    """g without truncation."""
    return g.g if isinstance(g, Truncated) else g


def build(config: dict[str, Any]) -> nn.Module:
    """Build an untrained generator from its ``config``. Raises TypeError for unknown settings."""
    from .digits import DeconvGenerator

    config = dict(config)
    name = config.pop("name", "upsample")
    if name == "from-picture":
        encoder = encoders.build(config["encoder"]).train().requires_grad_(True)
        return FromPicture(encoder, build(config["g"]))
    if name == "truncated":
        means = torch.zeros(config["classes"], config["g"]["features"])
        return Truncated(build(config["g"]), config["truncation"], means, config["tail"])
    kinds = {"upsample": Generator, "layered": LayeredGenerator, "deconv": DeconvGenerator}
    if name not in kinds:
        raise TypeError(f"unknown generator {name!r}")
    return kinds[name](**config)
