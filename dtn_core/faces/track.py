"""Smooth faces in live video: blend each face with the same face in the previous frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.types import Box, Face


def smooth(faces: Sequence[Face], previous: Sequence[Face], weight: float = 0.35) -> tuple[Face, ...]:
    """Smooth the boxes and points of faces exponentially.

    Args:
        faces: Faces of this frame. New faces are returned unchanged.
        previous: Smoothed faces of the previous frame, matched by overlap.
        weight: Weight of the new position for jitter. It rises to 1 for a movement by a tenth of the face's width, so
            that real movements don't lag.
    """
    unmatched = list(previous)
    smoothed = []
    for face in faces:
        old = max(unmatched, key=lambda f: overlap(f.box, face.box), default=None)
        if old is None or overlap(old.box, face.box) < 0.3:
            smoothed.append(face)
            continue
        unmatched = [f for f in unmatched if f is not old]
        moved = float(np.linalg.norm(face.points - old.points, axis=1).mean()) / face.box.width
        w = weight + (1 - weight) * min(1.0, moved / 0.1)
        box = Box(*(w * new + (1 - w) * before for new, before in zip(face.box, old.box)))
        points = (w * face.points + (1 - w) * old.points).astype(np.float32)
        smoothed.append(Face(box, points, face.score))
    return tuple(smoothed)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    intersection = max(0.0, width) * max(0.0, height)
    return intersection / (a.width * a.height + b.width * b.height - intersection)
