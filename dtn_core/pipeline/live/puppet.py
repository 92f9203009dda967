"""Animate a rig in Python as the page does: every layer is rasterised once, and moved for every frame."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import cv2
import numpy as np

from ...avatars.engine import raster
from ...avatars.parameters import Parameters
from ...avatars.rig import rig
from ...core.types import Image
from ...faces.compose import Sticker, blend, premultiply, shoulder_mask
from .motion import Motion

SIZES = (128, 181, 256, 362, 512, 724, 1024)
"""Sides in pixels at which layers are rasterised for stickers; these are then resampled to their size."""


class _Piece(NamedTuple):
    """The visible part of a layer.

    Attributes:
        picture: (h, w, 4) uint8, premultiplied.
        left: Position on the canvas.
        top: Position on the canvas.
    """

    picture: Image
    left: int
    top: int


class _Part(NamedTuple):
    """A part of the rig in pixels.

    Attributes:
        moves: What it is: "eyes", "brows", "mouth" or another.
        shift: Displacement at a yaw or pitch of 1.
        pivot: Centre of its scaling.
        variants: Name ("svg", "closed", "smile", …) → the pieces left and right of the pivot; parts that are not split
            have all in the first.
    """

    moves: str
    shift: float
    pivot: tuple[float, float]
    variants: dict[str, list[_Piece | None]]


class Puppet:
    """An animated avatar for one face: eyes and mouth switch with hysteresis, so it has a state.

    Args:
        parameters: The avatar.
        edited: Slots whose variants are kept at rest, see `rig`.
        size: Default side of `draw`'s picture in pixels.
    """

    def __init__(self, parameters: Parameters, edited: Collection[str] = (), size: int = 512) -> None:
        self.parameters = parameters
        self.size = size
        self._rig = rig(parameters, edited)
        self._law: dict[str, float] = self._rig["law"]
        self._sheets: dict[int, list[_Part]] = {}
        self._eyes_closed = [False, False]
        self._smiles = False
        self._mouth_open = False

    def draw(self, motion: Motion, size: int | None = None) -> Image:
        """Draw the bust with its head turned and tilted, (size, size, 4) uint8, premultiplied."""
        size = size or self.size
        picture = self._draw_unrotated(motion, size)
        neck = 0.7 * size
        turn = cv2.getRotationMatrix2D((size / 2, neck), -motion.roll, 1)
        turn[1, 2] += (size - neck) * abs(np.sin(np.deg2rad(motion.roll)))  # or it would end above the lower edge
        return cv2.warpAffine(picture, turn, (size, size), flags=cv2.INTER_LINEAR)

    def sticker(self, motion: Motion) -> Sticker:
        """Draw the bust over a face of a frame, as `faces.compose.lay` takes it."""
        (left, top, span), (x, y, apart) = self._rig["view"], self._rig["eyes"]
        wide = motion.apart / apart * self._rig["bust_scale"] * span
        size = next((size for size in SIZES if size * 1.08 >= wide), SIZES[-1])
        x, y = (x - left) / span, (y - top) / span
        picture = self._draw_unrotated(motion, size)
        faded = picture[int(y * size) :]
        fade = cv2.convertScaleAbs(shoulder_mask(size, x, y)[-len(faded) :], alpha=255)
        cv2.multiply(faded, cv2.merge([fade] * 4), dst=faded, scale=1 / 255)
        angle = np.deg2rad(motion.roll)
        turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
        goes_to = (motion.x, motion.y) - self._law["turn"] * motion.apart * motion.yaw * turn[:, 0]
        eyes = np.array((x, y)) * size - 0.5
        return Sticker(picture, np.column_stack((turn * wide / size, goes_to - turn @ eyes * wide / size)))

    def _draw_unrotated(self, motion: Motion, size: int) -> Image:
        if size not in self._sheets:
            self._sheets[size] = self._rasterise(size)
        mouth = self._update_state(motion)
        out = np.zeros((size, size, 4), np.uint8)
        for part in self._sheets[size]:
            shift = np.array((motion.yaw, motion.pitch)) * part.shift
            if part.moves == "eyes":
                for side, (lid, closed) in enumerate(zip(motion.lids, self._eyes_closed)):
                    piece = part.variants["closed" if closed else "svg"][side]
                    tall = 1.0 if closed else min(lid, self._law["widest"])
                    _composite(out, piece, part.pivot, shift, 1, tall)
            elif part.moves == "brows":
                rise = self._law["brow"] * self._rig["eyes"][2] * size / self._rig["view"][2]
                for piece, brow in zip(part.variants["svg"], motion.brows):
                    _composite(out, piece, part.pivot, shift - (0, rise * brow))
            elif part.moves == "mouth":
                tall = self._law["ajar"] + self._law["gape"] * motion.open if self._mouth_open else 1
                _composite(out, part.variants[mouth][0], part.pivot, shift, 1 + self._law["wide"] * motion.wide, tall)
            else:
                _composite(out, part.variants["svg"][0], part.pivot, shift)
        return out

    def _update_state(self, motion: Motion) -> str:
        """Close or open the eyes and the mouth. Returns the variant of the mouth."""
        law = self._law
        was_closed = self._eyes_closed
        self._eyes_closed = [lid < law["shut"] + law["hold"] * closed for lid, closed in zip(motion.lids, was_closed)]
        self._smiles = motion.smile > law["smile"] - law["hold"] * self._smiles
        self._mouth_open = motion.open > law["open"] - law["hold"] * self._mouth_open
        if self._mouth_open:
            return "laugh" if self._smiles else "open"
        return "smile" if self._smiles else "svg"

    def _rasterise(self, size: int) -> list[_Part]:
        left, top, span = self._rig["view"]
        scale = size / span
        parts = []
        for part in self._rig["parts"]:
            pivot = ((part["pivot"][0] - left) * scale, (part["pivot"][1] - top) * scale)
            cut = round(pivot[0]) if part["moves"] in ("eyes", "brows") else size
            texts = {"svg": part["svg"], **part.get("mouths", {})}
            if "closed" in part:
                texts["closed"] = part["closed"]
            variants = {}
            for name, text in texts.items():
                picture = premultiply(raster(text, size), np.ones((size, size), np.float32))
                variants[name] = [_piece(picture[:, :cut], 0), _piece(picture[:, cut:], cut)]
            parts.append(_Part(part["moves"], part["depth"] * self._rig["eyes"][2] * scale, pivot, variants))
        return parts


def _piece(picture: Image, left: int) -> _Piece | None:
    """Crop a layer to its visible part; None if it is empty. left: position of the picture on the canvas."""
    alpha = picture[..., 3]
    if not alpha.any():
        return None
    x, y, width, height = cv2.boundingRect(alpha)
    return _Piece(np.ascontiguousarray(picture[y : y + height, x : x + width]), left + x, y)


def _composite(
    out: Image, piece: _Piece | None, pivot: tuple[float, float], shift: np.ndarray, wide: float = 1, tall: float = 1
) -> None:
    """Composite a piece onto the canvas, scaled about the pivot and shifted."""
    if piece is None:
        return
    height, width = piece.picture.shape[:2]
    # By the centres of pixels, x on the canvas is (left + i + .5 - pivot) · wide + pivot + shift - .5
    x = (piece.left + 0.5 - pivot[0]) * wide + pivot[0] + shift[0] - 0.5
    y = (piece.top + 0.5 - pivot[1]) * tall + pivot[1] + shift[1] - 0.5
    size = out.shape[0]
    left, top = max(0, int(np.floor(x)) - 1), max(0, int(np.floor(y)) - 1)
    right, bottom = min(size, int(np.ceil(x + width * wide)) + 1), min(size, int(np.ceil(y + height * tall)) + 1)
    if right <= left or bottom <= top:
        return
    if (x, y, wide, tall) == (piece.left, piece.top, 1, 1):
        patch = piece.picture
        left, top, right, bottom = piece.left, piece.top, piece.left + width, piece.top + height
    else:
        place = np.array(((wide, 0, x - left), (0, tall, y - top)), np.float64)
        patch = cv2.warpAffine(piece.picture, place, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    blend(out[top:bottom, left:right], patch)
