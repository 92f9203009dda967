"""One frozen record for each thing that can be trained. pydantic checks types and bounds, and keeps the docstrings
under the settings as their descriptions."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

Precision = Literal["fp32", "bf16", "fp16"]
Style = Literal["avataaars", "toon-head", "lorelei", "cartoon-set"]
Count = Annotated[int, Field(ge=1)]
Limit = Annotated[int | None, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
SmallShare = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0, lt=1000)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Digit = Annotated[int | None, Field(ge=0, le=9)]


def _check_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d)?", name):
        raise ValueError("should be auto, cpu, cuda or cuda:N")
    return name


record = dataclass(
    frozen=True,
    config=ConfigDict(strict=True, allow_inf_nan=False, extra="forbid", use_attribute_docstrings=True),
)


@record
class Training:
    """Settings of every training."""

    steps: Count = 1000
    """Optimizer steps."""
    batch: Count = 64
    """Batch size (a DTN takes as many pictures of t as of s)."""
    lr: Rate = 1e-3
    """Peak learning rate; it follows a cosine down to almost zero."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of batches, augmentation and initial weights."""
    precision: Precision = "bf16"
    """Of the forward and backward passes; weights and losses stay fp32."""
    device: Annotated[str, AfterValidator(_check_device)] = "auto"
    """auto, cpu, cuda, or one of several GPUs: cuda:1."""
    compile: bool = False
    """Use torch.compile: a minute of waiting, then faster steps; needs a C++ compiler."""
    clip: Annotated[float, Field(ge=0)] = 0.0
    """Gradient clipping by total norm; 0: off."""
    keep: Literal["last", "best"] = "last"
    """What is exported: the last step, or the best in the second half of the steps by the stage's validation figure,
    for the transfer f-constancy on validation pictures, which needs no labels."""
    patience: Limit = None
    """Early stopping, with keep=best: after so many savings in the second half without a better one. None: never."""
    exports: Count = 5
    """How many checkpoints of earlier steps are kept ready to use, beside the best: the newest."""
    log_every: Count = 25
    """Steps between two log entries."""
    sample_every: Count = 250
    """Steps between two sample grids."""
    save_every: Count = 250
    """Steps between two checkpoints."""

    @model_validator(mode="after")
    def _check_patience(self) -> Training:
        if self.patience is not None and self.keep != "best":
            raise ValueError("patience goes with keep=best.")
        return self


@record
class EncoderTraining(Training):
    """f of faces: attributes of CelebA and UTKFace under stylisation (`networks.resnet.AttributeEncoder`)."""

    width: Count = 32
    """Channels of the first stage."""
    hidden: Count = 128
    """Length of the layer before the last ReLU."""
    squash: bool = False
    """Export f with a sigmoid over its attributes' logits (`networks.resnet.AttributeEncoder`)."""
    size: Annotated[int, Field(ge=32, le=256)] = 64
    """Side of the input pictures in pixels."""
    weight_decay: Weight = 0.05
    """AdamW's."""
    utkface: Share = 0.35
    """Share of UTKFace among a batch's photos."""
    celebahq: Share = 0.0
    """Share of CelebA-HQ among the photos with whole heads; the rest is CelebA."""
    relight: Share = 0.0
    """Share of a batch under strong changes of exposure, white balance and shade."""
    stylised: Share = 0.75
    """Share of a batch that is made to look drawn."""
    focus: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Weight in the loss of the attributes that an avatar can show, expressions among them; others have 1."""
    skin: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Weight of the loss of a separate head for the skin's colour; 0: no such head."""
    drawn: Share = 0.0
    """Share of a batch that are labelled faces in illustration styles, none of which is a target."""
    start: str | None = None
    """A checkpoint of the same net to start from, instead of random weights."""
    limit: Limit = None
    """At most so many pictures a set; None: all."""


@record
class _Classifier(Training):
    """Settings of both classifiers, and constants that one of them makes a setting."""

    domain: ClassVar[str]
    size: ClassVar[int] = 32
    net: ClassVar[str] = "residual"
    drawn: ClassVar[float] = 0.0
    unlabelled: ClassVar[float] = 0.0
    contrastive: ClassVar[bool] = False
    absent: ClassVar[int | None] = None
    through: ClassVar[str | None] = None

    width: Count = 32
    """Channels of the residual net's first stage."""
    stylise: SmallShare = 0.0
    """Share of a batch that is made to look drawn: slanted, bent, thinner or thicker, grey with hard contrast."""
    start: str | None = None
    """A checkpoint of the same net to start from, instead of random weights."""
    ema: Decay = 0.998
    """Decay of the exponential moving average of the weights, which is the result."""
    smoothing: SmallShare = 0.1
    """Label smoothing."""
    weight_decay: Weight = 0.05
    """AdamW's."""
    limit: Limit = None
    """At most so many pictures; None: all."""


