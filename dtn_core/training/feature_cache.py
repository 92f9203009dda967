"""Feature caches: since f is frozen, everything that a transfer's training loop reads is computed once and kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ..config import DigitsTransfer, TransferTraining, kind_of
from .feature_builders import BUILDERS, SELECTION, select_digits
from .feature_builders import read_folders as read_folders
from .feature_file import FeatureCache, identity
from .feature_file import make_encoder as make_encoder

FORMAT = 5
"""Part of the name of a kept cache: caches of other formats are computed again."""


def cache_path(config: TransferTraining, f: nn.Module, data: Path | None, folder: Path) -> Path:
    """Where the cache of these settings, these pictures and this f is kept."""
    key = BUILDERS[type(config)](config, data).key()
    name = hashlib.sha256(json.dumps([FORMAT, kind_of(config), identity(f), key]).encode()).hexdigest()
    return folder / f"{name[:12]}.safetensors"


@torch.no_grad()
def build_cache(config: TransferTraining, f: nn.Module, data: Path | None, device: str) -> FeatureCache:
    """Read or draw both domains and compute f of all pictures.

    Labels of neither are used, except to leave out a digit if the settings ask for it.
    """
    cache = BUILDERS[type(config)](config, data).build(f, device)
    return replace(cache, made_by=identity(f))


def get_cache(config: TransferTraining, f: nn.Module, data: Path | None, device: str, folder: Path) -> FeatureCache:
    """The cache of these settings; computed and kept in the folder if it isn't there yet."""
    complete = replace(config, **dict.fromkeys(SELECTION)) if isinstance(config, DigitsTransfer) else config
    path = cache_path(complete, f, data, folder)
    if not path.exists():
        build_cache(complete, f, data, device).write(path)
    cache = FeatureCache.read(path)
    return cache if config == complete else select_digits(cache, config, data)
