"""Estimate how visible a face is: a confidence for every face, and a one-sentence note if it is low.

Each measure is mapped to 0..1 by a piecewise linear ramp; the confidence is the minimum. A face below `REFUSED` isn't
redrawn; one below `UNSURE` is, with the note. The ramps were chosen on the validation parts of real photos, with and
without artificial damage; ``python -m benchmarks.confidence`` reports the results on the test parts.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ..core.types import AlignedFace, Image
from . import detect
from .align import eye_centres

MIN_CONFIDENCE = 0.25
"""Confidence below which there is too little to redraw."""

NOTE_CONFIDENCE = 0.5
"""Confidence below which an emoji comes with a note."""

MEASURED_SIZE = 64
"""Side of the head crop on which light and detail are measured: about the resolution of f's input."""

SKIN = np.s_[28:60, 18:46]
"""Rows and columns of such a crop from the brows to the chin, without hair and background."""

EYES = np.s_[30:39, 18:46]
MOUTH = np.s_[47:59, 25:39]


class Check(NamedTuple):
    """The ramp of a measure, rising or falling.

    Attributes:
        lost: Value with confidence 0.
        poor: Value with confidence 0.5.
        good: Value with confidence 1.
        reason: First half of the note.
        remedy: Second half of the note.
    """

    lost: float
    poor: float
    good: float
    reason: str
    remedy: str

    def confidence(self, value: float) -> float:
        """Map a value of the measure to 0..1, linearly between the three values and constant beyond."""
        ramp = sorted(zip((self.lost, self.poor, self.good), (0.0, 0.5, 1.0)))
        return float(np.interp(value, *zip(*ramp)))


CHECKS = {
    "size": Check(3, 21, 36, "it is too small", "come closer, or use a larger picture"),
    "inside": Check(0.45, 0.75, 0.95, "a part of it lies outside of the picture", "bring all of the head into view"),
    "light": Check(15, 70, 110, "it is too dark", "use more light"),
    "glare": Check(0.6, 0.15, 0.03, "it is overexposed", "use less light"),
    "mouth": Check(0, 0.3, 0.5, "nose and mouth are covered", "uncover them"),
    "eyes": Check(0.25, 0.48, 0.62, "the eyes are covered", "uncover them"),
    "sharpness": Check(0, 2.8, 4.5, "it is blurred", "hold the camera still, or use a sharper picture"),
    "nose": Check(0.55, 0.37, 0.2, "it is turned aside", "look towards the camera"),
    "breadth": Check(0.6, 0.93, 1.12, "it is turned aside", "look towards the camera"),
    "likeness": Check(
        -1.0, -0.2, 1.0, "it is partly covered, turned aside or drawn", "show eyes, nose and mouth from the front"
    ),
}
"""Measure → ramp, see `measure`. The note is of the first check below `UNSURE`, not of the lowest: `likeness`, the last
one, falls with any of the others. HOG scores dark skin and hats lower: with a `poor` of 0.1 for likeness 10% of Black
faces got a note and 5% of others (validation part of UTKFace); with -0.2 it is 5% and 2%."""


class Quality(NamedTuple):
    """How visible a face is.

    Attributes:
        confidence: 0..1.
        note: One sentence if the confidence is below `UNSURE`, else None.
    """

    confidence: float
    note: str | None

    @property
    def refused(self) -> bool:
        """Whether too little of the face is visible to redraw it."""
        return self.confidence < MIN_CONFIDENCE


def judge(frame: Image, aligned: AlignedFace, likeness: float | None = None) -> Quality:
    """Judge an aligned face of an (H, W, 3) uint8 RGB frame. likeness: see `detect.likeness`; computed if None."""
    return assess(measure(frame, aligned, likeness))


def assess(measures: dict[str, float]) -> Quality:
    """Combine measures, by the names of `CHECKS`; missing ones count as good."""
    scores = {name: check.confidence(measures[name]) for name, check in CHECKS.items() if name in measures}
    confidence = min(scores.values(), default=1.0)
    if confidence >= NOTE_CONFIDENCE:
        return Quality(confidence, None)
    check = next(CHECKS[name] for name, score in scores.items() if score < NOTE_CONFIDENCE)
    lead = "Can't see enough of the face" if confidence < MIN_CONFIDENCE else "Can't see the face well"
    return Quality(confidence, f"{lead}: {check.reason}; {check.remedy}.")


def measure(frame: Image, aligned: AlignedFace, likeness: float | None = None) -> dict[str, float]:
    """Measure a face.

    Returns:
        size: distance of the eyes in pixels of the frame
        inside: share of the detected square that lies in the frame
        light: 95th percentile of the luminance, 0..255; highlights, so that dark skin in good light isn't called dark
        glare: share of the face with a luminance of 250 or more
        mouth: detail of the mouth divided by that of the eyes
        eyes: detail of the eyes divided by that of the mouth
        sharpness: detail (mean absolute difference to a blurred copy) in percent of the contrast
        nose: its distance from the midpoint of the eyes along their line, in eye distances
        breadth: distance of the eyes divided by the distance of the nose from their line
        likeness: see `faces.detect.likeness`
    """
    face = aligned.face
    left, right = eye_centres(face.points)
    distance = max(float(np.linalg.norm(right - left)), 1e-6)
    along = (right - left) / distance
    x, y = face.points[4] - (left + right) / 2
    aside = along[0] * x + along[1] * y
    below = along[0] * y - along[1] * x
    height, width = frame.shape[:2]
    box = face.box
    inside_width = max(0.0, min(box.right, width) - max(box.left, 0))
    inside_height = max(0.0, min(box.bottom, height) - max(box.top, 0))

    grey = cv2.cvtColor(
        cv2.resize(aligned.image, (MEASURED_SIZE, MEASURED_SIZE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
    )
    grey = grey.astype(np.float32)
    detail = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1))
    dark, bright = np.percentile(grey[SKIN], (5, 95))
    eyes = float(detail[EYES].mean()) + 1e-3
    mouth = float(detail[MOUTH].mean()) + 1e-3
    return {
        "size": distance,
        "inside": inside_width * inside_height / (box.width * box.height),
        "light": float(bright),
        "glare": float((grey[SKIN] >= 250).mean()),
        "mouth": mouth / eyes,
        "eyes": eyes / mouth,
        "sharpness": 100 * float(detail[SKIN].mean()) / max(float(bright - dark), 1.0),
        "nose": abs(float(aside)) / distance,
        "breadth": distance / max(float(below), 1e-6),
        "likeness": detect.frontal_score(frame, face) if likeness is None else likeness,
    }
