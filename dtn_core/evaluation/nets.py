"""Networks on many pictures, and the judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from ..config import Style
from ..core import images
from ..core.errors import UserError
from ..core.types import Image
from ..networks import checkpoint
from ..networks.judge import Judge
from ..pipeline.model import Checkpoint


def style_of(info: dict[str, Any], name: str) -> Style:
    """Return the style that a checkpoint draws or judges; older ones name none and are of avataaars.

    Raises:
        UserError: The style is unknown.
    """
    if info.get("trained", {}).get("kind") == "style":
        raise UserError(
            f"{name}: makes no emoji. Measure it with: python -m dtn_core evaluate style --checkpoint {name}"
        )
    style = info.get("trained", {}).get("style", "avataaars")
    if style not in get_args(Style):
        raise UserError(f"{name}: style {style!r} is unknown. Update DTN Studio.")
    return style


def load_judge(name: str = "judge") -> Judge:
    """Load the shipped judge, or one in a folder. Raises UserError if it is missing or damaged."""
    directory = checkpoint.find(name)
    info = checkpoint.read_config(directory)
    if info.get("kind") != "judge":
        raise UserError(f"{directory}: is no judge. Train one: python -m dtn_core train judge")
    judge = checkpoint.fill(Judge(**info["judge"]), directory, "judge")
    return judge.eval().requires_grad_(False)


@torch.no_grad()
def batched(net: Callable[[Tensor], Tensor], x: Tensor | Image, size: int = 64) -> Tensor:
    """Run a net in batches on an (N, ...) tensor, or on (N, S, S, 3) uint8 pictures as floats."""
    parts = (x[i : i + size] for i in range(0, len(x), size))
    return torch.cat([net(part if isinstance(part, Tensor) else images.to_tensor(part)) for part in parts])


def over_grey(pictures: Image, size: int = 256) -> Tensor:
    """(N, S, S, 4) uint8 RGBA → (N, 3, S, S) over mid-grey in [-1, 1], in parts."""
    n, side = pictures.shape[:2]
    result = torch.empty(n, 3, side, side)
    for i in range(0, n, size):
        result[i : i + size] = images.to_tensor(pictures[i : i + size])[:, :3]
    return result


def to_images(x: Tensor, size: int = 256) -> Image:
    """`images.to_images` in parts: its floats take many times the memory of its result."""
    return np.concatenate([images.to_images(part) for part in x.split(size)])


@torch.no_grad()
def paint(loaded: Checkpoint, pictures: Image, size: int = 64) -> Tensor:
    """(N, S, S, 3) photos → (N, 3, 64, 64) G(x) in [-1, 1], without alpha."""
    return batched(loaded.transfer, pictures, size)[:, :3]
