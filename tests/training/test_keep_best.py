"""keep="best": what is exported is the step of the lowest figure, also over a break."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from dtn_core.config import PRESETS
from dtn_core.training.events import Finished, Noted, Saved, Started, read
from dtn_core.training.loop import train
from dtn_core.training.runs.store import Run


class Scripted:
    """A stage whose weight is the step, and whose figure at a step is given beforehand."""

    device, batch = "cpu", 1

    def __init__(self, figures, figure="const"):
        self.figures, self.figure = figures, figure
        self.weight, self.exported, self.stop_after = torch.zeros(1), [], None

    def step(self, step):
        assert step == self.weight.item() + 1
        self.weight += 1
        return {"loss": torch.zeros(())}

    def samples(self):
        return np.zeros((4, 4, 3), np.uint8)

    def validate(self):
        return {"const": self.figures[int(self.weight)], "other": -float(self.weight)}

    def state(self):
        return {"weight": self.weight}

    def load_state(self, state):
        self.weight = state["weight"].clone()

    def export(self, directory, step):
        self.exported.append((step, int(self.weight)))
        return directory


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path, "x", replace(PRESETS["digits-tiny"], keep="best"))


def go(stage, run, **changes):
    config = replace(run.config, **{"steps": 6, "log_every": 1, "sample_every": 100, "save_every": 1, **changes})
    train(stage, run, config, Accelerator(cpu=True))
    return stage.exported[-1]


def events_of(run, kind):
    return [s.event for s in read(run.path / "events.jsonl")[0] if isinstance(s.event, kind)]


@pytest.mark.parametrize(
    ("figures", "best"),
    [
        ([9, 5, 3, 4, 5, 4, 7], 5),
        ([9, 5, 3, 4, 5, 6, 1], 6),
        ([9, 1, 1, 1, 5, 6, 7], 4),  # the first half doesn't count
        ([9, 3, 3, 3, 3, 3, 3], 4),  # of equals the first
        ([9, 3, 1, 1, 2, 0, 4], 5),
        ([9, 3, 1, 1, 2, -2, 0], 5),
    ],
)
def test_the_step_of_the_lowest_figure_is_exported(run, figures, best):
    assert go(Scripted(figures), run) == (best, best)
    assert events_of(run, Finished) == [Finished(best, "done")]
    assert run.load_state()["step"] == 6


def test_a_figure_may_be_better_the_higher(run):
    assert go(Scripted([0, 9, 9, 9, 2, 4, 3], figure="-const"), run) == (5, 5)


def test_patience_ends_early_and_keeps_the_best(run):
    stage = Scripted([9, 9, 9, 9, 9, 4, 5, 6, 7, 8, 9])
    assert go(stage, run, steps=10, patience=2) == (6, 7) or stage.exported[-1] == (6, 6)
    assert events_of(run, Finished) == [Finished(6, "early")]


def test_only_steps_that_are_saved_can_be_best(run):
    assert go(Scripted([9, 1, 5, 1, 4, 1, 6]), run, save_every=2) == (4, 4)  # not 5
    assert [event.step for event in events_of(run, Saved)] == [2, 4, 6]


def test_keep_last_exports_the_last(run):
    assert go(Scripted([9, 1, 2, 3, 4, 5, 6]), run, keep="last") == (6, 6)
    assert not (run.path / "checkpoints" / "best.safetensors").exists()


def stopped_after(run, figures, step):
    stage = Scripted(figures)
    original = stage.step

    def until(at):
        if at == step:
            (run.path / "control" / "stop").touch()
        return original(at)

    stage.step = until
    exported = go(stage, run)
    (run.path / "control" / "stop").unlink()
    return exported


@pytest.mark.parametrize(("later", "best"), [([5, 6], 4), ([2, 6], 5), ([4, 4], 4)])
def test_a_resumed_run_remembers_the_best(run, later, best):
    figures = [9, 5, 3, 4, 4, *later]
    assert stopped_after(run, figures, 4) == (4, 4)  # the best so far, for those who want to look
    resumed = Scripted(figures)
    assert go(resumed, run) == (best, best)
    assert [event.step for event in events_of(run, Started)] == [0, 4]  # it goes on from the last, not from the best
    assert [event.why for event in events_of(run, Finished)] == ["stopped", "done"]


def test_a_finished_run_that_is_resumed_exports_the_same(run):
    figures = [9, 5, 3, 4, 5, 4, 7]
    go(Scripted(figures), run)
    assert go(Scripted(figures), run) == (5, 5)


@pytest.fixture
def full(monkeypatch):
    """A disk that is full when states of these names and steps are written."""

    def make(*refused):
        original = Run.save_state

        def save_state(self, state, name="last"):
            if (name, state["step"]) in refused:
                raise OSError("no space left")
            original(self, state, name)

        monkeypatch.setattr(Run, "save_state", save_state)

    return make


@pytest.mark.parametrize(
    ("refused", "exported"),
    [
        ([("best", 4), ("best", 5)], 6),  # none could be kept: the last
        ([("best", 5)], 4),  # the best of those on disk
        ([("best", 4)], 5),
        ([("last", 5)], 5),  # the best one was written
        ([("last", 4), ("best", 5)], 4),
    ],
)
def test_the_best_is_the_best_that_could_be_written(run, full, refused, exported):
    full(*refused)
    figures = [9, 9, 9, 9, 4, 3, 7]
    assert go(Scripted(figures), run) == (exported, exported)
    assert events_of(run, Finished) == [Finished(exported, "done")]
    assert len([e for e in events_of(run, Noted) if "couldn't be saved" in e.message]) == len(
        {step for _, step in refused}
    )
    assert go(Scripted(figures), run) == (exported, exported)  # resumed


def test_a_best_that_was_not_written_is_not_remembered_over_a_break(run, full):
    full(("best", 4))
    assert stopped_after(run, [9, 9, 9, 9, 1, 3, 2], 5) == (5, 5)
    assert run.load_state()["best_step"] == 5
    assert go(Scripted([9, 9, 9, 9, 1, 3, 2]), run) == (6, 6)


def test_a_run_without_its_best_state_exports_its_last(run):
    figures = [9, 9, 9, 9, 4, 3, 7]
    go(Scripted(figures), run)
    (run.path / "checkpoints" / "best.safetensors").unlink()
    assert go(Scripted(figures), run) == (6, 6)
