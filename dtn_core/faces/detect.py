"""Detect faces and their five points, offline: dlib's HOG detector first, MTCNN if HOG finds nothing.

The points always come from dlib's 5-point predictor on a level patch, so tilted faces are located as well as upright
ones.
"""

from __future__ import annotations

import math
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.types import Box, Face, Image
from ..networks.dlib_models import dlib_model_path
from .align import eye_centres, warp

LIVE_SIDE = 480
"""Longest side of the resized frame in live video: finds faces from about 110 of 640 pixels."""

TILTS = (-40.0, 40.0)
"""Degrees by which a frame is rotated if HOG finds nothing. HOG itself tolerates 30 to 40."""

MIN_ROTATED_TILT = 50.0
"""Degrees of tilt from which a photo may be rotated. The measured tilt of an upside-down face can be that small."""

ROTATIONS = (45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0)
"""Clockwise tilts, in degrees, of faces that are searched if no clear face is upright."""

DIAGONAL_SIDE = 800
"""Longest side of the copy in which faces with a diagonal tilt are searched."""

UPRIGHT_SCORE = 0.5
"""`frontal_score` from which an upright face ends the search. Upside-down faces taken for upright ones have less."""

ROTATION_MARGIN = 0.3
"""How much higher the `frontal_score` of a rotated face must be than that of an upright one."""

HOG_TOLERANCE = 20.0
"""Degrees of tilt that HOG hardly notices."""

MAX_CANDIDATES = 3
"""Maximum number of rotated faces that MTCNN is asked to confirm."""

CONFIDENT_SCORE = 0.6
"""HOG's score from which MTCNN need not confirm a face. Lower scores include tilted faces and emblems on sleeves."""

LIVE_MIN_SCORE = 0.2
"""HOG's minimum score in live video, where confirmation takes too long."""

MTCNN_SMALLEST = 40
"""Smallest face in pixels of the resized frame for MTCNN. Its default of 20 takes twice as long."""

MIN_FRONTAL_SCORE = -1.0
"""The lowest `frontal_score`: HOG's detection threshold, below which any patch has some score."""

_PATCH = 240
_MIN_SIDE = 24  # pixels; no detector finds anything in less


class _Detection(NamedTuple):
    """A square around a face, brows to chin, in pixels of the frame; tilt in degrees clockwise."""

    x: float
    y: float
    side: float
    tilt: float
    score: float


