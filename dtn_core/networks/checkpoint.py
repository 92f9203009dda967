"""The format of checkpoints: self-describing directories.

- ``config.json``: format, architectures of f, g and SR, training settings
- ``encoder.safetensors``: f's own weights, if it has any
- ``statistics.safetensors``: f's mean and deviation in each domain
- ``generator.safetensors``, ``upscaler.safetensors``: g and SR
- ``avatar.safetensors``: c
- ``avatar-encoder.safetensors``: the f of c, if it isn't that of g
- ``parser.safetensors``: the face parser
- ``README.md`` (model card), ``metrics.json``

Tensors and JSON only, never pickle. An f that several checkpoints share has a checkpoint of its own: ``"shared"`` in
config.json then has its name and hash instead of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from ..core.errors import UserError, reason_of
from ..core.files import atomic_output, distribution_folder, parse_json
from . import bounds, encoders

FORMAT = 1
SHIPPED = distribution_folder("checkpoints")

MAX_HEADER = 4 << 20
"""Bytes of config.json and of the header of a .safetensors file, which are parsed in one piece. Ours have kilobytes."""


def find(name_or_dir: str | os.PathLike[str]) -> Path:
    """The directory of a checkpoint, given its path or a name under ``checkpoints/``. Raises UserError."""
    for directory in (Path(name_or_dir), SHIPPED / name_or_dir):
        if (directory / "config.json").is_file():
            return directory
    known = sorted(p.parent.name for p in SHIPPED.glob("*/config.json")) if SHIPPED.is_dir() else []
    reason, remedy = "not found", f"Give a checkpoint's folder or one of: {', '.join(known) or '(none is shipped)'}."
    line = f"checkpoint '{name_or_dir}' not found: no config.json in it. {remedy}"
    raise UserError(line, code="not_found", subject=name_or_dir, reason=reason, remedy=remedy)


def input_domain(info: Mapping[str, Any]) -> str:
    """The input of a translation with this config.json: "heads", "pictures" or "digits"."""
    if "sees" in info:
        return info["sees"]
    encoder = info.get("encoder")  # checkpoints of earlier versions don't have the entry
    is_digits = isinstance(encoder, dict) and str(encoder.get("name")).startswith("digits")
    return "digits" if is_digits else "heads"


TRANSLATIONS = ("transfer", "avatar")
"""Kinds of checkpoints that translate pictures: with a generator, and drawn only."""


def is_translation(name_or_dir: str | os.PathLike[str]) -> bool:
    """Whether a name or folder is that of a translation."""
    try:
        return read_config(find(name_or_dir)).get("kind") in TRANSLATIONS
    except UserError:
        return False


def load_encoder(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> nn.Module:
    """Load the frozen f of a checkpoint (kind "encoder" or "transfer")."""
    directory = find(name_or_dir)
    return build_encoder(directory, read_config(directory)).to(device).eval().requires_grad_(False)


def save(
    directory: str | os.PathLike[str],
    info: Mapping[str, Any],
    tensors: Mapping[str, Mapping[str, Tensor]],
    texts: Mapping[str, str] | None = None,
) -> Path:
    """Write a checkpoint directory atomically.

    Args:
        directory: Where to write it. Other files of a checkpoint that is there already are kept, such as a model card.
        info: Content of config.json without the format.
        tensors: File stem → state dict, stored as fp16 except for "statistics".
        texts: Further files (README.md, metrics.json).

    Raises:
        UserError: It can't be written.
    """
    directory = Path(directory)
    with atomic_output(directory, folder=True) as temporary:
        if directory.exists():
            shutil.copytree(directory, temporary, dirs_exist_ok=True)
        for stem, state in tensors.items():
            stored = {k: _to_storage(v, stem != "statistics") for k, v in state.items()}
            (temporary / f"{stem}.safetensors").write_bytes(save_tensors(stored))
        for name, text in (texts or {}).items():
            (temporary / name).write_text(text, encoding="utf-8")
        (temporary / "config.json").write_text(config_text(info), encoding="utf-8")
    return directory


def config_text(info: Mapping[str, Any]) -> str:
    """The text of config.json. info: its content, with or without the format."""
    return json.dumps({"format": FORMAT, **info}, indent=1, ensure_ascii=False) + "\n"


def _to_storage(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if half and tensor.is_floating_point() else tensor


_RECORDS = (
    "encoder", "generator", "upscaler", "avatar", "parser", "shared", "trained", "avatar_trained", "upscaler_trained",
)  # fmt: skip
"""Optional entries of config.json that are objects."""


def read_config(directory: Path) -> dict[str, Any]:
    """Read and check config.json. Raises UserError if it is damaged or of a newer format."""
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
    """Read ``<stem>.safetensors``, or the shared file that replaces it, as float32.

    Raises:
        UserError: The file is missing, damaged, or doesn't have the hash of config.json.
    """
    path = _file(directory, stem)
    try:
        data = stored_file(directory, stem).read_bytes()
        if int.from_bytes(data[:8], "little") > MAX_HEADER:
            raise ValueError("its header is too large")
        tensors = load_tensors(data)
        bounds.check_finite(tensors)
    except (OSError, SafetensorError, ValueError, KeyError) as error:  # KeyError: an unknown dtype
        raise bounds.damaged(directory, f"{path.name} is damaged or cut short ({reason_of(error)})") from None
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def stored_file(directory: Path, stem: str) -> Path:
    """The path of ``<stem>.safetensors``, or of the shared file that replaces it. Raises UserError if it is missing."""
    path = _file(directory, stem)
    if not path.is_file():
        raise bounds.damaged(directory, f"{path.name} is missing")
    return path


def _file(directory: Path, stem: str) -> Path:
    path = directory / f"{stem}.safetensors"
    return path if path.exists() else shared_files(directory).get(path.name, path)


def shared_files(directory: Path) -> dict[str, Path]:
    """File name → the file of another checkpoint that replaces it, checked by its hash. Raises UserError."""
    files = {}
    try:
        for stem, source in read_config(directory).get("shared", {}).items():
            name = source["checkpoint"]
            other = find(name)
            if read_config(other).get("shared"):
                raise bounds.damaged(directory, f"shares with '{name}', which shares with others")
            if weights_hash(other) != source["hash"]:
                reason = f"needs checkpoint '{name}' of hash {source['hash']}"
                raise bounds.damaged(directory, reason, "Get both again.")
            files[f"{stem}.safetensors"] = other / "encoder.safetensors"
    except (AttributeError, KeyError, TypeError) as error:
        raise bounds.damaged(directory, f"config.json's 'shared' is damaged ({reason_of(error)})") from None
    return files


def fill(module: nn.Module, directory: Path, stem: str) -> nn.Module:
    """Load ``<stem>.safetensors`` into a module, except for encoders whose weights come with a package."""
    tensors = read_tensors(directory, stem)
    expected = {k: v for k, v in module.state_dict().items() if not _from_package(module, k)}
    mismatches = sorted(set(expected) ^ set(tensors))
    if not mismatches:
        mismatches = [k for k in expected if expected[k].shape != tensors[k].shape]
    if mismatches:
        raise bounds.damaged(directory, f"{stem}.safetensors doesn't fit config.json ({mismatches[0]})")
    module.load_state_dict(tensors, strict=False)
    return module


def own_weights(f: nn.Module) -> dict[str, Tensor]:
    """The weights of an encoder that a checkpoint must store: all but those that come with a package."""
    return {k: v for k, v in f.state_dict().items() if not _from_package(f, k)}


def _from_package(module: nn.Module, key: str) -> bool:
    names = key.split(".")
    owners = [module, *(module.get_submodule(".".join(names[:i])) for i in range(1, len(names)))]
    return any(isinstance(owner, encoders.DlibEncoder | encoders.FacenetEncoder) for owner in owners)


def build_encoder(directory: Path, info: dict[str, Any]) -> nn.Module:
    """Build the encoder of config.json and load its weights. Raises UserError."""
    config = read_entry(directory, info, "encoder")
    path = _file(directory, "encoder")
    with bounds.reading(directory, "encoder"):
        bounds.check(config)
        own = [part for part in _parts(config) if part.get("name") not in ("dlib", "facenet")]
        if own:
            bounds.build(lambda _: nn.ModuleList(map(encoders.build, own)), config, stored_file(directory, "encoder"))
        f = encoders.build(config)
    return fill(f, directory, "encoder") if path.exists() else f


def _parts(config: dict[str, Any]) -> list[dict[str, Any]]:
    return config["parts"] if config.get("name") == "side-by-side" else [config]


def read_entry(directory: Path, info: dict[str, Any], key: str) -> dict[str, Any]:
    """An entry of config.json that must be an object. Raises UserError."""
    if not isinstance(info.get(key), dict):
        raise UserError(f"{directory}: config.json has no '{key}'. Get the checkpoint again.")
    return info[key]


def build_part(build: Callable[[dict[str, Any]], nn.Module], directory: Path, info: dict[str, Any], stem: str) -> Any:
    """Build a network of config.json with `build` and load its weights. Raises UserError."""
    with bounds.reading(directory, stem):
        module = bounds.build(build, read_entry(directory, info, stem), stored_file(directory, stem))
    return fill(module, directory, stem)


def weights_hash(directory: Path, files: str = "*.safetensors") -> str:
    """12 hex digits of SHA-256 over all .safetensors files in the order of their names, also shared ones.

    files: pattern of the names to include.
    """
    paths = {path.name: path for path in directory.glob(files)}
    if (directory / "config.json").exists():
        paths = {name: path for name, path in shared_files(directory).items() if fnmatch(name, files)} | paths
    digest = hashlib.sha256()
    for name in sorted(paths):
        digest.update(name.encode() + paths[name].read_bytes())
    return digest.hexdigest()[:12]
