"""A day of live video: ``python -m tests.reliability.day -o tests/reliability/results/day.json``.

Sessions, each in a process of its own, take the frames that a day at ten a second has, as fast as they can: people who
move, come, leave and come back, two and three at a time, an empty room, cuts. All that is done of a frame is done here
in line, at the cadence that live video has. Memory must stay flat."""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import platform
import queue
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.queues import Queue
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np

from benchmarks import acting, save, scripts
from benchmarks.running import rss
from dtn_core.pipeline.live.protocol import Protocol
from dtn_core.pipeline.live.session import Session
from dtn_core.pipeline.photo import Transferrer

RATE = 10
"""Frames a second."""

DAY = 24 * 3600 * RATE
SIZE = 320, 240
GROWS = 1.0
"""Megabytes by which memory may grow in an hour of frames, after the first quarter."""

COUNTS = 100
"""How often memory is looked at, in each session."""

SHARES = {"one": 3, "another": 3, "nobody": 2, "two": 1, "three": 1}
"""How often each scene is shown: before a webcam there is mostly one person."""

LOOKS = 12
"""Of every scene: mirrored, darker, in other light, so that f and the face recogniser meet more than two people."""


def scenes(seconds: float = 4, looks: int = LOOKS) -> dict[str, list[list[bytes]]]:
    """What is shown → look → JPEGs of `SIZE`."""
    first, second = acting.free("test"), acting.free("val")
    many = {"two": (first, second), "three": (first, second, first)}
    faces = {
        "one": acting.perform(first, scripts.moving(seconds, 0), RATE, seed=0),
        "another": acting.perform(second, scripts.moving(seconds, 1), RATE, seed=1),
        **{
            name: acting.perform_together(
                list(zip(cast, scripts.together(len(cast), seconds, len(cast)))), RATE, seed=len(cast)
            )
            for name, cast in many.items()
        },
    }
    made = {name: _looks([_small(frame) for frame, _ in frames], looks) for name, frames in faces.items()}
    random = np.random.default_rng(0)
    room = cv2.GaussianBlur(random.integers(0, 255, (*SIZE[::-1], 3), dtype=np.uint8), (0, 0), 12)
    noise = [cv2.add(room, random.integers(0, 6, room.shape, dtype=np.uint8)) for _ in range(RATE)]
    return made | {"nobody": _looks(noise, 1)}


def _small(frame: np.ndarray) -> np.ndarray:
    return cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA)


def _looks(frames: Sequence[np.ndarray], looks: int) -> list[list[bytes]]:
    random, made = np.random.default_rng(0), []
    for look in range(looks):
        gamma, light = random.uniform(0.7, 1.5), random.uniform(0.8, 1.0, 3)
        table = ((np.arange(256)[:, None] / 255) ** gamma * light * 255).astype(np.uint8)
        changed = [np.take_along_axis(table, frame.reshape(-1, 3), 0).reshape(frame.shape) for frame in frames]
        made.append([_jpeg(frame[:, :: 1 - 2 * (look % 2)]) for frame in changed])
    return made


