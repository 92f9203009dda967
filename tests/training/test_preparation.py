"""What happens before the first step: progress, and a stop that does not wait for it."""

from dataclasses import replace

import pytest

from dtn_core import training
from dtn_core.config import PRESETS
from dtn_core.core.progress import track
from dtn_core.training.events import Prepared, Stamped, Started, encode
from dtn_core.training.runs.status import read_status
from dtn_core.training.runs.store import Run
from dtn_core.ui.tabs.train import views

TINY = replace(PRESETS["upscaler-tiny"], device="cpu")


@pytest.fixture
def always(monkeypatch):
    """Progress is written after every item."""
    monkeypatch.setattr(training, "PREPARATION_INTERVAL", 0)


def test_the_share_done_is_shown_until_the_first_step(tmp_path, always):
    run = Run.create(tmp_path, "x", TINY, None)
    with training.prepare(run):
        next(iter(track([1, 2, 3, 4], "drawing avatars")))
        assert read_status(run.path).preparation is None
        list(track([1, 2], "drawing avatars"))[:1]
    status = read_status(run.path)
    assert (status.status, status.preparation) == ("starting", ("drawing avatars", 1.0))
    shown = views.status(status)
    assert "<dt>Preparing data</dt><dd>100%</dd>" in shown
    assert "Preparing data: drawing avatars" in shown
    run.write(Started(0, 8, "cpu"))
    status = read_status(run.path)
    assert (status.status, status.preparation) == ("running", None)
    assert "Preparing data" not in views.status(status)


def test_a_run_is_stopped_before_its_first_step(tmp_path, always, monkeypatch):
    monkeypatch.setattr(Run, "requests", lambda self: {"stop"})
    path, exported = training.run_training(TINY, "x", tmp_path, None)
    assert exported is None
    assert read_status(path).status == "stopped"
    monkeypatch.undo()
    path, exported = training.run_training(None, "", tmp_path, None, resume=path)
    assert exported == path / "export"


def test_a_resumed_run_that_is_stopped_meanwhile_keeps_its_status(tmp_path, always, monkeypatch):
    path, _ = training.run_training(TINY, "x", tmp_path, None)
    assert read_status(path).status == "done"
    monkeypatch.setattr(Run, "requests", lambda self: {"stop"})
    training.run_training(None, "", tmp_path, None, resume=path)
    status = read_status(path)
    assert status.status == "done"
    assert status.messages[-1][1] == "Not resumed: it was stopped before its first step"


def test_progress_is_an_event_that_is_read_back():
    from dtn_core.training.events import decode

    stamped = Stamped(Prepared("computing f(s)", 0.371), 9.0)
    assert decode(encode(stamped)) == stamped
