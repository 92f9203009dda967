"""Run directories: numbered, never overwritten, readable while they grow.

``runs/00003-faces-cpu/`` holds

======================================  ================================================================
config.json                             the settings, as `config.to_dict` writes them
run.json                                version of this layout, the data folder, the preset's name, the owner
events.jsonl                            the progress of the training (`dtn_core.training.events`)
log.txt                                 output of the process, if `launcher` started it
notes.txt                               the user's notes
samples/000500.png                      sample grids
checkpoints/{last,best}.safetensors     states to resume from
exports/000500/                         usable checkpoints of intermediate steps
export/                                 the final one
control/{stop,sample,save}              empty files: requests of the user
control/sample_every                    a number: steps between two sample grids from now on
lock                                    locked while the run is trained; its lines: `lock.Signature`
======================================  ================================================================
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from safetensors import SafetensorError

from ... import config as configs
from ...core import images, locks
from ...core.errors import UserError, reason_of
from ...core.files import DISK_FULL_ERRORS, atomic_write, parse_json, temporary_directory, write_error
from ...core.types import Image
from ..events import Event, Noted, Stamped, encode, is_known, parse
from . import states
from .lock import RunLock, read_text

VERSION = 1
"""Version of the layout."""

REQUESTS = frozenset({"stop", "sample", "save"})
"""One-time requests to a training."""


@dataclass
class Run:
    """A run directory opened for writing by this process.

    Attributes:
        path: The directory.
        config: The settings of the run.
        lock: The lock, while this process holds it.
    """

    path: Path
    config: configs.Config
    lock: RunLock | None = field(default=None, repr=False)
    _signature: str = field(default="", repr=False)

    @classmethod
    def create(
        cls,
        runs: Path,
        name: str,
        config: configs.Config,
        data: str | None = None,
        *,
        sign: bool = True,
        owner: str = "",
    ) -> Run:
        """Create the next numbered directory and lock it.

        Args:
            runs: Folder of the runs.
            name: What follows the number in the directory's name.
            config: The settings.
            data: The data folder, if one was given.
            sign: Whether to sign the lock; False if a child process will train the run.
            owner: See `status.RunStatus`.

        Raises:
            UserError: The name can't be used, or the folder can't be written.
        """
        if not re.fullmatch(r"[^/\x00-\x1f]{1,80}", name):
            raise UserError(f"a run can't be called {name!r}. Use up to 80 letters, digits and dashes.")
        config = configs.with_absolute_paths(config)
        facts = {"version": VERSION, "data": os.path.abspath(data) if data else None, "preset": name}
        if owner:
            facts["owner"] = owner
        try:
            runs.mkdir(parents=True, exist_ok=True)
            with temporary_directory(runs / "new") as folder:
                for subfolder in ("samples", "checkpoints", "exports", "control"):
                    (folder / subfolder).mkdir()
                run = cls(folder, config)
                if locks.POSIX:
                    run._acquire(sign)
                (folder / "run.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
                settings = json.dumps(configs.to_dict(config), indent=1) + "\n"
                (folder / "config.json").write_text(settings, encoding="utf-8")
                folder.chmod(0o755)
                run.path = _move_to_next_number(folder, runs, name)  # complete and locked from the start
                if not locks.POSIX:  # Windows can't rename a folder that contains an open file
                    run._acquire(sign)
        except OSError as error:
            remedy = "Free some space, or choose" if error.errno in DISK_FULL_ERRORS else "Choose"
            raise write_error(runs, error, f"{remedy} another with --runs.") from None
        return run

    @classmethod
    def reopen(cls, path: Path, *, sign: bool = True) -> Run:
        """Lock an existing run to resume it; remove old requests and half-written files.

        Raises:
            UserError: It isn't a run, was made by another version, or is being trained.
        """
        run = cls(path, cls.config_of(path))
        _check_version(path)
        try:
            if run._acquire(sign):
                # `launcher` has removed the old requests; a stop request may have arrived since then.
                sys.stdout = TolerantStream(sys.stdout)
                sys.stderr = TolerantStream(sys.stderr)
            else:
                for name in REQUESTS:
                    run.clear_request(name)
            _remove_temporary_files(path)
        except OSError as error:
            raise write_error(path, error, "Free some space, or change its permissions.") from None
        return run

    @staticmethod
    def config_of(path: Path) -> configs.Config:
        """Read the settings of a run. Raises UserError if it isn't one, or was made by another version."""
        try:
            values = parse_json((path / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not a run directory ({error}).") from None
        try:
            return configs.from_dict(values)
        except (UserError, TypeError, AttributeError) as error:
            raise _other_version(path, reason_of(error)) from None

    @staticmethod
    def data_of(path: Path) -> str | None:
        """The data folder that a run was created with; None if none was given, or the run is older than run.json.

        Raises:
            UserError: run.json is damaged.
        """
        return _read_run_json(path).get("data")

    @property
    def data(self) -> str | None:
        """See `data_of`."""
        return self.data_of(self.path)

    def _acquire(self, sign: bool) -> bool:
        """Lock the run. Returns whether `launcher` started this process for it."""
        self.lock = RunLock.acquire(self.path)
        _remove_partial_line(self.path / "events.jsonl")
        self._signature = read_text(self.path / "lock")
        if sign:
            self.lock.sign(os.getpid(), time.time(), self.event_bytes())
        return self.lock.launched

    def event_bytes(self) -> int:
        """Length of events.jsonl in bytes."""
        path = self.path / "events.jsonl"
        return path.stat().st_size if path.exists() else 0

    def release(self) -> None:
        """Release this process's hold on the lock; that of a child that inherited it stays."""
        if self.lock:
            self.lock.release()
            self.lock = None

    def abandon(self, reason: str) -> None:
        """Undo `reopen` before a step was made: the run keeps its status, and a note says why it wasn't resumed."""
        self.write(Noted(0, f"Not resumed: {reason}"))
        if self.lock:
            self.lock.restore(self._signature)
        self.release()

    def save_config(self, config: configs.Config) -> None:
        """Replace the settings of the run. Raises UserError if they can't be written."""
        self.config = config
        try:
            write_text_atomically(self.path / "config.json", json.dumps(configs.to_dict(config), indent=1) + "\n")
        except OSError as error:
            raise write_error(self.path, error, "Free some space, or change its permissions.") from None

    def write(self, event: Event) -> None:
        """Append an event at once. If it can't be written, it is lost and training goes on."""
        path = self.path / "events.jsonl"
        line = (encode(Stamped(event, clock=time.monotonic())) + "\n").encode()
        try:
            with path.open("ab", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                try:
                    if file.write(line) < len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                except OSError:
                    file.truncate(size)
                    raise
        except OSError as error:
            _warn(f"{path}: cannot be written ({reason_of(error)}); training goes on. Free some space.")

    def requests(self) -> set[str]:
        """The pending requests in control/, a subset of `REQUESTS`."""
        try:
            return REQUESTS & set(os.listdir(self.path / "control"))
        except OSError:
            return set()

    def clear_request(self, name: str) -> None:
        """Remove a request from control/."""
        (self.path / "control" / name).unlink(missing_ok=True)

    def sample_every(self) -> int | None:
        """Steps between two sample grids, if the user changed it."""
        try:
            text = (self.path / "control" / "sample_every").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return int(text) if re.fullmatch("[1-9][0-9]{0,8}", text) else None

    def save_sample(self, step: int, image: Image) -> str:
        """Write a sample grid; returns its path relative to the run."""
        name = f"samples/{step:06d}.png"
        images.save(self.path / name, image)
        return name

    def prune_exports(self, keep: int, best: int) -> None:
        """Remove the checkpoints of intermediate steps, except the `keep` newest and that of step `best`."""
        exports = self.path / "exports"
        steps = sorted(int(path.name) for path in exports.glob("[0-9]*") if path.name.isdecimal())
        for step in steps[:-keep]:
            if step != best:
                shutil.rmtree(exports / f"{step:06d}", ignore_errors=True)

    def save_state(self, state: dict[str, Any], name: str = "last") -> None:
        """Write checkpoints/<name>.safetensors atomically. Raises UserError if it can't be written."""
        path = self.path / "checkpoints" / f"{name}.safetensors"
        try:
            states.write(path, state)
        except (OSError, SafetensorError) as error:
            raise write_error(path, error, "Free some space.") from None

    def load_state(self, name: str = "last") -> dict[str, Any] | None:
        """Read what `save_state` wrote; None if there is nothing yet. "best" replaces a damaged "last".

        Raises:
            UserError: No state can be read.
        """
        path = self.path / "checkpoints" / f"{name}.safetensors"
        if not path.exists():
            return None
        try:
            return states.read(path)
        except UserError as error:
            best = path.with_stem("best")
            if name != "last" or not best.exists():
                raise UserError(f"{error} Start a new run.") from None
            damage = error
        try:
            state = states.read(best)
        except UserError:
            raise UserError(f"{damage} So is {best.name}. Start a new run.") from None
        message = f"{path.name} is damaged; going on from {best.name}"
        _warn(message)
        self.write(Noted(state.get("step", 0), message))
        return state


def write_text_atomically(path: Path, text: str) -> None:
    """Write a small file atomically. Raises OSError."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _move_to_next_number(folder: Path, runs: Path, name: str) -> Path:
    """Rename a new run to the next free number. Returns its path."""
    number = max((int(path.name[:5]) for path in runs.iterdir() if path.name[:5].isdigit()), default=0)
    while True:
        number += 1
        path = runs / f"{number:05d}-{name}"
        try:
            return folder.rename(path)
        except OSError:
            if not path.exists():  # otherwise another process has taken this number
                raise


def _read_run_json(path: Path) -> dict[str, Any]:
    """Read run.json; {} for runs of versions that had none."""
    try:
        facts = parse_json((path / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: run.json cannot be read ({error}). Start a new run.") from None
    return facts if isinstance(facts, dict) else {}


def _check_version(path: Path) -> None:
    """Refuse a run of a later version: resuming it would lose what this version doesn't know."""
    version = _read_run_json(path).get("version", VERSION)
    if version != VERSION:
        raise _other_version(path, f"layout {version}")
    log = path / "events.jsonl"
    for entry in parse(log.read_bytes()) if log.exists() else ():
        if not is_known(entry):
            raise _other_version(path, f"event {str(entry)[:60]}")


def _other_version(path: Path, difference: str) -> UserError:
    return UserError(
        code="other_version",
        subject=path,
        reason=f"made by another version of DTN Studio ({difference})",
        remedy="Use that one, or start a new run.",
    )


def _remove_temporary_files(path: Path) -> None:
    """Remove half-written files of a killed trainer, but not those of other writers (notes, control/)."""
    for pattern in ("checkpoints/*.tmp", "checkpoints/.*", "samples/.*", "exports/.*", ".export.*"):
        for leftover in path.glob(pattern):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()


def _remove_partial_line(path: Path) -> None:
    """Remove a half-written last line; otherwise the next event would be appended to it and lost."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        data = file.read()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            file.truncate(end)


def _warn(line: str) -> None:
    """Print a line to standard error, if it can be written: log.txt may be on the same full disk."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


class TolerantStream:
    """Standard output or error that drops what can't be written. A progress bar must not end a training on a full
    disk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
