"""dlib's 68 landmarks of a face: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67 (iBUG 300-W's order).

They are predicted on a level patch of a fixed size, so the cost doesn't depend on the size of the face.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.types import Box, Face, Image
from ..networks.dlib_models import dlib_model_path
from .align import eye_centres

Points = NDArray[np.float32]
"""(68, 2) pixels (x, y) of the frame."""

PATCH = 200
"""Side of the patch in pixels. The face, brows to chin, fills half of it."""

BLUR = 1.5
"""Standard deviation in pixels of the patch."""

FIVE = (45, 42, 36, 39, 33)
"""Indices of the landmarks that correspond to dlib's five points."""


class Square(NamedTuple):
    """A square around a face, brows to chin.

    Attributes:
        x: Horizontal centre in pixels.
        y: Vertical centre in pixels.
        side: Side in pixels.
        tilt: Rotation in degrees, clockwise.
    """

    x: float
    y: float
    side: float
    tilt: float


def square_of(face: Face) -> Square:
    """The square of a detected face."""
    box, (left, right) = face.box, eye_centres(face.points)
    tilt = math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))
    return Square((box.left + box.right) / 2, (box.top + box.bottom) / 2, box.width, tilt)


def square_around(points: Points) -> Square:
    """The square in which to search the face in the next frame, in the proportions of dlib's detector on portraits."""
    left, right, mouth = points[36:42].mean(0), points[42:48].mean(0), points[48:60].mean(0)
    across = right - left
    eyes = (left + right) / 2
    side = 2.25 * max(float(np.linalg.norm(across)), float(np.linalg.norm(mouth - eyes)))
    x, y = (eyes + mouth) / 2
    return Square(float(x), float(y), side, math.degrees(math.atan2(across[1], across[0])))


def patch_of(frame: Image, square: Square) -> tuple[Image, NDArray[np.float64]]:
    """Crop the level patch around a face.

    Args:
        frame: (H, W, 3) RGB or (H, W) grey. Its border is repeated outside.
        square: Where the face is.

    Returns:
        The (PATCH, PATCH) grey patch, and the (2, 3) transform from the patch to the frame.
    """
    matrix = cv2.getRotationMatrix2D((square.x, square.y), square.tilt, PATCH / 2 / square.side)
    matrix[:, 2] += PATCH / 2 - np.array([square.x, square.y])
    back = cv2.invertAffineTransform(matrix)
    patch = cv2.warpAffine(frame, matrix, (PATCH, PATCH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    patch = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY) if patch.ndim == 3 else patch
    # The model compares single pixels, which are noisy.
    return cv2.GaussianBlur(patch, (0, 0), BLUR), back


def landmarks(frame: Image, square: Square) -> tuple[Points, Image]:
    """Predict the landmarks of the face in a square; returns them and the patch."""
    import dlib

    patch, back = patch_of(frame, square)
    quarter = PATCH // 4
    shape = _predictor()(patch, dlib.rectangle(quarter, quarter, 3 * quarter - 1, 3 * quarter - 1))
    points = np.array([(p.x, p.y) for p in shape.parts()], np.float64)
    return (points @ back[:, :2].T + back[:, 2]).astype(np.float32), patch


def face_of(points: Points, score: float) -> Face:
    """The face that a detector would return for these landmarks."""
    square = square_around(points)
    half = square.side / 2
    box = Box(square.x - half, square.y - half, square.x + half, square.y + half)
    return Face(box, points[list(FIVE)], score)


@cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(dlib_model_path("shape_predictor_68_face_landmarks.dat")))
