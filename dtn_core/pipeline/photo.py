"""Photos to emoji: detect → align → network → compose. The app, the command line, benchmarks and tests call this."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from ..avatars.appearance import measure
from ..avatars.predict import Predictions
from ..core.devices import device_errors, pick_device
from ..core.errors import UserError
from ..core.images import composite_over, to_images, to_tensor
from ..core.types import AlignedFace, Box, DrawnAvatar, Face, Image, Kind, RefusedFace, Result, TransferredFace
from ..faces.align import CROP, align, warp
from ..faces.compose import composite, stickers
from ..faces.detect import detect_upright
from ..faces.parse import parse
from ..faces.quality import judge
from ..faces.track import overlap, smooth
from ..networks import checkpoint as checkpoints
from . import model
from .model import Checkpoint, Pretrained
from .timing import StageTimer

COLOUR_NOTE = "Colours can't be read in this light, so they are guesses. Try a colour photo in daylight."
"""Note of a face in black and white, or in dark or coloured light."""


class Transferrer(Pretrained):
    """A checkpoint made callable: photos in, emoji out. Stores nothing of a frame, so threads may share one.

    Attributes:
        checkpoint: The loaded `Checkpoint`; its name and hash belong beside every measured figure.
        device: Where it runs.
        measures_appearance: Whether avatars take colours, outlines and proportions from the photo, see
            `avatars.appearance`.
    """

    def __init__(
        self, checkpoint: Checkpoint, device: str | torch.device = "cpu", measures_appearance: bool = True
    ) -> None:
        self.checkpoint = checkpoint
        self.device = torch.device(device)
        self.measures_appearance = measures_appearance

    @property
    def takes_whole_pictures(self) -> bool:
        """Whether this translation takes the middle square of whole pictures instead of faces."""
        return checkpoints.input_domain(self.checkpoint.info) == "pictures"

    @property
    def draws(self) -> bool:
        """Whether it can draw avatars, by c and the artist's engine; else it only paints."""
        return self.checkpoint.predictor is not None

    @property
    def paints(self) -> bool:
        """Whether it can paint, by g; else it only draws."""
        return self.checkpoint.g is not None

    @classmethod
    def from_checkpoint(cls, name_or_dir: str | os.PathLike[str] = "emoji", device: str = "auto") -> Transferrer:
        """Load a checkpoint by name or folder onto "auto", "cpu", "cuda" or "cuda:N". Raises UserError, also for a
        checkpoint of digits."""
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
        known_avatars: Sequence[tuple[Face, DrawnAvatar]] = (),
    ) -> Result:
        """Turn every face of a frame into an emoji; if `takes_whole_pictures`, its middle square.

        Faces that can hardly be seen (`faces.quality`) stay as they are, see `Result.refused`. A photo that isn't
        upright is rotated first if `thorough`, see `Result.rotation`.

        Args:
            frame: (H, W, 3) uint8 RGB; or (H, W, 4) with straight alpha, which `Result.composed` keeps. Faces are
                searched over white.
            kind: "drawn" is quick, since g and SR don't run. "both" also paints where it `paints`, and pastes the drawn
                one. A checkpoint that can't draw always paints.
            mirror: Flip the frame left to right first; the result is in the flipped frame.
            upscale: Apply SR to painted emoji, else enlarge them by interpolation.
            compose: Paste the emoji into the frame, else `Result.composed` is a copy of the frame.
            max_side: Longest side of the copy in which faces are detected. Emoji are made in the frame's own size.
            max_faces: Only the largest so many faces.
            thorough: False in live video, see `faces.detect.detect`.
            previous: Faces of the frame before, by which these are smoothed (`faces.track.smooth`).
            known_avatars: Faces and their avatars. If all faces are known, and kind is "drawn", the avatars are reused
                and neither f nor c runs.

        Raises:
            UserError: If kind is "painted" and the checkpoint can't paint.
        """
        if kind == "painted":
            self.checkpoint.require_generator()
        timer = StageTimer(self.device)
        if mirror:
            frame = np.ascontiguousarray(frame[:, ::-1])
        transparent = None
        if frame.ndim == 3 and frame.shape[2] == 4:
            transparent = frame
            frame = composite_over(frame, (255, 255, 255))
        rotation = 0
        if self.takes_whole_pictures:
            timer.lap("detect")
            faces, refused = [TransferredFace(centre_crop(frame), None, None)], ()
        else:
            frame, detected, rotation = detect_upright(frame, thorough=thorough, max_side=max_side, max_faces=max_faces)
            detected = sorted(smooth(detected, previous), key=lambda face: face.box.left)
            timer.lap("detect")
            faces, refused = _align_visible(frame, detected)
        timer.lap("align")
        canvas = frame if transparent is None else np.ascontiguousarray(np.rot90(transparent, -rotation // 90))
        if not faces:
            return Result(frame, (), canvas.copy(), timer.total(), refused, rotation)
        avatars = [_known_avatar(face.aligned.face, known_avatars) for face in faces] if kind == "drawn" else [None]
        if all(avatars):
            faces = [replace(face, avatar=avatar) for face, avatar in zip(faces, avatars)]
        else:
            faces = self._transfer_faces(faces, kind, upscale, timer)
        pasted = stickers(faces) if compose else []
        if faces[0].avatar:
            timer.lap("draw")
        composed = composite(canvas, pasted)
        if compose:
            timer.lap("compose")
        return Result(frame, tuple(faces), composed, timer.total(), refused, rotation)

    def _transfer_faces(
        self, faces: Sequence[TransferredFace], kind: Kind | Literal["both"], upscale: bool, timer: StageTimer
    ) -> list[TransferredFace]:
        """Add painted pictures, avatars, or both to aligned faces."""
        draw = self.draws and kind != "painted"
        paint = not draw or (self.paints and kind == "both")
        x = to_tensor([face.aligned.image for face in faces]).to(self.device)
        output = self.checkpoint.network(x, paint=paint, upscale=upscale, draw=draw, on_stage=timer.lap)
        if paint:
            raw = _with_alpha(to_images(output.painted))
            large = _with_alpha(to_images(output.upscaled)) if upscale else [_enlarge(picture) for picture in raw]
            faces = [replace(face, raw=r, image=image) for face, r, image in zip(faces, raw, large)]
        if draw:
            reading = self.with_appearance(output.reading, x)
            avatars = self.checkpoint.predictor.decide(reading)
            faces = [replace(face, avatar=avatar) for face, avatar in zip(faces, avatars)]
            if self.measures_appearance:
                hidden = np.isnan(reading.appearance["colour:skin"]).any(1)
                faces = [
                    replace(face, note=face.note or COLOUR_NOTE) if is_hidden else face
                    for face, is_hidden in zip(faces, hidden)
                ]
        return list(faces)

    @device_errors()
    @torch.no_grad()
    def read(self, x: Tensor) -> Predictions:
        """Read (N, 3, S, S) head crops in [-1, 1] by f, c and the face parser, without deciding on avatars."""
        predictor = self.checkpoint.predictor
        x = x.to(self.device)
        return self.with_appearance(predictor.read(predictor.f(x)), x)

    def with_appearance(self, reading: Predictions, x: Tensor) -> Predictions:
        """Add what is measured in (N, 3, S, S) head crops."""
        if not self.measures_appearance:
            return reading
        return reading._replace(appearance=measure(*parse(x)))

    def transfer(self, x: Tensor) -> Tensor:
        """G on tensors: (N, 3, S, S) head crops in [-1, 1] → (N, channels, 64, 64) in [-1, 1]."""
        return self.checkpoint.transfer(x.to(self.device))

    def upscale(self, y: Tensor) -> Tensor:
        """SR on tensors, see `TransferNetwork.upscale`."""
        return self.checkpoint.network.upscale(y)


def _align_visible(frame: Image, detected: Sequence[Face]) -> tuple[list[TransferredFace], tuple[RefusedFace, ...]]:
    """Align faces. Returns those that can be seen well enough, without an emoji yet, and the others."""
    faces, refused = [], []
    for face in detected:
        aligned = align(frame, face)
        quality = judge(frame, aligned)
        if quality.refused:
            refused.append(RefusedFace(aligned, quality.confidence, quality.note))
        else:
            faces.append(TransferredFace(aligned, None, None, quality.confidence, quality.note))
    return faces, tuple(refused)


def _known_avatar(face: Face, known_avatars: Sequence[tuple[Face, DrawnAvatar]]) -> DrawnAvatar | None:
    """The avatar of the known face at the same place; None for a new face."""
    return next((avatar for other, avatar in known_avatars if overlap(other.box, face.box) > 0.5), None)


def centre_crop(frame: Image) -> AlignedFace:
    """The middle square of a frame as an aligned face, for translations of whole pictures."""
    height, width = frame.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    scale = CROP / side
    matrix = np.array([[scale, 0, (scale - 1) / 2 - scale * left], [0, scale, (scale - 1) / 2 - scale * top]])
    points = np.full((5, 2), (left + side / 2, top + side / 2), np.float32)
    face = Face(Box(left, top, left + side, top + side), points, 0.0)
    return AlignedFace(face, warp(frame, matrix, CROP), matrix)


def _with_alpha(pictures: Image) -> Image:
    """(N, H, W, 1|3|4) → (N, H, W, 4): opaque where there is no alpha."""
    if pictures.shape[3] == 1:
        pictures = pictures.repeat(3, 3)
    if pictures.shape[3] == 4:
        return pictures
    return np.concatenate([pictures, np.full_like(pictures[..., :1], 255)], 3)


def _enlarge(picture: Image) -> Image:
    return cv2.resize(picture, (CROP, CROP), interpolation=cv2.INTER_CUBIC)
