"""Run directories as a training leaves them, made in a moment."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager

import numpy as np

from dtn_core import config as configs
from dtn_core.core import images
from dtn_core.training import events

START = 1_700_000_000.0


def make_run(
    folder, name, preset="folders-tiny", *, step=400, steps=400, every=10, ended="done", samples=3, exports=(),
    notes="", message="", **changes,
):  # fmt: skip
    """A run directory with smooth curves, drawn samples and empty checkpoints. ended: why, "failed", or None for a run
    that says nothing more; exports: steps with a checkpoint on the way. Returns its path."""
    config = configs.from_dict({**configs.to_dict(configs.PRESETS[preset]), "steps": steps, **changes})
    path = folder / name
    for part in ("samples", "checkpoints", "control"):
        (path / part).mkdir(parents=True, exist_ok=True)
    (path / "lock").touch()
    (path / "config.json").write_text(json.dumps(configs.to_dict(config)))
    result = [events.Started(0, steps, "cpu")]
    for now in range(every, step + 1, every):
        result.append(events.Stepped(now, figures(now, steps, config.seed), 123.4, 700 << 20))
    for now in np.linspace(step / max(1, samples), step, samples).astype(int).tolist():
        images.save(path / f"samples/{now:06d}.png", grid(now, steps))
        result.append(events.Sampled(now, f"samples/{now:06d}.png"))
    for now in exports:
        write_export(path / "exports" / f"{now:06d}", now)
        result.append(events.Saved(now, f"exports/{now:06d}", now == exports[-1]))
    if message:
        result.append(events.Noted(step, message))
    if ended == "failed":
        result.append(events.Failed("d is not a number at step 40; try a lower learning rate."))
    elif ended:
        write_export(path / "export", step)
        result.append(events.Finished(step, ended))
    lines = [events.encode(events.Stamped(event, START + i)) for i, event in enumerate(result)]
    (path / "events.jsonl").write_text("\n".join(lines) + "\n")
    (path / "log.txt").write_text(f"--- a training\nstep {step} of {steps}\n")
    (path / "notes.txt").write_text(notes)
    return path


def figures(now, steps, seed=0):
    """Losses that look like those of a translation."""
    random = np.random.default_rng([seed, now])
    x, wobble = now / steps, lambda much: 1 + much * random.standard_normal()
    parts = {"d_s": (0.5 + 0.5 * x) * wobble(0.2), "d_t": (0.9 + 0.1 * x) * wobble(0.1), "d_real": 0.8 * wobble(0.15)}
    found = {"d": sum(parts.values()), **parts, "d_accuracy": float(np.clip(0.8 - 0.3 * x, 0, 1) * wobble(0.05))}
    found |= {"gang": (3 - x) * wobble(0.1), "const": (2 * np.exp(-4 * x) + 0.4) * wobble(0.1)}
    found |= {"tid": (0.5 * np.exp(-6 * x) + 0.02) * wobble(0.15), "tv": 0.12 * wobble(0.05)}
    found |= {"g": found["gang"] + 5 * found["const"] + 50 * found["tid"]}
    if now % 50 == 0:
        found |= {"val/const": found["const"] * 1.1, "val/tid": found["tid"] * 1.2, "val/diversity": 0.5 + 0.4 * x}
    return {name: round(float(value), 5) for name, value in found.items()}


def grid(now, steps, side=32, columns=8):
    """A sample grid of coloured shapes, more exact with time."""
    random = np.random.default_rng(0)
    rows = [[] for _ in range(4)]
    yy, xx = np.mgrid[:side, :side] - side / 2
    for _ in range(columns):
        colour, other = random.integers(40, 220, (2, 3))
        disc = (yy**2 + xx**2 < (side / 3) ** 2)[..., None]
        square = ((abs(yy) < side / 4) & (abs(xx) < side / 4))[..., None]
        s, t = (np.where(shape, c, 245).astype(np.uint8) for shape, c in ((disc, colour), (square, other)))
        noise = random.normal(0, 60 * (1 - now / steps), (side, side, 3))
        made = [np.clip(np.where(square, c, 245) + noise, 0, 255).astype(np.uint8) for c in (colour, other)]
        for row, picture in zip(rows, (s, made[0], t, made[1])):
            row.append(picture)
    return images.grid(rows)


def write_export(directory, step):
    """What looks like a checkpoint, without weights."""
    directory.mkdir(parents=True)
    info = {"format": 1, "kind": "transfer", "encoder": {"name": "digits"}, "trained": {"step": step, "data": "shapes"}}
    (directory / "config.json").write_text(json.dumps(info))
    (directory / "generator.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")


@contextmanager
def alive(path):
    """While this lasts, a process trains the run: its lock is held, and signed."""
    with (path / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()}\n0\n")
        lock.flush()
        yield
