"""What a run directory tells its readers, folded into one value: the app, the command line and the tests look at
trainings through this alone, whichever process does them."""

from __future__ import annotations

import contextlib
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ... import config as configs
from ...core import locks
from ...core.errors import UserError, reason_of
from ...core.files import lies_inside, parse_json
from ..events import (
    Failed,
    Finished,
    Noted,
    Sampled,
    Saved,
    Started,
    check_figures,
    from_entry,
    is_count,
    parse,
    without_figures,
)

Status = Literal["starting", "running", "stopping", "done", "stopped", "early", "failed", "died", "unreadable"]
ALIVE: tuple[Status, ...] = ("starting", "running", "stopping")
"""Statuses of a run whose process lives."""
Curves = dict[str, tuple[list[int], list[float]]]

LOG_MARK = "--- "
"""Begins the line of log.txt above what a new process says (`launcher` writes it)."""


@dataclass(frozen=True)
class RunStatus:
    """A run at one moment. Times are seconds since 1970; `curves` and what is in them must not be changed."""

    path: Path
    name: str
    """Of the directory: 00003-faces-cpu."""
    config: configs.Config | None
    """None where status is "unreadable"."""
    status: Status
    """Derived: alive is who holds the lock; how it ended tells the last event, and "died" is the lack of one."""
    why: str
    """One line where it failed, died or is unreadable; else empty."""
    step: int
    steps: int
    device: str
    """Empty before the first Started."""
    started: float | None
    """Time of the first event."""
    updated: float | None
    """Time of the last event."""
    seconds: float
    """Trained so far, without the pauses between an end and the going on."""
    rate: float
    """Pictures of s per second, as last told; 0 before."""
    eta: float | None
    """Seconds until the last step, at the speed of the last few figures, with samples and savings; None if it doesn't
    run, or before there are two figures."""
    memory: int
    """Bytes held at most, as last told."""
    curves: Curves
    """Loss or figure → (steps, values); figures on validation pictures are called val/const and so on."""
    samples: tuple[tuple[int, Path], ...]
    """(step, PNG), oldest first."""
    exports: tuple[tuple[int, Path], ...]
    """(step, directory) of the checkpoints that can be used now; the final one last."""
    saved: int | None
    """Step to go on from; None: nothing was saved yet."""
    best: int | None
    """Step of the best state so far."""
    messages: tuple[tuple[int, str], ...]
    """(step, line) that the user should know."""
    notes: str
    """notes.txt."""
    owner: str
    """Who started it through the app from elsewhere; empty for whoever uses this computer."""
    _fold: _Fold = field(repr=False)


