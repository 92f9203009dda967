"""Feature caches as files, and the encoder f that computes the features."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..core.errors import UserError, reason_of
from ..core.files import temporary_directory, write_error
from ..networks import checkpoint, encoders
from ..networks.dlib_models import download_facenet


@dataclass(frozen=True)
class FeatureCache:
    """Everything that the training loop of a transfer reads.

    Attributes:
        f_s: (N, views, dim) f of jittered views of the source pictures.
        t: (M, C, S, S) uint8 target pictures; RGBA ones are premultiplied, see `images`.
        f_t: (M, dim) f of the target pictures.
        f_val: (K, dim) f of validation pictures of s.
        val: (K, S, S, 3) uint8 these pictures.
        t_val: (L, C, S, S) uint8 held-out target pictures.
        f_t_val: (L, dim) f of them.
        x_s: (N, views, 3, S, S) uint8 the views themselves, for a G that doesn't contain f; digits only.
        source: Where both domains come from, in words.
        notes: What the user should know about the pictures.
        made_by: `identity` of f.
    """

    f_s: Tensor
    t: Tensor
    f_t: Tensor
    f_val: Tensor
    val: Tensor
    t_val: Tensor
    f_t_val: Tensor
    x_s: Tensor | None = None
    source: str = ""
    notes: tuple[str, ...] = ()
    made_by: str = ""

    def write(self, path: Path) -> None:
        """Write one safetensors file atomically: features as fp16, targets deflated.

        Raises:
            UserError: It can't be written.
        """
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        halved = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
        stored = {name: value.contiguous().clone() for name, value in halved.items()}
        shapes = {}
        for name in _DEFLATED:
            deflated = zlib.compress(stored[name].numpy().tobytes())
            shapes[name] = json.dumps(list(stored[name].shape))
            stored[name] = torch.frombuffer(bytearray(deflated), dtype=torch.uint8)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary_directory(path) as folder:  # save_file leaves files of its own when it is killed
                temporary = folder / path.name
                save_file(
                    stored,
                    temporary,
                    metadata={"source": self.source, "notes": json.dumps(self.notes), "f": self.made_by, **shapes},
                )
                temporary.replace(path)
        except (OSError, SafetensorError) as error:
            raise write_error(path, error, "Free space, or choose another.") from None

    @classmethod
    def read(cls, path: Path) -> FeatureCache:
        """The inverse of `write`. Raises UserError if the file is missing, damaged or no feature cache."""
        metadata = _metadata(path)
        try:
            with safe_open(path, "pt") as file:
                stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dictionary)
            for name in _DEFLATED:
                inflated = bytearray(zlib.decompress(stored[name].numpy().tobytes()))
                stored[name] = torch.frombuffer(inflated, dtype=torch.uint8).view(json.loads(metadata[name]))
            tensors = {name: value.float() if value.is_floating_point() else value for name, value in stored.items()}
            notes = tuple(map(str, json.loads(metadata.get("notes", "[]"))))
            return cls(**tensors, source=metadata.get("source", ""), notes=notes, made_by=metadata.get("f", ""))
        except (OSError, SafetensorError, zlib.error, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"{path}: damaged, or no feature cache ({reason_of(error)}). Make it again.") from None


_DEFLATED = ("t", "t_val")
"""Tensors of drawings, which shrink to a sixth."""


def make_encoder(name: str, device: str = "cpu") -> nn.Module:
    """Build f by its name in `TransferTraining.encoder`: "dlib", "facenet", a checkpoint, or several joined by "+".

    Downloads the weights of facenet if they are missing.
    """
    names = name.split("+")
    if "facenet" in names:
        download_facenet()
    parts = [
        encoders.build({"name": name}) if name in ("dlib", "facenet") else checkpoint.load_encoder(name)
        for name in names
    ]
    f = parts[0] if len(parts) == 1 else encoders.SideBySide(parts)
    return f.to(device).eval().requires_grad_(False)


def identity(f: nn.Module) -> str:
    """16 hex digits that identify an f: SHA-256 of its settings and its weights."""
    digest = hashlib.sha256(json.dumps(f.config).encode())
    for key, value in sorted(f.state_dict().items()):
        digest.update(key.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def check_cache(path: Path, f: nn.Module) -> None:
    """Raise UserError if a file isn't a feature cache, or if another f made it. Reads only its metadata."""
    made_by = _metadata(path).get("f")
    if not made_by:
        raise UserError(f"{path}: made by an earlier version, which didn't say with which f. Make it again.")
    if made_by != identity(f):
        raise UserError(f"{path}: made with another f. Give the encoder it was made with, or make it again.")


def read_cache(path: Path, f: nn.Module) -> FeatureCache:
    """Read a feature cache that was made with this f. Raises UserError as `check_cache` and `FeatureCache.read`."""
    check_cache(path, f)
    return FeatureCache.read(path)


def _metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file. Raises UserError if it is missing or damaged."""
    if not path.is_file():
        raise UserError(f"{path}: no such feature cache. Make one with --write-feature-cache.")
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: damaged, or no feature cache ({reason_of(error)}). Make it again.") from None
