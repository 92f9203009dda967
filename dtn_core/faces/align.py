"""Align faces: the head crop that is the input of our encoders, and dlib's own face chip.

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
    """(5, 2) points in dlib's order → (2, 2) centres of the eyes: first the one on the left of the picture."""
    return np.stack([points[2:4].mean(0), points[0:2].mean(0)]).astype(np.float64)


def align(frame: Image, face: Face, size: int = CROP) -> AlignedFace:
    """Crop the whole head from an (H, W, 3) frame.

    The eyes are level, `types.HEAD_EYE_DISTANCE` of the side apart, at the height `types.HEAD_EYE_HEIGHT`. Outside the
    frame its border is repeated. Shrinking is antialiased.
    """
    left, right = eye_centres(face.points)
    x = size * (1 - HEAD_EYE_DISTANCE) / 2 - 0.5
    y = size * HEAD_EYE_HEIGHT - 0.5
    matrix = similarity(np.stack([left, right]), np.array([(x, y), (size - 1 - x, y)]))
    return AlignedFace(face, warp(frame, matrix, size), matrix)


def chip(image: Image, face: Face, size: int = 150, padding: float = 0.25) -> Image:
    """Compute ``dlib.get_face_chip`` without dlib: the (size, size, 3) input of dlib's face recogniser."""
    mean = (_CHIP_POINTS + padding) / (2 * padding + 1) * size
    # dlib minimises the squared error in the frame.
    matrix = cv2.invertAffineTransform(similarity(mean, face.points.astype(np.float64)))
    # dlib maps the centres of the outer pixels, not their edges, to the corners of a square that is a pixel shorter.
    stretch = (size - 1) / (size - np.hypot(matrix[0, 0], matrix[1, 0]))
    matrix = stretch * (matrix - [[0, 0, size / 2]]) + [[0, 0, (size - 1) / 2]]
    return warp(image, matrix, size)


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (2, 3) similarity transform that maps (N, 2) source points to target points with the least squared error."""
    p = source - source.mean(0)
    q = target - target.mean(0)
    variance = max(float((p**2).sum()), 1e-12)
    a = float((p * q).sum()) / variance
    b = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / variance
    rotation = np.array([[a, -b], [b, a]])
    return np.column_stack([rotation, target.mean(0) - rotation @ source.mean(0)])


def warp(image: Image, matrix: NDArray[np.float64], size: int) -> Image:
    """Resample an image by a similarity transform (image → square of this size); its border is repeated.

    If the transform shrinks, the visible part of the image is first resized by area. This avoids aliasing and is cheap
    for large frames.
    """
    height, width = image.shape[:2]
    corners = np.array([(0, 0, 1), (size, 0, 1), (0, size, 1), (size, size, 1)], np.float64)
    visible = corners @ cv2.invertAffineTransform(matrix).T
    first = np.floor(visible.min(0)) - 2
    last = np.ceil(visible.max(0)) + 3
    left = int(np.clip(first[0], 0, width - 1))
    top = int(np.clip(first[1], 0, height - 1))
    right = int(np.clip(last[0], left + 1, width))
    bottom = int(np.clip(last[1], top + 1, height))
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
    """The (2, 3) affine transform that applies ``inner``, then ``outer``."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])
