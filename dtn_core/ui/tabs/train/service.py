"""What the tab *Train* does, without gradio: every action of a viewer is a method here, and every method first asks who
calls, what they may train, and, to change a run, whether it is theirs. A run's state lives in its files; a service only
remembers what it read of them last."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ....config import Config, upgrade
from ....core.errors import UserError
from ....core.files import replacing
from ....networks import checkpoint
from ....training import dry_run
from ....training.card import card
from ....training.dry_run import DryRun
from ....training.runs import launcher, status
from ....training.runs.status import RunStatus
from ...access import guest_policy, uploads
from ...access.policy import Policy, Viewer, local_viewer
from ...access.rate_limits import RateLimiter
from . import fields
from .exports import zip_checkpoint
from .status_cache import Known

OFF = (
    "Training is turned off on this server, for whoever isn't at its computer. Whoever runs it can turn it on: start "
    "the app with --training tiny (small try-outs) or --training all, or set DTN_TRAINING in its environment."
)

OTHERS = "this run is somebody else's: only whoever started it can change it."


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
    """The trainings of one folder of runs, shared by all viewers. policy: which anybody may start; who: who calls, and
    what of these they may."""

    runs: Path
    policy: Policy = "off"
    who: Callable[[], Viewer] = local_viewer
    rates: RateLimiter = field(default_factory=RateLimiter, repr=False)
    _known: Known = field(default_factory=Known, repr=False)

    @property
    def tiny(self) -> bool:
        """Whether only tiny trainings are allowed."""
        return "tiny" in (self.policy, self.who().training)

    @property
    def names_paths(self) -> bool:
        """Whether whoever calls may name folders and files of this computer."""
        return self.who().paths and not self.tiny

    def allow(self) -> Viewer:
        """Who calls. Raises UserError if nothing is allowed here, or not to them."""
        viewer = self.who()
        if "off" in (self.policy, viewer.training):
            raise UserError(OFF)
        return viewer

    # ── before a run ────────────────────────────────────────────────────────────────────────────────────────

    def config(self, form: Form) -> Config:
        """The configuration a form stands for, if it may be trained here. Raises UserError."""
        viewer = self.allow()
        config = fields.to_config(form.preset, form.values, form.extra, form.device)
        if self.tiny:
            fields.check_tiny(config)
        elif not viewer.is_local:
            guest_policy.check_size(config)
        if not (viewer.paths or self.tiny):
            guest_policy.check_paths(config, viewer, [path for _, path in self.encoders(fields.task_of(config))])
        return config

    def _whole(self, form: Form) -> Config:
        """As `config`, as it is trained."""
        config = self.config(form)
        return config if self.tiny or self.who().is_local else guest_policy.resolve(config, self.runs)

    def data(self, form: Form) -> str | None:
        """The folder of data packs; None for the environment's, and wherever the server's paths are none of the
        viewer's business."""
        return form.data.strip() or None if self.names_paths else None

    def command(self, form: Form) -> str:
        """The same training as a line for a terminal; a form with a mistake gives the mistake."""
        try:
            runs = self.runs if self.names_paths else Path("runs")  # where this server keeps them is nobody's business
            return launcher.command(self.config(form), form.preset, runs, self.data(form))
        except UserError as error:
            return f"# {error}"

    def check(self, form: Form) -> DryRun:
        """Look at data, time and memory before a start. Takes some seconds; raises UserError."""
        config = self._whole(form)
        fields.check_sources(config, self.data(form))
        viewer = self.who()
        if viewer.paths:
            return dry_run.run_isolated(config, self.data(form), self.runs)
        self.rates.require("checks", viewer.address, 6, 60)
        try:
            found = dry_run.run_isolated(config, self.data(form), self.runs, guest_policy.CHECK)
        except UserError as error:
            raise UserError(guest_policy.remove_folders(str(error), self.runs), code=error.code) from None
        return replace(found, problems=tuple(guest_policy.remove_folders(text, self.runs) for text in found.problems))

    def start(self, form: Form) -> str:
        """Start a training; returns its run's name. Raises UserError."""
        config, viewer = self._whole(form), self.who()
        fields.check_sources(config, self.data(form))
        if not viewer.is_local:
            guest_policy.check_start(viewer, self.rates, self.everything())
        named = viewer.is_local and not self.tiny
        name = form.name.strip() or form.preset if named else form.preset
        beside = form.beside and named
        return launcher.start(config, name, self.runs, self.data(form), beside=beside, owner=viewer.id).name

    def keep_upload(self, file: str | None) -> Path:
        """Keep a zip that a viewer has uploaded; returns its path, for those who may name none one that only they can
        use. Raises UserError."""
        viewer = self.allow()
        if self.tiny or not file:
            raise UserError("uploads are not allowed here." if self.tiny else "no file came. Upload it again.")
        self.forget_uploads()
        if viewer.is_local:
            return uploads.keep(Path(file), self.runs)
        try:
            guest_policy.check_upload(Path(file).stat().st_size, self.runs)
        except UserError:
            Path(file).unlink(missing_ok=True)
            raise
        path = uploads.keep(Path(file), self.runs, f"{guest_policy.tag(viewer)}-")
        return path.relative_to(self.runs.absolute())

    def forget_uploads(self) -> None:
        """Delete uploads that no run uses and that have waited long enough."""
        self.allow_any()
        if any((self.runs / "uploads").glob("*/")):
            uploads.forget(self.runs, self._used())

    def _used(self) -> list[str]:
        return [path for run in self.everything() for path in _sources(run)]

    def encoders(self, task: str) -> list[tuple[str, str]]:
        """(label, name or path) of each f that fits a task: those shipped, those of runs, and dlib's."""
        self.allow()
        found = shipped_encoders(task)
        if not self.tiny:
            for run in filter(self.owns, self.list()):
                if run.config is not None and fields.task_of(run.config) in ("further", "labelled"):
                    exports = [(step, path) for step, path in run.exports if _fits(path, task)]
                    found += [(f"{run.name} · {export_name(run, path)}", str(path)) for _, path in exports]
        return found

    # ── a run ───────────────────────────────────────────────────────────────────────────────────────────────

    def path(self, name: str, change: bool = False) -> Path:
        """The directory of a run that this viewer may see; change: that is theirs to change. Raises UserError if there
        is none, or it isn't."""
        viewer = self.allow()
        path = status.run_named(self.runs, name)
        run = self._known.brief(path) if path else None
        if run is None or not self._may_see(viewer, run):
            raise UserError(f"there is no run '{name}' here any more.")
        if change and not viewer.owns(run.owner):
            raise UserError(OTHERS)
        return path

    def look(self, name: str) -> RunStatus:
        """A run as it stands. Raises UserError if there is none of this name."""
        return self.whole(self.path(name))

    def whole(self, path: Path) -> RunStatus:
        """A run that may be seen, with its curves."""
        return self._shown(self.allow(), self._known.whole(path))

    def list(self) -> list[RunStatus]:
        """All runs that may be seen, the newest first, briefly (see `status.read_status`). Of runs that ended, only
        changed ones are read again."""
        viewer = self.allow()
        return [self._shown(viewer, run) for run in self.everything() if self._may_see(viewer, run)]

    def everything(self) -> list[RunStatus]:
        """All runs there are, whoever asks: for what the app does by itself."""
        self.allow_any()
        return self._known.all(self.runs)

    def allow_any(self) -> None:
        """Raise UserError if training is off for everybody."""
        if self.policy == "off":
            raise UserError(OFF)

    def owns(self, run: RunStatus) -> bool:
        """Whether a run is this viewer's to change."""
        return self.allow().owns(run.owner)

    def sees(self, name: str) -> bool:
        """Whether this viewer may see a run of this name."""
        try:
            return self.path(name) is not None
        except UserError:
            return False

    def _may_see(self, viewer: Viewer, run: RunStatus) -> bool:
        """Their own, and of others those that hold nobody's own pictures."""
        if self.tiny and not self._is_tiny(run):
            return False
        return viewer.paths or viewer.owns(run.owner) or not (_sources(run) or run.config is None)

    def _shown(self, viewer: Viewer, run: RunStatus) -> RunStatus:
        return run if viewer.paths else guest_policy.redact(run, viewer.owns(run.owner), self.runs)

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
        launcher.ask(self.path(name, change=True), what)
        answers = {
            "stop": "It saves a checkpoint and stops.",
            "sample": "A sample is on its way.",
            "save": "It saves a checkpoint.",
        }
        return answers[what]

    def sample_every(self, name: str, steps: float | None) -> str:
        """Set the steps between two samples of a run that goes on. Raises UserError."""
        path = self.path(name, change=True)
        if not steps or steps < 1 or steps != int(steps):
            raise UserError("write the steps between two samples, a whole number.")
        if not self.who().is_local:
            guest_policy.check_interval("sample_every", int(steps), self._known.brief(path).steps)
        launcher.set_sample_every(path, int(steps))
        return f"A sample every {int(steps)} steps."

    def resume(self, name: str, beside: bool = False) -> str:
        """Go on with a run that stopped; beside: though another training runs. Raises UserError."""
        path, viewer = self.path(name, change=True), self.who()
        if not viewer.is_local:
            guest_policy.check_start(viewer, self.rates, self.everything(), new=False)
        launcher.resume(path, beside=beside and viewer.is_local and not self.tiny)
        return "It goes on from its last checkpoint."

    def force_stop(self, name: str) -> str:
        """End a run's process, though it may not save. Raises UserError."""
        launcher.force_stop(self.path(name, change=True))
        return "It has ended. It can go on from its last checkpoint."

    def delete(self, name: str) -> str:
        """Delete a run with all its files. Raises UserError."""
        self.remove(self.path(name, change=True))
        return f"{name} is deleted."

    def remove(self, path: Path) -> None:
        """Delete a run's directory, and the uploads that only it used, whoever asks. Raises UserError."""
        self.allow_any()
        run, made = self._known.brief(path), (path / "config.json").stat().st_mtime
        own = _sources(run)
        launcher.delete(path)
        if own:
            uploads.forget_packs(self.runs, made, run.updated or time.time())
        uploads.forget(self.runs, self._used(), own)

    def note(self, name: str, text: str) -> str:
        """Keep a note with a run. Raises UserError."""
        launcher.write_notes(self.path(name, change=True), text)
        return "Saved."

    def log(self, name: str, lines: int = 40) -> str:
        """The end of what a run's process printed."""
        text = status.log_tail(self.path(name), lines)
        return text if self.who().paths else guest_policy.remove_folders(text, self.runs)

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
        if self.tiny:
            raise UserError("here the lists hold only what is shipped. Download it, and use it on your own computer.")
        info = checkpoint.read_config(directory)
        if info.get("kind") not in checkpoint.TRANSLATIONS:
            raise UserError("this is no translation but a network for one: choose it as f in the form.")
        return "digits" if checkpoint.input_domain(info) == "digits" else "emojify", f"{name}/{directory.name}"

    def zip_export(self, name: str, chosen: str | None, folder: Path) -> Path:
        """Write one of a run's checkpoints as a zip into a folder: safetensors, config.json, a model card.

        The zip names none of the server's folders unless the viewer may name paths. Raises UserError.
        """
        source, run = self.export(name, chosen), self.look(name)
        redact_runs = None if self.who().paths else self.runs
        path = folder / f"{name}-{source.name}.zip"
        with replacing(path) as temporary:
            temporary.write_bytes(zip_checkpoint(source, card(run, source), redact_runs))
        return path


def shipped_encoders(task: str) -> list[tuple[str, str]]:
    """(label, name) of each f that fits a task and comes with the app or its packages."""
    shipped = [path for path in sorted(checkpoint.SHIPPED.glob("*/")) if _fits(path, task)]
    found = [(f"{path.name} ({_reads(path)})", path.name) for path in shipped]
    return found if task == "digits" else [*found, ("dlib (the paper’s f of faces)", "dlib")]


def _sources(run: RunStatus) -> list[str]:
    """Paths of the viewer's own pictures in a run's settings."""
    return [path for name in ("s", "t", "folder", "picture") if (path := getattr(run.config, name, None))]


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
    except (UserError, LookupError, TypeError, AttributeError):
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
