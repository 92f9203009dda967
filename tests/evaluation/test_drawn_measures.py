"""Likeness, avatars with the same attributes, speed, and all figures of a checkpoint that draws."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_predictors import make_avatar_predictor, write_drawing_checkpoint

from dtn_core.avatars import engine, rendering
from dtn_core.avatars.avatar import Avatar
from dtn_core.avatars.choose import RESERVED, is_choosable
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.avatars.shape import SHAPES
from dtn_core.core.errors import UserError
from dtn_core.evaluation import baselines, faces, nets, questions, tables
from dtn_core.evaluation.drawn import attribute_matching, likeness, measure, page
from dtn_core.evaluation.drawn.depicted_attributes import of_parameters
from dtn_core.evaluation.drawn.predictions import predict_avatars
from dtn_core.networks import checkpoint
from dtn_core.pipeline import model


def avatar(**given):
    colours = {name: given.pop(name) for name in ("skin", "hair") if name in given}
    return Avatar(Parameters("avataaars", given, colours), {})


def test_likeness_of_parameters_is_the_share_that_is_the_same():
    one, other = avatar(top="bob"), avatar(top="bun", accessories="round", skin="#614335")
    parts = len(SPECS["avataaars"].slots) + 2 + len(SHAPES["avataaars"])
    alike = likeness.parameter_similarity([one, other], [one, other, avatar(top="bob", skin="#ffdab3")])
    np.testing.assert_allclose(alike, np.array([[parts, parts - 3, parts], [parts - 3, parts, parts - 3]]) / parts)
    wide, narrow = (Avatar(Parameters("avataaars", {}, {}, {"face_width": v}), {}) for v in (0.5, -0.5))
    assert likeness.parameter_similarity([wide], [narrow])[0, 0] == pytest.approx((parts - 0.5) / parts)


def test_likeness_of_probabilities_is_less_the_differences():
    a, b = np.array([[0.1, 0.9], [0.5, 0.5]]), np.array([[0.1, 0.4]])
    np.testing.assert_allclose(likeness.probability_similarity(a, b), [[-0.5], [-0.5]])


def test_photos_are_matched_by_content():
    crops = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    crops = (crops * np.linspace(0.1, 1, 6)[:, None, None, None]).astype(np.uint8)
    predictor = make_avatar_predictor()
    people = predict_avatars(predictor, crops)
    result = likeness.likeness(people, people)
    assert (result["probabilities"], result["f"]) == (1, 1)
    assert 0.5 < result["parameters"] <= 1
    assert (result["same"], result["different"]) == (6, 30)
    turned = likeness.likeness(people, predict_avatars(predictor, np.roll(crops, 3, axis=0)))
    assert turned["f"] < 0.9
    alone = predict_avatars(predictor, crops[:1])
    assert likeness.likeness(alone, alone)["f"] is None
    assert likeness.probability_vectors(people).shape == (6, 5 + 4 + 1)


def test_those_who_differ_least_are_picked():
    there = np.array([[0, 0, 0], [1, 1, 1], [1, 1, 0], [1, 1, 1]])
    picked, exact = attribute_matching.pick(np.array([[1, 1, 0], [0, 0, 1]]), there)
    assert picked.tolist() == [2, 0]
    assert exact == 0.5
    both = {int(attribute_matching.pick(np.array([[1, 1, 1]]), there, seed)[0][0]) for seed in range(20)}
    assert both == {1, 3}


@pytest.mark.parametrize("style", SPECS)
def test_matched_avatars_have_the_wanted_attributes(style):
    there = [p for p in rendering.sample_parameters(style, 0, 40) if is_choosable(p)]
    wanted = [replace(p, shape={"face_width": 0.5}) for p in there[:6]]
    pictures, exact = attribute_matching.matching_drawings(wanted, count=3000)
    assert exact > 0.6
    assert pictures.shape == (6, 3, 64, 64)
    again, _ = attribute_matching.matching_drawings(wanted, count=3000)
    assert torch.equal(pictures, again)
    own, exact = attribute_matching.matching_drawings(wanted, first=0, count=40)  # each is among them
    assert exact == 1
    drawn = nets.over_grey(np.stack([engine.image(p, 64, "head") for p in wanted]))
    assert torch.isclose(own, drawn).float().mean() > 0.8


@pytest.mark.parametrize("style", SPECS)
def test_expressions_and_skins_are_matched_too(style):
    mouths = {kind: Parameters(style, {"mouth": variants[0]}) for kind, variants in SPECS[style].kinds["mouth"].items()}
    dark = Parameters(style, {}, {"skin": SPECS[style].colours["skin"][-1]})
    rows = attribute_matching.signatures([of_parameters(p) for p in (*mouths.values(), dark)])
    assert len({tuple(row) for row in rows}) == len(mouths) + 1


@pytest.mark.parametrize("style", SPECS)
def test_nothing_reserved_is_compared_with(style):
    many = rendering.sample_parameters(style, 0, 400)
    there = [p for p in many if is_choosable(p)]
    assert 50 < len(there) < len(many)
    for p in there:
        assert not any(p.variants.get(head) in values for head, values in RESERVED[style].items())


def test_seeds_of_matched_avatars_are_their_own():
    clean, matching = baselines.CLEAN_SEEDS, baselines.MATCHING_SEEDS
    assert baselines.FIRST_SEED < clean < matching
    assert attribute_matching.FIRST_SEED - matching >= 100_000


def test_speed_is_measured_and_threads_are_restored():
    predictor = make_avatar_predictor()
    before = torch.get_num_threads()
    result = measure.speed(predictor, np.zeros((2, 64, 64, 3), np.uint8), runs=3)
    assert (result["n"], result["threads"]) == (3, 1)
    assert 0 < result["choice"] <= result["both"]
    assert 0 < result["picture"] <= result["both"]
    assert torch.get_num_threads() == before


def test_the_short_table_puts_every_figure_into_its_column():
    def hit(value):
        return {"precision": value, "recall": None}

    def row(value):
        right = {"with_hair": value, "without_hair": value, "n": 7}
        judged = dict.fromkeys(questions.CONFUSION_QUESTIONS, hit(value))
        return {"all_right": right, "judged": judged, "agreement": {"balanced_accuracy": value}}

    known = {"drawn": 0.2, "drawn_balanced": 0.3, "nearest_avatar": 0.4, "f": 0.6}
    names = ("x", "x, drawn", "x, drawn balanced", "other", "nearest_avatar", "random_avatar", "supervised_ceiling")
    rows = dict(zip(names, map(row, (0.1, 0.21, 0.31, 0.99, 0.41, 0.99, 0.5))))
    drawn = {
        "asked": list(questions.YES_NO),
        "all_right": {key: row(value)["all_right"] for key, value in known.items()},
        "questions": {
            key: dict.fromkeys(("bald", *questions.CONFUSION_QUESTIONS), hit(value)) for key, value in known.items()
        },
        "soft": {"mean": {"c": 0.9, "f": 0.95}, "asked": 10},
    }
    lines = tables.summary({"measure": {"rows": rows}, "drawn": drawn}).splitlines()
    head = "| 7 people of CelebA | painted | drawn | drawn balanced | nearest avatar | supervised ceiling |"
    assert lines[0] == head + " f's own reading |"
    shares = " | ".join(f"{p}.0% ({p}.0%)" for p in (10, 20, 30, 40, 50, 60))
    assert lines[2] == f"| six right (five without hair) | {shares} |"
    means = "| 0.100 | 0.210 | 0.310 | 0.410 | 0.500 |  |"
    assert lines[3] == f"| mean balanced accuracy of the eight, all by the judge {means}"
    assert lines[4] == "| mean AUC of 10 probabilities, no threshold |  | 0.900 | 0.900 |  |  | 0.950 |"
    for name, result in zip(questions.CONFUSION_QUESTIONS, lines[5:9]):
        cells = " | ".join(f"0.{p}0 (—)" for p in range(1, 7))
        assert result == f"| {name}: precision (recall) | {cells} |"
    assert len(lines) == 11


def _without_times(figures):
    return {**figures, "drawn": {**figures["drawn"], "ms": None}}


def test_a_checkpoint_that_draws_is_measured_as_it_paints_and_as_it_draws(
    tiny_checkpoint, make_checkpoint, data_folder, tmp_path
):
    name = str(write_drawing_checkpoint(tiny_checkpoint, tmp_path / "drawing"))
    other = str(write_drawing_checkpoint(make_checkpoint(tmp_path / "p", seed=1), tmp_path / "other"))
    call = {"split": "val", "limit": 8, "avatars_n": 30, "compare": [other]}
    figures, again = (faces.evaluate(name, data_folder, **call) for _ in "ab")
    assert _without_times(figures) == _without_times(again)
    json.dumps(figures, allow_nan=False)
    rows = figures["measure"]["rows"]
    drawn = [f"{name}, drawn", f"{name}, drawn balanced"]
    assert list(rows) == [name, *drawn, other, f"{other}, drawn", *baselines.BASELINES]
    loaded = model.load(name)
    assert [rows[row]["point"] for row in drawn] == ["sure", "balanced"]
    assert rows[drawn[0]]["drawer"] == figures["drawn"]["drawer"] == loaded.predictor.hash
    assert rows[name]["hash"] == rows[drawn[0]]["hash"] == loaded.hash
    assert "drawer" not in rows[name]
    result = figures["drawn"]
    assert list(result["all_right"]) == ["drawn", "drawn_balanced", "nearest_avatar", "f"]
    assert result["all_right"]["drawn"]["n"] == result["questions"]["drawn"]["hat"]["n"] == 8
    assert result["same_person"]["same"] == figures["measure"]["n"]["pairs"]
    assert result["light"]["n"] == 16
    assert result["cleanliness"]["drawn"]["n"] == 8
    assert list(rows[name]["judged"]) == ["glasses", "hat", "beard", "smiling"]
    assert list(result["questions"]) == list(result["all_right"])
    text = faces.table(figures)
    assert text.startswith(tables.summary(figures) + "\n\n| AUC / balanced accuracy | ")
    assert f"| {name}, painted | {name}, drawn | {name}, drawn balanced | {other}, painted |" in text
    assert "six right (five without hair), by the parameters" in text
    assert "nan" not in text


def test_what_is_drawn_only_is_measured_without_a_painting(make_checkpoint, data_folder, tmp_path):
    name = str(make_checkpoint(tmp_path / "drawn", draws=True, paints=False))
    figures = faces.evaluate(name, data_folder, split="val", limit=6, avatars_n=30)
    json.dumps(figures, allow_nan=False)
    rows = figures["measure"]["rows"]
    assert list(rows) == [f"{name}, drawn", f"{name}, drawn balanced", *baselines.BASELINES]
    assert figures["f_constancy"]["dtn"] == rows[f"{name}, drawn"]["f_constancy"] > 0
    assert list(figures["drawn"]["skin"]) == ["drawn"]
    head, _, first, *_ = tables.summary(figures).splitlines()
    assert head.count("|") == first.count("|") == 7
    assert "painted" not in head
    assert "| nan" not in faces.table(figures)


def test_a_style_is_asked_only_what_it_can_show(make_checkpoint, data_folder, tmp_path):
    made = make_checkpoint(tmp_path / "toons")
    info = checkpoint.read_config(made)
    (made / "config.json").write_text(json.dumps({**info, "trained": {"style": "toon-head"}}))
    name = str(write_drawing_checkpoint(made, tmp_path / "drawing", "toon-head"))
    figures = faces.evaluate(name, data_folder, split="val", limit=6, avatars_n=30)
    result = figures["drawn"]
    assert result["asked"] == ["bald", "beard", "male"]
    assert set(result["people"]["drawn"]["utkface"]) == {"beard"}
    assert not {"glasses", "hat"} & (set(result["soft"]["questions"]) | set(result["questions"]["drawn"]))
    assert "hat: precision" not in tables.summary(figures)
    assert "mean balanced accuracy of the six, all by the judge" in tables.summary(figures)
    text = page.markdown(result)
    assert "four right (three without hair), by the parameters" in text
    assert "**mean of the 8 that an avatar shows" in text
    assert "glasses" not in text
    mixed = str(write_drawing_checkpoint(made, tmp_path / "mixed", "avataaars"))
    with pytest.raises(UserError, match=r"^[^\n]*its c draws avataaars, but G paints toon-head[^\n]*$"):
        faces.evaluate(mixed, data_folder, split="val", limit=6)
