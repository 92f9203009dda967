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

MIN_SIDE = 8
"""Pixels that a picture of a street number has at least on either side."""

MAX_ASPECT = 4
"""Long side over short side of a picture of a street number at most."""


class DigitResult(NamedTuple):
    """A street number as handwriting.

    Attributes:
        picture: (32, 32, 3) uint8 RGB, the input of f.
        read: (10,) float32, f's probabilities of the digits 0-9.
        made: (32, 32) uint8, G(x), or (32, 32, 3) where g paints in colour.
        judged: (10,) float32, the judge's probabilities of the digits 0-9 in G(x).
        ms: Milliseconds by stage: fit, read, generate, judge, total.
    """

    picture: Image
    encoder_probabilities: NDArray[np.float32]
    generated: Image
    judge_probabilities: NDArray[np.float32]
    ms: dict[str, float]


class DigitTransferrer(Pretrained):
    """A translation of street numbers made callable, and a judge of its output: a classifier that was trained on real
    handwritten digits and took no part in the translation. Stores nothing of a picture.

    Attributes:
        checkpoint: The loaded `Checkpoint`; its name and hash belong beside every measured figure.
        judge: The classifier.
        device: Where they run.
    """

    def __init__(self, checkpoint: Checkpoint, judge: nn.Module, device: str | torch.device = "cpu") -> None:
        self.checkpoint = checkpoint
        self.judge = judge
        self.device = torch.device(device)

    @classmethod
    def from_checkpoint(
        cls,
        name_or_dir: str | os.PathLike[str] = "digits",
        judge: str | os.PathLike[str] = "digits-judge",
        device: str = "auto",
    ) -> DigitTransferrer:
        """Load a translation and a judge, each by name or folder, onto "auto", "cpu", "cuda" or "cuda:N". Raises
        UserError, also for checkpoints that don't classify digits."""
        device = pick_device(device)
        checkpoint = model.load(name_or_dir, device)
        classifier = checkpoints.load_encoder(judge, device)
        for name, encoder in ((name_or_dir, checkpoint.f), (judge, classifier)):
            if not _classifies_digits(encoder):
                raise UserError(f"checkpoint '{name}' can't read digits. Give one trained on digits, such as digits.")
        return cls(checkpoint, classifier, device)

    @device_errors()
    def __call__(self, image: Image) -> DigitResult:
        """Turn an (H, W, 3) uint8 RGB picture of a digit into handwriting. Raises UserError as `fit`."""
        timer = StageTimer(self.device)
        picture = fit(image)
        x = to_tensor(picture).to(self.device)
        timer.lap("fit")
        read = self.classify(x)
        timer.lap("read")
        y = self.transfer(x)
        timer.lap("generate")
        judged = self.judge_output(y)
        timer.lap("judge")
        generated = to_images(y)[0]
        if generated.shape[2] == 1:
            generated = generated[..., 0]
        return DigitResult(picture, read[0].cpu().numpy(), generated, judged[0].cpu().numpy(), timer.total())

    @torch.no_grad()
    def classify(self, x: Tensor) -> Tensor:
        """Classify (B, 3, 32, 32) street numbers in [-1, 1] by f → (B, 10) probabilities."""
        f = self.checkpoint.f
        return f.logits(f(x.to(self.device))).softmax(1)

    def transfer(self, x: Tensor) -> Tensor:
        """G on tensors: (B, 3, 32, 32) street numbers in [-1, 1] → (B, 1 or 3, 32, 32) in [-1, 1]."""
        return self.checkpoint.transfer(x.to(self.device))

    @torch.no_grad()
    def judge_output(self, y: Tensor) -> Tensor:
        """Classify (B, 1 or 3, 32, 32) handwritten digits in [-1, 1] by the judge → (B, 10) probabilities."""
        return self.judge.logits(self.judge(to_rgb(y.to(self.device)))).softmax(1)


def _classifies_digits(encoder: nn.Module) -> bool:
    """Whether an encoder has the ten classes and the input size of the digits."""
    if not isinstance(encoder, ClassEncoder | PaperDigitEncoder):
        return False
    return encoder.config["outputs"] == 10 and encoder.size == PaperDigitEncoder.size


def fit(image: Image) -> Image:
    """Scale the middle square of an (H, W, 3) picture of a digit to the input of f, (32, 32, 3) uint8. Raises UserError
    if it is smaller than 8 pixels or longer than 4:1."""
    height, width = image.shape[:2]
    short, long = sorted((height, width))
    if short < MIN_SIDE:
        raise UserError(f"only {width}×{height} pixels. Use a picture of {MIN_SIDE}×{MIN_SIDE} at least.")
    if long > MAX_ASPECT * short:
        raise UserError(f"longer than {MAX_ASPECT}:1 ({width}×{height} pixels). Crop it around one digit.")
    top, left = (height - short) // 2, (width - short) // 2
    square = image[top : top + short, left : left + short]
    size = PaperDigitEncoder.size
    # INTER_AREA would enlarge pixels to hard-edged squares.
    interpolation = cv2.INTER_AREA if short >= size else cv2.INTER_CUBIC
    return cv2.resize(square, (size, size), interpolation=interpolation)
