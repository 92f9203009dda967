"""What can be trained, and the presets. Frozen, checked when made, to and from plain dictionaries."""

from __future__ import annotations

import functools
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from .errors import UserError

Precision = Literal["fp32", "bf16", "fp16"]
Style = Literal["avataaars", "toon-head", "cartoon-set"]


_COUNTS = (
    "steps", "batch", "log_every", "sample_every", "save_every", "exports", "width", "hidden", "base", "d_base",
    "avatars", "views", "depth", "patch", "limit",
)  # fmt: skip


@dataclass(frozen=True)
class Training:
    """What every training has."""

    steps: int = 1000
    """Optimizer steps."""
    batch: int = 64
    """Pictures of s a step (the transfer takes as many of t)."""
    lr: float = 1e-3
    """Highest learning rate; it falls to nearly nothing along a cosine."""
    seed: int = 0
    """Of everything random: batches, augmentation, first weights."""
    precision: Precision = "bf16"
    """Of the forward and backward passes; weights and losses stay fp32."""
    device: str = "auto"
    """auto, cpu, cuda, or one of several GPUs: cuda:1."""
    compile: bool = False
    """Let torch.compile fuse what is trained: a minute of waiting, then faster steps; it needs a C++ compiler."""
    clip: float = 0.0
    """Longest gradient of a step (its norm over all weights); longer ones are scaled down. 0: as they come."""
    keep: Literal["last", "best"] = "last"
    """What is exported: the last step, or the best in the second half of the steps by the stage's validation figure,
    for the transfer f-constancy on validation pictures, which needs no labels."""
    patience: int | None = None
    """With keep=best: stop after so many savings in the second half that brought nothing better. None: never."""
    exports: int = 5
    """How many checkpoints of steps on the way are kept ready to use, beside the best: the newest."""
    log_every: int = 25
    """Steps between two Stepped events."""
    sample_every: int = 250
    """Steps between two sample grids."""
    save_every: int = 250
    """Steps between two checkpoints."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"{name} must be a finite number, not {value}.")
        for name in _COUNTS:
            count = getattr(self, name, None)
            if count is not None and count < 1:
                raise UserError(f"{name} must be at least 1, not {count}.")
        if self.seed < 0:
            raise UserError(f"seed must be 0 or more, not {self.seed}.")
        if not 0 < self.lr < 1:
            raise UserError(f"lr must lie between 0 and 1, not {self.lr}.")
        if self.precision not in typing.get_args(Precision):
            raise UserError(f"precision must be one of fp32, bf16, fp16, not {self.precision!r}.")
        if not re.fullmatch(r"auto|cpu|cuda(:\d)?", self.device):
            raise UserError(f"device must be auto, cpu, cuda or cuda:N, not {self.device!r}.")
        if self.clip < 0:
            raise UserError(f"clip is a length: 0 or more, not {self.clip}.")
        if self.patience is not None and (self.patience < 1 or self.keep != "best"):
            raise UserError("patience must be at least 1, and goes with keep=best.")


@dataclass(frozen=True)
class EncoderTraining(Training):
    """f: attributes of CelebA and UTKFace under stylisation (`networks.encoders.AttributeEncoder`)."""

    width: int = 32
    """Channels of the first stage."""
    hidden: int = 128
    """Length of the layer before the last ReLU."""
    squash: bool = False
    """Export f with its attributes' logits squashed (`networks.encoders.AttributeEncoder`)."""
    size: int = 64
    """Side of the pictures that f looks at."""
    weight_decay: float = 0.05
    """AdamW's."""
    utkface: float = 0.35
    """Share of UTKFace among a batch's photos."""
    celebahq: float = 0.0
    """Share of CelebA-HQ among the photos with whole heads; the rest is CelebA."""
    relight: float = 0.0
    """Share of a batch under strong changes of exposure, white balance and shade (`domains.portraits.relight`)."""
    stylised: float = 0.75
    """Share of a batch that is made to look drawn (`domains.portraits.stylise`)."""
    focus: float = 1.0
    """Weight in the loss of the attributes that an avatar can show, expressions among them; others have 1."""
    skin: float = 0.0
    """Weight of the loss of a head of its own for the skin's colour; 0: no such head."""
    drawn: float = 0.0
    """Share of faces drawn by other hands (`domains.other_hands`), with labels, in a batch. None is of a target."""
    start: str | None = None
    """A checkpoint of the same net to start from, instead of random weights."""
    limit: int | None = None
    """At most so many pictures a set; None: all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("utkface", "celebahq", "relight", "stylised", "drawn"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is a share: it must lie between 0 and 1, not {getattr(self, name)}.")
        if not 32 <= self.size <= 256:
            raise UserError(f"size must lie between 32 and 256, not {self.size}.")
        for name in ("focus", "skin"):
            if not 0 <= getattr(self, name) <= 100:
                raise UserError(f"{name} is a weight: it must lie between 0 and 100, not {getattr(self, name)}.")


@dataclass(frozen=True)
class ClassifierTraining(Training):
    """f of the digits, on SVHN, or their judge, on MNIST: ten classes."""

    domain: Literal["svhn", "mnist", "folder"] = "svhn"
    """Whose labels are learnt: street numbers, handwritten digits, or your own folder with a sub-folder a class."""
    folder: str | None = None
    """That folder, or a zip of it (domain=folder)."""
    size: Literal[32, 64] = 32
    """Side of the pictures that f sees (domain=folder; digits have 32)."""
    heads: bool = False
    """Find the face in every picture and crop its head (domain=folder)."""
    net: Literal["residual", "paper"] = "residual"
    """`networks.digits.ClassEncoder` or the paper's four convolutions."""
    width: int = 32
    """Channels of the residual net's first stage."""
    drawn: float = 0.0
    """Share of drawn street numbers in a batch of svhn."""
    stylise: float = 0.0
    """Share of a batch driven towards drawings: slanted, bent, thinner or thicker, grey with hard contrast."""
    unlabelled: float = 0.0
    """Pictures of MNIST without labels for each picture of svhn: f learns what its own average is sure they are."""
    balanced: bool = True
    """The digits of those pictures are taken to be equally frequent, and the average's answers corrected by that."""
    absent: int | None = None
    """A digit that is left out of training."""
    through: str | None = None
    """A translation's checkpoint: its pictures of svhn are learnt, with svhn's labels (domain adaptation)."""
    start: str | None = None
    """A checkpoint of the same net to start from, instead of random weights."""
    ema: float = 0.998
    """Decay of the moving average of the weights that is kept as the result."""
    smoothing: float = 0.1
    """Label smoothing."""
    weight_decay: float = 0.05
    """AdamW's."""
    limit: int | None = None
    """At most so many pictures; None: all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("drawn", "stylise", "smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} is a share: at least 0 and below 1, not {getattr(self, name)}.")
        if not 0 <= self.ema < 1:
            raise UserError(f"ema must be at least 0 and below 1, not {self.ema}.")
        _check_digit("absent", self.absent)
        if self.domain != "folder" and (self.folder or self.heads or self.size != 32):
            raise UserError("folder, heads and size belong to domain=folder.")
        if self.domain == "folder" and (self.net == "paper" or self.drawn or self.absent is not None):
            raise UserError("net=paper, drawn and absent belong to digits.")
        if self.unlabelled < 0 or (self.unlabelled and (self.domain != "svhn" or self.through)):
            raise UserError("unlabelled is 0 or more, and goes with domain=svhn without through.")
        if self.through and (self.domain != "svhn" or self.drawn):
            raise UserError("through goes with domain=svhn and drawn=0.")


def _check_digit(name: str, digit: int | None) -> None:
    if digit is not None and not 0 <= digit <= 9:
        raise UserError(f"{name} must be a digit from 0 to 9, not {digit}.")


@dataclass(frozen=True)
class JudgeTraining(Training):
    """The judge: attributes of pictures of a style only; no part of training the transfer."""

    style: Style = "avataaars"
    """Whose pictures it judges, see `domains.styles`."""
    width: int = 24
    """Channels of the first layer."""
    avatars: int = 12000
    """Rendered for training; of a style that comes as a pack, at most so many are learnt."""


@dataclass(frozen=True)
class TransferTraining(Training):
    """g and D: the DTN. α, β, γ as in the paper's L_G; every row of its tables is a switch of these settings."""

    task: Literal["faces", "digits", "folders"] = "faces"
    """Photos → emoji, street numbers → handwritten digits, or your own two folders."""
    s: str | None = None
    """Folder or zip of source pictures (task=folders)."""
    t: str | None = None
    """Folder or zip of target pictures (task=folders)."""
    heads: bool = False
    """Find the face in every source picture and crop its head; the result then works on faces (task=folders)."""
    size: Literal[32, 64, 128] = 64
    """Side of the pictures that g paints (task=folders; emoji have 64, digits 32)."""
    encoder: str = "encoder"
    """f: a checkpoint's name or folder, or "dlib", or several joined by "+"."""
    alpha: float = 5.0
    """Weight of L_CONST."""
    alpha_end: float | None = None
    """Where given, α stays for 45% of the steps, then falls to this by 60%: constancy first finds what to paint, then
    D can make it look drawn. None: α stays, as in the paper."""
    beta: float = 100.0
    """Weight of L_TID."""
    gamma: float = 0.5
    """Weight of L_TV."""
    delta: float = 1.0
    """Weight of L_GANG; 0: without D."""
    contains_f: bool = True
    """G = g∘f. False: a network of f's shape is learnt together with g, from pictures (Table 1)."""
    binary: bool = False
    """D tells only G(s) from t, as in the baseline of Sec. 3."""
    swap: bool = False
    """The transfer from t to s instead."""
    absent_s: int | None = None
    """A digit left out of s."""
    absent_t: int | None = None
    """A digit left out of t."""
    style: Style = "avataaars"
    """The target domain of task=faces, see `domains.styles`."""
    start: str | None = None
    """A translation whose g goes on learning, instead of random weights."""
    tie: float = 0.0
    """Weight of ‖G(s) − R(c(f(s)))‖²: the painted picture held to what is drawn (Tied Output Synthesis); 0: without."""
    avatar: str | None = None
    """With tie: a checkpoint that holds c."""
    utkface: float = 0.0
    """UTKFace's photos in s, for each of CelebA's (task=faces): more ages and skins, without hair."""
    generator: Literal["upsample", "deconv"] = "upsample"
    """`networks.generator.Generator` with a spectral-norm D, or the paper's g and D of digits."""
    base: int = 24
    """Channels of g at full size."""
    d_base: int = 32
    """Channels of D's first layer."""
    d_upscale: float = 1.0
    """Pictures are scaled up by this before D looks (the paper: 64 → 152)."""
    lr_d: float = 3e-4
    """D's learning rate."""
    ema: float = 0.998
    """Decay of the moving average of g that is kept as the result."""
    wobble: bool = False
    """Turn, stretch and move G(s) at random before f reads it: constancy then rests on strokes, not on pixels."""
    emphasis: float = 1.0
    """Factor on what g hears when the result is used; training itself uses 1. Above 1 it commits more."""
    avatars: int = 12000
    """Rendered pictures of t."""
    views: int = 4
    """Jittered views of every source picture of which f is computed once and kept."""
    limit: int | None = None
    """At most so many source pictures; None: all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "alpha_end", "beta", "gamma", "delta"):
            if (getattr(self, name) or 0) < 0:
                raise UserError(f"{name} is a weight of the loss and can't be negative ({getattr(self, name)}).")
        for name in ("absent_s", "absent_t"):
            _check_digit(name, getattr(self, name))
        digits_only = ("swap", "absent_s", "absent_t", "binary")
        given = [name for name in digits_only if getattr(self, name) is not None and getattr(self, name) is not False]
        if self.task != "digits" and given:
            raise UserError(f"{', '.join(digits_only)} belong to task=digits.")
        if self.task != "digits" and (self.generator == "deconv" or not self.contains_f):
            raise UserError("generator=deconv and contains_f=False belong to task=digits.")
        if not 0 <= self.tie < 1e4 or bool(self.tie) != bool(self.avatar):
            raise UserError("tie is a weight, 0 or more, and goes with avatar=CHECKPOINT, whose c draws.")
        if self.tie and self.task != "faces":
            raise UserError("tie and avatar belong to task=faces.")
        if self.task != "folders" and (self.s or self.t or self.heads or self.size != 64):
            raise UserError("s, t, heads and size belong to task=folders.")
        if self.binary and self.beta:
            raise UserError("the binary D belongs to the baseline, which has no L_TID: set beta=0 too.")
        if not 0 < self.emphasis < 10:
            raise UserError(f"emphasis must lie between 0 and 10, not {self.emphasis}.")
        if not 0 <= self.ema < 1:
            raise UserError(f"ema must be at least 0 and below 1, not {self.ema}.")
        if not 1 <= self.d_upscale <= 8:
            raise UserError(f"d_upscale must lie between 1 and 8, not {self.d_upscale}.")
        if not 0 < self.lr_d < 1:
            raise UserError(f"lr_d must lie between 0 and 1, not {self.lr_d}.")
        if self.batch < 2:
            raise UserError("batch must be at least 2: batch norm has nothing to learn from one picture.")


@dataclass(frozen=True)
class AvatarTraining(Training):
    """c: chooses the parameters of avatars, which the artist's engine draws (`training.avatar`)."""

    style: Literal["avataaars", "toon-head"] = "avataaars"
    """Whose engine draws."""
    encoder: str = "encoder-drawn"
    """f: a checkpoint's name or folder."""
    reader: Literal["f", "g", "both"] = "f"
    """What c reads: f(x), the painted G(x), or both, their log-probabilities added."""
    through: str = "emoji"
    """The translation whose G(x) is read (reader=g or both)."""
    mlp: int = 0
    """Width of c's two hidden layers; 0: c is linear."""
    logits_only: bool = False
    """c reads f's attributes alone, without the hidden layer."""
    noise: float = 0.8
    """Deviation of the noise on the standardised features of drawings."""
    sparsity: float = 0.0
    """Weight of the mean absolute weight of c."""
    agree: float = 5.0
    """Weight of constancy in f's own words: c's answers of a photo against f's reading of it."""
    alpha: float = 0.0
    """Weight of L_CONST through the engine, by straight-through choices."""
    prior: float = 0.0
    """Weight of the KL of a batch's mean answers from f's mean."""
    adversary: float = 0.0
    """Weight of a D that tells photos' parameters from drawings'."""
    weight_decay: float = 0.01
    """AdamW's."""
    avatars: int = 12000
    """Drawings to learn from."""
    celebahq: int = 8000
    """Photos of CelebA-HQ beside CelebA's; 0: none."""
    limit: int | None = None
    """At most so many of CelebA's photos; None: all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("noise", "sparsity", "agree", "alpha", "prior", "adversary", "weight_decay"):
            if not 0 <= getattr(self, name) < 1000:
                raise UserError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        if self.mlp < 0 or self.celebahq < 0:
            raise UserError("mlp and celebahq must be 0 or more.")


@dataclass(frozen=True)
class UpscalerTraining(Training):
    """SR: 64 → 256 on vector renders, with the blur and noise that g makes."""

    width: int = 48
    """Channels of the hidden layers."""
    depth: int = 5
    """Hidden layers."""
    avatars: int = 2000
    """Rendered pairs."""
    patch: int = 32
    """Side of a training patch at low resolution."""


Config = EncoderTraining | ClassifierTraining | JudgeTraining | TransferTraining | AvatarTraining | UpscalerTraining
KINDS: dict[str, type[Config]] = {
    "encoder": EncoderTraining,
    "classifier": ClassifierTraining,
    "judge": JudgeTraining,
    "transfer": TransferTraining,
    "avatar": AvatarTraining,
    "upscaler": UpscalerTraining,
}

_TINY = {"log_every": 2, "sample_every": 4, "save_every": 4, "precision": "fp32"}
PRESETS: dict[str, Config] = {
    "encoder-tiny": EncoderTraining(steps=8, batch=8, width=8, hidden=16, limit=64, **_TINY),
    "encoder": EncoderTraining(
        steps=9000, batch=96, lr=3e-3, size=80, celebahq=0.75, utkface=0.3, relight=0.5, focus=2.0, skin=0.5,
        log_every=50, sample_every=3000, save_every=500,
    ),
    "encoder-drawn": EncoderTraining(
        steps=4000, batch=96, lr=1.5e-3, start="encoder", size=80, celebahq=0.75, utkface=0.3, relight=0.4,
        stylised=0.4, focus=2.0, skin=0.5, drawn=0.25, squash=True, log_every=50, sample_every=2000, save_every=500,
    ),
    "judge-tiny": JudgeTraining(steps=8, batch=8, width=8, avatars=64, **_TINY),
    "judge": JudgeTraining(steps=1500, batch=96, lr=3e-3, save_every=500),
    "judge-toon": JudgeTraining(style="toon-head", steps=1500, batch=96, lr=3e-3, save_every=500),
    "judge-cartoon": JudgeTraining(style="cartoon-set", steps=1500, batch=96, lr=3e-3, save_every=500),
    "digits-f-tiny": ClassifierTraining(steps=8, batch=8, width=8, limit=64, **_TINY),
    "digits-f": ClassifierTraining(
        steps=6000, batch=96, lr=3e-3, drawn=0.45, stylise=0.35, weight_decay=0.1, save_every=500, sample_every=1000
    ),
    "digits-f-adapted": ClassifierTraining(
        steps=2000, batch=64, lr=1e-3, start="digits-f", drawn=0.45, stylise=0.35, unlabelled=1.0, weight_decay=0.1,
        save_every=500, sample_every=1000,
    ),
    "digits-f-paper": ClassifierTraining(steps=4000, batch=128, net="paper", smoothing=0.0, save_every=500),
    "digits-adapted-tiny": ClassifierTraining(steps=8, batch=8, width=8, limit=64, through="digits", **_TINY),
    "digits-adapted": ClassifierTraining(
        steps=800, batch=96, lr=3e-3, through="digits", stylise=0.6, save_every=800
    ),
    "digits-judge": ClassifierTraining(steps=1800, batch=96, lr=3e-3, domain="mnist", save_every=600, sample_every=600),
    "digits-judge-paper": ClassifierTraining(
        steps=6000, batch=128, lr=2e-3, domain="mnist", net="paper", save_every=1000, sample_every=1000
    ),
    "avatar-tiny": AvatarTraining(steps=8, batch=8, avatars=64, celebahq=0, limit=32, **_TINY),
    "avatar-cpu": AvatarTraining(steps=3000, batch=256, lr=5e-3, log_every=100, sample_every=1000, save_every=1000),
    "avatar": AvatarTraining(
        steps=20000, batch=1024, lr=5e-3, avatars=60000, celebahq=30000, log_every=100, sample_every=2000,
        save_every=2000,
    ),
    "upscaler-tiny": UpscalerTraining(steps=8, batch=4, width=8, depth=2, avatars=8, **_TINY),
    "upscaler": UpscalerTraining(steps=4000, batch=16, lr=1e-3, save_every=500),
    "folder-f-tiny": ClassifierTraining(domain="folder", steps=8, batch=8, width=8, **_TINY),
    "folder-f": ClassifierTraining(
        domain="folder", size=64, steps=2000, batch=64, lr=3e-3, stylise=0.35, weight_decay=0.1, save_every=500,
        sample_every=1000, keep="best",
    ),
    "folders-tiny": TransferTraining(
        task="folders", steps=8, batch=8, size=32, base=8, d_base=8, views=1, limit=64, ema=0.5, **_TINY
    ),
    "folders-cpu": TransferTraining(
        task="folders", steps=2000, batch=32, lr=5e-4, alpha=5.0, beta=50.0, base=24, keep="best"
    ),
    "folders": TransferTraining(
        task="folders", steps=20000, batch=128, lr=5e-4, alpha=5.0, beta=50.0, base=48, d_base=64, d_upscale=2.0,
        ema=0.999, views=8, keep="best", log_every=100, sample_every=500, save_every=1000,
    ),
    "faces-tiny": TransferTraining(
        steps=8, batch=8, base=8, d_base=8, avatars=32, views=1, limit=32, ema=0.5, **_TINY
    ),
    **{
        name: TransferTraining(
            steps=steps, batch=32, lr=5e-4, encoder="encoder-drawn", style=style, utkface=0.25, alpha=20.0,
            alpha_end=8.0, wobble=True, base=base, avatars=avatars, views=3, emphasis=emphasis,
        )
        for name, style, steps, base, avatars, emphasis in (
            ("faces-cpu", "avataaars", 5000, 24, 10000, 1.5), ("toon-cpu", "toon-head", 2500, 16, 6000, 1.5),
            ("cartoon-cpu", "cartoon-set", 3200, 16, 2000, 1.0),
        )
    },
    "faces": TransferTraining(
        steps=30000, batch=128, lr=5e-4, encoder="encoder-drawn", utkface=0.25, alpha=20.0,
        alpha_end=8.0, wobble=True, base=64, d_base=64, d_upscale=2.0, ema=0.999, avatars=12000, views=4,
        log_every=100, sample_every=1000, save_every=1000,
    ),
    "faces-tied": TransferTraining(
        steps=3500, batch=32, lr=4e-4, encoder="encoder-drawn", start="emoji", tie=100.0, avatar="emoji", utkface=0.25,
        alpha=8.0, wobble=True, avatars=8000, views=2, emphasis=1.25, save_every=500,
    ),
    "faces-paper": TransferTraining(
        steps=8000, batch=32, lr=5e-4, encoder="dlib", alpha=100.0, beta=1.0, gamma=0.05, d_upscale=2.375
    ),
    "digits-tiny": TransferTraining(
        task="digits", encoder="digits-f", steps=8, batch=8, base=8, d_base=8, views=1, limit=32, ema=0.5, **_TINY
    ),
    "digits-cpu": TransferTraining(
        task="digits", encoder="digits-f", steps=1000, batch=32, lr=5e-4, lr_d=5e-4, alpha=3.0, beta=15.0, gamma=0.0,
        base=16, d_base=24, ema=0.99, keep="best", save_every=200,
    ),
    "digits-best": TransferTraining(
        task="digits", encoder="digits-f-adapted", steps=2000, batch=32, lr=5e-4, lr_d=5e-4, alpha=5.0, beta=15.0,
        gamma=0.0, base=16, d_base=24, ema=0.995, wobble=True, keep="best", save_every=200,
    ),
    "digits": TransferTraining(
        task="digits", encoder="digits-f", steps=20000, batch=128, lr=2e-4, lr_d=2e-4, alpha=15.0, beta=15.0, gamma=0.0,
        base=128, d_base=128, ema=0.99, keep="best", generator="deconv", save_every=500, log_every=100,
        sample_every=1000,
    ),
}  # fmt: skip
"""By name; "-tiny" ones take seconds and are for tests, "-cpu" an hour or two on two cores, plain a GPU."""


def kind_of(config: Config) -> str:
    """The word for a configuration's class in files: encoder, classifier, judge, transfer or upscaler."""
    return next(kind for kind, cls in KINDS.items() if type(config) is cls)


