"""Proportions of the face, measured in the parser's parts."""

import numpy as np
import pytest

from dtn_core.avatars.proportions import measure_proportions
from dtn_core.networks.parser import PARTS


def parts(width=40, brow=20, eyes=6):
    p = np.zeros((1, len(PARTS), 80, 80), np.float32)

    def put(name, top, bottom, left, right):
        p[:, :, top:bottom, left:right] = 0
        p[:, PARTS.index(name), top:bottom, left:right] = 1

    put("skin", 20, 75, 40 - width // 2, 40 + width // 2)
    put("brows", brow, brow + 4, 25, 55)
    put("eyes", 40, 40 + eyes, 28, 52)
    put("mouth", 60, 64, 32, 48)
    return p


def test_lengths_and_areas_are_measured():
    plain = {name: value[0] for name, value in measure_proportions(parts()).items()}
    assert plain["face_width"] == pytest.approx(0.5, abs=0.01)
    assert plain["brow_height"] == pytest.approx((43 - 22) / 80, abs=0.01)
    assert plain["brow_thickness"] == pytest.approx(4 * 30 / 6400, abs=1e-4)
    assert plain["eye_size"] == pytest.approx(6 * 24 / 6400, abs=1e-4)
    assert measure_proportions(parts(width=60))["face_width"] == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(
    ("hidden", "unknown"),
    [
        ("mouth", {"face_width"}),
        ("eyes", {"brow_height", "eye_size"}),
        ("brows", {"brow_height", "brow_thickness"}),
    ],
)
def test_what_is_hidden_is_not_measured(hidden, unknown):
    p = parts()
    p[:, PARTS.index(hidden)] = 0
    assert {name for name, value in measure_proportions(p).items() if np.isnan(value[0])} == unknown
