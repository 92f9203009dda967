"""What the training engine costs and gains: ``python -m benchmarks.training [--presets digits-cpu] [-o FILE.json]``.

overhead  the loop with its events, grids and checkpoints against the stage's bare steps, taking turns, in seconds of
          wall clock and of this process's CPU time (which other programs don't disturb)
ratio     pictures a second of our step against a naive one with the same networks, batch and losses, the way open
          replications write it: fp32, a DataLoader that decodes and transforms pictures, f(s) and f(t) anew each step
events    milliseconds to read a run of 10,000 events
process   seconds from a start, as the tab does it, to the first event, and from asking it to stop to the end

Everything runs on noise of the right shapes, so no data is needed; on a GPU where there is one.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import resource
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from dtn_core.config import PRESETS, kind_of
from dtn_core.core.images import to_rgb
from dtn_core.networks import losses
from dtn_core.training import events
from dtn_core.training.feature_cache import FeatureCache, make_encoder
from dtn_core.training.loop import train
from dtn_core.training.optim import make_accelerator
from dtn_core.training.runs import launcher, status
from dtn_core.training.runs.store import Run
from dtn_core.training.stages.transfer import TransferStage, make_d, make_g

PICTURES = 2048
SHAPES = {"digits": (1, 32, 32), "faces": (4, 64, 128)}
"""Channels and side of t, and the side of s as f is given it."""


def noise_pack(config, f):
    """A pack of noise: (N, views, dim) features and uint8 pictures."""
    channels, size, _ = SHAPES[kind_of(config)]
    random = torch.Generator().manual_seed(0)
    z = torch.randn(PICTURES, config.views, f.dim, generator=random)
    t = torch.randint(0, 256, (PICTURES, channels, size, size), generator=random, dtype=torch.uint8)
    val = torch.zeros(64, size, size, 3, dtype=torch.uint8)
    return FeatureCache(z, t, z[:, 0], z[:64, 0], val, t[:64], z[:64, 0])


class Jpegs(Dataset):
    """Pictures as files hold them, decoded and transformed one by one, as replications do."""

    def __init__(self, mode, side):
        rng = np.random.default_rng(0)
        self.files = []
        for _ in range(PICTURES):
            small = rng.integers(0, 256, (side // 4, side // 4, 3), np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(small).resize((side, side)).convert(mode).save(buffer, "png" if mode == "RGBA" else "jpeg")
            self.files.append(buffer.getvalue())
        n = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
        normal = transforms.Normalize([0.5] * n, [0.5] * n)
        self.transform = transforms.Compose([transforms.Resize(side), transforms.ToTensor(), normal])

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        return self.transform(Image.open(io.BytesIO(self.files[i])))


def naive_steps(config, f, device, workers):
    """Steps of the plain loop, one after the other."""
    channels, size, seen = SHAPES[kind_of(config)]
    torch.manual_seed(0)
    g, d = make_g(config, f, channels, size).to(device), make_d(config, channels, size).to(device)
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), config.lr, betas=(0.5, 0.99)) for n in (g, d))
    sets = Jpegs("RGB", seen), Jpegs({1: "L", 4: "RGBA"}[channels], size)
    loaders = [DataLoader(s, config.batch, shuffle=True, drop_last=True, num_workers=workers) for s in sets]
    while True:
        for x, t in zip(*loaders):
            x, t = x.to(device), t.to(device)
            with torch.no_grad():
                f_s, f_t = f(x), f(to_rgb(t))
            g_s, g_t = g(f_s), g(f_t)
            loss = losses.discriminator(d(g_s.detach()), d(g_t.detach()), d(t)).total
            adam_d.zero_grad()
            loss.backward()
            adam_d.step()
            gang, const = losses.gang(d(g_s), d(g_t)), losses.const(f_s, f(to_rgb(g_s)))
            loss = losses.generator(
                gang, const, losses.tid(t, g_t), losses.tv(g_s), config.alpha, config.beta, config.gamma
            ).total
            adam_g.zero_grad()
            loss.backward()
            adam_g.step()
            loss.item()  # replications print it
            yield


def seconds_of(step, count, device):
    start = perf_counter(), process_time()
    for _ in range(count):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - start[0], process_time() - start[1]


def throughput(config, f, accelerator, steps, workers):
    """Pictures a second of ours and of the naive loop: medians of five turns."""
    stage = TransferStage(config, noise_pack(config, f), f, accelerator)
    numbers = iter(range(1, 10**6))
    ours, naive = (lambda: stage.step(next(numbers))), naive_steps(config, f, accelerator.device, workers)
    rates = {"ours": [], "naive": []}
    for turn in range(6):
        for name, step in (("ours", ours), ("naive", lambda: next(naive))):
            seconds, _ = seconds_of(step, steps, accelerator.device)
            if turn:  # the first warms up
                rates[name].append(steps * config.batch / seconds)
    return {name: round(median(values), 1) for name, values in rates.items()}


def overhead(config, f, accelerator, steps):
    """Share of time that the loop adds to the bare steps, from the least of three turns each."""
    spent = {"bare": [], "loop": []}
    for _ in range(3):
        stage = TransferStage(config, noise_pack(config, f), f, accelerator)
        stage.step(1)
        numbers = iter(range(1, steps + 1))
        spent["bare"].append(seconds_of(partial(next, map(stage.step, numbers)), steps, accelerator.device))
        stage = TransferStage(config, noise_pack(config, f), f, accelerator)
        stage.step(1)
        with tempfile.TemporaryDirectory() as folder:
            run = Run.create(Path(folder), "x", config)
            whole = partial(train, stage, run, config, accelerator)
            spent["loop"].append(seconds_of(whole, 1, accelerator.device))
    least = {name: [min(turn[i] for turn in turns) for i in (0, 1)] for name, turns in spent.items()}
    return {
        "steps": steps, "wall": round(least["loop"][0] / least["bare"][0] - 1, 4),
        "cpu": round(least["loop"][1] / least["bare"][1] - 1, 4),
    }  # fmt: skip


def reading():
    """Milliseconds to fold 10,000 events of eight losses, median of seven."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder), "x", PRESETS["digits-tiny"])
        names = ("d", "d_s", "d_t", "d_real", "gang", "const", "tid", "tv")
        stepped = [
            events.Stamped(events.Stepped(i, dict.fromkeys(names, 1.0 + i / 700000.0), 85.3, 10**9), 1.7e9 + i)
            for i in range(10_000)
        ]
        started = events.Stamped(events.Started(0, 10_000, "cpu"), 1.7e9)
        (run.path / "events.jsonl").write_text("".join(events.encode(e) + "\n" for e in (started, *stepped)))
        times = []
        for _ in range(7):
            start = perf_counter()
            found = status.read_status(run.path)
            times.append(1000 * (perf_counter() - start))
            assert len(found.curves["d"][0]) == 10_000
        return round(median(times), 1)


