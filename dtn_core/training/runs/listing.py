"""Runs in words and plain values: for a terminal, for programs, and for whoever comes back after a crash."""

from __future__ import annotations

import math
import os
import shlex
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .status import RunStatus, read_status, runs_in

RECENT = 20
"""The newest runs of a folder, of which the app tells at its start what happened to them."""


def resume_command(path: Path) -> str:
    """The line for a shell that goes on with a run."""
    return shlex.join(["python", "-m", "dtn_core", "train", "--resume", str(path)])


def crash_summary(run: RunStatus) -> str:
    """One line: where a run stopped that nobody stopped, its last words, and from where it can go on."""
    where = f"at step {run.step:,} of {run.steps:,}" if run.step else "before its first step"
    on = f"It can go on from step {run.saved:,}." if run.saved else "Nothing was saved yet; it can start again."
    return f"Stopped unexpectedly {where}. {run.why} {on}"


def died(runs: Iterable[RunStatus]) -> list[str]:
    """A line for each run that stopped unexpectedly, with the command that goes on."""
    return [f"{run.name}: {crash_summary(run)} {resume_command(run.path)}" for run in runs if run.status == "died"]


def recently_died(folder: Path) -> list[str]:
    """`died` of the newest runs of a folder."""
    return died(read_status(path, brief=True) for path in runs_in(folder)[:RECENT])


def unwritable(folder: Path) -> list[str]:
    """A line where a folder of runs can't be written, or made."""
    there = next((path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()), folder)
    if os.access(there, os.W_OK) and there.is_dir():
        return []
    return [f"{folder}: cannot be written. Trainings there can be looked at, not started; choose another with --runs."]


def table(runs: Sequence[RunStatus]) -> str:
    """Runs as lines of text, for a terminal."""
    if not runs:
        return "no runs"
    lines = [("run", "status", "step", "images/s", "losses", "age")]
    for run in runs:
        losses = [f"{name} {values[-1]:.3g}" for name, (_, values) in run.curves.items() if not name.startswith("val/")]
        age = "" if run.updated is None else _age(time.time() - run.updated)
        rate = f"{run.rate:.0f}" if run.rate else ""
        lines.append((run.name, run.status, f"{run.step}/{run.steps}", rate, " ".join(losses), age))
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def to_json(run: RunStatus) -> dict[str, Any]:
    """A run in plain values; of each curve its last value, null where that isn't a number."""
    plain = (
        "name", "status", "why", "step", "steps", "device", "started", "updated", "seconds", "rate", "eta", "memory"
    )  # fmt: skip
    last = {name: values[-1] for name, (_, values) in run.curves.items()}
    return {
        "path": str(run.path),
        **{name: getattr(run, name) for name in plain},
        "losses": {name: value if math.isfinite(value) else None for name, value in last.items()},
        "best": run.best,
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
