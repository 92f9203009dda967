"""The immutable values that flow through the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""A picture: (H, W, 3) RGB or, where stated, (H, W, 4) RGBA with straight alpha; uint8 in 0..255."""

HEAD_EYE_DISTANCE = 0.25
"""Distance of the eye centres in a head crop, as a share of its side."""

HEAD_EYE_HEIGHT = 0.54
"""Height of the eye line in a head crop, from its top, as a share of its side. Faces and avatars share it."""

Kind = Literal["drawn", "painted"]
"""How an emoji was made: by the artist's engine from parameters that c chose, or by g, pixel by pixel."""


class Box(NamedTuple):
    """An axis-aligned rectangle in pixels of the frame; right and bottom are exclusive; may leave the frame."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True)
class Face:
    """A detected face.

    Attributes:
        box: The square around it, brows to chin.
        points: (5, 2) float32, pixels (x, y) of the frame, in the order of dlib's 5-point predictor: 0 and 1 are the
            outer and inner corner of the eye on the picture's right, 2 and 3 those of the eye on its left, 4 the base
            of the nose.
        score: The detector's confidence; unbounded for HOG, 0..1 for MTCNN.
    """

    box: Box
    points: NDArray[np.float32]
    score: float


@dataclass(frozen=True)
class AlignedFace:
    """A face rotated upright and scaled.

    Attributes:
        face: The detected face.
        image: (S, S, 3) RGB.
        matrix: (2, 3) float64 transform from pixels of the frame to those of the image.
    """

    face: Face
    image: Image
    matrix: NDArray[np.float64]


class DrawnAvatar(Protocol):
    """The interface of `avatars.avatar.Avatar`, which this package can't import.

    Attributes:
        parameters: `avatars.parameters.Parameters`.
        confidences: What it depicts ("glasses", "brown hair") → probability, 0..1.
        measured: Names of the colours that were measured in the photo.
    """

    @property
    def parameters(self) -> Any: ...

    @property
    def confidences(self) -> Mapping[str, float]: ...

    @property
    def measured(self) -> tuple[str, ...]: ...

    def svg(self, view: Literal["bust", "head"] = "bust") -> str:
        """Draw it as SVG; bust: with shoulders; head: the crop with the eyes placed as in `faces.align`."""

    def image(self, size: int = 256, view: Literal["bust", "head"] = "bust") -> Image:
        """Draw it as (size, size, 4) RGBA. Raises UserError for a size below 16 or above 4096."""


@dataclass(frozen=True)
class TransferredFace:
    """A face and its emoji: drawn if there is an avatar, else painted.

    Attributes:
        aligned: The aligned face.
        raw: (64, 64, 4) RGBA output of g; None if nothing was painted.
        image: (256, 256, 4) RGBA output of SR; None if nothing was painted.
        confidence: Visibility of the face, 0..1 (`faces.quality`); None without face detection.
        note: Reason and remedy if the confidence is low, or if colours can't be read.
        avatar: What c chose, or None.
    """

    aligned: AlignedFace
    raw: Image | None
    image: Image | None
    confidence: float | None = None
    note: str | None = None
    avatar: DrawnAvatar | None = None

    @property
    def kind(self) -> Kind:
        """The kind of `picture`."""
        return "drawn" if self.avatar else "painted"

    def picture(self, size: int = 512) -> Image:
        """The emoji: drawn, (size, size, 4) RGBA with shoulders; or painted, always with 256 pixels."""
        return self.avatar.image(size) if self.avatar else self.image

    def describe(self) -> dict[str, Any]:
        """Plain values for reports: kind, and parameters, sure and measured of a drawn emoji (else None)."""
        if self.avatar is None:
            return {"kind": self.kind, "parameters": None, "sure": None, "measured": None}
        return {
            "kind": self.kind,
            "parameters": self.avatar.parameters.to_dict(),
            "sure": dict(self.avatar.confidences),
            "measured": list(self.avatar.measured),
        }


@dataclass(frozen=True)
class RefusedFace:
    """A face that is not visible enough to be redrawn.

    Attributes:
        aligned: The aligned face.
        confidence: 0..1.
        note: Reason and remedy.
    """

    aligned: AlignedFace
    confidence: float
    note: str


@dataclass(frozen=True)
class Result:
    """The result for a frame. Without a face, ``faces == ()`` and ``composed`` equals the frame; never None.

    Attributes:
        frame: (H, W, 3) RGB.
        faces: Faces with emoji, from left to right.
        composed: The frame with each emoji over its face; RGBA if the given frame was.
        ms: Milliseconds of each stage: detect, align (with `faces.quality`), encode (f), generate (g) and upscale (SR)
            if painted, draw (c and the engine) if drawn, compose, total.
        refused: Faces that are left unchanged, from left to right.
        rotation: Degrees by which the given frame was rotated clockwise to find a face: 0, 90, 180 or 270.
    """

    frame: Image
    faces: tuple[TransferredFace, ...]
    composed: Image
    ms: dict[str, float] = field(default_factory=dict)
    refused: tuple[RefusedFace, ...] = ()
    rotation: int = 0
