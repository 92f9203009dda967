"""The pipelines: a frame goes in, faces as emoji come out; a street number goes in, a handwritten digit comes out.
UI, command line, benchmarks and tests all call these."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..avatars.predict import Reading
from ..core.devices import device_errors, pick_device
from ..core.errors import UserError
from ..core.images import to_images, to_tensor
from ..core.types import AlignedFace, Box, Drawing, Face, Image, Kind, RefusedFace, Result, TransferredFace
from ..faces.align import CROP, align, warp
from ..faces.compose import lay, stickers
from ..faces.detect import detect_upright
from ..faces.quality import judge
from ..faces.track import overlap, smooth
from ..networks import checkpoint as checkpoints
from . import model
from .model import Checkpoint, Pretrained
from .timing import StageTimer


class Transferrer(Pretrained):
    """A checkpoint made callable. Keeps nothing of a frame, so one may serve many callers at once.

    checkpoint: the loaded `Checkpoint`; its name and hash belong beside every measured figure.
    """

    def __init__(self, checkpoint: Checkpoint, device: str | torch.device = "cpu") -> None:
        self.checkpoint = checkpoint
        self.device = torch.device(device)

    @property
    def sees_pictures(self) -> bool:
        """Whether this translation takes whole pictures, of which the middle square counts, instead of faces."""
        return checkpoints.input_domain(self.checkpoint.info) == "pictures"

    @property
    def draws(self) -> bool:
        """Whether it can draw avatars, by the artist's engine; else it only paints."""
        return self.checkpoint.predictor is not None

    @property
    def paints(self) -> bool:
        """Whether it can paint, by g; else it only draws."""
        return self.checkpoint.g is not None

    @classmethod
    def from_checkpoint(cls, name_or_dir: str | os.PathLike[str] = "emoji", device: str = "auto") -> Transferrer:
        """Load a checkpoint by name or folder onto "cpu", "cuda" or "auto". Raises UserError with one
        line, also where it sees digits."""
        device = pick_device(device)
        checkpoint = model.load(name_or_dir, device)
        if checkpoints.input_domain(checkpoint.info) == "digits":
            raise UserError(
                f"checkpoint '{name_or_dir}' reads digits, not faces. "
                "Give one of faces, such as emoji, or use the command digits."
            )
        return cls(checkpoint, device)

    @device_errors()
    def __call__(
        self,
        frame: Image,
        *,
        kind: Kind | Literal["both"] = "both",
        mirror: bool = False,
        upscale: bool = True,
        compose: bool = True,
        max_side: int = 1280,
        max_faces: int | None = None,
        thorough: bool = True,
        previous: Sequence[Face] = (),
        known: Sequence[tuple[Face, Drawing]] = (),
    ) -> Result:
        """Turn every face of an (H, W, 3) uint8 RGB frame into an emoji; where `sees_pictures`, its middle square.
        Faces of which too little can be seen (`faces.quality`) stay as they are, see `Result.refused`. A photo on its
        side is turned upright first, unless it is live video, see `Result.turned`.

        kind: drawn is quick, since g and SR don't run; both: painted too where it `paints`, the drawn one being the
        result. Whatever is asked for, a checkpoint that can't draw paints; one that can't paint raises UserError if
        painted is. mirror: flip the frame left to right first; the result is in the flipped frame. upscale: apply SR,
        else enlarge smoothly. compose: paste the emoji into the frame, else `Result.composed` is the frame itself.
        max_side: longest side of the copy in which faces are sought; emoji and composition keep the frame's own size.
        max_faces: only the biggest. thorough: False in live video, see `faces.detect.detect`. previous: faces of the
        frame before, to steady these (`faces.track.smooth`). known: faces and their avatars; where all faces are, and
        kind is drawn, they stay, and neither f nor c is asked.
        """
        if kind == "painted":
            self.checkpoint.painter()
        clock = StageTimer(self.device)
        if mirror:
            frame = np.ascontiguousarray(frame[:, ::-1])
        if self.sees_pictures:
            clock.lap("detect")
            aligned, seen, refused, turned = [centre(frame)], [(None, None)], (), 0
        else:
            frame, found, turned = detect_upright(frame, thorough=thorough, max_side=max_side, max_faces=max_faces)
            found = sorted(smooth(found, previous), key=lambda face: face.box.left)
            clock.lap("detect")
            aligned, seen, refused = _judged(frame, found)
        clock.lap("align")
        if not aligned:
            return Result(frame, (), frame.copy(), clock.total(), refused, turned)
        avatars = [_known(head.face, known) for head in aligned] if kind == "drawn" else [None]
        if all(avatars):
            faces = tuple(TransferredFace(a, None, None, *q, avatar) for a, q, avatar in zip(aligned, seen, avatars))
        else:
            faces = self._faces(aligned, seen, kind, upscale, clock)
        pasted = stickers(faces) if compose else []
        if faces[0].avatar:
            clock.lap("draw")
        composed = lay(frame, pasted)
        if compose:
            clock.lap("compose")
        return Result(frame, faces, composed, clock.total(), refused, turned)

    @torch.no_grad()
    def _faces(
        self,
        heads: Sequence[AlignedFace],
        seen: Sequence[tuple[float | None, str | None]],
        kind: Kind | Literal["both"],
        upscale: bool,
        clock: StageTimer,
    ) -> tuple[TransferredFace, ...]:
        c = None if kind == "painted" else self.checkpoint.predictor
        paints = c is None or (kind == "both" and self.paints)
        x = to_tensor([head.image for head in heads]).to(self.device)
        features = c.f(x) if c else None
        if paints:
            inputs = self.checkpoint.generator_input(x, features if c and c.f is self.checkpoint.f else None)
        clock.lap("encode")
        if paints:
            y = self.checkpoint.g(inputs)
            clock.lap("generate")
        raw = large = avatars = [None] * len(heads)
        if paints:
            raw = _with_alpha(to_images(y))
            large = _with_alpha(to_images(self.upscale(y))) if upscale else np.stack([_enlarge(r) for r in raw])
            clock.lap("upscale")
        if c:
            avatars = c.choose(features, c.skin_features(x))
        made = zip(heads, raw, large, seen, avatars)
        return tuple(TransferredFace(head, r, image, *quality, avatar) for head, r, image, quality, avatar in made)

    @device_errors()
    @torch.no_grad()
    def read(self, x: Tensor, skin: bool = True) -> Reading:
        """What f and c read in (N, 3, S, S) head crops in [-1, 1], by a checkpoint that `draws`. skin: else its
        lightness is NaN, and f runs once instead of twice."""
        c, x = self.checkpoint.predictor, x.to(self.device)
        reading = c.read(c.f(x), c.skin_features(x) if skin else None)
        return reading if skin else reading._replace(lightness=np.full(len(x), np.nan))

    def transfer(self, x: Tensor) -> Tensor:
        """G: (B, 3, S, S) head crops in [-1, 1] → (B, 4, 64, 64) in [-1, 1]. The tensor door for metrics."""
        return self.checkpoint.transfer(x.to(self.device))

    @torch.no_grad()
    def upscale(self, y: Tensor) -> Tensor:
        """SR: (B, 4, 64, 64) → (B, 4, 256, 256), both in [-1, 1]; bicubic where the checkpoint has no
        upscaler."""
        if self.checkpoint.upscaler is None:
            return F.interpolate(y, size=(CROP, CROP), mode="bicubic", align_corners=False).clamp(-1, 1)
        return self.checkpoint.upscaler(y).clamp(-1, 1)


