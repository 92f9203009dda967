"""What those who aren't at this computer may train where training is switched on for them: how much at a time, how
large, how long; and how their runs go away again. SECURITY.md says it in words."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import typing
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import PRESETS, Config
from ...core.errors import UserError
from ...networks.checkpoint import SHIPPED
from ...training.runs import launcher, status
from ...training.runs.status import ALIVE, RunStatus
from .policy import UNKNOWN, Viewer, digest, local_viewer
from .rate_limits import RateLimiter, busy

if TYPE_CHECKING:
    from ..tabs.train.service import TrainService

MAX_RUNS_EACH, MAX_RUNS = 5, 50
"""Runs of one of them, and of all of them, that are kept at a time."""

STEPS = 20_000
PICTURES = 20_000
"""Pictures of a set at most, where a training lets that be chosen."""

TIMES = 200
"""How often a run may save, and how often it may draw a sample."""

MAX_UPLOAD, MAX_UPLOADS_TOTAL = 256 << 20, 4 << 30
"""Bytes of an upload, and of all uploads that wait or are used."""

MAX_SECONDS, GRACE = 3600, 600
"""So long a run may train at a time until it is stopped, and so much later it is ended by force."""

CHECK = 120
"""Seconds that a look before a start may take; others wait for it."""

RETENTION = 24 * 3600
"""Seconds after its end that a run is kept."""

CLEANUP_INTERVAL = 60
"""Seconds between two looks at what is over."""

_UPLOAD = re.compile(r"uploads/(?P<tag>[0-9a-f]{32})-[0-9a-f]{16}/[\w.-]+\.zip", re.ASCII)


# ── before a start ──────────────────────────────────────────────────────────────────────────────────────────


def tag(viewer: Viewer) -> str:
    """What the folders of a viewer's uploads begin with."""
    return digest(viewer.id)


def check_size(config: Config) -> None:
    """Raise UserError if a configuration is larger than every preset of its kind, longer than a stranger may train, or
    saves and samples too often."""
    kin = [preset for preset in PRESETS.values() if type(preset) is type(config)]
    for name in (field.name for field in fields(config)):
        value = getattr(config, name)
        if type(value) is not int or name in ("seed", "limit"):
            continue
        if name.endswith("_every"):
            check_interval(name, value, config.steps)
            continue
        most = STEPS if name == "steps" else max(getattr(preset, name) or 0 for preset in kin)
        if value > most:
            raise UserError(f"{name}={value} is too much for this server: {most} at most.")


def check_interval(name: str, every: int, steps: int) -> None:
    """Raise UserError if something that is written is written too often."""
    if steps > TIMES * every:
        raise UserError(f"{name}={every} is too often for this server: {-(-steps // TIMES)} at least.")


def check_paths(config: Config, viewer: Viewer, encoders: Sequence[str]) -> None:
    """Raise UserError unless every path in a configuration is a preset's, a shipped checkpoint's name, one of these
    encoders, or an upload of this viewer. Nothing is looked for on the disk, so that the answer tells nothing of it."""
    shipped = {path.name for path in SHIPPED.glob("*/")} | {"dlib", "facenet"}
    for name in paths(config):
        value = getattr(config, name)
        usual = {getattr(preset, name) for preset in PRESETS.values() if type(preset) is type(config)}
        if value in usual or value in encoders or set(str(value).split("+")) <= shipped or is_upload(value, viewer):
            continue
        raise UserError(f"{name}: paths of this server can't be named here. Upload a zip, or choose from the list.")


def paths(config: Config) -> list[str]:
    """The settings that name a file, a folder or a checkpoint."""
    hints = typing.get_type_hints(type(config))
    return [field.name for field in fields(config) if hints[field.name] in (str, str | None) and field.name != "device"]


def is_upload(value: Any, viewer: Viewer) -> bool:
    """Whether this is what `TrainService.keep_upload` has answered this viewer."""
    found = _UPLOAD.fullmatch(value) if isinstance(value, str) else None
    return found is not None and found["tag"] == tag(viewer)


def resolve(config: Config, runs: Path) -> Config:
    """A checked configuration as it is trained: uploads where they lie, and at most so many pictures."""
    changes: dict[str, Any] = {
        name: str(runs.absolute() / value)
        for name in paths(config)
        if isinstance(value := getattr(config, name), str) and _UPLOAD.fullmatch(value)
    }
    if hasattr(config, "limit"):
        changes["limit"] = min(config.limit or PICTURES, PICTURES)
    return replace(config, **changes)


