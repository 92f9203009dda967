"""The status of a run, read from the files of its directory, whichever process trains it."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from ... import config as configs
from ...core.errors import UserError, reason_of
from ...core.files import parse_json
from ..events import Failed, Finished, is_count
from .history import Curves, History, read_history
from .lock import holder as holder
from .lock import is_alive, read_signature, read_text

Status = Literal["starting", "running", "stopping", "done", "stopped", "early", "failed", "died", "unreadable"]

ALIVE: tuple[Status, ...] = ("starting", "running", "stopping")
"""Statuses of a run that a process trains."""

LOG_MARK = "--- "
"""Start of the line that `launcher` writes into log.txt above the output of every new process."""

_LOG_TAIL_BYTES = 2**18


@dataclass(frozen=True)
class RunStatus:
    """A run at one moment. Times are seconds since 1970. `curves` must not be changed.

    Attributes:
        path: The run directory.
        name: Name of the directory, such as 00003-faces-cpu.
        config: The settings; None if the status is "unreadable".
        status: A run is alive while its lock is held. Otherwise its last event tells how it ended, and "died" is the
            lack of one.
        reason: One line if the run failed, died or is unreadable; otherwise empty.
        step: Last step.
        steps: Steps of the whole training.
        device: Where it trains; empty before the first `Started`.
        started: Time of the first event.
        updated: Time of the last event.
        seconds: Time trained, without the pauses before it was resumed.
        rate: Last number of pictures of s per second; 0 before it was measured.
        eta: Seconds until the last step, including samples and checkpoints; None if it isn't running, or before there
            are two figures.
        memory_bytes: Last known peak memory in bytes.
        curves: Loss or figure → (steps, values). Figures on validation pictures are called val/const and so on.
        samples: (step, PNG), oldest first.
        exports: (step, directory) of the checkpoints that can be used now; the final one last.
        saved_step: Step to resume from; None if nothing was saved yet.
        best_step: Step of the best state so far.
        messages: (step, line) for the user.
        preparation: What it prepares before its first step, and the share done; None at other times.
        notes: Text of notes.txt.
        owner: Who started the run from another computer; empty for a user of this one.
    """

    path: Path
    name: str
    config: configs.Config | None
    status: Status
    reason: str
    step: int
    steps: int
    device: str
    started: float | None
    updated: float | None
    seconds: float
    rate: float
    eta: float | None
    memory_bytes: int
    curves: Curves
    samples: tuple[tuple[int, Path], ...]
    exports: tuple[tuple[int, Path], ...]
    saved_step: int | None
    best_step: int | None
    messages: tuple[tuple[int, str], ...]
    preparation: tuple[str, float] | None
    notes: str
    owner: str
    _history: History = field(repr=False)


def read_status(path: Path, before: RunStatus | None = None, brief: bool = False) -> RunStatus:
    """Read a run as it is now. Raises nothing: a run that can't be read has the status "unreadable".

    Args:
        path: The run directory.
        before: An earlier status of the run: only new events are read.
        brief: Read little more than the ends of the curves, in a fiftieth of the time and memory. For lists.
    """
    path = Path(path)
    alive = is_alive(path)  # before the events: a run that ends in between must not look as if it died
    history = History(brief)
    if before is not None and before.path == path and before._history.brief == brief:
        history = before._history
    owner_offset = read_signature(path).event_bytes
    history = read_history(path / "events.jsonl", history, owner_offset)
    config, error = _read_config(path)
    if config is None:
        status, reason = "unreadable", error
    else:
        status, reason = _derive_status(path, history, alive, owner_offset)
        if status == "died" and is_alive(path):  # resumed in between
            status, reason = "starting", ""
    return RunStatus(
        path=path,
        name=path.name,
        config=config,
        status=status,
        reason=reason,
        step=history.step,
        steps=history.steps or (config.steps if config else 0),
        device=history.device,
        started=history.started,
        updated=history.updated,
        seconds=history.seconds,
        rate=history.rate,
        eta=history.eta() if status == "running" else None,
        memory_bytes=history.memory,
        curves=history.curves,
        samples=tuple((step, path / name) for step, name in history.samples),
        exports=_exports(path, history.step),
        saved_step=history.saved,
        best_step=history.best_steps[-1] if history.best_steps else None,
        messages=tuple(history.messages),
        preparation=history.preparation,
        notes=read_text(path / "notes.txt"),
        owner=owner_of(path),
        _history=history,
    )


def _derive_status(path: Path, history: History, alive: bool, owner_offset: int) -> tuple[Status, str]:
    """The status of a readable run, and why it failed or died."""
    last = history.last
    if history.last_offset < owner_offset:  # written by an earlier process
        last = None
    if alive:
        if (path / "control" / "stop").exists() or isinstance(last, Finished | Failed):
            return "stopping", ""
        return ("starting" if last is None else "running"), ""
    if isinstance(last, Failed):
        return "failed", last.message
    if isinstance(last, Finished):
        return (last.why if last.why in ("stopped", "early") else "done"), ""
    return "died", _last_message(path)


def runs_in(folder: Path) -> list[Path]:
    """The run directories of a folder, newest first; empty if there is no such folder."""
    runs = [config.parent for config in Path(folder).glob("[!.]*/config.json")]
    return sorted(runs, key=_number_and_name, reverse=True)


def _number_and_name(path: Path) -> tuple[int, str]:
    number = path.name[:5]
    return (int(number) if number.isdecimal() else 0), path.name


def run_named(folder: Path, name: str) -> Path | None:
    """A run directory of a folder by its name; None if there is none."""
    path = Path(folder) / name
    with contextlib.suppress(OSError, ValueError):  # names that no file can have
        if path.name == name and not name.startswith(".") and (path / "config.json").exists():
            return path
    return None


def log_tail(path: Path, lines: int = 40) -> str:
    """The last lines of a run's log.txt, without control codes; of a progress bar only its last state.

    Empty if there is none. Reads only the end of the file.
    """
    try:
        with (path / "log.txt").open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG_TAIL_BYTES))
            data = file.read()
    except OSError:
        return ""
    tail = data.decode(errors="replace").split("\n")
    if size > _LOG_TAIL_BYTES and len(tail) > 1:
        del tail[0]  # cut in two
    tail = [_CONTROL_CODES.sub("", _last_state(line)).rstrip() for line in tail]
    while tail and not tail[-1]:
        tail.pop()
    return "\n".join(tail[-lines:])


_CONTROL_CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0b-\x1f\x7f]")
# Repetitions are bounded, because a long line of digits would take hours.
_PROGRESS_BAR = re.compile(r"\d%\|[^|]{0,500}\||\w \[\d{1,9}:\d\d")
# Lists of threads and modules that faulthandler prints below the line with the error.
_FAULTHANDLER_LISTS = re.compile(r"\s|Current thread |Thread 0x|Extension modules:|<")


def _last_state(line: str) -> str:
    """What a terminal would show of a line with carriage returns."""
    return next((state for state in reversed(line.split("\r")) if state.strip()), "")


def _last_message(path: Path) -> str:
    """The last meaningful line that the last process wrote into log.txt."""
    for line in reversed(log_tail(path, 400).splitlines()):
        if line.startswith(LOG_MARK):
            break
        if line and not _PROGRESS_BAR.search(line) and not _FAULTHANDLER_LISTS.match(line):
            return line
    return "The process exited without an error message: killed, or out of memory."


def _read_config(path: Path) -> tuple[configs.Config | None, str]:
    """Read the run's settings; None and the reason if that fails."""
    try:
        return _parse_config((path / "config.json").read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return None, "not a run directory: there is no config.json"
    except (UserError, OSError, ValueError, TypeError, AttributeError) as error:
        return None, f"config.json is damaged or of another version ({reason_of(error)})"


@lru_cache(256)
def _parse_config(text: str) -> configs.Config:
    return configs.from_dict(parse_json(text))


def _exports(path: Path, final_step: int) -> tuple[tuple[int, Path], ...]:
    """See `RunStatus.exports`. final_step: the step of the final checkpoint, if it doesn't say so itself."""
    intermediate = [config.parent for config in (path / "exports").glob("[0-9]*/config.json")]
    exports = sorted((int(directory.name), directory) for directory in intermediate if directory.name.isdecimal())
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there is no final one yet
        trained = parse_json((path / "export" / "config.json").read_text(encoding="utf-8")).get("trained") or {}
        step = trained["step"] if is_count(trained.get("step")) else final_step
        exports.append((step, path / "export"))
    return tuple(exports)


def owner_of(path: Path) -> str:
    """See `RunStatus.owner`. Raises nothing."""
    try:
        return str(parse_json(read_text(path / "run.json")).get("owner") or "")
    except (ValueError, AttributeError):
        return ""
