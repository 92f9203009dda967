"""Put emoji and photo together. Pure: pictures in, a new picture out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..images import over
from ..types import Image, RefusedFace, TransferredFace

ACCENT = (255, 77, 109)
"""Colour of boxes and numbers, RGB."""

GREY = (138, 138, 148)
"""Colour of the boxes of faces that are left as they are, RGB."""

PAPER = (248, 248, 250)
"""Colour behind emoji that stand beside a photo, RGB."""

FADE = 0.1
"""Share of an emoji, at its bottom, that fades out when it is pasted."""


def paste(frame: Image, faces: Sequence[TransferredFace]) -> Image:
    """The frame (H, W, 3) with every emoji over its face, scaled and rotated with it."""
    out = frame.copy()
    for face in reversed(faces):  # the biggest, which comes first, lies on top
        _paste_one(out, face)
    return out


def _paste_one(out: Image, face: TransferredFace) -> None:
    height, width = out.shape[:2]
    size = face.image.shape[0]
    matrix = face.aligned.matrix.copy()
    share = size / face.aligned.image.shape[0]  # frame → emoji pixels
    matrix = matrix * share
    matrix[:, 2] += (share - 1) / 2
    back = cv2.invertAffineTransform(matrix)
    corners = np.array([(0, 0, 1), (size, 0, 1), (0, size, 1), (size, size, 1)], np.float64) @ back.T
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, (width, height))
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 2, 0, (width, height))
    if right <= left or bottom <= top:
        return
    emoji = face.image.astype(np.float32)
    # The crop cuts the shoulders in a straight line, which fades out so that nobody sees a cut.
    faded = round(size * FADE)
    emoji[size - faded :, :, 3] *= np.linspace(1, 0, faded, dtype=np.float32)[:, None]
    # Premultiplied, or the colour of transparent pixels would bleed into the edge.
    emoji[..., :3] *= emoji[..., 3:] / 255
    scale = float(np.hypot(back[0, 0], back[1, 0]))
    if scale < 1:
        small = max(1, round(size * scale))
        emoji = cv2.resize(emoji, (small, small), interpolation=cv2.INTER_AREA)
        ratio = size / small
        back = np.column_stack([back[:, :2] * ratio, back[:, 2] + back[:, :2] @ np.full(2, ratio / 2 - 0.5)])
    back[:, 2] -= (left, top)
    patch = cv2.warpAffine(emoji, back, (int(right - left), int(bottom - top)), flags=cv2.INTER_LINEAR)
    below = out[top:bottom, left:right]
    below[:] = np.clip(patch[..., :3] + below * (1 - patch[..., 3:] / 255), 0, 255).round().astype(np.uint8)


def draw_boxes(frame: Image, faces: Sequence[TransferredFace], refused: Sequence[RefusedFace] = ()) -> Image:
    """The frame with a box around every face, numbered from 1 where there are several; a grey one around those that are
    left as they are."""
    out = frame.copy()
    thick = max(1, round(max(frame.shape[:2]) / 320))
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


def beside(frame: Image, faces: Sequence[TransferredFace], refused: Sequence[RefusedFace] = ()) -> Image:
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
        smaller = cell < face.image.shape[0]
        method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        emoji = cv2.resize(over(face.image, PAPER), (cell, cell), interpolation=method)
        panel[top : top + cell, left : left + cell] = emoji
        if len(faces) > 1:
            _number(panel[top : top + cell], i + 1, left, 0, max(1, cell // 160))
    return np.concatenate([photo, panel], axis=1)
