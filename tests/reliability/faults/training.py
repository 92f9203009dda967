"""kill -9 at random moments of a training: what is on the disk then, and what the next start makes of it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.networks import checkpoint
from dtn_core.pipeline import model
from dtn_core.training import events
from dtn_core.training.runs import launcher, listing, states
from dtn_core.training.runs.status import RunStatus, is_alive, read_status
from dtn_core.training.runs.store import Run

from . import processes
from .processes import Lost, must, until

CONFIG = replace(
    PRESETS["digits-tiny"], steps=60, limit=32, log_every=1, sample_every=2, save_every=1, keep="best", device="cpu"
)
"""Small, and nearly always writing: after every step its state and a checkpoint, after every other a sample."""

WRITING = "checkpoints/*.tmp", "checkpoints/.*", "samples/.*", "exports/.*", ".export*"
"""What a kill in the midst of a write leaves."""


class Forked:
    """Trainers forked off a process that has imported everything."""

    def start(self, path: Path) -> int:
        self._last = processes.command("train", "--resume", str(path))
        return self._last.pid

    def alive(self, path: Path) -> bool:
        return self._last.is_alive()


class Launched:
    """Trainers as the app starts them."""

    def start(self, path: Path) -> int:
        launcher.resume(path)
        return launcher.holder(path)[0]

    def alive(self, path: Path) -> bool:
        return is_alive(path)


def new_run(folder: Path, **changes: Any) -> Path:
    """A run that nobody trains yet."""
    run = Run.create(folder, "killed", replace(CONFIG, **changes))
    run.release()
    return run.path


def life(path: Path, trainers: Forked | Launched, random: Random, longest: float) -> bool:
    """One life of a trainer, ended at a random moment, one in six before it has begun to step; returns whether it was
    killed, and not done before."""
    before = len(events.read(path / "events.jsonl")[0])
    pid = trainers.start(path)
    early = random.random() < 1 / 6
    if not early:

        def speaks() -> bool:
            result = events.read(path / "events.jsonl")[0][before:]
            return any(isinstance(one.event, events.Started) for one in result) or not trainers.alive(path)

        until(speaks)
    time.sleep(random.uniform(0, longest / 4 if early else longest))
    processes.kill(pid)
    until(lambda: not trainers.alive(path) and not is_alive(path))
    return read_status(path).status == "died"


def check_killed(path: Path) -> tuple[RunStatus, int]:
    """What holds after every kill; returns how the run stands, and the step of the state on the disk. Raises Lost."""
    run, step = check_states(path)
    must(run.status in ("died", "done"), f"it stands as {run.status}")
    if run.status == "died":
        line = listing.crash_summary(run)
        must(line.startswith("Stopped unexpectedly ") and len(line.splitlines()) == 1, f"it says {line!r}")
        must(f"--resume {path}" in listing.crash_lines([run])[0], "it doesn't say how to go on")
    return run, step


def check_states(path: Path) -> tuple[RunStatus, int]:
    """What holds however a run ended: what it reported exists, and everything that exists is complete."""
    data = (path / "events.jsonl").read_bytes() if (path / "events.jsonl").exists() else b""
    whole = data.splitlines(keepends=True)[: data.count(b"\n")]
    result, _ = events.read(path / "events.jsonl")
    must(len(result) == len(whole), f"{len(whole) - len(result)} whole lines of events can't be read")
    run = read_status(path)
    announced = max((one.event.step for one in result if isinstance(one.event, events.Saved)), default=0)
    last = path / "checkpoints" / "last.safetensors"
    step = states.read(last)["step"] if last.exists() else 0
    must(step >= announced, f"step {announced} was reported as saved, {step} is on the disk")
    must((run.saved_step or 0) <= step, f"it says step {run.saved_step} is saved, {step} is on the disk")
    best = path / "checkpoints" / "best.safetensors"
    must(run.best_step is None or states.read(best)["step"] >= run.best_step, "the best state is gone")
    for at, directory in run.exports:
        for part in directory.glob("*.safetensors"):
            checkpoint.read_tensors(directory, part.stem)
        step_in = checkpoint.read_config(directory)["trained"]["step"]
        must(step_in == at, f"{directory.name} holds step {step_in}")
    if run.exports:
        model.load(run.exports[-1][1])
    for _, sample in run.samples:
        with Image.open(sample) as picture:
            picture.load()
    return run, step


def check_resumed(path: Path, step: int, before: int) -> None:
    """Whoever went on, went on from the state that was there. Raises Lost."""
    result = [one.event for one in events.read(path / "events.jsonl")[0][before:]]
    started = next((event.step for event in result if isinstance(event, events.Started)), step)
    must(started == step, f"it goes on from {started}, not {step}")


def left(path: Path) -> list[Path]:
    """What a kill left half written."""
    return [found for pattern in WRITING for found in path.glob(pattern)]


@contextmanager
def alone() -> Iterator[None]:
    """Drawn digits, whatever data there is."""
    before = os.environ.pop("DTN_DATA", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["DTN_DATA"] = before


def finish(path: Path, trainers: Forked | Launched) -> None:
    """Let a run come to its end."""
    trainers.start(path)
    until(lambda: not trainers.alive(path) and not is_alive(path))
    run = read_status(path)
    must(run.status == "done", f"it ends as {run.status}: {run.reason}")


def figures(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    """The curves, without what a killed process did in vain."""
    return read_status(path).curves


def tried(kills: int, folder: Path, trainers: Forked | Launched, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """So many kills, of one run after the other; each run is trained to its end, which must be that of a run that was
    never killed. Raises Lost."""
    random, found = Random(seed), Counter()
    with alone():
        unbroken = new_run(folder, **changes)
        start = time.monotonic()
        finish(unbroken, trainers)
        whole = time.monotonic() - start
        path, step = new_run(folder, **changes), 0
        while found["kills"] < kills:
            before = len(events.read(path / "events.jsonl")[0])
            if not life(path, trainers, random, max(0.3, whole / 8)):
                found["runs"] += check_same(path, unbroken)
                path, step = new_run(folder, **changes), 0
                continue
            check_resumed(path, step, before)
            run, step = check_killed(path)
            found["kills"] += 1
            found["in a write"] += bool(left(path))
            found["before the first step"] += run.step == 0
            found["steps done again"] += max(0, run.step - step)
            try:
                Run.reopen(path).release()  # as the next process does
            except UserError as error:
                raise Lost(f"it can't go on: {error}") from None
            must(not left(path), f"{[one.name for one in left(path)]} stay")
        finish(path, trainers)
        found["runs"] += check_same(path, unbroken)
    return dict(found)


def check_same(path: Path, unbroken: Path) -> bool:
    """A run that is done, though it was killed: weights to the bit, and the last figures. Raises Lost."""
    must(read_status(path).status == "done", f"it stands as {read_status(path).status}")
    one, other = (checkpoint.weights_hash(run / "export") for run in (path, unbroken))
    must(one == other, "weights differ from those of an unbroken run")
    curves = {name: (steps[-1], values[-1]) for name, (steps, values) in figures(path).items()}
    must(curves == {n: (s[-1], v[-1]) for n, (s, v) in figures(unbroken).items()}, "figures differ")
    return True
