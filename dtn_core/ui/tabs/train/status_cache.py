"""Cache of run statuses, so that listing a thousand runs is fast: only changed runs are read again."""

from __future__ import annotations

import os
from pathlib import Path
from threading import RLock

from ....training.runs import status
from ....training.runs.status import ALIVE, RunStatus

MAX_FULL_STATUSES = 8
"""Maximum number of cached statuses with curves, which take megabytes; the least recently used one is dropped."""

Fingerprint = tuple[int, ...]


class StatusCache:
    """Statuses of runs, shared by all viewers."""

    def __init__(self) -> None:
        self._brief: dict[Path, tuple[Fingerprint, RunStatus]] = {}
        self._full: dict[Path, tuple[Fingerprint, RunStatus]] = {}
        self._lock = RLock()

    def all(self, folder: Path) -> list[RunStatus]:
        """Return the brief statuses of the runs in a folder, newest first. Deleted runs leave the cache."""
        with self._lock:
            paths = status.runs_in(folder)
            self._brief = {path: self._brief[path] for path in paths if path in self._brief}
            return [self.brief(path) for path in paths]

    def brief(self, path: Path) -> RunStatus:
        """Return the status of a run without its full curves, see `status.read_status`."""
        with self._lock:
            self._brief[path] = _refreshed(path, self._brief.get(path), brief=True)
            return self._brief[path][1]

    def full(self, path: Path) -> RunStatus:
        """Return the status of a run with its curves."""
        with self._lock:
            self._full[path] = _refreshed(path, self._full.pop(path, None), brief=False)
            while len(self._full) > MAX_FULL_STATUSES:
                del self._full[next(iter(self._full))]
            return self._full[path][1]


def _refreshed(path: Path, cached: tuple[Fingerprint, RunStatus] | None, brief: bool) -> tuple[Fingerprint, RunStatus]:
    """Return a cached status, or read it if the run is alive or its files have changed."""
    fingerprint = _fingerprint(path)
    if cached is None:
        return fingerprint, status.read_status(path, None, brief)
    if cached[0] == fingerprint and cached[1].status not in ALIVE:
        return cached
    return fingerprint, status.read_status(path, cached[1], brief)


def _fingerprint(path: Path) -> Fingerprint:
    """Return modification times and sizes of a run's files."""
    values = []
    for name in ("events.jsonl", "log.txt", "notes.txt", "config.json", "lock", "export"):
        try:
            entry = os.stat(f"{path}/{name}")  # a Path would take longer than the call
            values += [entry.st_mtime_ns, entry.st_size]
        except OSError:
            values += [0, 0]
    return tuple(values)
