"""Where to compute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .errors import UserError

_FAILED = (torch.OutOfMemoryError, *filter(None, [getattr(torch, "AcceleratorError", None)]))
_SAYS = re.compile(r"(CUDA|HIP|CUBLAS|CUDNN|CUSOLVER|NCCL)\b|.*(cuBLAS|cuDNN|CUDNN_STATUS|CUBLAS_STATUS|CPUAllocator)")


def pick_device(name: str) -> str:
    """ "auto" → "cuda" where there is one, else "cpu"; "cuda:1" is the second of several. Raises UserError if a GPU is
    asked for in vain."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d)?", name):
        raise UserError(f"unknown device {name!r}. Use auto, cpu, cuda or cuda:N.")
    if name.startswith("cuda"):
        count = torch.cuda.device_count()
        number = name[5:]
        if int(number or 0) >= count:
            raise UserError(f"no CUDA device {number and number + ' '}is there ({count} found). Use the device cpu.")
        return name
    return "cuda" if name == "auto" and torch.cuda.is_available() else "cpu"


def has_bf16(device: str) -> bool:
    """Whether a device computes in bf16 itself. A CPU that doesn't, emulates it, ten times slower than fp32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    can = getattr(torch.cpu, "get_capabilities", dict)()  # newer than some torch we run on
    return bool(can.get("avx512_bf16") or can.get("amx_bf16") or can.get("bf16"))


@contextmanager
def device_errors() -> Iterator[None]:
    """An error of the device in this block, a GPU's or a lack of memory, becomes a UserError with the remedy. After
    most of them, nothing can be computed on that GPU by this process any more."""
    try:
        yield
    except RuntimeError as error:
        first = (str(error).splitlines() or [""])[0]
        if not isinstance(error, _FAILED) and not _SAYS.match(first):
            raise
        if isinstance(error, torch.OutOfMemoryError) or "out of memory" in first or "allocate memory" in first:
            raise UserError(
                "the device's memory is full. Try again, close what else uses it, or use the device cpu.",
                code="out_of_memory",
            ) from error
        raise UserError(f"the GPU failed ({first}). Start again; if it fails again, use the device cpu.") from error
