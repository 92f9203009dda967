"""What this machine can train on."""

from __future__ import annotations

import os
import subprocess

import torch

from ....training.dry_run import available_memory


def devices() -> list[tuple[str, str]]:
    """(words, name as in `config.Training.device`) of what this machine can train on, with its free memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cpu = f"CPU · {cores} {'core' if cores == 1 else 'cores'}, {available_memory() / 2**30:.0f} GB free"
    gpus = []
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        room = f"{about.total_memory / 2**30:.0f} GB"
        if free := _free_on_gpu(str(about.uuid)):
            room = f"{free / 2**30:.0f} of {room} free"
        gpus.append((f"GPU {number} · {about.name}, {room}", f"cuda:{number}"))
    best = "the GPU" if gpus else "the CPU"
    return [(f"Automatic: {best}", "auto"), *gpus, (cpu, "cpu")]


def _free_on_gpu(uuid: str) -> int:
    """Bytes of a GPU that are free, asked of the driver's tool: to ask CUDA would take some of them. 0: unknown."""
    query = ["nvidia-smi", "--query-gpu=uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        printed = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
        rooms = dict(line.split(", ") for line in printed.strip().splitlines())
        return next(int(free) * 2**20 for name, free in rooms.items() if name.removeprefix("GPU-") == uuid)
    except (OSError, subprocess.SubprocessError, ValueError, StopIteration):
        return 0
