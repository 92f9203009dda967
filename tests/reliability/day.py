"""A day of live video: ``python -m tests.reliability.day -o results/day.json``.

One viewer's session takes the frames that a day at ten a second has, as fast as it can: people who move, come, leave
and come back, two and three at a time, an empty room, cuts. All that is done of a frame is done here in line, at the
cadence that live video has. Memory must stay flat."""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np

from benchmarks import acting, scripts
from benchmarks.running import rss
from dtn_core.live.session import Session
from dtn_core.live.wire import Wire
from dtn_core.transfer import Transferrer

RATE = 10
"""Frames a second."""

DAY = 24 * 3600 * RATE
SIZE = 320, 240
GROWS = 15.0
"""Megabytes by which memory may grow in an hour of frames, after the first tenth."""

COUNTS = 100
"""How often memory is looked at."""


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


def day(frames: int, longest: float = 60, **shown: Any) -> Iterator[tuple[str, bytes]]:
    """So many frames, each with what it shows: scene after scene, of seconds to so many (longest), to and fro. shown:
    see `scenes`."""
    made, random = scenes(**shown), Random(0)
    while frames > 0:
        name = random.choice(list(made))
        scene = random.choice(made[name])
        there_and_back = scene + scene[-2:0:-1]
        for i in range(min(frames, random.randint(2 * RATE, int(longest * RATE)))):
            yield name, there_and_back[i % len(there_and_back)]
        frames -= i + 1


def feed(transferrer: Transferrer, frames: int, **days: Any) -> dict[str, Any]:
    """One session takes so many frames; what it answered, and what memory did. days: see `day`."""
    wire = Wire(Session(transferrer))
    held: list[tuple[float, float]] = []
    faces, avatars, gone, errors, start, shown = 0, 0, 0, 0, time.process_time(), dict[str, int]()
    for i, (name, frame) in enumerate(day(frames, **days)):
        answer = wire.answer(struct.pack("<I", i) + frame, at=i / RATE)
        json.dumps(answer)
        shown[name] = shown.get(name, 0) + 1
        errors += "error" in answer
        faces += len(answer.get("faces", ()))
        avatars += len(answer.get("avatars", ()))
        gone += len(answer.get("gone", ()))
        if i % max(1, frames // COUNTS) == 0:
            gc.collect()
            held.append((i / RATE / 3600, rss()))
    warm = [one for one in held if one[0] >= held[-1][0] / 10]
    slope = float(np.polyfit(*zip(*warm), 1)[0])
    return {
        "frames": frames, "hours": round(frames / RATE / 3600, 2), "shown": shown, "faces": faces, "avatars": avatars,
        "left": gone, "errors": errors, "cpu_seconds": round(time.process_time() - start),
        "rss_mb": [[round(hours, 3), now] for hours, now in held],
        "grows_mb_an_hour": round(slope, 2), "grows_mb": round(warm[-1][1] - warm[0][1], 1),
    }  # fmt: skip


def sentence(report: dict[str, Any]) -> str:
    """The figures in a line."""
    held = [now for _, now in report["rss_mb"]]
    return (
        f"{report['hours']:.1f} hours at {report['rate']} a second: {report['errors']} errors; memory "
        f"{held[len(held) // 10]:.0f} MB after a tenth, {held[-1]:.0f} at the end, "
        f"{report['grows_mb_an_hour']:+.1f} MB an hour"
    )


def wrong(report: dict[str, Any]) -> list[str]:
    """What isn't as it should be, a line each."""
    said = [f"{report['errors']} errors"] if report["errors"] else []
    if not (report["faces"] and report["avatars"] and report["left"]):
        said.append("nobody was seen")
    if report["grows_mb_an_hour"] > GROWS:
        said.append(f"memory grows by {report['grows_mb_an_hour']} MB an hour")
    return said


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--frames", type=int, default=DAY, help=f"how many (default {DAY}, a day at {RATE} a second)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    flags = parser.parse_args(argv)
    cv2.setNumThreads(1)
    report = {"cores": os.cpu_count(), "machine": platform.machine(), "size": list(SIZE), "rate": RATE}
    report |= feed(Transferrer.from_checkpoint("emoji", "cpu"), flags.frames)
    report["wrong"] = wrong(report)
    print(sentence(report), *report["wrong"], sep="\n")
    if flags.output:
        flags.output.parent.mkdir(parents=True, exist_ok=True)
        flags.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(bool(report["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
