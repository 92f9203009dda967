"""Residual encoders of our own: attributes of faces at 64×64, classes of digits and of the user's folders."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CELEBA = (  # noqa: SIM905
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair "
    "Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup "
    "High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose "
    "Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat "
    "Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young"
).split()
UTKFACE = [
    "race_White",
    "race_Black",
    "race_Asian",
    "race_Indian",
    "age_under_13",
    "age_30",
    "age_45",
    "age_60",
]
ATTRIBUTES = (*CELEBA, *UTKFACE)
"""The outputs of `AttributeEncoder`: CelebA's forty, then UTKFace's groups and ages."""

SKIN_MEAN, SKIN_SPREAD = (62.0, 14.0, 17.0), (13.0, 6.0, 7.0)
"""Of cheeks in photos, CIELAB: the scale of the skin's head."""


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm_a = nn.BatchNorm2d(outputs)
        self.b = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm_b = nn.BatchNorm2d(outputs)
        self.skip = None
        if stride != 1 or inputs != outputs:
            self.skip = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm_b(self.b(F.relu(self.norm_a(self.a(x)))))
        return F.relu(h + (x if self.skip is None else self.skip(x)))


class ResNetEncoder(nn.Module):
    """A residual net on RGB pictures. forward gives the layer before the last ReLU (where the paper takes its
    feature) and, after it, the logits, so that what they say is a good part of any distance between features:
    dim = hidden + outputs.

    config: what `encoders.build` makes it from; width: channels of the first stage; stem: its stride; plan: (channels
    over width, stride) of each block; hidden: length of the layer before the last ReLU; outputs: logits; size: side of
    the pictures it looks at, others are resampled.
    """

    def __init__(self, config: dict[str, Any], stem: int, plan: list[tuple[int, int]], size: int) -> None:
        super().__init__()
        width, hidden, outputs = config["width"], config["hidden"], config["outputs"]
        self.config, self.size, self.hidden, self.dim = config, size, hidden, hidden + outputs
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, stem, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
        for times, stride in plan:
            layers.append(Residual(channels, times * width, stride))
            channels = times * width
        self.body = nn.Sequential(*layers)
        self.feature = nn.Linear(channels, hidden)
        self.classify = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] → (B, hidden + outputs)."""
        if x.shape[-1] != self.size:
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True, align_corners=False)
        h = self.feature(self.body(x).mean((2, 3)))
        return torch.cat([h, self.classify(F.relu(h))], 1)

    def logits(self, features: Tensor) -> Tensor:
        """(B, dim) of `forward` → (B, outputs)."""
        return features[:, self.hidden :]


class ClassEncoder(ResNetEncoder):
    """Our f of digits, of their judge, and of the user's labelled folders.

    probe: the logits are a linear probe of the representation, and no part of it: dim = hidden.
    """

    def __init__(
        self, width: int = 32, hidden: int = 128, outputs: int = 10, size: int = 32, probe: bool = False
    ) -> None:
        config = {"name": "digits", "width": width, "hidden": hidden, "outputs": outputs}
        config |= {k: v for k, v in (("size", size), ("probe", probe)) if v not in (False, 32)}
        super().__init__(config, 1, [(1, 2), (1, 1), (2, 2), (2, 1), (4, 2)], size)
        self.probe = probe
        self.dim = hidden if probe else hidden + outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] → (B, dim)."""
        features = super().forward(x)
        return features[:, : self.hidden] if self.probe else features

    def logits(self, features: Tensor) -> Tensor:
        """(B, dim) of `forward` → (B, outputs)."""
        return self.classify(F.relu(features)) if self.probe else super().logits(features)


class AttributeEncoder(ResNetEncoder):
    """Our f of faces: head crops at 64×64, attributes of photos under heavy stylisation
    (`training.encoder.EncoderStage`), so that photos and drawings meet in one feature space.

    squash: the logits as tanh(logit / 4). A photo that is very surely bald and a drawing that is sure enough are then
    the same to g, which plain logits keep apart; and the layer before them counts for less (`weights`).
    skin: with a separate head for the colour of the skin (`skin_lab`), which forward doesn't give.
    """

    def __init__(
        self,
        width: int = 32,
        hidden: int = 128,
        outputs: int = len(ATTRIBUTES),
        squash: bool = False,
        size: int = 64,
        skin: bool = False,
    ) -> None:
        config = {"name": "attributes", "width": width, "hidden": hidden, "outputs": outputs}
        # What earlier checkpoints don't have is left out where it is as theirs.
        config |= {k: v for k, v in (("squash", squash), ("size", size), ("skin", skin)) if v not in (False, 64)}
        super().__init__(config, 2, [(1, 1), (2, 2), (2, 1), (4, 2), (4, 1), (8, 2)], size)
        self.squash = squash
        self.weights = torch.cat([torch.full((hidden,), 0.25 if squash else 1.0), torch.ones(outputs)])
        self.skin = nn.Linear(hidden, 3) if skin else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] → (B, hidden + outputs)."""
        features = super().forward(x)
        if not self.squash:
            return features
        return torch.cat([features[:, : self.hidden], (features[:, self.hidden :] / 4).tanh()], 1)

    def logits(self, features: Tensor) -> Tensor:
        """(B, dim) of `forward` → (B, outputs), the attributes' logits among them, in the order of `ATTRIBUTES`."""
        logits = super().logits(features)
        return 4 * logits.clamp(-0.999999, 0.999999).atanh() if self.squash else logits

    def skin_lab(self, features: Tensor) -> Tensor:
        """(B, dim) of `forward` → (B, 3), the cheeks' colour in CIELAB as it would be in ordinary light."""
        assert self.skin is not None
        mean, spread = features.new_tensor([SKIN_MEAN, SKIN_SPREAD])
        return self.skin(F.relu(features[:, : self.hidden])) * spread + mean
