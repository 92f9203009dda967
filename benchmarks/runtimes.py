"""Whether another runtime than torch pays: ``python -m benchmarks.runtimes [-n 60] [-o results/runtimes.json]``; needs
``pip install onnx onnxruntime`` besides.

Milliseconds of f, g and SR of the emoji checkpoint on one face, on one thread: as PyTorch lays tensors out by default,
in channels_last, and by ONNX Runtime, in the same run, taking turns; and how far the outputs are from the first. Of f
its convolutions at 80 pixels, of SR those before the last, cubic resize, which ONNX Runtime's exporter doesn't know or
is slow at.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import platform
import statistics
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import save
from benchmarks.latency import frame_640x480
from dtn_core import checkpoint as checkpoints
from dtn_core.errors import UserError
from dtn_core.faces.align import align
from dtn_core.faces.detect import detect
from dtn_core.images import to_tensor

WAYS = ("torch", "channels_last", "onnxruntime")


class _BeforeResize(nn.Module):
    def __init__(self, upscaler: nn.Module) -> None:
        super().__init__()
        self.upscaler = upscaler

    def forward(self, y: Tensor) -> Tensor:
        return F.pixel_shuffle(self.upscaler.body(y), self.upscaler.factor)


def nets() -> dict[str, tuple[nn.Module, Tensor]]:
    """Name → net and its input."""
    loaded, frame = checkpoints.load("emoji", "cpu"), frame_640x480()
    head = to_tensor(align(frame, detect(frame)[0]).image)
    x = F.interpolate(head, size=(80, 80), mode="bilinear", antialias=True, align_corners=False)
    with torch.no_grad():
        z = loaded.generator_input(x)
        y = loaded.g(z)
    made = {"f": (loaded.f, x), "g": (loaded.g, z), "SR": (_BeforeResize(loaded.upscaler), y)}
    return {name: (net.to(memory_format=torch.contiguous_format), given) for name, (net, given) in made.items()}


def by_onnx(net: nn.Module, given: Tensor) -> Callable[[], Tensor]:
    """The same net as a function of ONNX Runtime. Raises UserError if that isn't installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
    except ImportError:
        raise UserError("ONNX Runtime is missing. Run: pip install onnx onnxruntime") from None
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(copy.deepcopy(net), (given,), buffer, dynamo=False, opset_version=17, input_names=["x"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(buffer.getvalue(), options, providers=["CPUExecutionProvider"])
    return lambda: torch.from_numpy(session.run(None, {"x": given.numpy()})[0])


@torch.no_grad()
def measure(net: nn.Module, given: Tensor, n: int) -> dict[str, dict[str, float]]:
    """Way → median milliseconds, and the largest difference to the first."""
    turned = copy.deepcopy(net).to(memory_format=torch.channels_last)
    ways = dict(zip(WAYS, (lambda: net(given), lambda: turned(given), by_onnx(net, given))))
    times: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(n + 3):
        for way, run in ways.items():
            start = perf_counter()
            run()
            if turn >= 3:
                times[way].append(1000 * (perf_counter() - start))
    first = net(given)
    return {
        way: {"ms": round(statistics.median(times[way]), 2), "difference": float((run() - first).abs().max())}
        for way, run in ways.items()
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="f, g and SR by torch and by ONNX Runtime.")
    parser.add_argument("-n", type=int, default=60, help="turns that count (default 60)")
    parser.add_argument("-o", "--output", type=Path, help="also write the figures as JSON")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        made = {name: measure(*pair, max(1, arguments.n)) for name, pair in nets().items()}
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {"n": arguments.n, "threads": 1, "machine": platform.machine(), "torch": torch.__version__, "nets": made}
    print(json.dumps(report, indent=1))
    if arguments.output:
        save(report, arguments.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
