"""The events of a run, accumulated into curves and totals. Only appended events are read again."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...core.errors import UserError
from ...core.files import lies_inside
from ..events import (
    Event,
    Failed,
    Finished,
    Noted,
    Prepared,
    Sampled,
    Saved,
    Started,
    check_figures,
    from_entry,
    keep_last_steps,
    parse,
)

Curves = dict[str, tuple[list[int], list[float]]]

_BLOCK = 500
"""Stepped events that are added together at most; more would need new memory for every block."""

_TAIL_BYTES = 100
_ETA_POINTS = 10


@dataclass
class History:
    """events.jsonl up to a byte offset.

    Attributes:
        brief: Whether consecutive `Stepped` events are skipped except the last; see `status.read_status`.
        offset: Bytes of events.jsonl that were added.
        tail: The last bytes before the offset, to recognise a replaced file.
        owner_offset: Byte from which on the current or last trainer wrote, when the file was read.
        step: Last step.
        steps: Steps of the whole training.
        device: Where it trains.
        started: Time of the first event.
        updated: Time of the last event.
        trained: Seconds of all trainings that have ended.
        begun: Clock at the `Started` of the training that hasn't ended, or None.
        last_active: Clock at the last event written while training, as opposed to after a pause.
        rate: Last rate.
        memory: Last memory.
        curves: Figure → (steps, values).
        samples: (step, path relative to the run).
        saved: Step of the state to resume from.
        best_steps: Steps that were the best so far.
        messages: (step, line).
        preparation: What the training prepares and the share done, before its first step; None at other times.
        last: Last event that starts or ends a training.
        last_offset: Lower bound of that event's byte offset.
        recent: (step, clock) of the last figures, to estimate the remaining time.
    """

    brief: bool = False
    offset: int = 0
    tail: bytes = b""
    owner_offset: int = 0
    step: int = 0
    steps: int = 0
    device: str = ""
    started: float | None = None
    updated: float | None = None
    trained: float = 0.0
    begun: float | None = None
    last_active: float = 0.0
    rate: float = 0.0
    memory: int = 0
    curves: Curves = field(default_factory=dict)
    samples: list[tuple[int, str]] = field(default_factory=list)
    saved: int | None = None
    best_steps: list[int] = field(default_factory=list)
    messages: list[tuple[int, str]] = field(default_factory=list)
    preparation: tuple[str, float] | None = None
    last: Started | Finished | Failed | None = None
    last_offset: int = field(default=0, compare=False)
    recent: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_ETA_POINTS))

    def copy(self) -> History:
        return replace(
            self,
            curves={name: (steps.copy(), values.copy()) for name, (steps, values) in self.curves.items()},
            samples=self.samples.copy(),
            best_steps=self.best_steps.copy(),
            messages=self.messages.copy(),
            recent=self.recent.copy(),
        )

    @property
    def seconds(self) -> float:
        """Seconds trained, without pauses between trainings."""
        if self.begun is None:
            return self.trained
        # Events of earlier versions have no clock, and their time may have been set back.
        return self.trained + max(0.0, self.last_active - self.begun)

    def eta(self) -> float | None:
        """Seconds until the last step, at the speed of the last figures; None before there are two."""
        if not self.recent:
            return None
        first_step, first_clock = self.recent[0]
        last_step, last_clock = self.recent[-1]
        if last_step <= first_step:
            return None
        seconds_per_step = (last_clock - first_clock) / (last_step - first_step)
        return max(0.0, (self.steps - self.step) * seconds_per_step)

    def add(self, entries: Iterable[dict[str, Any]]) -> None:
        """Add the entries that follow. Nearly all are `Stepped`: these are added in blocks, which is faster."""
        block: list[dict[str, Any]] = []
        for entry in entries:
            if entry.get("event") == "Stepped" and isinstance(entry.get("losses"), dict):
                if block and (len(entry["losses"]) != len(block[0]["losses"]) or len(block) == _BLOCK):
                    self._add_figures(block)
                    block = []
                block.append(entry)
                continue
            self._add_figures(block)
            block = []
            try:
                stamped = from_entry(entry)
            except UserError:
                continue
            clock = stamped.time if stamped.clock is None else stamped.clock
            self._add_event(stamped.event, stamped.time, clock)
        self._add_figures(block)

    def _add_figures(self, block: list[dict[str, Any]]) -> None:
        """Add `Stepped` entries with as many losses each; invalid ones are skipped."""
        if not block:
            return
        try:
            steps = [entry["step"] for entry in block]
            clocks = [entry.get("clock", entry["time"]) for entry in block]
            columns = {name: [entry["losses"][name] for entry in block] for name in block[0]["losses"]}
            check_figures(block, columns.values())
        except (KeyError, ValueError):  # different names, or an invalid value
            if len(block) > 1:
                for entry in block:
                    self._add_figures([entry])
            return
        for name, column in columns.items():
            curve_steps, curve_values = self.curves.setdefault(name, ([], []))
            curve_steps.extend(steps)
            curve_values.extend(column)
        if self.started is None:
            self.started = block[0]["time"]
        self.step = max(self.step, *steps)
        self.updated = block[-1]["time"]
        self.last_active = clocks[-1]
        self.recent.extend(zip(steps, clocks))
        self.rate = next((entry["rate"] for entry in reversed(block) if entry.get("rate")), self.rate)
        self.memory = next((entry["memory"] for entry in reversed(block) if entry.get("memory")), self.memory)

    def _add_event(self, event: Event, time: float, clock: float) -> None:
        if isinstance(event, Started):
            self._start(event, clock)
        if isinstance(event, Prepared):
            self.preparation = event.words, event.share
        elif not isinstance(event, Noted):
            self.preparation = None
        if self.started is None:
            self.started = time
        self.updated = time
        if not isinstance(event, Prepared | Noted | Failed):  # these may be written after a pause
            self.last_active = clock
        if isinstance(event, Started | Finished | Failed):
            self.last = event
            self.last_offset = self.offset
        if isinstance(event, Finished | Failed):
            self.trained = self.seconds
            self.begun = None
        if isinstance(event, Sampled | Saved):
            self.step = max(self.step, event.step)
        if isinstance(event, Sampled) and lies_inside(event.path):
            self.samples.append((event.step, event.path))
        if isinstance(event, Saved):
            self.saved = event.step
            if event.best:
                self.best_steps.append(event.step)
        if isinstance(event, Noted):
            self.messages.append((event.step, event.message))

    def _start(self, event: Started, clock: float) -> None:
        """Start or resume: what a killed trainer did after its last saved state will be repeated, so it is dropped."""
        for name, (steps, values) in list(self.curves.items()):
            count = bisect_right(steps, event.step)
            if count:
                self.curves[name] = steps[:count], values[:count]
            else:
                del self.curves[name]
        self.samples = [sample for sample in self.samples if sample[0] <= event.step]
        self.best_steps = [step for step in self.best_steps if step <= event.step]
        self.recent.clear()
        self.step = event.step
        self.steps = event.steps
        self.device = event.device
        self.saved = event.step or None
        self.trained = self.seconds
        self.begun = clock


def read_history(path: Path, history: History, owner_offset: int) -> History:
    """Add what was appended to events.jsonl; start over if the file was replaced.

    Args:
        path: Of events.jsonl.
        history: What was read before; it isn't changed.
        owner_offset: Byte from which on the current or last trainer writes (`lock.Signature.event_bytes`).
    """
    try:
        with path.open("rb") as file:
            file.seek(history.offset - len(history.tail))
            data = file.read()
            # Events that another trainer turns out to have written must be added apart.
            owner_changed = history.owner_offset != owner_offset and owner_offset < history.offset
            if owner_changed or not data.startswith(history.tail):
                history = History(history.brief)
                file.seek(0)
                data = file.read()
    except OSError:
        return History(history.brief)
    appended = data[len(history.tail) : data.rfind(b"\n") + 1]  # a half-written last line waits
    if not appended:
        return history
    history = history.copy()
    history.tail = (history.tail + appended)[-_TAIL_BYTES:]
    history.owner_offset = owner_offset
    earlier = max(0, owner_offset - history.offset)
    for lines in (appended[:earlier], appended[earlier:]):
        history.add(parse(keep_last_steps(lines) if history.brief else lines))
        history.offset += len(lines)
    return history
