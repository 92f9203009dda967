"""Put emoji and photo together. Pure: pictures in, a new picture out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.images import over
from ..core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image, RefusedFace, TransferredFace

ACCENT = (255, 77, 109)
"""Colour of boxes and numbers, RGB."""

GREY = (138, 138, 148)
"""Colour of the boxes of faces that are left as they are, RGB."""

PAPER = (248, 248, 250)
"""Colour behind emoji that stand beside a photo, RGB."""

FADE = 0.1
"""Share of an emoji, at its bottom, that fades out when it is pasted."""

TURN = 1.5
"""A turned head lies beside its eyes: so many times as far from their middle as the nose, on the other side."""

LARGEST = 4096
"""An avatar is rasterised at the size at which it is pasted, up to so many pixels."""

KEPT = 1024
"""Masks of `shoulders` up to this side stay in memory, for live video; one of `LARGEST` takes 64 MB."""


LINEAR = 0.75
"""Down to this scale a picture is resampled linearly, which is quick; below, by area, or it would flicker."""


class Sticker(NamedTuple):
    """What is pasted. picture: (S, S, 4) uint8 RGBA, premultiplied, or the colour of transparent pixels would bleed
    into the edge; place: (2, 3), pixels of the picture → pixels of the frame."""

    picture: Image
    place: NDArray[np.float64]


def paste(frame: Image, faces: Sequence[TransferredFace]) -> Image:
    """The frame (H, W, 3) with every emoji over its face, scaled and rotated with it."""
    return lay(frame, stickers(faces))


def stickers(faces: Sequence[TransferredFace]) -> list[Sticker]:
    """The emoji of faces, made to be pasted, the biggest first: as drawn, over the whole head, or as painted."""
    faces = sorted(faces, key=lambda face: -face.aligned.face.box.width)
    return [_drawn(face) if face.avatar else _painted(face) for face in faces]


def lay(frame: Image, stickers: Sequence[Sticker]) -> Image:
    """The frame (H, W, 3) with stickers on it, the first on top."""
    out = frame.copy()
    for one in reversed(stickers):
        _lay(out, *one)
    return out


def _painted(face: TransferredFace) -> Sticker:
    size = face.image.shape[0]
    # The crop cuts the shoulders in a straight line, which fades out so that nobody sees a cut.
    shown = np.ones((size, size), np.float32)
    faded = round(size * FADE)
    shown[size - faded :] = np.linspace(1, 0, faded)[:, None]
    return Sticker(premultiplied(face.image, shown), _place(face, size / face.aligned.image.shape[0]))


def _drawn(face: TransferredFace) -> Sticker:
    """The bust, its eyes about those of the face."""
    parameters, matrix, side = face.avatar.parameters, face.aligned.matrix, face.aligned.image.shape[0]
    (x, y, apart), (left, top, span) = parameters.spec.eyes, parameters.spec.bust
    x, y, apart = (x - left) / span, (y - top) / span, apart / span
    wide = side * HEAD_EYE_DISTANCE / apart * parameters.spec.larger  # the bust in pixels of the crop
    size = int(np.clip(wide / np.hypot(*matrix[0, :2]), 16, LARGEST))
    middle = np.array((side / 2, side * HEAD_EYE_HEIGHT)) - 0.5
    middle[0] -= TURN * (matrix[0] @ (*face.aligned.face.points[4], 1) - middle[0])
    eyes = np.array((x, y)) * size - 0.5
    picture = premultiplied(face.avatar.image(size), shoulders(size, x, y))
    return Sticker(picture, _place(face, size / wide, middle, eyes))


def shoulders(size: int, x: float, y: float) -> NDArray[np.float32]:
    """How much is shown of each pixel of a bust, (size, size) in 0..1: it fades out towards a circle around the eyes,
    so that nobody sees where the canvas ends. x, y: where the eyes' middle is, 0..1."""
    return (_kept_shoulders if size <= KEPT else _shoulders)(size, x, y)


def _shoulders(size: int, x: float, y: float) -> NDArray[np.float32]:
    shown = np.ones((size, size), np.float32)
    below = shown[int(y * size) :]
    across = (np.arange(size, dtype=np.float32) + 0.5) / size
    edge = np.clip((1 - y - np.hypot(across - x, across[-len(below) :, None] - y)) / FADE, 0, 1)
    below[:] = edge * edge * (3 - 2 * edge)
    shown.flags.writeable = False
    return shown


_kept_shoulders = lru_cache(maxsize=16)(_shoulders)


def premultiplied(emoji: Image, shown: NDArray[np.float32]) -> Image:
    """(S, S, 4) with straight alpha → premultiplied; shown: how much of each pixel, (S, S) in 0..1."""
    alpha = cv2.multiply(emoji[..., 3], shown, dtype=cv2.CV_8U)
    colour = cv2.multiply(np.ascontiguousarray(emoji[..., :3]), cv2.merge([alpha] * 3), scale=1 / 255)
    return cv2.merge([*cv2.split(colour), alpha])