def to_dict(config: Config) -> dict[str, Any]:
    """Plain values only, with the kind."""
    return {"kind": kind_of(config), **asdict(config)}


def from_dict(values: Mapping[str, Any]) -> Config:
    """The inverse of `to_dict`. An unknown kind or key, or a wrong type, is a UserError."""
    values = dict(values)
    kind = values.pop("kind", None)
    if kind not in KINDS:
        raise UserError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    cls = KINDS[kind]
    hints = _hints(cls)
    known = {f.name for f in fields(cls)}
    for name, value in values.items():
        if name not in known:
            raise UserError(f"unknown setting '{name}'; known: {', '.join(sorted(known))}.")
        if not _fits(value, hints[name]):
            raise UserError(f"{name}={value!r} doesn't fit: {_plain(hints[name])} is wanted.")
    return cls(**{k: float(v) if hints[k] is float else v for k, v in values.items()})


@functools.cache
def _hints(cls: type[Config]) -> dict[str, Any]:
    """Types of a configuration's settings; reading them takes milliseconds."""
    return typing.get_type_hints(cls)


def find(name: str) -> tuple[Config, str]:
    """A preset, or a JSON file of `to_dict`'s form, and a short name for its runs. Raises UserError."""
    if name in PRESETS:
        return PRESETS[name], name
    path = Path(name)
    if path.suffix != ".json":
        raise UserError(f"unknown preset '{name}'; known: {', '.join(PRESETS)}; or give a .json file.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{name}: no configuration can be read from it ({error}).") from None
    if not isinstance(values, dict):
        raise UserError(f"{name}: holds no configuration; config.json of a run shows how one looks.")
    return from_dict(values), path.stem


