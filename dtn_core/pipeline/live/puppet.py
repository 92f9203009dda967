"""A rig drawn in Python, as the page draws it: every layer is rasterised once, and moved for every frame."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import cv2
import numpy as np

from ...avatars.engine import raster
from ...avatars.parameters import Parameters
from ...avatars.rig import rig
from ...core.types import Image
from ...faces.compose import Sticker, blend, premultiplied, shoulders
from .motion import Motion

SIZES = (128, 181, 256, 362, 512, 724, 1024)
"""Sides in pixels at which layers are rasterised for stickers, which are then resampled a little."""


class _Piece(NamedTuple):
    """A cut-out of a layer. picture: (h, w, 4) uint8, premultiplied; left, top: where it lies on the canvas."""

    picture: Image
    left: int
    top: int


class _Part(NamedTuple):
    """A part of the rig in pixels. looks: name ("svg", "closed", "smile", …) → what lies left and what right of the
    pivot, or both as one. shift: at a yaw or pitch of 1."""

    moves: str
    shift: float
    pivot: tuple[float, float]
    looks: dict[str, list[_Piece | None]]


class Puppet:
    """An avatar that moves. Keeps which eyes and which mouth it shows, so it is for one face.

    edited: slots whose variants are kept at rest, see `rig`; size: side of `draw`'s picture in pixels.
    """

    def __init__(self, parameters: Parameters, edited: Collection[str] = (), size: int = 512) -> None:
        self.parameters, self.size = parameters, size
        self._rig = rig(parameters, edited)
        self._law: dict[str, float] = self._rig["law"]
        self._sheets: dict[int, list[_Part]] = {}
        self._shut = [False, False]
        self._smiles = self._open = False

    def draw(self, motion: Motion, size: int | None = None) -> Image:
        """The bust, (size, size, 4) uint8, premultiplied, the head turned and tilted at the place where it is drawn.
        size: where it isn't the puppet's."""
        size = size or self.size
        picture, neck = self._drawn(motion, size), 0.7 * size
        turn = cv2.getRotationMatrix2D((size / 2, neck), -motion.roll, 1)
        turn[1, 2] += (size - neck) * abs(np.sin(np.deg2rad(motion.roll)))  # or it would end above the lower edge
        return cv2.warpAffine(picture, turn, (size, size), flags=cv2.INTER_LINEAR)

    def sticker(self, motion: Motion) -> Sticker:
        """The bust over the face in a frame, as `faces.compose.lay` takes it."""
        (left, top, span), (x, y, apart) = self._rig["view"], self._rig["eyes"]
        wide = motion.apart / apart * self._rig["larger"] * span
        size = next((size for size in SIZES if size * 1.08 >= wide), SIZES[-1])
        x, y = (x - left) / span, (y - top) / span
        picture = self._drawn(motion, size)
        faded = picture[int(y * size) :]
        fade = cv2.convertScaleAbs(shoulders(size, x, y)[-len(faded) :], alpha=255)
        cv2.multiply(faded, cv2.merge([fade] * 4), dst=faded, scale=1 / 255)
        angle = np.deg2rad(motion.roll)
        turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
        goes_to = (motion.x, motion.y) - self._law["turn"] * motion.apart * motion.yaw * turn[:, 0]
        eyes = np.array((x, y)) * size - 0.5
        return Sticker(picture, np.column_stack((turn * wide / size, goes_to - turn @ eyes * wide / size)))

    def _drawn(self, motion: Motion, size: int) -> Image:
        if size not in self._sheets:
            self._sheets[size] = self._rasterised(size)
        mouth = self._follow(motion)
        out = np.zeros((size, size, 4), np.uint8)
        for part in self._sheets[size]:
            shift = np.array((motion.yaw, motion.pitch)) * part.shift
            if part.moves == "eyes":
                left, right = (part.looks["closed" if shut else "svg"][i] for i, shut in enumerate(self._shut))
                tall = [1.0 if shut else min(lid, self._law["widest"]) for lid, shut in zip(motion.lids, self._shut)]
                _put(out, left, part.pivot, shift, 1, tall[0])
                _put(out, right, part.pivot, shift, 1, tall[1])
            elif part.moves == "brows":
                rise = self._law["brow"] * self._rig["eyes"][2] * size / self._rig["view"][2]
                for piece, brow in zip(part.looks["svg"], motion.brows):
                    _put(out, piece, part.pivot, shift - (0, rise * brow))
            elif part.moves == "mouth":
                tall = self._law["ajar"] + self._law["gape"] * motion.open if self._open else 1
                _put(out, part.looks[mouth][0], part.pivot, shift, 1 + self._law["wide"] * motion.wide, tall)
            else:
                _put(out, part.looks["svg"][0], part.pivot, shift)
        return out

    def _follow(self, motion: Motion) -> str:
        """Shut eyes or open them; returns the mouth's look."""
        law = self._law
        self._shut = [lid < law["shut"] + law["hold"] * shut for lid, shut in zip(motion.lids, self._shut)]
        self._smiles = motion.smile > law["smile"] - law["hold"] * self._smiles
        self._open = motion.open > law["open"] - law["hold"] * self._open
        if self._open:
            return "laugh" if self._smiles else "open"
        return "smile" if self._smiles else "svg"

    def _rasterised(self, size: int) -> list[_Part]:
        left, top, span = self._rig["view"]
        scale = size / span
        made = []
        for part in self._rig["parts"]:
            pivot = ((part["pivot"][0] - left) * scale, (part["pivot"][1] - top) * scale)
            cut = round(pivot[0]) if part["moves"] in ("eyes", "brows") else size
            texts = {"svg": part["svg"], **part.get("mouths", {})}
            if "closed" in part:
                texts["closed"] = part["closed"]
            looks = {}
            for name, text in texts.items():
                picture = premultiplied(raster(text, size), np.ones((size, size), np.float32))
                looks[name] = [_piece(picture[:, :cut], 0), _piece(picture[:, cut:], cut)]
            made.append(_Part(part["moves"], part["depth"] * self._rig["eyes"][2] * scale, pivot, looks))
        return made


def _piece(picture: Image, left: int) -> _Piece | None:
    """What is there of a picture; None where nothing is. left: where it begins on the canvas."""
    shown = picture[..., 3]
    x, y, width, height = cv2.boundingRect(shown) if shown.size else (0, 0, 0, 0)
    if not width:
        return None
    return _Piece(np.ascontiguousarray(picture[y : y + height, x : x + width]), left + x, y)


def _put(
    out: Image, piece: _Piece | None, pivot: tuple[float, float], shift: np.ndarray, wide: float = 1, tall: float = 1
) -> None:
    """Lay a piece over the canvas, scaled about the pivot and shifted."""
    if piece is None:
        return
    height, width = piece.picture.shape[:2]
    # Of pixels' centres: x on the canvas is (left + i + .5 - pivot) · wide + pivot + shift - .5
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
