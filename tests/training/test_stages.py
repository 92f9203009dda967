"""Encoder, judge and upscaler: each learns something from a few steps on made data."""

import csv
import json
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from made_cartoons import write_cartoons

from dtn_core.avatars import rendering, styles
from dtn_core.avatars.attributes import BALANCED_RATES
from dtn_core.avatars.rendering import render_many, sample
from dtn_core.config import PRESETS
from dtn_core.core import augment
from dtn_core.core.errors import UserError
from dtn_core.core.images import to_tensor
from dtn_core.data import illustrations
from dtn_core.data.portraits import UNKNOWN
from dtn_core.networks import checkpoint
from dtn_core.networks.judge import JUDGE_ATTRIBUTES
from dtn_core.networks.resnet import ATTRIBUTES, CELEBA, SKIN_MEAN, SKIN_SPREAD
from dtn_core.pipeline import model
from dtn_core.training import run_training
from dtn_core.training.events import Stepped, read
from dtn_core.training.stages.encoder import DEPICTED, EncoderStage, attribute_loss
from dtn_core.training.stages.judge import JudgeStage, balanced_avatars, labels_of
from dtn_core.training.stages.upscaler import UpscalerStage, psnr


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with made pictures: Bald ones are bright."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for stem, shape in (("celeba", (109, 89, 3)), ("celebahq", (104, 104, 3))):
        with (
            zipfile.ZipFile(folder / f"{stem}.zip", "w") as pack,
            (folder / f"{stem}_attributes.csv").open("w") as table,
        ):
            writer = csv.writer(table)
            writer.writerow(["file", *CELEBA])
            for i in range(150):
                bald = i % 2
                picture = np.clip(rng.normal(200 if bald else 50, 10, shape), 0, 255).astype(np.uint8)
                pack.writestr(f"{i}.jpg", cv2.imencode(".jpg", picture)[1].tobytes())
                writer.writerow([f"{i}.jpg", *(bald if name == "Bald" else int(i % 3 == 0) for name in CELEBA)])
    with zipfile.ZipFile(folder / "utkface.zip", "w") as pack:
        for i in range(150):
            picture = cv2.imencode(".jpg", rng.integers(0, 255, (200, 200, 3), np.uint8))[1].tobytes()
            pack.writestr(f"{10 + i % 70}_{i % 2}_{i % 4}_{i}.jpg", picture)
    return folder


def test_every_kind_trains_from_its_tiny_preset_and_resumes(data, tmp_path):
    run, encoder = run_training(PRESETS["encoder-tiny"], "encoder", tmp_path, str(data))
    assert checkpoint.load_encoder(encoder)(torch.zeros(1, 3, 64, 64)).shape == (1, 16 + len(ATTRIBUTES))
    config = replace(PRESETS["faces-tiny"], encoder=str(encoder), steps=4)
    run, made = run_training(config, "faces", tmp_path, str(data))
    assert model.load(made).info["trained"]["steps"] == 4
    assert sorted(p.name for p in (run / "samples").iterdir()) == ["000004.png"]
    again, _ = run_training(None, "faces", tmp_path, str(data), resume=run)
    assert again == run
    with pytest.raises(UserError, match="no such folder"):
        run_training(config, "faces", tmp_path / "other", str(data / "nowhere"))
    assert not (tmp_path / "other").exists()


def test_f_learns_from_illustrations_and_continues_from_a_checkpoint(data, tmp_path):
    _, first = run_training(PRESETS["encoder-tiny"], "encoder", tmp_path, str(data))
    config = replace(PRESETS["encoder-tiny"], limit=12, drawn=0.5, squash=True, start=str(first))
    stage = EncoderStage(config, data, Accelerator(cpu=True))
    begun = checkpoint.load_encoder(first)
    assert torch.allclose(next(stage.net.parameters()), next(begun.parameters()), atol=1e-3)
    assert len(stage.drawn[0]) == 12 * len(illustrations.ILLUSTRATION_STYLES)
    labels = stage._make_batch(1).labels
    blurry = labels[:, ATTRIBUTES.index("Blurry")]
    assert (blurry[4:] == -1).all()
    assert (blurry[:4] != -1).any()
    _, made = run_training(config, "encoder", tmp_path, str(data))
    assert checkpoint.load_encoder(made).squash
    assert not checkpoint.load_encoder(first).squash
    run_training(replace(config, start=str(made)), "encoder", tmp_path, str(data))  # squashed or not
    with pytest.raises(UserError, match="instead of"):
        EncoderStage(replace(config, hidden=8), data, Accelerator(cpu=True))


