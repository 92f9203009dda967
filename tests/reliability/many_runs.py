"""A thousand runs in the list: ``python -m tests.reliability.many_runs -o tests/reliability/results/many_runs.json``.

The app with ten runs, and with a thousand, each of 2,000 figures; what the page asks for is asked as it asks: it is
opened, a tick asks for news, a run is opened. Seconds, with all that HTTP takes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS)] * (str(TESTS) not in sys.path)

from calling import Caller  # noqa: E402
from made_runs import make_run  # noqa: E402
from serving import serve  # noqa: E402

from benchmarks.running import rss  # noqa: E402

WHAT = {
    "first": "the page, opened for the first time",
    "page": "the page, opened again",
    "tick": "a tick: is there news?",
    "run": "a run is opened",
}


def fill(folder: Path, runs: int, steps: int) -> None:
    """Runs that share their files, which nobody changes."""
    first = make_run(folder, "00001-shapes", steps=steps, step=steps, samples=1)
    for number in range(2, runs + 1):
        shutil.copytree(first, folder / f"{number:05d}-shapes", copy_function=os.link)


def measure(runs: int, steps: int = 20_000, times: int = 5) -> dict[str, float]:
    """Seconds by `WHAT`, medians of so many times; megabytes that the app holds then."""
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home) / "runs", runs, steps)
        with serve("emoji", Path(home), "--training", "all") as server:
            found = {"first": _seconds(lambda: _page(server.url, runs))}
            found["page"] = statistics.median(_seconds(lambda: _page(server.url, runs)) for _ in range(times))
            caller = Caller(server.url)
            *_, tick = (h for h in caller.handlers for _, fired in h["targets"] if fired == "tick")  # the last tab's
            (look,) = (h for h in caller.handlers for _, fired in h["targets"] if fired == "update_all")
            names = [f"{number + 1:05d}-shapes" for number in range(times)]
            found["run"] = statistics.median(
                _seconds(lambda name=name: caller.run(look, name, "", None, None)) for name in names
            )
            found["tick"] = statistics.median(
                _seconds(lambda: caller.run(tick, *caller.given(tick))) for _ in range(times)
            )
            return {name: round(value, 3) for name, value in found.items()} | {"rss_mb": rss(server.pid)}


def _page(url: str, runs: int) -> None:
    shown = Caller(url).page()
    if shown.count("data-run=") != runs:
        raise RuntimeError(f"the page lists {shown.count('data-run=')} runs")


def _seconds(what: Callable[[], Any]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def table(report: dict[str, Any]) -> str:
    """The report for docs/reliability.md."""
    sizes = report["runs"]
    lines = [f"| seconds | {' | '.join(f'{int(size):,} runs' for size in sizes)} |", "|---" * (len(sizes) + 1) + "|"]
    lines += [
        f"| {words} | {' | '.join(f'{one[name]:.2f}' for one in sizes.values())} |" for name, words in WHAT.items()
    ]
    memory = " | ".join(f"{one['rss_mb']:.0f}" for one in sizes.values())
    return "\n".join([*lines, f"| memory of the app, MB | {memory} |"])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="how many, beside ten (default 1000)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    flags = parser.parse_args(argv)
    report = {"cores": os.cpu_count(), "machine": platform.machine(), "load": os.getloadavg()[0], "figures": 2000}
    report["runs"] = {str(runs): measure(runs) for runs in (10, flags.runs)}
    print(table(report))
    if flags.output:
        flags.output.parent.mkdir(parents=True, exist_ok=True)
        flags.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
