import json

from benchmarks import video


def test_quick_figures(tmp_path, capsys):
    assert video.main(["--quick", "--json", "-o", str(tmp_path / "video.json")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "video.json").read_text())
    rates = report["frames_per_second"]
    assert set(rates) == {"drawn, over the face", "drawn, beside", "drawn, alone", "painted", "naive"}
    assert all(rate > 0 for rate in rates.values())
    assert "| naive |" in video.table(report)


def test_a_style_that_cannot_paint_is_refused(capsys):
    assert video.main(["--quick", "--checkpoint", "lorelei"]) == 2
    assert "drawn only" in capsys.readouterr().err
