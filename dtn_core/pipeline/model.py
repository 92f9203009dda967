"""Loaded checkpoints, and the forward mathematics of f, g, SR and c as one module."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..avatars.choose import Decisions
from ..avatars.parameters import SPECS
from ..avatars.predict import AvatarPredictor, Predictions
from ..core.errors import UserError
from ..faces.align import CROP
from ..networks import bounds, checkpoint, encoders, hub
from ..networks.avatar_head import AvatarHead
from ..networks.encoders import Standardise
from ..networks.generator import FromPicture, without_truncation
from ..networks.generator import build as build_generator
from ..networks.resnet import AttributeEncoder
from ..networks.upscaler import build as build_upscaler


class TransferOutput(NamedTuple):
    """What one forward pass computes for N pictures. Parts that were not asked for are None.

    Attributes:
        painted: G(x), (N, channels, side, side) in [-1, 1].
        upscaled: SR(G(x)), (N, channels, 4 side, 4 side) in [-1, 1].
        reading: What f and c read, from which `AvatarPredictor.decide` chooses N avatars.
    """

    painted: Tensor | None
    upscaled: Tensor | None
    reading: Predictions | None


class TransferNetwork(nn.Module):
    """The forward mathematics of a translation. All parts are frozen, in eval mode, float32.

        G(x) = g(emphasise(standardise_s(f(x))))    painted
        SR(G(x))                                    upscaled
        c(f(x))                                     reading, from which an avatar is drawn

    Args:
        f: Encoder, see `networks.encoders`.
        standardise_s: Statistics of f on the source domain s.
        g: Generator, or None where nothing can be painted.
        upscaler: SR, or None; then pictures are upscaled bicubically.
        predictor: c with the encoder that it reads, which may be f itself, or None where nothing can be drawn.
        emphasis: See `emphasise`.
        shift: Pixels by which x is moved each way to average f, see `encoders.over_shifts`.
    """

    def __init__(
        self,
        f: nn.Module,
        standardise_s: Standardise,
        g: nn.Module | None,
        upscaler: nn.Module | None,
        predictor: AvatarPredictor | None,
        emphasis: float = 1.0,
        shift: int = 0,
    ) -> None:
        super().__init__()
        self.f = f
        self.standardise_s = standardise_s
        self.g = g
        self.upscaler = upscaler
        self.predictor = predictor
        self.emphasis = emphasis
        self.shift = shift

    @torch.no_grad()
    def forward(
        self,
        x: Tensor,
        *,
        paint: bool = True,
        upscale: bool = True,
        draw: bool = True,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> TransferOutput:
        """Paint pictures, and read what an avatar is drawn from. f runs once where g and c share it.

        Args:
            x: (N, 3, S, S) pictures of s in [-1, 1].
            paint: Run g; it must be there.
            upscale: Run SR on what g painted.
            draw: Run c; it must be there.
            on_stage: Called with the name of each stage that has run: "encode", "generate", "upscale".
        """
        features = painted = upscaled = reading = None
        if draw:
            features = self.predictor.f(x)
        if paint:
            is_shared = draw and self.predictor.f is self.f
            z = self.generator_input(x, features if is_shared else None)
        on_stage("encode")
        if paint:
            painted = self.g(z)
            on_stage("generate")
            if upscale:
                upscaled = self.upscale(painted)
            on_stage("upscale")
        if draw:
            reading = self.predictor.read(features)
        return TransferOutput(painted, upscaled, reading)

    def generator_input(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        """Compute the input of g.

        Args:
            x: (N, 3, S, S) pictures of s in [-1, 1].
            features: f(x), where it is already known.

        Returns:
            (N, dim) standardised features, or x itself where G doesn't contain f.
        """
        if isinstance(self.g, FromPicture):
            return x
        if features is None:
            features = encoders.average_over_shifts(self.f, x, self.shift)
        return self.emphasise(self.standardise_s(features))

    def emphasise(self, z: Tensor) -> Tensor:
        """Scale (N, dim) standardised features by the emphasis, which moves a face away from the mean face. Features of
        a smaller weight (`encoders.weights_of`) are scaled by less."""
        if self.emphasis == 1:
            return z
        return z * (1 + (self.emphasis - 1) * encoders.weights_of(self.f).to(z))

    @torch.no_grad()
    def upscale(self, y: Tensor) -> Tensor:
        """SR: (N, channels, 64, 64) → (N, channels, 256, 256), both in [-1, 1]; bicubic without an upscaler."""
        if self.upscaler is None:
            return F.interpolate(y, size=(CROP, CROP), mode="bicubic", align_corners=False).clamp(-1, 1)
        return self.upscaler(y).clamp(-1, 1)


@dataclass(frozen=True)
class Checkpoint:
    """A loaded translation: the parts of its `network`, and where they come from.

    Attributes:
        name: Name of the directory.
        f: Encoder, see `networks.encoders`.
        standardise_s: Statistics of f on the source domain s.
        standardise_t: Statistics of f on the target domain t.
        g: Generator, see `networks.generator.build`; None in a checkpoint that only draws.
        upscaler: SR, or None.
        emphasis: Factor on g's input that increases the distance of a face from the mean; 1 as in training.
        info: Content of config.json.
        hash: 12 hex digits over all weights, quoted beside every measured figure.
        predictor: c, which draws avatars, or None.
        directory: Directory of the checkpoint.
    """

    name: str
    f: nn.Module
    standardise_s: Standardise
    standardise_t: Standardise
    g: nn.Module | None
    upscaler: nn.Module | None
    emphasis: float
    info: dict[str, Any]
    hash: str
    predictor: AvatarPredictor | None = None
    directory: Path = checkpoint.SHIPPED

    @cached_property
    def network(self) -> TransferNetwork:
        """The parts of this checkpoint as one module."""
        return TransferNetwork(
            f=self.f,
            standardise_s=self.standardise_s,
            g=self.g,
            upscaler=self.upscaler,
            predictor=self.predictor,
            emphasis=self.emphasis,
            shift=self.info.get("shift", 0),
        )

    def generator_input(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        """See `TransferNetwork.generator_input`."""
        return self.network.generator_input(x, features)

    def emphasise(self, z: Tensor) -> Tensor:
        """See `TransferNetwork.emphasise`."""
        return self.network.emphasise(z)

    def without_truncation(self) -> Checkpoint:
        """A copy as in training: g isn't truncated and x isn't shifted, so that the output has all its variety."""
        return replace(self, g=without_truncation(self.g), info={**self.info, "shift": 0})

    def require_generator(self) -> nn.Module:
        """Return g. Raises UserError where there is none."""
        if self.g is None:
            raise UserError(f"checkpoint '{self.name}' is drawn only. Choose drawn, or one that paints, such as emoji.")
        return self.g

    @torch.no_grad()
    def transfer(self, x: Tensor) -> Tensor:
        """G, without SR: (N, 3, S, S) pictures of s in [-1, 1] → (N, channels, side, side) in [-1, 1]. Raises UserError
        where there is no g."""
        return self.require_generator()(self.generator_input(x))


def load(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> Checkpoint:
    """Load a translation onto a device. Raises UserError with one line if it is missing, damaged or newer."""
    directory = checkpoint.find(name_or_dir)
    info = checkpoint.read_config(directory)
    if info.get("kind") not in checkpoint.TRANSLATIONS:
        reason = f"holds {info.get('kind', 'nothing known')!r}, not a translation"
        raise UserError(subject=directory, reason=reason, remedy="Give one, such as emoji.")
    f = checkpoint.build_encoder(directory, info)
    standardise_s, standardise_t = _read_statistics(directory)
    paints = info["kind"] == "transfer"
    g = checkpoint.build_part(build_generator, directory, info, "generator") if paints else None
    upscaler = checkpoint.build_part(build_upscaler, directory, info, "upscaler") if info.get("upscaler") else None
    for module in filter(None, (f, standardise_s, standardise_t, g, upscaler)):
        # Convolutions of f and g are faster in this format, those of SR are not.
        module.to(device, memory_format=None if module is upscaler else torch.channels_last)
        module.eval().requires_grad_(False)
    emphasis = info.get("emphasis", 1.0)
    if not isinstance(emphasis, int | float) or not 0 < emphasis < 10:
        raise bounds.damaged(directory, f"config.json's 'emphasis' is damaged ({emphasis!r})")
    loaded = Checkpoint(
        name=directory.name,
        f=f,
        standardise_s=standardise_s,
        standardise_t=standardise_t,
        g=g,
        upscaler=upscaler,
        emphasis=emphasis,
        info=info,
        hash=checkpoint.weights_hash(directory),
        predictor=_build_predictor(directory, info, f, device) if info.get("avatar") or not paints else None,
        directory=directory,
    )
    _check_forward(loaded, device)
    return loaded


def _read_statistics(directory: Path) -> tuple[Standardise, Standardise]:
    """Statistics of f on s and on t. Raises UserError if they are damaged."""
    statistics = checkpoint.read_tensors(directory, "statistics")
    try:
        on_s, on_t = (Standardise(statistics[f"mean_{domain}"], statistics[f"std_{domain}"]) for domain in "st")
    except KeyError as error:
        raise bounds.damaged(directory, f"statistics.safetensors lacks {error}") from None
    return on_s, on_t


def _check_forward(loaded: Checkpoint, device: str | torch.device) -> None:
    """Run one blank picture through all parts. Raises UserError where their shapes don't fit together."""
    side = 32 if checkpoint.input_domain(loaded.info) == "digits" else 64
    with bounds.reading(loaded.directory, "encoder"), torch.no_grad():
        x = torch.zeros(1, 3, side, side, device=device)
        if loaded.g:
            bounds.check_picture(loaded.transfer(x))
        if loaded.predictor:
            loaded.predictor(x)


