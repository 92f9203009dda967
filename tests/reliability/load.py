"""Many people at once: ``python -m tests.reliability.load --minutes 10 --viewers 8 -o FILE.json``.

The app in a process of its own; beside it, in this one, viewers who are live with a portrait that moves, at the page's
rate and by its protocol, others who send photos, and some who watch a training that the app has started. Some viewers
leave and come again, some vanish without a goodbye, some fall silent. What the app holds is counted before, meanwhile,
and a minute after everybody has gone."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS)] * (str(TESTS) not in sys.path)

from calling import Caller  # noqa: E402
from serving import Server, serve  # noqa: E402

from .crowd import Crowd, VisitReport, busy_and_errors, fairness, is_busy  # noqa: E402

EVERY = 2.0
"""Seconds between two counts."""

QUIET = 75.0
"""Seconds after which all is to be as before: pings that nobody answers take 40."""

GROWS = 2.0
"""Megabytes a minute by which memory may grow in the second half; the curves of the training that is watched grow too.
"""


STEPS = 1, 4, 8, 16, 32, 64
"""Viewers that are tried without anybody else."""


class Held(NamedTuple):
    """What a process holds. rss: megabytes; children: processes that it has started, zombies too."""

    rss: float
    threads: int
    children: int
    files: int
    sockets: int


def held(pid: int) -> Held:
    place = Path(f"/proc/{pid}")
    status = (place / "status").read_text()
    children = " ".join(path.read_text() for path in place.glob("task/*/children")).split()
    links = [link for name in os.listdir(place / "fd") if (link := _link(place / "fd", name))]
    sockets = sum(link.startswith("socket:") for link in links)
    rss, threads = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads"))
    return Held(round(rss / 1024, 1), threads, len(children), len(links) - sockets, sockets)


def _link(folder: Path, name: str) -> str:
    try:
        return os.readlink(folder / name)
    except OSError:  # closed meanwhile
        return ""


def pictures(seconds: float) -> tuple[list[bytes], bytes]:
    """A camera's frames, and a photo."""
    from PIL import Image

    from benchmarks.live import jpegs
    from dtn_core.data import portraits

    photo = io.BytesIO()
    Image.fromarray(portraits.public_domain()["Grace Hopper"]).save(photo, "JPEG", quality=92)
    return jpegs(1, seconds), photo.getvalue()


@contextmanager
def training(url: str) -> Iterator[None]:
    """While this lasts, the app trains what somebody has started by the page's form."""
    caller = Caller(url)
    answer = caller.form(
        "start", preset="digits-tiny", steps=10_000_000, sample_every=500, save_every=500, extra="log_every=20"
    )
    if "is starting" not in answer:
        raise RuntimeError(f"no training: {answer[-400:]}")
    run = answer.split(" is starting")[0].rpartition(">")[2]
    try:
        yield
    finally:
        caller.press("stop", run)
        caller.http.close()


async def _counted(server: Server, crowd: Crowd, start: float) -> list[tuple[float, Held]]:
    found = []
    while not crowd.over():
        found.append((time.monotonic() - start, held(server.pid)))
        await asyncio.sleep(EVERY)
    return found


async def _together(
    server: Server, crowd: Crowd, people: dict[str, int]
) -> tuple[list[VisitReport], list[tuple[float, Held]]]:
    result, counted = await asyncio.gather(crowd.all(**people), _counted(server, crowd, time.monotonic()))
    return result, counted


def settle(server: Server, seconds: float, like: Held | None = None) -> Held:
    """What the app holds after so many seconds, or as soon as it holds no more than then (like). A glance makes it let
    go of threads that have nothing to do."""
    end = time.monotonic() + seconds
    while True:
        time.sleep(min(2.0, max(0.0, end - time.monotonic())))
        httpx.get(f"{server.url}/favicon.ico")
        now = held(server.pid)
        if time.monotonic() >= end or (like and all(a <= b for a, b in zip(now[1:], like[1:]))):
            return now


def measure(
    server: Server, minutes: float, people: dict[str, int], quiet: float = QUIET, **habits: Any
) -> dict[str, Any]:
    """All figures of a crowd on a running app."""
    frames, photo = pictures(min(10, 10 * minutes))
    warm = Crowd(server.url, frames, photo, time.monotonic() + 4, stay=2)
    asyncio.run(_together(server, warm, dict.fromkeys(people, 2)))
    before = settle(server, quiet / 3)
    with training(server.url):
        crowd = Crowd(server.url, frames, photo, time.monotonic() + 60 * minutes, **habits)
        result, counted = asyncio.run(_together(server, crowd, people))
    after = settle(server, quiet, before)
    return {"minutes": minutes, "people": people, **figures(result, counted), "before": before._asdict(),
            "after": after._asdict()}  # fmt: skip


