"""`evaluate likeness`: the shipped figures are quoted, and come out again."""

import json

import numpy as np
import pytest

from dtn_core.core.colors import to_lab
from dtn_core.evaluation import likeness
from dtn_core.evaluation.table import markdown_table
from dtn_core.networks.checkpoint import SHIPPED, weights_hash
from dtn_core.pipeline.photo import Transferrer

ROOT = SHIPPED.parent


FIGURES = json.loads((ROOT / "results" / "likeness.json").read_text())


def test_the_figures_are_those_of_the_weights_and_are_quoted():
    figures = FIGURES
    assert figures["hash"] == weights_hash(SHIPPED / "emoji")
    assert figures["parser_hash"] == weights_hash(SHIPPED / "parser")
    assert figures["split"] == "test"
    assert likeness.table(figures) in (ROOT / "docs" / "results-faces.md").read_text(encoding="utf-8")
    card = (SHIPPED / "parser" / "README.md").read_text(encoding="utf-8")
    assert markdown_table(likeness.tables(figures)[0]) in card
    for row in (figures["same_photo"]["hair"], figures["other_photo"]["hair"]):
        assert row["measured"]["delta_e"] < min(row[other]["delta_e"] for other in ("palette", "mean"))


def test_colours_are_compared_where_they_are_known(astronaut):
    transferrer = Transferrer.from_checkpoint("emoji")
    face = transferrer(astronaut).faces[0]
    heads = np.stack([face.aligned.image] * 2)
    hair = to_lab(np.array([(90, 60, 40), (0, 0, 0)], np.float32))
    hair[1] = np.nan
    figures = likeness.compare(transferrer, heads, {"hair": hair, "hat": np.full((2, 3), np.nan, np.float32)})
    assert set(figures) == {"hair"}
    assert figures["hair"]["n"] == 1
    assert figures["hair"]["mean"] == {"delta_e": 0, "delta_e76": 0}


@pytest.mark.slow
def test_the_figures_come_out_again(data_folder):
    again = likeness.evaluate("emoji", data_folder, limit=40)
    assert again["iou"]["hair"] == pytest.approx(FIGURES["iou"]["hair"], abs=0.06)
    assert again["same_photo"]["hair"]["measured"]["delta_e"] == pytest.approx(
        FIGURES["same_photo"]["hair"]["measured"]["delta_e"], abs=2
    )
