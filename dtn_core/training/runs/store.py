"""Run directories: numbered, never overwritten, readable while they grow.

``runs/00003-faces-cpu/`` holds

======================================  ================================================================
config.json                             the settings, as `config.to_dict` makes them
run.json                                version of this layout, the data folder, the preset's name, the owner
events.jsonl                            what training said (`dtn_core.training.events`)
log.txt                                 what the process printed, where `launcher` started it
notes.txt                               what the user wrote about it
samples/000500.png                      sample grids
checkpoints/{last,best}.safetensors     states to resume from
exports/000500/                         checkpoints to use, of steps on the way
export/                                 the final one
control/{stop,sample,save}              empty files: what the user asks for
control/sample_every                    a number: steps between two sample grids from now on
lock                                    locked while it trains; pid of the trainer, since when it holds it, and
                                        the length of events.jsonl then: what follows, it told
======================================  ================================================================

The lock belongs to an open file, not to a process: whoever starts a trainer may lock the run first and let the child
inherit the file (`INHERITED`), so there is no moment in which nobody holds it; that child's output is log.txt. The lock
is free when the last holder is gone, however it went. On Windows a lock belongs to a process: there the launcher
releases it, and waits until the child has taken it.
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
from typing import Any, BinaryIO, TextIO

from safetensors import SafetensorError

from ... import config as configs
from ...core import images, locks
from ...core.errors import UserError, reason_of
from ...core.files import FULL, atomic_write, parse_json, temporary_directory, write_error
from ...core.types import Image
from ..events import Event, Noted, Stamped, encode, is_known, parse
from . import states

VERSION = 1
"""Of the layout."""

ASKED = frozenset({"stop", "sample", "save"})
"""What can be asked of a training, once."""

INHERITED = "DTN_RUN_LOCK"
"""Environment variable: the descriptor of the run's lock, for a process that inherits it. On Windows, where none can be
inherited, the run's path."""


@dataclass
class Run:
    """A run directory opened for writing; only one process can hold it."""

    path: Path
    config: configs.Config
    _lock: BinaryIO | None = field(default=None, repr=False)

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
        """Make the next numbered directory and hold it. data: the data folder, if one was given; sign=False: for a
        child, which signs the lock (`Run.sign`); owner: see `status.RunStatus`. Raises UserError if the folder can't be
        written."""
        if not re.fullmatch(r"[^/\x00-\x1f]{1,80}", name):
            raise UserError(f"a run can't be called {name!r}. Use up to 80 letters, digits and dashes.")
        try:
            runs.mkdir(parents=True, exist_ok=True)
            with temporary_directory(runs / "new") as made:
                for part in ("samples", "checkpoints", "exports", "control"):
                    (made / part).mkdir()
                run = cls(made, config)
                if locks.POSIX:
                    run._hold(sign)
                facts = {"version": VERSION, "data": os.path.abspath(data) if data else None, "preset": name}
                facts |= {"owner": owner} if owner else {}
                (made / "run.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
                (made / "config.json").write_text(
                    json.dumps(configs.to_dict(config), indent=1) + "\n", encoding="utf-8"
                )
                made.chmod(0o755)
                run.path = _move(made, runs, name)  # complete, and held, from the first moment on
                if not locks.POSIX:  # Windows renames no folder with an open file in it
                    run._hold(sign)
        except OSError as error:
            remedy = "Free some space, or choose" if error.errno in FULL else "Choose"
            raise write_error(runs, error, f"{remedy} another with --runs.") from None
        return run

    @classmethod
    def reopen(cls, path: Path, *, sign: bool = True) -> Run:
        """Open an existing run to go on with it: what was asked of it before is forgotten, and what a kill left half
        written removed. Raises UserError if it isn't a run, is of another version, or is running now."""
        run = cls(path, cls.config_of(path))
        _check_version(path)
        try:
            if run._hold(sign):  # `launcher` has cleared old requests, and there may be a new stop
                sys.stdout, sys.stderr = TolerantStream(sys.stdout), TolerantStream(sys.stderr)
            else:
                for name in ASKED:
                    run.answered(name)
            _tidy(path)
        except OSError as error:
            raise write_error(path, error, "Free some space, or change its permissions.") from None
        return run

    @staticmethod
    def config_of(path: Path) -> configs.Config:
        """The settings of a run. Raises UserError if it isn't one, or is of another version."""
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
        """The data folder that a run was created with; None: none was given, or the run is older than run.json.
        Raises UserError if run.json is damaged."""
        return _facts(path).get("data")

    @property
    def data(self) -> str | None:
        """See `data_of`."""
        return self.data_of(self.path)

    def _hold(self, sign: bool) -> bool:
        """Lock the run; returns whether `launcher` started this process for it."""
        path = self.path / "lock"
        self._lock = _inherited(path)
        launched = self._lock is not None or _launched(self.path)
        self._lock = self._lock or os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0)
        try:
            take_lock(self._lock)
        except BlockingIOError:
            self.release()
            pid = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
            who = f"process {pid}" if pid.isdecimal() else "another process"
            raise UserError(f"{self.path}: is being trained by {who}. Stop that first.") from None
        _cut_half_a_line(self.path / "events.jsonl")
        if sign:
            self.sign(os.getpid(), time.time(), self.told())
        return launched

    def sign(self, pid: int, since: float, told: int) -> None:
        """Write into the lock who holds it, since when (unix time), and how many bytes of events there were then
        (`told`): they are of another training. No clock can tell; it may be set back."""
        self._lock.seek(0)
        self._lock.write(f"{pid}\n{round(since, 3)}\n{told}\n".encode())
        self._lock.truncate()  # last, so that a reader finds good lines at any time

    def told(self) -> int:
        """Bytes of all events so far."""
        path = self.path / "events.jsonl"
        return path.stat().st_size if path.exists() else 0

    def release(self) -> None:
        """Close this process's hold on the lock; that of a child that inherited it stays."""
        if self._lock:
            descriptor, inherited = self._lock.fileno(), not self._lock.closefd
            self._lock.close()
            self._lock = None
            if inherited:
                os.close(descriptor)

    def lock_descriptor(self) -> int:
        """For a child to inherit; see `INHERITED`."""
        return self._lock.fileno()

    def write(self, event: Event) -> None:
        """Append an event, at once. Where the disk doesn't take it, it is lost; training goes on."""
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
            _say(f"{path}: cannot be written ({reason_of(error)}); training goes on. Free some space.")

    def asked(self) -> set[str]:
        """What the user asks for through control/: of stop, sample and save."""
        try:
            return ASKED & set(os.listdir(self.path / "control"))
        except OSError:
            return set()

    def answered(self, name: str) -> None:
        """Take back what was asked for."""
        (self.path / "control" / name).unlink(missing_ok=True)

    def sample_every(self) -> int | None:
        """Steps between two sample grids, where the user changed it."""
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
        """Remove checkpoints of steps on the way, except the `keep` newest and that of step `best`."""
        steps = sorted(int(p.name) for p in (self.path / "exports").glob("[0-9]*") if p.name.isdecimal())
        for old in steps[:-keep]:
            if old != best:
                shutil.rmtree(self.path / "exports" / f"{old:06d}", ignore_errors=True)

    def save_state(self, state: dict[str, Any], name: str = "last") -> None:
        """Write checkpoints/<name>.safetensors, whole or not at all. Raises UserError if it can't be written."""
        path = self.path / "checkpoints" / f"{name}.safetensors"
        try:
            states.write(path, state)
        except (OSError, SafetensorError) as error:
            raise write_error(path, error, "Free some space.") from None

    def load_state(self, name: str = "last") -> dict[str, Any] | None:
        """What `save_state` wrote, or None if there is nothing yet. If the last one is damaged and there is a best one,
        that. Raises UserError if there is none that can be read."""
        path = self.path / "checkpoints" / f"{name}.safetensors"
        if not path.exists():
            return None
        try:
            return states.read(path)
        except UserError as error:
            best = path.with_stem("best")
            if name != "last" or not best.exists():
                raise UserError(f"{error} Start a new run.") from None
            try:
                state = states.read(best)
            except UserError:
                raise UserError(f"{error} So is {best.name}. Start a new run.") from None
            message = f"{path.name} is damaged; going on from {best.name}"
            _say(message)
            self.write(Noted(state.get("step", 0), message))
            return state


