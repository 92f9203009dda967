"""Benchmarks of live video: short runs give the named figures."""

import json
import struct

import pytest
import torch

from benchmarks import live, serve


@pytest.fixture
def short(monkeypatch):
    """Sequences of a second and a half, memory over few frames."""
    frames = live.jpegs
    monkeypatch.setattr(live, "jpegs", lambda faces, seconds, seed=0: frames(faces, min(seconds, 1.5), seed))


def test_a_frame_is_measured_by_stage_and_against_the_naive_way(drawing_checkpoint, short, tmp_path, capsys):
    threads, path = torch.get_num_threads(), tmp_path / "live.json"
    options = ["--checkpoint", str(drawing_checkpoint), "--quick", "-o", str(path)]
    assert live.main(options) == 0
    assert torch.get_num_threads() == threads
    report, printed = json.loads(path.read_text()), capsys.readouterr().out
    assert list(report["ms"]) == ["1", "4"]
    for ms in report["ms"].values():
        assert list(ms["live"]) == [*live.STAGES, "total"]
        assert list(ms["naive"]) == ["decode", "detect", "align", "f, g, SR, c", "draw", "png", "total"]
        for result in ms.values():
            assert min(result.values()) > 0
            assert sum(v for k, v in result.items() if k != "total") == pytest.approx(result["total"], rel=0.35)
    assert report["memory"]["frames"] == 200
    assert min(report["memory"]["rss_mb"]) > 0
    assert live.table(report) in printed
    assert all(sentence in printed for sentence in live.sentences(report))
    assert len(live.sentences(report)) == 3


def test_sentences_tell_of_the_page():
    result = {"tracked": 28.0, "drawn": 60.0, "latency": 81.0, "server": 4.0, "tracked_p5": 26.0, "with_a_face": 1.0}
    seen = {"seconds": 60, **result, "start_s": {"app": 4.0, "avatar": 1.5}, "rss_mb": 800.0}
    report = {"ms": {}, "memory": {"frames": 1000, "rss_mb": [1.0, 1.0]}, "page": seen}
    assert "28 tracking updates/s, 60 frames/s drawn, 81 ms" in live.sentences(report)[-1]
    assert "5.5 s after the app is started" in live.sentences(report)[-1]


@pytest.mark.parametrize("options", [["--runs", "0"], ["--frames", "0"], ["--checkpoint", "nowhere"]])
def test_invalid_input_is_reported_in_one_line(options, capsys):
    assert live.main(options) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_what_cannot_paint_has_no_naive_way(drawn_only, capsys, monkeypatch):
    monkeypatch.setattr(live.Transferrer, "from_checkpoint", lambda *_: drawn_only)
    assert live.main(["--quick"]) == 2
    assert "must both draw and paint" in capsys.readouterr().err


def test_viewers_are_served_fairly(tmp_path, capsys):
    path = tmp_path / "serve.json"
    assert serve.main(["--quick", "--json", "-o", str(path)]) == 0
    report = json.loads(path.read_text())
    assert json.loads(capsys.readouterr().out) == report
    assert (report["n"], len(report["rate"]["each"])) == (3, 3)
    assert (report["errors"], report["starved"]) == (0, 0)
    assert report["rate"]["all"] == pytest.approx(sum(report["rate"]["each"]), rel=0.01)
    assert set(report["latency_ms"]) == {"median", "p95", "longest"}
    assert len(report["rss_mb"]) == 3
    assert serve.sentence(report).startswith("3 viewers, 3 seconds: ")


def test_a_viewer_who_got_nothing_is_starved():
    one = {"answers": 30, "latencies": [10.0] * 30, "longest_ms": 10.0, "errors": 0, "first_avatar_s": 1.0}
    none = {"answers": 0, "latencies": [], "longest_ms": 3000.0, "errors": 2, "first_avatar_s": None}
    made = serve.summary([{**one, "with_a_face": 1.0}, {**none, "with_a_face": 0.0}], 3.0)
    assert (made["starved"], made["errors"], made["of_fair_part"]) == (1, 2, [0.0, 2.0])
    assert made["latency_ms"]["longest"] == 3000


@pytest.mark.parametrize("options", [["-n", "0"], ["--seconds", "0"]])
def test_no_viewers_is_an_error(options, capsys):
    assert serve.main(options) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_frames_of_viewers_are_jpegs(short):
    frames = live.jpegs(1, 0.1)
    assert len(frames) == 3
    assert all(struct.unpack_from(">H", frame)[0] == 0xFFD8 for frame in frames)
