"""Limits on the trainings of remote users, where training is switched on for them: number, size and time; and the
cleanup of their runs. SECURITY.md describes them."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import typing
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol

from ...config import PRESETS, Config
from ...core.errors import UserError
from ...networks.checkpoint import SHIPPED
from ...training.runs import launcher, status
from ...training.runs.status import ALIVE, RunStatus
from .policy import UNKNOWN, Viewer, digest
from .rate_limits import RateLimiter, busy
from .redaction import redact_values, remove_folders

MAX_RUNS_EACH = 5
"""Maximum number of stored runs of one remote user."""

MAX_RUNS = 50
"""Maximum number of stored runs of all remote users."""

MAX_STEPS = 20_000
"""Maximum number of training steps."""

MAX_PICTURES = 20_000
"""Maximum number of pictures of a dataset, in trainings where that can be set."""

MAX_WRITES = 200
"""Maximum number of checkpoints that a run saves, and of samples that it draws."""

MAX_UPLOAD = 256 << 20
"""Maximum size of an upload in bytes."""

MAX_UPLOADS_TOTAL = 4 << 30
"""Maximum size of all stored uploads in bytes."""

MAX_SECONDS = 3600
"""Time after which a run is asked to stop."""

GRACE_SECONDS = 600
"""Time that it has to do so before it is killed."""

CHECK_TIMEOUT_SECONDS = 120
"""Maximum duration of a dry run, since other users wait for it."""

RETENTION_SECONDS = 24 * 3600
"""Time after its end for which a run is stored."""

CLEANUP_INTERVAL_SECONDS = 60

_UPLOAD = re.compile(r"uploads/(?P<tag>[0-9a-f]{32})-[0-9a-f]{16}/[\w.-]+\.zip", re.ASCII)


class RunStore(Protocol):
    """What the cleanup needs of a service of training runs.

    Attributes:
        runs: folder of training runs.
    """

    runs: Path

    def unrestricted(self) -> RunStore:
        """Return a copy that acts for the local user, even if training is switched off."""

    def remove(self, path: Path) -> None:
        """Delete a run and the uploads that only it used. Raises UserError if it can't be deleted."""

    def delete_unused_uploads(self) -> None:
        """Delete expired uploads that no run uses."""


# ── before a start ──────────────────────────────────────────────────────────────────────────────────────────


def upload_tag(viewer: Viewer) -> str:
    """Return the prefix of the folders of a viewer's uploads."""
    return digest(viewer.id)


def check_size(config: Config) -> None:
    """Check the size of a configuration.

    Raises:
        UserError: if it is larger than every preset of its kind, trains for more than `MAX_STEPS`, or saves or samples
            too often.
    """
    same_kind = [preset for preset in PRESETS.values() if type(preset) is type(config)]
    for name in (field.name for field in fields(config)):
        value = getattr(config, name)
        if type(value) is not int or name in ("seed", "limit"):
            continue
        if name.endswith("_every"):
            check_interval(name, value, config.steps)
            continue
        maximum = MAX_STEPS if name == "steps" else max(getattr(preset, name) or 0 for preset in same_kind)
        if value > maximum:
            raise UserError(f"{name}={value} is too much for this server: {maximum} at most.")


def check_interval(name: str, every: int, steps: int) -> None:
    """Raise UserError if a run of so many steps would save or sample more than `MAX_WRITES` times.

    Args:
        name: of the setting.
        every: its value, the steps between two writes.
        steps: of the run.
    """
    if steps > MAX_WRITES * every:
        raise UserError(f"{name}={every} is too often for this server: {-(-steps // MAX_WRITES)} at least.")


def check_paths(config: Config, viewer: Viewer, encoders: Sequence[str]) -> None:
    """Check that a configuration names no path of this server.

    The file system isn't accessed, so that the answer reveals nothing about it.

    Args:
        config: as the viewer entered it.
        viewer: whose uploads are allowed.
        encoders: allowed paths of encoders.

    Raises:
        UserError: unless every path is a preset's, a shipped checkpoint, one of the encoders, or the viewer's upload.
    """
    shipped = {path.name for path in SHIPPED.glob("*/")} | {"dlib", "facenet"}
    for name in paths(config):
        value = getattr(config, name)
        preset_values = {getattr(preset, name) for preset in PRESETS.values() if type(preset) is type(config)}
        is_shipped = set(str(value).split("+")) <= shipped
        if value in preset_values or value in encoders or is_shipped or is_upload(value, viewer):
            continue
        raise UserError(f"{name}: paths on this server can't be used here. Upload a zip, or choose from the list.")


def paths(config: Config) -> list[str]:
    """Return the names of the settings that hold a file, a folder or a checkpoint."""
    hints = typing.get_type_hints(type(config))
    return [field.name for field in fields(config) if hints[field.name] in (str, str | None) and field.name != "device"]


def is_upload(value: Any, viewer: Viewer) -> bool:
    """Whether a value is an upload's path as `TrainService.keep_upload` returned it to this viewer."""
    match = _UPLOAD.fullmatch(value) if isinstance(value, str) else None
    return match is not None and match["tag"] == upload_tag(viewer)


