"""What live video costs: ``python -m benchmarks.live [--page] [-o results/live.json]``.

Milliseconds by stage and in all of one 640x480 frame on the server, one face and four, that move and blink; two ways
in the same run, taking turns:

live    a session's message to its answer. decode: of the JPEG; track: landmarks, and the detector now and then; motion;
        identity: search, f, c and the face recogniser, which run now and then, here in line with the frames and shared
        out among all; answer: what is left, JSON
naive   the obvious way to build it: on every frame MTCNN with its default settings, f, g and SR by plain torch, c, the
        drawing, composition, PNG

then memory over many frames; with --page also a headless Chromium on the app, its camera a video: how often tracking
reaches the page, frames drawn, the time from the camera to the motion on the page, the start.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import platform
import statistics
import struct
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch

from benchmarks import acting, running, save, scripts
from benchmarks.acting import SIZE, perform, perform_together
from benchmarks.running import rss
from dtn_core.core.errors import UserError
from dtn_core.core.images import to_images, to_tensor
from dtn_core.core.types import Box, Face, TransferredFace
from dtn_core.faces.align import align
from dtn_core.faces.compose import composite, stickers
from dtn_core.networks.dlib_models import dlib_model_path
from dtn_core.pipeline.live import protocol
from dtn_core.pipeline.live.motion import MotionTracker
from dtn_core.pipeline.live.protocol import Protocol
from dtn_core.pipeline.live.session import Session
from dtn_core.pipeline.live.tracks import Track
from dtn_core.pipeline.photo import Transferrer

FPS = 30
STAGES = ("decode", "track", "motion", "identity", "answer")
QUALITY = 70
"""Of the JPEGs that the page sends."""


def jpegs(faces: int, seconds: float, seed: int = 0) -> list[bytes]:
    """Frames of faces that move and blink, as the page sends them."""
    portrait = acting.free("test")
    if faces == 1:
        frames = (frame for frame, _ in perform(portrait, scripts.moving(seconds, seed), FPS, seed=seed))
    else:
        cast = [(portrait, script) for script in scripts.together(faces, seconds, seed)]
        frames = (frame for frame, _ in perform_together(cast, FPS, seed=seed))
    return [cv2.imencode(".jpg", f[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes() for f in frames]


# --- a session, stage by stage ---


@contextmanager
def clocked(spent: dict[str, float]) -> Iterator[None]:
    """Add up seconds by stage while sessions run."""

    def timed(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[stage] += perf_counter() - start

        return run

    with ExitStack() as stack:
        for owner, name, stage in (
            (protocol, "decode", "decode"),
            (Track, "follow", "follow"),
            (MotionTracker, "__call__", "motion"),
            (Session, "_run_networks", "identity"),
        ):
            stack.enter_context(patch.object(owner, name, timed(getattr(owner, name), stage)))
        yield


def live(transferrer: Transferrer, frames: Sequence[bytes]) -> dict[str, float]:
    """Mean milliseconds by stage over a sequence, from the first avatars on."""
    session = Protocol(Session(transferrer))
    warm = FPS
    spent: dict[str, float] = defaultdict(float)
    total = 0.0
    for i, frame in enumerate(frames):
        message = struct.pack("<I", i) + frame
        if i == warm:
            gc.collect()
        with clocked(spent if i >= warm else defaultdict(float)):
            start = perf_counter()
            json.dumps(session.answer(message, at=i / FPS))
            total += (perf_counter() - start) * (i >= warm)
    n = len(frames) - warm
    ms = {"decode": spent["decode"], "track": spent["follow"] - spent["motion"], "motion": spent["motion"]}
    ms["identity"] = spent["identity"]
    ms["answer"] = total - sum(ms.values())
    return {stage: 1000 * value / n for stage, value in ms.items()} | {"total": 1000 * total / n}


# --- the naive way ---


def naive(transferrer: Transferrer) -> Callable[[bytes], dict[str, float]]:
    """A function that runs the obvious pipeline on one frame and returns its milliseconds. Models load once."""
    import dlib
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN(keep_all=True)
    predictor = dlib.shape_predictor(str(dlib_model_path("shape_predictor_5_face_landmarks.dat")))
    checkpoint = transferrer.checkpoint

    def once(jpeg: bytes) -> dict[str, float]:
        times = [perf_counter()]

        def lap() -> None:
            times.append(perf_counter())

        frame = protocol.decode(jpeg)
        lap()
        boxes, _ = mtcnn.detect(frame)
        lap()
        heads = []
        for box in [] if boxes is None else boxes:
            points = predictor(frame, dlib.rectangle(*(round(float(v)) for v in box)))
            found = np.array([(p.x, p.y) for p in points.parts()], np.float32)
            heads.append(align(frame, Face(Box(*map(float, box)), found, 1.0)))
        lap()
        made = []
        with torch.no_grad():
            for head in heads:
                x = to_tensor(head.image)
                features = checkpoint.f(x)
                y = checkpoint.g(checkpoint.generator_input(x, features))
                large = to_images(transferrer.upscale(y))[0]
                avatar = checkpoint.predictor.decide(checkpoint.predictor.read(features))[0]
                made.append(TransferredFace(head, to_images(y)[0], large, avatar=avatar))
        lap()
        composed = composite(frame, stickers(made)) if made else frame
        lap()
        cv2.imencode(".png", composed[..., ::-1])
        lap()
        ms = [1000 * (b - a) for a, b in itertools.pairwise(times)]
        return dict(zip(("decode", "detect", "align", "f, g, SR, c", "draw", "png"), ms)) | {"total": sum(ms)}

    return once


# --- measuring ---


def compare(transferrer: Transferrer, faces: int, seconds: float, runs: int) -> dict[str, dict[str, float]]:
    """Way → stage → median over the runs, which take turns."""
    frames = jpegs(faces, seconds)
    slow = naive(transferrer)
    live(transferrer, frames[: FPS + 10])
    slow(frames[0])
    seen: dict[str, list[dict[str, float]]] = {"live": [], "naive": []}
    for run in range(runs):
        seen["live"].append(live(transferrer, frames))
        some = [slow(frame) for frame in frames[run :: max(1, len(frames) // 5)]]
        seen["naive"].append({stage: statistics.fmean(ms[stage] for ms in some) for stage in some[0]})
    return {
        way: {stage: round(statistics.median(ms[stage] for ms in each), 3) for stage in each[0]}
        for way, each in seen.items()
    }


def memory(transferrer: Transferrer, frames: int) -> dict[str, Any]:
    """Megabytes held after the first tenth of so many frames, and after the last."""
    session = Protocol(Session(transferrer))
    sequence = jpegs(1, 10)
    there_and_back = itertools.cycle(sequence + sequence[::-1])
    warm = None
    for i, frame in zip(range(frames), there_and_back):
        session.answer(struct.pack("<I", i) + frame, at=i / FPS)
        if i == frames // 10:
            gc.collect()
            warm = rss()
    gc.collect()
    return {"frames": frames, "rss_mb": [warm, rss()]}


PROBE = """() => {
    const live = document.body.live;
    return live ? { ...live.stats, faces: live.faces.length, avatar: live.faces.some((face) => face.avatar) } : null;
}"""


def page(seconds: float) -> dict[str, Any] | None:
    """The page /live in a headless Chromium, its camera a video; None without a browser. Medians of the page's own
    figures, read twice a second; seconds until the app listened, and from there to the first avatar."""
    browser_path = running.chromium()
    if browser_path is None:
        print("no page: pip install -r requirements-dev.txt, and install Chromium", file=sys.stderr)
        return None
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playing:
        video = Path(folder, "camera.mjpeg")
        video.write_bytes(b"".join(jpegs(1, 20)))
        flags = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        flags.append(f"--use-file-for-fake-video-capture={video}")
        browser = playing.chromium.launch(executable_path=browser_path, args=flags)
        with running.app() as app:
            opened = browser.new_context(permissions=["camera"]).new_page()
            start = perf_counter()
            opened.goto(f"{app.url}/live")
            opened.wait_for_function("() => document.body.live && document.body.live.faces.some((f) => f.avatar)")
            first = perf_counter() - start
            opened.wait_for_timeout(3000)
            seen = []
            while perf_counter() - start < first + 3 + seconds:
                seen.append(opened.evaluate(PROBE))
                opened.wait_for_timeout(500)
            memory_mb = app.rss()
        browser.close()
    result = {
        name: round(statistics.median(one[name] for one in seen), 1)
        for name in ("tracked", "drawn", "latency", "server")
    }
    result["tracked_p5"] = float(np.percentile([one["tracked"] for one in seen], 5))
    return {
        "seconds": seconds, **result, "with_a_face": round(float(np.mean([one["faces"] > 0 for one in seen])), 4),
        "start_s": {"app": round(app.seconds, 2), "avatar": round(first, 2)}, "rss_mb": memory_mb,
    }  # fmt: skip


def table(report: dict[str, Any]) -> str:
    """The figures as Markdown."""
    ms = report["ms"]
    counts = list(ms)
    head = [f"{way}, {'one face' if n == '1' else f'{n} faces'}" for n in counts for way in ("live", "naive")]
    lines = [f"| ms a frame, one thread | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    stages = [*STAGES, *(s for s in ms[counts[0]]["naive"] if s not in (*STAGES, "total")), "total"]
    for stage in stages:
        cells = (ms[n][way].get(stage) for n in counts for way in ("live", "naive"))
        lines.append(f"| {stage} | {' | '.join('' if c is None else f'{c:.1f}' for c in cells)} |")
    return "\n".join(lines)


def sentences(report: dict[str, Any]) -> list[str]:
    """The other figures, a sentence each."""
    made = [
        f"{'One face' if n == '1' else f'{n} faces'}: {1000 / ms['live']['total']:.0f} frames/s, "
        f"{ms['naive']['total'] / ms['live']['total']:.0f} times as fast as the naive pipeline."
        for n, ms in report["ms"].items()
    ]
    if rss_mb := report["memory"]["rss_mb"]:
        made.append(f"{report['memory']['frames']:,} frames: {rss_mb[0]:.0f} MB, at the end {rss_mb[1]:.0f}.")
    if seen := report.get("page"):
        made.append(
            f"In a headless Chromium, {seen['seconds']:.0f} seconds: {seen['tracked']:.0f} tracking updates/s, "
            f"{seen['drawn']:.0f} frames/s drawn, {seen['latency']:.0f} ms from the camera to the motion on the page; "
            f"the first avatar {seen['start_s']['avatar']:.1f} s after the page is opened, "
            f"{sum(seen['start_s'].values()):.1f} s after the app is started."
        )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Milliseconds of a frame of live video, by stage.")
    parser.add_argument("--checkpoint", default="emoji", help="a checkpoint's name or folder (default emoji)")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median counts (default 5)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch and OpenCV (default 1)")
    parser.add_argument("--frames", type=int, default=10_000, help="frames over which memory is watched")
    parser.add_argument("--page", action="store_true", help="also in a headless Chromium on the running app, a minute")
    parser.add_argument("--quick", action="store_true", help="two short runs, 200 frames; five seconds of the page")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="also write them there")
    arguments = parser.parse_args(argv)
    before = torch.get_num_threads()
    try:
        if min(arguments.runs, arguments.threads, arguments.frames) < 1:
            raise UserError("--runs, --threads and --frames must be at least 1.")
        transferrer = Transferrer.from_checkpoint(arguments.checkpoint, "cpu")
        if not (transferrer.draws and transferrer.paints):
            raise UserError(
                f"checkpoint '{arguments.checkpoint}' must both draw and paint, as the naive way does both."
            )
        torch.set_num_threads(arguments.threads)
        cv2.setNumThreads(arguments.threads)
        quick = arguments.quick
        seconds, runs = (2, 2) if quick else (10, arguments.runs)
        report: dict[str, Any] = {
            "frame": list(SIZE), "runs": runs, "seconds": seconds, "fps": FPS, "threads": arguments.threads,
            "cores": os.cpu_count(), "machine": platform.machine(), "torch": torch.__version__,
            "checkpoint": {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash},
            "ms": {str(n): compare(transferrer, n, seconds, runs) for n in (1, 4)},
            "memory": memory(transferrer, 200 if quick else arguments.frames),
        }  # fmt: skip
        if arguments.page:
            report["page"] = page(5 if quick else 60)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        torch.set_num_threads(before)
    print(json.dumps(report, indent=1) if arguments.json else "\n".join([table(report), "", *sentences(report)]))
    if arguments.output:
        save(report, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
