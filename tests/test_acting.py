"""Marked sequences: what the truth says is what the frames show."""

import numpy as np
import pytest

from benchmarks import acting, scripts
from benchmarks.acting import TRIPOD, perform, perform_together
from benchmarks.scripts import still


@pytest.fixture(scope="module")
def collins():
    return acting.free("test")


def pose(portrait, **usual):
    frame, truth = next(perform(portrait, still(0.1, **usual), camera=TRIPOD))
    points = acting.landmarks(frame)
    return points, truth


def apart(points, first, second):
    return float(np.linalg.norm(points[first].mean(0) - points[second].mean(0)))


@pytest.mark.parametrize(
    "usual",
    [
        {},
        {"x": 0.4, "y": 0.55, "apart": 60.0, "roll": 15.0},
        {"yaw": 0.7},
        {"yaw": -0.7, "roll": -10.0, "smile": 1.0, "open": 0.5},
    ],
)
def test_the_eyes_match_the_ground_truth(collins, usual):
    points, truth = pose(collins, **usual)
    eyes = points[36:42].mean(0), points[42:48].mean(0)
    assert np.hypot(*((eyes[0] + eyes[1]) / 2 - (truth.x, truth.y))) < 0.03 * truth.apart
    across, down = eyes[1] - eyes[0]
    assert np.degrees(np.arctan2(down, across)) == pytest.approx(truth.roll, abs=2.5)
    assert np.hypot(across, down) == pytest.approx(truth.apart, rel=0.06)
    assert truth.roll == pytest.approx(usual.get("roll", 0.0))
    assert truth.who == "Eileen Collins"


def test_turning_right_moves_the_nose_right(collins):
    ahead, turned = pose(collins)[0], pose(collins, yaw=0.7)[0]
    assert (turned[30] - turned[36:48].mean(0))[0] > (ahead[30] - ahead[36:48].mean(0))[0] + 5


def test_features_follow_their_parameters(collins):
    plain = pose(collins)[0]
    opened, smiling = pose(collins, open=1.0)[0], pose(collins, smile=1.0)[0]
    assert apart(opened, [61, 62, 63], [67, 66, 65]) > apart(plain, [61, 62, 63], [67, 66, 65]) + 15
    assert apart(smiling, [48], [54]) > apart(plain, [48], [54]) + 8
    raised = pose(collins, **{"brow left": 1.0})[0]
    assert plain[17:22, 1].mean() - raised[17:22, 1].mean() > 4
    assert abs(plain[22:27, 1].mean() - raised[22:27, 1].mean()) < 2


def test_a_closed_eye_is_covered_by_skin(collins):
    """The white and the dark of an eye are gone, of the one that is closed alone."""
    (open_, _), (shut, truth) = (
        next(perform(collins, still(0.1, **{"lid left": lid}), camera=acting.Camera(0, 0, 0, 0))) for lid in (1.0, 0.0)
    )
    assert truth.lids == (0.0, 1.0)
    points = acting.landmarks(open_)

    def pupil(frame, eye):
        x, y = np.rint(points[eye].mean(0)).astype(int)
        return float(frame[y - 2 : y + 3, x - 2 : x + 3].mean())

    left, right = range(36, 42), range(42, 48)
    assert pupil(shut, left) > pupil(open_, left) + 30
    assert pupil(shut, right) == pupil(open_, right)


def test_same_seed_same_frames_and_noise_without_motion(collins):
    def run(seed):
        return [frame for frame, _ in perform(collins, still(0.1), fps=30, seed=seed, camera=TRIPOD)]

    one, again, other = run(0), run(0), run(1)
    assert len(one) == 3
    assert all(np.array_equal(a, b) for a, b in zip(one, again))
    assert not np.array_equal(one[0], other[0])
    spread = np.std(np.stack(one).astype(float), 0).mean()
    assert 0.5 < spread < 4


def test_blinks_take_as_long_as_blinks_do():
    script = scripts.blinking(30, seed=3)
    keys = script.keys["lid left"]
    starts = [t for (t, v), (_, after) in zip(keys, keys[1:]) if v == 1 and after == 0]
    assert len(starts) > 6
    for start in starts:
        assert script.at(start)["lid left"] == 1
        assert min(script.at(start + t)["lid left"] for t in np.arange(0, 0.3, 0.005)) == 0
        assert script.at(start + 0.3)["lid left"] == pytest.approx(1)


def test_order_of_several_people(collins):
    cast = [(collins, script) for script in scripts.together(3, 2.0, cross=True)]
    frames = list(perform_together(cast, fps=5))
    assert len(frames) == 10
    for frame, truths in frames:
        assert frame.shape == (480, 640, 3)
        assert [truth.x for truth in truths] == sorted(truth.x for truth in truths)


def test_glasses_are_put_on_and_taken_off(collins):
    worn = [truth.glasses for _, truth in perform(collins, scripts.glasses(3, on=1, off=2), fps=10)]
    assert (sum(worn[:10]), sum(worn[11:20]), sum(worn[21:])) == (0, 9, 0)


def test_sheets_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DTN_DATA", raising=False)
    assert acting.main(["-o", str(tmp_path), "--part", "test"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"Eileen Collins.png", "four.png"}


def test_parts_have_different_people(data_folder):
    parts = [{one.name for one in acting.lfw(data_folder, part, 2)} for part in acting.PARTS]
    assert len(parts[0] | parts[1]) == 4