def alone(server: Server, frames: Sequence[bytes], viewers: int, seconds: float = 15) -> dict[str, Any]:
    """So many who are live, and nothing else. others: cores that went to programs that are none of ours."""
    crowd, before = Crowd(server.url, frames, b"", time.monotonic() + seconds, habits=("stays",)), others(server)
    result = asyncio.run(crowd.all(viewers, 0, 0))
    taken = (others(server) - before) / max(one.seconds for one in result)
    rates = [len(one.waits) / one.seconds for one in result]
    return {"viewers": viewers, "rate": round(float(np.mean(rates)), 1), "fairness": round(fairness(rates), 3),
            **waits(result), "errors": sum(len(one.errors) for one in result), "others": round(taken, 2)}  # fmt: skip


def others(server: Server) -> float:
    """Seconds of CPU that the machine has spent on all but the app and this process."""
    user, nice, system, _, _, *more = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    app = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    ticks = user + nice + system + sum(more) - int(app[11]) - int(app[12])
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def greet(server: Server, callers: int) -> None:
    """So many new callers. Of the last thousand gradio remembers something; it should not seem to grow by that."""
    page = Crowd(server.url, (), b"", 0)
    body = {"component_id": page.sheet(), "fn_name": "redraw", "data": {}}
    with httpx.Client(base_url=server.url) as http:
        for _ in range(callers):
            http.post("/gradio_api/component_server", json=body | {"session_hash": secrets.token_hex(6)})


