"""The networks that take longer than a frame: detection, f and c, and the face recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...avatars.predict import Predictions
from ...core.images import to_tensor
from ...core.types import Face, Image
from ...faces.align import align, chip
from ...faces.detect import detect_live
from ...faces.landmarks import Square, landmarks
from ...faces.quality import NOTE_CONFIDENCE, Quality, judge
from ...networks.encoders import DlibEncoder
from ..photo import Transferrer
from .motion import Measures
from .tracks import MAX_TRACKS, Track


class InferenceRequest(NamedTuple):
    """What to compute on one frame.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        tracks: Followed faces to read.
        faces: Where they are in the frame, by track.
        measures: Their geometry in the frame, by track.
        identify: Whether to run the face recogniser, by track.
        search_side: Longest side of the copy in which to detect new faces; 0: don't.
    """

    frame: Image
    tracks: tuple[Track, ...]
    faces: tuple[Face, ...]
    measures: tuple[Measures | None, ...]
    identify: tuple[bool, ...]
    search_side: int

    @property
    def rank(self) -> int:
        """How long the request may wait, see `Background.submit`: faces without an avatar are the most urgent, then
        the search for faces where none is followed."""
        if any(track.person.avatar is None for track in self.tracks):
            return 0
        return 2 if self.tracks else 1


class InferenceResult(NamedTuple):
    """The answer to an `InferenceRequest`.

    Attributes:
        detected: Faces that the search found.
        qualities: How well each face can be seen, by track.
        readable: Indices of the tracks that were read.
        reading: What f and c read, one row for each of `readable`; None where there is none.
        descriptors: (128,) float32 by track, None where the recogniser didn't run.
    """

    detected: tuple[Face, ...]
    qualities: tuple[Quality, ...]
    readable: tuple[int, ...]
    reading: Predictions | None
    descriptors: tuple[NDArray[np.float32] | None, ...]


def run_inference(transferrer: Transferrer, request: InferenceRequest) -> InferenceResult:
    """Compute what a request asks for. Changes no track, so that it may run in another thread."""
    frame = request.frame
    detected = detect_live(frame, request.search_side, MAX_TRACKS) if request.search_side else ()
    heads = [align(frame, face) for face in request.faces]
    qualities = tuple(judge(frame, head, track.likeness) for head, track in zip(heads, request.tracks))
    readable = tuple(i for i, track in enumerate(request.tracks) if _is_readable(qualities[i], track))
    reading = None
    if readable:
        reading = transferrer.read(to_tensor([heads[i].image for i in readable]))
    descriptors: list[NDArray[np.float32] | None] = [None] * len(heads)
    to_identify = [i for i in readable if request.identify[i]]
    if to_identify:
        chips = [chip(frame, request.faces[i]) for i in to_identify]
        for i, descriptor in zip(to_identify, _describe_faces(chips)):
            descriptors[i] = descriptor
    return InferenceResult(detected, qualities, readable, reading, tuple(descriptors))


def warm_up() -> None:
    """Load the networks that load on first use: the first face would wait for them, a second on a slow machine."""
    blank = np.zeros((150, 150, 3), np.uint8)
    landmarks(blank, Square(75, 75, 80, 0))
    detect_live(blank, 160)
    _describe_faces([blank])


def _is_readable(quality: Quality, track: Track) -> bool:
    """Whether a face is clear enough to be read; less is asked for a first avatar."""
    if quality.confidence >= NOTE_CONFIDENCE:
        return True
    return track.person.avatar is None and not quality.refused


@torch.no_grad()
def _describe_faces(chips: Sequence[Image]) -> NDArray[np.float32]:
    """N chips (`faces.align.chip`) → (N, 128) descriptors by dlib's face recogniser."""
    return _face_recogniser()(to_tensor(chips)).numpy()


@cache
def _face_recogniser() -> torch.nn.Module:
    return DlibEncoder().eval().net
