"""The actions of the tab *Train*, without gradio.

Every method first checks who calls, what they may train, and, before it changes a run, whether it is theirs. The state
of a run is in its files; a service only caches them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ....config import Config
from ....core.errors import UserError
from ....core.files import atomic_output, clean_path
from ....networks import checkpoint
from ....training import dry_run
from ....training.card import model_card
from ....training.dry_run import DryRun
from ....training.runs import launcher, status
from ....training.runs.status import RunStatus
from ...access import guest_policy, uploads
from ...access.policy import Policy, Viewer, local_viewer
from ...access.rate_limits import RateLimiter
from ...access.redaction import redact_values, remove_folders
from . import fields
from .encoders import fits_task, shipped_encoders
from .exports import zip_checkpoint
from .status_cache import StatusCache

OFF = (
    "Training is turned off on this server for remote users. Its administrator can turn it on: start the app with "
    "--training tiny (short test runs) or --training all, or set DTN_TRAINING in its environment."
)

OTHERS = "this run belongs to somebody else: only its owner can change it."


class Form(NamedTuple):
    """The values of the page's form.

    Attributes:
        preset: name of a preset.
        values: setting → value of its field.
        extra: text of the box "All settings".
        device: as in `config.Training`.
        data: folder of the data packs; "" for the environment's.
        name: of the run; "" for the preset's name.
        share_device: start even if another training is running.
    """

    preset: str
    values: Mapping[str, Any]
    extra: str = ""
    device: str = "auto"
    data: str = ""
    name: str = ""
    share_device: bool = False


@dataclass
class TrainService:
    """The trainings in one folder of runs, shared by all viewers.

    Attributes:
        runs: folder of training runs.
        policy: the most that any viewer may train.
        who: returns the current viewer.
        rates: limits remote viewers.
    """

    runs: Path
    policy: Policy = "off"
    who: Callable[[], Viewer] = local_viewer
    rates: RateLimiter = field(default_factory=RateLimiter, repr=False)
    _cache: StatusCache = field(default_factory=StatusCache, repr=False)

    @property
    def tiny(self) -> bool:
        """Whether only tiny trainings are allowed."""
        return "tiny" in (self.policy, self.who().training)

    @property
    def names_paths(self) -> bool:
        """Whether the current viewer may name folders and files of this computer."""
        return self.who().paths and not self.tiny

    def allow(self) -> Viewer:
        """Return the current viewer. Raises UserError if they may not train."""
        viewer = self.who()
        if "off" in (self.policy, viewer.training):
            raise UserError(OFF)
        return viewer

    def unrestricted(self) -> TrainService:
        """Return a copy that acts for the local user, even if training is switched off."""
        return replace(self, policy="all", who=local_viewer)

    # ── before a run ────────────────────────────────────────────────────────────────────────────────────────

    def config(self, form: Form) -> Config:
        """Return the configuration of a form. Raises UserError if it is invalid or may not be trained here."""
        viewer = self.allow()
        config = fields.to_config(form.preset, form.values, form.extra, form.device)
        if self.tiny:
            fields.check_tiny(config)
        elif not viewer.is_local:
            guest_policy.check_size(config)
        if not (viewer.paths or self.tiny):
            guest_policy.check_paths(config, viewer, [path for _, path in self.encoders(fields.task_of(config))])
        return config

    def _resolved_config(self, form: Form) -> Config:
        """As `config`, with the paths of uploads and the limits of remote viewers."""
        config = self.config(form)
        return config if self.tiny or self.who().is_local else guest_policy.resolve(config, self.runs)

    def data(self, form: Form) -> str | None:
        """Return the folder of data packs; None for the environment's, or if the viewer may name no paths."""
        return clean_path(form.data) or None if self.names_paths else None

    def train_command(self, form: Form) -> str:
        """Return the shell command for the same training, or a comment with the error if the form is invalid."""
        try:
            runs = self.runs if self.names_paths else Path("runs")  # doesn't reveal the server's folder
            return launcher.train_command(self.config(form), form.preset, runs, self.data(form))
        except UserError as error:
            return f"# {error}"

    def check(self, form: Form) -> DryRun:
        """Measure data, time and memory in a dry run of some seconds. Raises UserError if the form is invalid."""
        config = self._resolved_config(form)
        fields.check_sources(config, self.data(form))
        viewer = self.who()
        if viewer.paths:
            return dry_run.run_isolated(config, self.data(form), self.runs)
        self.rates.require("checks", viewer.address, 6, 60)
        try:
            result = dry_run.run_isolated(config, self.data(form), self.runs, guest_policy.CHECK_TIMEOUT_SECONDS)
        except UserError as error:
            raise UserError(redact_values(str(error), self.runs), code=error.code) from None
        return replace(result, problems=redact_values(result.problems, self.runs))

    def start(self, form: Form) -> str:
        """Start a training and return the name of its run. Raises UserError if it can't be started."""
        config = self._resolved_config(form)
        viewer = self.who()
        fields.check_sources(config, self.data(form))
        if not viewer.is_local:
            guest_policy.check_start(viewer, self.rates, self._all_runs())
        may_choose = viewer.is_local and not self.tiny
        name = (may_choose and form.name.strip()) or form.preset
        share_device = form.share_device and may_choose
        return launcher.start(config, name, self.runs, self.data(form), share_device=share_device, owner=viewer.id).name

    def keep_upload(self, file: str | None) -> Path:
        """Store an uploaded zip and return its path; for remote viewers, a relative path that only they can use.

        Raises UserError if it is rejected.
        """
        viewer = self.allow()
        if self.tiny or not file:
            raise UserError("uploads are not allowed here." if self.tiny else "no file arrived. Upload it again.")
        self.delete_unused_uploads()
        if viewer.is_local:
            return uploads.store(Path(file), self.runs)
        try:
            guest_policy.check_upload(Path(file).stat().st_size, self.runs)
        except UserError:
            Path(file).unlink(missing_ok=True)
            raise
        path = uploads.store(Path(file), self.runs, f"{guest_policy.upload_tag(viewer)}-")
        return path.relative_to(self.runs.absolute())

    def delete_unused_uploads(self) -> None:
        """Delete expired uploads that no run uses."""
        self._require_training()
        if any((self.runs / "uploads").glob("*/")):
            uploads.delete_unused(self.runs, self._used_uploads())

    def _used_uploads(self) -> list[str]:
        return [path for run in self._all_runs() for path in _sources(run)]

    def encoders(self, task: str) -> list[tuple[str, str]]:
        """Return (label, name or path) of each f that fits a task: shipped ones, those of runs, and dlib's."""
        self.allow()
        choices = shipped_encoders(task)
        if self.tiny:
            return choices
        for run in filter(self.owns, self.list()):
            if run.config is not None and fields.task_of(run.config) in ("further", "labelled"):
                paths = [path for _, path in run.exports if fits_task(path, task)]
                choices += [(f"{run.name} · {export_name(run, path)}", str(path)) for path in paths]
        return choices

    # ── a run ───────────────────────────────────────────────────────────────────────────────────────────────

    def path(self, name: str, change: bool = False) -> Path:
        """Return the directory of a run.

        Args:
            name: of the run.
            change: also require that the current viewer owns it.

        Raises:
            UserError: if there is no such run that the viewer may see, or they don't own it.
        """
        viewer = self.allow()
        path = status.run_named(self.runs, name)
        run = self._cache.brief(path) if path else None
        if run is None or not self._may_see(viewer, run):
            raise UserError(f"there is no run '{name}' here.")
        if change and not viewer.owns(run.owner):
            raise UserError(OTHERS)
        return path

    def poll(self, name: str) -> RunStatus:
        """Return a run with its curves by its name. Raises UserError if there is none."""
        return self.full_status(self.path(name))

    def full_status(self, path: Path) -> RunStatus:
        """Return a run with its curves, which the current viewer may see, by its directory."""
        return self._redacted(self.allow(), self._cache.full(path))

    def list(self) -> list[RunStatus]:
        """Return the runs that the current viewer may see, newest first, without full curves.

        Runs that have ended are read again only if they have changed.
        """
        viewer = self.allow()
        return [self._redacted(viewer, run) for run in self._all_runs() if self._may_see(viewer, run)]

    def _all_runs(self) -> list[RunStatus]:
        """Return all runs, for any viewer."""
        self._require_training()
        return self._cache.all(self.runs)

    def _require_training(self) -> None:
        """Raise UserError if training is off for all viewers."""
        if self.policy == "off":
            raise UserError(OFF)

    def owns(self, run: RunStatus) -> bool:
        """Whether the current viewer may change a run."""
        return self.allow().owns(run.owner)

    def may_see(self, name: str) -> bool:
        """Whether the current viewer may see a run of this name."""
        try:
            return self.path(name) is not None
        except UserError:
            return False

    def _may_see(self, viewer: Viewer, run: RunStatus) -> bool:
        """Whether a viewer may see a run: their own, or one that wasn't trained on somebody's own pictures."""
        if self.tiny and not self._is_tiny(run):
            return False
        return viewer.paths or viewer.owns(run.owner) or not (_sources(run) or run.config is None)

    def _redacted(self, viewer: Viewer, run: RunStatus) -> RunStatus:
        return run if viewer.paths else guest_policy.redact(run, viewer.owns(run.owner), self.runs)

    def _is_tiny(self, run: RunStatus) -> bool:
        if run.config is None:
            return False
        try:
            fields.check_tiny(run.config)
        except UserError:
            return False
        return True

    def request(self, what: Literal["stop", "sample", "save"], name: str) -> str:
        """Request an action of a run at its next step; returns a message. Raises UserError if it can't be requested."""
        launcher.request(self.path(name, change=True), what)
        answers = {
            "stop": "It will save a checkpoint and stop.",
            "sample": "A sample was requested.",
            "save": "It will save a checkpoint.",
        }
        return answers[what]

    def sample_every(self, name: str, steps: float | None) -> str:
        """Set the steps between two samples of a running run. Raises UserError if they are invalid."""
        path = self.path(name, change=True)
        if not steps or steps < 1 or steps != int(steps):
            raise UserError("enter the number of steps between two samples, a whole number.")
        if not self.who().is_local:
            guest_policy.check_interval("sample_every", int(steps), self._cache.brief(path).steps)
        launcher.set_sample_every(path, int(steps))
        return f"A sample every {int(steps)} steps."

    def resume(self, name: str, share_device: bool = False) -> str:
        """Resume a run. share_device: even if another training is running. Raises UserError if it can't be resumed."""
        path = self.path(name, change=True)
        viewer = self.who()
        if not viewer.is_local:
            guest_policy.check_start(viewer, self.rates, self._all_runs(), new=False)
        launcher.resume(path, share_device=share_device and viewer.is_local and not self.tiny)
        return "It resumes from its last checkpoint."

    def force_stop(self, name: str) -> str:
        """Kill a run's process, which may lose what isn't saved. Raises UserError if it can't be killed."""
        launcher.force_stop(self.path(name, change=True))
        return "It was stopped. It can resume from its last checkpoint."

    def delete(self, name: str) -> str:
        """Delete a run with all its files. Raises UserError if it can't be deleted."""
        self.remove(self.path(name, change=True))
        return f"{name} was deleted."

    def remove(self, path: Path) -> None:
        """Delete a run's directory and the uploads that only it used, for any viewer. Raises UserError."""
        self._require_training()
        run = self._cache.brief(path)
        created = (path / "config.json").stat().st_mtime
        sources = _sources(run)
        launcher.delete(path)
        if sources:
            uploads.delete_feature_caches(self.runs, created, run.updated or time.time())
        uploads.delete_unused(self.runs, self._used_uploads(), sources)

    def note(self, name: str, text: str) -> str:
        """Save a note with a run. Raises UserError if it can't be saved."""
        launcher.write_notes(self.path(name, change=True), text)
        return "Saved."

    def log(self, name: str, lines: int = 40) -> str:
        """Return the last lines that a run's process printed."""
        text = status.log_tail(self.path(name), lines)
        return text if self.who().paths else remove_folders(text, self.runs)

    # ── exports of a run ────────────────────────────────────────────────────────────────────────────────────

    def export(self, name: str, chosen: str | None) -> Path:
        """Return the directory of a run's checkpoint by its `export_name`. Raises UserError if there is none."""
        run = self.poll(name)
        directories = {export_name(run, path): path for _, path in run.exports}
        if chosen not in directories:
            raise UserError("choose one of the run's checkpoints first.")
        return directories[chosen]

    def in_demo(self, name: str, chosen: str | None) -> tuple[str, str]:
        """Return the tab in which a run's checkpoint can be used, and its key in the list of translations there.

        Raises UserError if it isn't a translation.
        """
        directory = self.export(name, chosen)
        if self.tiny:
            raise UserError("this server offers shipped checkpoints only. Download it to use it on your own computer.")
        info = checkpoint.read_config(directory)
        if info.get("kind") not in checkpoint.TRANSLATIONS:
            raise UserError("this is not a translation but a network for one: choose it as f in the form.")
        return "digits" if checkpoint.input_domain(info) == "digits" else "emojify", f"{name}/{directory.name}"

    def zip_export(self, name: str, chosen: str | None, folder: Path) -> Path:
        """Write a run's checkpoint as a zip into a folder: safetensors, config.json, a model card.

        The server's folders are removed from it unless the viewer may name paths. Raises UserError if it can't be read.
        """
        source = self.export(name, chosen)
        run = self.poll(name)
        redact_runs = None if self.who().paths else self.runs
        path = folder / f"{name}-{source.name}.zip"
        with atomic_output(path) as temporary:
            temporary.write_bytes(zip_checkpoint(source, model_card(run, source), redact_runs))
        return path


def _sources(run: RunStatus) -> list[str]:
    """Return the paths of the owner's pictures in a run's settings."""
    paths = [getattr(run.config, name, None) for name in ("s", "t", "folder", "picture")]
    return [path for path in paths if path]


def export_name(run: RunStatus, path: Path) -> str:
    """Return the label and key of a run's checkpoint. Unlike a path, it reveals nothing of the server's folders."""
    step = next((step for step, other in run.exports if other == path), run.step)
    is_last = path.name == "export"
    is_best = run.best_step == step
    if is_last and is_best:
        is_best = run.config is not None and run.config.keep == "best"
    ended = {"done": "final", "early": "final", "stopped": "stopped"}.get(run.status) if is_last else None
    return ", ".join(filter(None, [f"step {step:,}", "best" if is_best else None, ended]))
