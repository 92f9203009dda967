"""f: frozen, pretrained face encoders behind one small interface.

Every encoder is a module with ``dim`` and ``forward(x)``: (B, 3, S, S) head crops of any side S, RGB in
[-1, 1], aligned as `types.HEAD_EYE_DISTANCE` and `types.HEAD_EYE_HEIGHT` say → (B, dim) float features, not
normalised. All are differentiable to their input. `build` makes one from the dictionary a checkpoint stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import UserError
from ..types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT
from ..weights import dlib_model_path

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
"""What `AttributeEncoder` is trained to tell: CelebA's forty, then skin (by UTKFace's groups) and age."""


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


class AttributeEncoder(nn.Module):
    """Our own f: a residual net at 64×64 on the whole head, trained to tell attributes of photos under heavy
    stylisation (`training.encoder.EncoderStage`), so that photos and drawings meet in one feature space.

    width: channels of the first stage; hidden: length of the layer before the last ReLU (where the paper takes
    its feature). forward gives that layer and, after it, the attributes' logits, so that what the attributes say
    is a good part of any distance between features: dim = hidden + outputs.

    squash: the logits as tanh(logit / 4). A photo that is very surely bald and a drawing that is sure enough are then
    the same to g, which plain logits keep apart; and the layer before them counts for less (`weights`).

    size: side of the pictures it looks at; others are resampled. skin: with a head of its own for the colour of the
    skin (`skin_lab`), which forward doesn't give.
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
        super().__init__()
        self.config = {"name": "attributes", "width": width, "hidden": hidden, "outputs": outputs}
        # What earlier checkpoints don't have is left out where it is as theirs.
        self.config |= {k: v for k, v in (("squash", squash), ("size", size), ("skin", skin)) if v not in (False, 64)}
        self.size = size
        self.hidden, self.dim, self.squash = hidden, hidden + outputs, squash
        self.weights = torch.cat([torch.full((hidden,), 0.25 if squash else 1.0), torch.ones(outputs)])
        w = width
        self.body = nn.Sequential(
            nn.Conv2d(3, w, 3, 2, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU(),
            Residual(w, w, 1), Residual(w, 2 * w, 2), Residual(2 * w, 2 * w, 1),
            Residual(2 * w, 4 * w, 2), Residual(4 * w, 4 * w, 1), Residual(4 * w, 8 * w, 2),
        )  # fmt: skip
        self.feature = nn.Linear(8 * w, hidden)
        self.classify = nn.Linear(hidden, outputs)
        self.skin = nn.Linear(hidden, 3) if skin else None

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.size:
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True, align_corners=False)
        h = self.feature(self.body(x).mean((2, 3)))
        logits = self.classify(F.relu(h))
        return torch.cat([h, (logits / 4).tanh() if self.squash else logits], 1)

    def logits(self, features: Tensor) -> Tensor:
        """(B, dim) features → (B, outputs), the attributes' logits among them, in the order of `ATTRIBUTES`."""
        told = features[:, self.hidden :]
        return 4 * told.clamp(-0.999999, 0.999999).atanh() if self.squash else told

    def skin_lab(self, features: Tensor) -> Tensor:
        """(B, dim) features → (B, 3), the cheeks' colour in CIELAB as it would be in ordinary light."""
        assert self.skin is not None
        return self.skin(F.relu(features[:, : self.hidden])) * features.new_tensor(SKIN_SPREAD) + features.new_tensor(
            SKIN_MEAN
        )


# --- dlib's face ResNet, rebuilt ----------------------------------------------------------------------------


class _DlibBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, down: bool) -> None:
        super().__init__()
        self.down = down
        # dlib pads stride-1 convolutions only.
        self.a = nn.Conv2d(inputs, outputs, 3, 2 if down else 1, 0 if down else 1)
        self.b = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(F.relu(self.a(x)))
        if self.down:
            x = F.avg_pool2d(x, 2, 2)
        # dlib's add_prev takes the larger of each dimension; the smaller is padded with zeros at the end.
        c, h, w = (max(p, q) for p, q in zip(x.shape[1:], y.shape[1:]))
        return F.relu(_pad_to(x, c, h, w) + _pad_to(y, c, h, w))


def _pad_to(x: Tensor, c: int, h: int, w: int) -> Tensor:
    return F.pad(x, (0, w - x.shape[3], 0, h - x.shape[2], 0, c - x.shape[1]))


