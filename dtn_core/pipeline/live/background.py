"""A thread for work that takes longer than a frame, shared by all sessions: a priority queue without starvation."""

from __future__ import annotations

import itertools
import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

import torch

T = TypeVar("T")


class Background:
    """Runs functions one after the other in a thread that ends with the process, or on `close`."""

    def __init__(self) -> None:
        self._waiting: queue.PriorityQueue[tuple[float, int, Future | None, Callable[[], Any] | None]]
        self._waiting = queue.PriorityQueue()
        self._count = itertools.count()
        threading.Thread(target=self._run, name="live-nets", daemon=True).start()

    def submit(self, rank: int, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Queue a call.

        Args:
            rank: Seconds for which calls that are submitted later may overtake this one; 0 is the most urgent. With a
                strict priority, many urgent calls would starve the others.
            function: Called with the arguments.
        """
        future: Future[T] = Future()
        call = [partial(function, *arguments)]
        # A cancelled call stays in the queue until its turn, but must not hold its frame.
        future.add_done_callback(lambda _: call.clear())
        self._waiting.put((time.monotonic() + rank, next(self._count), future, lambda: call[0]()))
        return future

    def close(self) -> None:
        """End the thread after the queued calls."""
        self._waiting.put((math.inf, next(self._count), None, None))

    def _run(self) -> None:
        torch.set_num_threads(1)  # for this thread: more would slow down tracking in the others
        while (work := self._waiting.get())[2] is not None:
            _, _, future, function = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 (the future raises it)
                future.set_exception(error)
            del work, future, function  # they hold frames while the queue is empty
