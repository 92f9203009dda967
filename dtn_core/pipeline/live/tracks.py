"""Where the faces of a video are: detected now and then, followed by their landmarks in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.types import Face, Image
from ...faces.detect import frontal_score_of_patch
from ...faces.landmarks import PATCH, Points, Square, face_of, landmarks, patch_of, square_around
from ...faces.track import overlap
from .motion import Motion, MotionTracker
from .person import Person

MAX_TRACKS = 8
"""Faces that are followed at a time, the largest first."""

CHECK_SECONDS = 0.4
"""Time between two checks of a followed face by the detector, on its patch alone."""

MIN_LIKENESS = -0.6
"""Detector score below which a patch shows no face. It is about 0 for faces in half profile."""

MAX_LOW_SCORES = 1
"""Consecutive checks that a followed face may fail."""

DEAD_ZONE = 0.03
"""Share of a face's side by which it may move before its patch does: landmarks jitter when the patch moves."""

SEARCH_DIFFERENCE = 18.0
"""Mean difference of a face to the frame before, in grey levels, from which it is searched for in its surroundings."""

SEARCH_SHIFT = 0.12
"""Share of a face's side by which its landmarks moved, from which it is searched for in its surroundings."""

JUMP_DIFFERENCE = 22.0
"""Mean difference of a face to the frame before, in grey levels, from which it may be another face."""

CUT_DIFFERENCE = 40.0
"""Mean difference of two frames, in grey levels, from which there is a cut between them."""


@dataclass(eq=False)
class Track:
    """One face that is followed. Times are in seconds.

    Attributes:
        points: (68, 2) landmarks, pixels of the frame.
        square: Where its patch is.
        score: The detector's score when the face was detected.
        likeness: The detector's score on the patch.
        patch: (S, S) uint8 grey, the surroundings of the face, upright.
        person: What is known of the person.
        motion_tracker: Turns landmarks into motion.
        motion: How the face moves; None before the first frame.
        id: Id of the person; 0 until identified.
        last_checked: When the detector ran on the patch.
        low_scores: Consecutive checks below `MIN_LIKENESS`.
        last_read: When f and c ran.
        last_identified: When the face recogniser ran.
        mismatch_count: Consecutive descriptors that are not of this person.
        visibility: How well the face can be seen, 0..1; None before that was judged.
        note: Why it can't be seen well, or None.
        jumped: Whether the face changed so much between two frames that it may be another one.
    """

    points: Points
    square: Square
    score: float
    likeness: float
    patch: Image
    person: Person = field(default_factory=Person)
    motion_tracker: MotionTracker = field(default_factory=MotionTracker)
    motion: Motion | None = None
    id: int = 0
    last_checked: float = -math.inf
    low_scores: int = 0
    last_read: float = -math.inf
    last_identified: float = -math.inf
    mismatch_count: int = 0
    visibility: float | None = None
    note: str | None = None
    jumped: bool = False

    @property
    def face(self) -> Face:
        """The box and points that the detector would give."""
        return face_of(self.points, self.score)

    def follow(self, grey: Image, now: float, elapsed: float) -> bool:
        """Find the face again in the next frame, and update the track.

        Args:
            grey: (H, W) uint8, the frame.
            now: Time of the frame in seconds.
            elapsed: Seconds since the frame before.

        Returns:
            False if the face is lost.
        """
        points, patch = landmarks(grey, self.square)
        change = difference(_face_of(patch), _face_of(self.patch))
        # Landmarks reach no further than a fifth of a face.
        if change > SEARCH_DIFFERENCE or _shift(self.square, square_around(points)) > SEARCH_SHIFT:
            nearby_points, nearby_patch = self._search_nearby(grey)
            nearby_change = difference(_face_of(nearby_patch), _face_of(self.patch))
            if nearby_change < change:
                points, patch, change = nearby_points, nearby_patch, nearby_change
            self.jumped = change > JUMP_DIFFERENCE
        square = square_around(points)
        if self.jumped or not _is_plausible(self.square, square, grey.shape):
            return False
        self.patch = patch
        if now - self.last_checked >= CHECK_SECONDS:
            self.last_checked = now
            self.likeness = frontal_score_of_patch(patch)
            self.low_scores = self.low_scores + 1 if self.likeness < MIN_LIKENESS else 0
            if self.low_scores > MAX_LOW_SCORES:
                return False
        self.points = points
        if _has_moved(self.square, square):
            self.square = square
        self.motion = self.motion_tracker(grey, points, elapsed)
        return True

    def _search_nearby(self, grey: Image) -> tuple[Points, Image]:
        """Landmarks and patch of the place that looks most like this face did in the frame before."""
        points, _ = landmarks(grey, locate(grey, self.square, _face_of(self.patch)))
        return landmarks(grey, square_around(points))


