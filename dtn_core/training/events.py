"""What a training says as it goes: one JSON object a line in a run's events.jsonl."""

from __future__ import annotations

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
class Started:
    """A run begins or resumes. step: the last one done before."""

    step: int
    steps: int
    device: str


@dataclass(frozen=True)
class Stepped:
    """Losses and other scalars, means since the event before; rate: pictures of s per second, 0 where it isn't
    measured; memory: bytes held at most so far, of the GPU where that computes."""

    step: int
    losses: dict[str, float]
    rate: float
    memory: int = 0


@dataclass(frozen=True)
class Sampled:
    """A fixed-seed sample grid was written. path: relative to the run directory."""

    step: int
    path: str


@dataclass(frozen=True)
class Saved:
    """The state to resume from was written. path: of the checkpoint to use, relative to the run directory; best: it is
    the best so far by the validation figure."""

    step: int
    path: str
    best: bool = False


@dataclass(frozen=True)
class Noted:
    """Something the user should know, in one line: a smaller batch, a full disk."""

    step: int
    message: str


@dataclass(frozen=True)
class Finished:
    """The run ended well. why: "done", "stopped" or "early" (no better for `Training.patience` savings)."""

    step: int
    why: str


@dataclass(frozen=True)
class Failed:
    """The run ended badly; message is one line."""

    message: str


Event = Started | Stepped | Sampled | Saved | Noted | Finished | Failed
_KINDS = {kind.__name__: kind for kind in (Started, Stepped, Sampled, Saved, Noted, Finished, Failed)}


@dataclass(frozen=True)
class Stamped:
    """An event with its time, seconds since 1970. clock: seconds of one that nobody sets, to measure between two events
    of a process; None where an earlier version wrote it."""

    event: Event
    time: float = field(default_factory=lambda: time.time())  # looked up late, for tests of clocks that jump
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
    """All whole lines from a byte offset on, and the offset to go on from; a half-written last line waits. Lines that
    aren't events (of a later version, or cut by a crash) are left out."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    found = []
    for entry in parse(data[:end]):
        try:
            found.append(from_entry(entry))
        except UserError:
            continue
    return found, offset + end


def parse(lines: bytes) -> Iterator[dict[str, Any]]:
    """Lines as `encode` makes them → their JSON objects; what is none is left out."""
    for line in lines.splitlines():
        try:
            entry = loads(line)
        except ValueError:
            try:
                entry = parse_json(line)  # knows NaN, which isn't JSON, but what a loss may become
            except ValueError:
                continue
        if isinstance(entry, dict):
            yield entry


def keep_last_steps(lines: bytes) -> bytes:
    """Lines as `encode` makes them, of figures in a row only the last: all that tells how a run stands, quickly."""
    found = lines.splitlines(keepends=True)
    figures = [b'"event": "Stepped"' in line[:64] for line in found]
    return b"".join(line for line, one, next_ in zip(found, figures, [*figures[1:], False]) if not (one and next_))


def from_entry(entry: Any) -> Stamped:
    """One object of `parse` → the event and its time. Raises UserError if it is none that this version knows."""
    try:
        kind = _KINDS[str(entry["event"])]
        values = {name: entry[name] for name in kind.__dataclass_fields__ if name in entry}
        for name, value in values.items():
            if not _FITS[kind.__dataclass_fields__[name].type](value):
                raise TypeError(f"{name}={value!r:.40}")
        if not is_number(entry["time"]):
            raise TypeError("no time")
        clock = entry.get("clock")
        return Stamped(kind(**values), float(entry["time"]), float(clock) if is_number(clock) else None)
    except (KeyError, TypeError) as error:
        raise UserError(f"not an event: {str(entry)[:80]!r} ({error})") from None


def is_count(value: Any) -> bool:
    """Whether it is a whole number from 0 on, of a size that means something."""
    return type(value) is int and 0 <= value < 1 << 53


def is_number(value: Any) -> bool:
    """Whether it is a number, and finite."""
    return is_count(value) or (type(value) is float and math.isfinite(value))


def is_figures(values: Any) -> bool:
    """Whether these are losses: names and numbers, which may have become NaN or infinite."""
    return isinstance(values, dict) and all(type(value) is float or is_number(value) for value in values.values())


def check_figures(entries: Sequence[Mapping[str, Any]], losses: Iterable[list[Any]]) -> None:
    """Raises ValueError unless these are `Stepped`, many at once. losses: the values of each."""
    told = {name: [entry.get(name, 0) for entry in entries] for name in ("step", "rate", "memory", "time", "clock")}
    good = all(map(is_count, told["step"] + told["memory"])) and all(
        map(is_number, told["rate"] + told["time"] + told["clock"])
    )
    others = (values for values in losses if set(map(type, values)) != {float})
    if not good or not all(is_figures(dict(enumerate(values))) for values in others):
        raise ValueError("no figures")


_FITS = {
    "int": is_count,
    "float": is_number,
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "dict[str, float]": is_figures,
}
"""The type of an event's field → whether a value is of it."""


def is_known(entry: dict[str, Any]) -> bool:
    """Whether an entry of `parse` is of a kind that this version knows."""
    return entry.get("event") in list(_KINDS)
