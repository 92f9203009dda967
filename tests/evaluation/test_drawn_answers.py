"""What a drawing shows, and how right that is."""

import numpy as np
import pytest
import torch
from made_predictors import make_avatar_predictor

from dtn_core.avatars import attributes as avatars
from dtn_core.avatars import rendering
from dtn_core.avatars.avatar import Avatar
from dtn_core.avatars.choose import HAIR_ATTRIBUTES
from dtn_core.avatars.engine import parameters_of
from dtn_core.avatars.parameters import HAIR_COLOURS, SPECS, Parameters
from dtn_core.core.images import to_tensor
from dtn_core.data.portraits import UNKNOWN
from dtn_core.evaluation.drawn import accuracy
from dtn_core.evaluation.drawn import depicted_attributes as depicted
from dtn_core.evaluation.drawn.predictions import AvatarPredictions, predict_avatars
from dtn_core.evaluation.measures import confusion
from dtn_core.evaluation.questions import HAIR, YES_NO


def drawing(style="avataaars", colours=None, **variants):
    return Parameters(style, variants, colours or {})


def test_a_drawing_shows_what_its_parameters_say():
    drawn = drawing(colours={"hair": "#4a312c", "skin": "#614335"}, top="bob", accessories="round", mouth="smile")
    assert depicted.of_parameters(drawn) == depicted.DepictedAttributes(
        True, False, False, False, False, True, True, "brown", 4
    )
    plain = depicted.of_parameters(drawing(top="theCaesar", mouth="serious"))
    assert (plain.male, plain.smiling, plain.mouth_open, plain.skin) == (True, False, False, 0)
    assert depicted.of_parameters(drawing(top="fro")).male is None
    assert depicted.of_parameters(drawing(mouth=SPECS["avataaars"].kinds["mouth"]["open"][0])).mouth_open


def test_hidden_text_is_not_announced():
    hat = depicted.of_parameters(drawing(top="hat"))
    assert (hat.hat, hat.bald, hat.male, hat.hair) == (True, None, None, None)
    bald = depicted.of_parameters(drawing(top="sides"))
    assert (bald.hat, bald.bald, bald.male, bald.hair) == (False, True, None, None)
    for top in ("hat", "sides", "bob"):
        assert depicted.of_parameters(drawing(top=top, facialHair="beardLight")).male is True


def test_a_style_does_not_say_what_it_can_not_show():
    toon = depicted.of_parameters(drawing("toon-head", hair="", rearHair="", mouth="laugh"))
    assert (toon.glasses, toon.hat, toon.bald, toon.male, toon.mouth_open) == (None, None, True, None, True)
    assert depicted.of_parameters(drawing("toon-head", hair="spiky", rearHair="longWavy")).male is False
    assert depicted.supported_questions("toon-head") == ["bald", "beard", "male"]
    assert depicted.supported_questions("avataaars") == list(YES_NO)
    result = depicted.answers_of("toon-head", [toon], np.array([False]))
    assert set(result.yes) == {"bald", "beard", "male", "smiling", "mouth_open"}
    assert result.hair.tolist() == [""]


@pytest.mark.parametrize("style", SPECS)
def test_parameters_and_labels_of_the_same_avatar_agree(style):
    for seed in range(300):
        avatar = rendering.sample(seed, avatars.BALANCED_RATES, style)
        p = parameters_of(style, avatar.options)
        read, result = depicted.of_parameters(p), depicted.of_attributes(avatar.attributes)
        hidden = read.male is None or result.male is None or p.variants.get("hair") == "bun"
        same = {"male": None} if hidden else {}
        same |= {"mouth_open": None, "smiling": read.smiling}
        assert read._replace(**same) == result._replace(**same), seed


def test_names_of_hair_are_those_of_the_nearest_colour():
    for name, codes in HAIR_COLOURS.items():
        assert {depicted.hair_name(code) for code in codes} == {name}
    assert depicted.hair_name("#000000") == "black"
    assert depicted.hair_name("#d8b475") == "blond"


def test_c_decides_for_those_whose_drawing_leaves_the_sex_open():
    many = [depicted.of_parameters(drawing(top=top)) for top in ("hat", "hat", "bob", "theCaesar")]
    male = np.array([True, False, True, False])
    assert depicted.answers_of("avataaars", many, male).yes["male"].tolist() == [1, 0, 0, 1]
    result = depicted.answers_of("avataaars", many)
    np.testing.assert_array_equal(result.yes["male"], [np.nan, np.nan, 0, 1])
    assert result.yes["bald"].tolist() == [0, 0, 0, 0]  # what is hidden isn't there


def told_of(n, **likely):
    """f's probabilities: a tenth of everything but what is given."""
    names = ("Wearing_Hat", "Bald", "Male", "Mustache", "Eyeglasses", "Smiling", "Mouth_Slightly_Open")
    names = (*names, *HAIR_ATTRIBUTES.values(), "race_Black", "race_Indian", "age_60")
    result = {name: np.full(n, 0.1) for name in names}
    return result | {"No_Beard": np.full(n, 0.9)} | {name: np.array(v, float) for name, v in likely.items()}


def test_fs_own_reading_is_cut_at_a_half():
    result = told_of(2, No_Beard=[0.4, 0.6], Mustache=[0.1, 0.2], Smiling=[0.51, 0.49], Gray_Hair=[0.3, 0.05])
    read = depicted.answers_of_f("avataaars", result)
    assert read.yes["beard"].tolist() == [1, 0]
    assert read.yes["smiling"].tolist() == [1, 0]
    assert read.yes["glasses"].tolist() == [0, 0]
    assert read.hair.tolist() == ["grey", "black"]
    assert set(depicted.answers_of_f("toon-head", result).yes) == {"bald", "beard", "male", "smiling", "mouth_open"}


