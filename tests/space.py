"""The app as a Space starts it: ``python -m tests.space -o tests/reliability/results/space.json``.

An environment of requirements.txt alone (made here, unless --python names one), no flags, SPACE_ID set: the app listens
on 0.0.0.0:7860. Two people are live and two send photos, as through the Space's proxy; what they waited for, and what
the app took, is told as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")] * (str(ROOT / "tests") not in sys.path)

from serving import environment  # noqa: E402

SECONDS = 20.0
"""For which people use it."""

MOST_MEMORY = 3000
"""Megabytes; a Space on free hardware has 16,000."""


def install(folder: Path) -> Path:
    """A new environment of requirements.txt alone; its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", ROOT / "requirements.txt"], check=True)
    return python


def sizes(python: Path) -> dict[str, int]:
    """Megabytes of an environment: all, what is there for NVIDIA GPUs alone, and torch, part of which is, too."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
    each: dict[str, int] = {}
    for path in site.rglob("*"):
        if path.is_file() and not path.is_symlink():
            part = path.relative_to(site).parts[0]
            each[part] = each.get(part, 0) + path.stat().st_size
    gpu = sum(size for name, size in each.items() if re.match(r"nvidia|triton|cuda", name))
    return {"all": sum(each.values()) >> 20, "gpu": gpu >> 20, "torch": each.get("torch", 0) >> 20}


async def use(url: str) -> dict[str, Any]:
    """Two people live, two who send photos, at the same time."""
    from reliability.crowd import Crowd
    from reliability.load import pictures

    frames, photo = pictures(5)
    result = await Crowd(url, frames, photo, time.monotonic() + SECONDS, habits=("stays",)).all(2, 2, 0)
    live, photos = ([one for one in result if one.kind.startswith(kind)] for kind in ("live", "photos"))
    return {
        "live_per_second": [round(len(one.waits) / SECONDS, 1) for one in live],
        "live_ms": round(median(wait for one in live for wait in one.waits)),
        "photos": [len(one.waits) for one in photos],
        "photo_ms": round(median(wait for one in photos for wait in one.waits)),
        "busy": sum(one.busy for one in result),
        "errors": [error for one in result for error in one.errors],
    }


def measure(python: Path, home: Path) -> dict[str, Any]:
    """Start the app in this environment, use it, stop it. Raises RuntimeError if it doesn't start."""
    env = environment(home, SPACE_ID="somebody/dtn-studio", SYSTEM="spaces")
    output, start = home / "said.txt", time.monotonic()
    with output.open("w") as out:
        process = subprocess.Popen([python, ROOT / "app.py"], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        while "listens on" not in output.read_text():
            if process.poll() is not None or time.monotonic() > start + 300:
                raise RuntimeError(f"The app did not start:\n{output.read_text()}")
            time.sleep(0.1)
        ready = time.monotonic() - start
        used = asyncio.run(use("http://127.0.0.1:7860"))
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        return {"ready_s": round(ready, 1), "memory_mb": int(peak) >> 10, "seconds": SECONDS, **used}
    finally:
        process.terminate()
        process.wait(30)


def table(report: dict[str, Any]) -> str:
    """What docs/spaces.md shows."""
    live = " and ".join(f"{rate:.0f}" for rate in report["live_per_second"])
    size = report["installed_mb"]
    rows = {
        f"Python {report['python']}, {report['cores']} cores without a GPU": "",
        "from the start until it listens": f"{report['ready_s']:.0f} s",
        "memory at most": f"{report['memory_mb'] / 1000:.1f} GB",
        "frames a second of each who is live": live,
        "a photo, median, meanwhile": f"{report['photo_ms']} ms",
        "installed": f"{size['all'] / 1000:.1f} GB, of which NVIDIA's libraries {size['gpu'] / 1000:.1f} GB",
    }
    lines = [f"| {what} | {figure} |" for what, figure in rows.items()]
    return "\n".join([lines[0], "|---|---|", *lines[1:]])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", type=Path, help="of an environment of requirements.txt alone (default: make one)")
    parser.add_argument("-o", "--output", type=Path, help="where to write the figures (default: standard output)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = arguments.python or install(Path(folder) / "environment")
        version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        (home := Path(folder) / "home").mkdir()
        machine = {"cores": os.cpu_count(), "processor": platform.machine(), "python": version}
        report = {**machine, "installed_mb": sizes(python), **measure(python, home)}
    text = json.dumps(report, indent=1) + "\n"
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    print(text, end="")
    wrong = report["errors"] + ["too much memory"] * (report["memory_mb"] > MOST_MEMORY)
    wrong += ["somebody was not served"] * (not all(report["photos"]) or not all(report["live_per_second"]))
    print(*wrong, sep="\n", file=sys.stderr, end="\n" * bool(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
