"""Every writer, killed at every step of its way: before each operation on a file, and in the midst of what it writes.
What it replaces is there before, and what it makes after; never half of it, nor nothing."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from dtn_core.config import PRESETS
from dtn_core.core import images
from dtn_core.evaluation.experiments import figures
from dtn_core.networks import checkpoint
from dtn_core.training import events, feature_cache
from dtn_core.training.runs import launcher, states
from dtn_core.training.runs.status import read_status, runs_in
from dtn_core.training.runs.store import Run

from .processes import fork, must

CHANGES = {
    "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "fcntl.flock", "ctypes.dlsym",
    "shutil.copytree", "shutil.rmtree",
}  # fmt: skip
"""Audit events before which a writer is killed, beside every opening of a file to write."""

BYTES = 0, 1, 30, 200, 1000, 3000, 10_000
"""A file may become so long; the next byte kills."""


class Writer(NamedTuple):
    """make(folder, n): write version n, 1 over nothing and then 2; look(folder): the version that is there, 0 for none;
    keeps: whether there must be one at any moment."""

    make: Callable[[Path, int], None]
    look: Callable[[Path], int]
    keeps: bool = True


def _picture(folder: Path, n: int) -> None:
    images.save(folder / "picture.png", np.random.default_rng(0).integers(0, 99, (40, 40, 3), np.uint8) + np.uint8(n))


def _seen_picture(folder: Path) -> int:
    first = int(np.random.default_rng(0).integers(0, 99, (40, 40, 3), np.uint8)[0, 0, 0])
    return int(images.load(folder / "picture.png")[0, 0, 0]) - first


def _checkpoint(folder: Path, n: int) -> None:
    tensors = {"statistics": {"x": torch.full((500,), float(n))}, "generator": {"x": torch.full((500,), float(n))}}
    checkpoint.save(folder / "export", {"kind": "x", "n": n}, tensors, {"README.md": str(n)})


def _seen_checkpoint(folder: Path) -> int:
    path = folder / "export"
    found = {float(checkpoint.read_tensors(path, stem)["x"][-1]) for stem in ("statistics", "generator")}
    found |= {float((path / "README.md").read_text()), float(checkpoint.read_config(path)["n"])}
    must(len(found) == 1, f"a checkpoint of {found}")
    return int(found.pop())


def _state(folder: Path, n: int) -> None:
    states.write(folder / "last.safetensors", {"step": n, "x": torch.full((500,), float(n))})


def _seen_state(folder: Path) -> int:
    state = states.read(folder / "last.safetensors")
    must(float(state["x"][-1]) == state["step"], "a state of two steps")
    return state["step"]


def _run(folder: Path, n: int) -> None:
    run = Run.create(folder / "runs", f"version-{n}", PRESETS["digits-tiny"])
    run.write(events.Started(0, 8, "cpu"))
    for step in range(1, 9):
        run.write(events.Stepped(step, {"d": 1.0, "g": 2.0}, 100.0))
    run.write(events.Finished(8, "done"))
    run.release()


def _seen_run(folder: Path) -> int:
    for path in runs_in(folder / "runs"):
        run = read_status(path)
        must(run.status in ("done", "died") and run.config == PRESETS["digits-tiny"], f"a run that is {run.status}")
        if run.status == "died":
            Run.reopen(path).release()
            result = (path / "events.jsonl").read_bytes() if run.step else b""
            must(result == b"" or result.endswith(b"}\n"), "half an event stays")
    names = [path.name[-1] for path in runs_in(folder / "runs")]
    return int(max(names, default=0))


def _deleted(folder: Path, n: int) -> None:
    if n == 1:
        return _run(folder, n)
    for path in runs_in(folder / "runs"):
        launcher.delete(path)
    return launcher.remove_deleted_runs(folder / "runs")


def _seen_deleted(folder: Path) -> int:
    found = runs_in(folder / "runs")
    must(all(read_status(path).status == "done" and len(list(path.iterdir())) == 8 for path in found), "half a run")
    return 1 if found else 2


def _notes(folder: Path, n: int) -> None:
    (folder / "config.json").write_text("{}")
    launcher.write_notes(folder, f"{n}" * 3000)


def _seen_notes(folder: Path) -> int:
    text = (folder / "notes.txt").read_text()
    must(len(text) == 3000 and len(set(text)) == 1, "half a note")
    return int(text[0])


def _cache(folder: Path, n: int) -> None:
    names = ("f_s", "f_t", "f_val", "f_t_val")
    pictures = torch.full((4, 3, 8, 8), n, dtype=torch.uint8)
    parts = {name: torch.full((4, 6), float(n)) for name in names}
    made = feature_cache.FeatureCache(**parts, t=pictures, val=pictures, t_val=pictures, made_by="x")
    made.write(folder / "cache.safetensors")


def _seen_cache(folder: Path) -> int:
    found = feature_cache.FeatureCache.read(folder / "cache.safetensors")
    must(float(found.f_t_val[-1, -1]) == float(found.t_val[0, 0, 0, 0]), "a cache of two")
    return int(found.t_val[0, 0, 0, 0])


def _figures(folder: Path, n: int) -> None:
    with figures.updating(folder / "figures.json") as found:
        record = {"accuracy": n / 10, "hash": "x" * 500, "f_hash": "", "changes": {}, "steps": n}
        found |= {"format": figures.FORMAT, "rows": {"row": {"0": record}}}


def _seen_figures(folder: Path) -> int:
    return figures.read_figures(folder / "figures.json")["rows"]["row"]["0"]["steps"]


WRITERS = {
    "a picture": Writer(_picture, _seen_picture),
    "a checkpoint": Writer(_checkpoint, _seen_checkpoint),
    "a state": Writer(_state, _seen_state),
    "a run and its events": Writer(_run, _seen_run, keeps=False),
    "a run deleted": Writer(_deleted, _seen_deleted),
    "notes": Writer(_notes, _seen_notes),
    "a feature cache": Writer(_cache, _seen_cache),
    "figures": Writer(_figures, _seen_figures),
}


def _act(name: str, folder: Path, version: int, kill: tuple[str, int] | None) -> None:
    """In a process of its own."""
    if kill and kill[0] == "byte":
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kill[1], kill[1]))
    elif kill:
        left = kill[1]

        def die(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            opens = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if opens or event in CHANGES:
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
    WRITERS[name].make(folder, version)


def tried(name: str, folder: Path, every: int = 1) -> dict[str, int]:
    """A writer, killed wherever it can be; every: only at one of so many places. Raises Lost."""
    writer, found = WRITERS[name], Counter()

    def act(place: Path, version: int, kill: tuple[str, int] | None = None) -> bool:
        process = fork(_act, name, place, version, kill)
        process.join()
        must(process.exitcode in (0, -signal.SIGKILL, -signal.SIGXFSZ), f"{name}: exit code {process.exitcode}")
        return process.exitcode != 0

    for kind, places in (("operation", range(0, 200, every)), ("byte", BYTES[::every])):
        for n in places:
            place = folder / f"{name}-{kind}-{n}"
            place.mkdir()
            act(place, 1)
            must(writer.look(place) == 1, f"{name}: not written")
            killed = act(place, 2, (kind, n))
            version = writer.look(place)
            must(version in ((1, 2) if killed else (2,)), f"{name}, {kind} {n}: version {version}")
            if not killed:
                break
            found["kills"] += 1
            found["old"] += version == 1
            act(place, 2)
            must(writer.look(place) == 2, f"{name}, {kind} {n}: can't be written any more")
            rest = [path for path in place.rglob(".*") if path.name not in (".lock", ".figures.json.lock")]
            must(not rest, f"{name}, {kind} {n}: {rest} stay")
    return dict(found)