def figures(result: Sequence[VisitReport], counted: Sequence[tuple[float, Held]]) -> dict[str, Any]:
    """What the people saw, and what the app held meanwhile."""
    busy, errors = busy_and_errors(result)
    live = [one for one in result if one.kind.startswith("live")]
    kinds = {"live": live, **{kind: [one for one in result if one.kind == kind] for kind in ("photos", "watches")}}
    rates = [len(one.waits) / one.seconds for one in live if one.seconds]
    most = Held(*(max(now[i] for _, now in counted) for i in range(len(Held._fields))))
    return {
        "viewers": [viewer(one) for one in live],
        "rate": {"each": round(float(np.mean(rates)), 2), "all": round(sum(rates), 1)},
        "fairness": round(fairness(rates), 4),
        "waits": {kind: waits(people) for kind, people in kinds.items() if people},
        "busy": busy,
        "errors": dict(errors.most_common(20)),
        "during": most._asdict(),
        "rss_mb": [[round(seconds), now.rss] for seconds, now in counted[:: max(1, len(counted) // 60)]],
    }


def grows(report: dict[str, Any]) -> float:
    """Megabytes a minute by which the app's memory grows in the second half."""
    half = [one for one in report["rss_mb"] if one[0] >= report["rss_mb"][-1][0] / 2]
    return 60 * float(np.polyfit(*zip(*half), 1)[0]) if len(half) > 2 else 0.0


def viewer(result: VisitReport) -> dict[str, Any]:
    rate = round(len(result.waits) / max(result.seconds, 1e-9), 2)
    return {"kind": result.kind, "visits": result.visits, "rate": rate, **waits([result])}


def waits(people: Sequence[VisitReport]) -> dict[str, Any]:
    """Answers, and milliseconds until one came: the median and the 95th percentile."""
    found = [ms for result in people for ms in result.waits]
    median, p95 = np.percentile(found, (50, 95)) if found else (0, 0)
    return {"answers": len(found), "median_ms": round(float(median), 1), "p95_ms": round(float(p95), 1)}


def fill_queue(server: Server, calls: int) -> dict[str, int]:
    """So many photos at once by people who don't wait for each other: how many were taken, told that the app is busy,
    or met something else."""
    _, photo = pictures(0.1)
    crowd = Crowd(server.url, (), photo, 0)

    async def join(http: httpx.AsyncClient) -> str:
        answer = await http.post("/gradio_api/call/emojify", json={"data": [crowd.photo, False, "", "drawn", 256]})
        return "taken" if answer.status_code == 200 else "busy" if is_busy(answer.text) else answer.text[:200]

    async def all_() -> list[str]:
        limits = httpx.Limits(max_connections=calls)
        async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as http:
            return await asyncio.gather(*(join(http) for _ in range(calls)))

    answers = asyncio.run(all_())
    return {answer: answers.count(answer) for answer in sorted(set(answers))}


def fill_batch(server: Server, calls: int) -> dict[str, int]:
    """The same of photos as the page's mode for many sends them."""
    crowd = Crowd(server.url, (), pictures(0.1)[1], 0)
    sheet = crowd.sheet()

    async def all_() -> list[str]:
        async with httpx.AsyncClient(base_url=server.url, timeout=120) as http:
            return await asyncio.gather(*(crowd.batch(http, sheet) for _ in range(calls)))

    answers = ["taken" if not output else "busy" if is_busy(output) else output[:200] for output in asyncio.run(all_())]
    return {answer: answers.count(answer) for answer in sorted(set(answers))}


def table(report: dict[str, Any]) -> str:
    """The report for docs/reliability.md."""
    kinds = {"live": "live, frames", "photos": "photos", "watches": "watching, looks"}
    lines = ["| together | people | answers | median | 95th percentile |", "|---|---|---|---|---|"]
    for (kind, words), people in zip(kinds.items(), report["people"].values()):
        seen = report["waits"][kind]
        cells = words, str(people), f"{seen['answers']:,}", f"{seen['median_ms']:,.0f} ms", f"{seen['p95_ms']:,.0f} ms"
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| held by the app | memory, MB | threads | processes | files | sockets |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("before", "during", "after"):
        rss, *counts = report[name].values()
        words = {"before": "before", "during": "most", "after": "after all have gone"}[name]
        lines.append(f"| {words} | {rss:,.0f} | {' | '.join(map(str, counts))} |")
    head = "live, nobody else", "frames/s each", "median", "95th percentile", "fairness", "cores taken by others"
    lines += ["", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for one in report["alone"]:
        cells = str(one["viewers"]), f"{one['rate']:.1f}", f"{one['median_ms']:,.0f} ms", f"{one['p95_ms']:,.0f} ms"
        lines.append(f"| {' | '.join(cells)} | {one['fairness']:.2f} | {one['others']:.1f} |")
    return "\n".join(lines)


def sentence(report: dict[str, Any]) -> str:
    """The figures in a line."""
    left = [f"{max(0, report['after'][name] - report['before'][name])} {name}" for name in Held._fields[1:]]
    return (
        f"{sum(report['errors'].values())} errors; fairness {report['fairness']:.2f}; left behind: {', '.join(left)}; "
        f"memory {grows(report):+.1f} MB a minute in the second half"
    )


def wrong(report: dict[str, Any]) -> list[str]:
    """What isn't as it should be, a line each."""
    output = [f"{count} × {error}" for error, count in report["errors"].items()]
    for name in Held._fields[1:]:
        if report["after"][name] > report["before"][name]:
            output.append(f"{name}: {report['before'][name]} before, {report['after'][name]} after")
    if grows(report) > GROWS:
        output.append(f"memory grows by {grows(report):.1f} MB a minute")
    return output


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="how long (default 10)")
    parser.add_argument("--viewers", type=int, default=8, help="who are live (default 8)")
    parser.add_argument("--photos", type=int, default=2, help="who send photos (default 2)")
    parser.add_argument("--watchers", type=int, default=3, help="who watch the training (default 3)")
    parser.add_argument("--alone", action="store_true", help="measure only the last table of FILE.json anew")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    flags = parser.parse_args(argv)
    people = {"live": flags.viewers, "photos": flags.photos, "watchers": flags.watchers}
    with tempfile.TemporaryDirectory() as home, serve("emoji", Path(home), "--training", "all") as server:
        report = {"cores": os.cpu_count(), "machine": platform.machine(), "load_before": os.getloadavg()[0]}
        if flags.alone:
            report = json.loads(flags.output.read_text("utf-8"))
        else:
            greet(server, 1000)
            report |= measure(server, flags.minutes, people)
        frames = pictures(5)[0]
        report["alone"] = [alone(server, frames, viewers) for viewers in STEPS]
        report["queue"], report["batch"] = fill_queue(server, 130), fill_batch(server, 40)
    report["wrong"] = wrong(report)
    print(table(report), sentence(report), *report["wrong"], sep="\n")
    if flags.output:
        flags.output.parent.mkdir(parents=True, exist_ok=True)
        flags.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(bool(report["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