def _place(
    face: TransferredFace, scale: float, point: Sequence[float] = (-0.5, -0.5), goes_to: Sequence[float] = (-0.5, -0.5)
) -> NDArray[np.float64]:
    """Where a picture lies in the frame that is the crop at another scale, a point of the crop going to one of the
    picture."""
    matrix = face.aligned.matrix * scale
    matrix[:, 2] += np.asarray(goes_to) - scale * np.asarray(point)
    return cv2.invertAffineTransform(matrix)


def _lay(out: Image, picture: Image, place: NDArray[np.float64]) -> None:
    height, width = out.shape[:2]
    size, back = picture.shape[0], place.copy()
    corners = np.array([(0, 0, 1), (size, 0, 1), (0, size, 1), (size, size, 1)], np.float64) @ back.T
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, (width, height))
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 2, 0, (width, height))
    if right <= left or bottom <= top:
        return
    scale = float(np.hypot(back[0, 0], back[1, 0]))
    if scale < LINEAR:
        small = max(1, round(size * scale))
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        ratio = size / small
        back = np.column_stack([back[:, :2] * ratio, back[:, 2] + back[:, :2] @ np.full(2, ratio / 2 - 0.5)])
    back[:, 2] -= (left, top)
    patch = cv2.warpAffine(picture, back, (int(right - left), int(bottom - top)), flags=cv2.INTER_LINEAR)
    blend(out[top:bottom, left:right], patch)


def blend(below: Image, patch: Image) -> None:
    """Lay (h, w, 4) uint8, premultiplied, over (h, w, 3) RGB or (h, w, 4) premultiplied of the same size, in place."""
    channels = below.shape[2]
    through = cv2.merge([255 - patch[..., 3]] * channels)
    above = patch if channels == 4 else cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB)
    cv2.add(cv2.multiply(below, through, scale=1 / 255), above, dst=below)


def draw_boxes(
    frame: Image, faces: Sequence[TransferredFace], refused: Sequence[RefusedFace] = (), bold: float = 1
) -> Image:
    """The frame with a box around every face, numbered from 1 where there are several; a grey one around those that are
    left as they are. bold: thickness of lines; more than 1 where the picture is shown small."""
    out = frame.copy()
    thick = max(1, round(max(frame.shape[:2]) * bold / 320))
    for face in refused:
        _box(out, face, GREY, thick)
    for number, face in enumerate(faces, 1):
        left, top = _box(out, face, ACCENT, thick)
        if len(faces) > 1:
            _number(out, number, left - thick // 2, top, thick)
    return out


def _box(out: Image, face: TransferredFace | RefusedFace, colour: tuple[int, int, int], thick: int) -> tuple[int, int]:
    """Draw a face's box; returns its left and top."""
    left, top, right, bottom = (round(v) for v in face.aligned.face.box)
    cv2.rectangle(out, (left, top), (right, bottom), colour, thick)
    return left, top


def _number(out: Image, number: int, left: int, bottom: int, thick: int) -> None:
    """A badge that stands on (left, bottom), or as near to it as the picture allows."""
    scale = 0.45 * max(1, thick)
    (width, height), _ = cv2.getTextSize(str(number), cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    pad = 2 * thick + 1
    left, top = max(0, left), max(0, bottom - height - 2 * pad)
    cv2.rectangle(out, (left, top), (left + width + 2 * pad, top + height + 2 * pad), ACCENT, cv2.FILLED)
    cv2.putText(
        out, str(number), (left + pad, top + height + pad), cv2.FONT_HERSHEY_SIMPLEX, scale, (255,) * 3,
        thick, cv2.LINE_AA,
    )  # fmt: skip


def side_by_side(frame: Image, faces: Sequence[TransferredFace], refused: Sequence[RefusedFace] = ()) -> Image:
    """The photo with its boxes on the left, the emoji on the right, both 256 to 1024 pixels high. Several
    emoji stand in a numbered grid. Without a face: the photo alone."""
    height = int(np.clip(frame.shape[0], 256, 1024))
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    shrink = height < frame.shape[0]
    photo = draw_boxes(frame, faces, refused)
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
    if not faces:
        return photo
    rows = int(np.ceil(np.sqrt(len(faces))))
    columns = -(-len(faces) // rows)
    cell = height // rows
    panel = np.full((height, columns * cell, 3), PAPER, np.uint8)
    for i, face in enumerate(faces):
        top, left = i // columns * cell, i % columns * cell
        emoji = over(face.picture(cell), PAPER)
        method = cv2.INTER_AREA if cell < emoji.shape[0] else cv2.INTER_CUBIC
        emoji = cv2.resize(emoji, (cell, cell), interpolation=method)
        panel[top : top + cell, left : left + cell] = emoji
        if len(faces) > 1:
            _number(panel[top : top + cell], i + 1, left, 0, max(1, cell // 160))
    return np.concatenate([photo, panel], axis=1)