def started_and_stopped():
    """Seconds to the first event of a training that is a process of its own, and to its end once it is asked."""
    with tempfile.TemporaryDirectory() as folder:
        config = replace(PRESETS["upscaler-tiny"], steps=10**6, device="cpu", log_every=1)
        start = perf_counter()
        path = launcher.start(config, "x", Path(folder))
        while not events.read(path / "events.jsonl")[0]:
            sleep(0.01)
        first = perf_counter() - start
        while not status.read_status(path).step:
            sleep(0.05)
        start = perf_counter()
        launcher.request(path, "stop")
        while status.read_status(path).status != "stopped":
            sleep(0.02)
        return {"first_event_s": round(first, 1), "stop_s": round(perf_counter() - start, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", default="digits-cpu,faces-cpu", help="with commas between them")
    parser.add_argument("--steps", type=int, default=10, help="of a turn of the throughput (default 10)")
    parser.add_argument("--loop-steps", type=int, default=0, help="measure the overhead over so many steps too")
    parser.add_argument("--workers", type=int, default=2, help="of the naive loop's DataLoader (default 2)")
    parser.add_argument("-o", "--output", help="write the figures here as JSON")
    flags = parser.parse_args()
    figures = {"torch": torch.__version__, "machine": platform.machine(), "threads": torch.get_num_threads()}
    for name in flags.presets.split(","):
        config = PRESETS[name]
        accelerator = make_accelerator(config)
        f = make_encoder(config.encoder, str(accelerator.device))
        cuda = accelerator.device.type == "cuda"
        figures["device"] = torch.cuda.get_device_name() if cuda else "cpu"
        print(f"{name} on {figures['device']} ...", file=sys.stderr)
        found = throughput(config, f, accelerator, flags.steps, flags.workers)
        ratio = round(found["ours"] / found["naive"], 2)
        figures[name] = {"batch": config.batch, "images_per_s": found, "ratio": ratio}
        if cuda:
            figures[name]["utilisation"] = torch.cuda.utilization()
        if flags.loop_steps:
            figures[name]["overhead"] = overhead(
                replace(config, steps=flags.loop_steps), f, accelerator, flags.loop_steps
            )
    figures["read_10000_events_ms"] = reading()
    figures["process"] = started_and_stopped()
    figures["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(figures, indent=1))
    if flags.output:
        Path(flags.output).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