class DlibFaceNet(nn.Module):
    """dlib's ``dlib_face_recognition_resnet_model_v1`` (Davis King, CC0), weights from its .dat file.

    forward: (B, 3, 150, 150) face chips (``dlib.get_face_chip(image, points, 150, 0.25)``), RGB in [-1, 1] →
    (B, 128) descriptors, equal to dlib's own to about 1e-6.
    """

    _PLAN = (
        [(32, 32, False)] * 3 + [(32, 64, True)] + [(64, 64, False)] * 3 + [(64, 128, True)]
        + [(128, 128, False)] * 2 + [(128, 256, True)] + [(256, 256, False)] * 2 + [(256, 256, True)]
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2, 0)
        self.blocks = nn.Sequential(*(_DlibBlock(*plan) for plan in self._PLAN))
        self.fc = nn.Linear(256, 128, bias=False)
        self.register_buffer("average", torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = ((x + 1) * 127.5 - self.average) / 256
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        return self.fc(self.blocks(x).mean((2, 3)))

    @classmethod
    def from_dat(cls, path: str | Path) -> DlibFaceNet:
        """Read dlib's serialised network. Raises UserError if the file is missing or not that network."""
        net = cls()
        try:
            layers = _DatReader(Path(path).read_bytes()).face_net()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}). Reinstall face_recognition_models.") from None
        convolutions = iter([net.stem, *(c for block in net.blocks for c in (block.a, block.b))])
        for layer, following in zip(layers, [*layers[1:], {}]):
            if layer["type"].startswith("con_"):
                conv, n = next(convolutions), layer["filters"][0]
                flat, affine = layer["params"].reshape(-1), following["params"].reshape(-1)
                gain = affine[:n]  # dlib's batch norm, frozen to an affine map, folds into the convolution
                weight = flat[:-n].reshape(layer["filters"]) * gain[:, None, None, None]
                conv.weight.data = torch.from_numpy(weight.copy())
                conv.bias.data = torch.from_numpy(flat[-n:] * gain + affine[n:])
            elif layer["type"].startswith("fc_"):
                matrix = layer["params"].reshape(layer["in"], layer["out"])
                net.fc.weight.data = torch.from_numpy(matrix.T.copy())
            elif layer["type"].startswith("input_"):
                net.average.copy_(torch.tensor(layer["average"]).view(1, 3, 1, 1))
        return net


