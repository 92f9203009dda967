"""f: frozen, pretrained encoders with a common interface.

Every encoder is a module with ``dim`` and ``forward(x)``: (B, 3, S, S) pictures of any side S, RGB in [-1, 1], of faces
head crops aligned as `types.HEAD_EYE_DISTANCE` and `types.HEAD_EYE_HEIGHT` say → (B, dim) float features, not
normalised. All are differentiable with respect to their input. `build` makes one from a checkpoint's dictionary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import UserError
from ..core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT
from .digits import PaperDigitEncoder
from .dlib_face import DlibFaceNet
from .dlib_models import dlib_model_path, facenet_path, read_facenet
from .resnet import AttributeEncoder, ClassEncoder


def crop_from_head(x: Tensor, size: int, eye_distance: float, eye_height: float) -> Tensor:
    """Cut another aligned square out of head crops, differentiably.

    x: (B, C, S, S) head crops; result: (B, C, size, size) where the eyes are eye_distance (a share of the
    side) apart at eye_height (a share from the top). Outside the head crop its border is repeated.
    """
    scale = HEAD_EYE_DISTANCE / eye_distance
    shift = 2 * HEAD_EYE_HEIGHT - 1 - scale * (2 * eye_height - 1)
    theta = x.new_tensor([[scale, 0, 0], [0, scale, shift]]).expand(len(x), 2, 3)
    side = x.shape[-1]
    if scale * side > 1.5 * size:  # antialias what grid_sample would skip
        smaller = max(8, round(side * size / (scale * side)))
        x = F.interpolate(x, size=(smaller, smaller), mode="bilinear", antialias=True, align_corners=False)
    lattice = F.affine_grid(theta, [len(x), x.shape[1], size, size], align_corners=False)
    return F.grid_sample(x, lattice.to(x.dtype), padding_mode="border", align_corners=False)


class DlibEncoder(nn.Module):
    """dlib's face ResNet on head crops: identity, 128-D. Weights come from the installed package, so a
    checkpoint stores none."""

    dim = 128

    def __init__(self) -> None:
        super().__init__()
        self.config = {"name": "dlib"}
        self.net = DlibFaceNet.from_dat(dlib_model_path("dlib_face_recognition_resnet_model_v1.dat"))

    def forward(self, x: Tensor) -> Tensor:
        # Where dlib.get_face_chip(image, points, 150, 0.25) puts the eye centres, measured.
        return self.net(crop_from_head(x, 150, eye_distance=0.35, eye_height=0.317))


class FacenetEncoder(nn.Module):
    """facenet-pytorch's InceptionResnetV1 (VGGFace2), 512-D. Its weights must be on this computer: configurations are
    untrusted, so building an encoder downloads nothing. See `dlib_models.download_facenet`."""

    dim = 512

    def __init__(self) -> None:
        super().__init__()
        self.config = {"name": "facenet"}
        weights = read_facenet()
        try:
            from facenet_pytorch import InceptionResnetV1
        except ImportError:
            raise UserError("facenet-pytorch is missing. Run: pip install facenet-pytorch==2.5.3") from None
        self.net = InceptionResnetV1(pretrained=None)
        try:
            self.net.load_state_dict(weights)
        except RuntimeError:
            raise UserError(f"{facenet_path()}: not facenet's weights. Delete it and download them again.") from None

    def forward(self, x: Tensor) -> Tensor:
        face = crop_from_head(x, 160, eye_distance=0.40, eye_height=0.42)
        return self.net(face * (127.5 / 128))


class SideBySide(nn.Module):
    """Several encoders' features, concatenated."""

    def __init__(self, parts: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.config = {"name": "side-by-side", "parts": [part.config for part in parts]}
        self.dim = sum(part.dim for part in parts)
        self.weights = torch.cat([weights_of(part) for part in parts])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part(x) for part in self.parts], 1)


class Standardise(nn.Module):
    """z = (f − mean) / std for each dimension, with the statistics of one domain.

    Puts f(s) and f(t) on the same scale. Without it the squared distance of unit-norm features is too small for the
    paper's α to matter. A larger std gives a dimension less weight.
    """

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def of(cls, features: Tensor, weights: Tensor | None = None) -> Standardise:
        """Compute the statistics of (N, dim) features. weights: (dim,) standard deviations of z, by default 1."""
        std = features.std(0).clamp_min(1e-6)
        return cls(features.mean(0), std if weights is None else std / weights.to(std))

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.std

    def invert(self, z: Tensor) -> Tensor:
        """The inverse of `forward`."""
        return z * self.std + self.mean


def average_over_shifts(f: nn.Module, x: Tensor, far: int) -> Tensor:
    """f(x) averaged over (B, 3, S, S) pictures and the same shifted diagonally by `far` pixels, (B, dim); 0: f(x)."""
    if not far:
        return f(x)
    h, w = x.shape[2:]
    wide = F.pad(x, (far,) * 4, mode="replicate")
    corners = ((far, far), (0, far), (2 * far, far), (far, 0), (far, 2 * far))
    return torch.stack([f(wide[..., top : top + h, left : left + w]) for top, left in corners]).mean(0)


def weights_of(f: nn.Module) -> Tensor:
    """(dim,) relative weights of f's dimensions in g's input and in L_CONST."""
    return getattr(f, "weights", torch.ones(f.dim))


_KINDS: dict[str, type[nn.Module]] = {
    "attributes": AttributeEncoder,
    "dlib": DlibEncoder,
    "facenet": FacenetEncoder,
    "digits": ClassEncoder,
    "digits-paper": PaperDigitEncoder,
}


def build(config: dict[str, Any]) -> nn.Module:
    """Build a frozen encoder from its ``config``. Weights are random, except for those that come with a package.

    Raises:
        UserError: The encoder or a setting is unknown.
    """
    config = dict(config)
    name = config.pop("name", None)
    if name == "side-by-side":
        encoder: nn.Module = SideBySide([build(part) for part in config.get("parts", [])])
    elif name in _KINDS:
        try:
            encoder = _KINDS[name](**config)
        except TypeError:
            raise UserError(f"encoder {name!r} has no such settings: {config}. Get the checkpoint again.") from None
    else:
        raise UserError(f"unknown encoder {name!r}; known: {', '.join(_KINDS)}, side-by-side.")
    return encoder.eval().requires_grad_(False)
