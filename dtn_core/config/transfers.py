"""Records of the translations: a DTN for each kind of domains."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from .schema import Count, Decay, Digit, Limit, Rate, Share, Style, Training, record


@record
class TransferTraining(Training):
    """g and D: settings that all DTNs share, and constants that one task makes a setting. α, β, γ as in the paper's
    L_G; every row of its tables is a change of these settings."""

    size: ClassVar[int]
    channels: ClassVar[int] = 4
    heads: ClassVar[bool] = False
    contains_f: ClassVar[bool] = True
    binary: ClassVar[bool] = False
    generator: ClassVar[str] = "upsample"
    tie: ClassVar[float] = 0.0
    absolute: ClassVar[float] = 0.0
    noise: ClassVar[float] = 0.0
    delta_from: ClassVar[float] = 0.0

    batch: Annotated[int, Field(ge=2)] = 64
    """Batch size; at least 2, for batch norm."""
    encoder: str = "encoder"
    """f: a checkpoint's name or folder, or "dlib", or several joined by "+"."""
    alpha: Annotated[float, Field(ge=0)] = 5.0
    """Weight of L_CONST."""
    alpha_end: Annotated[float | None, Field(ge=0)] = None
    """If given, α is constant for 45% of the steps, then falls to this by 60%: first constancy finds what to paint,
    then D makes it look drawn. None: α stays, as in the paper."""
    beta: Annotated[float, Field(ge=0)] = 100.0
    """Weight of L_TID."""
    gamma: Annotated[float, Field(ge=0)] = 0.5
    """Weight of L_TV."""
    delta: Annotated[float, Field(ge=0)] = 1.0
    """Weight of L_GANG; 0: without D."""
    start: str | None = None
    """A translation whose g goes on learning, instead of random weights."""
    base: Count = 24
    """Channels of g at full size."""
    d_base: Count = 32
    """Channels of D's first layer."""
    d_upscale: Annotated[float, Field(ge=1, le=8)] = 1.0
    """Factor by which pictures are scaled up for D (the paper: 64 → 152)."""
    lr_d: Rate = 3e-4
    """D's learning rate."""
    ema: Decay = 0.998
    """Decay of the exponential moving average of g, which is the result."""
    random_affine: bool = False
    """Random affine of G(s) before f reads it: constancy then rests on strokes, not on pixels."""
    emphasis: Annotated[float, Field(gt=0, lt=10)] = 1.0
    """Factor on g's input when the result is used; training itself uses 1. Above 1 it commits more."""
    views: Count = 4
    """Augmented views of every source picture whose f(s) is computed once and kept."""
    limit: Limit = None
    """At most so many source pictures; None: all."""


@record
class LayeredTransfer(TransferTraining):
    """Settings of translations whose g may paint flat layers."""

    layers: Annotated[int, Field(ge=2, le=64)] = 20
    """Layers of a layered g."""
    absolute: Annotated[float, Field(ge=0, lt=100)] = 0.0
    """Weight of the absolute error in L_TID and in the tie, for each of the squared one; it keeps colours flat."""
    noise: Annotated[float, Field(ge=0, lt=2)] = 0.0
    """Standard deviation of the noise on f(s) in training."""
    delta_from: Share = 0.0
    """Share of the steps before L_GANG begins: first the picture settles, then D sharpens it."""
    undecided: Annotated[float, Field(ge=0, lt=100)] = 0.3
    """Weight of the entropy of a layered g's masks."""
    roughness: Annotated[float, Field(ge=0, lt=100)] = 2.0
    """Weight of the total variation of a layered g's masks, which stands for L_TV there."""


@record
class FacesTransfer(LayeredTransfer):
    """Photos of faces → emoji."""

    size: ClassVar[int] = 64

    style: Style = "avataaars"
    """The target domain."""
    avatars: Count = 12000
    """Rendered pictures of t."""
    utkface: Share = 0.0
    """UTKFace's photos in s, for each of CelebA's: more ages and skins, without hair."""
    tie: Annotated[float, Field(ge=0, lt=1e4)] = 0.0
    """Weight of ‖G(s) − R(c(f(s)))‖²: the painted picture held to the drawn one (Tied Output Synthesis); 0: without."""
    avatar: str | None = None
    """With tie: a checkpoint that holds c."""
    generator: Literal["upsample", "layered"] = "upsample"
    """Of pixels, as in the paper, or of flat layers (`networks.generator.LayeredGenerator`)."""

    @model_validator(mode="after")
    def _check_tie(self) -> FacesTransfer:
        if bool(self.tie) != bool(self.avatar):
            raise ValueError("tie goes with avatar=CHECKPOINT, whose c draws.")
        return self


@record
class DigitsTransfer(TransferTraining):
    """Street numbers → handwritten digits (paper, Sec. 5.1)."""

    size: ClassVar[int] = 32

    generator: Literal["upsample", "deconv"] = "upsample"
    """`networks.generator.Generator` with a spectral-norm D, or the paper's g and D of digits."""
    contains_f: bool = True
    """G = g∘f. False: a network of f's shape is learnt together with g, from pictures (Table 1)."""
    binary: bool = False
    """D tells only G(s) from t, as in the baseline of Sec. 3."""
    swap: bool = False
    """The transfer from t to s instead."""
    limit_s: Limit = None
    """At most so many pictures of s to learn from; those held out stay as they are."""
    limit_t: Limit = None
    """At most so many pictures of t to learn from."""
    absent_s: Digit = None
    """A digit left out of s."""
    absent_t: Digit = None
    """A digit left out of t."""
    truncation: Annotated[float, Field(ge=0, le=1)] = 1.0
    """g's input, after training: so much of its distance from the mean of the class f reads (1: as it is)."""

    shift: Annotated[int, Field(ge=0, le=4)] = 0
    """After training, f is read on x and on x moved by so many pixels each way, and averaged (0: on x alone)."""

    @property
    def channels(self) -> int:
        """Of a picture of t."""
        return 3 if self.swap else 1

    @model_validator(mode="after")
    def _check_binary(self) -> DigitsTransfer:
        if self.binary and self.beta:
            raise ValueError("binary is the D of the baseline, which has no L_TID: set beta=0 too.")
        if self.truncation < 1 and not self.contains_f:
            raise ValueError("truncation is of what f reads: it goes with contains_f=true.")
        return self


@record
class StyleTransfer(TransferTraining):
    """Photos of faces → photos stylised from a single style picture (paper, Sec. 5.3)."""

    size: ClassVar[int] = 64
    heads: ClassVar[bool] = True

    picture: str | None = None
    """The style picture (PNG, JPEG or SVG); None: ours."""
    photos: Count = 12000
    """Stylised photos of t; none of them is in s."""
    utkface: Share = 0.0
    """UTKFace's photos in s, for each of CelebA's: more ages and skins, without hair."""


@record
class FoldersTransfer(LayeredTransfer):
    """The user's own two folders."""

    s: str | None = None
    """Folder or zip of source pictures."""
    t: str | None = None
    """Folder or zip of target pictures."""
    heads: bool = False
    """Find the face in every source picture and crop its head; the result then works on faces."""
    size: Literal[32, 64, 128] = 64
    """Side of g's pictures in pixels."""
    generator: Literal["auto", "upsample", "layered"] = "auto"
    """g of pixels, or of flat layers; auto: layers where t is flat areas of few colours (`training.flat_targets`)."""