RICH = replace(
    PRESETS["encoder-tiny"], celebahq=0.5, relight=0.5, focus=2.0, skin=0.5, size=80, drawn=0.25, limit=12
)  # fmt: skip


def test_f_learns_from_both_sets_of_heads_under_any_light_and_the_skin_too(data, tmp_path):
    run, made = run_training(RICH, "encoder", tmp_path, str(data))
    config = checkpoint.read_config(made)["encoder"]
    assert (config["size"], config["skin"]) == (80, True)
    f = checkpoint.load_encoder(made)
    features = f(torch.rand(2, 3, 64, 64))
    assert features.shape == (2, 16 + len(ATTRIBUTES))
    assert f.skin_lab(features).shape == (2, 3)
    steps = [stamped.event for stamped in read(run / "events.jsonl")[0] if isinstance(stamped.event, Stepped)]
    assert {"loss", "attributes", "skin"} <= set(steps[0].losses)
    result = {name for step in steps for name in step.losses}
    assert {"val/auc", "val/skin_error", "val/skin_drift", "val/Bald", "val/Bald@hq", "val/Male@utk"} <= result
    assert run_training(None, "encoder", tmp_path, str(data), resume=run)[0] == run


def test_a_batch_has_its_shares_of_every_set(data):
    stage = EncoderStage(replace(RICH, batch=40, utkface=0.2), data, Accelerator(cpu=True))
    assert [len(part) > 0 for part in stage.train_sets] == [True] * 3
    batch = stage._make_batch(1)
    assert batch.x.shape == (40, 3, 80, 80)
    assert batch.labels.shape == (40, len(ATTRIBUTES))
    assert batch.skin.shape == (40, 3)
    tight = batch.labels[:, ATTRIBUTES.index("race_White")] != UNKNOWN
    whole = batch.labels[:, ATTRIBUTES.index("Attractive")] != UNKNOWN
    assert tight[:6].all()  # a fifth of 30 photos
    assert whole[6:30].all()
    assert not whole[[*range(6), *range(30, 40)]].any()
    same = stage._make_batch(1)
    assert all(torch.equal(one, other) for one, other in zip(batch, same))
    assert not torch.equal(batch.x, stage._make_batch(2).x)
    plain = EncoderStage(replace(RICH, celebahq=0.0, skin=0.0, drawn=0.0), data, Accelerator(cpu=True))
    assert len(plain.train_sets) == 2
    assert plain.net.skin is None
    assert set(plain.step(1)) == {"loss", "attributes"}


def test_the_skins_colour_is_learnt_from_the_cheeks(data):
    stage = EncoderStage(
        replace(RICH, utkface=0.0, relight=0.0, drawn=0.0, skin=5.0, lr=1e-2, steps=60, batch=16), data,
        Accelerator(cpu=True),
    )  # fmt: skip
    for skins, part in zip(stage.skins, stage.train_sets):
        assert skins.shape == (len(part), 3)
    bald = stage.train_sets[0].labels[:, ATTRIBUTES.index("Bald")] == 1
    lightness = stage.skins[0][:, 0] * SKIN_SPREAD[0] + SKIN_MEAN[0]
    assert lightness[bald].mean() == pytest.approx(80, abs=3)  # grey 200
    assert lightness[~bald].mean() == pytest.approx(21, abs=3)  # grey 50
    first = float(stage.step(1)["skin"])
    for step in range(2, 61):
        last = float(stage.step(step)["skin"])
    assert last < 0.5 * first
    figures = stage.validate()
    assert figures["skin_error"] < 15
    assert figures["skin_drift"] >= 0


