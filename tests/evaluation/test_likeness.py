"""`evaluate likeness`: the shipped figures are quoted, and come out again."""

import json

import numpy as np
import pytest

from dtn_core.avatars.avatar import Avatar
from dtn_core.avatars.outlines import variants_of
from dtn_core.avatars.parameters import Parameters
from dtn_core.core.colors import to_lab
from dtn_core.evaluation import likeness
from dtn_core.evaluation.table import markdown_table
from dtn_core.networks.checkpoint import SHIPPED, weights_hash

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


def avatar(top="bob", **colours):
    return Avatar(Parameters("avataaars", {"top": top}, colours), {})


def test_colours_are_compared_where_they_are_known():
    drawn = {"measured": [avatar(hair="#5a3c28"), avatar()], "palette": [avatar(), avatar()]}
    hair = to_lab(np.array([(90, 60, 40), (0, 0, 0)], np.float32))
    hair[1] = np.nan
    figures = likeness.compare_colours(drawn, {"hair": hair, "hat": np.full((2, 3), np.nan, np.float32)})
    assert set(figures) == {"hair"}
    assert figures["hair"]["n"] == 1
    assert figures["hair"]["measured"] == figures["hair"]["mean"] == {"delta_e": 0, "delta_e76": 0}
    assert figures["hair"]["palette"]["delta_e"] > 5


def test_haircuts_are_compared_by_their_outline():
    variants = variants_of("avataaars", "hair")
    hair = variants.outlines[[variants.choices.index(("bob",)), variants.choices.index(("",))]]
    drawn = {"measured": [avatar("bob")] * 2, "palette": [avatar("theCaesar")] * 2}
    figures = likeness.compare_haircuts(drawn, hair)
    assert figures["n"] == 1  # the bald head is left out
    assert figures["measured"] == figures["best"] == 1
    assert figures["palette"] < 0.3


def test_skin_is_compared_by_group_and_lightness():
    avatars = [avatar(skin="#808080")] * 20
    lit = np.tile(np.array([[0.0, 10, 10]], np.float32), (20, 1))
    lit[:, 0] = np.linspace(20, 80, 20)
    figures = likeness.compare_skin(avatars, lit, {"dark": lit[:, 0] < 50, "light": lit[:, 0] >= 50})
    assert figures["groups"]["dark"] > 10 > -5 > figures["groups"]["light"]
    assert figures["tenths"] == sorted(figures["tenths"], reverse=True)
    assert len(figures["tenths"]) == 10


def test_the_same_avatar_is_the_nearest():
    people = [avatar("bob", hair="#101010"), avatar("curly", hair="#d6b370"), avatar("theCaesar", skin="#614335")]
    figures = likeness.identity({"measured": people}, {"measured": people}, {"measured": [avatar("bun")] * 5})
    assert figures["gallery"] == 8
    assert figures["measured"] == {"auc": 1.0, "median_rank": 1.0, "share": 0.125}


@pytest.mark.slow
def test_the_figures_come_out_again(data_folder):
    again = likeness.evaluate("emoji", data_folder, limit=40)
    assert again["iou"]["hair"] == pytest.approx(FIGURES["iou"]["hair"], abs=0.06)
    assert again["same_photo"]["hair"]["measured"]["delta_e"] == pytest.approx(
        FIGURES["same_photo"]["hair"]["measured"]["delta_e"], abs=2
    )
