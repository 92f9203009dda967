"""Choose a torch device, and report its errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .errors import UserError

_DEVICE_EXCEPTIONS = (torch.OutOfMemoryError, *filter(None, [getattr(torch, "AcceleratorError", None)]))
_DEVICE_MESSAGE = re.compile(
    r"(CUDA|HIP|CUBLAS|CUDNN|CUSOLVER|NCCL)\b|.*(cuBLAS|cuDNN|CUDNN_STATUS|CUBLAS_STATUS|CPUAllocator)"
)


def pick_device(name: str) -> str:
    """Resolve "auto", "cpu", "cuda" or "cuda:N" to a torch device. Raises UserError if the GPU doesn't exist."""
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
    """Whether a device supports bf16 natively. A CPU without it emulates it ten times slower than fp32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # missing in older versions of torch
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


@contextmanager
def device_errors() -> Iterator[None]:
    """Turn GPU errors and a lack of memory in the block into a UserError.

    After most GPU errors, the process can't use that GPU any more.
    """
    try:
        yield
    except RuntimeError as error:
        first = (str(error).splitlines() or [""])[0]
        if not isinstance(error, _DEVICE_EXCEPTIONS) and not _DEVICE_MESSAGE.match(first):
            raise
        if isinstance(error, torch.OutOfMemoryError) or "out of memory" in first or "allocate memory" in first:
            raise UserError(
                "the device's memory is full. Try again, close what else uses it, or use the device cpu.",
                code="out_of_memory",
            ) from error
        raise UserError(f"the GPU failed ({first}). Start again; if it fails again, use the device cpu.") from error
