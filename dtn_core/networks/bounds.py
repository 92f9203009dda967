"""Networks that a checkpoint's config.json describes, built only where that is sound: the file may be of anybody."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import UserError, reason_of

LARGEST = 4096
"""Of any size in a config.json, by far."""

LONGEST, DEEPEST = 64, 8
"""Entries of a list or an object, and how many may lie in each other."""


def damaged(directory: Path, reason: str, remedy: str = "Get the checkpoint again.") -> UserError:
    """The UserError for a checkpoint directory whose files can't be used. reason: without the directory's path."""
    return UserError(code="damaged", subject=directory, reason=reason, remedy=remedy)


@contextmanager
def reading(directory: Path, part: str) -> Iterator[None]:
    """Whatever goes wrong with this part of config.json is a UserError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # what a network raises at impossible settings is of every kind
        raise damaged(directory, f"config.json's '{part}' is damaged ({reason_of(error):.200})") from None


def check(settings: Any, deep: int = 0) -> None:
    """Raises ValueError for sizes that no network of ours has."""
    if isinstance(settings, Mapping | list):
        if len(settings) > LONGEST or deep > DEEPEST:
            raise ValueError("too many entries")
        for inside in settings.values() if isinstance(settings, Mapping) else settings:
            check(inside, deep + 1)
    elif isinstance(settings, int | float) and not abs(settings) <= LARGEST:
        raise ValueError(f"{settings!s:.20} is too large")


def build(make: Callable[[dict[str, Any]], nn.Module], settings: dict[str, Any], path: Path) -> nn.Module:
    """A network by its settings, if a file holds as much as it needs; memory is taken for no more. Raises
    UserError if it doesn't, ValueError as `check`, and whatever `make` raises."""
    check(settings)
    with torch.device("meta"):
        wanted = sum(value.numel() for value in make(settings).state_dict().values())
    held = path.stat().st_size if path.exists() else 0
    if wanted > held:  # a number takes two bytes or more
        raise damaged(path.parent, f"{path.name} doesn't fit config.json, which claims {wanted:,} numbers")
    return make(settings)


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raises ValueError, with the name, where one holds NaN or infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not math.isfinite(tensor.sum()) and not tensor.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity")


def check_picture(made: Tensor) -> Tensor:
    """Raises ValueError unless it is a picture as g makes one, (1, 1|3|4, S, S) and finite."""
    if made.ndim != 4 or made.shape[1] not in (1, 3, 4) or made.shape[2] != made.shape[3] or not made.isfinite().all():
        raise ValueError(f"it makes no pictures: {tuple(made.shape)}")
    return made
