"""Composite emoji onto photos. Inputs are never changed in place, except by `blend`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.images import composite_over
from ..core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image, RefusedFace, TransferredFace

ACCENT = (255, 77, 109)
"""Colour of boxes and numbers, RGB."""

GREY = (138, 138, 148)
"""Colour of the boxes of refused faces, RGB."""

BACKGROUND = (248, 248, 250)
"""Background colour of the emoji next to a photo, RGB."""

FADE = 0.1
"""Share of an emoji, at its bottom, that fades out."""

TURN = 1.5
"""The centre of a turned head lies beside the midpoint of the eyes: opposite the nose, this many times as far away."""

MAX_SIZE = 4096
"""Largest side in pixels at which an avatar is rasterised."""

MAX_CACHED_SIZE = 1024
"""Largest side of masks of `shoulder_mask` that are cached, for live video; one of `MAX_SIZE` takes 64 MB."""

MIN_LINEAR_SCALE = 0.75
"""Smallest scale for linear resampling, which is fast. Below it area resampling avoids flicker."""


class Sticker(NamedTuple):
    """A picture to composite onto a frame.

    Attributes:
        picture: (S, S, 4) uint8 RGBA, premultiplied, so that transparent pixels don't bleed into the edge.
        place: (2, 3) affine transform from pixels of the picture to pixels of the frame.
    """

    picture: Image
    place: NDArray[np.float64]


def paste(frame: Image, faces: Sequence[TransferredFace]) -> Image:
    """Composite each emoji over its face in an (H, W, 3) frame, scaled and rotated with it."""
    return composite(frame, stickers(faces))


def stickers(faces: Sequence[TransferredFace]) -> list[Sticker]:
    """Prepare the emoji of faces for `composite`, largest face first: drawn ones cover the whole head."""
    faces = sorted(faces, key=lambda face: -face.aligned.face.box.width)
    return [_drawn_sticker(face) if face.avatar else _painted_sticker(face) for face in faces]


def composite(frame: Image, stickers: Sequence[Sticker]) -> Image:
    """Composite stickers onto an (H, W, 3) frame, or one of (H, W, 4) with straight alpha; the first one on top."""
    has_alpha = frame.shape[2] == 4
    out = premultiply(frame, np.ones(frame.shape[:2], np.float32)) if has_alpha else frame.copy()
    for sticker in reversed(stickers):
        _composite(out, sticker)
    return _unpremultiply(out) if has_alpha else out


def _painted_sticker(face: TransferredFace) -> Sticker:
    size = face.image.shape[0]
    # The crop cuts the shoulders in a straight line. A fade hides the cut.
    opacity = np.ones((size, size), np.float32)
    rows = round(size * FADE)
    opacity[size - rows :] = np.linspace(1, 0, rows)[:, None]
    return Sticker(premultiply(face.image, opacity), _place(face, size / face.aligned.image.shape[0]))


def _drawn_sticker(face: TransferredFace) -> Sticker:
    """The bust, with its eyes at those of the face."""
    spec = face.avatar.parameters.spec
    matrix = face.aligned.matrix
    side = face.aligned.image.shape[0]
    left, top, bust_side = spec.bust
    x = (spec.eyes[0] - left) / bust_side
    y = (spec.eyes[1] - top) / bust_side
    distance = spec.eyes[2] / bust_side
    crop_width = side * HEAD_EYE_DISTANCE / distance * spec.bust_scale  # of the bust, in pixels of the crop
    size = int(np.clip(crop_width / np.hypot(*matrix[0, :2]), 16, MAX_SIZE))
    target = np.array((side / 2, side * HEAD_EYE_HEIGHT)) - 0.5
    target[0] -= TURN * (matrix[0] @ (*face.aligned.face.points[4], 1) - target[0])
    eyes = np.array((x, y)) * size - 0.5
    picture = premultiply(face.avatar.image(size), shoulder_mask(size, x, y))
    return Sticker(picture, _place(face, size / crop_width, target, eyes))


def shoulder_mask(size: int, x: float, y: float) -> NDArray[np.float32]:
    """The opacity of a bust, (size, size) in 0..1, which fades out towards a circle around the eyes to hide the edge of
    the canvas. x, y: the midpoint of the eyes, 0..1."""
    if size <= MAX_CACHED_SIZE:
        return _cached_shoulders(size, x, y)
    return _shoulders(size, x, y)


def _shoulders(size: int, x: float, y: float) -> NDArray[np.float32]:
    opacity = np.ones((size, size), np.float32)
    below = opacity[int(y * size) :]
    across = (np.arange(size, dtype=np.float32) + 0.5) / size
    edge = np.clip((1 - y - np.hypot(across - x, across[-len(below) :, None] - y)) / FADE, 0, 1)
    below[:] = edge * edge * (3 - 2 * edge)
    opacity.flags.writeable = False
    return opacity


_cached_shoulders = lru_cache(maxsize=16)(_shoulders)


def premultiply(emoji: Image, opacity: NDArray[np.float32]) -> Image:
    """(S, S, 4) with straight alpha → premultiplied alpha, times the (S, S) opacity in 0..1."""
    alpha = cv2.multiply(emoji[..., 3], opacity, dtype=cv2.CV_8U)
    colour = cv2.multiply(np.ascontiguousarray(emoji[..., :3]), cv2.merge([alpha] * 3), scale=1 / 255)
    return cv2.merge([*cv2.split(colour), alpha])


def _unpremultiply(picture: Image) -> Image:
    """(H, W, 4) with premultiplied alpha → straight alpha."""
    alpha = np.maximum(picture[..., 3:], 1).astype(np.float32)
    colour = (picture[..., :3] * (255 / alpha)).round().clip(0, 255).astype(np.uint8)
    return np.concatenate([colour, picture[..., 3:]], 2)


def _place(
    face: TransferredFace,
    scale: float,
    crop_point: Sequence[float] = (-0.5, -0.5),
    picture_point: Sequence[float] = (-0.5, -0.5),
) -> NDArray[np.float64]:
    """The transform from a picture to the frame. scale: picture relative to crop; the two points coincide."""
    matrix = face.aligned.matrix * scale
    matrix[:, 2] += np.asarray(picture_point) - scale * np.asarray(crop_point)
    return cv2.invertAffineTransform(matrix)


def _composite(out: Image, sticker: Sticker) -> None:
    height, width = out.shape[:2]
    picture = sticker.picture
    size = picture.shape[0]
    back = sticker.place.copy()
    corners = np.array([(0, 0, 1), (size, 0, 1), (0, size, 1), (size, size, 1)], np.float64) @ back.T
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, (width, height))
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 2, 0, (width, height))
    if right <= left or bottom <= top:
        return
    scale = float(np.hypot(back[0, 0], back[1, 0]))
    if scale < MIN_LINEAR_SCALE:
        small = max(1, round(size * scale))
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        ratio = size / small
        back = np.column_stack([back[:, :2] * ratio, back[:, 2] + back[:, :2] @ np.full(2, ratio / 2 - 0.5)])
    back[:, 2] -= (left, top)
    patch = cv2.warpAffine(picture, back, (int(right - left), int(bottom - top)), flags=cv2.INTER_LINEAR)
    blend(out[top:bottom, left:right], patch)


def blend(below: Image, patch: Image) -> None:
    """Blend an (h, w, 4) uint8 premultiplied patch over (h, w, 3) RGB or (h, w, 4) premultiplied pixels, in place."""
    channels = below.shape[2]
    transparency = cv2.merge([255 - patch[..., 3]] * channels)
    above = patch if channels == 4 else cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB)
    cv2.add(cv2.multiply(below, transparency, scale=1 / 255), above, dst=below)


def draw_boxes(
    frame: Image, faces: Sequence[TransferredFace], refused: Sequence[RefusedFace] = (), bold: float = 1
) -> Image:
    """Draw a box around each face, numbered from 1 if there are several, and a grey one around each refused face.

    bold: relative thickness of the lines; more than 1 for pictures that are displayed small.
    """
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
    """Draw the box of a face; returns its left and top."""
    left, top, right, bottom = (round(v) for v in face.aligned.face.box)
    cv2.rectangle(out, (left, top), (right, bottom), colour, thick)
    return left, top


def _number(out: Image, number: int, left: int, bottom: int, thick: int) -> None:
    """Draw a badge with its lower left corner at (left, bottom), or as close as the picture allows."""
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
    """The photo with boxes on the left and the emoji on the right, both 256 to 1024 pixels high.

    Several emoji form a numbered grid. Without a face, only the photo is returned.
    """
    height = int(np.clip(frame.shape[0], 256, 1024))
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    method = cv2.INTER_AREA if height < frame.shape[0] else cv2.INTER_CUBIC
    photo = cv2.resize(draw_boxes(frame, faces, refused), (width, height), interpolation=method)
    if not faces:
        return photo
    rows = int(np.ceil(np.sqrt(len(faces))))
    columns = -(-len(faces) // rows)
    cell = height // rows
    panel = np.full((height, columns * cell, 3), BACKGROUND, np.uint8)
    for i, face in enumerate(faces):
        top, left = i // columns * cell, i % columns * cell
        emoji = composite_over(face.picture(cell), BACKGROUND)
        method = cv2.INTER_AREA if cell < emoji.shape[0] else cv2.INTER_CUBIC
        emoji = cv2.resize(emoji, (cell, cell), interpolation=method)
        panel[top : top + cell, left : left + cell] = emoji
        if len(faces) > 1:
            _number(panel[top : top + cell], i + 1, left, 0, max(1, cell // 160))
    return np.concatenate([photo, panel], axis=1)
