"""dlib's 68 points of a face: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67 (iBUG 300-W's order). They are
placed on a patch that is turned level and scaled, so a face costs the same whatever its size."""

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
"""Side of the patch in pixels; the face, brows to chin, fills half of it."""

BLUR = 1.5
"""Pixels of the patch."""

FIVE = (45, 42, 36, 39, 33)
"""Which of the 68 stand for dlib's five."""


class Square(NamedTuple):
    """Where a face is, brows to chin. x, y: its middle; tilt: degrees clockwise."""

    x: float
    y: float
    side: float
    tilt: float


def square_of(face: Face) -> Square:
    """The square of a face that was detected."""
    box, (left, right) = face.box, eye_centres(face.points)
    tilt = math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))
    return Square((box.left + box.right) / 2, (box.top + box.bottom) / 2, box.width, tilt)


def square_around(points: Points) -> Square:
    """The square in which to look for a face in the next frame; its proportions are those that dlib's detector has on
    portraits."""
    left, right, mouth = points[36:42].mean(0), points[42:48].mean(0), points[48:60].mean(0)
    across, eyes = right - left, (left + right) / 2
    side = 2.25 * max(float(np.linalg.norm(across)), float(np.linalg.norm(mouth - eyes)))
    x, y = (eyes + mouth) / 2
    return Square(float(x), float(y), side, math.degrees(math.atan2(across[1], across[0])))


def patch_of(frame: Image, square: Square) -> tuple[Image, NDArray[np.float64]]:
    """A frame, (H, W, 3) or (H, W), → the (PATCH, PATCH) grey patch around a face, its border repeated outside the
    frame; and the (2, 3) map from patch to frame."""
    matrix = cv2.getRotationMatrix2D((square.x, square.y), square.tilt, PATCH / 2 / square.side)
    matrix[:, 2] += PATCH / 2 - np.array([square.x, square.y])
    back = cv2.invertAffineTransform(matrix)
    patch = cv2.warpAffine(frame, matrix, (PATCH, PATCH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    patch = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY) if patch.ndim == 3 else patch
    return cv2.GaussianBlur(patch, (0, 0), BLUR), back  # the model compares single pixels, which are noisy


def landmarks(frame: Image, square: Square) -> tuple[Points, Image]:
    """The points of the face in this square, and the patch in which they were sought."""
    import dlib

    patch, back = patch_of(frame, square)
    quarter = PATCH // 4
    shape = _predictor()(patch, dlib.rectangle(quarter, quarter, 3 * quarter - 1, 3 * quarter - 1))
    points = np.array([(p.x, p.y) for p in shape.parts()], np.float64)
    return (points @ back[:, :2].T + back[:, 2]).astype(np.float32), patch


def face_of(points: Points, score: float) -> Face:
    """As the detector would give it."""
    square = square_around(points)
    half = square.side / 2
    box = Box(square.x - half, square.y - half, square.x + half, square.y + half)
    return Face(box, points[list(FIVE)], score)


@cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(dlib_model_path("shape_predictor_68_face_landmarks.dat")))
