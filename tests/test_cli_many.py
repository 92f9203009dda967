"""Many pictures by ``python -m dtn_core emojify``: several at a time, out of zips, and stopped by Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image as PILImage

from dtn_core.data import folders

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def portrait(hopper_path, tmp_path_factory):
    """A small portrait's bytes."""
    path = tmp_path_factory.mktemp("small") / "a.jpg"
    PILImage.open(hopper_path).resize((192, 225)).save(path)
    return path.read_bytes()


@pytest.fixture
def album(portrait, tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    for i in range(8):
        (folder / f"{i}.jpg").write_bytes(b"text" if i in (0, 5) else portrait)
    return folder


def packed(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in entries.items():
            pack.writestr(name, data)
    return path


def test_several_at_a_time_are_reported_in_order(emojify_json, album, tmp_path):
    one, several = (emojify_json(album, "-o", tmp_path / f"out{n}", "--jobs", n) for n in (1, 3))
    assert one[0] == several[0] == 2
    assert [Path(r["input"]).name for r in several[1]["inputs"]] == [f"{i}.jpg" for i in range(8)]
    for a, b in zip(one[1]["inputs"], several[1]["inputs"]):
        assert (a["error"], a["faces"]) == (b["error"], b["faces"])
    for path in (tmp_path / "out1").iterdir():
        assert (tmp_path / "out3" / path.name).read_bytes() == path.read_bytes()
    assert several[2][-1] == "6 of 8 pictures done, 2 failed"


@pytest.mark.parametrize("jobs", [0, -1, 65])
def test_a_number_of_jobs_that_makes_no_sense(emojify_json, album, jobs, tmp_path):
    code, report, err = emojify_json(album, "-o", tmp_path / "out", "--jobs", jobs)
    assert (code, len(err)) == (2, 1)
    assert report["error"] == f"--jobs must lie between 1 and 64, not {jobs}."


def test_a_zip_is_read_where_it_lies(emojify_json, portrait, tmp_path):
    inner = packed(tmp_path / "inner.zip", {"x.jpg": portrait}).read_bytes()
    entries = {"b/two.JPG": portrait, "a/one.png": portrait, "notes.txt": b"text", "inner.zip": inner}
    path = packed(tmp_path / "photos.zip", entries | {"__MACOSX/._one.jpg": b"x", "../up.jpg": portrait})
    code, report, err = emojify_json(path, "-o", tmp_path / "out", "--jobs", 2)
    assert code == 0
    assert [r["input"] for r in report["inputs"]] == [str(path / "a/one.png"), str(path / "b/two.JPG")]
    files = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert files == ["a/one.png", "b/two.png"]
    assert not (tmp_path / "up.png").exists()
    assert f"{path}: 2 files are no pictures, left out" in err


def encrypted(path):
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    return path


def test_bad_zips_are_reported_and_the_others_are_read(emojify_json, portrait, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MAX_BYTES", 100_000)
    text = tmp_path / "text.zip"
    text.write_bytes(b"text")
    bad = {
        text: "a damaged zip, or none at all",
        encrypted(packed(tmp_path / "locked.zip", {"a.jpg": portrait})): "locked with a password",
        packed(tmp_path / "empty.zip", {"a.txt": b"a"}): "no pictures in this zip",
        packed(tmp_path / "bomb.zip", {"a.jpg": bytes(200_000)}): "larger than",
        packed(tmp_path / "broken.zip", {"b.jpg": b"text"}): "not a picture",
        tmp_path / "missing.zip": "no such file",
    }
    good = packed(tmp_path / "good.zip", {"good.jpg": portrait})
    code, report, err = emojify_json(*bad, good, "-o", tmp_path / "out")
    assert (code, report["failed"]) == (2, len(bad))
    errors = [line for line in err if line.startswith("error: ")]
    assert len(errors) == len(bad)
    for (path, words), record in zip(bad.items(), report["inputs"]):
        assert words in record["error"]
        assert record["error"].startswith(str(path))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["good.png"]


def test_a_zip_needs_a_folder(emojify_json, portrait, tmp_path):
    code, report, _ = emojify_json(packed(tmp_path / "a.zip", {"a.jpg": portrait}), "-o", tmp_path / "a.png")
    assert code == 2
    assert "-o FOLDER" in report["error"]


def start(album, out, checkpoint, **options):
    line = [sys.executable, "-m", "dtn_core", "emojify", album, "-o", out, "--checkpoint", checkpoint]
    line += ["--device", "cpu", "--jobs", "2", "--json"]
    return subprocess.Popen([str(part) for part in line], cwd=ROOT, stdout=subprocess.PIPE, text=True, **options)


def test_ctrl_c_keeps_what_is_done(portrait, drawing_checkpoint, tmp_path):
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    for i in range(300):
        (album / f"{i:03d}.jpg").write_bytes(portrait)
    process = start(album, out, drawing_checkpoint, stderr=subprocess.PIPE)
    while not list(out.glob("*.png")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    report, err = process.communicate(timeout=60)
    assert process.returncode == 130
    done = sorted(path.stem for path in out.iterdir())
    assert 0 < len(done) < 300
    assert err.splitlines()[-1] == f"stopped: {len(done)} of 300 pictures done"
    assert "Traceback" not in err
    assert [Path(record["input"]).stem for record in json.loads(report)["inputs"]] == done
    assert all(PILImage.open(out / f"{stem}.png").size == (512, 512) for stem in done)


def test_a_terminal_shows_progress(album, drawing_checkpoint, tmp_path):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = start(album, tmp_path / "out", drawing_checkpoint, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # Linux's way to say that the other side is closed
        pass
    os.close(ours)
    process.communicate(timeout=60)
    assert b"/8 " in shown
    assert b"6 of 8 pictures done, 2 failed" in shown
