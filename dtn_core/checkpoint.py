"""Checkpoints: directories that explain themselves.

``config.json`` (format, what f, g and SR are, how it was trained), ``encoder.safetensors`` (f's own weights, if
it has any), ``statistics.safetensors`` (f's mean and deviation per domain), ``generator.safetensors``,
``upscaler.safetensors``, ``avatar.safetensors`` (c; where it reads another f than g, ``avatar-encoder.safetensors``
is that), ``README.md`` (model card), ``metrics.json``. Tensors and JSON only, never pickle.

An f that several checkpoints share lies in a checkpoint of its own: ``"shared"`` in config.json then names it, and its
hash, in place of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from .avatars.choose import Decisions
from .avatars.parameters import SPECS
from .drawer import Drawer
from .errors import UserError, reason_of
from .files import parse_json, replacing, shipped
from .networks import bounds, encoders
from .networks.avatar_head import AvatarHead
from .networks.encoders import Standardise
from .networks.generator import FromPicture, untruncated
from .networks.generator import build as build_generator
from .networks.resnet import AttributeEncoder
from .networks.upscaler import build as build_upscaler

FORMAT = 1
SHIPPED = shipped("checkpoints")

MAX_HEADER = 4 << 20
"""Bytes of config.json, and of the header of a .safetensors file, which are parsed whole. Ours have some kilobytes."""


@dataclass(frozen=True)
class Checkpoint:
    """A translation, loaded: G(x) = g(emphasise(standardise_s(f(x)))), then SR. All frozen, in eval mode, float32. One
    that is drawn only has a drawer and no g.

    f: encoder, see `networks.encoders`; standardise_s, standardise_t: statistics of f on each domain;
    g: see `networks.generator.build`, or None; upscaler: SR, or None; emphasis: factor on g's input, what sets a
    face apart from the mean (1: as in training); drawer: c, which draws avatars, or None; info: content of
    config.json; hash: 12 hex digits over all weights, quoted beside every measured figure; directory: where it lies.
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
    drawer: Drawer | None = None
    directory: Path = SHIPPED

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


def find(name_or_dir: str | os.PathLike[str]) -> Path:
    """The directory of a checkpoint: a path, or a name under ``checkpoints/``. Raises UserError with what is
    there."""
    for directory in (Path(name_or_dir), SHIPPED / name_or_dir):
        if (directory / "config.json").is_file():
            return directory
    known = sorted(p.parent.name for p in SHIPPED.glob("*/config.json")) if SHIPPED.is_dir() else []
    reason, remedy = "not found", f"Give a checkpoint's folder or one of: {', '.join(known) or '(none is shipped)'}."
    line = f"checkpoint '{name_or_dir}' not found: no config.json in it. {remedy}"
    raise UserError(line, code="not_found", subject=name_or_dir, reason=reason, remedy=remedy)


def sees(info: Mapping[str, Any]) -> str:
    """What a translation with this config.json takes: "heads", "pictures" or "digits". Those of earlier versions don't
    say."""
    encoder = info.get("encoder")
    older = "digits" if isinstance(encoder, dict) and str(encoder.get("name")).startswith("digits") else "heads"
    return info.get("sees", older)


TRANSLATIONS = ("transfer", "avatar")
"""Kinds of checkpoints that translate: with a generator, and drawn only."""


def is_one(name_or_dir: str | os.PathLike[str]) -> bool:
    """Whether there is a translation under this name or in this folder."""
    try:
        return read_config(find(name_or_dir)).get("kind") in TRANSLATIONS
    except UserError:
        return False


