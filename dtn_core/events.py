"""What a training says as it goes: one JSON object a line in a run's events.jsonl."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import UserError

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
    """An event with its time, seconds since 1970."""

    event: Event
    time: float = field(default_factory=time.time)


def encode(stamped: Stamped) -> str:
    """One line of JSON, without the newline."""
    return json.dumps({"time": round(stamped.time, 3), "event": type(stamped.event).__name__, **asdict(stamped.event)})


def decode(line: str) -> Stamped:
    """The inverse of `encode`; unknown fields are ignored. Raises UserError on anything else."""
    return from_entry(json.loads(line))


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
        except ValueError:
            continue
    return found, offset + end


def parse(lines: bytes) -> Iterator[dict[str, Any]]:
    """Lines as `encode` makes them → their JSON objects; what is none is left out."""
    for line in lines.splitlines():
        try:
            entry = loads(line)
        except ValueError:
            try:
                entry = json.loads(line.decode())  # knows NaN, which isn't JSON, but what a loss may become
            except ValueError:
                continue
        if isinstance(entry, dict):
            yield entry


def from_entry(entry: Any) -> Stamped:
    """One object of `parse` → the event and its time. Raises UserError if it is none that this version knows."""
    try:
        kind = _KINDS[entry["event"]]
        values = {name: entry[name] for name in kind.__dataclass_fields__ if name in entry}
        return Stamped(kind(**values), float(entry["time"]))
    except (KeyError, TypeError) as error:
        raise UserError(f"not an event: {str(entry)[:80]!r} ({error})") from None


def is_known(entry: dict[str, Any]) -> bool:
    """Whether an entry of `parse` is of a kind that this version knows."""
    return entry.get("event") in list(_KINDS)
