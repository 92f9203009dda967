"""Parse heads: the probability of each part (skin, hair, hat, …) at each pixel, by the shipped checkpoint "parser"."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import UserError
from ..core.images import to_images
from ..core.types import Image
from ..networks import checkpoint, parser
from ..networks.parser import FaceParser

BATCH = 16
"""Heads in one forward pass: a photo of a crowd needs no more memory than this many."""


class ParsedHeads(NamedTuple):
    """N heads and their parts.

    Attributes:
        pictures: (N, S, S, 3) uint8 RGB, S being the parser's size.
        probabilities: (N, len(`networks.parser.PARTS`), S, S) float32; they sum to 1 over the parts.
    """

    pictures: Image
    probabilities: NDArray[np.float32]


@torch.no_grad()
def parse(x: Tensor) -> ParsedHeads:
    """Parse (N, 3, S, S) head crops in [-1, 1], as `faces.align.align` makes them. Raises UserError as `load`."""
    net = _shipped(x.device)
    small = F.interpolate(x, size=(net.size, net.size), mode="bilinear", antialias=True, align_corners=False)
    rows = [net(part).softmax(1).cpu() for part in small.split(BATCH)]
    return ParsedHeads(to_images(small), torch.cat(rows).numpy())


def load(name: str, device: str | torch.device = "cpu") -> FaceParser:
    """Load a checkpoint of kind "parser". Raises UserError if it is missing or damaged, or of another kind."""
    directory = checkpoint.find(name)
    info = checkpoint.read_config(directory)
    if info.get("kind") != "parser":
        reason = f"holds {info.get('kind', 'nothing known')!r}, not a face parser"
        raise UserError(subject=directory, reason=reason, remedy="Give one, such as parser.")
    net = checkpoint.build_part(parser.build, directory, info, "parser")
    return net.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


@cache
def _shipped(device: torch.device) -> FaceParser:
    return load("parser", device)
