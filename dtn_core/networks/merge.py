"""Merge a translation and a separately trained part into one checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..core.errors import UserError
from . import checkpoint
from .checkpoint import TRANSLATIONS


def merge(translation: str | os.PathLike[str], part: str | os.PathLike[str], directory: str | os.PathLike[str]) -> Path:
    """Write a translation together with a separately trained part.

    Args:
        translation: Name or directory of the translation.
        part: Name or directory of an upscaler (kind "upscaler"), c ("avatar"), or f ("encoder"). The f must be that of
            the translation, and is then shared instead of copied.
        directory: Where to write the checkpoint.

    Raises:
        UserError: The kinds or the encoders don't match.
    """
    source = checkpoint.find(translation)
    other = checkpoint.find(part)
    info = checkpoint.read_config(source)
    config = checkpoint.read_config(other)
    parts = ("upscaler", "avatar", "encoder") if info.get("kind") == "transfer" else ("encoder",)
    if info.get("kind") not in TRANSLATIONS or config.get("kind") not in parts:
        raise UserError(
            "a translation and an upscaler, an avatar or an encoder are wanted, "
            f"not {info.get('kind')} and {config.get('kind')}."
        )
    tensors = {path.stem: checkpoint.read_tensors(source, path.stem) for path in source.glob("*.safetensors")}
    shared = dict(info.get("shared", {}))
    if config["kind"] == "upscaler":
        tensors["upscaler"] = checkpoint.read_tensors(other, "upscaler")
        info |= {"upscaler": config["upscaler"], "upscaler_trained": config["trained"]}
    elif config["kind"] == "avatar":
        f = checkpoint.read_tensors(other, "encoder")
        tensors.pop("avatar-encoder", None)
        shared.pop("avatar-encoder", None)
        tensors["avatar"] = checkpoint.read_tensors(other, "avatar")
        info |= {"avatar": config["avatar"], "avatar_trained": config["trained"]}
        if config["encoder"] != info["encoder"] or not _same(f, checkpoint.read_tensors(source, "encoder")):
            tensors["avatar-encoder"] = f
            info["avatar"] = {**config["avatar"], "encoder": config["encoder"]}
    else:
        if other.resolve().parent != checkpoint.SHIPPED.resolve():  # shared checkpoints are found by name
            raise UserError(f"{other}: only an encoder in {checkpoint.SHIPPED} can be shared. Copy it there first.")
        f = checkpoint.read_tensors(other, "encoder")
        same = [stem for stem in ("encoder", "avatar-encoder") if stem in tensors and _same(f, tensors[stem])]
        if not same:
            raise UserError(f"{translation} has another f than {part}, or shares it already.")
        for stem in same:
            del tensors[stem]
            shared[stem] = {"checkpoint": other.name, "hash": checkpoint.weights_hash(other)}
    info.pop("format")
    target = checkpoint.save(directory, info | ({"shared": shared} if shared else {}), tensors)
    for stem in {"encoder", "avatar-encoder"} - tensors.keys():
        (target / f"{stem}.safetensors").unlink(missing_ok=True)
    return target


def _same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
