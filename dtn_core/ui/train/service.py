"""What the tab *Train* does, without gradio: every action of a viewer is a method here, and every method first checks
the server's policy. A run's state lives in its files; a service only remembers what it read of them last."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from ... import checkpoint
from ...config import Config, upgrade
from ...errors import UserError
from ...training import dry_run, launcher, status
from ...training.dry_run import DryRun
from ...training.status import RunStatus
from . import fields, uploads
from .exports import card, zipped

Policy = Literal["all", "tiny", "off"]
"""Which trainings a server allows: all; tiny presets without paths of the server's own; none, and no look at any."""

OFF = (
    "Training is turned off on this server. Whoever runs it can turn it on: set DTN_TRAINING=tiny (small try-outs, "
    "without folders of the server) or DTN_TRAINING=all in its environment, and start the app again."
)

ALIVE = ("starting", "running", "stopping")
"""Statuses of a run whose process lives."""


class Form(NamedTuple):
    """What the page's form holds. values: setting → what its field holds; extra: the box of all settings; device: as in
    `config.Training`; data: folder of the data packs, "" for the environment's; name: of the run, "" for the
    preset's; beside: start though another training runs."""

    preset: str
    values: Mapping[str, Any]
    extra: str = ""
    device: str = "auto"
    data: str = ""
    name: str = ""
    beside: bool = False


