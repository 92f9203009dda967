"""kill -9 at random moments of a video's export: there is the file of before, or the new one, whole."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import av

from . import processes
from .processes import must


def frames_in(path: Path) -> int:
    """Decode all of a video."""
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def tried(kills: int, clip: Path, folder: Path, seed: int = 0) -> dict[str, Any]:
    """Export a clip, and kill that so often, at first where nothing was before, then over a whole file. Raises Lost."""
    random, found, out = Random(seed), Counter(), folder / "out.mp4"
    out.parent.mkdir(parents=True, exist_ok=True)

    def start() -> Any:
        return processes.command("emojify", str(clip), "-o", str(out), "--device", "cpu")

    def whole() -> float:
        begun, process = time.monotonic(), start()
        process.join()
        must(process.exitcode == 0, f"exit code {process.exitcode}")
        return time.monotonic() - begun

    whole()  # for what loads but once
    longest, frames = whole(), frames_in(out)
    must(frames == frames_in(clip), f"{frames} frames")
    out.unlink()
    before = b""
    while found["kills"] < kills:
        process = start()
        process.join(random.uniform(0, longest))
        processes.kill(process.pid)
        process.join()
        now = out.read_bytes() if out.exists() else b""
        if process.exitcode == 0:  # was done before
            must(frames_in(out) == frames, "the new file isn't whole")
            before = now
            continue
        found["kills"] += 1
        found["over a file"] += before != b""
        found["in a write"] += any(folder.glob(".*"))
        must(len(list(folder.glob(".*"))) <= 1, "what kills leave grows")
        if now != before:  # killed after it was there
            must(frames_in(out) == frames, "half a video is taken for whole")
            before = now
        if found["kills"] == kills // 2 and not before:
            whole()
            before = out.read_bytes()
    whole()
    must(frames_in(out) == frames and not list(folder.glob(".*")), f"{list(folder.glob('.*'))} stay")
    return dict(found)