@dataclass
class _Fold:
    """events.jsonl up to a byte, folded. brief: see `read_status`."""

    brief: bool = False
    offset: int = 0
    tail: bytes = b""  # the last bytes before the offset: another file has others
    step: int = 0
    steps: int = 0
    device: str = ""
    started: float | None = None
    updated: float | None = None
    trained: float = 0.0  # seconds, up to the last end
    begun: float | None = None  # by the clock, the Started that no end has followed
    worked: float = 0.0  # by the clock, the last that a training did
    rate: float = 0.0
    memory: int = 0
    curves: Curves = field(default_factory=dict)
    samples: list[tuple[int, str]] = field(default_factory=list)
    saved: int | None = None
    bests: list[int] = field(default_factory=list)
    messages: list[tuple[int, str]] = field(default_factory=list)
    last: Started | Finished | Failed | None = None
    last_at: int = field(default=0, compare=False)  # a byte from which on it was told
    begins: int = 0  # as `_begins` said
    marks: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=10))  # (step, clock): the speed

    def copy(self) -> _Fold:
        return replace(
            self,
            curves={name: (steps[:], values[:]) for name, (steps, values) in self.curves.items()},
            samples=self.samples[:], bests=self.bests[:], messages=self.messages[:], marks=self.marks.copy(),
        )  # fmt: skip

    @property
    def seconds(self) -> float:
        now = 0.0 if self.begun is None else self.worked - self.begun
        return self.trained + max(0.0, now)  # the time may be set back, where it has to do

    def take(self, entries: Iterable[dict[str, Any]]) -> None:
        """Fold in what follows."""
        block: list[dict[str, Any]] = []  # figures in a row, as many in each: nearly all events, and quick together
        # (not too many of them, so that their memory is used again)
        for entry in entries:
            if entry.get("event") == "Stepped" and isinstance(entry.get("losses"), dict):
                if block and (len(entry["losses"]) != len(block[0]["losses"]) or len(block) == 500):
                    self._take_figures(block)
                    block = []
                block.append(entry)
                continue
            self._take_figures(block)
            block = []
            try:
                stamped = from_entry(entry)
            except UserError:
                continue
            self._take_event(stamped.event, stamped.time, stamped.time if stamped.clock is None else stamped.clock)
        self._take_figures(block)

    def _take_figures(self, block: list[dict[str, Any]]) -> None:
        if not block:
            return
        try:
            marks = [(entry["step"], entry.get("clock", entry["time"])) for entry in block]
            columns = {name: [entry["losses"][name] for entry in block] for name in block[0]["losses"]}
            check_figures(block, columns.values())
        except (KeyError, ValueError):  # they don't have the same names, or one isn't what it should be
            if len(block) > 1:
                for entry in block:
                    self._take_figures([entry])
            return
        steps = [step for step, _ in marks]
        for name, values in columns.items():
            curve = self.curves.setdefault(name, ([], []))
            curve[0].extend(steps)
            curve[1].extend(values)
        self.started = block[0]["time"] if self.started is None else self.started
        self.step, self.updated, self.worked = max(self.step, *steps), block[-1]["time"], marks[-1][1]
        self.marks.extend(marks)
        self.rate = next((entry["rate"] for entry in reversed(block) if entry.get("rate")), self.rate)
        self.memory = next((entry["memory"] for entry in reversed(block) if entry.get("memory")), self.memory)

    def _take_event(self, event: Any, time: float, clock: float) -> None:
        if isinstance(event, Started):
            self._forget_after(event.step)
            self.step, self.steps, self.device = event.step, event.steps, event.device
            self.saved = event.step or None
            self.trained, self.begun = self.seconds, clock  # the pause between isn't counted
        self.started = time if self.started is None else self.started
        self.updated = time
        self.worked = self.worked if isinstance(event, Noted | Failed) else clock  # these may come after a pause
        if isinstance(event, Started | Finished | Failed):
            self.last, self.last_at = event, self.offset
        elif isinstance(event, Sampled) and lies_inside(event.path):
            self.samples.append((event.step, event.path))
        elif isinstance(event, Saved):
            self.saved = event.step
            self.bests += [event.step] * event.best
        elif isinstance(event, Noted):
            self.messages.append((event.step, event.message))
        if isinstance(event, Finished | Failed):
            self.trained, self.begun = self.seconds, None
        if isinstance(event, Sampled | Saved):
            self.step = max(self.step, event.step)

    def _forget_after(self, step: int) -> None:
        """What a killed process did after its last saving is done again: curves must not fold back."""
        for name, (steps, values) in list(self.curves.items()):
            kept = bisect_right(steps, step)
            self.curves[name] = steps[:kept], values[:kept]
            if not kept:
                del self.curves[name]
        self.samples = [sample for sample in self.samples if sample[0] <= step]
        self.bests = [best for best in self.bests if best <= step]
        self.marks.clear()


def read_status(path: Path, before: RunStatus | None = None, brief: bool = False) -> RunStatus:
    """A run as it is now. With the one before, only new events are read. brief: of curves hardly more than their ends,
    which takes a fiftieth of time and memory, for lists. Raises nothing: what can't be read has the status
    "unreadable"."""
    path = Path(path)
    alive = is_alive(path)  # before the events: a run that ends in between mustn't look as if it died
    goes_on = before is not None and before.path == path and before._fold.brief == brief
    begins = _begins(path)
    fold = _read_on(path / "events.jsonl", before._fold if goes_on else _Fold(brief), begins)
    config, unreadable = _settings(path)
    if config is None:
        status, why = "unreadable", unreadable
    else:
        status, why = _status(path, fold, alive, begins)
        if status == "died" and is_alive(path):  # resumed in between
            status, why = "starting", ""
    exports = _exports(path, fold.step)
    return RunStatus(
        path, path.name, config, status, why, fold.step, fold.steps or (config.steps if config else 0), fold.device,
        fold.started, fold.updated, fold.seconds, fold.rate, _eta(fold) if status == "running" else None, fold.memory,
        fold.curves, tuple((step, path / name) for step, name in fold.samples), exports,
        fold.saved, fold.bests[-1] if fold.bests else None, tuple(fold.messages), _text(path / "notes.txt"),
        owner_of(path), fold,
    )  # fmt: skip


def is_alive(path: Path) -> bool:
    """Whether a process trains this run now: whether its lock is held."""
    try:
        with (path / "lock").open("rb") as lock:
            return locks.is_held(lock)
    except OSError:
        return False


def holder(path: Path) -> tuple[int | None, float]:
    """Process that holds the run, or held it last, and since when; (None, 0) where it isn't told."""
    try:
        pid, since = _text(path / "lock").splitlines()[:2]
        return int(pid), float(since)
    except ValueError:
        return None, 0.0


def _begins(path: Path) -> int:
    """Byte of events.jsonl from which on the process speaks that holds the run, or held it last."""
    told = "".join(_text(path / "lock").splitlines()[2:3])
    return int(told) if re.fullmatch("[0-9]{1,15}", told) else 0


def runs_in(folder: Path) -> list[Path]:
    """The run directories of a folder, newest first; empty if there is no such folder."""
    found = [config.parent for config in Path(folder).glob("[!.]*/config.json")]
    return sorted(found, key=lambda path: (int(path.name[:5]) if path.name[:5].isdecimal() else 0, path.name))[::-1]


