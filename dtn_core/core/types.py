"""The values that flow through the pipeline. Immutable, plain, and named as the paper and the field name them."""

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
"""How a face became an emoji: by the artist's engine, whose parameters c chose; or by g, pixel by pixel."""


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

    points: (5, 2) float32, pixels (x, y) of the frame, in the order of dlib's 5-point predictor: 0 and 1 are the
    outer and inner corner of the eye on the picture's right, 2 and 3 those of the eye on its left, 4 the nose's
    base.
    score: the detector's confidence, unbounded for HOG and 0..1 for MTCNN; higher is surer.
    """

    box: Box
    points: NDArray[np.float32]
    score: float


@dataclass(frozen=True)
class AlignedFace:
    """A face turned upright and scaled. image: (S, S, 3) RGB; matrix: (2, 3) float64, frame → crop pixels."""

    face: Face
    image: Image
    matrix: NDArray[np.float64]


class Drawing(Protocol):
    """An avatar drawn from parameters, as floor 0 knows it: see `avatars.avatar.Avatar`.

    parameters: `avatars.parameters.Parameters`; sure: what it shows ("glasses", "brown hair") → its probability, 0..1.
    """

    @property
    def parameters(self) -> Any: ...

    @property
    def sure(self) -> Mapping[str, float]: ...

    def svg(self, view: Literal["bust", "head"] = "bust") -> str:
        """The drawing as SVG; bust: with shoulders; head: the crop whose eyes stand as in `faces.align`."""

    def image(self, size: int = 256, view: Literal["bust", "head"] = "bust") -> Image:
        """(size, size, 4) RGBA; UserError for a size below 16 or above 4096."""


@dataclass(frozen=True)
class TransferredFace:
    """A face and its emoji: drawn where there is an avatar, else painted.

    raw: (64, 64, 4) RGBA as g makes it; image: (256, 256, 4) RGBA after SR; both None where nothing was painted.
    confidence: how well the face can be seen, 0..1 (`faces.quality`), None where no face was looked for; note: where
    that is little, one sentence that says why and what to do. avatar: what c chose to draw, or None.
    """

    aligned: AlignedFace
    raw: Image | None
    image: Image | None
    confidence: float | None = None
    note: str | None = None
    avatar: Drawing | None = None

    @property
    def kind(self) -> Kind:
        """What `picture` is."""
        return "drawn" if self.avatar else "painted"

    def picture(self, size: int = 512) -> Image:
        """The emoji people get: drawn, (size, size, 4) RGBA with shoulders; else painted, in its own 256 pixels."""
        return self.avatar.image(size) if self.avatar else self.image

    def describe(self) -> dict[str, Any]:
        """kind, and of a drawn one parameters and sure (else None), as plain values for reports."""
        parameters, sure = (self.avatar.parameters.to_dict(), dict(self.avatar.sure)) if self.avatar else (None, None)
        return {"kind": self.kind, "parameters": parameters, "sure": sure}


@dataclass(frozen=True)
class RefusedFace:
    """A face of which too little can be seen to redraw it. confidence: 0..1; note: why, and what to do."""

    aligned: AlignedFace
    confidence: float
    note: str


@dataclass(frozen=True)
class Result:
    """What a frame became. No face gives ``faces == ()`` and ``composed`` equal to the frame; never None.

    composed: the frame (H, W, 3) with every emoji pasted over its face.
    ms: milliseconds by stage: detect, align (and look how well the face can be seen), encode (f), generate (g) and
    upscale (SR) where it was painted, draw (c, and the engine) where it was drawn, compose, total.
    refused: the faces that stay as they are in the frame. Faces and refused ones go from left to right.
    turned: degrees clockwise by which the given frame was turned to find a face in it: 0, 90, 180 or 270.
    """

    frame: Image
    faces: tuple[TransferredFace, ...]
    composed: Image
    ms: dict[str, float] = field(default_factory=dict)
    refused: tuple[RefusedFace, ...] = ()
    turned: int = 0