class _DatReader:
    """dlib's serialisation: packed integers, mantissa-exponent floats, raw float32 tensors, layers nested
    from the loss (first in the stream) to the input (last)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def face_net(self) -> list[dict[str, Any]]:
        """All layers of the face ResNet that have details, from the input to the loss."""
        layers: list[dict[str, Any]] = []
        try:
            self._layer(self._grammar(), layers)
        except (IndexError, UnicodeDecodeError, ValueError) as error:
            raise UserError(f"not dlib's face network ({error}). Reinstall face_recognition_models.") from None
        if self.at != len(self.data):
            raise UserError("not dlib's face network (bytes left over). Reinstall face_recognition_models.")
        return layers

    @staticmethod
    def _grammar() -> Iterator[str]:
        def residual(down: bool) -> list[str]:
            head = ["relu", "add", "avg", "skip", "tag"] if down else ["relu", "add"]
            return [*head, "affine", "con", "relu", "affine", "con", "tag"]

        plan = "d" + "rrd" + "rrd" + "rrrd" + "rrr"
        middle = [name for kind in plan for name in residual(kind == "d")]
        return iter(["loss", "fc", "avg_all", *middle, "max", "relu", "affine", "con_input"])

    def _layer(self, grammar: Iterator[str], layers: list[dict[str, Any]]) -> None:
        kind = next(grammar)
        version = self._int()
        if kind == "loss":
            self._string(), self._float(), self._float()
            return self._layer(grammar, layers)
        if kind in ("tag", "skip"):
            return self._layer(grammar, layers)
        if kind == "con_input":
            layers.append(self._input())
        else:
            self._layer(grammar, layers)
        details = self._details()
        self._bool(), self._bool(), self._bool(), self._tensor(), self._tensor()
        if kind == "con_input":
            self._tensor()
            if version >= 3:
                self._int()
        elif version >= 2:
            self._tensor()
        layers.append(details)
        return None

    def _details(self) -> dict[str, Any]:
        name = self._string()
        layer: dict[str, Any] = {"type": name}
        if name in ("con_4", "con_5", "con_6"):
            layer["params"] = self._tensor()
            for _ in range(7):
                self._int()
            layer["filters"] = self._alias()
            self._alias()
            for _ in range(4):
                self._float()
            for _ in range(int(name[-1]) - 4):
                self._bool()
        elif name in ("affine_", "affine_2"):
            layer["params"] = self._tensor()
            self._alias(), self._alias(), self._int()
            if name == "affine_2":
                self._bool()
        elif name == "relu_2":
            self._bool()
        elif name in ("max_pool_2", "avg_pool_2"):
            for _ in range(6):
                self._int()
        elif name in ("fc_2", "fc_3"):
            layer["out"], layer["in"] = self._int(), self._int()
            layer["params"] = self._tensor()
            self._alias(), self._alias(), self._int()
            for _ in range(4):
                self._float()
            if name == "fc_3":
                self._bool()
        elif name not in ("relu_", "add_prev_"):
            raise UserError(f"unknown layer {name!r}")
        return layer

    def _input(self) -> dict[str, Any]:
        name = self._string()
        average = [self._float() for _ in range(3)]
        if name == "input_rgb_image_sized":
            self._int(), self._int()
        return {"type": name, "average": average}

    def _int(self) -> int:
        control = self.data[self.at]
        length = control & 0x0F
        if not 1 <= length <= 8 or control & 0x70:
            raise UserError(f"bad integer at byte {self.at}")
        value = int.from_bytes(self.data[self.at + 1 : self.at + 1 + length], "little")
        self.at += 1 + length
        return -value if control & 0x80 else value

    def _float(self) -> float:
        mantissa, exponent = self._int(), self._int()
        if exponent >= 32000:
            return {32000: float("inf"), 32001: float("-inf")}.get(exponent, float("nan"))
        return float(mantissa) * 2.0**exponent

    def _bool(self) -> bool:
        self.at += 1
        return self.data[self.at - 1 : self.at] == b"1"

    def _string(self) -> str:
        length = self._int()
        self.at += length
        return self.data[self.at - length : self.at].decode("ascii")

    def _tensor(self) -> np.ndarray:
        if self._int() != 2:
            raise UserError(f"bad tensor at byte {self.at}")
        shape = [self._int() for _ in range(4)]
        n = int(np.prod(shape))
        self.at += 4 * n
        return np.frombuffer(self.data, "<f4", n, self.at - 4 * n).reshape(shape)

    def _alias(self) -> list[int]:
        if self._int() != 1:
            raise UserError(f"bad tensor view at byte {self.at}")
        return [self._int() for _ in range(4)]


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
    """facenet-pytorch's InceptionResnetV1 (VGGFace2), 512-D. Fetches its weights on first use."""

    dim = 512

    def __init__(self) -> None:
        super().__init__()
        self.config = {"name": "facenet"}
        try:
            from facenet_pytorch import InceptionResnetV1

            self.net = InceptionResnetV1(pretrained="vggface2")
        except ImportError:
            raise UserError("facenet-pytorch is missing. Run: pip install facenet-pytorch==2.5.3") from None
        except OSError as error:  # URLError among them
            raise UserError(
                f"facenet's weights could not be fetched ({error}). Connect once to the network so they can "
                "be cached, or use --set encoder=encoder or encoder=dlib, which work offline."
            ) from None

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
    """z = (f − mean) / std, per dimension, of one domain: puts f(s) and f(t) on one scale, without which a
    squared distance on unit-norm features is too small for the paper's α to matter. std: of z's parts that shall count
    less than others, it is larger."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def of(cls, features: Tensor, weights: Tensor | None = None) -> Standardise:
        """Statistics of (N, dim) features; weights: (dim,) deviations that z shall have, 1 if not given."""
        std = features.std(0).clamp_min(1e-6)
        return cls(features.mean(0), std if weights is None else std / weights.to(std))

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.std


def weights_of(f: nn.Module) -> Tensor:
    """(dim,) how much each part of f's representation counts, beside the others, in what g hears and in L_CONST."""
    return getattr(f, "weights", torch.ones(f.dim))


def build(config: dict[str, Any]) -> nn.Module:
    """An encoder from the dictionary its ``config`` gave; own weights untrained, packages' loaded; frozen.
    Raises UserError if there is no such encoder or it has no such setting."""
    config = dict(config)
    name = config.pop("name", None)
    if name == "side-by-side":
        encoder: nn.Module = SideBySide([build(part) for part in config.get("parts", [])])
    elif name in ("attributes", "dlib", "facenet", "digits", "digits-paper"):
        from .digits import ClassEncoder, PaperDigitEncoder  # that module builds on this one

        kinds = {
            "attributes": AttributeEncoder, "dlib": DlibEncoder, "facenet": FacenetEncoder,
            "digits": ClassEncoder, "digits-paper": PaperDigitEncoder,
        }  # fmt: skip
        try:
            encoder = kinds[name](**config)
        except TypeError:
            raise UserError(f"encoder {name!r} has no such settings: {config}. Get the checkpoint again.") from None
    else:
        raise UserError(
            f"unknown encoder {name!r}; known: attributes, dlib, facenet, digits, digits-paper, side-by-side."
        )
    return encoder.eval().requires_grad_(False)
