"""What emoji of faces are measured by, on cases made by hand: answers, people, ranks, KID, the ceiling."""

import json
import zipfile

import cv2
import numpy as np
import pytest
import torch
from made_cartoons import write_cartoons

from dtn_core.avatars import attributes as avatars
from dtn_core.avatars import rendering
from dtn_core.cli import main
from dtn_core.core import images
from dtn_core.core.errors import UserError
from dtn_core.core.metrics import kid, polynomial_mmd, ranks
from dtn_core.data.portraits import UNKNOWN
from dtn_core.evaluation import baselines, cleanliness, faces, measures, nets, questions, retrieval, tables
from dtn_core.networks import checkpoint
from dtn_core.networks.judge import JUDGE_ATTRIBUTES, Judge
from dtn_core.networks.resnet import ATTRIBUTES

# --- ranks --------------------------------------------------------------------------------------------------------


def test_ranks_of_a_known_order_and_ties_count_half():
    assert ranks([[0.9, 0.5, 0.1], [0.2, 0.2, 0.9], [0.9, 0.5, 0.1]], [0, 1, 2]).tolist() == [1, 2.5, 3]


def test_ranks_are_summed_up_and_chance_is_the_middle():
    figures = retrieval.summary(np.array([1, 3, 5, 11]), 20)
    assert figures == {"median_rank": 4, "share": 0.2, "rank_1": 0.25, "rank_5": 0.75}
    assert retrieval.chance(9) == {"median_rank": 5, "share": 0.5556, "rank_1": 0.1111, "rank_5": 0.5556}
    assert retrieval.chance(3)["rank_5"] == 1


def test_who_looks_the_same_is_found_first_and_who_looks_opposite_last():
    gallery = torch.eye(6)
    assert retrieval.retrieval(3 * gallery[:4], gallery)["rank_1"] == 1  # length doesn't matter
    assert retrieval.retrieval(-gallery[:4], gallery)["median_rank"] == 6


# --- pairs --------------------------------------------------------------------------------------------------------


def _people(split, n):
    return [p for p in (f"Person_{i}" for i in range(100)) if retrieval.split_of_person(p) == split][:n]


def _pack(folder, pictures):
    with zipfile.ZipFile(folder / "lfw_pairs.zip", "w") as pack:
        for name, picture in pictures.items():
            pack.writestr(name, cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes())


def test_pairs_are_found_aligned_and_split_by_person(tmp_path, hopper, astronaut):
    (one, blank), (other,) = _people("test", 2), _people("val", 1)
    grey = np.full((250, 250, 3), 90, np.uint8)
    pictures = {f"{one}_0001.jpg": hopper, f"{one}_0002.jpg": astronaut, f"{blank}_0001.jpg": hopper}
    pictures |= {f"{blank}_0002.jpg": grey, f"{other}_0001.jpg": hopper, f"{other}_0002.jpg": hopper}
    _pack(tmp_path, pictures)
    found = retrieval.pairs(tmp_path, "test")
    assert (len(found), found.missed) == (1, 1)
    assert found.queries.shape == found.targets.shape == (1, 128, 128, 3)
    assert np.abs(found.queries.astype(int) - found.targets).mean() > 10
    same = retrieval.pairs(tmp_path, "val")
    assert (same.queries == same.targets).all()
    assert retrieval.pairs(tmp_path, "val", limit=0) is None