def start_track(grey: Image, square: Square, score: float) -> Track | None:
    """Start to follow a face that was detected in this frame; None if the landmarks don't confirm it."""
    for _ in range(2):  # landmarks are better from where the first pass has put the square
        points, _ = landmarks(grey, square)
        refined = square_around(points)
        if not _is_plausible(square, refined, grey.shape):
            return None
        square = refined
    patch, _ = patch_of(grey, square)
    likeness = frontal_score_of_patch(patch)
    if likeness < MIN_LIKENESS:
        return None
    return Track(points, square, score, likeness, patch)


def is_new(face: Face, tracks: Sequence[Track]) -> bool:
    """Whether a detected face is not among those that are followed."""
    return all(overlap(face.box, track.face.box) < 0.2 for track in tracks)


def deduplicate(tracks: Sequence[Track]) -> list[Track]:
    """Of tracks that have drifted onto the same face, return the oldest only."""
    unique: list[Track] = []
    for track in tracks:
        if all(overlap(track.face.box, other.face.box) < 0.5 for other in unique):
            unique.append(track)
    return unique


class CutDetector:
    """Detects cuts by comparing thumbnails of consecutive frames."""

    def __init__(self) -> None:
        self._previous: NDArray[np.uint8] | None = None

    def __call__(self, grey: Image) -> bool:
        """Whether there is a cut before this frame, (H, W) uint8 grey. A change of light is none."""
        previous = self._previous
        self._previous = cv2.resize(grey, (32, 24), interpolation=cv2.INTER_NEAREST)
        return previous is not None and difference(self._previous, previous) > CUT_DIFFERENCE


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two grey pictures, in grey levels, after their mean difference is subtracted."""
    change = a.astype(np.float32) - b
    return float(np.abs(change - change.mean()).mean())


def _is_plausible(old: Square, new: Square, shape: tuple[int, ...]) -> bool:
    """Whether a face can have moved so far within a frame, and is mostly inside the picture."""
    height, width = shape[:2]
    inside = 0 <= new.x < width and 0 <= new.y < height and new.side >= 24
    ratio = new.side / old.side
    moved = math.hypot(new.x - old.x, new.y - old.y) / old.side
    turned = abs((new.tilt - old.tilt + 180) % 360 - 180)
    return inside and 0.65 < ratio < 1.55 and moved < 0.6 and turned < 40


def _has_moved(old: Square, new: Square) -> bool:
    return _shift(old, new) > DEAD_ZONE or abs(new.tilt - old.tilt) > 90 * DEAD_ZONE


def locate(grey: Image, square: Square, face: Image) -> Square:
    """Find the place that looks most like a face, by normalised cross-correlation at a low resolution.

    Args:
        grey: (H, W) uint8, the frame.
        square: Where the face was in the frame before; the search covers one and a half of its sides.
        face: (S, S) uint8 grey, the face in the frame before, upright.
    """
    wide, back = patch_of(grey, square._replace(side=2 * square.side))
    region = cv2.resize(wide, (PATCH // 2, PATCH // 2), interpolation=cv2.INTER_AREA)
    face = cv2.resize(face, (PATCH // 8, PATCH // 8), interpolation=cv2.INTER_AREA)
    left, top = cv2.minMaxLoc(cv2.matchTemplate(region, face, cv2.TM_CCOEFF_NORMED))[3]
    x, y = back @ (2 * left + PATCH // 8, 2 * top + PATCH // 8, 1)
    return square._replace(x=float(x), y=float(y))


def _face_of(patch: Image) -> Image:
    """The middle half of a patch, which holds the face."""
    quarter = PATCH // 4
    return patch[quarter:-quarter, quarter:-quarter]


def _shift(old: Square, new: Square) -> float:
    return max(abs(new.x - old.x), abs(new.y - old.y), abs(new.side - old.side)) / old.side