def resolve(config: Config, runs: Path) -> Config:
    """Return a checked configuration with absolute paths of uploads and at most `MAX_PICTURES` pictures."""
    changes: dict[str, Any] = {}
    for name in paths(config):
        value = getattr(config, name)
        if isinstance(value, str) and _UPLOAD.fullmatch(value):
            changes[name] = str(runs.absolute() / value)
    if hasattr(config, "limit"):
        changes["limit"] = min(config.limit or MAX_PICTURES, MAX_PICTURES)
    return replace(config, **changes)


def check_start(viewer: Viewer, rates: RateLimiter, all_runs: Sequence[RunStatus], new: bool = True) -> None:
    """Check whether a remote viewer may start a run now.

    Args:
        viewer: who starts it.
        rates: limits the number of starts.
        all_runs: all stored runs.
        new: False to resume a run.

    Raises:
        UserError: if a run is running, the viewer or the server has too many runs, or starts come too often.
    """
    if viewer.id == UNKNOWN:
        raise UserError("this call has no session. Open the page, or send a session id.")
    if any(run.status in ALIVE for run in all_runs):
        raise UserError("another training is running on this server; only one runs at a time. Try again later.")
    guest_runs = [run for run in all_runs if run.owner]
    if new and sum(run.owner == viewer.id for run in guest_runs) >= MAX_RUNS_EACH:
        raise UserError(f"you have {MAX_RUNS_EACH} runs here, the maximum. Delete one.")
    if new and len(guest_runs) >= MAX_RUNS:
        raise UserError("this server can store no more runs at the moment. Try again tomorrow.")
    rates.require("starts", viewer.address, 10, 3600)


def check_upload(size: int, runs: Path) -> None:
    """Raise UserError if an upload of so many bytes is too large, or there are too many uploads."""
    if size > MAX_UPLOAD:
        raise UserError(f"the zip is larger than {MAX_UPLOAD >> 20} MB. Upload fewer or smaller pictures.")
    if size + sum(path.stat().st_size for path in (runs / "uploads").glob("*/*.zip")) > MAX_UPLOADS_TOTAL:
        raise busy()


# ── what remote users see ───────────────────────────────────────────────────────────────────────────────────


def redact(run: RunStatus, own: bool, runs: Path) -> RunStatus:
    """Return a run as a remote user may see it: without the server's folders, and without notes of other users.

    Args:
        run: any run.
        own: whether it is the user's.
        runs: folder of training runs.
    """
    config = run.config
    if config is not None:
        values = {name: getattr(config, name) for name in paths(config)}
        config = replace(config, **{name: remove_folders(value, runs) for name, value in values.items() if value})
    messages, reason = redact_values((run.messages, run.reason), runs)
    return replace(run, config=config, messages=messages, reason=reason, notes=run.notes if own else "")


# ── cleanup ─────────────────────────────────────────────────────────────────────────────────────────────────


def enforce_limits(
    service: RunStore, now: float | None = None, first_seen: dict[tuple[int, float] | None, float] | None = None
) -> None:
    """Stop remote users' runs that train for too long, and delete those that ended long ago.

    Args:
        service: the runs.
        now: the current time in seconds since 1970; None for the clock's.
        first_seen: process of a run → time at which it was first seen, updated; None to use the start time in the
            run's files, which is wrong if the clock has been set since.
    """
    now = time.time() if now is None else now
    for path in status.runs_in(service.runs):
        if not status.owner_of(path):  # the local user's run
            continue
        run = status.read_status(path, brief=True)
        with contextlib.suppress(UserError):  # it has just ended, or is locked: retried at the next cleanup
            if run.status in ALIVE:
                _stop_if_too_long(run, now, first_seen)
            elif now - max(run.updated or 0, (path / "config.json").stat().st_mtime) > RETENTION_SECONDS:
                service.remove(path)
    service.delete_unused_uploads()


def _stop_if_too_long(run: RunStatus, now: float, first_seen: dict[Any, float] | None) -> None:
    holder = status.holder(run.path)
    since = (holder[1] or now) if first_seen is None else first_seen.setdefault(holder, now)
    if now - since > MAX_SECONDS + GRACE_SECONDS:
        launcher.force_stop(run.path)
    elif now - since > MAX_SECONDS and run.status != "stopping":
        launcher.request(run.path, "stop")


def start_cleanup(service: RunStore) -> None:
    """Start a thread that calls `enforce_limits` at intervals, also where training has been switched off since."""
    service = service.unrestricted()
    first_seen: dict[Any, float] = {}
    clock_offset = time.time() - time.monotonic()  # if the clock is set later, nothing is deleted early

    def repeat() -> None:
        while True:
            with contextlib.suppress(OSError):
                enforce_limits(service, clock_offset + time.monotonic(), first_seen)
            time.sleep(CLEANUP_INTERVAL_SECONDS)

    threading.Thread(target=repeat, name="enforce_limits", daemon=True).start()
