"""Clocks that jump by a day, forward and back: nothing that is told, counted or kept depends on it."""

from __future__ import annotations

import random
import threading
import time

import pytest
from made_runs import make_run

from dtn_core import cli
from dtn_core.pipeline.live.session import Session
from dtn_core.training.events import Finished, Noted, Stamped, Started, Stepped, encode
from dtn_core.training.runs.status import is_alive, read_status
from dtn_core.training.runs.store import Run
from dtn_core.ui.access import guest_policy
from dtn_core.ui.access.rate_limits import RateLimiter
from dtn_core.ui.tabs.train.service import TrainService

from .faults import processes, training

pytestmark = pytest.mark.reliability

DAY = 86400.0
REAL = time.time


@pytest.fixture
def clock(monkeypatch):
    """Set the time by so many seconds."""
    ahead = [0.0]
    monkeypatch.setattr(time, "time", lambda: REAL() + ahead[0])

    def set_by(seconds):
        ahead[0] = seconds

    return set_by


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_the_status_of_a_run_does_not_depend_on_the_clock(jump, clock, tmp_path):
    path = training.new_run(tmp_path, steps=100)
    run = Run.reopen(path)
    run.write(Started(0, 100, "cpu"))
    for step in (10, 20):
        run.write(Stepped(step, {"d": 1.0}, 10.0))
    clock(jump)
    run.write(Stepped(30, {"d": 1.0}, 10.0))
    found = read_status(path)
    assert found.status == "running"
    assert 0 <= found.seconds < 60
    assert 0 <= found.eta < 600
    run.write(Finished(30, "stopped"))
    run.release()
    assert read_status(path).status == "stopped"
    clock(0.0)
    run = Run.reopen(path)
    assert read_status(path).status == "starting", "what was told before is of another process, however late it was"
    run.write(Started(30, 100, "cpu"))
    assert read_status(path).status == "running"
    run.write(Finished(100, "done"))
    run.release()
    found = read_status(path)
    assert (found.status, found.seconds < 60) == ("done", True)


def test_the_pause_after_a_kill_does_not_count_as_training(tmp_path):
    path = training.new_run(tmp_path)
    result = [(Started(0, 100, "cpu"), 0.0), (Stepped(10, {"d": 1.0}, 10.0), 5.0)]  # and a day later
    result += [
        (Noted(0, "Reads the pictures."), DAY),
        (Started(10, 100, "cpu"), DAY + 9),
        (Finished(10, "done"), DAY + 10),
    ]
    lines = [encode(Stamped(event, 1e9 + at, clock=at)) for event, at in result]
    (path / "events.jsonl").write_text("\n".join(lines) + "\n")
    assert read_status(path).seconds == 6.0


def _train_while_it_jumps(path):
    jumps = random.Random(0)
    time.time = lambda: REAL() + jumps.choice((-DAY, 0.0, DAY))
    cli.main(["train", "--resume", str(path)])


def test_training_continues_when_the_clock_jumps(tmp_path, monkeypatch):
    monkeypatch.delenv("DTN_DATA", raising=False)
    path = training.new_run(tmp_path, steps=6)
    start = time.monotonic()
    processes.fork(_train_while_it_jumps, path).join()
    found = read_status(path)
    assert (found.status, found.step, is_alive(path)) == ("done", 6, False)
    assert found.seconds <= time.monotonic() - start
    assert found.rate > 0
    training.check_states(path)


def test_a_clock_jump_does_not_delete_guests_runs(tmp_path, clock, monkeypatch):
    ended, held = make_run(tmp_path, "00001-a"), Run.reopen(make_run(tmp_path, "00002-b"))
    held.write(Started(0, 8, "cpu"))
    for path in (ended, held.path):
        (path / "run.json").write_text('{"owner": "somebody"}')
    looks, jump = [], 3 * DAY

    def rest(seconds):
        looks.append(seconds)
        clock(jump)
        if len(looks) == 2:
            raise SystemExit

    class Now(threading.Thread):
        def start(self):
            self.run()

    monkeypatch.setattr(guest_policy.threading, "Thread", Now)
    monkeypatch.setattr(guest_policy.time, "sleep", rest)
    with pytest.raises(SystemExit):
        guest_policy.start_cleanup(TrainService(tmp_path, "all"))
    assert ended.exists()
    assert held.requests() == set()
    held.release()


def test_rates_and_live_video_have_a_clock_of_their_own(clock, drawing, hopper):
    rates, session = RateLimiter(), Session(drawing)
    answers = []
    for n, jump in enumerate((0.0, DAY, -DAY, 0.0)):
        clock(jump)
        answers.append(rates.take("starts", "somebody", 2, 3600))
        seen = session.process(hopper)
        assert n == 0 or len(seen.faces) == 1
    assert answers == [True, True, False, False]
