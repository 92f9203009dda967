"""Fuzz targets: how a case is run, and what counts as harm."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtn_core.core.errors import UserError

SLOWEST = 60.0
"""Seconds after which a case counts as one that hangs. None takes a quarter of that where nobody else computes."""

MOST_MEMORY = 1500
"""Megabytes that a case may take at its peak; a picture of 50 megapixels, the largest that is taken, needs some 700."""

SECRET = "the canary sings"
"""Content of a file outside of every place that a viewer may see."""

LONGEST_LINE = 1200


class Harm(AssertionError):  # noqa: N818
    """A case that ended in neither a result nor one clear error."""


@dataclass(frozen=True)
class Target:
    """An entry point that takes untrusted input.

    Attributes:
        name: Used in reports and to replay a case.
        make: Makes a random case.
        enter: Passes a case to the product, with a folder where it may write. It returns anything or raises UserError.
        cases: Hand-made cases by name, each with its expected outcome: "result", "error", or "" for either.
        errors: Exceptions that count as a clear error.
        paths: Whether its caller may name files of this machine.
    """

    name: str
    make: Callable[[Random], Any]
    enter: Callable[[Any, Path], Any]
    cases: Callable[[], Mapping[str, tuple[Any, str]]] = dict
    errors: tuple[type[Exception], ...] = (UserError,)
    paths: bool = False

    def case(self, number: int) -> Any:
        """The case of a number: those made by hand come first."""
        by_hand = _by_hand(self)
        if number < len(by_hand):
            return by_hand[number]
        return self.make(Random(f"{self.name} {number}"))


@cache
def _by_hand(target: Target) -> list[Any]:
    return [case for case, _ in target.cases().values()]


@dataclass
class Watch:
    """What the process did while a case was tried, seen by an audit hook."""

    place: str = ""
    paths: bool = False
    seen: list[str] = field(default_factory=list)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.place:
            return
        if event == "open":
            path, _, flags = args
            if isinstance(path, str | bytes):
                path = os.path.abspath(os.fsdecode(path))
                if os.path.basename(path) == "secret.txt" and not self.paths:
                    self.seen.append(f"read {path}")
                if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not path.startswith(
                    (self.place, "/proc/self/", "/dev/null")
                ):
                    self.seen.append(f"wrote {path}")
        elif event in ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"):
            self.seen.append(f"{event} {args[0]!r:.80}")
        elif event == "socket.connect" and args[1] and not str(args[1][0]).startswith(("127.", "::1", "/")):
            self.seen.append(f"connected to {args[1]}")
        elif event in ("os.rename", "os.mkdir", "os.symlink", "os.remove") and isinstance(args[0], str):
            last = os.path.abspath(args[1] if event in ("os.rename", "os.symlink") else args[0])
            if not last.startswith((self.place, "/proc/self/")):
                self.seen.append(f"{event} {last}")


@cache
def watch() -> Watch:
    made = Watch()
    sys.addaudithook(made)
    return made


def peak(reset: bool = False) -> float:
    """Megabytes this process held at most since the last reset; 0 where the system doesn't say."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    except OSError:
        return 0.0


@cache
def _around() -> Path:
    """A folder with a canary in it, and an empty one for the cases; gone when the process ends."""
    around = Path(tempfile.mkdtemp(prefix="targets-"))
    atexit.register(shutil.rmtree, around, ignore_errors=True)
    (around / "secret.txt").write_text(SECRET)
    (around / "place").mkdir()
    return around


@contextmanager
def _somewhere() -> Iterator[Path]:
    """An empty working folder for one case."""
    before, place = os.getcwd(), _around() / "place"
    os.chdir(place)
    try:
        yield place
    finally:
        os.chdir(before)
        if any(os.scandir(place)):
            shutil.rmtree(place)
            place.mkdir()


def attempt(target: Target, case: Any) -> str:
    """Try a case: "result" or "error". Raises Harm, with what happened, for anything else."""
    eye = watch()
    with _somewhere() as place:
        before, start = peak(reset=True), time.monotonic()
        eye.seen, eye.paths, eye.place = [], target.paths, str(place)
        temporary, tempfile.tempdir = tempfile.tempdir, str(place)
        try:
            answer = target.enter(case, place)
            outcome = "result"
        except target.errors as error:
            outcome, answer = "error", str(error)
            check_line(answer)
        finally:
            eye.place, tempfile.tempdir = "", temporary
        took, more = time.monotonic() - start, peak() - before
        left = {path.name for path in place.parent.iterdir()} - {"place", "secret.txt"}
    if eye.seen or left:
        raise Harm(f"outside its place: {', '.join([*eye.seen[:3], *sorted(left)])}")
    if took > SLOWEST:
        raise Harm(f"took {took:.0f} s")
    if more > MOST_MEMORY:
        raise Harm(f"took {more:.0f} MB")
    if SECRET in str(answer):
        raise Harm("gave away a file that is nobody's business")
    return outcome


def check_line(text: str) -> None:
    """An error for people is one line, and not a long one."""
    if not text.strip() or len(text.splitlines()) > 1 or len(text) > LONGEST_LINE:
        raise Harm(f"no clear line: {text[:300]!r} ({len(text)} characters)")


def by_hand(target: Target, every: int = 1):
    """A test of all cases that were made by hand. every: of those that only put another value into a place, whose names
    end in its number, one of so many; the long form tries them all."""

    @pytest.mark.reliability
    @pytest.mark.smoke
    def test():
        wrong = {}
        for name, (case, ends) in target.cases().items():
            if (number := re.search(r": (\d+)$", name)) and int(number[1]) % every:
                continue
            try:
                outcome = attempt(target, case)
            except Exception as error:
                outcome = f"{type(error).__name__}: {error}"
                ends = ends or "a result or an error"
            if ends and outcome != ends:
                wrong[name] = f"{ends} is due: {outcome}"
        assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())

    return test


def at_random(target: Target, count: int):
    """A test of so many random cases; hypothesis makes what fails smaller."""

    @pytest.mark.reliability
    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.randoms(use_true_random=False))
    def test(random):
        attempt(target, target.make(random))

    return test