@record
class ClassifierTraining(_Classifier):
    """f of digits, on SVHN, or their judge, on MNIST: ten classes."""

    domain: Literal["svhn", "mnist"] = "svhn"
    """Which labels are learnt: street numbers or handwritten digits."""
    net: Literal["residual", "paper"] = "residual"
    """`networks.resnet.ClassEncoder` or the paper's four convolutions."""
    drawn: SmallShare = 0.0
    """Share of drawn street numbers in a batch of svhn."""
    unlabelled: Weight = 0.0
    """Pictures of MNIST without labels for each picture of svhn, pseudo-labelled by f's moving average."""
    contrastive: bool = False
    """Learn f without labels: two augmented views of a picture are to be nearer to each other than to the others'
    (SimCLR). Labels train a linear probe of it only, which is no part of f's representation."""
    temperature: Annotated[float, Field(gt=0, le=10)] = 0.2
    """Of the contrastive loss."""
    balanced: bool = True
    """Correct the pseudo-labels under the assumption that all digits are equally frequent."""
    absent: Digit = None
    """A digit that is left out of training."""
    through: str | None = None
    """A translation's checkpoint: learn its pictures of svhn with svhn's labels (domain adaptation)."""

    @model_validator(mode="after")
    def _check_domain(self) -> ClassifierTraining:
        if self.unlabelled and self.domain != "svhn":
            raise ValueError("unlabelled goes with domain=svhn.")
        if self.contrastive and (self.unlabelled or self.through or self.net == "paper"):
            raise ValueError("contrastive goes with net=residual, unlabelled=0 and through=none.")
        if self.through and (self.domain != "svhn" or self.drawn):
            raise ValueError("through goes with domain=svhn and drawn=0.")
        return self


@record
class FolderClassifierTraining(_Classifier):
    """f from the user's own labelled pictures: a folder with a sub-folder for each class."""

    domain: ClassVar[str] = "folder"
    folder: str | None = None
    """The folder, or a zip of it."""
    size: Literal[32, 64] = 32
    """Side of the input pictures in pixels."""
    heads: bool = False
    """Find the face in every picture and crop its head."""


@record
class JudgeTraining(Training):
    """The judge: attributes of pictures of a style only; no part of training the transfer."""

    style: Style = "avataaars"
    """Whose pictures it judges."""
    width: Count = 24
    """Channels of the first layer."""
    avatars: Count = 12000
    """Rendered for training; of a style that comes as a pack, at most so many are learnt."""


@record
class AvatarTraining(Training):
    """c: chooses the parameters of avatars, which the artist's engine draws (`training.avatar`)."""

    style: Literal["avataaars", "toon-head", "lorelei"] = "avataaars"
    """Whose engine draws."""
    encoder: str = "encoder-drawn"
    """f: a checkpoint's name or folder."""
    noise: Weight = 0.8
    """Standard deviation of the noise on the standardised features of drawings."""
    agree: Weight = 5.0
    """Weight of constancy in f's attributes: c's choice for a photo against f's reading of it."""
    weight_decay: Weight = 0.01
    """AdamW's."""
    avatars: Count = 12000
    """Drawings to learn from."""
    celebahq: Annotated[int, Field(ge=0)] = 8000
    """Photos of CelebA-HQ beside CelebA's; 0: none."""
    limit: Limit = None
    """At most so many of CelebA's photos; None: all."""


@record
class UpscalerTraining(Training):
    """SR: 64 → 256 on vector renders, with the blur and noise that g makes."""

    width: Count = 48
    """Channels of the hidden layers."""
    depth: Count = 5
    """Hidden layers."""
    avatars: Count = 2000
    """Rendered pairs."""
    patch: Count = 32
    """Side of a training patch at low resolution."""


@record
class ParserTraining(Training):
    """The face parser: which pixels of a head are skin, hair, a hat, glasses or clothes."""

    size: Count = 128
    """Side of the input in pixels."""
    unlabelled: Count = 12000
    """Heads without labels for self-training."""
    warmup: Share = 0.25
    """Share of the steps before self-training begins; 1: never."""
    paste: Share = 0.12
    """Share of heads onto which a hat, and of those onto which glasses, of another head are pasted."""
    ema: Decay = 0.998
    """Decay of the moving average of the weights, which is what is exported."""
    limit: Limit = None
    """Maximum number of labelled heads of each part."""
