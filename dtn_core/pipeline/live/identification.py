"""Which person a followed face is: the same as before, one who was here earlier, or a new one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.types import Image
from ...faces.track import overlap
from .motion import MotionTracker
from .person import SAME_PERSON_DISTANCE, Person
from .tracks import Track

RESUME_SECONDS = 0.7
"""A lost face that reappears at the same place within this time is taken for the same one, unless there was a cut."""

MAX_LOST_TRACKS = 16
"""People who left the picture and are recognised when they return."""

MAX_MISMATCHES = 2
"""Consecutive descriptors of somebody else after which another person took the place of a face."""


class LostTrack(NamedTuple):
    """A person who left the picture.

    Attributes:
        lost_at: Seconds; -inf where the face may be recognised by its descriptor alone, as after a cut.
        track: Its last state.
    """

    lost_at: float
    track: Track


class Identifier:
    """Assigns ids, 1, 2, …, to tracks, and remembers the people who left."""

    def __init__(self) -> None:
        self._lost: list[LostTrack] = []
        self._next_id = 1

    @property
    def lost_tracks(self) -> list[Track]:
        """Tracks of the people who are remembered."""
        return [lost.track for lost in self._lost]

    def remember(self, tracks: Sequence[Track], lost_at: float) -> None:
        """Remember the identified ones of some lost tracks, see `LostTrack`."""
        self._lost += [LostTrack(lost_at, track) for track in tracks if track.id]
        self._lost = self._lost[-MAX_LOST_TRACKS:]

    def resume(self, track: Track, grey: Image, now: float) -> Track:
        """Continue a face that was lost a moment ago at the place of a new one.

        Args:
            track: The new face.
            grey: (H, W) uint8, the frame.
            now: Time of the frame in seconds.

        Returns:
            The lost track at the place of the new one, else the new one.
        """
        for lost in self._lost:
            old = lost.track
            if now - lost.lost_at < RESUME_SECONDS and overlap(old.face.box, track.face.box) > 0.3:
                self._lost.remove(lost)
                old.points = track.points
                old.square = track.square
                old.patch = track.patch
                old.last_checked = now
                old.low_scores = 0
                old.jumped = False
                old.last_identified = -math.inf  # the place alone is weak evidence: compare descriptors soon
                old.motion = old.motion_tracker(grey, old.points, 1 / 30)
                return old
        return track

    def identify(self, track: Track, descriptor: NDArray[np.float32], now: float) -> None:
        """Compare a face with the people who are known, and set its id and person.

        Args:
            track: The face.
            descriptor: (128,) by the face recogniser.
            now: Time of the frame in seconds.
        """
        track.last_identified = now
        distance, match = self._nearest_lost(descriptor)
        if track.id:
            own_distance = track.person.match_descriptor(descriptor)
            if own_distance < min(SAME_PERSON_DISTANCE, distance):
                track.mismatch_count = 0
                return
            track.mismatch_count += 1
            if track.mismatch_count < MAX_MISMATCHES:
                return
            self._replace_person(track)
        if match is not None and distance < SAME_PERSON_DISTANCE:
            self._lost = [lost for lost in self._lost if lost.track is not match]
            track.id = match.id
            track.person = match.person
            track.motion_tracker.baseline = match.motion_tracker.baseline
        else:
            track.id = self._next_id
            self._next_id += 1
        track.person.match_descriptor(descriptor)

    def _nearest_lost(self, descriptor: NDArray[np.float32]) -> tuple[float, Track | None]:
        """The remembered person most like a descriptor, and the distance."""
        distances = [float(np.linalg.norm(track.person.descriptor - descriptor)) for track in self.lost_tracks]
        if not distances:
            return 1.0, None
        nearest = int(np.argmin(distances))
        return distances[nearest], self._lost[nearest].track

    def _replace_person(self, track: Track) -> None:
        """Another person took the place of a face: remember the one before."""
        self._lost.append(LostTrack(-math.inf, replace(track)))
        track.person = Person()
        track.motion_tracker = MotionTracker()
        track.mismatch_count = 0
        track.visibility = None