def parse_set(config: Config, assignments: list[str]) -> Config:
    """Apply ``--set key=value`` strings. Raises UserError for an unknown key or a value of another type."""
    hints = _hints(type(config))
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UserError(f"--set {assignment}: write key=value.")
        if key not in hints:
            raise UserError(f"--set {assignment}: unknown setting; known: {', '.join(sorted(hints))}.")
        try:
            changes[key] = _read(text, hints[key])
        except ValueError:
            raise UserError(f"--set {assignment}: {_plain(hints[key])} is wanted.") from None
    return replace(config, **changes)


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _fits(value: Any, hint: Any) -> bool:
    if typing.get_origin(hint) is Literal:
        return value in typing.get_args(hint)
    for option in _options(hint):
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return True
        if isinstance(value, option) and not (option is int and isinstance(value, bool)):
            return True
    return False


def _read(text: str, hint: Any) -> Any:
    if typing.get_origin(hint) is Literal:
        found = [choice for choice in typing.get_args(hint) if str(choice) == text]
        if not found:
            raise UserError(text)
        return found[0]
    if type(None) in _options(hint) and text.lower() == "none":
        return None
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise UserError(text)
        return text.lower() == "true"
    return next(option for option in _options(hint) if option is not type(None))(text)


def _plain(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return " or ".join(map(str, typing.get_args(hint)))
    return " or ".join("none" if o is type(None) else o.__name__ for o in _options(hint))
