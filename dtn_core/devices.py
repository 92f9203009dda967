"""Where to compute."""

from __future__ import annotations

import torch


def pick_device(name: str) -> str:
    """ "auto" → "cuda" where there is one, else "cpu". Raises ValueError if "cuda" is asked for in vain."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"unknown device {name!r}. Use auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device is available. Use the device cpu.")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
