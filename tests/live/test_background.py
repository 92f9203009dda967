import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from dtn_core.pipeline.live.background import Background


def test_the_most_urgent_call_runs_first():
    background, gate, done = Background(), threading.Event(), []
    background.submit(0, gate.wait)
    late = [background.submit(rank, done.append, name) for rank, name in ((2, "c"), (1, "b"), (0, "a"), (2, "d"))]
    late[3].cancel()
    gate.set()
    background.close()
    late[0].result(10)
    assert done == ["a", "b", "c"]


def test_an_error_is_raised_by_its_future_and_the_next_call_runs():
    background = Background()
    failed = background.submit(0, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failed.result(10)
    assert background.submit(0, lambda: 3).result(10) == 3
    background.close()


def test_low_priority_calls_are_not_starved(monkeypatch):
    background, gate, done = Background(), threading.Event(), []
    clock = iter([0.0, 1.0, 1.5, 3.0])
    monkeypatch.setattr("dtn_core.pipeline.live.background.time", SimpleNamespace(monotonic=lambda: next(clock)))
    background.submit(0, gate.wait)
    background.submit(2, done.append, "patient")
    background.submit(0, done.append, "urgent")
    last = background.submit(1, done.append, "later")
    gate.set()
    last.result(20)
    assert done == ["urgent", "patient", "later"]
    background.close()


def test_a_cancelled_call_does_not_hold_its_frame():
    """A page that starts over with every frame would fill the queue with frames of 11 MB."""
    background, gate = Background(), threading.Event()
    background.submit(0, gate.wait)
    frame = np.zeros((8, 8, 3), np.uint8)
    held = weakref.ref(frame)
    future = background.submit(1, np.sum, frame)
    del frame
    assert held() is not None
    assert future.cancel()
    assert held() is None
    gate.set()
    background.close()
