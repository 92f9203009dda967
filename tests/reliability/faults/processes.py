"""Processes that are killed, and what to hold against what they leave."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

from dtn_core import cli


class Lost(AssertionError):  # noqa: N818
    """Something was lost, or half of something taken for whole."""


def must(true: object, what: str) -> None:
    """Raises Lost."""
    if not true:
        raise Lost(what)


def until(true: Callable[[], Any], seconds: float = 120) -> bool:
    """Wait until something is true; False: it didn't come."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.002)
    return bool(found)


_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "accelerate", "av", "cv2", "dicebear", "dlib", "resvg_py", "dtn_core.cli",
        "dtn_core.evaluation.experiments.figures", "dtn_core.training.loop", "dtn_core.training.stages.registry",
        "dtn_core.pipeline.photo", "dtn_core.pipeline.video",
    ]
)  # fmt: skip


def fork(act: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process forked off one that has imported everything, so that a life takes a second and not
    ten; it leads a group of its own, and what it prints is lost."""
    process = _CONTEXT.Process(target=_call, args=(act, arguments), daemon=True)
    process.start()
    return process


def _call(act: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(null, number)
    act(*arguments)
    os._exit(0)


def command(*words: str) -> Any:
    """A command of the command line, forked."""
    return fork(_command, words)


def _command(words: tuple[str, ...]) -> None:
    os._exit(cli.main(list(words)))


def kill(pid: int) -> None:
    """kill -9, also of one that has ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
