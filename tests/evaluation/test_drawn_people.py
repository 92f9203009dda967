"""Whom something is invented for, the colour of the skin, and what the light changes."""

from types import SimpleNamespace

import numpy as np
import pytest
from made_predictors import make_avatar_predictor

from dtn_core.core import colors as colours
from dtn_core.evaluation.drawn import lighting_robustness as lighting
from dtn_core.evaluation.drawn import people
from dtn_core.evaluation.drawn.depicted_attributes import Answers
from dtn_core.evaluation.questions import GROUPS


def test_groups_are_sex_and_group_and_both():
    truth = {"male": np.array([0, 1, 1.0]), "group": np.array([0, 0, 4.0])}
    result = people.axes_of(truth)
    assert list(result) == ["group", "sex", "group_and_sex"]
    assert result["group"]["White"].tolist() == [True, True, False]
    assert result["group_and_sex"]["White, male"].tolist() == [False, True, False]
    assert result["group_and_sex"]["others, female"].sum() == 0
    assert list(people.axes_of({"male": truth["male"]})) == ["sex"]


def test_shares_exclude_small_groups():
    drawn = np.zeros(170, bool)
    drawn[[0, 1, 2, 3, 60, 100, 101, 169]] = True
    among = np.ones(170, bool)
    among[0] = False
    groups = {name: np.zeros(170, bool) for name in "abcd"}
    groups["a"][:60], groups["b"][60:110], groups["c"][110:169], groups["d"][169:] = True, True, True, True
    result = people.group_shares(drawn, among, groups)
    assert result["groups"]["a"] == {"n": 59, "share": round(3 / 59, 4)}
    assert result["groups"]["d"] == {"n": 1, "share": 1}
    assert (result["highest"], result["lowest"]) == (0.06, 0)
    assert result["mean"] == pytest.approx((3 / 59 + 3 / 50) / 3, abs=1e-4)
    assert result["highest_to_mean"] == pytest.approx(0.06 / ((3 / 59 + 3 / 50) / 3), abs=0.01)
    assert result["highest_to_lowest"] is None  # of none at all
    assert people.group_shares(drawn, among, {k: groups[k] for k in "ab"})["highest_to_lowest"] == 1.18
    few = people.group_shares(drawn, among, {"d": groups["d"]})
    assert {few[k] for k in ("highest", "lowest", "mean", "highest_to_mean", "highest_to_lowest")} == {None}


def answers(**yes):
    return Answers({name: np.array(v, np.float32) for name, v in yes.items()}, np.array([""] * len(yes["beard"])))


def test_invented_attributes_contradict_f_and_labels():
    truth = {"male": np.array([0, 0, 1, 1]), "glasses": np.array([0, 1, 0, 0.0])}
    output, read = answers(glasses=[1, 1, 1, 0], beard=[0, 1, 0, 1]), answers(glasses=[0, 1, 0, 1], beard=[0, 0, 0, 1])
    result = people.drawn_by_group(truth, output, read)
    assert list(result) == ["glasses", "beard"]
    sex = result["glasses"]["sex"]
    assert {what: [row["share"] for row in sex[what]["groups"].values()] for what in sex} == {
        "drawn": [1, 0.5], "read": [0.5, 0.5], "invented": [1, 1], "against_labels": [1, 0.5],
    }  # fmt: skip
    assert sex["invented"]["groups"]["male"]["n"] == 1
    assert "against_labels" not in result["beard"]["sex"]  # nobody labelled them
    grouped = people.drawn_by_group({"male": truth["male"], "group": np.zeros(4)}, output, read)
    assert set(grouped["glasses"]) == {"group", "sex"}
    both = grouped["beard"]["group_and_sex"]["invented"]["groups"]
    assert both["White, female"] == {"n": 2, "share": 0.5}
    assert both["White, male"] == {"n": 1, "share": 0}
    assert both["Black, male"] == {"n": 0, "share": None}


def test_a_style_that_draws_no_glasses_invents_none():
    output = answers(beard=[0, 1])
    assert list(people.drawn_by_group({"male": np.array([0, 1])}, output, output)) == ["beard"]


