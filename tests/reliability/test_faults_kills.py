"""kill -9: of a training and of a video's export at random moments, of every writer at every step of its way."""

from __future__ import annotations

import pytest
from made_videos import moved, video

from .faults import training, videos, writes

pytestmark = pytest.mark.reliability


def test_a_training_killed_at_random_loses_no_reported_step(tmp_path):
    found = training.tried(3, tmp_path, training.Forked(), steps=10)
    assert found["kills"] == 3
    assert found["runs"] >= 1


@pytest.mark.parametrize("name", writes.WRITERS)
def test_a_writer_killed_anywhere_leaves_the_old_or_the_new(name, tmp_path):
    assert writes.tried(name, tmp_path, every=2)["kills"] >= 4


def test_a_video_killed_at_random_is_complete_or_absent(tmp_path, hopper):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(video(moved(hopper, 6)))
    found = videos.tried(3, clip, tmp_path / "out")
    assert found["kills"] == 3
    assert found["over a file"] >= 1
