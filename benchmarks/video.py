"""How fast video files are: ``python -m benchmarks.video [--seconds 10] [--json] [-o results/video.json]``.

Frames a second of `video.emojify_video`, reading and writing included, on a film of 640x480 pixels in which one
portrait moves, blinks and speaks, with sound: drawn, over the face, beside it and alone; painted; and naively, every
frame as a still picture through the whole pipeline. Then the memory held before and after a film ten times as long.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import platform
import sys
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import av
import cv2
import numpy as np
import torch

from benchmarks import acting, save, scripts
from benchmarks.running import rss
from dtn_core.core.errors import UserError
from dtn_core.pipeline.photo import Transferrer
from dtn_core.pipeline.video import emojify_video
from dtn_core.pipeline.video.reading import Frame, Reader
from dtn_core.pipeline.video.writing import Writer

FPS, RATE = 30, 44100


def film(frames: list[np.ndarray], times: int = 1) -> io.BytesIO:
    """Frames, so many times over, as an MP4 with a tone."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        video = file.add_stream("libx264", FPS, options={"preset": "veryfast", "crf": "20"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        sound = file.add_stream("aac", RATE, layout="mono")
        n = 0
        for _ in range(times):
            for picture in frames:
                file.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
                t = np.arange(n * RATE // FPS, (n + 1) * RATE // FPS) / RATE
                tone = av.AudioFrame.from_ndarray(np.float32(0.3 * np.sin(2765 * t))[None], "fltp", "mono")
                tone.sample_rate, tone.pts, tone.time_base = RATE, n * RATE // FPS, Fraction(1, RATE)
                file.mux(sound.encode(tone))
                n += 1
        file.mux(video.encode())
        file.mux(sound.encode())
    return out


def naive(data: bytes, transferrer: Transferrer) -> int:
    """Every frame as a photo. Returns their number."""
    reader, n = Reader(io.BytesIO(data), "the film"), 0
    with Writer(io.BytesIO(), reader, reader.width, reader.height) as writer:
        for item in reader:
            if isinstance(item, Frame):
                writer.write(transferrer(item.picture).composed, item.time)
                n += 1
            else:
                writer.write_sound(item)
        writer.finish()
    return n


def measure(transferrer: Transferrer, seconds: float, quick: bool) -> dict:
    frames = [f for f, _ in acting.perform(acting.free("test"), scripts.acting(seconds), FPS)]
    data = film(frames).getvalue()
    short = film(frames[: max(10, len(frames) // 5)]).getvalue()
    ways = {
        "drawn, over the face": (data, {}),
        "drawn, beside": (data, {"mode": "beside"}),
        "drawn, alone": (data, {"mode": "alone"}),
        "painted": (short, {"kind": "painted"}),
    }
    rates = {}
    for name, (given, options) in ways.items():
        start = perf_counter()
        report = emojify_video(io.BytesIO(given), io.BytesIO(), transferrer, **options)
        rates[name] = round(report.frames / (perf_counter() - start), 1)
    start = perf_counter()
    rates["naive"] = round(naive(short, transferrer) / (perf_counter() - start), 1)
    made = {"frames_per_second": rates}
    if not quick:
        long, held = film(frames, 10), []
        long.seek(0)

        def watch(progress) -> None:  # noqa: ANN001
            if progress.frames in (len(frames), 10 * len(frames)):
                gc.collect()
                held.append(rss())

        emojify_video(long, _Nowhere(), transferrer, progress=watch)
        made["memory"] = {"frames": 10 * len(frames), "mb_after_a_tenth": held[0], "mb_at_the_end": held[-1]}
    return made


class _Nowhere(io.RawIOBase):
    """Takes all and keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # noqa: ANN001
        return len(data)


def table(report: dict) -> str:
    """The figures as Markdown."""
    rates = report["frames_per_second"]
    lines = ["| 640×480, one face | frames a second | times as fast as naive |", "|---|---|---|"]
    lines += [f"| {name} | {rate} | {rate / rates['naive']:.1f} |" for name, rate in rates.items()]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Frames a second of video files.")
    parser.add_argument("--seconds", type=float, default=10, help="length of the film (default 10)")
    parser.add_argument("--checkpoint", default="emoji", help="a checkpoint's name or folder (default emoji)")
    parser.add_argument("--quick", action="store_true", help="one second, without the long film")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("-o", "--output", type=Path, help="also write the figures as JSON")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        transferrer = Transferrer.from_checkpoint(arguments.checkpoint, "cpu")
        transferrer.checkpoint.require_generator()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    seconds = 1.0 if arguments.quick else max(1.0, arguments.seconds)
    report = {"seconds": seconds, "machine": platform.machine()}
    report["checkpoint"] = {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash}
    report |= measure(transferrer, seconds, arguments.quick)
    if arguments.output:
        save(report, arguments.output)
    print(json.dumps(report, indent=1) if arguments.json else table(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