def check_start(viewer: Viewer, rates: RateLimiter, found: Sequence[RunStatus], new: bool = True) -> None:
    """Raise UserError if a viewer may not start a run, or go on with one (new: False), now. found: all runs."""
    if viewer.id == UNKNOWN:
        raise UserError("this call shows no session. Open the page, or name a session.")
    if any(run.status in ALIVE for run in found):
        raise UserError("another training is running on this server; only one does at a time. Try again later.")
    theirs = [run for run in found if run.owner]
    if new and sum(run.owner == viewer.id for run in theirs) >= MAX_RUNS_EACH:
        raise UserError(f"you have {MAX_RUNS_EACH} runs here, as many as are kept. Delete one.")
    if new and len(theirs) >= MAX_RUNS:
        raise UserError("this server keeps no more runs just now. Try again tomorrow.")
    rates.require("starts", viewer.address, 10, 3600)


def check_upload(size: int, runs: Path) -> None:
    """Raise UserError if an upload of so many bytes is too much, or all of them together are."""
    if size > MAX_UPLOAD:
        raise UserError(f"the zip is larger than {MAX_UPLOAD >> 20} MB. Upload fewer or smaller pictures.")
    if size + sum(path.stat().st_size for path in (runs / "uploads").glob("*/*.zip")) > MAX_UPLOADS_TOTAL:
        raise busy()


# ── what they see ───────────────────────────────────────────────────────────────────────────────────────────


def redact(run: RunStatus, own: bool, runs: Path) -> RunStatus:
    """A run as somebody else sees it: without folders of this computer, and without other people's notes."""
    config = run.config
    if config is not None:
        changes = {name: remove_folders(value, runs) for name in paths(config) if (value := getattr(config, name))}
        config = replace(config, **changes) if changes else config
    messages = tuple((step, remove_folders(text, runs)) for step, text in run.messages)
    why = remove_folders(run.why, runs)
    return replace(run, config=config, messages=messages, why=why, notes=run.notes if own else "")


def remove_folders(text: str, runs: Path) -> str:
    """A text without the folders that lead to the runs, the package and the interpreter; paths elsewhere are cut to
    their last part."""
    text = text.replace(f"{runs.absolute()}/", "")
    return re.sub(r"(?<![\w.:/<])/(?:[^\s/:'\",]+/)+", "", text)


# ── what goes again ─────────────────────────────────────────────────────────────────────────────────────────


def enforce_limits(service: TrainService, now: float | None = None, seen: dict[Any, float] | None = None) -> None:
    """Stop strangers' runs that train for too long, and delete those that are over for long. seen: trainer → when it
    was seen first, filled in; None: what the run says counts, by a clock that may have been set since."""
    now = time.time() if now is None else now
    for path in status.runs_in(service.runs):
        if not status.owner_of(path):  # of whoever uses this computer: not even read
            continue
        run = status.read_status(path, brief=True)
        with contextlib.suppress(UserError):  # it has ended meanwhile, or cannot be had: the next look tells
            if run.status in ALIVE:
                holder = status.holder(run.path)
                since = (holder[1] or now) if seen is None else seen.setdefault(holder, now)
                if now - since > MAX_SECONDS + GRACE:
                    launcher.force_stop(run.path)
                elif now - since > MAX_SECONDS and run.status != "stopping":
                    launcher.ask(run.path, "stop")
            elif now - max(run.updated or 0, (run.path / "config.json").stat().st_mtime) > RETENTION:
                service.remove(run.path)
    service.forget_uploads()


def start_cleanup(service: TrainService) -> None:
    """`enforce_limits` for as long as the app runs, also where training has been switched off since."""
    service = replace(service, policy="all", who=local_viewer)
    seen, began = {}, time.time() - time.monotonic()  # whatever the time is set to meanwhile, nothing is deleted early

    def look() -> None:
        while True:
            with contextlib.suppress(OSError):
                enforce_limits(service, began + time.monotonic(), seen)
            time.sleep(CLEANUP_INTERVAL)

    threading.Thread(target=look, name="enforce_limits", daemon=True).start()
