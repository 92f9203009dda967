"""Redraw the faces of a frame: pasted over them, beside the frame, or on a plain background."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import cv2
import numpy as np

from ...avatars.parameters import Parameters
from ...core.types import Face, Image, Kind, TransferredFace
from ...faces.compose import BACKGROUND, Sticker, blend, composite, premultiply, stickers
from ..live.puppet import Puppet
from ..live.session import Session, TrackedFace
from ..photo import Transferrer
from .reading import Frame

Mode = Literal["paste", "beside", "alone"]
Colour = tuple[int, int, int]

SEARCH_SIDES = (1600, 800)
"""See `live.session.SEARCH_SIDES`. Larger here, so that distant faces are found from the first frame on."""

MAX_PUPPETS = 16
"""Rasterised avatars that are cached."""

MAX_AVATARS = 1000
"""Avatars that are reported; a long video may show any number of people."""


class RedrawnFace(NamedTuple):
    """A redrawn face, rendered on demand.

    Attributes:
        sticker: Renders it over its face in the frame.
        picture: Renders it by itself: side → (side, side, 4) uint8, premultiplied.
        width: Width of the face; the widest is pasted on top.
    """

    sticker: Callable[[], Sticker]
    picture: Callable[[int], Image]
    width: float


class DrawnFaces:
    """Draws moving avatars. A person who returns has the same one.

    Attributes:
        avatars: Parameters by the id of the person, for the report.
    """

    def __init__(self, transferrer: Transferrer) -> None:
        self._session = Session(transferrer, search_sides=SEARCH_SIDES)
        self._puppets: dict[int, Puppet] = {}
        self.avatars: dict[int, Parameters] = {}

    def __call__(self, frame: Frame) -> list[RedrawnFace]:
        result = self._session.process(frame.picture, float(frame.time))
        return [self._redraw(face, face.avatar.parameters) for face in result.faces if face.avatar]

    def _redraw(self, face: TrackedFace, parameters: Parameters) -> RedrawnFace:
        puppet = self._puppets.pop(face.id, None)
        if puppet is None or puppet.parameters != parameters:
            puppet = Puppet(parameters)
        self._puppets[face.id] = puppet
        self.remember(face.id, parameters)
        if len(self._puppets) > MAX_PUPPETS:
            oldest = next(iter(self._puppets))
            del self._puppets[oldest]
        return RedrawnFace(partial(puppet.sticker, face.motion), partial(puppet.draw, face.motion), face.motion.apart)

    def remember(self, id: int, parameters: Parameters) -> None:
        """Add an avatar to the report, unless there are too many."""
        if id in self.avatars or len(self.avatars) < MAX_AVATARS:
            self.avatars[id] = parameters


class PaintedFaces:
    """Paints every frame by g and SR."""

    def __init__(self, transferrer: Transferrer) -> None:
        self._transferrer = transferrer
        self._previous: list[Face] = []

    def __call__(self, frame: Frame) -> list[RedrawnFace]:
        result = self._transferrer(
            frame.picture, kind="painted", compose=False, thorough=False, previous=self._previous
        )
        self._previous = [face.aligned.face for face in result.faces]
        return [self._redraw(face) for face in result.faces]

    def _redraw(self, face: TransferredFace) -> RedrawnFace:
        def picture(side: int) -> Image:
            opaque = np.ones(face.image.shape[:2], np.float32)
            return cv2.resize(premultiply(face.image, opaque), (side, side), interpolation=cv2.INTER_LINEAR)

        return RedrawnFace(lambda: stickers([face])[0], picture, face.aligned.face.box.width)


class Redrawer:
    """Redraws the frames of a video, in the order of time. For the arguments see `emojify_video`."""

    def __init__(self, transferrer: Transferrer, kind: Kind, mode: Mode, size: int, background: Colour) -> None:
        painted = kind == "painted" or not transferrer.draws or transferrer.takes_whole_pictures
        if painted:
            transferrer.checkpoint.require_generator()
        self._redraw_faces = PaintedFaces(transferrer) if painted else DrawnFaces(transferrer)
        self._mode = mode
        self._size = size
        self._background = background

    @property
    def avatars(self) -> tuple[Parameters, ...]:
        """Parameters of all people so far; empty where they are painted."""
        if isinstance(self._redraw_faces, DrawnFaces):
            return tuple(self._redraw_faces.avatars.values())
        return ()

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the output for frames of this size."""
        if self._mode == "alone":
            return self._size, self._size
        if self._mode == "beside":
            return width + min(width, height), height
        return width, height

    def __call__(self, frame: Frame) -> tuple[Image, int]:
        """Redraw a frame. Returns the frame to write, (H, W, 3) RGB, and the number of faces."""
        faces = self._redraw_faces(frame)
        picture = frame.picture
        if self._mode == "paste":
            largest_first = sorted(faces, key=lambda face: -face.width)
            return composite(picture, [face.sticker() for face in largest_first]), len(faces)
        if self._mode == "alone":
            return face_grid(faces, self._size, self._size, self._background), len(faces)
        height, width = picture.shape[:2]
        return np.concatenate([picture, face_grid(faces, min(width, height), height, BACKGROUND)], 1), len(faces)


def face_grid(faces: Sequence[RedrawnFace], width: int, height: int, background: Colour) -> Image:
    """Lay out faces in a grid, as large as they fit, on a plain (height, width, 3) background."""
    grid = np.full((height, width, 3), background, np.uint8)
    if not faces:
        return grid

    def rows_of(columns: int) -> int:
        return math.ceil(len(faces) / columns)

    def side_of(columns: int) -> int:
        return min(width // columns, height // rows_of(columns))

    columns = max(range(len(faces), 0, -1), key=side_of)
    side = side_of(columns)
    left_margin = (width - columns * side) // 2
    top_margin = (height - rows_of(columns) * side) // 2
    for i, face in enumerate(faces):
        left = left_margin + i % columns * side
        top = top_margin + i // columns * side
        blend(grid[top : top + side, left : left + side], face.picture(side))
    return grid
