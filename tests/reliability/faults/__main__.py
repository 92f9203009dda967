"""The long form: ``python -m tests.reliability.faults -o tests/reliability/results/faults.json``."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def trainings(kills: int, folder: Path) -> dict[str, Any]:
    """Most of them forked; every fifth as the app starts one."""
    from .training import Forked, Launched, tried

    launched = -(-kills // 5)
    one = tried(kills - launched, folder / "forked", Forked(), steps=40)
    other = tried(launched, folder / "launched", Launched(), seed=1, steps=40)
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def exports(kills: int, folder: Path) -> dict[str, Any]:
    from made_videos import moved, video
    from matplotlib.cbook import get_sample_data

    from dtn_core.core.images import load

    from .videos import tried

    portrait = load(Path(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    (folder / "clip.mp4").write_bytes(video(moved(portrait, 12)))
    return tried(kills, folder / "clip.mp4", folder / "out")


def writers(_: int, folder: Path) -> dict[str, Any]:
    from .writes import WRITERS, tried

    total = sum((Counter(tried(name, folder)) for name in WRITERS), Counter())
    return {"writers": len(WRITERS), **total}


def together(actions: int, folder: Path) -> dict[str, Any]:
    from .together import tried

    return tried(actions, folder)


PARTS: dict[str, tuple[Callable[[int, Path], dict[str, Any]], int]] = {
    "training": (trainings, 50),
    "video": (exports, 25),
    "writers": (writers, 0),
    "together": (together, 1000),
}
"""Name → what is tried, and how often."""


def main(argv: list[str] | None = None) -> int:
    """Raises Lost where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--part", action="append", choices=PARTS, help="only this one; again for more")
    add("--count", type=int, metavar="N", help="another number of kills or actions, of each part")
    add("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    flags = parser.parse_args(argv)
    report: dict[str, Any] = {"python": platform.python_version(), "parts": {}}
    if flags.output and flags.output.exists():  # parts that aren't tried now keep their figures
        report["parts"] |= json.loads(flags.output.read_text("utf-8"))["parts"]
    for name in flags.part or PARTS:
        act, count = PARTS[name]
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            found = act(flags.count or count, Path(folder))
        report["parts"][name] = {**found, "seconds": round(time.monotonic() - start, 1)}
        print(name, report["parts"][name], flush=True)
        if flags.output:
            flags.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if report["parts"].keys() == PARTS.keys():
        print(table.table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
