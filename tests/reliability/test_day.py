"""Live frames for long, in short: people come, go and come back, and memory is flat."""

from __future__ import annotations

import pytest

from . import day

pytestmark = pytest.mark.reliability


def test_many_frames_are_answered_and_leave_nothing(drawing):
    *_, report = day.feed(drawing, 200, longest=2.5, seconds=2, looks=2)
    assert len(report["shown"]) == 5
    assert [line for line in day.wrong(report) if "memory" not in line] == []
    assert report["grows_mb"] < 100


def test_growing_metrics_are_reported():
    good = {"errors": 0, "faces": 3, "avatars": 1, "left": 1, "grows_mb_an_hour": 0.0}
    assert day.wrong(good) == []
    for change in ({"errors": 1}, {"faces": 0}, {"left": 0}, {"grows_mb_an_hour": 50.0}):
        assert len(day.wrong(good | change)) == 1
