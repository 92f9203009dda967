"""What a training says as it goes: one JSON object a line in a run's events.jsonl."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Started:
    """A run begins or resumes. step: the last one done before."""

    step: int
    steps: int
    device: str


@dataclass(frozen=True)
class Stepped:
    """Losses and other scalars, means since the event before; rate: pictures of s per second."""

    step: int
    losses: dict[str, float]
    rate: float


@dataclass(frozen=True)
class Sampled:
    """A fixed-seed sample grid was written. path: relative to the run directory."""

    step: int
    path: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written. path: relative to the run directory."""

    step: int
    path: str


@dataclass(frozen=True)
class Finished:
    """The run ended well. why: "done" or "stopped"."""

    step: int
    why: str


@dataclass(frozen=True)
class Failed:
    """The run ended badly; message is one line."""

    message: str


Event = Started | Stepped | Sampled | Saved | Finished | Failed
_KINDS = {kind.__name__: kind for kind in (Started, Stepped, Sampled, Saved, Finished, Failed)}


@dataclass(frozen=True)
class Stamped:
    """An event with its time, seconds since 1970."""

    event: Event
    time: float = field(default_factory=time.time)


def encode(stamped: Stamped) -> str:
    """One line of JSON, without the newline."""
    return json.dumps({"time": round(stamped.time, 3), "event": type(stamped.event).__name__, **asdict(stamped.event)})


def decode(line: str) -> Stamped:
    """The inverse of `encode`; unknown fields are ignored. Raises ValueError on anything else."""
    entry: dict[str, Any] = json.loads(line)
    try:
        kind = _KINDS[entry["event"]]
        values = {name: entry[name] for name in kind.__dataclass_fields__}
        return Stamped(kind(**values), entry["time"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an event: {line[:80]!r} ({error})") from None


def read(path: Path, offset: int = 0) -> tuple[list[Stamped], int]:
    """All whole lines from a byte offset on, and the offset to go on from; a half-written last line waits."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    end = data.rfind(b"\n") + 1
    return [decode(line) for line in data[:end].decode().splitlines() if line], offset + end
