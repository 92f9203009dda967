"""One thread for what takes longer than a frame, shared by all sessions: the most urgent comes first, but nobody waits
for ever."""

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
        self._waiting, self._count = queue.PriorityQueue(), itertools.count()
        threading.Thread(target=self._run, name="live-nets", daemon=True).start()

    def submit(self, rank: int, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """rank: seconds for which others may come first; 0 is the most urgent. In an order by urgency alone, many who
        search for a face would keep those who have one from ever being looked at again."""
        future: Future[T] = Future()
        call = [partial(function, *arguments)]
        # What is cancelled stays in the queue until its turn, but without its frame.
        future.add_done_callback(lambda _: call.clear())
        self._waiting.put((time.monotonic() + rank, next(self._count), future, lambda: call[0]()))
        return future

    def close(self) -> None:
        """End the thread when all is done."""
        self._waiting.put((math.inf, next(self._count), None, None))

    def _run(self) -> None:
        torch.set_num_threads(1)  # of this thread: more would wait for those that track
        while (work := self._waiting.get())[2] is not None:
            _, _, future, function = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001: whoever asked gets it
                future.set_exception(error)
            del work, future, function  # pictures
