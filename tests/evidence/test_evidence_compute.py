"""Reliability, neighbours and map, computed of tiny checkpoints; and resumed."""

import json

import numpy as np
import pytest
import torch
from made_photos import write_photos
from tiny_digits import write_digits, write_judge

from dtn_core import cli
from dtn_core.evaluation.evidence.calibration import by_group, reliability
from dtn_core.evaluation.evidence.compute import compute
from dtn_core.evaluation.evidence.memorization import compare_distances, nearest, pca_map
from dtn_core.evaluation.evidence.reading import computed_path, read
from dtn_core.networks.checkpoint import SHIPPED


def test_reliability_of_right_and_wrong_answers():
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, 20_000)
    y = (rng.uniform(0, 1, len(p)) < p).astype(float)
    good, bad = reliability(y, p), reliability(y, p**3)
    assert good["n"] == 20_000
    assert good["ece"] < 0.02 < 0.15 < bad["ece"]
    assert all(abs(mean - share) < 0.05 for _, mean, share in good["bins"])
    assert len(good["bins"]) == 10
    assert good["brier"] == pytest.approx(1 / 6, abs=0.01)


def test_unknown_labels_are_left_out_and_nothing_is_nothing():
    assert reliability([-1, 1, 0], [0.5, 1.0, 0.0])["n"] == 2
    assert reliability([-1], [0.5]) == {"n": 0, "yes": 0, "ece": None, "brier": None, "bins": []}


def test_groups_with_few_people_are_left_out():
    y, p = np.ones(60), np.full(60, 0.9)
    places = np.arange(60)
    found = by_group(y, p, {"age": {"a": places < 30, "b": places >= 30, "c": places < 5}})
    assert set(found["groups"]["age"]) == {"a", "b"}
    assert found["groups"]["age"]["a"]["ece"] == pytest.approx(0.1)


def test_copies_are_found():
    random = torch.Generator().manual_seed(0)
    learnt, unseen, made = (torch.randn(n, 8, generator=random) for n in (200, 100, 100))
    distance, place = nearest(learnt[5:8], learnt)
    assert place.tolist() == [5, 6, 7]
    assert distance.max() < 1e-3
    copied, new = compare_distances(learnt[:50], unseen, learnt), compare_distances(made, unseen, learnt)
    assert copied["closer"] == 1
    assert copied["ratio"] < 0.01
    assert 0.8 < new["ratio"] < 1.2
    assert new["closer"] < 0.2


def test_the_map_keeps_what_differs_most():
    far = torch.zeros(20, 6)
    far[:, 3] = 10
    found = pca_map({"s": torch.randn(20, 6) * 0.1, "t": torch.randn(20, 6) * 0.1 + far})
    first = {name: np.mean([x for x, _ in spots]) for name, spots in found["points"].items()}
    assert first["t"] - first["s"] == pytest.approx(10, abs=0.5)
    assert found["explained"][0] > 0.9


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"), 120)


@pytest.mark.parametrize("draws", [True, False])
def test_faces(photos, tmp_path, make_checkpoint, draws):
    directory = make_checkpoint(tmp_path / "tiny", draws=draws)
    output = []
    path = compute(str(directory), photos, limit=10, log=output.append)
    assert path == computed_path(directory) == directory / "evidence.json"
    found = read(directory).computed
    questions = found["reliability"]["questions"]
    assert found["reliability"]["by"] == ("c" if draws else "the judge of G(x)")
    assert {"glasses", "hair_black", "dark_skin"} <= questions.keys()
    assert found["n"]["celeba"] == found["neighbours"]["n"]["made"] <= 10
    assert len(found["neighbours"]["pairs"]["nearest"]) == 24
    assert {name: len(spots) for name, spots in found["map"]["points"].items()} == dict.fromkeys(
        "stg", found["n"]["celeba"]
    )
    assert [line.partition(": ")[2] for line in output[:3]] == ["reliability", "neighbours", "map"]


def test_a_suite_resumes_unless_the_weights_changed(photos, tmp_path, make_checkpoint):
    directory, output = make_checkpoint(tmp_path / "tiny"), []
    path = compute(str(directory), photos, limit=4, log=output.append)
    content = json.loads(path.read_text())
    del content["map"]
    path.write_text(json.dumps(content))
    output.clear()
    compute(str(directory), photos, limit=4, log=output.append)
    assert output == ["tiny: map", f"{path}: written"]
    path.write_text(json.dumps(content | {"hash": "0123456789ab"}))
    output.clear()
    compute(str(directory), photos, limit=4, log=output.append)
    assert len(output) == 4


def test_digits(few_digits, tmp_path, capsys):
    directory = write_digits(tmp_path / "tiny-digits")
    assert cli.main(["evaluate", "evidence", str(directory), "--json", "--split", "test"]) == 0
    (found,) = json.loads(capsys.readouterr().out).values()
    assert found["reliability"]["questions"]["f reads s"]["n"] == few_digits["test"]
    assert found["data"] == "drawn, drawn"
    assert found["map"]["labels"]["s"]


def test_readers(few_digits, tmp_path):
    path = compute(str(write_judge(tmp_path / "reader")), None, log=str)
    questions = json.loads(path.read_text())["reliability"]["questions"]
    assert set(questions) == {"street numbers", "handwriting"}


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("judge", "holds 'judge', of which there is nothing to compute here. Give a translation"),
        ("no-such", "not found"),
        ("emoji", "no data folder: pass --data DIR or set DTN_DATA"),
        ("emoji lorelei -o one.json", "holds the evidence of one checkpoint"),
    ],
)
def test_bad_input_is_reported_in_one_line(line, output, monkeypatch, capsys):
    monkeypatch.delenv("DTN_DATA", raising=False)
    assert cli.main(["evaluate", "evidence", *line.split()]) == 2
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert output in error


def test_names_are_only_for_evidence(capsys):
    assert cli.main(["evaluate", "faces", "emoji"]) == 2
    assert "Name the checkpoint by --checkpoint" in capsys.readouterr().err


def test_shipped_ones_are_written_to_results():
    assert computed_path(SHIPPED / "emoji").parts[-3:] == ("results", "evidence", "emoji.json")
