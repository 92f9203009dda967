"""Live video of one viewer: frames go in one by one; out come the faces, their avatars and how they move.

Only the newest frame is kept, until the networks have run on it. Of each person a session keeps averages of what f and
c read, and a face descriptor, as long as it lives.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

import cv2
import numpy as np

from ...avatars.avatar import Avatar
from ...avatars.parameters import Parameters
from ...core.errors import UserError
from ...core.types import Face, Image
from ...faces.landmarks import square_of
from ..photo import Transferrer
from .background import Background
from .edits import AvatarEditor, read
from .identification import Identifier
from .inference import InferenceRequest, InferenceResult, run_inference
from .inference import warm_up as warm_up
from .motion import Expression, Motion
from .person import SETTLED_READINGS, reading_of
from .tracks import MAX_TRACKS, CutDetector, Track, deduplicate, is_new, start_track

READ_SECONDS = 0.45
"""Time between two readings of a face by f and c."""

IDENTIFY_SECONDS = 3.0
"""Time between two runs of the face recogniser on a face."""

SEARCH_SECONDS_IDLE = 0.12
"""Time between two searches of the whole frame while no face is followed."""

SEARCH_SECONDS_TRACKING = 2.0
"""Time between two searches of the whole frame while a face is followed."""

SEARCH_SIDES = (480, 800)
"""Longest sides of the copies that are searched in turn: the first is quick, the second shows small faces, from 64
pixels of a frame of 640."""


class TrackedFace(NamedTuple):
    """A face in one frame.

    Attributes:
        id: 1, 2, …; a person has the same one as long as the session lives.
        motion: How the face moves.
        avatar: The avatar with the user's edits; None before it was first read.
        face: Where the face is.
        visibility: How well the face can be seen, 0..1; None before that was judged.
        version: Grows with every change of the avatar.
    """

    id: int
    motion: Motion
    avatar: Avatar | None
    face: Face
    visibility: float | None = None
    version: int = 0


class FrameResult(NamedTuple):
    """What `Session.see` returns.

    Attributes:
        faces: Faces in the frame, by id.
        gone: Ids of the faces that left with this frame.
        note: One line on why a face can't be seen well, or "".
    """

    faces: tuple[TrackedFace, ...]
    gone: tuple[int, ...] = ()
    note: str = ""


class Session:
    """Follows the faces of one video, and predicts their avatars.

    Args:
        transferrer: A translation that draws.
        background: Thread in which the networks run beside the frames. None: they run within `see`, so that the same
            frames at the same times always give the same result.
        pick: Style → transferrer, for `options`.
        search_sides: See `SEARCH_SIDES`.

    Attributes:
        transferrer: The translation in use.
        locked: Whether all avatars stay as they are.
    """

    def __init__(
        self,
        transferrer: Transferrer,
        background: Background | None = None,
        pick: Callable[[str], Transferrer] | None = None,
        search_sides: tuple[int, int] = SEARCH_SIDES,
    ) -> None:
        self.transferrer = _require_drawing(transferrer)
        self.locked = False
        self._background = background
        self._pick = pick
        self._search_sides = search_sides
        self._editor = AvatarEditor()
        self._pending: tuple[InferenceRequest, Future[InferenceResult]] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all people."""
        self._cancel_request()
        self._tracks: list[Track] = []
        self._identifier = Identifier()
        self._is_cut = CutDetector()
        self._last_frame = -math.inf
        self._restart_search()

    def options(self, values: Mapping[str, Any]) -> None:
        """Change options.

        Args:
            values: Any of: reset (forget all people), lock (keep all avatars as they are), edits (id → parameters and
                edited; replaces those before), style.

        Raises:
            UserError: For the first invalid option; those before it are in effect.
        """
        if not isinstance(values, Mapping):
            raise UserError("options are an object.")
        if values.get("reset"):
            self._editor.edits = {}
            self.reset()
        if "lock" in values:
            self.locked = bool(values["lock"])
        if "edits" in values:
            self._editor.edits = read(values["edits"])
        if "style" in values and self._pick is not None:
            self._change_style(_require_drawing(self._pick(str(values["style"]))))

    def process(self, frame: Image, at: float | None = None) -> FrameResult:
        """Process the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB.
            at: Time of the frame in seconds, growing; by default that of the monotonic clock.
        """
        now = time.monotonic() if at is None else at
        elapsed = float(np.clip(now - self._last_frame, 0.001, 0.2)) if self._tracks else 1 / 30
        self._last_frame = now
        ids_before = {track.id for track in self._tracks if track.id}
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if self._is_cut(grey):
            self._lose(self._tracks, -math.inf)
            self._tracks = []
            self._restart_search()
            self._cancel_request()
        self._follow(grey, now, elapsed)
        self._run_networks(frame, grey, now)
        visible = [track for track in self._tracks if track.id and track.motion is not None]
        faces = sorted((self._seen_face(track) for track in visible), key=lambda face: face.id)
        gone = sorted(ids_before - {face.id for face in faces})
        note = next((track.note for track in self._tracks if track.note), "")
        return FrameResult(tuple(faces), tuple(gone), note)

    def edited_slots(self, id: int) -> tuple[str, ...]:
        """Names of the parameters that the user chose for a face."""
        return self._editor.edited_slots(id)

    def predicted_parameters(self, id: int) -> Parameters | None:
        """What the network chose for a face in view, without edits."""
        for track in self._tracks:
            if track.id == id and track.person.avatar:
                return track.person.avatar.parameters
        return None

    def _change_style(self, transferrer: Transferrer) -> None:
        if transferrer is self.transferrer:
            return
        self.transferrer = transferrer
        self._cancel_request()
        for track in [*self._tracks, *self._identifier.lost_tracks]:
            track.person.clear_avatar()
            track.last_read = -math.inf

    # Tracking

    def _follow(self, grey: Image, now: float, elapsed: float) -> None:
        """Find the faces again in the next frame, and sort out those that are lost."""
        found = [track for track in self._tracks if track.follow(grey, now, elapsed)]
        followed = deduplicate(found)
        lost = [track for track in self._tracks if track not in followed]
        jumped = [track for track in lost if track.jumped]
        self._lose([track for track in lost if not track.jumped], now)
        self._lose(jumped, -math.inf)
        if jumped:
            self._last_search = -math.inf
        self._tracks = followed

    def _lose(self, tracks: Sequence[Track], lost_at: float) -> None:
        """Remember tracks that are lost, see `identification.LostTrack`."""
        self._identifier.remember(tracks, lost_at)
        self._editor.retain({track.id for track in [*self._tracks, *self._identifier.lost_tracks]})

    def _restart_search(self) -> None:
        """Search the next frame for faces."""
        self._last_search = -math.inf
        self._searches = 0

    def _add_tracks(self, detected: Sequence[Face], frame_then: Image, grey: Image, now: float) -> None:
        """Follow faces that were detected in an earlier frame, from there to this one."""
        for face in detected:
            if len(self._tracks) >= MAX_TRACKS or not is_new(face, self._tracks):
                continue
            grey_then = cv2.cvtColor(frame_then, cv2.COLOR_RGB2GRAY)
            track = start_track(grey_then, square_of(face), face.score)
            if track and track.follow(grey, now, 1 / 30) and is_new(track.face, self._tracks):
                self._tracks.append(self._identifier.resume(track, grey, now))

    # Inference

    def _run_networks(self, frame: Image, grey: Image, now: float) -> None:
        """Apply the result of the networks, and give them the next frame."""
        if self._pending and self._pending[1].done():
            request, future = self._pending
            self._pending = None
            self._apply_result(request, future.result(), grey, now)
        # Without a background the second pass reads the faces that the first has found.
        for _ in range(2):
            request = None if self._pending else self._next_request(frame, now)
            if request is None:
                return
            if self._background is not None:
                future = self._background.submit(request.rank, run_inference, self.transferrer, request)
                self._pending = request, future
                return
            self._apply_result(request, run_inference(self.transferrer, request), grey, now)

    def _cancel_request(self) -> None:
        """Drop the pending request, and its frame."""
        if self._pending:
            self._pending[1].cancel()
        self._pending = None

    def _next_request(self, frame: Image, now: float) -> InferenceRequest | None:
        """What the networks should compute on this frame; None where nothing is due."""
        interval = SEARCH_SECONDS_TRACKING if self._tracks else SEARCH_SECONDS_IDLE
        search = now - self._last_search >= interval and len(self._tracks) < MAX_TRACKS
        due = tuple(track for track in self._tracks if _is_due(track, now))
        if not due and not search:
            return None
        for track in due:
            track.last_read = now
        search_side = 0
        if search:
            self._last_search = now
            search_side = self._search_sides[self._searches % 2]
            self._searches += 1
        return InferenceRequest(
            frame=frame,
            tracks=due,
            faces=tuple(track.face for track in due),
            measures=tuple(track.motion_tracker.measures for track in due),
            identify=tuple(_needs_identification(track, now) for track in due),
            search_side=search_side,
        )

    def _apply_result(self, request: InferenceRequest, result: InferenceResult, grey: Image, now: float) -> None:
        """Identify faces, update their avatars, and follow new faces. Tracks that were lost meanwhile are skipped."""
        for track, descriptor in zip(request.tracks, result.descriptors):
            if descriptor is not None and track in self._tracks:
                self._identifier.identify(track, descriptor, now)
        for row, i in enumerate(result.readable):
            track = request.tracks[i]
            # A face that may be somebody else's must not change this person's avatar.
            if track not in self._tracks or track.mismatch_count:
                continue
            reading = reading_of(result.reading, row)
            track.person.locked = self.locked
            track.person.update(reading, self.transferrer.checkpoint.predictor)
            if request.measures[i]:
                track.motion_tracker.baseline.learn(request.measures[i], Expression.of(reading))
        for track, quality in zip(request.tracks, result.qualities):
            track.visibility = quality.confidence
            track.note = quality.note
        self._add_tracks(result.detected, request.frame, grey, now)

    def _seen_face(self, track: Track) -> TrackedFace:
        avatar, version = self._editor.edited_avatar(track.id, track.person.avatar)
        return TrackedFace(
            id=track.id,
            motion=track.motion,
            avatar=avatar,
            face=track.face,
            visibility=track.visibility,
            version=version,
        )


def _require_drawing(transferrer: Transferrer) -> Transferrer:
    """Raise UserError unless the translation draws avatars of faces."""
    if not transferrer.draws or transferrer.takes_whole_pictures:
        raise UserError(f"checkpoint '{transferrer.checkpoint.name}' doesn't draw avatars. Choose one that does.")
    return transferrer


def _is_due(track: Track, now: float) -> bool:
    """Whether f and c should read a face: often at first; then only while it looks at the camera with its eyes open, or
    if it didn't for long."""
    waited = now - track.last_read
    if track.person.reading_count < SETTLED_READINGS or waited >= 3 * READ_SECONDS:
        return waited >= READ_SECONDS / 2
    if track.motion is None or waited < READ_SECONDS:
        return False
    return abs(track.motion.yaw) < 0.5 and min(track.motion.lids) > 0.5


def _needs_identification(track: Track, now: float) -> bool:
    return not track.id or track.mismatch_count > 0 or now - track.last_identified >= IDENTIFY_SECONDS
