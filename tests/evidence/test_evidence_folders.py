"""Evidence of a run on the user's own folders: no labels, but neighbours and a map."""

import json
from dataclasses import replace

import numpy as np
from PIL import Image

from dtn_core.config import PRESETS
from dtn_core.evaluation.evidence.compute import compute
from dtn_core.evaluation.evidence.reading import read
from dtn_core.networks import checkpoint
from dtn_core.training import run_training


def draw(folder, seed, n=24):
    """n small pictures of noise in a folder."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for i in range(n):
        small = rng.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(small).resize((48, 48)).save(folder / f"{i}.png")
    return str(folder)


def test_neighbours_and_a_map(tmp_path):
    config = replace(
        PRESETS["folders-tiny"], steps=2, encoder="digits-f", s=draw(tmp_path / "s", 0), t=draw(tmp_path / "t", 1)
    )
    run, _ = run_training(config, "own", tmp_path / "runs", None, None)
    path = compute(str(run / "export"), None, log=str)
    found = json.loads(path.read_text())
    assert found["data"] == "own folders"
    assert "reliability" not in found
    assert found["neighbours"]["n"] == {"made": 2, "unseen": 2, "learnt": 22}
    assert {name: len(spots) for name, spots in found["map"]["points"].items()} == {"s": 2, "t": 2, "g": 2}
    shown = read(run / "export", "00001-own")
    assert shown.computed == found
    assert shown.input_domain == "pictures"
    assert shown.tables[0].title == "Last figures of the training"
    assert shown.tables[0].source.hash == checkpoint.weights_hash(run / "export")
