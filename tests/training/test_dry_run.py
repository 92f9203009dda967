"""A look before a training starts."""

import json
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest
from made_cartoons import write_cartoons
from PIL import Image

from dtn_core import cli
from dtn_core.config import PRESETS, to_dict
from dtn_core.core.errors import UserError
from dtn_core.training import dry_run


def pictures(folder, count, side=40, seed=0):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        picture = np.full((side, side, 3), rng.integers(0, 256, 3), np.uint8)
        colour = rng.integers(0, 256, 3).tolist()
        cv2.circle(picture, (side // 2, side // 2), int(rng.integers(4, side // 2)), colour, -1)
        Image.fromarray(picture).save(folder / f"{i:03d}.png")
    return folder


@pytest.fixture
def own(tmp_path):
    s, t = pictures(tmp_path / "s", 24), pictures(tmp_path / "t", 20, seed=1)
    (s / "notes.txt").write_text("not a picture")
    return replace(PRESETS["folders-tiny"], s=str(s), t=str(t), encoder="digits")


def test_own_folders_are_counted_shown_and_timed_and_nothing_is_left_behind(own, tmp_path):
    found = dry_run.run(own, None, tmp_path / "runs")
    assert found.counts == {"s": 22, "t": 18, "s held out": 2, "t held out": 2}
    assert [name for name, _ in found.skipped] == ["notes.txt"]
    assert found.preview.shape == (2 * 66 + 2, 12 * 66 + 2, 3)
    assert 0 < found.seconds_per_step <= found.seconds
    assert 0 < found.memory < found.memory_free
    assert 0 < found.disk < found.disk_free
    assert any("notes.txt" in problem for problem in found.problems)
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_survives_json(own, tmp_path):
    found = dry_run.run(own, None, tmp_path)
    again = dry_run.from_json(json.loads(json.dumps(dry_run.to_json(found))))
    assert (again.preview == found.preview).all()
    assert replace(again, preview=None) == replace(found, preview=None)


def test_in_a_separate_process(own, tmp_path):
    assert dry_run.run_isolated(own, None, tmp_path).counts["s"] == 22
    with pytest.raises(UserError, match=r"^.*no-such.*: no such folder"):
        dry_run.run_isolated(replace(own, s=str(tmp_path / "no-such")), None, tmp_path)


@pytest.mark.parametrize(
    ("printed", "logged", "line", "code"),
    [
        ('{"error": "no space.", "code": "disk_full"}', "error: another line\n", "no space.", "disk_full"),
        ("", "", "it was killed, perhaps for lack of memory", ""),
        ("", "Killed\n", "Killed", ""),
    ],
)
def test_why_the_process_failed_is_read_from_its_answer(own, tmp_path, monkeypatch, printed, logged, line, code):
    done = subprocess.CompletedProcess([], 2, printed, logged)
    monkeypatch.setattr(dry_run.subprocess, "run", lambda *args, **options: done)
    with pytest.raises(UserError) as error:
        dry_run.run_isolated(own, None, tmp_path)
    assert (str(error.value), error.value.code) == (line, code)


def test_a_full_disk_and_a_small_folder_are_problems(own, tmp_path, monkeypatch):
    monkeypatch.setattr(dry_run.shutil, "disk_usage", lambda path: type("", (), {"free": 1 << 20})())
    found = dry_run.run(replace(own, batch=32), None, tmp_path)
    assert any("has 1 MB free" in problem for problem in found.problems)
    assert any("Only 18 pictures for a batch of 32" in problem for problem in found.problems)


@pytest.mark.parametrize("name", ["digits-tiny", "digits-f-tiny", "judge-tiny", "upscaler-tiny"])
def test_stages_that_need_no_data(few_digits, name, tmp_path):
    found = dry_run.run(replace(PRESETS[name], steps=4), None, tmp_path)
    assert found.preview is not None
    assert all(count > 0 for count in found.counts.values())


def test_the_judge_of_a_pack_counts_what_it_learns(tmp_path):
    config = replace(PRESETS["judge-tiny"], style="cartoon-set")
    found = dry_run.run(config, str(write_cartoons(tmp_path / "data")), tmp_path)
    assert found.counts == {"avatars": 6}
    small = dry_run.run(replace(config, avatars=4), str(tmp_path / "data"), tmp_path)
    assert small.counts == {"avatars": 4}
    with pytest.raises(UserError, match="cartoonset.zip: missing"):
        dry_run.run(config, str(tmp_path), tmp_path)


def test_labelled_folders_count_by_class(tmp_path):
    for i, name in enumerate(("cats", "dogs")):
        pictures(tmp_path / "own" / name, 10, seed=i)
    config = replace(PRESETS["folder-f-tiny"], folder=str(tmp_path / "own"))
    assert dry_run.run(config, None, tmp_path).counts == {"cats": 10, "dogs": 10}


def test_the_command_prints_a_table(own, tmp_path, capsys):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(to_dict(own)))
    assert cli.main(["train", str(path), "--dry-run", "--runs", str(tmp_path / "runs")]) == 0
    printed = capsys.readouterr().out
    assert "s: 22 pictures" in printed
    assert "s a step, about" in printed
    assert not (tmp_path / "runs").exists()
