"""Two apps on one folder of runs."""

from __future__ import annotations

import pytest

from dtn_core.core.errors import UserError
from dtn_core.training.runs import launcher
from dtn_core.training.runs.store import Run

from .faults import together, training

pytestmark = pytest.mark.reliability


def test_two_apps_never_train_a_run_twice_nor_break_one(tmp_path):
    found = together.tried(120, tmp_path / "runs")
    assert found["trainings"] >= 5
    assert found["refused"] >= 5


def test_the_second_process_learns_who_holds_the_lock(tmp_path):
    path = training.new_run(tmp_path)
    held = Run.reopen(path)
    with pytest.raises(UserError, match=rf"is being trained by process {launcher.os.getpid()}\. Stop that first\.$"):
        launcher.resume(path)
    with pytest.raises(UserError, match="is running. Stop it first"):
        launcher.delete(path)
    held.release()
    launcher.delete(path)
