"""The pipeline: a frame goes in, faces as emoji come out. UI, command line, benchmarks and tests all call
this."""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import perf_counter

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from . import checkpoint as checkpoints
from .checkpoint import Checkpoint
from .devices import pick_device
from .faces.align import CROP, align
from .faces.compose import paste
from .faces.detect import detect
from .faces.track import smooth
from .images import to_images, to_tensor
from .types import Face, Image, Result, TransferredFace


class Transferrer:
    """A checkpoint made callable. Keeps nothing of a frame, so one may serve many callers at once.

    checkpoint: the loaded `Checkpoint`; its name and hash belong beside every measured figure.
    """

    def __init__(self, checkpoint: Checkpoint, device: str | torch.device = "cpu") -> None:
        self.checkpoint = checkpoint
        self.device = torch.device(device)

    @classmethod
    def from_checkpoint(cls, name_or_dir: str | os.PathLike[str] = "emoji", device: str = "cpu") -> Transferrer:
        """Load a checkpoint by name or folder onto "cpu", "cuda" or "auto". Raises ValueError with one
        line."""
        device = pick_device(device)
        return cls(checkpoints.load(name_or_dir, device), device)

    def __call__(
        self,
        frame: Image,
        *,
        mirror: bool = False,
        upscale: bool = True,
        max_side: int = 1280,
        max_faces: int | None = None,
        thorough: bool = True,
        previous: Sequence[Face] = (),
    ) -> Result:
        """Turn every face of an (H, W, 3) uint8 RGB frame into an emoji.

        mirror: flip the frame left to right first; the result is in the flipped frame. upscale: apply SR,
        else enlarge smoothly. max_side: longest side of the copy in which faces are sought; emoji and
        composition keep the frame's own size. max_faces: only the biggest. thorough: False in live video, see
        `faces.detect.detect`. previous: faces of the frame before, to steady these (`faces.track.smooth`).
        """
        clock = _Clock(self.device)
        if mirror:
            frame = np.ascontiguousarray(frame[:, ::-1])
        found = detect(frame, thorough=thorough, max_side=max_side, max_faces=max_faces)
        found = smooth(found, previous)
        clock.lap("detect")
        if not found:
            return Result(frame, (), frame.copy(), clock.total())
        aligned = [align(frame, face) for face in found]
        clock.lap("align")
        with torch.no_grad():
            features = self._encode(to_tensor([a.image for a in aligned]).to(self.device))
            clock.lap("encode")
            y = self.checkpoint.g(features)
            clock.lap("generate")
            raw = to_images(y)
            large = to_images(self.upscale(y)) if upscale else np.stack([_enlarge(r) for r in raw])
            clock.lap("upscale")
        faces = tuple(TransferredFace(*parts) for parts in zip(aligned, raw, large))
        composed = paste(frame, faces)
        clock.lap("compose")
        return Result(frame, faces, composed, clock.total())

    @torch.no_grad()
    def transfer(self, x: Tensor) -> Tensor:
        """G: (B, 3, S, S) head crops in [-1, 1] → (B, 4, 64, 64) in [-1, 1]. The tensor door for metrics."""
        return self.checkpoint.g(self._encode(x.to(self.device)))

    @torch.no_grad()
    def upscale(self, y: Tensor) -> Tensor:
        """SR: (B, 4, 64, 64) → (B, 4, 256, 256), both in [-1, 1]; bicubic where the checkpoint has no
        upscaler."""
        if self.checkpoint.upscaler is None:
            return F.interpolate(y, size=(CROP, CROP), mode="bicubic", align_corners=False).clamp(-1, 1)
        return self.checkpoint.upscaler(y).clamp(-1, 1)

    def _encode(self, x: Tensor) -> Tensor:
        return self.checkpoint.emphasis * self.checkpoint.standardise_s(self.checkpoint.f(x))


def _enlarge(raw: Image) -> Image:
    return cv2.resize(raw, (CROP, CROP), interpolation=cv2.INTER_CUBIC)


class _Clock:
    """Milliseconds by stage."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.ms = device, {}
        self.start = self.last = perf_counter()

    def lap(self, stage: str) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = perf_counter()
        self.ms[stage], self.last = 1000 * (now - self.last), now

    def total(self) -> dict[str, float]:
        return {**self.ms, "total": 1000 * (perf_counter() - self.start)}