def detect(
    frame: Image, *, thorough: bool = True, max_side: int = 1280, max_faces: int | None = None
) -> tuple[Face, ...]:
    """Detect faces, largest first.

    Args:
        frame: (H, W, 3) uint8 RGB.
        thorough: Search for faces from 40 pixels, also tilted ones, and with MTCNN if HOG finds nothing. Otherwise
            (live video) run only HOG on a small copy.
        max_side: Longest side of the copy that is searched.
        max_faces: Return at most this many.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise UserError(f"a frame must be (H, W, 3) uint8 RGB, not {frame.shape} {frame.dtype}; see images.load.")
    if thorough:
        detections = _search(frame, max_side)
    else:
        detections = [d for d in _hog(*_scaled(frame, min(max_side, LIVE_SIDE))) if d.score >= LIVE_MIN_SCORE]
    return tuple(_face(frame, d) for d in _deduplicate(detections)[:max_faces])


def detect_live(frame: Image, side: int, max_faces: int | None = None) -> tuple[Face, ...]:
    """Detect faces with HOG only, from 80 pixels of a resized copy. side: longest side of the copy."""
    scale = side / max(frame.shape[:2])
    size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    copy = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    detections = [d for d in _hog(copy, scale) if d.score >= LIVE_MIN_SCORE]
    return tuple(_face(frame, d) for d in _deduplicate(detections)[:max_faces])


def detect_upright(
    frame: Image, *, thorough: bool = True, max_side: int = 1280, max_faces: int | None = None
) -> tuple[Image, tuple[Face, ...], int]:
    """Detect faces as `detect` does, and if thorough also in photos that are rotated by any angle.

    Other angles are tried unless the largest face is upright and clearly a face.

    Returns:
        The photo, rotated by a multiple of 90 degrees so that its faces are most upright; its faces; and the degrees by
        which it was rotated clockwise.
    """
    faces = detect(frame, thorough=thorough, max_side=max_side, max_faces=max_faces)
    if not thorough or min(frame.shape[:2]) < _MIN_SIDE:
        return frame, faces, 0
    score = frontal_score(frame, faces[0]) if faces else MIN_FRONTAL_SCORE
    if faces and abs(_tilt(faces[0].points)) < MIN_ROTATED_TILT:
        if score >= UPRIGHT_SCORE:
            return frame, faces, 0
        score += ROTATION_MARGIN
    best = _search_rotations(frame, max_side)
    if best is None or best.score <= score:
        return frame, faces, 0
    turns = round(best.tilt / 90) % 4
    residual = (best.tilt - 90 * turns + 180) % 360 - 180
    rotated = np.ascontiguousarray(np.rot90(frame, turns))
    if abs(residual) < HOG_TOLERANCE:
        faces = detect(rotated, max_side=max_side, max_faces=max_faces)
    else:
        found = _confirmed(rotated, _hog(*_scaled(rotated, max_side), residual))
        faces = tuple(_face(rotated, detection) for detection in _deduplicate(found)[:max_faces])
    return rotated, faces, (360 - 90 * turns) % 360


def _search_rotations(frame: Image, max_side: int) -> _Detection | None:
    """Run HOG on copies rotated by `ROTATIONS`.

    Returns:
        The level detection with the highest `frontal_score`, which is its score. None if there is none that MTCNN
        confirms.
    """
    candidates = []
    for rotation in ROTATIONS:
        side = max_side if rotation % 90 == 0 else min(max_side, DIAGONAL_SIDE)
        for detection in _hog(*_scaled(frame, side), rotation):
            level = _level(frame, detection)
            candidates.append(level._replace(score=frontal_score_of_patch(_patch(frame, level)[0])))
    candidates.sort(key=lambda candidate: -candidate.score)
    return next((candidate for candidate in candidates[:MAX_CANDIDATES] if _confirmed(frame, [candidate])), None)


def frontal_score(frame: Image, face: Face) -> float:
    """HOG's score of a face, which is high for unobstructed frontal faces.

    Computed on a level patch of a fixed size, so that it is comparable whichever detector found the face. About 1.5 for
    portraits; `MIN_FRONTAL_SCORE` if HOG finds no face.
    """
    box = face.box
    x = (box.left + box.right) / 2
    y = (box.top + box.bottom) / 2
    detection = _Detection(x, y, box.width, _tilt(face.points), face.score)
    return frontal_score_of_patch(_patch(frame, detection)[0])


def frontal_score_of_patch(patch: Image) -> float:
    """`frontal_score` of a level (S, S, 3) or (S, S) patch, whose middle half the face fills."""
    edge = patch.shape[0] // 6  # a margin of a third of the face
    view = patch[edge : patch.shape[0] - edge, edge : patch.shape[0] - edge]
    with _DETECTORS.borrow() as detector:
        scores = detector.run(np.ascontiguousarray(view), 0, MIN_FRONTAL_SCORE)[1]
    return max(map(float, scores), default=MIN_FRONTAL_SCORE)


def _search(frame: Image, max_side: int) -> list[_Detection]:
    copy, scale = _scaled(frame, max_side)
    if min(copy.shape[:2]) < _MIN_SIDE:
        return []
    detections = _confirmed(frame, _hog(copy, scale))
    if len(detections) == 1 and detections[0].side > min(frame.shape[:2]) / 4:
        return detections  # a portrait
    # HOG's window is 80 pixels: faces from 40 need an enlarged copy.
    double = cv2.resize(copy, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    detections += _confirmed(frame, _hog(double, 2 * scale))
    if detections:
        return detections
    double, ratio = _scaled(double, max_side)
    for tilt in TILTS:
        detections += _confirmed(frame, _hog(double, 2 * scale * ratio, tilt))
    return detections or _mtcnn(copy, scale)


def _confirmed(frame: Image, detections: Sequence[_Detection]) -> list[_Detection]:
    """The detections with a high score, or in whose patch MTCNN finds a face too."""
    return [
        d for d in detections if d.score >= CONFIDENT_SCORE or _mtcnn(_patch(frame, _level(frame, d))[0][::2, ::2], 1.0)
    ]


def _scaled(frame: Image, side: int) -> tuple[Image, float]:
    scale = min(1.0, side / max(frame.shape[:2]))
    if scale == 1:
        return frame, 1.0
    size = [max(1, round(n * scale)) for n in (frame.shape[1], frame.shape[0])]
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA), scale


def _hog(copy: Image, scale: float, tilt: float = 0.0) -> list[_Detection]:
    """Run HOG on a copy of the frame that is ``scale`` times as large, rotated by ``tilt`` degrees."""
    height, width = copy.shape[:2]
    matrix = np.array([[1, 0, 0], [0, 1, 0]], np.float64)
    if tilt:
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, 1)
        size = np.abs(matrix[:, :2]) @ (width, height)
        matrix[:, 2] += (size - (width, height)) / 2
        copy = cv2.warpAffine(copy, matrix, tuple(int(n) for n in np.ceil(size)))
    with _DETECTORS.borrow() as detector:
        boxes, scores, _ = detector.run(np.ascontiguousarray(copy), 0, 0.0)
    back = cv2.invertAffineTransform(matrix)
    detections = []
    for box, score in zip(boxes, scores):
        x, y = back @ (box.dcenter().x, box.dcenter().y, 1)
        detections.append(_Detection(float(x / scale), float(y / scale), box.width() / scale, tilt, float(score)))
    return detections


def _mtcnn(copy: Image, scale: float) -> list[_Detection]:
    if min(copy.shape[:2]) < MTCNN_SMALLEST:
        return []
    boxes, scores, points = _mtcnn_detector().detect(copy, landmarks=True)
    detections: list[_Detection] = []
    if boxes is None:
        return detections
    for score, p in zip(scores, points):
        if score < 0.95:
            continue
        eyes = p[:2].mean(0)
        mouth = p[3:].mean(0)
        tilt = math.degrees(math.atan2(p[1][1] - p[0][1], p[1][0] - p[0][0]))
        # dlib's square; 2.25 is the median over portraits that both detectors find.
        side = 2.25 * max(float(np.linalg.norm(p[1] - p[0])), float(np.linalg.norm(mouth - eyes)))
        x, y = (eyes + mouth) / 2
        detections.append(_Detection(float(x / scale), float(y / scale), float(side / scale), tilt, float(score)))
    return detections


def _deduplicate(detections: Sequence[_Detection]) -> list[_Detection]:
    """Non-maximum suppression: of overlapping detections the one with the highest score, largest first."""
    distinct: list[_Detection] = []
    for new in sorted(detections, key=lambda d: -d.score):
        if not any(_overlap(new, other) for other in distinct):
            distinct.append(new)
    return sorted(distinct, key=lambda d: -d.side)


def _overlap(a: _Detection, b: _Detection) -> bool:
    return max(abs(a.x - b.x), abs(a.y - b.y)) <= 0.5 * max(a.side, b.side)


def _face(frame: Image, detection: _Detection) -> Face:
    x, y, side = detection.x, detection.y, detection.side
    box = Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return Face(box, _points(frame, _level(frame, detection)), detection.score)


def _level(frame: Image, detection: _Detection) -> _Detection:
    """The detection with the tilt of the line between the eyes."""
    return detection._replace(tilt=_tilt(_points(frame, detection)))


def _tilt(points: NDArray[np.float32]) -> float:
    """Tilt of the line between the eyes in degrees, clockwise."""
    left, right = eye_centres(points)
    return math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))


def _points(frame: Image, detection: _Detection) -> NDArray[np.float32]:
    """dlib's five points, predicted on a level patch."""
    import dlib

    patch, matrix = _patch(frame, detection)
    quarter = _PATCH // 4
    shape = _predictor()(patch, dlib.rectangle(quarter, quarter, 3 * quarter - 1, 3 * quarter - 1))
    points = np.array([(p.x, p.y, 1) for p in shape.parts()], np.float64)
    return (points @ cv2.invertAffineTransform(matrix).T).astype(np.float32)


