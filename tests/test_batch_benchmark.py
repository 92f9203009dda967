"""The benchmark of many portraits: every way does all of them."""

import json

import pytest

from benchmarks import batch


def test_every_way_finds_the_same_faces(drawing_checkpoint, data_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(batch, "LARGE", 300)
    path = tmp_path / "batch.json"
    options = ["--data", str(data_folder), "--checkpoint", str(drawing_checkpoint)]
    assert batch.main([*options, "-n", "4", "--turns", "1", "-o", str(path)]) == 0
    report = json.loads(path.read_text())
    assert {side: size["n"] for side, size in report["sizes"].items()} == {"250": 4, "300": 1}
    for size in report["sizes"].values():
        assert list(size["ways"]) == ["naive", "page, 2 at a time", "emojify --jobs 1", "emojify --jobs 2"]
        assert {way["found"] for way in size["ways"].values()} == {size["n"]}
    assert batch.table(report) in capsys.readouterr().out


@pytest.mark.parametrize("options", [["-n", "0"], ["--turns", "0"], ["--checkpoint", "nowhere"], ["--data", "nowhere"]])
def test_nonsense_is_one_line(options, capsys):
    assert batch.main(options) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
