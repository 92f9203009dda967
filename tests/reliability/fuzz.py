"""Fuzzing at length: ``python -m tests.reliability.fuzz`` runs tens of thousands of cases on every target.

Each target is tried in a separate process, which reports the number of each case before it runs. A crash below Python,
or a case that never ends, ends only that process; it is reported with its number, and another process continues.
``--target NAME --case NUMBER`` tries one case again."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
SHARES = {
    "pictures": 26, "zips": 8, "videos": 9, "avatars": 12, "configs": 13, "runs": 8, "checkpoints": 4, "results": 6,
    "commands": 4, "calls": 4, "paths": 4, "frames": 2,
}  # fmt: skip
"""Target → its part of all cases, in percent."""

PATIENCE = 120.0
"""Seconds without a word after which a process hangs."""

KEPT = 20
"""Cases that are told one by one, of each target."""


def target_of(name: str) -> Any:
    """The target of ``test_<name>.py``."""
    sys.path.insert(0, str(TESTS))
    return importlib.import_module(f"reliability.test_{name}").DOOR


def work(name: str, numbers: range) -> None:
    """In a process of its own: try these cases, and say on standard output what became of each."""
    result = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    target = target_of(name)
    from reliability.targets import attempt

    print(json.dumps({"memory": limit_memory()}), file=result)
    for number in numbers:
        print(json.dumps({"number": number}), file=result)
        case, start = target.case(number), time.monotonic()
        try:
            outcome, what = attempt(target, case), ""
        except Exception as error:
            outcome, what = "harm", f"{type(error).__name__}: {str(error)[:300]}"
        print(json.dumps({"outcome": outcome, "what": what, "seconds": time.monotonic() - start}), file=result)


def limit_memory(gigabytes: int = 8) -> int:
    """Beyond so much more than now, memory is refused; returns the limit in bytes."""
    import resource

    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = now + (gigabytes << 30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return limit


def tried(name: str, cases: range) -> dict[str, Any]:
    """All these cases of a target, in as many processes as it takes."""
    counts, slowest, harms, start = Counter(), 0.0, [], time.monotonic()
    at = cases.start
    while at < cases.stop:
        command = [sys.executable, "-m", "tests.reliability.fuzz", "--work", name, str(at), str(cases.stop)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_listen, args=(process, lines), daemon=True).start()
        number, ended = None, ""
        while not ended:
            try:
                line = lines.get(timeout=PATIENCE)
            except queue.Empty:
                ended = "hang"
                break
            output = json.loads(line) if line else {}
            if line is None:
                ended = "crash" if process.wait() else "done"
            elif "number" in output:
                number = output["number"]
            elif "outcome" in output:
                counts[output["outcome"]] += 1
                slowest = max(slowest, output["seconds"])
                at = number + 1
                if output["outcome"] == "harm":
                    harms.append({"case": number, "what": output["what"]})
        process.kill()
        if ended == "done":
            break
        counts[ended] += 1
        harms.append({"case": number, "what": f"{ended}, exit code {process.wait()}"})
        if number is None:
            break
        at = number + 1
    ends = {kind: counts[kind] for kind in ("result", "error", "harm", "crash", "hang")}
    seconds = round(time.monotonic() - start, 1)
    return {
        "cases": sum(counts.values()),
        **ends,
        "slowest": round(slowest, 2),
        "seconds": seconds,
        "harms": harms[:KEPT],
    }


def _listen(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def table(report: dict[str, Any]) -> str:
    """The report for docs/reliability.md."""
    lines = [
        "| target | cases | results | clear errors | crashes, hangs, other harm | slowest |",
        "|---|---|---|---|---|---|",
    ]
    for name, target in report["targets"].items():
        harm = target["harm"] + target["crash"] + target["hang"]
        cells = (
            name,
            f"{target['cases']:,}",
            f"{target['result']:,}",
            f"{target['error']:,}",
            str(harm),
            f"{target['slowest']:.1f} s",
        )
        lines.append(f"| {' | '.join(cells)} |")
    total = [sum(target[key] for target in report["targets"].values()) for key in ("cases", "result", "error")]
    slowest = max(target["slowest"] for target in report["targets"].values())
    lines.append(f"| all | {' | '.join(f'{count:,}' for count in total)} | {harms(report)} | {slowest:.1f} s |")
    return "\n".join(lines)


def harms(report: dict[str, Any]) -> int:
    """Of all targets together."""
    return sum(target[key] for target in report["targets"].values() for key in ("harm", "crash", "hang"))


def main(argv: list[str] | None = None) -> int:
    """Returns 1 where a case did harm."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("--cases", type=int, default=50_000, metavar="N", help="of all targets together (default 50000)")
    add("--seed", type=int, default=0, metavar="N", help="another one gives other cases (default 0)")
    add("--target", action="append", choices=SHARES, help="only this one; again for more")
    add("--case", type=int, metavar="N", help="only this one, in this process, with its traceback")
    add("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    add("--work", nargs=3, help=argparse.SUPPRESS)
    flags = parser.parse_args(argv)
    if flags.work:
        work(flags.work[0], range(int(flags.work[1]), int(flags.work[2])))
        return 0
    names = flags.target or list(SHARES)
    if flags.case is not None:
        target = target_of(names[0])
        from reliability.targets import attempt

        print(attempt(target, target.case(flags.case)))
        return 0
    report: dict[str, Any] = {"seed": flags.seed, "python": platform.python_version(), "targets": {}}
    if flags.output and flags.output.exists():  # targets that aren't tried now keep their figures
        before = json.loads(flags.output.read_text("utf-8"))
        report["targets"] |= before["targets"] if before["seed"] == flags.seed else {}
    for name in names:
        first = flags.seed * 10_000_000
        report["targets"][name] = tried(
            name, range(first, first + -(-flags.cases * SHARES[name] // sum(SHARES.values())))
        )
        print(table({"targets": {name: report["targets"][name]}}).splitlines()[2], flush=True)
        for harm in report["targets"][name]["harms"]:
            print(f"  case {harm['case']}: {harm['what']}", flush=True)
        if flags.output:
            flags.output.parent.mkdir(parents=True, exist_ok=True)
            flags.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(any(target["harms"] for target in report["targets"].values()))


if __name__ == "__main__":
    sys.exit(main())