def test_precision_recall_and_balanced_accuracy_by_hand():
    labels, drawn = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool), np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)
    assert confusion(labels, drawn) == {
        "precision": round(2 / 3, 4), "recall": round(2 / 3, 4), "balanced_accuracy": round((2 / 3 + 4 / 5) / 2, 4),
        "labelled": 3, "drawn": 3, "n": 8,
    }  # fmt: skip
    none = np.zeros(4, bool)
    nothing = dict.fromkeys(("precision", "recall", "balanced_accuracy"))
    assert confusion(none, none) == {**nothing, "labelled": 0, "drawn": 0, "n": 4}


def truth_of(n, **labels):
    names = (*YES_NO, *HAIR, "smiling", "mouth_open")
    return {name: np.array(labels.get(name, [0] * n), np.float32) for name in names}


def test_hair_colour_is_asked_only_with_one_label():
    truth = truth_of(4, hair_black=[1, 1, 0, 1], hair_grey=[0, 0, 1, 1])
    black, hat = drawing(colours={"hair": "#2c1b18"}, top="bob"), drawing(top="hat")
    output = depicted.answers_of("avataaars", [depicted.of_parameters(p) for p in (black, hat, black, black)])
    rows = accuracy.question_confusions(truth, output)
    assert (rows["hair_black"]["labelled"], rows["hair_black"]["drawn"], rows["hair_black"]["n"]) == (2, 2, 3)
    assert (rows["hair_black"]["precision"], rows["hair_black"]["recall"]) == (0.5, 0.5)  # one is under a hat
    assert rows["hair_grey"]["recall"] == 0
    assert (rows["hat"]["precision"], rows["hat"]["n"]) == (0, 4)
    assert rows["male"]["drawn"] == 0


def predictions(style="avataaars", skins=(), result=None, chances=None):
    """Photos as c would portray them, without c."""
    palette = SPECS[style].colours["skin"]
    drawn = [Avatar(Parameters(style, {}, {"skin": palette[i]}), {}) for i in skins]
    both = {"sure": drawn, "balanced": drawn}
    return AvatarPredictions(make_avatar_predictor(style), torch.zeros(len(skins), 56), result, chances, both)


@pytest.mark.parametrize("style", SPECS)
def test_soft_scores_need_no_threshold(style):
    truth = truth_of(4, glasses=[0, 0, 1, 1], male=[0, 1, 0, 1], smiling=[0, 0, 1, 1], hair_grey=[0, 0, 0, 1])
    asked = depicted.supported_questions(style)
    chances = {name: np.full(4, 0.01) for name in (*asked, *(f"hair:{name}" for name in HAIR_ATTRIBUTES))}
    if "glasses" in asked:
        chances["glasses"] = np.array([0.01, 0.02, 0.03, 0.04])
    chances["male"] = np.array([0.4, 0.3, 0.2, 0.1])  # of four pairs, one is in order
    chances["hair:grey"] = np.array([0, 0, 0, 1.0])
    result = told_of(4, Eyeglasses=[0.1, 0.8, 0.3, 0.9], Smiling=[0.6, 0.7, 0.8, 0.9])
    dark = {"dark_skin": np.array([0, 1, UNKNOWN, 0], np.float32)}
    people = predictions(style, (0, 4, 4, 1), told_of(4, race_Black=[0.2, 0.1, 0.9, 0.1]))
    figures = accuracy.probability_aucs(
        {"celeba": truth, "utkface": dark}, predictions(style, (0,) * 4, result, chances), people
    )
    rows = figures["questions"]
    assert ("glasses" in rows) == (style != "toon-head")
    assert ("hat" in rows) == (style == "avataaars")
    if "glasses" in rows:
        assert rows["glasses"] == {"c": 1, "f": 0.75, "positives": 2, "n": 4}
    assert rows["male"]["c"] == 0.25
    assert rows["hair_grey"]["c"] == 1
    assert rows["hair_black"] == {"c": None, "f": None, "positives": 0, "n": 4}
    assert rows["dark_skin"] == {"c": 1, "f": 0.25, "positives": 1, "n": 3}
    assert rows["smiling"]["c"] == rows["smiling"]["f"] == 1
    known = [row["c"] for name, row in rows.items() if row["c"] is not None and name != "smiling"]
    assert figures["mean"]["c"] == pytest.approx(np.mean(known), abs=1e-4)
    assert figures["asked"] == len(asked) + 5


def test_parts_are_joined_and_the_sure_point_is_what_the_app_draws():
    predictor = make_avatar_predictor()
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (300, 64, 64, 3), dtype=np.uint8)
    many = predict_avatars(predictor, crops)
    assert len(many) == len(many.avatars["sure"]) == len(many.avatars["balanced"]) == 300
    alone = predictor(to_tensor(crops[290:]))
    assert [a.parameters for a in alone] == [a.parameters for a in many.avatars["sure"][290:]]
    assert many.avatars["sure"] != many.avatars["balanced"]
    male = many.chances["male"] > 0.5
    answers = many.answers("sure")
    hidden = [s.male is None for s in many.depicted("sure")]
    assert (answers.yes["male"][hidden] == male[hidden]).all()
    assert (many.answers("balanced").yes["glasses"] >= answers.yes["glasses"]).all()
    assert many.skin().shape == (300, 3)
    few = predict_avatars(predictor, crops[:2])
    assert few.pictures("sure").shape == (2, 3, 64, 64)
    assert few.pictures("sure").min() >= -1