def test_a_folder_without_pairs_and_a_damaged_pack(tmp_path):
    assert retrieval.pairs(tmp_path, "test") is None
    (tmp_path / "lfw_pairs.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match=r"^[^\n]*lfw_pairs.zip: damaged[^\n]*$"):
        retrieval.pairs(tmp_path, "test")


# --- cleanliness --------------------------------------------------------------------------------------------------


def test_flat_pictures_are_flat_and_noise_is_not():
    flat = torch.full((2, 3, 32, 32), -0.5)
    flat[:, 0, :16] = 0.5
    assert cleanliness.flatness(flat) == {"flatness": 1.0, "residual": pytest.approx(0, abs=0.01)}
    noisy = (flat + 0.3 * torch.randn(flat.shape, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)
    blotchy = cleanliness.flatness(noisy)
    assert blotchy["flatness"] < 0.5
    assert blotchy["residual"] > 4


def test_kid_as_reckoned_by_hand():
    zeros, ones = np.zeros((2, 1)), np.ones((2, 1))
    # within zeros (0·0 + 1)³ = 1, within ones (1·1 + 1)³ = 8, between (0·1 + 1)³ = 1
    assert polynomial_mmd(zeros, ones) == 1 + 8 - 2 * 1
    assert kid(zeros, ones) == (7, 0)
    assert kid(ones, ones) == (0, 0)


def test_kid_of_the_same_kind_is_nothing_and_grows_with_a_shift():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400, 16))
    same, deviation = kid(a, b, size=200)
    assert abs(same) < 3 * deviation
    assert kid(a, b + 0.5, size=200)[0] > 0.1
    assert kid(a, b + 1, size=200)[0] > kid(a, b + 0.5, size=200)[0]
    assert np.isnan(kid(a[:1], b)).all()


def test_different_inputs_are_distinguished():
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 100, 6, generator=rng)
    assert cleanliness.c2st(a, b + 20) == (0, 1)
    mistaken, recognised = cleanliness.c2st(a, a)
    assert mistaken == recognised
    assert 0.25 < cleanliness.c2st(a, b)[0] < 0.75


def test_looks_are_the_judges_last_hidden_layer_and_its_textures():
    judge = Judge(4).eval()
    x = torch.rand(5, 3, 64, 64) * 2 - 1
    hidden, textures = cleanliness.judge_features(judge, x, size=2)
    assert torch.allclose(hidden, judge.body(x), atol=1e-5)
    assert textures.shape == (5, 2 * (4 + 8 + 16 + 32))
    few = cleanliness.cleanliness((hidden, textures), (hidden, textures))
    assert set(few.values()) == {None}


# --- answers ------------------------------------------------------------------------------------------------------