def load_avatar_predictor(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> AvatarPredictor:
    """Load c of a checkpoint of kind "avatar" or "transfer". Raises UserError if it has none."""
    directory = checkpoint.find(name_or_dir)
    info = checkpoint.read_config(directory)
    if not info.get("avatar"):
        remedy = "Train one: python -m dtn_core train avatar-cpu"
        raise UserError(subject=directory, reason="can't draw avatars: it has no c", remedy=remedy)
    f = checkpoint.build_encoder(directory, info).to(device).eval().requires_grad_(False)
    return _build_predictor(directory, info, f, device)


def _build_predictor(
    directory: Path, info: dict[str, Any], f: nn.Module, device: str | torch.device
) -> AvatarPredictor:
    """Build c from the entry "avatar" of config.json. It reads f unless it has an encoder of its own."""
    config = checkpoint.read_entry(directory, info, "avatar")
    with bounds.reading(directory, "avatar"):
        if config.get("encoder"):
            file = checkpoint.stored_file(directory, "avatar-encoder")
            f = checkpoint.fill(bounds.build(encoders.build, config["encoder"], file), directory, "avatar-encoder")
        has_skin = bool(config.get("skin"))
        is_readable = isinstance(f, AttributeEncoder) and (has_skin or f.skin is not None)
        if config["style"] not in SPECS or not is_readable:
            raise bounds.damaged(directory, "config.json's 'avatar' names a style or an f that can't draw")
        head = _upgrade_head(directory, config)
        stored = checkpoint.stored_file(directory, "avatar")
        nets = bounds.build(lambda head: _avatar_nets(f, head, has_skin), head, stored)
        decisions = Decisions.from_dict(config["decisions"])
    checkpoint.fill(nets, directory, "avatar").to(device).eval().requires_grad_(False)
    f = f.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    return AvatarPredictor(
        style=config["style"],
        f=f,
        standardise=nets["standardise"],
        head=nets["head"],
        decisions=decisions,
        skin=nets["skin"] if has_skin else None,
        hash=checkpoint.weights_hash(directory, "avatar*.safetensors"),
    )


def _avatar_nets(f: nn.Module, head: dict[str, Any], has_skin: bool) -> nn.ModuleDict:
    """The parts of c that have weights, untrained. head: arguments of `AvatarHead`."""
    standardise = Standardise(torch.zeros(f.dim), torch.ones(f.dim))
    nets = nn.ModuleDict({"standardise": standardise, "head": AvatarHead(**head)})
    if has_skin:
        nets["skin"] = nn.Linear(f.dim, 3)
    return nets


def _upgrade_head(directory: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The settings of c's head. Raises UserError for hidden layers and for reading g's output, as in 0.2."""
    head = {"hidden": 0, **(config["head"] or {})}
    if config.get("picture") or head.pop("hidden"):
        raise UserError(f"{directory}: its c isn't linear in f, as this version's are. Train it again, or use 0.2.")
    return head


class Pretrained(ABC):
    """What `Transferrer` and `DigitTransferrer` have in common: loading and saving by the Hub's conventions."""

    checkpoint: Checkpoint

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | None = None,
        device: str = "auto",
        **others: Any,
    ) -> Self:
        """Load a checkpoint. Raises UserError.

        Args:
            name: A folder, the name of a checkpoint of this package, or ``user/name`` on the Hub.
            revision: Branch, tag or commit on the Hub.
            token: Access token for private repositories, see `hub.find`.
            device: "auto", "cpu", "cuda" or "cuda:N".
            others: Further arguments of `from_checkpoint`.
        """
        loaded = cls.from_checkpoint(hub.find(name, revision, token), device=device, **others)
        if hub.is_on_hub(name):
            # The directory in the Hub's cache is named after the commit.
            loaded.checkpoint = replace(loaded.checkpoint, name=str(name))
        return loaded

    @classmethod
    @abstractmethod
    def from_checkpoint(cls, name_or_dir: str | os.PathLike[str], *, device: str = "auto", **others: Any) -> Self:
        """Load a checkpoint from this computer. Raises UserError."""

    def save_pretrained(self, directory: str | os.PathLike[str]) -> Path:
        """Copy the checkpoint into a folder, with all that it shares with others. Raises UserError."""
        return hub.write(self.checkpoint.directory, directory)

    def push_to_hub(self, name: str, *, private: bool = False, token: str | None = None) -> str:
        """Upload the checkpoint as ``user/name`` and return its address. Raises UserError as `hub.push`."""
        return hub.push(self.checkpoint.directory, name, private=private, token=token)