def _patch(frame: Image, detection: _Detection) -> tuple[Image, NDArray[np.float64]]:
    """The level patch with the face in its middle half, and the (2, 3) transform from the frame to the patch."""
    centre = (detection.x, detection.y)
    matrix = cv2.getRotationMatrix2D(centre, detection.tilt, _PATCH / 2 / detection.side)
    matrix[:, 2] += _PATCH / 2 - np.array(centre)
    return warp(frame, matrix, _PATCH), matrix


class _Detectors:
    """A pool of HOG detectors. A detector has state while it runs, and releases the GIL.

    They are created on demand, which takes half a second, up to one more than there are CPU cores.
    """

    def __init__(self) -> None:
        self._free: queue.LifoQueue[Any] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._left = (os.cpu_count() or 1) + 1

    @contextmanager
    def borrow(self) -> Iterator[Any]:
        """Borrow a detector; waits while all are in use."""
        detector = self._take()
        try:
            yield detector
        finally:
            self._free.put(detector)

    def _take(self) -> Any:
        import dlib

        try:
            return self._free.get_nowait()
        except queue.Empty:
            with self._lock:
                self._left -= 1
                may_create = self._left >= 0
            return dlib.get_frontal_face_detector() if may_create else self._free.get()


_DETECTORS = _Detectors()


@cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(dlib_model_path("shape_predictor_5_face_landmarks.dat")))


@cache
def _mtcnn_detector() -> Any:
    from facenet_pytorch import MTCNN

    return MTCNN(keep_all=True, min_face_size=MTCNN_SMALLEST, factor=0.65, device="cpu")
