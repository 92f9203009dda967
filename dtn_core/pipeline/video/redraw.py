"""A frame of a video → the frame to write: who is in it, redrawn, over their faces, beside the frame, or alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import cv2
import numpy as np

from ...avatars.parameters import Parameters
from ...core.types import Face, Image, Kind, TransferredFace
from ...faces.compose import PAPER, Sticker, blend, lay, premultiplied, stickers
from ..live.puppet import Puppet
from ..live.session import SeenFace, Session
from ..photo import Transferrer
from .reading import Frame

Mode = Literal["paste", "beside", "alone"]
Colour = tuple[int, int, int]

SIDES = (1600, 800)
"""As `live.session.SIDES`: a file can wait, and shows people who are far away, from the first frame on."""

KEPT = 16
"""Avatars that are kept rasterised for when they come back."""


MAX_AVATARS = 1000
"""Avatars that are reported; a long video may show any number of people."""


class Look(NamedTuple):
    """A face, redrawn. sticker(): over its face in the frame; picture(side): alone, (side, side, 4) premultiplied;
    wide: of the face, the widest lie on top."""

    sticker: Callable[[], Sticker]
    picture: Callable[[int], Image]
    wide: float


class Drawn:
    """Avatars that move as the faces do; who returns has the same."""

    def __init__(self, transferrer: Transferrer) -> None:
        self._session = Session(transferrer, search_sides=SIDES)
        self._puppets: dict[int, Puppet] = {}
        self.avatars: dict[int, Parameters] = {}

    def __call__(self, frame: Frame) -> list[Look]:
        seen = self._session.see(frame.picture, float(frame.time))
        return [self._look(face, face.avatar.parameters) for face in seen.faces if face.avatar]

    def _look(self, face: SeenFace, parameters: Parameters) -> Look:
        puppet = self._puppets.pop(face.id, None)
        if puppet is None or puppet.parameters != parameters:
            puppet = Puppet(parameters)
        self._puppets[face.id] = puppet
        self.remember(face.id, parameters)
        if len(self._puppets) > KEPT:
            del self._puppets[next(iter(self._puppets))]
        return Look(partial(puppet.sticker, face.motion), partial(puppet.draw, face.motion), face.motion.apart)

    def remember(self, id: int, parameters: Parameters) -> None:
        """Keep an avatar for the report, unless there are too many."""
        if id in self.avatars or len(self.avatars) < MAX_AVATARS:
            self.avatars[id] = parameters


class Painted:
    """What g makes of every frame."""

    def __init__(self, transferrer: Transferrer) -> None:
        self._transferrer = transferrer
        self._before: list[Face] = []

    def __call__(self, frame: Frame) -> list[Look]:
        picture, before = frame.picture, self._before
        result = self._transferrer(picture, kind="painted", compose=False, thorough=False, previous=before)
        self._before = [face.aligned.face for face in result.faces]
        return [self._look(face) for face in result.faces]

    def _look(self, face: TransferredFace) -> Look:
        shown = np.ones(face.image.shape[:2], np.float32)
        return Look(
            lambda: stickers([face])[0],
            lambda side: cv2.resize(premultiplied(face.image, shown), (side, side), interpolation=cv2.INTER_LINEAR),
            face.aligned.face.box.width,
        )


class Redrawer:
    """Frames in the order of time → frames to write. transferrer, kind, mode, size, background: see `emojify_video`."""

    def __init__(self, transferrer: Transferrer, kind: Kind, mode: Mode, size: int, background: Colour) -> None:
        painted = kind == "painted" or not transferrer.draws or transferrer.sees_pictures
        if painted:
            transferrer.checkpoint.painter()
        self._faces: Drawn | Painted = Painted(transferrer) if painted else Drawn(transferrer)
        self._mode, self._size, self._background = mode, size, background

    @property
    def avatars(self) -> tuple[Parameters, ...]:
        """Everybody's so far; none where they are painted."""
        return tuple(self._faces.avatars.values()) if isinstance(self._faces, Drawn) else ()

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of what becomes of frames of this size."""
        if self._mode == "alone":
            return self._size, self._size
        return (width + min(width, height) if self._mode == "beside" else width), height

    def __call__(self, frame: Frame) -> tuple[Image, int]:
        """The frame to write, (H, W, 3) RGB, and how many faces were redrawn."""
        looks, picture = self._faces(frame), frame.picture
        if self._mode == "paste":
            front = sorted(looks, key=lambda look: -look.wide)
            return lay(picture, [look.sticker() for look in front]), len(looks)
        if self._mode == "alone":
            return panel(looks, self._size, self._size, self._background), len(looks)
        height, width = picture.shape[:2]
        return np.concatenate([picture, panel(looks, min(width, height), height, PAPER)], 1), len(looks)


def panel(looks: Sequence[Look], width: int, height: int, background: Colour) -> Image:
    """Faces side by side and below one another on a plain (height, width, 3)."""
    out, n = np.full((height, width, 3), background, np.uint8), len(looks)
    if not looks:
        return out

    def side_of(columns: int) -> int:
        return min(width // columns, height // -(-n // columns))

    columns = max(range(n, 0, -1), key=side_of)
    rows, side = -(-n // columns), side_of(columns)
    for i, look in enumerate(looks):
        left = (width - columns * side) // 2 + i % columns * side
        top = (height - rows * side) // 2 + i // columns * side
        blend(out[top : top + side, left : left + side], look.picture(side))
    return out
