"""How runs stood when they were read last, so that a thousand of them are looked over in a moment: of those that ended
only changed ones are read again."""

from __future__ import annotations

import os
from pathlib import Path
from threading import RLock

from ....training.runs import status
from ....training.runs.status import ALIVE, RunStatus

OPENED = 8
"""So many runs are remembered with their curves, which take megabytes: those that were looked at last."""


class Known:
    """Shared by all viewers."""

    def __init__(self) -> None:
        self._brief: dict[Path, tuple[tuple[int, ...], RunStatus]] = {}
        self._whole: dict[Path, tuple[tuple[int, ...], RunStatus]] = {}
        self._lock = RLock()

    def all(self, folder: Path) -> list[RunStatus]:
        """The runs of a folder, the newest first, briefly; those that are gone are forgotten."""
        with self._lock:
            paths = status.runs_in(folder)
            self._brief = {path: self._brief[path] for path in paths if path in self._brief}
            return [self.brief(path) for path in paths]

    def brief(self, path: Path) -> RunStatus:
        """A run, see `status.read_status`."""
        with self._lock:
            self._brief[path] = _now(path, self._brief.get(path), brief=True)
            return self._brief[path][1]

    def whole(self, path: Path) -> RunStatus:
        """A run with its curves."""
        with self._lock:
            self._whole[path] = _now(path, self._whole.pop(path, None), brief=False)
            while len(self._whole) > OPENED:
                del self._whole[next(iter(self._whole))]
            return self._whole[path][1]


def _now(path: Path, known: tuple[tuple[int, ...], RunStatus] | None, brief: bool) -> tuple[tuple[int, ...], RunStatus]:
    stamp = _stamp(path)
    if known is not None and known[0] == stamp and known[1].status not in ALIVE:
        return known
    return stamp, status.read_status(path, known and known[1], brief)


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a run's files do."""
    found = []
    for name in ("events.jsonl", "log.txt", "notes.txt", "config.json", "lock", "export"):
        try:
            now = os.stat(f"{path}/{name}")  # a Path would cost more than the look
            found += [now.st_mtime_ns, now.st_size]
        except OSError:
            found += [0, 0]
    return tuple(found)