def _judged(
    frame: Image, faces: Sequence[Face]
) -> tuple[list[AlignedFace], list[tuple[float | None, str | None]], tuple[RefusedFace, ...]]:
    """Faces of which enough can be seen, aligned; how well, and a note; and the others."""
    judged = [(head, judge(frame, head)) for head in (align(frame, face) for face in faces)]
    clear = [(head, quality) for head, quality in judged if not quality.refused]
    refused = tuple(RefusedFace(head, *quality) for head, quality in judged if quality.refused)
    return [head for head, _ in clear], [quality for _, quality in clear], refused


def _known(face: Face, known: Sequence[tuple[Face, Drawing]]) -> Drawing | None:
    """The avatar of the known face that stands where this one does; None of a new face."""
    return next((avatar for other, avatar in known if overlap(other.box, face.box) > 0.5), None)


def centre(frame: Image) -> AlignedFace:
    """The middle square of a frame, as if it were a face: for translations of whole pictures."""
    height, width = frame.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    scale = CROP / side
    matrix = np.array([[scale, 0, (scale - 1) / 2 - scale * left], [0, scale, (scale - 1) / 2 - scale * top]])
    points = np.full((5, 2), (left + side / 2, top + side / 2), np.float32)
    face = Face(Box(left, top, left + side, top + side), points, 0.0)
    return AlignedFace(face, warp(frame, matrix, CROP), matrix)


def _with_alpha(pictures: Image) -> Image:
    """(N, H, W, 1|3|4) → (N, H, W, 4): opaque where there is no alpha, so that all can be pasted."""
    if pictures.shape[3] == 1:
        pictures = pictures.repeat(3, 3)
    if pictures.shape[3] == 4:
        return pictures
    return np.concatenate([pictures, np.full_like(pictures[..., :1], 255)], 3)


def _enlarge(raw: Image) -> Image:
    return cv2.resize(raw, (CROP, CROP), interpolation=cv2.INTER_CUBIC)