def load(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> Checkpoint:
    """Load a translation onto a device. Raises UserError with one line if it is missing, damaged or newer."""
    directory = find(name_or_dir)
    info = read_config(directory)
    if info.get("kind") not in TRANSLATIONS:
        reason = f"holds {info.get('kind', 'nothing known')!r}, not a translation"
        raise UserError(subject=directory, reason=reason, remedy="Give one, such as emoji.")
    f = _encoder(directory, info)
    statistics = read_tensors(directory, "statistics")
    try:
        standardise = [Standardise(statistics[f"mean_{d}"], statistics[f"std_{d}"]) for d in "st"]
    except KeyError as error:
        raise bounds.damaged(directory, f"statistics.safetensors lacks {error}") from None
    paints = info["kind"] == "transfer"
    g = _make(build_generator, directory, info, "generator") if paints else None
    upscaler = _make(build_upscaler, directory, info, "upscaler") if info.get("upscaler") else None
    for module in filter(None, (f, *standardise, g, upscaler)):
        module.to(device, memory_format=None if module is upscaler else torch.channels_last)  # f and g run faster so
        module.eval().requires_grad_(False)
    emphasis = info.get("emphasis", 1.0)
    if not isinstance(emphasis, int | float) or not 0 < emphasis < 10:
        raise bounds.damaged(directory, f"config.json's 'emphasis' is damaged ({emphasis!r})")
    drawer = _drawer(directory, info, f, device) if info.get("avatar") or not paints else None
    made = Checkpoint(
        directory.name, f, *standardise, g, upscaler, emphasis, info, weights_hash(directory), drawer, directory
    )
    side = 32 if sees(info) == "digits" else 64
    with bounds.reading(directory, "encoder"), torch.no_grad():  # its parts may not go together
        x = torch.zeros(1, 3, side, side, device=device)
        if g:
            bounds.check_picture(made.transfer(x))
        if drawer:
            drawer(x)
    return made


def load_encoder(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> nn.Module:
    """The frozen f of any checkpoint directory that holds one (kind "encoder" or "transfer")."""
    directory = find(name_or_dir)
    return _encoder(directory, read_config(directory)).to(device).eval().requires_grad_(False)


def load_drawer(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> Drawer:
    """c of any checkpoint directory that holds one (kind "avatar" or "transfer"). Raises UserError if it has none."""
    directory = find(name_or_dir)
    info = read_config(directory)
    if not info.get("avatar"):
        remedy = "Train one: python -m dtn_core train avatar-cpu"
        raise UserError(subject=directory, reason="can't draw avatars: it has no c", remedy=remedy)
    return _drawer(directory, info, _encoder(directory, info).to(device).eval().requires_grad_(False), device)


def _drawer(directory: Path, info: dict[str, Any], f: nn.Module, device: str | torch.device) -> Drawer:
    config = _entry(directory, info, "avatar")
    with bounds.reading(directory, "avatar"):
        if config.get("encoder"):
            own = bounds.build(encoders.build, config["encoder"], _stored(directory, "avatar-encoder"))
            f = fill(own, directory, "avatar-encoder")
        if config["style"] not in SPECS or not isinstance(f, AttributeEncoder) or f.skin is None:
            raise bounds.damaged(directory, "config.json's 'avatar' names a style or an f that can't draw")
        head = _upgrade_head(directory, config)
        nets = bounds.build(lambda head: _avatar_nets(f, head), head, _stored(directory, "avatar"))
        decisions = Decisions.from_dict(config["decisions"])
    fill(nets, directory, "avatar").to(device).eval().requires_grad_(False)
    f = f.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    mark = weights_hash(directory, "avatar*.safetensors")
    return Drawer(config["style"], f, nets["standardise"], nets["head"], decisions, mark)


def _upgrade_head(directory: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The settings of c. Before 0.3 it could have hidden layers, or read the painted picture: raises UserError."""
    head = {"hidden": 0, **(config["head"] or {})}
    if config.get("picture") or head.pop("hidden"):
        raise UserError(f"{directory}: its c isn't linear in f, as this version's are. Train it again, or use 0.2.")
    return head


def _avatar_nets(f: nn.Module, head: dict[str, Any]) -> nn.ModuleDict:
    standardise = Standardise(torch.zeros(f.dim), torch.ones(f.dim))
    return nn.ModuleDict({"standardise": standardise, "head": AvatarHead(**head)})


def save(
    directory: str | os.PathLike[str],
    info: Mapping[str, Any],
    tensors: Mapping[str, Mapping[str, Tensor]],
    texts: Mapping[str, str] | None = None,
) -> Path:
    """Write a checkpoint directory, whole or not at all, replacing what was there.

    info: config.json's content without the format; tensors: file stem → state dict, kept as fp16 except
    "statistics"; texts: further files (README.md, metrics.json). Files of an older checkpoint in the same
    place that are named in none of these (its model card, say) stay. Raises UserError if it can't be written.
    """
    directory = Path(directory)
    with replacing(directory, folder=True) as temporary:
        if directory.exists():
            shutil.copytree(directory, temporary, dirs_exist_ok=True)
        for stem, state in tensors.items():
            half = {k: _kept(v, stem != "statistics") for k, v in state.items()}
            (temporary / f"{stem}.safetensors").write_bytes(save_tensors(half))
        for name, text in (texts or {}).items():
            (temporary / name).write_text(text, encoding="utf-8")
        (temporary / "config.json").write_text(config_text(info), encoding="utf-8")
    return directory


def config_text(info: Mapping[str, Any]) -> str:
    """config.json, as it is written; info: its content, with or without the format."""
    return json.dumps({"format": FORMAT, **info}, indent=1, ensure_ascii=False) + "\n"


def _kept(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if half and tensor.is_floating_point() else tensor


_RECORDS = ("encoder", "generator", "upscaler", "avatar", "shared", "trained", "avatar_trained", "upscaler_trained")
"""Entries of config.json that are objects, where they are there."""


def read_config(directory: Path) -> dict[str, Any]:
    """config.json of a checkpoint directory, checked. Raises UserError if damaged or of a newer format."""
    try:
        with (directory / "config.json").open("rb") as file:
            text = file.read(MAX_HEADER + 1)
        if len(text) > MAX_HEADER:
            raise ValueError("too large")
        info = parse_json(text.decode("utf-8"))
        version = dict(info)["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise bounds.damaged(directory, f"config.json is damaged ({reason_of(error)})") from None
    for key in _RECORDS:
        if not isinstance(info.get(key) or {}, dict):
            raise bounds.damaged(directory, f"config.json's '{key}' is damaged (no object)")
    if version != FORMAT:
        reason = f"checkpoint format {version}, this version reads {FORMAT}"
        raise UserError(code="other_version", subject=directory, reason=reason, remedy="Update DTN Studio.")
    return info


def read_tensors(directory: Path, stem: str) -> dict[str, Tensor]:
    """All tensors of ``<stem>.safetensors``, or of what config.json names in its place, as float32. Raises UserError if
    missing, damaged or another than config.json says."""
    path = _file(directory, stem)
    try:
        data = _stored(directory, stem).read_bytes()
        if int.from_bytes(data[:8], "little") > MAX_HEADER:
            raise ValueError("its header is too large")
        tensors = load_tensors(data)
        bounds.check_finite(tensors)
    except (OSError, SafetensorError, ValueError, KeyError) as error:  # KeyError: a type that torch hasn't
        raise bounds.damaged(directory, f"{path.name} is damaged or cut short ({reason_of(error)})") from None
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def _stored(directory: Path, stem: str) -> Path:
    """As `_file`. Raises UserError if it is missing."""
    path = _file(directory, stem)
    if not path.is_file():
        raise bounds.damaged(directory, f"{path.name} is missing")
    return path


def _file(directory: Path, stem: str) -> Path:
    path = directory / f"{stem}.safetensors"
    return path if path.exists() else shared_files(directory).get(path.name, path)


def shared_files(directory: Path) -> dict[str, Path]:
    """File name → the file of another checkpoint that stands for it, checked by its hash. Raises UserError."""
    found = {}
    try:
        for stem, source in read_config(directory).get("shared", {}).items():
            name, other = source["checkpoint"], find(source["checkpoint"])
            if weights_hash(other) != source["hash"]:
                reason = f"needs checkpoint '{name}' of hash {source['hash']}"
                raise bounds.damaged(directory, reason, "Get both again.")
            found[f"{stem}.safetensors"] = other / "encoder.safetensors"
    except (AttributeError, KeyError, TypeError) as error:
        raise bounds.damaged(directory, f"config.json's 'shared' is damaged ({reason_of(error)})") from None
    return found


def fill(module: nn.Module, directory: Path, stem: str) -> nn.Module:
    """Load ``<stem>.safetensors`` into a module. Encoders that load weights of their own may be absent from it."""
    tensors = read_tensors(directory, stem)
    wanted = {k: v for k, v in module.state_dict().items() if not _from_package(module, k)}
    wrong = sorted(set(wanted) ^ set(tensors)) or [k for k in wanted if wanted[k].shape != tensors[k].shape]
    if wrong:
        raise bounds.damaged(directory, f"{stem}.safetensors doesn't fit config.json ({wrong[0]})")
    module.load_state_dict(tensors, strict=False)
    return module


def own_weights(f: nn.Module) -> dict[str, Tensor]:
    """An encoder's weights that a checkpoint must store; those that come with a package are left out."""
    return {k: v for k, v in f.state_dict().items() if not _from_package(f, k)}


def _from_package(module: nn.Module, key: str) -> bool:
    names = key.split(".")
    owners = [module, *(module.get_submodule(".".join(names[:i])) for i in range(1, len(names)))]
    return any(isinstance(owner, encoders.DlibEncoder | encoders.FacenetEncoder) for owner in owners)


def _encoder(directory: Path, info: dict[str, Any]) -> nn.Module:
    config, path = _entry(directory, info, "encoder"), _file(directory, "encoder")
    with bounds.reading(directory, "encoder"):
        bounds.check(config)
        own = [part for part in _parts(config) if part.get("name") not in ("dlib", "facenet")]
        if own:
            bounds.build(lambda _: nn.ModuleList(map(encoders.build, own)), config, _stored(directory, "encoder"))
        f = encoders.build(config)
    return fill(f, directory, "encoder") if path.exists() else f


def _parts(config: dict[str, Any]) -> list[dict[str, Any]]:
    return config["parts"] if config.get("name") == "side-by-side" else [config]


def _entry(directory: Path, info: dict[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(info.get(key), dict):
        raise UserError(f"{directory}: config.json has no '{key}'. Get the checkpoint again.")
    return info[key]


def _make(build: Callable[[dict[str, Any]], nn.Module], directory: Path, info: dict[str, Any], stem: str) -> Any:
    with bounds.reading(directory, stem):
        module = bounds.build(build, _entry(directory, info, stem), _stored(directory, stem))
    return fill(module, directory, stem)


def weights_hash(directory: Path, files: str = "*.safetensors") -> str:
    """12 hex digits of SHA-256 over every .safetensors file, by name, shared ones too; files: over these alone."""
    paths = {path.name: path for path in directory.glob(files)}
    if (directory / "config.json").exists():
        paths = {name: path for name, path in shared_files(directory).items() if fnmatch(name, files)} | paths
    digest = hashlib.sha256()
    for name in sorted(paths):
        digest.update(name.encode() + paths[name].read_bytes())
    return digest.hexdigest()[:12]
