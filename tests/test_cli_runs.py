"""``python -m dtn_core runs``: what trains here, and how it stands."""

import json

import pytest

from dtn_core.cli import main
from dtn_core.config import PRESETS
from dtn_core.training.events import Failed, Finished, Started, Stepped
from dtn_core.training.runs.store import Run


@pytest.fixture
def folder(tmp_path):
    """Three runs: done, failed, running."""
    for name, last in (("a", Finished(8, "done")), ("b", Failed("d is not a number")), ("c", None)):
        run = Run.create(tmp_path, name, PRESETS["faces-tiny"])
        for event in (Started(0, 8, "cpu"), Stepped(4, {"d": 1.25, "val/const": 0.5}, 12.5), last):
            if event:
                run.write(event)
        if last:
            run.release()
    yield tmp_path
    run.release()


def test_runs_are_a_table_newest_first(folder, capsys):
    assert main(["runs", "--runs", str(folder)]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["run", "status", "step", "images/s", "losses", "age"]
    assert [row[:6] for row in rows[1:]] == [
        ["00003-c", "running", "4/8", "12", "d", "1.25"],
        ["00002-b", "failed", "4/8", "12", "d", "1.25"],
        ["00001-a", "done", "4/8", "12", "d", "1.25"],
    ]
    assert err == ""


def test_json_is_one_object_and_nothing_else(folder, capsys):
    assert main(["runs", "--runs", str(folder), "--json"]) == 0
    out, err = capsys.readouterr()
    running, failed, done = json.loads(out)["runs"]
    assert (running["name"], running["status"], running["losses"]) == (
        "00003-c", "running", {"d": 1.25, "val/const": 0.5}
    )  # fmt: skip
    assert (failed["status"], failed["why"]) == ("failed", "d is not a number")
    assert (done["status"], done["step"], done["steps"], done["eta"]) == ("done", 4, 8, None)
    assert done["path"] == str(folder / "00001-a")
    assert err == ""


def test_an_empty_and_a_missing_folder_of_runs(tmp_path, capsys):
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no runs\n"
    assert main(["runs", "--runs", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}
    assert main(["runs", "--runs", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_run_that_cannot_be_read_does_not_hide_the_others(folder, capsys):
    (folder / "00001-a" / "config.json").write_text("{")
    assert main(["runs", "--runs", str(folder)]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]] == ["running", "failed", "unreadable"]
