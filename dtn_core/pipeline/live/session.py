"""Live video of one viewer: frames go in, one after the other; out come the faces in view, who they are as avatars and
how they move. Nothing of a frame is kept beyond the next one; of a person the averages of what was read, as long as the
session lives."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ...avatars.avatar import Avatar
from ...avatars.parameters import Parameters
from ...avatars.predict import Reading
from ...avatars.style_mapping import carry
from ...core.errors import UserError
from ...core.images import to_tensor
from ...core.types import AlignedFace, Face, Image
from ...faces.align import align, chip
from ...faces.detect import detect_live
from ...faces.landmarks import Square, landmarks, square_of
from ...faces.quality import UNSURE, Quality, judge
from ...faces.track import overlap
from ...networks.encoders import DlibEncoder
from ..photo import Transferrer
from .background import Background
from .motion import Expression, Measures, Motion, Mover
from .person import SAME, SETTLED, Person, part
from .tracks import MOST, Cuts, Track, deduplicate, is_new, start

READ = 0.45
"""Seconds between two readings of a face by f and c."""

SKIN = 6
"""Every so many readings the skin is read, after as many readings at the start."""

MET = 3.0
"""Seconds between two looks of the face recogniser at a face."""

SEARCHED = (0.12, 2.0)
"""Seconds between two searches of the whole frame: while no face is followed, and while one is."""

SIDES = (480, 800)
"""Longest sides of the copies that are searched in turn: one is quick, the other shows faces from 64 of 640 pixels."""

GONE = 0.7
"""Seconds for which a lost face that turns up at the same place is taken for the same, unless there was a cut."""

REMEMBERED = 16
"""People who left the picture, and are known when they come back."""


class SeenFace(NamedTuple):
    """A face in one frame. id: 1, 2, …, the same for a person as long as the session lives; avatar: with edits on it,
    None until it was read; seen: how well the face can be seen, 0..1, None until that was judged; version: grows with
    every change of the avatar."""

    id: int
    motion: Motion
    avatar: Avatar | None
    face: Face
    seen: float | None = None
    version: int = 0


class Seen(NamedTuple):
    """faces: in the order in which they came; gone: ids of those that left with this frame; note: one line on what is
    wrong with a face, or ""."""

    faces: tuple[SeenFace, ...]
    gone: tuple[int, ...] = ()
    note: str = ""


class Edit(NamedTuple):
    """What somebody changed of an avatar by hand: see `avatars.roles.carry`."""

    parameters: Parameters
    edited: tuple[str, ...]


class InferenceRequest(NamedTuple):
    """What is asked of the slower nets. meet: whether the recogniser is to look at a face; skin: whether to read it;
    side: of the copy to search for new faces; 0: none."""

    frame: Image
    tracks: tuple[Track, ...]
    faces: tuple[Face, ...]
    measures: tuple[Measures | None, ...]
    meet: tuple[bool, ...]
    skin: bool
    side: int


class InferenceResult(NamedTuple):
    """The answer. found: new faces; qualities, descriptors: by track, the latter None where none was asked for;
    readable: which tracks were read, in the order of reading."""

    found: tuple[Face, ...]
    qualities: tuple[Quality, ...]
    readable: tuple[int, ...]
    reading: Reading | None
    descriptors: tuple[NDArray[np.float32] | None, ...]


class Session:
    """transferrer: one that draws; background: where the slower nets run beside the frames; None: in line, so that the
    same frames at the same times always give the same. pick: style → transferrer, for `options`; sides: see `SIDES`."""

    def __init__(
        self,
        transferrer: Transferrer,
        background: Background | None = None,
        pick: Callable[[str], Transferrer] | None = None,
        sides: tuple[int, int] = SIDES,
    ) -> None:
        self.transferrer = _drawing(transferrer)
        self._background, self._pick, self._sides = background, pick, sides
        self.locked = False
        self._edits: dict[int, Edit] = {}
        self._worn: dict[int, tuple[Any, Avatar, int]] = {}
        self._anew()

    def _anew(self) -> None:
        self._tracks: list[Track] = []
        self._lost: list[tuple[float, Track]] = []
        self._pending: tuple[InferenceRequest, Future[InferenceResult]] | None = None
        self._cuts = Cuts()
        self._searched = self._last = float("-inf")
        self._next, self._searches = 1, 0

    def options(self, values: Mapping[str, Any]) -> None:
        """What the viewer wants, any of: style, lock (keep all avatars as they are), edits (id → parameters and edited,
        instead of those before), anew (forget everybody). Raises UserError; what came before it is done."""
        if not isinstance(values, Mapping):
            raise UserError("options are an object.")
        if values.get("anew"):
            self._edits.clear()
            self._anew()
        if "lock" in values:
            self.locked = bool(values["lock"])
        if "edits" in values:
            self._edits = _edits(values["edits"])
        if "style" in values and self._pick is not None:
            chosen = _drawing(self._pick(str(values["style"])))
            if chosen is not self.transferrer:
                self.transferrer = chosen
                self._drop()
                for track in [*self._tracks, *(track for _, track in self._lost)]:
                    track.person.forget()
                    track.read = float("-inf")

    def see(self, frame: Image, at: float | None = None) -> Seen:
        """The faces of an (H, W, 3) uint8 RGB frame. at: seconds, growing; by default the clock's."""
        now = time.monotonic() if at is None else at
        dt = float(np.clip(now - self._last, 0.001, 0.2)) if self._tracks else 1 / 30
        self._last = now
        before = {track.id for track in self._tracks if track.id}
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if self._cuts(grey):
            self._lose(self._tracks, float("-inf"))  # who comes now is told by face alone
            self._tracks, self._searched, self._searches = [], float("-inf"), 0
            self._drop()
        kept = deduplicate([track for track in self._tracks if track.follow(grey, now, dt)])
        gone = [track for track in self._tracks if track not in kept]
        self._lose([track for track in gone if not track.jumped], now)
        self._lose([track for track in gone if track.jumped], float("-inf"))
        if any(track.jumped for track in gone):
            self._searched = float("-inf")
        self._tracks = kept
        self._look(frame, grey, now)
        faces = sorted(filter(None, map(self._shown, self._tracks)), key=lambda face: face.id)
        note = next((track.note for track in self._tracks if track.note), "")
        return Seen(tuple(faces), tuple(sorted(before - {face.id for face in faces})), note)

    def _drop(self) -> None:
        """What was asked of the slower nets is of no use any more."""
        if self._pending:
            self._pending[1].cancel()
        self._pending = None

    def _lose(self, tracks: Sequence[Track], now: float) -> None:
        self._lost = [*self._lost, *((now, track) for track in tracks if track.id)][-REMEMBERED:]
        known = {track.id for track in [*self._tracks, *(track for _, track in self._lost)]}
        self._worn = {id: worn for id, worn in self._worn.items() if id in known}

    def _look(self, frame: Image, grey: Image, now: float) -> None:
        """Hear what the slower nets found, and give them the next frame."""
        if self._pending and self._pending[1].done():
            (look, future), self._pending = self._pending, None
            self._heed(look, future.result(), grey, now)
        for _ in range(2):  # in line: what was found is read at once
            look = None if self._pending else self._wanted(frame, now)
            if look is None:
                return
            if self._background is not None:
                self._pending = look, self._background.submit(_rank(look), _answer, self.transferrer, look)
                return
            self._heed(look, _answer(self.transferrer, look), grey, now)

    def _wanted(self, frame: Image, now: float) -> InferenceRequest | None:
        search = now - self._searched >= SEARCHED[bool(self._tracks)] and len(self._tracks) < MOST
        due = [track for track in self._tracks if _due(track, now)]
        if not due and not search:
            return None
        for track in due:
            track.read = now
        side = 0
        if search:
            self._searched, self._searches = now, self._searches + 1
            side = self._sides[self._searches % 2 - 1]
        meet = tuple(not track.id or track.strange > 0 or now - track.met >= MET for track in due)
        skin = any(track.person.count < SKIN or track.person.count % SKIN == 0 for track in due)
        faces, measures = tuple(track.face for track in due), tuple(track.mover.measured for track in due)
        return InferenceRequest(frame, tuple(due), faces, measures, meet, skin, side)

    def _heed(self, look: InferenceRequest, looked: InferenceResult, grey: Image, now: float) -> None:
        predictor = self.transferrer.checkpoint.predictor
        for track, descriptor in zip(look.tracks, looked.descriptors):
            if descriptor is not None and track in self._tracks:
                self._meet(track, descriptor, now)
        for n, i in enumerate(looked.readable):
            track, reading = look.tracks[i], part(looked.reading, n)
            if track not in self._tracks or track.strange:
                continue
            track.person.locked = self.locked
            track.person.hear(reading, predictor)
            if look.measures[i]:
                read = Expression(*(float(reading.attributes[name][0]) for name in ("Smiling", "Mouth_Slightly_Open")))
                track.mover.baseline.learn(look.measures[i], read)
        for track, quality in zip(look.tracks, looked.qualities):
            track.clear, track.note = quality.confidence, quality.note
        for face in looked.found:
            if len(self._tracks) < MOST and is_new(face, self._tracks):
                # Where it was found first, some frames ago perhaps, and from there to where it is.
                then = cv2.cvtColor(look.frame, cv2.COLOR_RGB2GRAY)
                track = start(then, square_of(face), face.score)
                if track and track.follow(grey, now, 1 / 30) and is_new(track.face, self._tracks):
                    self._tracks.append(self._again(track, grey, now))

    def _again(self, track: Track, grey: Image, now: float) -> Track:
        """A face that was lost a moment ago at this place goes on."""
        for lost in self._lost:
            at, old = lost
            if now - at < GONE and overlap(old.face.box, track.face.box) > 0.3:
                self._lost.remove(lost)
                old.points, old.square, old.patch = track.points, track.square, track.patch
                old.checked, old.doubts, old.jumped = now, 0, False
                old.met = float("-inf")  # make sure
                old.motion = old.mover(grey, old.points, 1 / 30)
                return old
        return track

    def _meet(self, track: Track, descriptor: NDArray[np.float32], now: float) -> None:
        """Who is this? The one whom it was taken for, one who was here before, or somebody new."""
        track.met = now
        known = [(float(np.linalg.norm(old.person.descriptor - descriptor)), at, old) for at, old in self._lost]
        distance, at, old = min(known, key=lambda one: one[0], default=(1.0, 0.0, None))
        if track.id:
            now_seen = track.person.meet(descriptor)
            track.strange = track.strange + 1 if now_seen >= min(SAME, distance) else 0
            if track.strange < 2:
                return
            self._lost.append((float("-inf"), replace(track)))  # another person took the place
            track.person, track.mover, track.strange, track.clear = Person(), Mover(), 0, None
        if old is not None and distance < SAME:
            self._lost = [lost for lost in self._lost if lost[1] is not old]
            track.id, track.person, track.mover.baseline = old.id, old.person, old.mover.baseline
        else:
            track.id, self._next = self._next, self._next + 1
        track.person.meet(descriptor)

    def _shown(self, track: Track) -> SeenFace | None:
        if not track.id or track.motion is None:
            return None
        avatar, version = self._dressed(track)
        return SeenFace(track.id, track.motion, avatar, track.face, track.clear, version)

    def _dressed(self, track: Track) -> tuple[Avatar | None, int]:
        """The avatar with edits on it, and its version."""
        avatar, edit = track.person.avatar, self._edits.get(track.id)
        if avatar is None:
            return None, 0
        (old, edited), worn, version = self._worn.get(track.id, ((None, None), None, 0))
        if old is not avatar or edited is not edit:
            parameters = carry(edit.edited, edit.parameters, avatar.parameters)[0] if edit else avatar.parameters
            worn = avatar if parameters == avatar.parameters else Avatar(parameters, avatar.sure, avatar.likely)
            version += 1
            self._worn[track.id] = (avatar, edit), worn, version
        return worn, version

    def edited(self, id: int) -> tuple[str, ...]:
        """What was edited of an avatar."""
        return self._edits[id].edited if id in self._edits else ()

    def chosen(self, id: int) -> Parameters | None:
        """What the network chose for a face in view."""
        return next((t.person.avatar.parameters for t in self._tracks if t.id == id and t.person.avatar), None)