def take_lock(lock: BinaryIO) -> None:
    """Lock an open file for this process alone. Raises BlockingIOError if another one holds it for longer than the
    moment that a look takes (`status.is_alive`)."""
    locks.acquire(lock, wait=1)


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that readers see the old one or the new one. Raises OSError."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _move(made: Path, runs: Path, name: str) -> Path:
    """Rename a new run to the next number; returns its path."""
    number = max((int(p.name[:5]) for p in runs.iterdir() if p.name[:5].isdigit()), default=0)
    while True:
        number += 1
        path = runs / f"{number:05d}-{name}"
        try:
            return made.rename(path)
        except OSError:
            if not path.exists():  # else another process was quicker
                raise


def _inherited(path: Path) -> BinaryIO | None:
    """The open lock file that this process inherited, if it is this one."""
    text = os.environ.get(INHERITED, "")
    if not text.isdecimal() or not path.exists():
        return None
    try:
        if not os.path.samestat(os.fstat(int(text)), path.stat()):
            return None
        # Not closed with the run, but with the process: whoever finds the lock free may count on the memory, too.
        lock = os.fdopen(int(text), "r+b", buffering=0, closefd=False)
    except OSError:
        return None
    os.set_inheritable(lock.fileno(), False)  # what the trainer starts must not keep the run locked
    del os.environ[INHERITED]
    return lock


def _launched(path: Path) -> bool:
    """Whether `launcher` started this process for this run on a system where a lock can't be inherited."""
    if os.environ.get(INHERITED) != str(path):
        return False
    del os.environ[INHERITED]
    return True


def _facts(path: Path) -> dict[str, Any]:
    """run.json's content; {} for runs that are older than it."""
    try:
        facts = parse_json((path / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: run.json cannot be read ({error}). Start a new run.") from None
    return facts if isinstance(facts, dict) else {}


def _check_version(path: Path) -> None:
    """Refuse what a later version made: going on with it, this one would lose what it doesn't know."""
    version = _facts(path).get("version", VERSION)
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


def _tidy(path: Path) -> None:
    """Remove what a kill left half written; not what others than the trainer write (notes, control/)."""
    for pattern in ("checkpoints/*.tmp", "checkpoints/.*", "samples/.*", "exports/.*", ".export.*"):
        for left in path.glob(pattern):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _cut_half_a_line(path: Path) -> None:
    """Remove the line that a kill left half written, or the next event would be lost with it."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        data = file.read()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            file.truncate(end)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # standard error may lie on the same full disk
        print(line, file=sys.stderr, flush=True)


class TolerantStream:
    """Standard output or error into log.txt: on a full disk what is printed is lost, but nothing is raised. tqdm would
    end a training for its bar."""

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
