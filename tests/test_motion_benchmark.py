"""The benchmark of motion: what counts as a blink found, a delay, a lag; and a short run gives the named figures."""

import json

import numpy as np
import pytest

from benchmarks import motion, motion_report
from benchmarks.acting import Truth
from benchmarks.motion import Seconds, Take
from dtn_core.pipeline.live.motion import Motion
from dtn_core.pipeline.live.session import TrackedFace

N = 120


def take(truths, motions):
    """A take of which every frame was told."""
    plain = Truth("", 100.0, 100.0, 64.0, 0.0, 0.0, (1.0, 1.0), (0.0, 0.0), 0.0, 0.0, 0.0, False)
    truth = [plain._replace(**one) for one in truths]
    seen = [TrackedFace(1, Motion(100.0, 100.0, 64.0)._replace(**one), None, None) for one in motions]
    return Take(truth, seen, np.arange(len(truth)), len(truth))


def shut(*spans):
    return [{"lids": (0.0 if any(a <= i < b for a, b in spans) else 1.0, 1.0)} for i in range(N)]


@pytest.mark.parametrize(
    ("result", "found", "false", "delays"),
    [
        ([(80, 84)], 1, 0, [0]),
        ([(82, 85)], 1, 0, [2]),
        ([(79, 81)], 1, 0, [0]),
        ([], 0, 0, []),
        ([(100, 103)], 0, 1, []),
        ([(81, 82), (83, 86), (100, 101)], 1, 1, [1]),
        ([(40, 44)], 0, 0, []),  # while the neutral face is learnt
    ],
)
def test_blinks(result, found, false, delays):
    made = motion.blinks(take(shut((80, 84)), shut(*result)))
    assert (made["blinks"], made["found"], made["false"], made["delays"]) == (1, found, false, delays)


def test_onsets_of_an_expression():
    acted = [{"open": 1.0 if 70 <= i < 90 else 0.0} for i in range(N)]
    result = [{"open": 0.8 if 73 <= i < 90 else 0.1} for i in range(N)]
    made = motion.expression(take(acted, result), "open")
    assert (made["onsets"], made["missed"], made["delays"]) == (1, 0, [3])
    figures = motion_report.expression_figures([made], 0.25)
    assert figures["right_at_rest"] == 1
    assert figures["right_in_it"] == pytest.approx(17 / 20)
    assert figures["found"] == 1


def test_lag_and_error_of_place():
    x = 100 + 30 * np.sin(np.arange(N) / 9)
    acted = [{"x": v} for v in x]
    result = [{"x": v + 1.0} for v in np.interp(np.arange(N) - 1.5, np.arange(N), x)]
    assert motion.lag(np.array([a["x"] for a in acted]), np.array([t["x"] for t in result])) == pytest.approx(50, abs=5)
    still = motion.place(take([{}] * N, [{"x": 103.0, "y": 104.0}] * N))
    assert still["error"] == pytest.approx(5.0)


def test_a_steady_face_has_no_noise():
    assert motion.noise(take([{}] * N, [{}] * N))["place"] == 0


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(motion, "QUICK", Seconds(3, 4, 4, 5, 3))
    monkeypatch.setattr(motion, "GLASSES", (3.0, 4.0, 5.0))
    monkeypatch.setattr(motion, "CUT", 1.5)
    monkeypatch.setattr(motion, "FPS", 10)
    monkeypatch.setattr(motion, "WARM", 20)


def test_a_short_run_gives_all_figures(brief, drawing_checkpoint, data_folder, tmp_path, capsys):
    path = tmp_path / "motion.json"
    options = ["--data", str(data_folder), "--checkpoint", str(drawing_checkpoint), "--quick", "-o", str(path)]
    assert motion.main(options) == 0
    report = json.loads(path.read_text())
    assert (report["part"], report["n"], list(report["portraits"])) == ("test", 2, ["Eileen Collins", "LFW 1"])
    overall = report["overall"]
    assert overall["blinks"]["n"] > 0
    assert overall["moving"]["followed"] > 0.9
    assert overall["still"]["noise_px"] < 3
    assert set(overall["glasses"]) == {"n", "on", "off"}
    assert set(report["identity"]) == {"seconds", "changes", "ids", "cuts", "together"}
    assert report["identity"]["ids"] == {"still": 1, "moving": 1}
    assert [group["people"] for group in report["identity"]["together"]] == [2]
    assert motion_report.table(report) in capsys.readouterr().out


@pytest.mark.parametrize("options", [["-n", "-1"], ["--checkpoint", "nowhere"], ["--data", "nowhere"]])
def test_invalid_input_is_reported_in_one_line(options, capsys):
    assert motion.main(options) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
