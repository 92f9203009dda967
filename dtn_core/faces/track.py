"""Steady boxes in live video: blend each face with itself in the frame before. Pure: faces in, faces out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.types import Box, Face


def smooth(faces: Sequence[Face], previous: Sequence[Face], weight: float = 0.35) -> tuple[Face, ...]:
    """Faces of this frame, each blended with the face it overlaps most in the frame before.

    weight: of the new position when a face trembles (exponential smoothing); it grows to 1 as the face moves
    by a tenth of its width, so that a real movement doesn't lag. New faces come through as they are.
    """
    free = list(previous)
    steady = []
    for face in faces:
        old = max(free, key=lambda f: overlap(f.box, face.box), default=None)
        if old is None or overlap(old.box, face.box) < 0.3:
            steady.append(face)
            continue
        free = [f for f in free if f is not old]
        moved = float(np.linalg.norm(face.points - old.points, axis=1).mean()) / face.box.width
        w = weight + (1 - weight) * min(1.0, moved / 0.1)
        box = Box(*(w * new + (1 - w) * was for new, was in zip(face.box, old.box)))
        points = (w * face.points + (1 - w) * old.points).astype(np.float32)
        steady.append(Face(box, points, face.score))
    return tuple(steady)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (a.width * a.height + b.width * b.height - shared)
