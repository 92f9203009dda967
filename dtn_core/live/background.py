"""One thread for what takes longer than a frame, shared by all sessions: the most urgent comes first."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import torch

T = TypeVar("T")


class Background:
    """Runs functions one after the other in a thread that ends with the process, or on `close`."""

    def __init__(self) -> None:
        self._waiting: queue.PriorityQueue[tuple[int, int, Future | None, Callable[[], Any] | None]]
        self._waiting, self._count = queue.PriorityQueue(), itertools.count()
        threading.Thread(target=self._run, name="live-nets", daemon=True).start()

    def submit(self, rank: int, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """rank: the smallest comes first; of the same rank, the first."""
        future: Future[T] = Future()
        self._waiting.put((rank, next(self._count), future, lambda: function(*arguments)))
        return future

    def close(self) -> None:
        """End the thread when all is done."""
        self._waiting.put((1 << 30, next(self._count), None, None))

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
