"""Loaded checkpoints: f, g, SR and c as modules."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..avatars.choose import Decisions
from ..avatars.parameters import SPECS
from ..avatars.predict import AvatarPredictor
from ..core.errors import UserError
from ..networks import bounds, checkpoint, encoders, hub
from ..networks.avatar_head import AvatarHead
from ..networks.encoders import Standardise
from ..networks.generator import FromPicture, untruncated
from ..networks.generator import build as build_generator
from ..networks.resnet import AttributeEncoder
from ..networks.upscaler import build as build_upscaler


@dataclass(frozen=True)
class Checkpoint:
    """A loaded translation: G(x) = g(emphasise(standardise_s(f(x)))), then SR. All frozen, in eval mode, float32.

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

    def generator_input(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        """(B, 3, S, S) pictures of s in [-1, 1] → the input of g: (B, dim) features, or the pictures themselves where G
        doesn't contain f. features: f(x), where it is known."""
        if isinstance(self.g, FromPicture):
            return x
        if features is None:
            features = encoders.over_shifts(self.f, x, self.info.get("shift", 0))
        return self.emphasise(self.standardise_s(features))

    def emphasise(self, z: Tensor) -> Tensor:
        """(B, dim) standardised features, those that count in full (`encoders.weights_of`) times the emphasis, others
        by less."""
        if self.emphasis == 1:
            return z
        return z * (1 + (self.emphasis - 1) * encoders.weights_of(self.f).to(z))

    def plain(self) -> Checkpoint:
        """Without truncation and shifts of x: as in training, with all of g's variety."""
        return replace(self, g=untruncated(self.g), info={**self.info, "shift": 0})

    def painter(self) -> nn.Module:
        """g. Raises UserError where there is none."""
        if self.g is None:
            raise UserError(f"checkpoint '{self.name}' is drawn only. Choose drawn, or one that paints, such as emoji.")
        return self.g

    @torch.no_grad()
    def transfer(self, x: Tensor) -> Tensor:
        """G, without SR: (B, 3, S, S) pictures of s in [-1, 1] → (B, channels, side, side) in [-1, 1]. Raises UserError
        as `painter`."""
        return self.painter()(self.generator_input(x))


def load(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> Checkpoint:
    """Load a translation onto a device. Raises UserError with one line if it is missing, damaged or newer."""
    directory = checkpoint.find(name_or_dir)
    info = checkpoint.read_config(directory)
    if info.get("kind") not in checkpoint.TRANSLATIONS:
        reason = f"holds {info.get('kind', 'nothing known')!r}, not a translation"
        raise UserError(subject=directory, reason=reason, remedy="Give one, such as emoji.")
    f = checkpoint.build_encoder(directory, info)
    statistics = checkpoint.read_tensors(directory, "statistics")
    try:
        standardise = [Standardise(statistics[f"mean_{d}"], statistics[f"std_{d}"]) for d in "st"]
    except KeyError as error:
        raise bounds.damaged(directory, f"statistics.safetensors lacks {error}") from None
    paints = info["kind"] == "transfer"
    g = checkpoint.build_part(build_generator, directory, info, "generator") if paints else None
    upscaler = checkpoint.build_part(build_upscaler, directory, info, "upscaler") if info.get("upscaler") else None
    for module in filter(None, (f, *standardise, g, upscaler)):
        module.to(device, memory_format=None if module is upscaler else torch.channels_last)  # f and g run faster so
        module.eval().requires_grad_(False)
    emphasis = info.get("emphasis", 1.0)
    if not isinstance(emphasis, int | float) or not 0 < emphasis < 10:
        raise bounds.damaged(directory, f"config.json's 'emphasis' is damaged ({emphasis!r})")
    predictor = _build_predictor(directory, info, f, device) if info.get("avatar") or not paints else None
    made = Checkpoint(
        name=directory.name,
        f=f,
        standardise_s=standardise[0],
        standardise_t=standardise[1],
        g=g,
        upscaler=upscaler,
        emphasis=emphasis,
        info=info,
        hash=checkpoint.weights_hash(directory),
        predictor=predictor,
        directory=directory,
    )
    side = 32 if checkpoint.input_domain(info) == "digits" else 64
    with bounds.reading(directory, "encoder"), torch.no_grad():  # its parts may not go together
        x = torch.zeros(1, 3, side, side, device=device)
        if g:
            bounds.check_picture(made.transfer(x))
        if predictor:
            predictor(x)
    return made


def load_avatar_predictor(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> AvatarPredictor:
    """c of any checkpoint directory that holds one (kind "avatar" or "transfer"). Raises UserError if it has none."""
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
    config = checkpoint.read_entry(directory, info, "avatar")
    with bounds.reading(directory, "avatar"):
        if config.get("encoder"):
            own = bounds.build(encoders.build, config["encoder"], checkpoint.stored_file(directory, "avatar-encoder"))
            f = checkpoint.fill(own, directory, "avatar-encoder")
        if config["style"] not in SPECS or not isinstance(f, AttributeEncoder) or f.skin is None:
            raise bounds.damaged(directory, "config.json's 'avatar' names a style or an f that can't draw")
        head = _upgrade_head(directory, config)
        nets = bounds.build(lambda head: _avatar_nets(f, head), head, checkpoint.stored_file(directory, "avatar"))
        decisions = Decisions.from_dict(config["decisions"])
    checkpoint.fill(nets, directory, "avatar").to(device).eval().requires_grad_(False)
    f = f.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    mark = checkpoint.weights_hash(directory, "avatar*.safetensors")
    return AvatarPredictor(config["style"], f, nets["standardise"], nets["head"], decisions, mark)


def _avatar_nets(f: nn.Module, head: dict[str, Any]) -> nn.ModuleDict:
    standardise = Standardise(torch.zeros(f.dim), torch.ones(f.dim))
    return nn.ModuleDict({"standardise": standardise, "head": AvatarHead(**head)})


def _upgrade_head(directory: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The settings of c. Before 0.3 it could have hidden layers, or read the painted picture: raises UserError."""
    head = {"hidden": 0, **(config["head"] or {})}
    if config.get("picture") or head.pop("hidden"):
        raise UserError(f"{directory}: its c isn't linear in f, as this version's are. Train it again, or use 0.2.")
    return head


class Pretrained(ABC):
    """What `Transferrer` and `DigitTransferrer` have in common: loading and saving by the Hub's customs."""

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
        """Load a checkpoint onto "cpu", "cuda" or "auto": a folder, the name of one that comes with the package, or
        ``user/name`` on the Hub (see `hub.find`). others: as `from_checkpoint` takes them. Raises UserError."""
        made = cls.from_checkpoint(hub.find(name, revision, token), device=device, **others)
        if hub.is_on_hub(name):  # or it would be called by its commit
            made.checkpoint = replace(made.checkpoint, name=str(name))
        return made

    @classmethod
    @abstractmethod
    def from_checkpoint(cls, name_or_dir: str | os.PathLike[str], *, device: str = "auto", **others: Any) -> Self:
        """As `from_pretrained`, of what lies here."""

    def save_pretrained(self, directory: str | os.PathLike[str]) -> Path:
        """Copy the checkpoint into a folder, with all that it shares with others. Raises UserError."""
        return hub.write(self.checkpoint.directory, directory)

    def push_to_hub(self, name: str, *, private: bool = False, token: str | None = None) -> str:
        """Upload the checkpoint as ``user/name``. Returns its address. Raises UserError as `hub.push`."""
        return hub.push(self.checkpoint.directory, name, private=private, token=token)
