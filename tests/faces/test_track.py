"""Smoothing: a trembling face stands still, a moving one is followed, faces are not mixed up."""

import numpy as np
import pytest

from dtn_core.core.types import Box, Face
from dtn_core.faces.track import overlap, smooth


def face(x, y=100.0, side=100.0, score=1.0):
    points = np.array([(80, 30), (60, 30), (20, 30), (40, 30), (50, 60)], np.float32) * side / 100 + (x, y)
    return Face(Box(x, y, x + side, y + side), points.astype(np.float32), score)


def test_the_first_frame_is_not_smoothed():
    (only,) = smooth([face(10)], ())
    assert only.box == face(10).box


def test_a_tremble_is_damped():
    rng = np.random.default_rng(0)
    steady, raw, previous = [], [], ()
    for _ in range(60):
        seen = face(100 + rng.normal(0, 1))
        previous = smooth([seen], previous)
        raw.append(seen.box.left)
        steady.append(previous[0].box.left)
    assert np.abs(np.diff(steady)).mean() < 0.5 * np.abs(np.diff(raw)).mean()


def test_a_movement_does_not_lag():
    previous = (face(100),)
    for x in (115, 130, 145):
        previous = smooth([face(x)], previous)
        assert previous[0].box.left == pytest.approx(x)
        assert previous[0].points == pytest.approx(face(x).points)


def test_points_and_box_move_together():
    old, new = face(100), face(102)
    (blend,) = smooth([new], [old])
    assert 100 < blend.box.left < 102
    assert blend.points[0, 0] - blend.box.left == pytest.approx(80, abs=1e-3)
    assert (old.box.left, new.box.left) == (100, 102)


def test_faces_are_matched_by_place_not_by_order():
    before = [face(100), face(300, side=80)]
    after = smooth([face(302, side=80, score=2.0), face(101)], before)
    assert 300 < after[0].box.left < 302
    assert after[0].score == 2.0
    assert 100 < after[1].box.left < 101


def test_one_old_face_lends_itself_once():
    one, two = smooth([face(100), face(104)], [face(100)])
    assert one.box.left == 100
    assert two.box.left == 104


def test_overlap():
    assert overlap(Box(0, 0, 2, 2), Box(0, 0, 2, 2)) == 1
    assert overlap(Box(0, 0, 2, 2), Box(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 1, 1), Box(5, 5, 6, 6)) == 0
