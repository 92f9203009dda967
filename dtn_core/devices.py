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


def has_bf16(device: str) -> bool:
    """Whether a device computes in bf16 itself. A CPU that doesn't, emulates it, ten times slower than fp32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    can = getattr(torch.cpu, "get_capabilities", dict)()  # newer than some torch we run on
    return bool(can.get("avx512_bf16") or can.get("amx_bf16") or can.get("bf16"))
