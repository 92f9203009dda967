"""Many people at once, in short: all are served alike, what they took is given back, and who comes when all is full is
told so."""

from __future__ import annotations

import pytest
from serving import serve

from benchmarks.running import rss

from . import load
from .crowd import fairness

pytestmark = pytest.mark.reliability


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serve("emoji", tmp_path_factory.mktemp("home"), "--training", "all") as app:
        yield app


def test_a_crowd_is_served_and_leaves_nothing_behind(server):
    people = {"live": 4, "photos": 1, "watchers": 1}
    report = load.measure(server, 0.2, people, quiet=18, stay=4, habits=("stays", "leaves", "vanishes"))
    assert [line for line in load.wrong(report) if "memory" not in line] == []
    assert report["after"]["rss"] < report["before"]["rss"] + 300
    assert report["fairness"] > 0.6
    assert [viewer["visits"] > 1 for viewer in report["viewers"]] == [False, True, True, False]
    assert all(report["waits"][kind]["answers"] > 0 for kind in ("live", "photos", "watches"))
    assert report["during"]["children"] == 1, "no training ran"
    assert report["during"]["sockets"] > report["after"]["sockets"]


def test_callers_are_not_remembered_with_the_whole_page(server):
    before = rss(server.pid)
    load.greet(server, 100)
    assert rss(server.pid) < before + 20


def test_a_full_queue_is_reported(server):
    answers = load.fill_queue(server, 130)
    assert answers.keys() == {"taken", "busy"}
    assert answers["taken"] >= 100


def test_too_many_batches_are_refused_without_blocking_others(server):
    answers = load.fill_batch(server, 40)
    assert answers.keys() == {"taken", "busy"}


def test_fairness_is_jains():
    assert fairness([3, 3, 3]) == pytest.approx(1)
    assert fairness([5, 0, 0, 0]) == pytest.approx(0.25)
    assert fairness([]) == 0


def test_retention_is_documented():
    held = load.Held(500, 6, 0, 6, 5)._asdict()
    good = {"errors": {}, "before": held, "after": held, "rss_mb": [[60 * i, 500 + i] for i in range(9)]}
    assert load.wrong(good) == []
    for name in load.Held._fields[1:]:
        assert load.wrong(good | {"after": held | {name: 9}}) == [f"{name}: {held[name]} before, 9 after"]
    assert len(load.wrong(good | {"errors": {"x": 2}, "rss_mb": [[60 * i, 500 + 9 * i] for i in range(9)]})) == 2
