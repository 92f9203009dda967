import json
import sys

import pytest

from benchmarks import runtimes


def test_without_the_other_runtime_one_line_names_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert runtimes.main(["-n", "1"]) == 2
    assert "pip install onnx onnxruntime" in capsys.readouterr().err


def test_all_ways_give_the_same(tmp_path, capsys):
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    assert runtimes.main(["-n", "1", "-o", str(tmp_path / "runtimes.json")]) == 0
    nets = json.loads((tmp_path / "runtimes.json").read_text())["nets"]
    assert set(nets) == {"f", "g", "SR"}
    assert all(way["difference"] < 1e-4 for net in nets.values() for way in net.values())
