"""Events of a training: one JSON object per line in a run's events.jsonl."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.files import parse_json

try:
    from orjson import loads  # comes with gradio, and reads logs several times as fast
except ImportError:
    from json import loads


@dataclass(frozen=True)
class Prepared:
    """Progress before the first step.

    Attributes:
        words: What is done, such as "computing f(s)".
        share: Share done of it, 0 to 1.
    """

    words: str
    share: float


@dataclass(frozen=True)
class Started:
    """A run starts or resumes.

    Attributes:
        step: Last step that was done before.
        steps: Steps of the whole training.
        device: Where it trains.
    """

    step: int
    steps: int
    device: str


@dataclass(frozen=True)
class Stepped:
    """Figures of a step.

    Attributes:
        step: The step.
        losses: Losses and other scalars, averaged since the previous event.
        rate: Pictures of s per second; 0 if it isn't measured.
        memory: Peak memory in bytes, of the GPU if it trains on one.
    """

    step: int
    losses: dict[str, float]
    rate: float
    memory: int = 0


@dataclass(frozen=True)
class Sampled:
    """A fixed-seed sample grid was written.

    Attributes:
        step: The step.
        path: Relative to the run directory.
    """

    step: int
    path: str


@dataclass(frozen=True)
class Saved:
    """The state to resume from was written.

    Attributes:
        step: The step.
        path: The usable checkpoint, relative to the run directory.
        best: Whether it is the best so far by the validation figure.
    """

    step: int
    path: str
    best: bool = False


@dataclass(frozen=True)
class Noted:
    """A message for the user in one line, such as a smaller batch or a full disk."""

    step: int
    message: str


@dataclass(frozen=True)
class Finished:
    """The run ended without an error.

    Attributes:
        step: The exported step.
        why: "done", "stopped" or "early" (no improvement for `Training.patience` saves).
    """

    step: int
    why: str


@dataclass(frozen=True)
class Failed:
    """The run ended with an error.

    Attributes:
        message: The error in one line.
    """

    message: str


Event = Prepared | Started | Stepped | Sampled | Saved | Noted | Finished | Failed
_KINDS = {kind.__name__: kind for kind in (Prepared, Started, Stepped, Sampled, Saved, Noted, Finished, Failed)}


@dataclass(frozen=True)
class Stamped:
    """An event with its time.

    Attributes:
        event: The event.
        time: Seconds since 1970.
        clock: Monotonic seconds, to measure between two events of a process; None if an earlier version wrote it.
    """

    event: Event
    time: float = field(default_factory=lambda: time.time())  # a lambda, so that tests can replace time.time
    clock: float | None = None


def encode(stamped: Stamped) -> str:
    """One line of JSON, without the newline."""
    clock = {} if stamped.clock is None else {"clock": round(stamped.clock, 3)}
    values = {"event": type(stamped.event).__name__, **asdict(stamped.event), **clock}
    return json.dumps({"time": round(stamped.time, 3), **values})


def decode(line: str) -> Stamped:
    """The inverse of `encode`; unknown fields are ignored. Raises UserError on anything else."""
    return from_entry(parse_json(line))


def read(path: Path, offset: int = 0) -> tuple[list[Stamped], int]:
    """Read the complete lines from a byte offset on. Lines that aren't events are skipped.

    Returns:
        The events and the offset to continue from, which excludes a half-written last line.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    events = []
    for entry in parse(data[:end]):
        with contextlib.suppress(UserError):
            events.append(from_entry(entry))
    return events, offset + end


def parse(lines: bytes) -> Iterator[dict[str, Any]]:
    """Parse lines as `encode` writes them into JSON objects; other lines are skipped."""
    for line in lines.splitlines():
        try:
            entry = loads(line)
        except ValueError:
            try:
                entry = parse_json(line)  # accepts NaN, which isn't JSON but which a loss may become
            except ValueError:
                continue
        if isinstance(entry, dict):
            yield entry


def keep_last_steps(lines: bytes) -> bytes:
    """Of consecutive `Stepped` lines keep only the last, which is enough to tell the status of a run."""
    kept = []
    previous_is_step = False
    for line in lines.splitlines(keepends=True):
        is_step = b'"event": "Stepped"' in line[:64]
        if is_step and previous_is_step:
            kept[-1] = line
        else:
            kept.append(line)
        previous_is_step = is_step
    return b"".join(kept)


def from_entry(entry: Any) -> Stamped:
    """Convert an object of `parse`. Raises UserError if it isn't an event that this version knows."""
    try:
        kind = _KINDS[str(entry["event"])]
        values = {name: entry[name] for name in kind.__dataclass_fields__ if name in entry}
        for name, value in values.items():
            if not _VALIDATORS[kind.__dataclass_fields__[name].type](value):
                raise TypeError(f"{name}={value!r:.40}")
        if not is_number(entry["time"]):
            raise TypeError("no time")
        clock = entry.get("clock")
        return Stamped(kind(**values), float(entry["time"]), float(clock) if is_number(clock) else None)
    except (KeyError, TypeError) as error:
        raise UserError(f"not an event: {str(entry)[:80]!r} ({error})") from None


def is_count(value: Any) -> bool:
    """Whether a value is an integer from 0 to 2**53."""
    return type(value) is int and 0 <= value < 1 << 53


def is_number(value: Any) -> bool:
    """Whether a value is a non-negative integer or a finite float."""
    return is_count(value) or (type(value) is float and math.isfinite(value))


def is_figures(values: Any) -> bool:
    """Whether a value is a dictionary of numbers, which may be NaN or infinite."""
    return isinstance(values, dict) and all(type(value) is float or is_number(value) for value in values.values())


def check_figures(entries: Sequence[Mapping[str, Any]], losses: Iterable[list[Any]]) -> None:
    """Raise ValueError unless all entries are valid `Stepped` events. Checks many at once, for speed.

    Args:
        entries: The entries.
        losses: For each loss its values in all entries.
    """
    columns = {name: [entry.get(name, 0) for entry in entries] for name in ("step", "rate", "memory", "time", "clock")}
    valid_counts = all(map(is_count, columns["step"] + columns["memory"]))
    valid_numbers = all(map(is_number, columns["rate"] + columns["time"] + columns["clock"]))
    mixed = (values for values in losses if set(map(type, values)) != {float})
    valid_losses = all(is_figures(dict(enumerate(values))) for values in mixed)
    if not (valid_counts and valid_numbers and valid_losses):
        raise ValueError("not valid figures")


_VALIDATORS = {
    "int": is_count,
    "float": is_number,
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "dict[str, float]": is_figures,
}
"""Type of an event's field → function that checks a value."""


def is_known(entry: dict[str, Any]) -> bool:
    """Whether an entry of `parse` is of a kind that this version knows."""
    return entry.get("event") in list(_KINDS)
