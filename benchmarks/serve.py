"""Many viewers at once: ``python -m benchmarks.serve [-n 10] [--seconds 20] [-o results/serve.json]``.

Starts the app, and, in a process of their own, viewers who each send the newest frame of a moving face over a WebSocket
as soon as the one before was answered, at most 30 a second, as the page does. A viewer's fair part is an nth of all
answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import running, save
from dtn_core.core.errors import UserError

FPS = 30
WARM = 3.0
"""Seconds that don't count: avatars are being read."""


async def viewer(url: str, frames: Sequence[bytes], number: int, start: float, seconds: float) -> dict[str, Any]:
    """One viewer from `start` on, seconds of the clock; its answers and their milliseconds after the warm-up."""
    import websockets

    latencies, errors, avatar, faces, sent = [], 0, None, 0, 0
    async with websockets.connect(url, max_size=None) as socket:
        await asyncio.sleep(max(0, start - time.time()) + number / FPS / 7)
        end = start + WARM + seconds
        while (now := time.time()) < end:
            i = int((now - start) * FPS)
            await socket.send(struct.pack("<I", sent) + frames[(i + 17 * number) % len(frames)])
            answer = json.loads(await socket.recv())
            done = time.time()
            sent += 1
            if answer.get("error") or answer["n"] != sent - 1:
                errors += 1
            elif now >= start + WARM:
                latencies.append(1000 * (done - now))
                faces += bool(answer["faces"])
            if avatar is None and answer.get("avatars"):
                avatar = done - start
            await asyncio.sleep(max(0.0, now + 1 / FPS - done))
    gaps = max(latencies, default=1000 * seconds)
    return {"answers": len(latencies), "latencies": latencies, "longest_ms": gaps, "errors": errors,
            "first_avatar_s": avatar, "with_a_face": faces / max(1, len(latencies))}  # fmt: skip


def viewers(url: str, path: Path, n: int, seconds: float) -> list[dict[str, Any]]:
    """n viewers in this process. path: of a file of length-prefixed JPEGs."""
    data, frames = path.read_bytes(), []
    while data:
        (length,) = struct.unpack_from("<I", data)
        frames.append(data[4 : 4 + length])
        data = data[4 + length :]

    async def all_() -> list[dict[str, Any]]:
        start = time.time() + 1 + 0.05 * n
        return await asyncio.gather(*(viewer(url, frames, i, start, seconds) for i in range(n)))

    return asyncio.run(all_())


def measure(n: int, seconds: float) -> dict[str, Any]:
    """The figures of n viewers on an app of their own."""
    from benchmarks.live import jpegs

    with tempfile.TemporaryDirectory() as folder, running.app() as app:
        path = Path(folder, "frames")
        path.write_bytes(b"".join(struct.pack("<I", len(frame)) + frame for frame in jpegs(1, min(10, seconds))))
        url = app.url.replace("http", "ws", 1) + "/live/ws"
        before = app.rss()
        line = [sys.executable, "-m", "benchmarks.serve", "--viewers", url, "--frames", path, "-n", n]
        line += ["--seconds", seconds]
        done = subprocess.run(
            [str(part) for part in line], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1]
        )
        if done.returncode:
            raise UserError(f"the viewers failed: {done.stderr[-300:]}")
        seen = json.loads(done.stdout)
        during = app.rss()
        time.sleep(2)
        return summary(seen, seconds) | {"rss_mb": [before, during, app.rss()]}


def summary(seen: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """The viewers' figures together."""
    rates = [one["answers"] / seconds for one in seen]
    latencies = [ms for one in seen for ms in one["latencies"]]
    fair = sum(rates) / len(rates)
    first = [one["first_avatar_s"] for one in seen if one["first_avatar_s"] is not None]
    return {
        "rate": {"all": round(sum(rates), 1), "each": [round(rate, 2) for rate in rates]},
        "of_fair_part": [round(min(rates) / fair, 3), round(max(rates) / fair, 3)] if fair else None,
        "latency_ms": {
            "median": round(statistics.median(latencies), 1),
            "p95": round(float(np.percentile(latencies, 95)), 1),
            "longest": round(max(one["longest_ms"] for one in seen), 1),
        }
        if latencies
        else None,
        "first_avatar_s": [round(min(first), 2), round(max(first), 2)] if first else None,
        "with_a_face": round(statistics.fmean(one["with_a_face"] for one in seen), 4),
        "errors": sum(one["errors"] for one in seen),
        "starved": sum(one["answers"] == 0 or one["first_avatar_s"] is None for one in seen),
    }


def sentence(report: dict[str, Any]) -> str:
    """The figures in a line or two."""
    ms, (least, most) = report["latency_ms"], report["of_fair_part"]
    return (
        f"{report['n']} viewers, {report['seconds']:.0f} seconds: {report['rate']['all']:.0f} answers/s in all, each "
        f"viewer {least:.0%} to {most:.0%} of a fair part; {ms['median']:.0f} ms from frame to answer at the median, "
        f"{ms['p95']:.0f} at the 95th percentile, {ms['longest']:.0f} at the longest; memory "
        f"{report['rss_mb'][0]:.0f} MB before, {report['rss_mb'][1]:.0f} with them, {report['rss_mb'][2]:.0f} after."
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Many viewers of live video at once.")
    parser.add_argument("-n", type=int, default=10, help="viewers (default 10)")
    parser.add_argument("--seconds", type=float, default=20, help="seconds that count (default 20)")
    parser.add_argument("--quick", action="store_true", help="three viewers, three seconds")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="also write them there")
    parser.add_argument("--viewers", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    n, seconds = (3, 3.0) if arguments.quick else (arguments.n, arguments.seconds)
    if arguments.viewers:
        print(json.dumps(viewers(arguments.viewers, arguments.frames, n, seconds)))
        return 0
    try:
        if n < 1 or seconds <= 0:
            raise UserError("-n must be at least 1, --seconds more than 0.")
        report = {"n": n, "seconds": seconds, "cores": os.cpu_count(), "machine": platform.machine()}
        report |= measure(n, seconds)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report, indent=1) if arguments.json else sentence(report))
    if arguments.output:
        save(report, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