def _jpeg(frame: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", frame[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 70))[1].tobytes()


def day(frames: int, longest: float = 60, seed: int = 0, **shown: Any) -> Iterator[tuple[str, bytes]]:
    """So many frames, each with what it shows: scene after scene, of seconds to so many (longest), to and fro. shown:
    see `scenes`."""
    made, random = scenes(**shown), Random(seed)
    while frames > 0:
        [name] = random.choices(list(SHARES), list(SHARES.values()))
        scene = random.choice(made[name])
        there_and_back = scene + scene[-2:0:-1]
        for i in range(min(frames, random.randint(2 * RATE, int(longest * RATE)))):
            yield name, there_and_back[i % len(there_and_back)]
        frames -= i + 1


def feed(transferrer: Transferrer, frames: int, **days: Any) -> Iterator[dict[str, Any]]:
    """One session takes so many frames; again and again, what it has answered so far, and what memory did. days: see
    `day`."""
    protocol, start, held = Protocol(Session(transferrer)), time.process_time(), list[tuple[float, float]]()
    result = Counter({"errors": 0, "faces": 0, "avatars": 0, "left": 0})
    shown: Counter[str] = Counter()
    for i, (name, frame) in enumerate(day(frames, **days), 1):
        answer = protocol.answer(struct.pack("<I", i) + frame, at=i / RATE)
        json.dumps(answer)
        shown[name] += 1
        result["errors"] += "error" in answer
        for what, key in (("faces", "faces"), ("avatars", "avatars"), ("left", "gone")):
            result[what] += len(answer.get(key, ()))
        if i % max(100, frames // COUNTS) == 0 or i == frames:
            gc.collect()
            hours = i / RATE / 3600
            held.append((hours, rss()))
            warm = [one for one in held if one[0] >= hours / 4]
            yield {
                "frames": i, "hours": round(hours, 3), "shown": dict(shown), **result,
                "cpu_seconds": round(time.process_time() - start),
                "rss_mb": [now for _, now in held],
                "grows_mb": round(warm[-1][1] - warm[0][1], 1),
                "grows_mb_an_hour": round(float(np.polyfit(*zip(*warm), 1)[0]) if len(warm) > 2 else 0.0, 2),
            }  # fmt: skip


def sentence(report: dict[str, Any]) -> str:
    """The figures in a line."""
    parts = []
    for one in report["sessions"]:
        held = one["rss_mb"]
        parts.append(f"{held[len(held) // 4]:.0f} MB after a quarter, {held[-1]:.0f} at the end")
    hours = sum(one["hours"] for one in report["sessions"])
    errors = sum(one["errors"] for one in report["sessions"])
    return f"{hours:.1f} hours at {report['rate']} a second: {errors} errors; memory of each {'; '.join(parts)}"


def wrong(session: dict[str, Any]) -> list[str]:
    """What isn't as it should be, a line each."""
    output = [f"{session['errors']} errors"] if session["errors"] else []
    if not (session["faces"] and session["avatars"] and session["left"]):
        output.append("nobody was seen")
    if session["grows_mb_an_hour"] > GROWS:
        output.append(f"memory grows by {session['grows_mb_an_hour']} MB an hour")
    return output


def _session(seed: int, frames: int, result: Queue[Any]) -> None:
    cv2.setNumThreads(1)
    for so_far in feed(Transferrer.from_checkpoint("emoji", "cpu"), frames, seed=seed):
        result.put((seed, {"seed": seed} | so_far | {"wrong": wrong(so_far)}))
    result.put((seed, None))


def run(frames: int, sessions: int) -> Iterator[dict[str, Any]]:
    """So many sessions side by side, each with its share of the frames and its number as seed; again and again, how
    they stand. Raises RuntimeError if one dies."""
    context = multiprocessing.get_context("spawn")
    result: Queue[Any] = context.Queue()
    at_work = {
        seed: context.Process(target=_session, args=(seed, frames // sessions, result), daemon=True)
        for seed in range(sessions)
    }
    for process in at_work.values():
        process.start()
    report = {"cores": os.cpu_count(), "machine": platform.machine(), "size": list(SIZE), "rate": RATE}
    standing: dict[int, dict[str, Any]] = {}
    while at_work:
        try:
            seed, so_far = result.get(timeout=60)
        except queue.Empty:
            if any(not process.is_alive() for process in at_work.values()):
                raise RuntimeError("a session died") from None
            continue
        if so_far is None:
            at_work.pop(seed).join()
            continue
        standing[seed] = so_far
        yield report | {"sessions": [standing[seed] for seed in sorted(standing)]}


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--frames", type=int, default=DAY, help=f"how many (default {DAY}, a day at {RATE} a second)")
    parser.add_argument("--sessions", type=int, default=1, help="side by side, each with its share (default 1)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    flags = parser.parse_args(argv)
    for report in run(flags.frames, flags.sessions):
        if flags.output:
            save(report, flags.output)
    lines = [line for one in report["sessions"] for line in one["wrong"]]
    print(sentence(report), *lines, sep="\n")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
