"""How long a frame takes: ``python -m benchmarks.latency [--checkpoint emoji] [-o results/latency.json]``.

Median milliseconds of each stage and of the whole, on a 640x480 frame with one face (Grace Hopper, from
matplotlib's sample data), several ways in the same run, taking turns:

photo         the pipeline as a still picture goes through it: drawn where the checkpoint can draw, and painted
live drawn    as the webcam uses it, a new face in every frame: detection on a small copy only; nothing is painted
live painted  the same, painted and not drawn; where the checkpoint can't draw, that is the only live way
naive         the obvious way to build it: MTCNN with its default settings and dlib's own descriptor call; what
              follows (g, SR, composition) is the same code on the same features

draw is c and the artist's engine.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch

from benchmarks import save
from dtn_core.core.errors import UserError
from dtn_core.core.images import load, to_images, to_tensor
from dtn_core.core.types import TransferredFace
from dtn_core.faces.align import align
from dtn_core.faces.compose import paste
from dtn_core.faces.detect import detect
from dtn_core.networks.dlib_models import dlib_model_path
from dtn_core.pipeline.photo import Transferrer

STAGES = ("detect", "align", "encode", "generate", "upscale", "draw", "compose", "total")


def frame_640x480():
    """Grace Hopper's portrait scaled to 480 pixels of height in the middle of a grey 640x480 frame."""
    from matplotlib.cbook import get_sample_data

    portrait = load(get_sample_data("grace_hopper.jpg", asfileobj=False))
    width = round(portrait.shape[1] * 480 / portrait.shape[0])
    frame = np.full((480, 640, 3), 128, np.uint8)
    left = (640 - width) // 2
    frame[:, left : left + width] = cv2.resize(portrait, (width, 480), interpolation=cv2.INTER_AREA)
    return frame


def naive(transferrer, frame):
    """A function that runs the obvious pipeline once and returns its milliseconds by stage. Models load
    once."""
    import dlib
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN(keep_all=True)
    predictor = dlib.shape_predictor(str(dlib_model_path("shape_predictor_5_face_landmarks.dat")))
    recogniser = dlib.face_recognition_model_v1(str(dlib_model_path("dlib_face_recognition_resnet_model_v1.dat")))
    face = detect(frame)[0]
    checkpoint = transferrer.checkpoint
    with torch.no_grad():
        z = checkpoint.standardise_s(checkpoint.f(to_tensor(align(frame, face).image)))

    def once():
        times = [perf_counter()]
        boxes, _ = mtcnn.detect(frame)
        times.append(perf_counter())
        points = predictor(frame, dlib.rectangle(*(round(float(v)) for v in boxes[0])))
        aligned = align(frame, face)
        times.append(perf_counter())
        recogniser.compute_face_descriptor(frame, points)
        times.append(perf_counter())
        with torch.no_grad():
            y = checkpoint.g(z)
        times.append(perf_counter())
        raw, large = to_images(y)[0], to_images(transferrer.upscale(y))[0]
        times.append(perf_counter())
        paste(frame, [TransferredFace(aligned, raw, large)])
        times.append(perf_counter())
        ms = [1000 * (b - a) for a, b in zip(times, times[1:])]
        return dict(zip((stage for stage in STAGES if stage != "draw"), [*ms, sum(ms)]))

    return once


def measure(transferrer, n):
    """Median milliseconds by way and stage over n turns; a way's stages are those it goes through."""
    frame = frame_640x480()
    ways = {"photo": lambda: transferrer(frame).ms}
    for kind in ("drawn", "painted") if transferrer.draws else ("painted",):
        ways[f"live {kind}"] = lambda kind=kind: transferrer(frame, kind=kind, thorough=False).ms
    ways["naive"] = naive(transferrer, frame)
    runs = {way: [] for way in ways}
    for turn in range(n + 3):
        for way, once in ways.items():
            ms = once()
            if turn >= 3:  # the first turns load models and warm caches
                runs[way].append(ms)
    return {
        way: {stage: round(statistics.median(ms[stage] for ms in seen), 2) for stage in STAGES if stage in seen[0]}
        for way, seen in runs.items()
    }


def table(report):
    """The figures as Markdown."""
    ms, threads = report["ms"], "one thread" if report["threads"] == 1 else f"{report['threads']} threads"
    lines = [f"| ms, median of {report['n']}, {threads} | {' | '.join(ms)} |", "|---" * (len(ms) + 1) + "|"]
    for stage in STAGES:
        if any(stage in result for result in ms.values()):
            cells = (f"{result[stage]:.1f}" if stage in result else "" for result in ms.values())
            lines.append(f"| {stage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratios(report):
    """Way → how many times as long the naive way takes."""
    ms = report["ms"]
    return {way: f"{ms['naive']['total'] / result['total']:.1f}×" for way, result in ms.items() if way != "naive"}


def main(argv=None):
    parser = argparse.ArgumentParser(description="Median milliseconds of each stage on a 640x480 frame.")
    parser.add_argument("--checkpoint", default="emoji", help="a checkpoint's name or folder (default emoji)")
    parser.add_argument("-n", type=int, default=30, help="turns that count (default 30)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch and OpenCV (default 1)")
    parser.add_argument("-o", "--output", type=Path, help="also write the figures as JSON")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    try:
        if arguments.n < 1 or arguments.threads < 1:
            raise UserError("-n and --threads must be at least 1.")
        transferrer = Transferrer.from_checkpoint(arguments.checkpoint, "cpu")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {
        "frame": [640, 480],
        "faces": 1,
        "n": arguments.n,
        "threads": arguments.threads,
        "machine": platform.machine(),
        "torch": torch.__version__,
        "checkpoint": {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash},
        "ms": measure(transferrer, arguments.n),
    }
    print(table(report))
    print("\nRatio to naive: " + ", ".join(f"{ratio} {way}" for way, ratio in ratios(report).items()))
    if arguments.output:
        save(report, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
