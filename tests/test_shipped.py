"""What is shipped works and is what its figures say."""

import json
import re

import numpy as np
import pytest

from dtn_core.avatars import styles
from dtn_core.core.images import to_tensor
from dtn_core.data import digits as domain
from dtn_core.data.drawn_digits import draw_many
from dtn_core.evaluation import digits, faces, upscaling
from dtn_core.evaluation.experiments import report
from dtn_core.evaluation.experiments.digits import hash_of
from dtn_core.evaluation.experiments.figures import read_figures
from dtn_core.networks import checkpoint
from dtn_core.networks.checkpoint import SHIPPED, weights_hash
from dtn_core.networks.judge import JUDGE_ATTRIBUTES
from dtn_core.pipeline import model
from dtn_core.pipeline.digits import DigitTransferrer
from dtn_core.pipeline.photo import Transferrer

ROOT = SHIPPED.parent
METRICS = json.loads((SHIPPED / "emoji" / "metrics.json").read_text())


@pytest.mark.parametrize("picture", ["hopper", "astronaut"])
def test_a_portrait_becomes_a_clean_emoji(picture, request):
    result = Transferrer.from_checkpoint("emoji")(request.getfixturevalue(picture))
    assert len(result.faces) == 1
    raw, large = result.faces[0].raw, result.faces[0].image
    assert raw.shape == (64, 64, 4)
    assert large.shape == (256, 256, 4)
    alpha = large[..., 3]
    assert alpha[:20, :20].mean() < 40  # clear in the corners
    assert alpha[120:200, 90:170].mean() > 230  # solid in the face
    assert ((alpha < 30) | (alpha > 225)).mean() > 0.85
    assert np.abs(result.composed.astype(int) - result.frame).mean() > 1


def test_two_people_become_two_emoji(hopper, astronaut):
    transferrer = Transferrer.from_checkpoint("emoji")
    one, other = (transferrer(picture).faces[0].raw.astype(int) for picture in (hopper, astronaut))
    assert np.abs(one - other).mean() > 5


def test_the_figures_are_those_of_the_weights_and_are_quoted():
    digest = weights_hash(SHIPPED / "emoji")
    assert METRICS["hash"] == digest
    assert METRICS["judge_hash"] == weights_hash(SHIPPED / "judge")
    assert METRICS["data"]["split"] == "test"
    if METRICS.get("drawn"):
        assert METRICS["drawn"]["drawer"] == weights_hash(SHIPPED / "emoji", "avatar*.safetensors")


@pytest.mark.parametrize("name", sorted(path.parent.name for path in SHIPPED.glob("*/metrics.json")))
def test_every_card_has_all_figures_of_its_weights(name):
    figures = json.loads((SHIPPED / name / "metrics.json").read_text())
    card = (SHIPPED / name / "README.md").read_text(encoding="utf-8")
    assert figures["hash"] == weights_hash(SHIPPED / name)
    assert figures["hash"] in card
    assert faces.table(figures) in card


def test_it_beats_its_baselines_and_is_varied():
    for baseline in ("nearest_avatar", "random_avatar"):
        assert METRICS["dtn"]["auc"] > METRICS[baseline]["auc"]
        assert METRICS["dtn"]["balanced_accuracy"] > METRICS[baseline]["balanced_accuracy"]
    assert METRICS["diversity"]["share"] >= 0.7
    assert min(METRICS["judge_balanced_accuracy_on_held_out_avatars"].values()) >= 0.97


@pytest.mark.parametrize("style", styles.STYLES)
def test_every_style_has_a_judge_with_a_measured_card(style):
    folder = SHIPPED / styles.STYLES[style].judge
    info, card = checkpoint.read_config(folder), (folder / "README.md").read_text(encoding="utf-8")
    faces.load_judge(styles.STYLES[style].judge)
    assert faces.style_of(info, style) == style
    figures = info["trained"]["balanced_accuracy_on_held_out_avatars"]
    result = set(JUDGE_ATTRIBUTES) - set(styles.STYLES[style].unlabelled)
    assert set(figures) - {"mean"} == result
    if style != "avataaars":  # all of whose are above the one figure that its card has
        assert figures["mean"] > 0.95
        assert {f"{v:.3f}".removeprefix("0") for k, v in figures.items() if k != "mean"} <= set(
            re.findall(r"[01]?\.\d{3}", card)
        )
    author = styles.STYLES[style].credit.split(" by ")[1].split(",")[0]
    assert author in " ".join(card.split())
    assert ("CC BY 4.0" in card) == ("CC BY 4.0" in styles.STYLES[style].credit)


def test_upscaling_gains_three_decibels():
    figures = json.loads((ROOT / "results" / "upscaling.json").read_text())
    assert figures["hash"] == METRICS["hash"]
    assert figures["gain_db"] >= 3
    assert upscaling.evaluate("emoji", 8)["gain_db"] >= 3


def test_the_figures_come_out_again(data_folder):
    """A part of the held-out photos, measured again, scores near the whole."""
    again = faces.evaluate("emoji", data_folder, limit=80, avatars_n=300)
    assert again["dtn"]["auc"] == pytest.approx(METRICS["dtn"]["auc"], abs=0.08)


DIGITS = read_figures(ROOT / "results" / "digits.json")


def test_the_digits_figures_are_those_of_the_weights_and_are_quoted():
    digest = weights_hash(SHIPPED / "digits")
    best = DIGITS["rows"]["best"]["0"]
    assert best["hash"] == digest
    assert best["f_hash"] == hash_of(SHIPPED / "digits")
    assert best["f_hash"] == hash_of(SHIPPED / "digits-f-adapted")
    assert DIGITS["f"]["hash"] == hash_of(SHIPPED / "digits-f")
    assert DIGITS["judge"]["hash"] == hash_of(SHIPPED / "digits-judge")
    tables = report.markdown(DIGITS).strip()
    card = (SHIPPED / "digits" / "README.md").read_text(encoding="utf-8")
    assert digest in card
    for text in (card, (ROOT / "results" / "digits.md").read_text(encoding="utf-8")):
        assert tables in text


def test_the_digits_beat_the_paper_and_their_ablations():
    accuracy = {key: np.mean([r["accuracy"] for r in seeds.values()]) for key, seeds in DIGITS["rows"].items()}
    assert accuracy["dtn"] > 0.9066
    assert accuracy["best"] > 0.95
    for key in ("baseline", "no_f", "no_tid", "no_const", "no_const_tid"):
        assert accuracy["dtn"] > accuracy[key] + 0.02, key


def test_the_digits_figures_come_out_again(data_folder):
    judge, test = checkpoint.load_encoder("digits-judge"), domain.svhn(data_folder, "test")
    again = digits.measure(model.load("digits"), judge, test)
    assert again["n"] == DIGITS["rows"]["best"]["0"]["n"]
    assert again["accuracy"] == pytest.approx(DIGITS["rows"]["best"]["0"]["accuracy"], abs=0.003)


def test_drawn_house_numbers_become_the_same_digit():
    x, y = draw_many("street", 5, 100)
    transferrer = DigitTransferrer.from_checkpoint()
    judged = transferrer.judge_output(transferrer.transfer(to_tensor(x))).argmax(1)
    assert (np.asarray(judged) == y).mean() > 0.75


def test_weights_fit_the_budget():
    files = list(SHIPPED.rglob("*.safetensors"))
    assert max(f.stat().st_size for f in files) < 20e6
    assert sum(f.stat().st_size for f in files) < 60e6
    assert checkpoint.load_encoder("encoder-drawn").config == model.load("emoji").f.config
