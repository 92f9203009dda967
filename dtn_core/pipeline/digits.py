"""Street numbers to handwriting: a loaded checkpoint of digits as a callable."""

from __future__ import annotations

import os
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.devices import device_errors, pick_device
from ..core.errors import UserError
from ..core.images import to_images, to_rgb, to_tensor
from ..core.types import Image
from ..networks import checkpoint as checkpoints
from ..networks.digits import PaperDigitEncoder
from ..networks.resnet import ClassEncoder
from . import model
from .model import Checkpoint, Pretrained
from .timing import StageTimer

SMALLEST, LONGEST = 8, 4
"""A street number has so many pixels at least on either side, and is so many times as long as short at most."""


class DigitResult(NamedTuple):
    """What a street number became.

    picture: (32, 32, 3) uint8 RGB, what f saw; read: (10,) float32, f's probabilities of the digits 0-9;
    made: (32, 32) uint8, G(x), or (32, 32, 3) where g paints in colour; judged: (10,) float32, the judge's
    probabilities; ms: milliseconds by stage: fit, read, generate, judge, total.
    """

    picture: Image
    read: NDArray[np.float32]
    made: Image
    judged: NDArray[np.float32]
    ms: dict[str, float]


class DigitTransferrer(Pretrained):
    """A translation of street numbers made callable, and a judge that reads what it wrote: a net that knows
    handwritten digits only and took no part in the translation. Keeps nothing of a picture.

    checkpoint: the loaded `Checkpoint`; its name and hash belong beside every measured figure.
    """

    def __init__(self, checkpoint: Checkpoint, judge: nn.Module, device: str | torch.device = "cpu") -> None:
        self.checkpoint, self.judge = checkpoint, judge
        self.device = torch.device(device)

    @classmethod
    def from_checkpoint(
        cls,
        name_or_dir: str | os.PathLike[str] = "digits",
        judge: str | os.PathLike[str] = "digits-judge",
        device: str = "auto",
    ) -> DigitTransferrer:
        """Load a translation and a judge, each by name or folder, onto "cpu", "cuda" or "auto". Raises UserError
        with one line, also where they are of another kind."""
        device = pick_device(device)
        checkpoint, net = model.load(name_or_dir, device), checkpoints.load_encoder(judge, device)
        for name, reader in ((name_or_dir, checkpoint.f), (judge, net)):
            if (
                not isinstance(reader, ClassEncoder | PaperDigitEncoder)
                or reader.config["outputs"] != 10
                or reader.size != 32
            ):
                raise UserError(f"checkpoint '{name}' can't read digits. Give one trained on digits, such as digits.")
        return cls(checkpoint, net, device)

    @device_errors()
    def __call__(self, image: Image) -> DigitResult:
        """Write the digit of an (H, W, 3) uint8 RGB picture by hand. Raises UserError as `fit` does."""
        clock = StageTimer(self.device)
        picture = fit(image)
        x = to_tensor(picture).to(self.device)
        clock.lap("fit")
        read = self.read(x)
        clock.lap("read")
        y = self.transfer(x)  # f anew: not every G contains it
        clock.lap("generate")
        judged = self.judged(y)
        clock.lap("judge")
        made = to_images(y)[0]
        made = made[..., 0] if made.shape[2] == 1 else made
        return DigitResult(picture, read[0].cpu().numpy(), made, judged[0].cpu().numpy(), clock.total())

    @torch.no_grad()
    def read(self, x: Tensor) -> Tensor:
        """f's reading: (B, 3, 32, 32) street numbers in [-1, 1] → (B, 10) probabilities."""
        f = self.checkpoint.f
        return f.logits(f(x.to(self.device))).softmax(1)

    def transfer(self, x: Tensor) -> Tensor:
        """G: (B, 3, 32, 32) street numbers in [-1, 1] → (B, 1 or 3, 32, 32) in [-1, 1]. The tensor door for
        metrics."""
        return self.checkpoint.transfer(x.to(self.device))

    @torch.no_grad()
    def judged(self, y: Tensor) -> Tensor:
        """The judge's reading: (B, 1 or 3, 32, 32) handwritten digits in [-1, 1] → (B, 10) probabilities."""
        return self.judge.logits(self.judge(to_rgb(y.to(self.device)))).softmax(1)


def fit(image: Image) -> Image:
    """The middle square of an (H, W, 3) picture of a digit, as f takes it: (32, 32, 3) uint8. Raises UserError if it
    is smaller than 8 pixels or longer than 4:1."""
    height, width = image.shape[:2]
    short, long = sorted((height, width))
    if short < SMALLEST:
        raise UserError(f"only {width}×{height} pixels. Use a picture of {SMALLEST}×{SMALLEST} at least.")
    if long > LONGEST * short:
        raise UserError(f"longer than {LONGEST}:1 ({width}×{height} pixels). Crop it around one digit.")
    top, left = (height - short) // 2, (width - short) // 2
    square = image[top : top + short, left : left + short]
    size = PaperDigitEncoder.size
    way = cv2.INTER_AREA if short >= size else cv2.INTER_CUBIC  # enlarging by area would give hard squares
    return cv2.resize(square, (size, size), interpolation=way)