@dataclass
class TrainService:
    """The trainings of one folder of runs, shared by all viewers."""

    runs: Path
    policy: Policy = "off"
    _known: dict[Path, tuple[tuple[int, ...], RunStatus]] = field(default_factory=dict, repr=False)

    @property
    def tiny(self) -> bool:
        """Whether only tiny trainings are allowed."""
        return self.policy == "tiny"

    def allow(self) -> None:
        """Raise UserError if nothing is allowed here."""
        if self.policy == "off":
            raise UserError(OFF)

    # ── before a run ────────────────────────────────────────────────────────────────────────────────────────

    def config(self, form: Form) -> Config:
        """The configuration a form stands for, if it may be trained here. Raises UserError."""
        self.allow()
        config = fields.to_config(form.preset, form.values, form.extra, form.device)
        if self.tiny:
            fields.check_tiny(config)
        return config

    def data(self, form: Form) -> str | None:
        """The folder of data packs; None for the environment's, and wherever the server's paths are none of the
        viewer's business."""
        return None if self.tiny else form.data.strip() or None

    def command(self, form: Form) -> str:
        """The same training as a line for a terminal; a form with a mistake gives the mistake."""
        try:
            runs = Path("runs") if self.tiny else self.runs  # where this server keeps them is nobody's business
            return launcher.command(self.config(form), form.preset, runs, self.data(form))
        except UserError as error:
            return f"# {error}"

    def check(self, form: Form) -> DryRun:
        """Look at data, time and memory before a start. Takes some seconds; raises UserError."""
        config = self.config(form)
        fields.check_sources(config, self.data(form))
        return dry_run.run_isolated(config, self.data(form), self.runs)

    def start(self, form: Form) -> str:
        """Start a training; returns its run's name. Raises UserError."""
        config = self.config(form)
        fields.check_sources(config, self.data(form))
        name = form.preset if self.tiny else form.name.strip() or form.preset
        beside = form.beside and not self.tiny
        return launcher.start(config, name, self.runs, self.data(form), beside=beside).name

    def keep_upload(self, file: str | None) -> Path:
        """Keep a zip that a viewer has uploaded; returns its path. Raises UserError."""
        self.allow()
        if self.tiny or not file:
            raise UserError("uploads are not allowed here." if self.tiny else "no file came. Upload it again.")
        uploads.forget(self.runs, self._used())
        return uploads.keep(Path(file), self.runs)

    def _used(self) -> list[str]:
        return [path for run in self.list() for path in _sources(run)]

    def encoders(self, task: str) -> list[tuple[str, str]]:
        """(label, name or path) of each f that fits a task: those shipped, those of runs, and dlib's."""
        self.allow()
        shipped = [path for path in sorted(checkpoint.SHIPPED.glob("*/")) if _fits(path, task)]
        found = [(f"{path.name} ({_reads(path)})", path.name) for path in shipped]
        if task != "digits":
            found.append(("dlib (the paper’s f of faces)", "dlib"))
        if not self.tiny:
            for run in self.list():
                if run.config is not None and fields.task_of(run.config) in ("further", "labelled"):
                    exports = [(step, path) for step, path in run.exports if _fits(path, task)]
                    found += [(f"{run.name} · {export_name(run, path)}", str(path)) for _, path in exports]
        return found

    # ── a run ───────────────────────────────────────────────────────────────────────────────────────────────

    def path(self, name: str) -> Path:
        """The directory of a run that this viewer may see. Raises UserError if there is none."""
        self.allow()
        path = next((path for path in status.runs_in(self.runs) if path.name == name), None)
        if path is None or (self.tiny and not self._is_tiny(self._look(path))):
            raise UserError(f"there is no run '{name}' here any more.")
        return path

    def look(self, name: str) -> RunStatus:
        """A run as it stands. Raises UserError if there is none of this name."""
        return self._look(self.path(name))

    def list(self) -> list[RunStatus]:
        """All runs that may be seen, the newest first. Of runs that ended, only changed ones are read again."""
        self.allow()
        found = [self._look(path) for path in status.runs_in(self.runs)]
        return [run for run in found if not self.tiny or self._is_tiny(run)]

    def _look(self, path: Path) -> RunStatus:
        stamp = _stamp(path)
        old, before = self._known.get(path, ((), None))
        if before is not None and old == stamp and before.status not in ALIVE:
            return before
        now = status.read_status(path, before)
        self._known[path] = stamp, now
        return now

    def _is_tiny(self, run: RunStatus) -> bool:
        if run.config is None:
            return False
        try:
            fields.check_tiny(run.config)
        except UserError:
            return False
        return True

    def ask(self, what: Literal["stop", "sample", "save"], name: str) -> str:
        """Ask a run for something at its next step; returns what to tell the viewer. Raises UserError."""
        launcher.ask(self.path(name), what)
        answers = {
            "stop": "It saves a checkpoint and stops.",
            "sample": "A sample is on its way.",
            "save": "It saves a checkpoint.",
        }
        return answers[what]

    def sample_every(self, name: str, steps: float | None) -> str:
        """Set the steps between two samples of a run that goes on. Raises UserError."""
        path = self.path(name)
        if not steps or steps < 1 or steps != int(steps):
            raise UserError("write the steps between two samples, a whole number.")
        launcher.set_sample_every(path, int(steps))
        return f"A sample every {int(steps)} steps."

    def resume(self, name: str, beside: bool = False) -> str:
        """Go on with a run that stopped; beside: though another training runs. Raises UserError."""
        launcher.resume(self.path(name), beside=beside and not self.tiny)
        return "It goes on from its last checkpoint."

    def force_stop(self, name: str) -> str:
        """End a run's process, though it may not save. Raises UserError."""
        launcher.force_stop(self.path(name))
        return "It has ended. It can go on from its last checkpoint."

    def delete(self, name: str) -> str:
        """Delete a run with all its files. Raises UserError."""
        path = self.path(name)
        own = _sources(self._look(path))
        launcher.delete(path)
        self._known.pop(path, None)
        uploads.forget(self.runs, self._used(), own)
        return f"{name} is deleted."

    def note(self, name: str, text: str) -> str:
        """Keep a note with a run. Raises UserError."""
        launcher.write_notes(self.path(name), text)
        return "Saved."

    def log(self, name: str, lines: int = 40) -> str:
        """The end of what a run's process printed."""
        return status.log_tail(self.path(name), lines)

    # ── what a run made ─────────────────────────────────────────────────────────────────────────────────────

    def export(self, name: str, chosen: str | None) -> Path:
        """The directory of one of a run's checkpoints by its `export_name`. Raises UserError."""
        run = self.look(name)
        found = {export_name(run, path): path for _, path in run.exports}
        if chosen not in found:
            raise UserError("choose one of the run's checkpoints first.")
        return found[chosen]

    def in_demo(self, name: str, chosen: str | None) -> tuple[str, str]:
        """The tab where one of a run's checkpoints can be used, and its key among the translations there. Raises
        UserError."""
        directory = self.export(name, chosen)
        if self.policy != "all":
            raise UserError("here the lists hold only what is shipped. Download it, and use it on your own computer.")
        info = checkpoint.read_config(directory)
        if info.get("kind") not in checkpoint.TRANSLATIONS:
            raise UserError("this is no translation but a network for one: choose it as f in the form.")
        return "digits" if checkpoint.sees(info) == "digits" else "emojify", f"{name}/{directory.name}"

    def zip_export(self, name: str, chosen: str | None, folder: Path) -> Path:
        """Write one of a run's checkpoints as a zip into a folder: safetensors, config.json, a model card. Raises
        UserError."""
        source, run = self.export(name, chosen), self.look(name)
        path = folder / f"{name}-{source.name}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zipped(source, card(run, source)))
        return path