def _drawing(transferrer: Transferrer) -> Transferrer:
    if not transferrer.draws or transferrer.sees_pictures:
        raise UserError(f"checkpoint '{transferrer.checkpoint.name}' doesn't draw avatars. Choose one that does.")
    return transferrer


def _edits(values: Any) -> dict[int, Edit]:
    """As the page gives them. Raises UserError."""
    try:
        made = {int(id): one for id, one in dict(values or {}).items()}
        if len(made) > REMEMBERED:
            raise UserError(f"at most {REMEMBERED} faces can be edited.")
        return {
            id: Edit(Parameters.from_dict(one.get("parameters")), tuple(map(str, one.get("edited", ()))))
            for id, one in made.items()
        }
    except (ValueError, TypeError, AttributeError):
        raise UserError("edits are an object: the face's id → parameters and edited.") from None


def _due(track: Track, now: float) -> bool:
    """Whether f and c should look: now and then, at a face that is turned to the camera and has its eyes open; after
    three times as long at any."""
    waited = now - track.read
    if track.person.count < SETTLED or waited >= 3 * READ:
        return waited >= READ / 2
    good = track.motion is not None and abs(track.motion.yaw) < 0.5 and min(track.motion.lids) > 0.5
    return waited >= READ and good


def _rank(look: InferenceRequest) -> int:
    """Who waits for an avatar comes first, then who isn't found yet."""
    return 0 if any(track.person.avatar is None for track in look.tracks) else 2 if look.tracks else 1


