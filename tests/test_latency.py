"""Latency: every way is measured by its own stages."""

import json

import pytest
import torch

from benchmarks import latency
from dtn_core.networks.checkpoint import SHIPPED

ROOT = SHIPPED.parent


@pytest.fixture
def measured(request, tmp_path):
    """The report of one turn, and what was printed."""

    def run(name, capsys):
        threads = torch.get_num_threads()
        path = tmp_path / "latency.json"
        assert latency.main(["--checkpoint", str(request.getfixturevalue(name)), "-n", "1", "-o", str(path)]) == 0
        assert torch.get_num_threads() == threads == 1
        return json.loads(path.read_text()), capsys.readouterr().out

    return run


def test_what_draws_is_measured_drawn_and_painted(measured, capsys):
    report, printed = measured("drawing_checkpoint", capsys)
    ms = report["ms"]
    assert list(ms) == ["photo", "live drawn", "live painted", "naive"]
    assert set(ms["photo"]) == set(latency.STAGES)
    assert set(latency.STAGES) - set(ms["live drawn"]) == {"generate", "upscale"}
    assert set(latency.STAGES) - set(ms["live painted"]) == set(latency.STAGES) - set(ms["naive"]) == {"draw"}
    for result in ms.values():
        assert sum(value for stage, value in result.items() if stage != "total") == pytest.approx(
            result["total"], rel=0.2
        )
    assert latency.table(report) in printed
    assert "| generate | " in printed
    assert f"{ms['naive']['total'] / ms['live drawn']['total']:.1f}× live drawn" in printed


def test_what_only_paints_has_one_live_way(measured, capsys):
    report, printed = measured("tiny_checkpoint", capsys)
    assert list(report["ms"]) == ["photo", "live painted", "naive"]
    assert "| draw |" not in printed


def test_invalid_arguments_are_reported_in_one_line(capsys):
    assert latency.main(["-n", "0"]) == latency.main(["--checkpoint", "nowhere"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2