def _sources(run: RunStatus) -> list[str]:
    """Paths of the viewer's own pictures in a run's settings."""
    return [path for name in ("s", "t", "folder", "picture") if (path := getattr(run.config, name, None))]


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a run's files do; three looks at the disk."""
    found = []
    for name in ("events.jsonl", "log.txt", "notes.txt", "config.json", "lock", "export"):
        try:
            status = os.stat(path / name)
            found += [status.st_mtime_ns, status.st_size]
        except OSError:
            found += [0, 0]
    return tuple(found)


def _fits(path: Path, task: str) -> bool:
    """Whether a checkpoint's f can serve a task: digits want one that reads digits, faces one that reads faces."""
    reads = _reads(path)
    return bool(reads) and (task not in ("faces", "style", "digits") or (reads == "reads digits") == (task == "digits"))


def _reads(path: Path) -> str:
    """What the f in a checkpoint reads, in words; "" where there is none."""
    try:
        info = checkpoint.read_config(path)
        name, trained = info["encoder"]["name"], info.get("trained") or {}
        if upgrade(trained).get("kind") == "folder-classifier":
            return "reads your classes"
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return "reads digits" if name.startswith("digits") else "reads faces"


def export_name(run: RunStatus, path: Path) -> str:
    """What a run's checkpoint is called in lists, by which it is also chosen: unlike a path, it tells a viewer nothing
    of the server's folders, and can't name another place."""
    step = next((step for step, other in run.exports if other == path), run.step)
    last = path.name == "export"
    best = run.best == step and (not last or (run.config is not None and run.config.keep == "best"))
    ended = {"done": "final", "early": "final", "stopped": "stopped"}.get(run.status) if last else None
    return ", ".join(filter(None, [f"step {step:,}", "best" * best, ended]))


def devices() -> list[tuple[str, str]]:
    """(words, name as in `config.Training.device`) of what this machine can train on, with its free memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cpu = f"CPU · {cores} {'core' if cores == 1 else 'cores'}"
    if free := _free_memory():
        cpu += f", {free / 2**30:.0f} GB free"
    gpus = []
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        room = f"{about.total_memory / 2**30:.0f} GB"
        if free := _free_on_gpu(str(about.uuid)):
            room = f"{free / 2**30:.0f} of {room} free"
        gpus.append((f"GPU {number} · {about.name}, {room}", f"cuda:{number}"))
    best = "the GPU" if gpus else "the CPU"
    return [(f"Automatic: {best}", "auto"), *gpus, (cpu, "cpu")]


def _free_memory() -> int:
    """Bytes of main memory that programs can still have; 0 where the system doesn't say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return 0


def _free_on_gpu(uuid: str) -> int:
    """Bytes of a GPU that are free, asked of the driver's tool: to ask CUDA would take some of them. 0: unknown."""
    query = ["nvidia-smi", "--query-gpu=uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        printed = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
        rooms = dict(line.split(", ") for line in printed.strip().splitlines())
        return next(int(free) * 2**20 for name, free in rooms.items() if name.removeprefix("GPU-") == uuid)
    except (OSError, subprocess.SubprocessError, ValueError, StopIteration):
        return 0
