"""kill -9: of a training at random moments, of every writer at every step of its way."""

from __future__ import annotations

import pytest

from .faults import training, writes

pytestmark = pytest.mark.reliability


def test_a_training_killed_at_random_loses_nothing_it_told(tmp_path):
    found = training.tried(4, tmp_path, training.Forked(), steps=14)
    assert found["kills"] == 4
    assert found["runs"] >= 1


@pytest.mark.parametrize("name", writes.WRITERS)
def test_a_writer_killed_anywhere_leaves_the_old_or_the_new(name, tmp_path):
    assert writes.tried(name, tmp_path, every=2)["kills"] >= 4
