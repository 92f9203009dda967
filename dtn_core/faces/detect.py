"""Find faces and their five points. Works offline: dlib's HOG detector first, MTCNN where HOG finds nothing;
the points always come from dlib's 5-point predictor, on a patch turned level, so tilted faces are placed as
well as upright ones."""

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
"""Longest side of the copy searched in live video: faces from about 110 of 640 pixels up are found."""

TILTS = (-40.0, 40.0)
"""Degrees by which a frame is turned when HOG finds nothing as it is; HOG itself bears 30 to 40."""

LYING = 50.0
"""Degrees of tilt from which a photo may lie on its side. The tilt measured of a face on its head can be that small."""

SURE = 0.6
"""HOG's score from which a face needs no second opinion; below it there are tilted faces and emblems on
sleeves."""

LIVE_SURE = 0.2
"""HOG's score from which a face counts in live video, where a second opinion takes too long."""

MTCNN_SMALLEST = 40
"""Pixels, in the copy that is searched, of the smallest face MTCNN looks for; its default of 20 takes twice
as long."""

UNLIKE = -1.0
"""The lowest `likeness`; HOG is asked for nothing below it, since everything scores something there."""

_PATCH = 240
_SMALLEST = 24  # pixels; in less no detector finds anything


class _Found(NamedTuple):
    """A square around a face, brows to chin, in pixels of the frame; tilt: degrees clockwise."""

    x: float
    y: float
    side: float
    tilt: float
    score: float


def detect(
    frame: Image, *, thorough: bool = True, max_side: int = 1280, max_faces: int | None = None
) -> tuple[Face, ...]:
    """All faces of an (H, W, 3) RGB frame, the biggest first, each once; at most ``max_faces``.

    thorough: look for faces from 40 pixels up, tilted to ±30 degrees, and with MTCNN where HOG finds nothing;
    otherwise (live video) only HOG on a small copy. max_side: longest side of the copy that is searched.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise UserError(f"a frame must be (H, W, 3) uint8 RGB, not {frame.shape} {frame.dtype}; see images.load.")
    if thorough:
        found = _search(frame, max_side)
    else:
        found = [f for f in _hog(*_scaled(frame, min(max_side, LIVE_SIDE))) if f.score >= LIVE_SURE]
    return tuple(_face(frame, f) for f in _distinct(found)[:max_faces])


def detect_live(frame: Image, side: int, max_faces: int | None = None) -> tuple[Face, ...]:
    """Faces of a frame by HOG alone, in a copy whose longest side has so many pixels: from 80 pixels of the copy up."""
    scale = side / max(frame.shape[:2])
    size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    copy = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    found = [f for f in _hog(copy, scale) if f.score >= LIVE_SURE]
    return tuple(_face(frame, f) for f in _distinct(found)[:max_faces])


def detect_upright(
    frame: Image, *, thorough: bool = True, max_side: int = 1280, max_faces: int | None = None
) -> tuple[Image, tuple[Face, ...], int]:
    """As `detect`, and if thorough also in a photo that lies on its side or head: (the photo as it should stand, its
    faces, degrees clockwise by which it was turned: 0, 90, 180 or 270)."""
    found = detect(frame, thorough=thorough, max_side=max_side, max_faces=max_faces)
    if not thorough or (found and abs(_tilt(found[0].points)) < LYING):
        return frame, found, 0
    copy, scale = _scaled(frame, max_side)
    for turns in (3, 1, 2) if min(copy.shape[:2]) >= _SMALLEST else ():
        # HOG alone: looking as thoroughly as above, three times, would take seconds where there is no face.
        if _confirmed(np.rot90(frame, turns), _hog(np.rot90(copy, turns), scale)):
            frame = np.ascontiguousarray(np.rot90(frame, turns))
            return frame, detect(frame, max_side=max_side, max_faces=max_faces), 360 - 90 * turns
    return frame, found, 0


def likeness(frame: Image, face: Face) -> float:
    """How much HOG takes a face for one that looks at the camera: its score on the face turned level, at one size, so
    that it compares whichever detector found the face. About 1.5 for portraits; `UNLIKE` where HOG sees none."""
    box = face.box
    middle = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    found = _Found(*middle, box.width, _tilt(face.points), face.score)
    return likeness_of_patch(_patch(frame, found)[0])


def likeness_of_patch(patch: Image) -> float:
    """As `likeness`, of a square (S, S, 3) or (S, S) whose middle half the face fills, level."""
    edge = patch.shape[0] // 6  # a margin of a third of the face
    view = patch[edge : patch.shape[0] - edge, edge : patch.shape[0] - edge]
    with _DETECTORS.one() as detector:
        scores = detector.run(np.ascontiguousarray(view), 0, UNLIKE)[1]
    return max(map(float, scores), default=UNLIKE)


def _search(frame: Image, max_side: int) -> list[_Found]:
    copy, scale = _scaled(frame, max_side)
    if min(copy.shape[:2]) < _SMALLEST:
        return []
    found = _confirmed(frame, _hog(copy, scale))
    if len(found) == 1 and found[0].side > min(frame.shape[:2]) / 4:
        return found  # a portrait
    # HOG's window is 80 pixels: faces from 40 need an enlarged copy.
    double = cv2.resize(copy, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    found += _confirmed(frame, _hog(double, 2 * scale))
    if found:
        return found
    double, shrunk = _scaled(double, max_side)
    for tilt in TILTS:
        found += _confirmed(frame, _hog(double, 2 * scale * shrunk, tilt))
    return found or _mtcnn(copy, scale)


def _confirmed(frame: Image, found: Sequence[_Found]) -> list[_Found]:
    """Those of which HOG is sure, or in whose patch MTCNN sees a face too."""
    return [f for f in found if f.score >= SURE or _mtcnn(_patch(frame, _level(frame, f))[0][::2, ::2], 1.0)]


def _scaled(frame: Image, side: int) -> tuple[Image, float]:
    scale = min(1.0, side / max(frame.shape[:2]))
    if scale == 1:
        return frame, 1.0
    size = [max(1, round(n * scale)) for n in (frame.shape[1], frame.shape[0])]
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA), scale


def _hog(copy: Image, scale: float, tilt: float = 0.0) -> list[_Found]:
    """Search a copy of the frame, ``scale`` times as large, turned by ``tilt`` degrees."""
    height, width = copy.shape[:2]
    matrix = np.array([[1, 0, 0], [0, 1, 0]], np.float64)
    if tilt:
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, 1)
        turned = np.abs(matrix[:, :2]) @ (width, height)
        matrix[:, 2] += (turned - (width, height)) / 2
        copy = cv2.warpAffine(copy, matrix, tuple(int(n) for n in np.ceil(turned)))
    with _DETECTORS.one() as detector:
        boxes, scores, _ = detector.run(np.ascontiguousarray(copy), 0, 0.0)
    back = cv2.invertAffineTransform(matrix)
    found = []
    for box, score in zip(boxes, scores):
        x, y = back @ (box.dcenter().x, box.dcenter().y, 1)
        found.append(_Found(float(x / scale), float(y / scale), box.width() / scale, tilt, float(score)))
    return found


def _mtcnn(copy: Image, scale: float) -> list[_Found]:
    if min(copy.shape[:2]) < MTCNN_SMALLEST:
        return []
    boxes, scores, points = _mtcnn_detector().detect(copy, landmarks=True)
    found = []
    for _, score, p in zip(*(() if v is None else v for v in (boxes, scores, points))):
        if score < 0.95:
            continue
        eyes, mouth = p[:2].mean(0), p[3:].mean(0)
        tilt = math.degrees(math.atan2(p[1][1] - p[0][1], p[1][0] - p[0][0]))
        # dlib's square; 2.25 is the median over portraits that both detectors find.
        side = 2.25 * max(float(np.linalg.norm(p[1] - p[0])), float(np.linalg.norm(mouth - eyes)))
        x, y = (eyes + mouth) / 2
        found.append(_Found(float(x / scale), float(y / scale), float(side / scale), tilt, float(score)))
    return found


def _distinct(found: Sequence[_Found]) -> list[_Found]:
    """The surest of those that overlap, the biggest first."""
    kept: list[_Found] = []
    for f in sorted(found, key=lambda f: -f.score):
        if all(max(abs(f.x - k.x), abs(f.y - k.y)) > 0.5 * max(f.side, k.side) for k in kept):
            kept.append(f)
    return sorted(kept, key=lambda f: -f.side)


def _face(frame: Image, found: _Found) -> Face:
    half = found.side / 2
    box = Box(found.x - half, found.y - half, found.x + half, found.y + half)
    return Face(box, _points(frame, _level(frame, found)), found.score)


def _level(frame: Image, found: _Found) -> _Found:
    """The same with its tilt measured between the eyes."""
    return found._replace(tilt=_tilt(_points(frame, found)))


def _tilt(points: NDArray[np.float32]) -> float:
    """Degrees clockwise of the line from eye to eye, of a face's five points."""
    left, right = eye_centres(points)
    return math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))


