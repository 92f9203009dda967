"""The messages of a live session: JPEGs in, JSON out. The page at the other end draws."""

from __future__ import annotations

import json
import struct
import time
from threading import Lock
from typing import Any

import cv2
import numpy as np
from PIL import Image as PILImage

from ...avatars.rig import rig
from ...core.errors import UserError
from ...core.picture_files import open_picture
from ...core.types import Image
from .identification import MAX_LOST_TRACKS
from .session import Session, TrackedFace
from .tracks import MAX_TRACKS

MAX_MESSAGE_BYTES = 4 << 20
"""Bytes of a message."""

MAX_OPTIONS = 1 << 18
"""Characters of options: parsed JSON takes up to thirty times the memory of its text."""

MIN_SIDE = 32
MAX_SIDE = 1920
"""Pixels of a side of a frame."""

MAX_SENT_AVATARS = 2 * (MAX_TRACKS + MAX_LOST_TRACKS)
"""People of whom it is remembered which avatar the page has."""

_HEADER = struct.Struct("<I")


class Protocol:
    """Translates between one page's messages and its `Session`, over any transport.

    A binary message is a little-endian uint32, the frame's number, followed by a JPEG. The answer is an object with n,
    width, height, ms, faces (id, seen, and the numbers of `motion.Motion`), avatars (id → parameters, chosen, sure,
    likely, svg, rig; only those that changed), gone (ids) and note. A text message is an object of `Session.options`.
    Errors are answered as {"error": one line, "code": an identifier, which may be empty}.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._sent: dict[int, tuple[str, int]] = {}
        self._lock = Lock()  # over HTTP a page could send two frames at once

    def options(self, text: str) -> dict[str, Any]:
        """Set options; return {} or the error."""
        if len(text) > MAX_OPTIONS:
            return UserError(f"options have at most {MAX_OPTIONS >> 10} kB.").to_dict()
        try:
            values = json.loads(text)
            with self._lock:
                self.session.options(values)
            if values.get("reset") or values.get("resend"):
                self._sent.clear()
            return {}
        except UserError as error:
            return error.to_dict()
        except (ValueError, RecursionError):
            return UserError("options must be JSON.").to_dict()

    def answer(self, message: bytes, at: float | None = None) -> dict[str, Any]:
        """Process a frame and return the answer. at: see `Session.see`."""
        start = time.perf_counter()
        n = _HEADER.unpack_from(message)[0] if len(message) > _HEADER.size else 0
        try:
            frame = decode(message[_HEADER.size :])
            with self._lock:
                result = self.session.process(frame, at)
        except UserError as error:
            return {"n": n, **error.to_dict()}
        answer = {
            "n": n,
            "width": frame.shape[1],
            "height": frame.shape[0],
            "faces": [_describe_face(face) for face in result.faces],
            "avatars": {face.id: self._describe_avatar(face) for face in result.faces if self._has_changed(face)},
            "gone": list(result.gone),
            "note": result.note,
        }
        return {**answer, "ms": round(1000 * (time.perf_counter() - start), 1)}

    def _has_changed(self, face: TrackedFace) -> bool:
        """Whether the page needs this avatar. It then counts as sent."""
        if face.avatar is None:
            return False
        version = face.avatar.parameters.style, face.version
        has_changed = self._sent.pop(face.id, None) != version
        self._sent[face.id] = version
        if len(self._sent) > MAX_SENT_AVATARS:
            # The session has forgotten this person, too.
            oldest = next(iter(self._sent))
            del self._sent[oldest]
        return has_changed

    def _describe_avatar(self, face: TrackedFace) -> dict[str, Any]:
        avatar = face.avatar
        predicted = self.session.predicted_parameters(face.id)
        return {
            "parameters": avatar.parameters.to_dict(),
            "chosen": predicted.to_dict() if predicted else None,
            "sure": dict(avatar.confidences),
            "measured": list(avatar.measured),
            "likely": avatar.probabilities,
            "svg": avatar.svg(),
            "rig": rig(avatar.parameters, self.session.edited_slots(face.id)),
        }


def decode(jpeg: bytes) -> Image:
    """Decode a frame to (H, W, 3) uint8 RGB. Raises UserError for anything but a JPEG of an allowed size."""
    if len(jpeg) > MAX_MESSAGE_BYTES:
        raise UserError(f"a frame has at most {MAX_MESSAGE_BYTES >> 20} MB.")
    try:
        with open_picture(jpeg, ("JPEG",)) as header:  # decodes nothing yet
            width, height = header.size
    except (OSError, ValueError, SyntaxError, PILImage.DecompressionBombError):
        raise UserError("a frame must be a JPEG.") from None
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
        raise UserError(f"a frame must be {MIN_SIDE} to {MAX_SIDE} pixels wide and high, not {width}×{height}.")
    frame = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if frame is None:
        raise UserError("a frame must be a JPEG.")
    return frame


def _describe_face(face: TrackedFace) -> dict[str, Any]:
    visibility = None if face.visibility is None else round(face.visibility, 2)
    return {"id": face.id, "seen": visibility, **{name: _rounded(v) for name, v in face.motion._asdict().items()}}


def _rounded(value: float | tuple[float, ...]) -> float | list[float]:
    if isinstance(value, tuple):
        return [round(v, 3) for v in value]
    return round(value, 3)