def test_what_an_avatar_shows_may_count_more(data):
    stage = EncoderStage(replace(RICH, limit=4), data, Accelerator(cpu=True))
    weights = dict(zip(ATTRIBUTES, stage.weights.tolist()))
    assert set(ATTRIBUTES) >= DEPICTED
    assert {name for name, weight in weights.items() if weight == 2} == DEPICTED
    assert {weight for name, weight in weights.items() if name not in DEPICTED} == {1}
    logits, labels = torch.tensor([[0.0, 3.0, 0.0]]), torch.tensor([[1.0, 0.0, UNKNOWN]])
    even = attribute_loss(logits, labels, Accelerator(cpu=True))
    first = attribute_loss(logits, labels, Accelerator(cpu=True), torch.tensor([3.0, 1.0, 1.0]))
    a, b = np.log(2), np.log1p(np.exp(3))
    assert even.item() == pytest.approx((a + b) / 2)
    assert first.item() == pytest.approx((3 * a + b) / 4)


@pytest.mark.parametrize("before", [{}, {"skin": 0.0}, {"size": 64}, {"skin": 0.0, "size": 64, "squash": True}])
@pytest.mark.parametrize("after", [{}, {"skin": 0.0}])
def test_f_continues_from_another_size_and_without_a_skin_head(data, tmp_path, before, after):
    short = replace(RICH, steps=1, drawn=0.0, limit=8)
    _, first = run_training(replace(short, **before), "encoder", tmp_path, str(data))
    stage = EncoderStage(replace(short, start=str(first), **after), data, Accelerator(cpu=True))
    begun, now = checkpoint.load_encoder(first).state_dict(), stage.net.state_dict()
    shared = set(begun) & set(now)
    assert {name for name in set(begun) ^ set(now) if not name.startswith("skin.")} == set()
    assert all(torch.equal(now[name], begun[name]) for name in shared)
    stage.step(1)


def test_a_missing_set_is_named_in_a_line(data, tmp_path):
    for name in ("celeba.zip", "celeba_attributes.csv", "utkface.zip"):
        (tmp_path / name).symlink_to(data / name)
    EncoderStage(replace(RICH, celebahq=0.0, limit=4), tmp_path, Accelerator(cpu=True))
    with pytest.raises(UserError, match=r"celebahq_attributes.csv: missing.*celebahq.zip") as caught:
        EncoderStage(RICH, tmp_path, Accelerator(cpu=True))
    assert "\n" not in str(caught.value)


def test_the_judges_labels_follow_the_drawing():
    avatars = [sample(seed, BALANCED_RATES) for seed in range(200)]
    labels = np.array([labels_of(a.attributes) for a in avatars])
    assert labels.shape == (200, len(JUDGE_ATTRIBUTES))
    for name in JUDGE_ATTRIBUTES:
        column = labels[:, JUDGE_ATTRIBUTES.index(name)]
        assert {0.0, 1.0} <= set(column.tolist()), name
    hatted = labels[:, JUDGE_ATTRIBUTES.index("hat")] == 1
    assert (labels[hatted][:, JUDGE_ATTRIBUTES.index("hair_black")] == -1).all()


def test_the_judge_learns():
    stage = JudgeStage(
        replace(PRESETS["judge-tiny"], steps=60, avatars=128, batch=32, lr=5e-3), None, Accelerator(cpu=True)
    )
    first = stage.step(1)["loss"]
    for step in range(2, 61):
        last = stage.step(step)["loss"]
    assert last < 0.7 * first
    assert set(stage.validate()) == {"mean", *JUDGE_ATTRIBUTES}