def test_skin_is_compared_with_the_cheek_by_group():
    cheek = np.array([[50, 0, 0], [60, 0, 0], [70, 0, 0]], np.float32)
    drawn = np.array([[53, 4, 0], [50, 0, 0], [70, 0, 5]], np.float32)
    result = people.skin_errors(drawn, cheek, {"a": np.array([True, True, False]), "b": np.zeros(3, bool)})
    assert result["a"] == {"lightness": 6.5, "lighter": -3.5, "distance": 7.5, "n": 2}
    assert result["all"] == {"lightness": 4.33, "lighter": -2.33, "distance": 6.67, "n": 3}
    assert result["b"] == {"lightness": None, "lighter": None, "distance": None, "n": 0}
    plain = np.full((2, 64, 64, 3), (208, 139, 91), np.uint8)
    np.testing.assert_allclose(people.cheek_colors(plain), [colours.to_lab(np.array([208, 139, 91]))] * 2, atol=0.1)


def test_light_is_a_factor_and_too_bright_is_clipped():
    crop = np.full((2, 2, 3), (100, 120, 200), np.uint8)
    assert lighting.relight(crop, 0.5)[0, 0].tolist() == [50, 60, 100]
    assert lighting.relight(crop, 1.6)[0, 0].tolist() == [160, 192, 255]
    assert lighting.relight(crop, 1.0, lighting.TINTS[0])[0, 0].tolist() == [115, 120, 170]
    assert (lighting.relight(crop, 1.0, lighting.TINTS[lighting.NEUTRAL]) == crop).all()


def test_a_range_is_the_highest_less_the_lowest_and_one_change_counts():
    skin = np.array([[50, 60, 55], [40, 40, 40.0]])
    answer = np.zeros((2, 3, 5), np.float32)
    answer[1, 2, 4] = 1
    result = lighting.ranges(skin, answer, skin / 2)
    assert result == {"drawn_skin": 5, "painted_cheek": 2.5, "answers_change": 0.5}


def test_some_are_taken_of_every_set():
    crops = {"a": np.zeros((40, 2, 2, 3), np.uint8), "b": np.ones((3, 2, 2, 3), np.uint8)}
    few = lighting.sample_heads(crops, 0, 20)
    assert len(few) == 10 + 3
    assert few[:10].max() == 0
    numbered = {"a": np.arange(40, dtype=np.uint8)[:, None, None, None]}
    assert len(np.unique(lighting.sample_heads(numbered, 0, 20))) == 20
    assert (lighting.sample_heads(numbered, 0, 20) == lighting.sample_heads(numbered, 0, 20)).all()
    assert (lighting.sample_heads(numbered, 0, 20) != lighting.sample_heads(numbered, 1, 20)).any()


def test_brown_skin_is_counted_in_the_dark_and_in_the_bright():
    luminance = np.arange(9)
    lightness = np.array([40, 40, 80, 80, 80, 80, 80, 80, 40])
    result = lighting.brown_skin(lightness, luminance, {"a": np.ones(9, bool), "b": luminance == 8})
    assert result["darkest"]["a"] == {"n": 3, "share": round(2 / 3, 4)}
    assert result["brightest"]["a"] == {"n": 3, "share": round(1 / 3, 4)}
    assert result["brightest"]["b"] == {"n": 1, "share": 1}
    assert result["darkest"]["b"] == {"n": 0, "share": None}
    assert result["all"]["a"]["share"] == round(3 / 9, 4)
    grey = np.stack([np.full((4, 4, 3), v, np.uint8) for v in (10, 200)])
    assert lighting.luminances(grey).tolist() == [10, 200]


def test_light_range_of_copied_and_dark_pictures():
    copier = SimpleNamespace(g=True, transfer=lambda x: x[:, :, ::2, ::2], predictor=make_avatar_predictor())
    grey = np.full((1, 128, 128, 3), 100, np.uint8)
    black = lighting.light_ranges(copier, 0 * grey)
    still = {"drawn_skin": 0, "painted_cheek": 0, "answers_change": 0}
    assert black == {"gains": still, "all": still, "n": 1}
    result = lighting.light_ranges(copier, np.concatenate([grey, 0 * grey]))
    dark, bright = (float(colours.to_lab(np.full(3, v))[0]) for v in (50, 160))
    assert result["n"] == 2
    assert result["gains"]["painted_cheek"] == pytest.approx((bright - dark) / 2, abs=0.02)
    assert result["all"]["painted_cheek"] > result["gains"]["painted_cheek"]  # warm is lighter than cold
    assert result["all"]["drawn_skin"] >= result["gains"]["drawn_skin"] > 0  # its f is random


def test_the_groups_are_utkfaces():
    assert list(people.axes_of({"male": np.zeros(1), "group": np.zeros(1)})["group"]) == list(GROUPS)
