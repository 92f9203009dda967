"""Where the faces of a video are: found by the detector now and then, followed by their landmarks in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.types import Face, Image
from ...faces.detect import likeness_of_patch
from ...faces.landmarks import PATCH, Points, Square, face_of, landmarks, patch_of, square_around
from ...faces.track import overlap
from .motion import Motion, Mover
from .person import Person

MOST = 8
"""Faces that are followed at a time, the largest first."""

CHECKED = 0.4
"""Seconds after which a tracked face is shown to the detector again, on its patch alone."""

UNLIKE = -0.6
"""The detector's score below which that is no face, twice in a row. It is about 0 for half-turned ones."""

STEADY = 0.03
"""Share of a face's side by which it may move before its patch does: landmarks tremble when the patch moves."""

MOVED, QUICK = 18.0, 0.12
"""Mean difference of a face's patch to the one before, in grey levels, and share of its side by which it moved, from
which on it is sought in the neighbourhood."""

JUMP = 22.0
"""Mean difference of a face to the frame before, in grey levels, from which it may not be the same any more."""

CUT = 40.0
"""Mean difference of two frames, in grey levels, from which a cut lies between them."""


@dataclass(eq=False)
class Track:
    """One face that is followed. id: 0 until it is known who it is; checked, read, met: when it was shown to the
    detector, to f and c, and to the face recogniser, in seconds."""

    points: Points
    square: Square
    score: float
    likeness: float
    patch: Image
    person: Person = field(default_factory=Person)
    mover: Mover = field(default_factory=Mover)
    motion: Motion | None = None
    id: int = 0
    checked: float = -math.inf
    doubts: int = 0
    read: float = -math.inf
    met: float = -math.inf
    strange: int = 0
    clear: float | None = None
    note: str | None = None
    jumped: bool = False

    @property
    def face(self) -> Face:
        """As the detector would give it."""
        return face_of(self.points, self.score)

    def follow(self, grey: Image, now: float, dt: float) -> bool:
        """Find the face again in the next frame, (H, W) grey, in place; False if it is lost."""
        points, patch = landmarks(grey, self.square)
        change = difference(_face(patch), _face(self.patch))
        if (
            change > MOVED or _shift(self.square, square_around(points)) > QUICK
        ):  # landmarks reach no further than a fifth of a face
            there, _ = landmarks(grey, sought(grey, self.square, _face(self.patch)))
            there, face = landmarks(grey, square_around(there))
            if (nearer := difference(_face(face), _face(self.patch))) < change:
                points, patch, change = there, face, nearer
            self.jumped = change > JUMP
        square = square_around(points)
        if self.jumped or not _plausible(self.square, square, grey.shape):
            return False
        self.patch = patch
        if now - self.checked >= CHECKED:
            self.checked = now
            self.likeness = likeness_of_patch(patch)
            self.doubts = self.doubts + 1 if self.likeness < UNLIKE else 0
            if self.doubts > 1:
                return False
        self.points = points
        if _moved(self.square, square):
            self.square = square
        self.motion = self.mover(grey, points, dt)
        return True


def start(grey: Image, square: Square, score: float) -> Track | None:
    """A track of a face that was detected in this frame; None if landmarks see none there."""
    for _ in range(2):  # the second from where the first found it
        points, _ = landmarks(grey, square)
        found = square_around(points)
        if not _plausible(square, found, grey.shape):
            return None
        square = found
    patch, _ = patch_of(grey, square)
    likeness = likeness_of_patch(patch)
    return Track(points, square, score, likeness, patch) if likeness >= UNLIKE else None


def is_new(face: Face, tracks: Sequence[Track]) -> bool:
    """Whether a detected face isn't one of those that are followed."""
    return all(overlap(face.box, track.face.box) < 0.2 for track in tracks)


def deduplicate(tracks: Sequence[Track]) -> list[Track]:
    """Of tracks that slid onto one face the eldest."""
    kept: list[Track] = []
    for track in tracks:
        if all(overlap(track.face.box, other.face.box) < 0.5 for other in kept):
            kept.append(track)
    return kept


class Cuts:
    """Tells cuts by thumbnails of the frames."""

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] | None = None

    def __call__(self, grey: Image) -> bool:
        """Whether a cut lies between the frame before and this one, (H, W) grey. A change of light alone is none."""
        small = cv2.resize(grey, (32, 24), interpolation=cv2.INTER_NEAREST)
        last, self._last = self._last, small
        return last is not None and difference(small, last) > CUT


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean difference of two grey pictures in grey levels, a change of light alone left out."""
    change = a.astype(np.float32) - b
    return float(np.abs(change - change.mean()).mean())


def _plausible(old: Square, new: Square, shape: tuple[int, ...]) -> bool:
    """Whether a face can have moved so within a frame, and is in the picture for the most part."""
    height, width = shape[:2]
    inside = 0 <= new.x < width and 0 <= new.y < height and new.side >= 24
    ratio = new.side / old.side
    moved = math.hypot(new.x - old.x, new.y - old.y) / old.side
    turned = abs((new.tilt - old.tilt + 180) % 360 - 180)
    return inside and 0.65 < ratio < 1.55 and moved < 0.6 and turned < 40


def _moved(old: Square, new: Square) -> bool:
    return _shift(old, new) > STEADY or abs(new.tilt - old.tilt) > 90 * STEADY


def sought(grey: Image, square: Square, face: Image) -> Square:
    """Where, within one and a half sides of a square, a frame looks most like a face that was there before: (S, S) grey
    and level. Normalised cross-correlation, at 25 pixels."""
    wide, back = patch_of(grey, square._replace(side=2 * square.side))
    region = cv2.resize(wide, (PATCH // 2, PATCH // 2), interpolation=cv2.INTER_AREA)
    face = cv2.resize(face, (PATCH // 8, PATCH // 8), interpolation=cv2.INTER_AREA)
    left, top = cv2.minMaxLoc(cv2.matchTemplate(region, face, cv2.TM_CCOEFF_NORMED))[3]
    x, y = back @ (2 * left + PATCH // 8, 2 * top + PATCH // 8, 1)
    return square._replace(x=float(x), y=float(y))


def _face(patch: Image) -> Image:
    """The middle half of a patch, which the face fills."""
    quarter = PATCH // 4
    return patch[quarter:-quarter, quarter:-quarter]


def _shift(old: Square, new: Square) -> float:
    return max(abs(new.x - old.x), abs(new.y - old.y), abs(new.side - old.side)) / old.side
