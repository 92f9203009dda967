"""The benchmark of encoders: a row an attribute, a column an encoder, on photos and on drawings."""

import json
import shutil

import pytest
import torch
from made_photos import write_photos

from benchmarks import encoders
from dtn_core.networks import checkpoint
from dtn_core.networks.resnet import AttributeEncoder


@pytest.fixture
def data(tmp_path):
    """Packs of noise; CelebA-HQ's are CelebA's by another name."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_photos(folder, 150)
    for end in (".zip", "_attributes.csv"):
        shutil.copy(folder / f"celeba{end}", folder / f"celebahq{end}")
    return folder


def save(path, **settings):
    torch.manual_seed(0)
    f = AttributeEncoder(8, 16, **settings)
    return str(checkpoint.save(path, {"kind": "encoder", "encoder": f.config}, {"encoder": f.state_dict()}))


def test_encoders_stand_beside_each_other(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(encoders, "AVATARS", 30)
    names = [save(tmp_path / "plain"), save(tmp_path / "skin", skin=True)]
    output = tmp_path / "encoders.json"
    assert encoders.main([*names, "--data", str(data), "-o", str(output)]) == 0
    report, printed = json.loads(output.read_text()), capsys.readouterr().out
    plain, skin = (report["encoders"][name] for name in names)
    assert plain["hash"] != skin["hash"]
    assert {"celeba", "celebahq", "utkface", "avataaars", "toon-head"} < set(plain)
    assert plain["celeba"]["n"] == plain["celebahq"]["n"] > 5
    assert "skin" not in plain["celeba"]
    assert skin["celeba"]["skin"]["drift"] >= 0
    assert 0 <= plain["avataaars"]["attributes"]["glasses"] <= 1
    assert "glasses" not in plain["toon-head"]["attributes"]  # which have none
    assert f"| **celeba, n = {plain['celeba']['n']}** |" in printed


def test_bad_input_is_reported_in_one_line(data, capsys):
    assert encoders.main(["nowhere", "--data", str(data)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