def _answer(transferrer: Transferrer, look: InferenceRequest) -> InferenceResult:
    """Runs the slower nets. Changes nothing."""
    found = detect_live(look.frame, look.side, MOST) if look.side else ()
    heads = [align(look.frame, face) for face in look.faces]
    qualities = tuple(judge(look.frame, head, t.likeness) for head, t in zip(heads, look.tracks))
    readable = tuple(
        i
        for i, (quality, track) in enumerate(zip(qualities, look.tracks))
        if quality.confidence >= UNSURE or (track.person.avatar is None and not quality.refused)
    )
    met = tuple(i for i in readable if look.meet[i])
    reading = transferrer.read(_tensor(heads, readable), look.skin) if readable else None
    descriptors: list[NDArray[np.float32] | None] = [None] * len(heads)
    if met:
        for i, descriptor in zip(met, _descriptors([chip(look.frame, look.faces[i]) for i in met])):
            descriptors[i] = descriptor
    return InferenceResult(found, qualities, readable, reading, tuple(descriptors))


def _tensor(heads: Sequence[AlignedFace], index: Sequence[int]) -> torch.Tensor:
    return to_tensor([heads[i].image for i in index])


def warm_up() -> None:
    """Load what loads late. The first face would wait for it, a second on a slow machine."""
    blank = np.zeros((150, 150, 3), np.uint8)
    landmarks(blank, Square(75, 75, 80, 0))
    detect_live(blank, 160)
    _descriptors([blank])


@torch.no_grad()
def _descriptors(chips: Sequence[Image]) -> NDArray[np.float32]:
    """N chips (`faces.align.chip`) → (N, 128) descriptors by dlib's face recogniser."""
    return _recogniser()(to_tensor(chips)).numpy()


@cache
def _recogniser() -> torch.nn.Module:
    return DlibEncoder().eval().net
