"""Videos by ``python -m dtn_core emojify``."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from made_videos import moved, video, watched
from PIL import Image as PILImage

from dtn_core.avatars.parameters import Parameters
from dtn_core.core.images import load

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def data(hopper):
    return video(moved(hopper, 6))


@pytest.fixture
def clip(data, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    return path


def test_a_video_is_redrawn_with_its_sound(emojify_json, clip, tmp_path):
    code, report, lines = emojify_json(clip, "-o", tmp_path / "out.mp4")
    assert (code, report["mode"], report["kind"], report["failed"]) == (0, "paste", "drawn", 0)
    (one,) = report["inputs"]
    assert one["outputs"] == [str(tmp_path / "out.mp4")]
    wanted = {"mode": "paste", "frames": 6, "seconds": 0.24, "with_faces": 6, "sound": "copied"}
    wanted |= {"damaged": 0, "hdr": ""}
    assert one["video"] == wanted | {"width": 320, "height": 240}
    assert one["ms"]["total"] > one["ms"]["frame"] > 0
    assert Parameters.from_dict(one["faces"][0]["parameters"]).style == "avataaars"
    assert lines == [f"{clip} -> {tmp_path / 'out.mp4'} (6 frames, 0.2 s, sound kept)"]
    frames, _, codec, *_ = watched((tmp_path / "out.mp4").read_bytes())
    assert frames.shape == (6, 240, 320, 3)
    assert codec == "aac"


def test_avatar_only_on_a_green_background(emojify_json, clip, tmp_path):
    code, report, _ = emojify_json(clip, "-o", tmp_path / "out.mp4", "--background", "00b140", "--size", 64)
    assert (code, report["mode"]) == (0, "alone")
    frames = watched((tmp_path / "out.mp4").read_bytes())[0]
    assert frames.shape == (6, 64, 64, 3)
    assert np.abs(frames[0][:4, :4].astype(int) - (0, 177, 64)).mean() < 8


def test_a_background_of_pictures(emojify_json, hopper_path, tmp_path):
    emojify_json(hopper_path, "-o", tmp_path / "drawn.png", "--background", "00b140")
    assert load(tmp_path / "drawn.png")[0, 0].tolist() == [0, 177, 64]
    emojify_json(hopper_path, "-o", tmp_path / "painted.png", "--background", "00b140", "--painted")
    assert PILImage.open(tmp_path / "painted.png").mode == "RGB"


def test_painted_beside(emojify_json, clip, tmp_path):
    code, report, _ = emojify_json(clip, "-o", tmp_path / "out.mp4", "--painted", "--mode", "beside")
    assert (code, report["kind"]) == (0, "painted")
    assert report["inputs"][0]["faces"] == []
    assert watched((tmp_path / "out.mp4").read_bytes())[0].shape == (6, 240, 560, 3)


def test_a_folder_of_pictures_and_videos(emojify_json, data, hopper_path, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.MOV").write_bytes(data)
    (folder / "b.jpg").write_bytes(hopper_path.read_bytes())
    (folder / "c.mp4").write_bytes(b"no video")
    parameters = tmp_path / "avatars.json"
    code, report, lines = emojify_json(folder, "-o", tmp_path / "out", "--parameters", parameters, "--jobs", 2)
    assert code == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mp4", "b.png"]
    assert "2 of 3 files done, 1 failed" in lines
    assert [one["error"] is None for one in report["inputs"]] == [True, True, False]
    assert len(json.loads(parameters.read_text())) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["clip.mp4", "-o", "out.png"], "a video is written as MP4"),
        (["clip.mp4", "-o", "out.webm"], "Use .png or .jpg, .mp4 for a video"),
        (["a.jpg", "-o", "out.mp4"], "is no video"),
        (["clip.mp4", "-o", "clip.mp4"], "the output would overwrite it"),
        (["clip.mp4", "-o", "out.mp4", "--background", "blue"], "--background is written RRGGBB"),
        (["clip.mp4", "-o", "out.mp4", "--background", "00b140", "--mode", "paste"], "Leave out --mode paste"),
        (["none.mp4", "-o", "out.mp4"], "no such file"),
        (["sound.mp4", "-o", "out.mp4"], "not a video that can be read"),
        (["blank.mp4", "-o", "out.mp4"], "no face found"),
    ],
)
def test_refused_input_is_reported_in_one_line(
    emojify_json, clip, hopper_path, tmp_path, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    Path("a.jpg").write_bytes(hopper_path.read_bytes())
    Path("sound.mp4").write_bytes(b"RIFF0000" * 99)
    Path("blank.mp4").write_bytes(video([np.full((64, 64, 3), 90, np.uint8)] * 3))
    before, data = sorted(os.listdir()), clip.read_bytes()
    code, report, lines = emojify_json(*arguments)
    assert code == 2
    assert words in (report.get("error") or report["inputs"][0]["error"])
    assert len(lines) == 1
    assert sorted(os.listdir()) == before
    assert clip.read_bytes() == data


def test_progress_and_ctrl_c(hopper, drawing_checkpoint, tmp_path):
    """On a terminal: how far it is; stopped at once, nothing half-written."""
    (tmp_path / "long.mp4").write_bytes(video([*moved(hopper, 25)] * 200, rate=25, sound=None))
    mine, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    line = ["emojify", "long.mp4", "-o", "out.mp4", "--checkpoint", str(drawing_checkpoint), "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dtn_core", *line],
        cwd=tmp_path,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 120
    while b"frames" not in shown and time.monotonic() < deadline:
        shown += os.read(mine, 4096)
    assert b"long.mp4" in shown
    assert b"/200.0 s" in shown
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    os.close(mine)
    assert os.listdir(tmp_path) == ["long.mp4"]