def test_the_judges_avatars_are_of_its_style():
    x, y = balanced_avatars(5, 3)
    assert torch.equal(x, to_tensor(render_many(range(5, 8), (64,), BALANCED_RATES)[0])[:, :3])
    toons, result = balanced_avatars(5, 3, "toon-head")
    assert torch.equal(toons, to_tensor(render_many(range(5, 8), (64,), BALANCED_RATES, style="toon-head")[0])[:, :3])
    unknown = (result == UNKNOWN).all(0)
    assert [name for name, none in zip(JUDGE_ATTRIBUTES, unknown) if none] == list(
        styles.STYLES["toon-head"].unlabelled
    )
    assert (y != UNKNOWN).any(0).all()


def _judge(style, data=None, **changes):
    config = replace(PRESETS["judge-tiny"], style=style, steps=60, batch=32, lr=5e-3, **changes)
    return JudgeStage(config, data, Accelerator(cpu=True))


@pytest.mark.parametrize("style", ["toon-head", "cartoon-set"])
def test_the_judge_of_another_style_learns_its_labels(style, tmp_path):
    data = write_cartoons(tmp_path, 48) if style in styles.PACKS else None
    stage = _judge(style, data, avatars=96)
    first = stage.step(1)["loss"]
    for step in range(2, 61):
        last = stage.step(step)["loss"]
    assert last < 0.7 * first
    figures = stage.validate()
    assert set(figures) <= {"mean", *JUDGE_ATTRIBUTES} - set(styles.STYLES[style].unlabelled)
    assert figures["mean"] > 0.6
    trained = json.loads((stage.export(tmp_path / "export", 60) / "config.json").read_text())["trained"]
    assert trained["style"] == style
    json.dumps(trained, allow_nan=False)


def test_the_judge_of_a_pack_excludes_held_out_pictures(tmp_path):
    data = write_cartoons(tmp_path)
    stage = _judge("cartoon-set", data)
    learnt, held_out = rendering.split_pack("cartoon-set", data)
    assert torch.equal(stage.x, to_tensor(learnt.pictures)[:, :3])
    assert torch.equal(stage.val[0], to_tensor(held_out.pictures)[:, :3])
    assert stage.y.tolist() == [labels_of(a) for a in learnt.attributes]
    assert len(_judge("cartoon-set", data, avatars=4).x) == 4
    assert stage.mirrors
    assert not _judge("avataaars", avatars=8).mirrors


def test_mirroring_turns_some_and_leaves_some():
    x = torch.rand(40, 3, 4, 4)
    once, again = (augment.random_flip(x, torch.Generator().manual_seed(0)) for _ in "ab")
    assert torch.equal(once, again)
    turned = (once == x.flip(3)).flatten(1).all(1)
    assert torch.equal(once[~turned], x[~turned])
    assert 10 < turned.sum() < 30


def test_a_judge_without_its_pack_creates_no_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("DTN_DATA", raising=False)
    with pytest.raises(UserError, match=r"^no data folder[^\n]*DTN_DATA[^\n]*$"):
        run_training(PRESETS["judge-cartoon"], "judge", tmp_path / "runs", None)
    assert not (tmp_path / "runs").exists()


def test_the_upscaler_starts_as_bicubic_and_gets_better():
    stage = UpscalerStage(
        replace(PRESETS["upscaler-tiny"], steps=60, lr=3e-3, width=16, batch=8), None, Accelerator(cpu=True)
    )
    before = stage.validate()
    assert before["psnr_clean"] == pytest.approx(before["psnr_clean_bicubic"], abs=0.01)
    for step in range(1, 61):
        stage.step(step)
    after = stage.validate()
    assert after["psnr_rough"] > before["psnr_rough"] + 0.1


def test_roughening_keeps_range_and_is_seeded():
    x = torch.zeros(2, 4, 16, 16)
    a, b = (augment.as_generated(x, torch.Generator().manual_seed(3)) for _ in "ab")
    assert torch.equal(a, b)
    assert a.abs().max() <= 1
    assert psnr(x, x) == pytest.approx(106, abs=1)


def test_unknown_labels_do_not_count():
    logits = torch.zeros(1, 3)
    loss = attribute_loss(logits, torch.tensor([[1.0, -1, -1]]), Accelerator(cpu=True))
    assert loss.item() == pytest.approx(np.log(2))
    assert len(ATTRIBUTES) == 48
