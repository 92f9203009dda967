"""What several processes gain and cost: ``python -m benchmarks.scaling [--processes 1,2] [-o FILE.json]``.

measured   pictures of s a second of a training that `accelerate launch` starts with so many processes (on GPUs where
           there are any, else by gloo on the CPU, each with an equal share of the cores), the median after warming up
computed   bytes that a process sends in a step: the gradients of g and D, once each, by a ring (2 (N - 1) / N of them),
           and the seconds that takes at 1, 10 and 100 Gbit/s and over NVLink (3.6 Tbit/s), nothing overlapped
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch

from dtn_core.config import PRESETS
from dtn_core.events import Stepped, read
from dtn_core.files import replacing
from dtn_core.training.transfer import make_d, make_g

GBIT = {"1 Gbit/s": 1, "10 Gbit/s": 10, "100 Gbit/s": 100, "NVLink": 3600}

F = {"digits": ("digits-f", 1, 32), "faces": ("encoder", 4, 64)}
"""f, and what t looks like: channels and side."""


def measured(processes: int, preset: str, steps: int) -> float:
    """Pictures of s a second."""
    gpu = torch.cuda.is_available()
    threads = max(1, (os.cpu_count() or 1) // processes)
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines", "1", "--num_processes", processes]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", *["--multi_gpu"] * (processes > 1)]
    settings = {"limit": 512, "steps": steps, "log_every": 10, "save_every": steps, "sample_every": steps}
    settings |= {} if gpu else {"device": "cpu"}
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    environment = {k: v for k, v in os.environ.items() if k != "DTN_DATA"} | {"OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as runs:
        command = [*map(str, launch), "-m", "dtn_core", "train", preset, "--runs", runs, *sets]
        subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
        (path,) = Path(runs).glob("0*")
        told = [e.event for e in read(path / "events.jsonl")[0] if isinstance(e.event, Stepped)]
    return median(event.rate for event in told[2:] if event.rate)


def computed(preset: str, processes: int) -> dict[str, Any]:
    """Megabytes sent by each of so many processes in a step, and seconds by the network."""
    name, channels, side = F["digits" if "digits" in preset else "faces"]
    from dtn_core.checkpoint import load_encoder

    f = load_encoder(name)
    g, d = make_g(PRESETS[preset], f, channels, side), make_d(PRESETS[preset], channels, side)
    weights = sum(p.numel() for net in (g, d) for p in net.parameters())
    sent = 4 * weights * 2 * (processes - 1) / processes
    times = {network: round(8e3 * sent / (gbit * 1e9), 3) for network, gbit in GBIT.items()}
    return {"parameters": weights, "batch": PRESETS[preset].batch, "sent_mb": round(sent / 1e6, 1), "ms": times}


def table(report: dict[str, Any]) -> str:
    """What docs/scaling.md shows."""
    first, *_ = report["rates"].values()
    lines = ["| processes | pictures of s a second | against one |", "|---|---|---|"]
    lines += [f"| {n} | {rate:.0f} | {rate / first:.2f}× |" for n, rate in report["rates"].items()]
    lines += ["", f"| preset | weights of g and D | sent by each of 8 in a step | {' | '.join(GBIT)} |"]
    lines += ["|---" * (3 + len(GBIT)) + "|"]
    for preset, one in report["computed"].items():
        times = " | ".join(f"{ms:.3g} ms" for ms in one["ms"].values())
        lines.append(f"| `{preset}` | {one['parameters'] / 1e6:.1f} M | {one['sent_mb']} MB | {times} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="digits-cpu", help="what is trained (default digits-cpu, on drawn digits)")
    parser.add_argument("--processes", default="1,2", help="how many, one after the other (default 1,2)")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    counts = [int(n) for n in arguments.processes.split(",")]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores, gloo"
    report = {
        "preset": arguments.preset, "batch": PRESETS[arguments.preset].batch, "steps": arguments.steps,
        "device": device, "torch": torch.__version__, "python": platform.python_version(),
        "rates": {str(n): round(measured(n, arguments.preset, arguments.steps), 1) for n in counts},
        "computed": {preset: computed(preset, 8) for preset in ("digits-cpu", "faces-cpu", "digits", "faces")},
    }  # fmt: skip
    if arguments.output:
        with replacing(arguments.output) as path:
            path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
