"""Motion from landmarks, on faces that are distorted on purpose."""

import math

import cv2
import numpy as np
import pytest

from dtn_core.faces.detect import detect
from dtn_core.faces.landmarks import FIVE, face_of, landmarks, square_around, square_of
from dtn_core.pipeline.live.motion import Baseline, Expression, EyeAppearance, MotionTracker, OneEuro, measure


@pytest.fixture(scope="module")
def points(astronaut):
    face = detect(astronaut)[0]
    return landmarks(astronaut, square_of(face))[0]


def test_landmarks_agree_with_the_detector(astronaut, points):
    face = detect(astronaut)[0]
    again = face_of(points, face.score)
    assert np.abs(again.points - face.points).max() < 0.1 * face.box.width
    assert abs(square_around(points).side / face.box.width - 1) < 0.15
    assert np.array_equal(again.points, points[list(FIVE)])


def test_landmarks_follow_a_turned_and_scaled_picture(astronaut, points):
    matrix = cv2.getRotationMatrix2D((256, 256), 20, 0.7)
    turned = cv2.warpAffine(astronaut, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    moved = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    found, patch = landmarks(turned, square_around(moved))
    assert patch.ndim == 2
    assert np.linalg.norm(found - moved, axis=1).mean() < 3
    m, n = measure(points), measure(found)
    assert n.roll == pytest.approx(m.roll - 20, abs=2)
    assert n.apart == pytest.approx(0.7 * m.apart, rel=0.05)


def test_measures(points):
    m = measure(points)
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    assert (m.x, m.y) == pytest.approx(tuple((left + right) / 2), abs=1e-3)
    assert m.apart >= np.linalg.norm(right - left) - 1e-3
    closed = points.copy()
    closed[[37, 38]] = closed[[41, 40]] - [0, 0.5]
    assert measure(closed).eyes[0] < 0.3 * m.eyes[0]
    assert measure(closed).eyes[1] == pytest.approx(m.eyes[1], rel=0.1)
    opened = points.copy()
    opened[[65, 66, 67]] += [0, 0.3 * m.apart]
    assert measure(opened).gap > m.gap + 0.2
    raised = points.copy()
    raised[17:22] -= [0, 5]
    assert measure(raised).brows[0] > m.brows[0] + 3 / m.apart
    smiling = points.copy()
    smiling[48] += [-4, -4]
    smiling[54] += [4, -4]
    assert measure(smiling).smile > m.smile + 0.1
    assert measure(smiling).width > m.width


def test_baseline_adapts_to_open_eyes_and_not_to_blinks(points):
    m, baseline = measure(points), Baseline()
    for n in range(300):
        shut = n % 60 < 4
        baseline.follow(m._replace(eyes=(0.12, 0.12) if shut else (0.25, 0.25)), 1 / 30)
    assert np.abs(baseline.eyes - 0.25).max() < 0.02
    assert min(baseline.motion(m._replace(eyes=(0.25, 0.25))).lids) > 0.9
    assert max(baseline.motion(m._replace(eyes=(0.12, 0.12))).lids) < 0.1


def test_a_lasting_smile_does_not_become_neutral(points):
    m, baseline = measure(points)._replace(smile=1.5), Baseline()
    for _ in range(100):
        baseline.follow(m, 0.1)
        baseline.learn(m, Expression(0.95, 0.1))
    assert baseline.motion(m).smile > 0.9
    neutral = m._replace(smile=1.2)
    for _ in range(20):
        baseline.learn(neutral, Expression(0.05, 0.1))
    assert baseline.motion(neutral).smile == 0.0


def test_appearance_closes_an_eye_whose_landmarks_are_open(points):
    m, baseline = measure(points), Baseline()
    baseline.eyes = np.array(m.eyes)
    assert max(baseline.motion(m, (9.0, 9.0)).lids) < 0.4
    assert min(baseline.motion(m, (9.0, 0.0)).lids) > 0.6  # a single eye isn't closed
    wide = m._replace(eyes=tuple(1.2 * e for e in m.eyes))
    assert min(baseline.motion(wide, (9.0, 9.0)).lids) > 0.9


def test_an_eye_covered_by_skin_differs_from_the_open_one(astronaut, points):
    grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    rng, eye, covered = np.random.default_rng(0), EyeAppearance(36), grey.copy()
    box = points[36:42]
    x0, x1 = int(box[:, 0].min()) - 3, int(box[:, 0].max()) + 4
    y0, y1 = int(box[:, 1].min()) - 2, int(box[:, 1].max()) + 3
    covered[y0:y1, x0:x1] = grey[y0 - 6 : y0 - 5, x0:x1]
    for _ in range(30):
        noisy = np.clip(grey + rng.normal(0, 3, grey.shape), 0, 255).astype(np.uint8)
        assert eye(noisy, points, 1 / 30) < 6
    assert eye(covered, points, 1 / 30) > 8
    for _ in range(60):  # a lasting appearance becomes the usual one
        eye(covered, points, 1 / 30)
    assert eye(covered, points, 1 / 30) < 4


def test_one_euro_is_steady_at_rest_and_quick_in_motion():
    rng = np.random.default_rng(0)
    rest = OneEuro(np.array([1.0]), np.array([12.0]))
    out = [float(rest(np.array([rng.normal(0, 0.01)]), 1 / 30)[0]) for _ in range(300)]
    assert np.std(out[60:]) < 0.006
    move = OneEuro(np.array([1.0]), np.array([12.0]))
    out = [float(move(np.array([n / 30]), 1 / 30)[0]) for n in range(60)]  # one unit a second
    assert 59 / 30 - out[-1] < 0.02  # seconds of lag


def test_roll_is_continuous_over_a_half_turn(astronaut, points):
    grey, mover = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), MotionTracker()
    centre, rolls = points.mean(0), []
    for degrees in range(150, 211, 5):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        turned = (points - centre) @ np.array([[c, s], [-s, c]]) + centre
        rolls.append(mover(grey, turned.astype(np.float32), 0.2).roll)
    steps = np.diff(np.unwrap(np.radians(rolls)))
    assert np.degrees(np.abs(steps)).max() < 12
    assert all(-180 <= roll <= 180 for roll in rolls)