def run_named(folder: Path, name: str) -> Path | None:
    """A run directory of a folder by its name; None if there is none."""
    path = Path(folder) / name
    with contextlib.suppress(OSError, ValueError):  # names that no file can have
        if path.name == name and not name.startswith(".") and (path / "config.json").exists():
            return path
    return None


def log_tail(path: Path, lines: int = 40) -> str:
    """The last lines of a run's log.txt; of a progress bar its last state, without control codes. Empty if there is
    none. Reads only the file's end."""
    try:
        with (path / "log.txt").open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 2**18))
            data = file.read()
    except OSError:
        return ""
    found = data.decode(errors="replace").split("\n")
    if size > 2**18 and len(found) > 1:
        del found[0]  # cut in two
    found = [_CODES.sub("", _last_state(line)).rstrip() for line in found]
    while found and not found[-1]:
        found.pop()
    return "\n".join(found[-lines:])


_CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0b-\x1f\x7f]")
# bounded, or a long line of digits would take hours
_BAR = re.compile(r"\d%\|[^|]{0,500}\||\w \[\d{1,9}:\d\d")
# faulthandler's lists of threads and modules, below the line that tells what happened
_LISTS = re.compile(r"\s|Current thread |Thread 0x|Extension modules:|<")


def _last_state(line: str) -> str:
    return next((state for state in reversed(line.split("\r")) if state.strip()), "")


def _last_words(path: Path) -> str:
    """The last line of log.txt that means something, of the last process."""
    for line in reversed(log_tail(path, 400).splitlines()):
        if line.startswith(LOG_MARK):
            break
        if line and not _BAR.search(line) and not _LISTS.match(line):
            return line
    return "The process ended without a word: killed, or out of memory."


def _status(path: Path, fold: _Fold, alive: bool, begins: int) -> tuple[Status, str]:
    spoken = fold.last is not None and fold.last_at >= begins  # else it is of the process before
    if alive:
        if (path / "control" / "stop").exists() or (spoken and not isinstance(fold.last, Started)):
            return "stopping", ""
        return ("running" if spoken else "starting"), ""
    if spoken and isinstance(fold.last, Failed):
        return "failed", fold.last.message
    if spoken and isinstance(fold.last, Finished):
        return fold.last.why if fold.last.why in ("stopped", "early") else "done", ""
    return "died", _last_words(path)


def _read_on(path: Path, fold: _Fold, begins: int) -> _Fold:
    """Fold in what was appended, what is of earlier processes apart; from the start if it is another file."""
    try:
        with path.open("rb") as file:
            file.seek(fold.offset - len(fold.tail))
            data = file.read()
            if not data.startswith(fold.tail) or fold.begins != begins < fold.offset:
                fold = _Fold(fold.brief)
                file.seek(0)
                data = file.read()
    except OSError:
        return _Fold(fold.brief)
    new = data[len(fold.tail) : data.rfind(b"\n") + 1]  # a half-written last line waits
    if not new:
        return fold
    fold = fold.copy()  # the status before keeps its own
    fold.tail, fold.begins = (fold.tail + new)[-100:], begins
    earlier = max(0, begins - fold.offset)
    for part in (new[:earlier], new[earlier:]):
        fold.take(parse(without_figures(part) if fold.brief else part))
        fold.offset += len(part)
    return fold


def _eta(fold: _Fold) -> float | None:
    if not fold.marks or fold.marks[-1][0] <= fold.marks[0][0]:
        return None
    (first, then), (last, now) = fold.marks[0], fold.marks[-1]
    return max(0.0, (fold.steps - fold.step) * (now - then) / (last - first))


def _settings(path: Path) -> tuple[configs.Config | None, str]:
    """The run's settings, or None and why not."""
    try:
        return _parse_settings((path / "config.json").read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return None, "not a run directory: there is no config.json"
    except (UserError, OSError, ValueError, TypeError, AttributeError) as error:
        return None, f"config.json is damaged or of another version ({reason_of(error)})"


@lru_cache(256)
def _parse_settings(text: str) -> configs.Config:
    return configs.from_dict(parse_json(text))


def _exports(path: Path, step: int) -> tuple[tuple[int, Path], ...]:
    on_the_way = [config.parent for config in (path / "exports").glob("[0-9]*/config.json")]
    found = sorted((int(directory.name), directory) for directory in on_the_way if directory.name.isdecimal())
    try:
        trained = parse_json((path / "export" / "config.json").read_text(encoding="utf-8")).get("trained") or {}
        found.append((trained["step"] if is_count(trained.get("step")) else step, path / "export"))
    except (OSError, ValueError, AttributeError):
        pass  # there is none yet
    return tuple(found)


def owner_of(path: Path) -> str:
    """See `RunStatus.owner`. Raises nothing."""
    try:
        return str(parse_json(_text(path / "run.json")).get("owner") or "")
    except (ValueError, AttributeError):
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
