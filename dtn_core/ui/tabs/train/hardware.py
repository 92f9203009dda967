"""The devices of this machine."""

from __future__ import annotations

import os
import subprocess

import torch

from ....training.dry_run import available_memory


def devices() -> list[tuple[str, str]]:
    """Return (label, name as in `config.Training.device`) of each device, with its free memory in the label."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cpu = f"CPU · {cores} {'core' if cores == 1 else 'cores'}, {available_memory() / 2**30:.0f} GB free"
    gpus = []
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        memory = f"{properties.total_memory / 2**30:.0f} GB"
        if free := _free_on_gpu(str(properties.uuid)):
            memory = f"{free / 2**30:.0f} of {memory} free"
        gpus.append((f"GPU {number} · {properties.name}, {memory}", f"cuda:{number}"))
    best = "the GPU" if gpus else "the CPU"
    return [(f"Automatic: {best}", "auto"), *gpus, (cpu, "cpu")]


def _free_on_gpu(uuid: str) -> int:
    """Return the free bytes of a GPU, 0 if unknown. Calls nvidia-smi, since asking CUDA would allocate memory."""
    query = ["nvidia-smi", "--query-gpu=uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        printed = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
        free_memory = dict(line.split(", ") for line in printed.strip().splitlines())
        return next(int(free) * 2**20 for name, free in free_memory.items() if name.removeprefix("GPU-") == uuid)
    except (OSError, subprocess.SubprocessError, ValueError, StopIteration):
        return 0
