"""Build networks from an untrusted config.json, with bounds on sizes and memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..core.errors import UserError, reason_of

_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)

MAX_VALUE = 4096
"""Largest number in a config.json."""

MAX_ENTRIES = 64
"""Largest number of entries of a list or an object."""

MAX_DEPTH = 8
"""Deepest nesting."""


def damaged(directory: Path, reason: str, remedy: str = "Get the checkpoint again.") -> UserError:
    """The UserError for unusable files of a checkpoint. reason: without the directory's path."""
    return UserError(code="damaged", subject=directory, reason=reason, remedy=remedy)


@contextmanager
def reading(directory: Path, part: str) -> Iterator[None]:
    """Turn any exception in the block into a UserError about this part of config.json."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # networks raise all kinds of errors for impossible settings
        raise damaged(directory, f"config.json's '{part}' is damaged ({reason_of(error):.200})") from None


def check(settings: Any, depth: int = 0) -> None:
    """Raise ValueError for sizes that no network of ours has."""
    if isinstance(settings, Mapping | list):
        if len(settings) > MAX_ENTRIES or depth > MAX_DEPTH:
            raise ValueError("too many entries")
        for value in settings.values() if isinstance(settings, Mapping) else settings:
            check(value, depth + 1)
    elif isinstance(settings, int | float) and not abs(settings) <= MAX_VALUE:
        raise ValueError(f"{settings!s:.20} is too large")


class _AllocationLimit(TorchFunctionMode):
    """Raises MemoryError once more numbers were allocated than a limit, before they are initialised.

    Building on the meta device would import torch._dynamo, which takes a second.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.count = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _FACTORIES:
            self.count += result.numel()
            if self.count > self.limit:
                raise MemoryError
        return result


def build(make: Callable[[dict[str, Any]], nn.Module], settings: dict[str, Any], path: Path) -> nn.Module:
    """Build a network if a file is large enough to hold its weights, so that no more memory is used.

    Args:
        make: Builds the network from its settings.
        settings: From config.json.
        path: The file with its weights.

    Raises:
        UserError: The file is too small.
        ValueError: See `check`.
        Exception: Whatever `make` raises.
    """
    check(settings)
    file_bytes = path.stat().st_size if path.exists() else 0
    try:
        with _AllocationLimit(file_bytes):  # a number takes two bytes or more
            return make(settings)
    except MemoryError:
        reason = f"{path.name} doesn't fit config.json: {file_bytes:,} bytes are too few for its network"
        raise damaged(path.parent, reason) from None


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError, with the name, if a tensor holds NaN or infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not math.isfinite(tensor.sum()) and not tensor.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity")


def check_picture(x: Tensor) -> Tensor:
    """Raise ValueError unless x is an output of g: (1, 1|3|4, S, S) and finite. Returns x."""
    is_picture = x.ndim == 4 and x.shape[1] in (1, 3, 4) and x.shape[2] == x.shape[3]
    if not is_picture or not x.isfinite().all():
        raise ValueError(f"it makes no pictures: {tuple(x.shape)}")
    return x
