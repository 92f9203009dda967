"""Runs as text and plain values, for the command line, other programs and the app's start messages."""

from __future__ import annotations

import math
import os
import shlex
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .status import RunStatus, read_status, runs_in

MAX_RECENT_RUNS = 20
"""The app reports crashes of the newest runs of a folder only."""


def resume_command(path: Path) -> str:
    """The shell command that resumes a run."""
    return shlex.join(["python", "-m", "dtn_core", "train", "--resume", str(path)])


def crash_summary(run: RunStatus) -> str:
    """One line: where a run stopped unexpectedly, its last message, and the step to resume from."""
    where = f"at step {run.step:,} of {run.steps:,}" if run.step else "before its first step"
    resume = (
        f"It can go on from step {run.saved_step:,}."
        if run.saved_step
        else "Nothing was saved yet; it can start again."
    )
    return f"Stopped unexpectedly {where}. {run.reason} {resume}"


def crash_lines(runs: Iterable[RunStatus]) -> list[str]:
    """A line for each run that stopped unexpectedly, with the command that resumes it."""
    return [f"{run.name}: {crash_summary(run)} {resume_command(run.path)}" for run in runs if run.status == "died"]


def recent_crash_lines(folder: Path) -> list[str]:
    """`died` of the newest runs of a folder."""
    return crash_lines(read_status(path, brief=True) for path in runs_in(folder)[:MAX_RECENT_RUNS])


def unwritable_folder_lines(folder: Path) -> list[str]:
    """A line if a folder of runs can't be written or created; otherwise none."""
    candidates = (folder.absolute(), *folder.absolute().parents)
    existing = next((path for path in candidates if path.exists()), folder)
    if os.access(existing, os.W_OK) and existing.is_dir():
        return []
    return [f"{folder}: cannot be written. Trainings there can be looked at, not started; choose another with --runs."]


def table(runs: Sequence[RunStatus]) -> str:
    """Runs as a table for the terminal."""
    if not runs:
        return "no runs"
    rows = [("run", "status", "step", "images/s", "losses", "age"), *map(_row, runs)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _row(run: RunStatus) -> tuple[str, ...]:
    losses = [f"{name} {values[-1]:.3g}" for name, (_, values) in run.curves.items() if not name.startswith("val/")]
    age = "" if run.updated is None else _age(time.time() - run.updated)
    rate = f"{run.rate:.0f}" if run.rate else ""
    return run.name, run.status, f"{run.step}/{run.steps}", rate, " ".join(losses), age


def to_json(run: RunStatus) -> dict[str, Any]:
    """A run as plain values; of each curve the last value, null if that isn't finite."""
    last = {name: values[-1] for name, (_, values) in run.curves.items()}
    return {
        "path": str(run.path),
        "name": run.name,
        "status": run.status,
        "why": run.reason,
        "step": run.step,
        "steps": run.steps,
        "device": run.device,
        "started": run.started,
        "updated": run.updated,
        "seconds": run.seconds,
        "rate": run.rate,
        "eta": run.eta,
        "memory": run.memory_bytes,
        "losses": {name: value if math.isfinite(value) else None for name, value in last.items()},
        "best": run.best_step,
        "samples": [{"step": step, "path": str(path)} for step, path in run.samples],
        "exports": [{"step": step, "path": str(path)} for step, path in run.exports],
        "messages": [{"step": step, "message": message} for step, message in run.messages],
        "notes": run.notes,
    }


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