def _made_truth(n=40):
    """Half women; every other label yes; UTKFace's groups and ages in turn."""
    index = np.arange(n)
    every_other = (index % 2).astype(np.float32)
    names = ("glasses", "bald", "hat", "beard", *questions.HAIR)
    celeba = {name: every_other.copy() for name in names} | {"male": (index >= n // 2).astype(np.float32)}
    ages = [5, 20, 35, 50, 70]
    utkface = questions.utkface_truth([f"{ages[i // 2 % 5]}_{i % 2}_{i // 2 % 5}_x.jpg" for i in index])
    return {"celeba": celeba, "utkface": utkface}


def _pattern(truth):
    """One colour of hair a photo, none of the photos bald or with a hat."""
    n = len(truth["male"])
    for i, name in enumerate(questions.HAIR):
        truth[name] = (np.arange(n) % 4 == i).astype(np.float32)
    truth["bald"], truth["hat"] = np.zeros((2, n), np.float32)
    return truth


def _right(truth):
    return {which: {a: 2 * y - 1 for a, y in result.items()} for which, result in truth.items()}


def test_labels_of_utkface_are_read_from_names():
    result = questions.utkface_truth(["34_0_1_a.jpg", "61_1_4_b.jpg", "60_1_0_c.jpg"])
    assert result["male"].tolist() == [1, 0, 0]
    assert result["dark_skin"].tolist() == [1, UNKNOWN, 0]
    assert result["old"].tolist() == [0, 1, 1]
    assert result["age"].tolist() == [34, 61, 60]


def test_a_beard_is_a_beard_or_a_moustache():
    from dtn_core.data.portraits import Portraits

    labels = np.zeros((3, len(questions.LABELS)), np.float32)
    labels[:, list(questions.NINE).index("beard")] = [0, 1, 1]  # No_Beard
    labels[:, questions.LABELS.index("Mustache")] = [0, 1, 0]
    truth = questions.celeba_truth(Portraits(np.zeros((3, 1, 1, 3), np.uint8), (0, 1, 0), labels, ("",) * 3, False))
    assert truth["beard"].tolist() == [1, 1, 0]
    assert truth["only_beard"].tolist() == [1, 0, 0]


def test_old_is_grey_or_bald():
    logits = torch.full((3, len(JUDGE_ATTRIBUTES)), -1.0)
    logits[0, JUDGE_ATTRIBUTES.index("bald")], logits[1, JUDGE_ATTRIBUTES.index("hair_grey")] = 2, 3
    assert questions.judge_scores(logits)["old"].tolist() == [2, 3, -1]


def test_answers_are_means_over_eight_questions():
    truth = _made_truth()
    output = _right(truth)
    perfect = measures.question_accuracy(truth, output)
    assert perfect["auc"] == perfect["balanced_accuracy"] == 1
    assert list(perfect["questions"]) == ["glasses", "bald", "hat", "beard", "male", "hair", "dark_skin", "old"]
    assert perfect["questions"]["dark_skin"]["n"] == 32  # others are left out
    output["celeba"]["glasses"] *= -1
    output["celeba"]["hair_grey"] *= -1
    worse = measures.question_accuracy(truth, output)
    assert worse["questions"]["glasses"]["balanced_accuracy"] == 0
    assert worse["questions"]["hair"]["balanced_accuracy"] == 0.75
    assert worse["balanced_accuracy"] == round((6 + 0 + 0.75) / 8, 4)
    truth["celeba"]["bald"][:] = 0
    unknown = measures.question_accuracy(truth, output)
    assert unknown["questions"]["bald"]["auc"] is None
    assert unknown["balanced_accuracy"] == round((5 + 0 + 0.75) / 7, 4)


def test_hair_colour_needs_one_label_and_visible_hair():
    truth = _pattern(_made_truth(8)["celeba"])
    assert questions.hair_label(truth).tolist() == ["black", "brown", "blond", "grey"] * 2
    truth["hair_brown"][0], truth["hair_grey"][3], truth["bald"][5], truth["hat"][6] = 1, 0, 1, 1
    assert questions.hair_label(truth).tolist() == ["", "brown", "blond", "", "black", "", "", "grey"]


def test_all_is_right_only_if_every_answer_is():
    truth = _pattern(_made_truth(8)["celeba"])
    yes = {name: truth[name].copy() for name in questions.YES_NO}
    hair = np.array(["black", "brown", "blond", "grey"] * 2)
    assert measures.all_right(truth, yes, hair) == {"with_hair": 1, "without_hair": 1, "n": 8, "hair_asked": 8}
    hair[0], hair[1] = "", "red"  # a hat that hides the hair, and another colour
    yes["glasses"][2] = 1 - yes["glasses"][2]
    yes["male"][3] = np.nan  # says nothing
    result = measures.all_right(truth, yes, hair)
    assert result == {"with_hair": 4 / 8, "without_hair": 6 / 8, "n": 8, "hair_asked": 8}
    truth["hair_blond"][:2] = 1  # two colours are labelled, so none is asked
    result = measures.all_right(truth, {name: yes[name] for name in ("bald", "beard")}, hair)
    assert result == {"with_hair": 1, "without_hair": 1, "n": 8, "hair_asked": 6}


def test_the_judge_is_right_of_all_in_the_same_way():
    truth = _pattern(_made_truth(8)["celeba"])
    output = _right({"celeba": truth})["celeba"]
    assert measures.judge_all_right(truth, output)["with_hair"] == 1
    output["hair_grey"][:2] = 9
    assert measures.judge_all_right(truth, output)["with_hair"] == 6 / 8
    output["hat"][5] = 0.1
    assert measures.judge_all_right(truth, output) == {
        "with_hair": 5 / 8,
        "without_hair": 7 / 8,
        "n": 8,
        "hair_asked": 8,
    }
    del output["hat"]
    assert measures.judge_all_right(truth, output)["without_hair"] == 1


def test_groups_with_worse_results_are_visible():
    truth = _made_truth()
    output = _right(truth)
    women = truth["celeba"]["male"] == 0
    output["celeba"]["glasses"][women] *= -1
    result = measures.by_people(truth, output)
    female, male = result["sex"]["groups"]["female"], result["sex"]["groups"]["male"]
    assert female == {"n": 20, "agreement": 0.8333, "same_labels": 0.9167}  # one question of six; half of everybody
    assert male == {"n": 20, "agreement": 1, "same_labels": 0.9167}
    assert result["sex"]["average"] == pytest.approx(11 / 12, abs=1e-4)
    assert result["sex"]["largest_gap"] == {"group": "female", "gap": pytest.approx(1 / 12, abs=2e-4)}
    assert [g["n"] for g in result["group"]["groups"].values()] == [8] * 5
    assert result["age"]["largest_gap"]["gap"] == 0
    few = _made_truth(20)
    result = measures.by_people(few, _right(few))
    assert result["group"]["groups"]["others"] == {"n": 4, "agreement": None, "same_labels": None}
    assert result["group"]["largest_gap"] is None


def test_what_a_style_can_not_say_is_left_out_of_the_means():
    truth = _made_truth()
    output = _right(truth)
    output["celeba"]["beard"] *= -1
    whole = measures.question_accuracy(truth, output)
    assert whole["balanced_accuracy"] == round(7 / 8, 4)
    for which, name in (("celeba", "glasses"), ("celeba", "male"), ("utkface", "male"), ("utkface", "dark_skin")):
        del output[which][name]
    figures = measures.question_accuracy(truth, output)
    assert figures["questions"]["glasses"] == {**whole["questions"]["glasses"], "auc": None, "balanced_accuracy": None}
    assert figures["balanced_accuracy"] == figures["auc"] == 0.8  # glasses, male and dark_skin aren't asked
    people = measures.by_people(truth, output)
    assert people["sex"]["groups"]["female"]["agreement"] == 0.75  # of bald, hat, beard, hair
    assert people["age"]["average"] == 1  # old


def test_unlabelled_attributes_are_excluded_from_scores():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (50, len(questions.NINE))).astype(np.float32)
    logits = torch.zeros(50, len(JUDGE_ATTRIBUTES))
    for i, name in enumerate(questions.NINE):
        logits[:, JUDGE_ATTRIBUTES.index(name)] = torch.from_numpy(labels[:, i]) * 2 - 1
    unlabelled = ("hat", "beard", "dark_skin")
    logits[:, JUDGE_ATTRIBUTES.index("hat")] *= -1  # were it asked, the means would fall
    assert set(questions.judge_scores(logits, unlabelled)) == {*JUDGE_ATTRIBUTES, "old"} - set(unlabelled)
    figures = measures.agreement(labels, logits, unlabelled)
    assert figures["attributes"]["hat"] == figures["attributes"]["beard"] == {"auc": None, "balanced_accuracy": None}
    assert figures["auc"] == figures["balanced_accuracy"] == 1
    assert measures.agreement(labels, logits)["auc"] == round(8 / 9, 4)


# --- the ceiling --------------------------------------------------------------------------------------------------


def test_wanted_attributes_are_likelier_than_average():
    logits = torch.full((2, len(ATTRIBUTES)), -9.0)
    logits[:, ATTRIBUTES.index("No_Beard")] = torch.tensor([9.0, -9.0])
    logits[0, ATTRIBUTES.index("Eyeglasses")] = -2  # .12, against a base rate of .06
    logits[1, ATTRIBUTES.index("race_Indian")] = 1
    wanted = baselines.wanted_attributes(logits, np.full(len(baselines.WANTED), 0.06))
    assert [name for name, w in zip(baselines.WANTED, wanted[0]) if w] == ["glasses"]
    assert [name for name, w in zip(baselines.WANTED, wanted[1]) if w] == ["beard", "dark_skin"]


def test_an_avatar_shows_what_it_was_drawn_with():
    attributes = avatars.Attributes(True, True, False, True, True, False, None, "dark")
    assert [n for n, v in zip(baselines.WANTED, baselines.depicted_attributes(attributes)) if v] == [
        "glasses", "bald", "beard", "male", "dark_skin", "old",
    ]  # fmt: skip
    hidden = attributes._replace(bald=None, hat=True, male=None, beard=False)
    assert baselines.depicted_attributes(hidden)[baselines.WANTED.index("male")] == 0.5


def test_what_a_style_leaves_open_is_neither_yes_nor_no():
    nothing = avatars.Attributes(*[None] * 8)
    assert baselines.depicted_attributes(nothing) == [0.5] * len(baselines.WANTED)
    cartoon = nothing._replace(glasses=True, bald=False, hair="grey")
    assert dict(zip(baselines.WANTED, baselines.depicted_attributes(cartoon))) == {
        "glasses": 1, "bald": 0, "hat": 0.5, "beard": 0.5, "male": 0.5, "hair_black": 0, "hair_brown": 0,
        "hair_blond": 0, "hair_grey": 1, "dark_skin": 0.5, "old": 1,
    }  # fmt: skip


def test_matching_cartoons_are_picked_by_their_labels(tmp_path):
    everything = rendering.draw("cartoon-set", range(12), write_cartoons(tmp_path))
    targets = [("bald", "beard", "male", "old"), ("glasses", "hair_blond"), ("hat", "hair_grey", "old", "glasses")]
    wanted = np.array([[name in target for name in baselines.WANTED] for target in targets])
    picked = baselines.matching_avatars(wanted, count=12, style="cartoon-set", among=everything)
    pictures = images.to_tensor(everything.pictures)[:, :3]
    index = [next(i for i, p in enumerate(pictures) if torch.equal(p, one)) for one in picked]
    result = [everything.attributes[i] for i in index]
    assert [(a.glasses, a.bald, a.hair) for a in result] == [
        (False, True, None), (True, False, "blond"), (True, False, "grey"),
    ]  # fmt: skip
    few = baselines.matching_avatars(wanted, count=2, style="cartoon-set", among=everything)
    assert all(any(torch.equal(p, one) for p in pictures[:2]) for one in few)


def test_matching_toons_are_toons():
    wanted = np.array([[name in ("bald", "male", "old") for name in baselines.WANTED]])
    picked = baselines.matching_avatars(wanted, count=50, style="toon-head")
    seeds = range(baselines.MATCHING_SEEDS, baselines.MATCHING_SEEDS + 50)
    bald = [s for s in seeds if rendering.sample(s, avatars.BALANCED_RATES, "toon-head").attributes.bald]
    drawn = images.to_tensor(rendering.draw("toon-head", bald, rates=avatars.BALANCED_RATES).pictures)[:, :3]
    assert any(torch.equal(picked[0], one) for one in drawn)


def test_matching_avatars_show_the_wanted_attributes():
    targets = [("male", "bald", "beard", "old"), ("glasses", "hair_blond"), ("male", "hair_black", "dark_skin")]
    wanted = np.array([[name in target for name in baselines.WANTED] for target in targets])
    pictures = baselines.matching_avatars(wanted, count=400)
    output = questions.judge_scores(nets.load_judge()(pictures))
    for i, target in enumerate(targets):  # of a bald man the judge reads the colour off his beard
        asked = [name for name in baselines.WANTED if "bald" not in target or name not in questions.HAIR]
        assert {name for name in asked if output[name][i] > 0} == set(target)
    assert torch.equal(pictures, baselines.matching_avatars(wanted, count=400))


# --- all of it ----------------------------------------------------------------------------------------------------


def test_few_pictures_give_dashes_and_the_same_figures_again(tiny_checkpoint, make_checkpoint, data_folder, tmp_path):
    other = str(make_checkpoint(tmp_path / "other", seed=1))
    call = {"split": "val", "limit": 3, "avatars_n": 30, "compare": [other]}
    figures, again = (faces.evaluate(str(tiny_checkpoint), data_folder, **call) for _ in "ab")
    assert figures == again
    json.dumps(figures, allow_nan=False)
    assert list(figures["measure"]["rows"]) == [str(tiny_checkpoint), other, *baselines.BASELINES]
    assert figures["measure"]["rows"][other]["hash"] != figures["hash"]
    text = faces.table(figures)
    assert "| — / — |" in text
    assert "nan" not in text
    assert figures["drawn"] is None
    assert text.startswith(tables.summary(figures) + "\n\n")
    assert "six right (five without hair), by the judge, of 3 |" in text


def _of_style(made, style):
    """The checkpoint, said to be of a style."""
    info = checkpoint.read_config(made)
    (made / "config.json").write_text(json.dumps({**info, "trained": {"style": style}}))
    return made


def _row(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_a_translation_to_toons_is_measured_by_their_judge(make_checkpoint, data_folder, tmp_path):
    toons = _of_style(make_checkpoint(tmp_path / "toons"), "toon-head")
    figures = faces.evaluate(str(toons), data_folder, split="val", limit=8, avatars_n=30)
    json.dumps(figures, allow_nan=False)
    assert figures["style"] == "toon-head"
    assert figures["judge_hash"] == checkpoint.weights_hash(checkpoint.find("judge-toon-head"))
    assert set(figures["dtn"]["attributes"]) == set(questions.NINE)
    asked = figures["measure"]["rows"][str(toons)]["agreement"]["questions"]
    for name in ("glasses", "hat"):
        assert figures["dtn"]["attributes"][name] == {"auc": None, "balanced_accuracy": None}
        assert asked[name]["auc"] is None
    assert asked["male"]["auc"] is not None
    text = faces.table(figures)
    assert _row(text, "| hat (CelebA, ").endswith(" of 8) | — / — | — / — | — / — | — / — |  |")
    assert _row(text, "| **mean of the six** | ")
    assert "pack doesn't tell: glasses, hat." in text
    (drawn,) = rendering.render_many(range(baselines.FIRST_SEED, baselines.FIRST_SEED + 30), style="toon-head")
    learnt, unseen = baselines.drawn_pool("toon-head", data_folder, 30, 4)
    assert (learnt.pictures == drawn).all()
    assert len(unseen.pictures) == 4


def test_a_translation_to_cartoons_is_measured_against_their_pack(make_checkpoint, data_folder, tmp_path):
    data = write_cartoons(tmp_path / "data", 44)
    for name in ("celeba.zip", "celeba_attributes.csv", "utkface.zip"):
        (data / name).symlink_to(data_folder / name)
    made = _of_style(make_checkpoint(tmp_path / "cartoons"), "cartoon-set")
    figures = faces.evaluate(str(made), data, split="val", limit=6)
    json.dumps(figures, allow_nan=False)
    assert figures["judge_hash"] == checkpoint.weights_hash(checkpoint.find("judge-cartoon-set"))
    assert figures["avatar_pool"] == 22  # and the other half is held out
    assert figures["measure"]["avatars_compared_with"] == 11
    text = faces.table(figures)
    assert _row(text, "| **mean of the four** | ")
    assert "pack doesn't tell: hat, beard, male, dark_skin." in text
    (data / "cartoonset.zip").unlink()
    with pytest.raises(UserError, match=r"^[^\n]*cartoonset.zip: missing[^\n]*$"):
        faces.evaluate(str(made), data, split="val", limit=6)


def test_values_of_another_style_are_refused(make_checkpoint, tiny_checkpoint, tmp_path):
    toons = _of_style(make_checkpoint(tmp_path / "toons"), "toon-head")
    other = _of_style(make_checkpoint(tmp_path / "other"), "crayons")
    for call, says in (
        (
            {"name": str(tiny_checkpoint), "compare": [str(toons)]},
            "--compare .*toons: draws toon-head, but .*avataaars",
        ),
        ({"name": str(toons), "compare": [str(tiny_checkpoint)]}, "draws avataaars, but .*toon-head"),
        ({"name": str(toons), "judge": "judge"}, "judge: judges avataaars, but .* Use judge-toon-head"),
        ({"name": str(tiny_checkpoint), "judge": "judge-toon-head"}, "judges toon-head, but .* Use judge\\."),
        ({"name": str(other)}, "style 'crayons' is unknown"),
    ):
        with pytest.raises(UserError, match=rf"^[^\n]*{says}[^\n]*$"):
            faces.evaluate(data=tmp_path, **call)


def test_old_figures_have_the_old_table_only():
    cell = {"auc": 0.8, "balanced_accuracy": 0.7}
    row = {**cell, "attributes": dict.fromkeys(questions.NINE, cell)}
    kinds = dict.fromkeys(("dtn", "nearest_avatar", "random_avatar"), row)
    figures = {**kinds, "f_constancy": dict.fromkeys(kinds, 0.3), "diversity": {"share": 0.9}}
    text = faces.table(figures)
    assert text.count("\n") == len(questions.NINE) + 4
    assert "| glasses | 0.80 / 0.70 | 0.80 / 0.70 | 0.80 / 0.70 |" in text


@pytest.mark.parametrize(
    ("compare", "says"), [("emoji", "name every checkpoint once"), ("digits", "doesn't make"), ("no-such", "not found")]
)
def test_an_invalid_comparison_is_reported(compare, says, tmp_path, capsys):
    assert main(["evaluate", "faces", "--data", str(tmp_path), "--compare", compare]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
