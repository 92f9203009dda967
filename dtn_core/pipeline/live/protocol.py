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
from .session import REMEMBERED, SeenFace, Session
from .tracks import MOST

MAX_MESSAGE = 4 << 20
"""Bytes of a message at most."""

MAX_OPTIONS = 1 << 18
"""Characters of options at most: parsed JSON takes up to thirty times the memory of its text."""

SIDES = (32, 1920)
"""Smallest and largest side of a frame in pixels."""

KEPT = 2 * (MOST + REMEMBERED)
"""People for whom the session remembers which avatar the page has."""

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
            if values.get("anew") or values.get("resend"):
                self._sent.clear()
            return {}
        except UserError as error:
            return error.to_dict()
        except (ValueError, RecursionError):
            return UserError("options must be JSON.").to_dict()

    def answer(self, message: bytes, at: float | None = None) -> dict[str, Any]:
        """Process a frame and return its answer. at: see `Session.see`."""
        start = time.perf_counter()
        n = _HEADER.unpack_from(message)[0] if len(message) > _HEADER.size else 0
        try:
            frame = decode(message[_HEADER.size :])
            with self._lock:
                seen = self.session.see(frame, at)
        except UserError as error:
            return {"n": n, **error.to_dict()}
        made = {
            "n": n,
            "width": frame.shape[1],
            "height": frame.shape[0],
            "faces": [_face(face) for face in seen.faces],
            "avatars": {face.id: self._avatar(face) for face in seen.faces if self._has_changed(face)},
            "gone": list(seen.gone),
            "note": seen.note,
        }
        return {**made, "ms": round(1000 * (time.perf_counter() - start), 1)}

    def _has_changed(self, face: SeenFace) -> bool:
        if face.avatar is None:
            return False
        now = face.avatar.parameters.style, face.version
        new = self._sent.pop(face.id, None) != now
        self._sent[face.id] = now
        if len(self._sent) > KEPT:  # the session, too, has forgotten who was here longest ago
            del self._sent[next(iter(self._sent))]
        return new

    def _avatar(self, face: SeenFace) -> dict[str, Any]:
        avatar, chosen = face.avatar, self.session.chosen(face.id)
        return {
            "parameters": avatar.parameters.to_dict(),
            "chosen": chosen.to_dict() if chosen else None,
            "sure": dict(avatar.sure),
            "likely": avatar.likely,
            "svg": avatar.svg(),
            "rig": rig(avatar.parameters, self.session.edited(face.id)),
        }


def decode(jpeg: bytes) -> Image:
    """Decode a frame → (H, W, 3) uint8 RGB. Raises UserError for anything but a JPEG of an allowed size."""
    if len(jpeg) > MAX_MESSAGE:
        raise UserError(f"a frame has at most {MAX_MESSAGE >> 20} MB.")
    try:
        with open_picture(jpeg, ("JPEG",)) as header:  # reads the size alone
            sides = header.size
    except (OSError, ValueError, SyntaxError, PILImage.DecompressionBombError):
        raise UserError("a frame must be a JPEG.") from None
    if not all(SIDES[0] <= side <= SIDES[1] for side in sides):
        raise UserError(f"a frame must be {SIDES[0]} to {SIDES[1]} pixels wide and high, not {sides[0]}×{sides[1]}.")
    frame = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if frame is None:
        raise UserError("a frame must be a JPEG.")
    return frame


def _face(face: SeenFace) -> dict[str, Any]:
    values = {
        name: [round(v, 3) for v in value] if isinstance(value, tuple) else round(value, 3)
        for name, value in face.motion._asdict().items()
    }
    return {"id": face.id, "seen": None if face.seen is None else round(face.seen, 2), **values}
