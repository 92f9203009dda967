"""Turn faces upright: the head crop that every encoder of ours looks at, and dlib's own chip.

Coordinates are pixel indices, as dlib and OpenCV count them: (0, 0) is the centre of the top left pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, AlignedFace, Face, Image

CROP = 256
"""Side of a head crop."""

_CHIP_POINTS = np.array(  # dlib's mean face for five points, in shares of an unpadded chip
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)


def eye_centres(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """(5, 2) points in dlib's order → (2, 2): the middle of the eye on the picture's left, then on its
    right."""
    return np.stack([points[2:4].mean(0), points[0:2].mean(0)]).astype(np.float64)


def align(frame: Image, face: Face, size: int = CROP) -> AlignedFace:
    """Cut the whole head out of a frame: eyes level, `types.HEAD_EYE_DISTANCE` of the side apart, their line
    at `types.HEAD_EYE_HEIGHT`. Outside the frame its border is repeated; antialiased where the frame shrinks.
    """
    left, right = eye_centres(face.points)
    x = size * (1 - HEAD_EYE_DISTANCE) / 2 - 0.5
    y = size * HEAD_EYE_HEIGHT - 0.5
    matrix = similarity(np.stack([left, right]), np.array([(x, y), (size - 1 - x, y)]))
    return AlignedFace(face, warp(frame, matrix, size), matrix)


def chip(image: Image, face: Face, size: int = 150, padding: float = 0.25) -> Image:
    """The (size, size, 3) crop that dlib's face recogniser expects: ``dlib.get_face_chip`` without dlib."""
    mean = (_CHIP_POINTS + padding) / (2 * padding + 1) * size
    matrix = cv2.invertAffineTransform(similarity(mean, face.points.astype(np.float64)))  # least squares there
    # dlib lays the outer pixels' centres, not their edges, on the corners of a square it holds a pixel shorter.
    stretch = (size - 1) / (size - np.hypot(matrix[0, 0], matrix[1, 0]))
    matrix = stretch * (matrix - [[0, 0, size / 2]]) + [[0, 0, (size - 1) / 2]]
    return warp(image, matrix, size)


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (2, 3) rotation, scale and shift that takes (N, 2) points nearest to others, in least squares."""
    p, q = source - source.mean(0), target - target.mean(0)
    spread = max(float((p**2).sum()), 1e-12)
    a = float((p * q).sum()) / spread
    b = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / spread
    turn = np.array([[a, -b], [b, a]])
    return np.column_stack([turn, target.mean(0) - turn @ source.mean(0)])


def warp(image: Image, matrix: NDArray[np.float64], size: int) -> Image:
    """Resample through a similarity (image → square of this size) with the border repeated. The part that is
    seen is first shrunk by area where the similarity shrinks, so nothing aliases and a large frame costs
    little.
    """
    height, width = image.shape[:2]
    corners = np.array([(0, 0, 1), (size, 0, 1), (0, size, 1), (size, size, 1)], np.float64)
    seen = corners @ cv2.invertAffineTransform(matrix).T
    left, top = (int(np.clip(v, 0, n - 1)) for v, n in zip(np.floor(seen.min(0)) - 2, (width, height)))
    right, bottom = (
        int(np.clip(v, n0 + 1, n)) for v, n0, n in zip(np.ceil(seen.max(0)) + 3, (left, top), (width, height))
    )
    part = image[top:bottom, left:right]
    matrix = compose(matrix, np.array([[1, 0, left], [0, 1, top]], np.float64))
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 1:
        target = tuple(max(1, round(n * scale)) for n in (part.shape[1], part.shape[0]))
        fx, fy = target[0] / part.shape[1], target[1] / part.shape[0]
        part = cv2.resize(part, target, interpolation=cv2.INTER_AREA)
        matrix = compose(matrix, np.array([[1 / fx, 0, 0.5 / fx - 0.5], [0, 1 / fy, 0.5 / fy - 0.5]]))
    return cv2.warpAffine(part, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def compose(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (2, 3) affine map that applies ``inner``, then ``outer``."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])