def _points(frame: Image, found: _Found) -> NDArray[np.float32]:
    """dlib's five points, placed where the face is level."""
    import dlib

    patch, matrix = _patch(frame, found)
    quarter = _PATCH // 4
    shape = _predictor()(patch, dlib.rectangle(quarter, quarter, 3 * quarter - 1, 3 * quarter - 1))
    points = np.array([(p.x, p.y, 1) for p in shape.parts()], np.float64)
    return (points @ cv2.invertAffineTransform(matrix).T).astype(np.float32)


def _patch(frame: Image, found: _Found) -> tuple[Image, NDArray[np.float64]]:
    """The face turned level, its square in the middle half of a patch; and the (2, 3) map frame → patch."""
    matrix = cv2.getRotationMatrix2D((found.x, found.y), found.tilt, _PATCH / 2 / found.side)
    matrix[:, 2] += _PATCH / 2 - np.array([found.x, found.y])
    return warp(frame, matrix, _PATCH), matrix


class _Detectors:
    """HOG detectors for several threads: one keeps state while it runs, and releases the interpreter lock. They are
    made when they are needed, in half a second, and at most as many as there are cores and one more."""

    def __init__(self) -> None:
        self._free: queue.LifoQueue[Any] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._left = (os.cpu_count() or 1) + 1

    @contextmanager
    def one(self) -> Iterator[Any]:
        """Borrow one; waits while all are in use."""
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
                new = self._left >= 0
            return dlib.get_frontal_face_detector() if new else self._free.get()


_DETECTORS = _Detectors()


@cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(dlib_model_path("shape_predictor_5_face_landmarks.dat")))


@cache
def _mtcnn_detector() -> Any:
    from facenet_pytorch import MTCNN

    return MTCNN(keep_all=True, min_face_size=MTCNN_SMALLEST, factor=0.65, device="cpu")
