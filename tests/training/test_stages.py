"""Encoder, judge and upscaler: each learns something from a few steps on made data."""

import csv
import json
import zipfile

import cv2
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from made_cartoons import write_cartoons

from dtn_core import checkpoint
from dtn_core.config import PRESETS, replace
from dtn_core.domains import other_hands, styles
from dtn_core.domains.avatars import BALANCED, render_many, sample
from dtn_core.domains.portraits import UNKNOWN
from dtn_core.images import to_tensor
from dtn_core.networks.encoders import ATTRIBUTES, CELEBA
from dtn_core.networks.judge import JUDGED
from dtn_core.training import run_training
from dtn_core.training.encoder import EncoderStage, attribute_loss
from dtn_core.training.judge import JudgeStage, balanced_avatars, labels_of, mirrored
from dtn_core.training.upscaler import UpscalerStage, as_generated, psnr


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with made pictures: Bald ones are bright."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    with (
        zipfile.ZipFile(folder / "celeba.zip", "w") as pack,
        (folder / "celeba_attributes.csv").open("w") as table,
    ):
        writer = csv.writer(table)
        writer.writerow(["file", *CELEBA])
        for i in range(150):
            bald = i % 2
            picture = np.clip(rng.normal(200 if bald else 50, 10, (109, 89, 3)), 0, 255).astype(np.uint8)
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
    assert checkpoint.load(made).info["trained"]["steps"] == 4
    assert sorted(p.name for p in (run / "samples").iterdir()) == ["000004.png"]
    again, _ = run_training(None, "faces", tmp_path, str(data), resume=run)
    assert again == run
    with pytest.raises(ValueError, match="no such folder"):
        run_training(config, "faces", tmp_path / "other", str(data / "nowhere"))
    assert not (tmp_path / "other").exists()


def test_f_learns_from_other_hands_and_goes_on_from_a_checkpoint(data, tmp_path):
    _, first = run_training(PRESETS["encoder-tiny"], "encoder", tmp_path, str(data))
    config = replace(PRESETS["encoder-tiny"], limit=20, drawn=0.5, squash=True, start=str(first))
    stage = EncoderStage(config, data, Accelerator(cpu=True))
    begun = checkpoint.load_encoder(first)
    assert torch.allclose(next(stage.net.parameters()), next(begun.parameters()), atol=1e-3)
    assert len(stage.drawn[0]) == 20 * len(other_hands.HANDS)
    _, labels = stage._make_batch(1)
    blurry = labels[:, ATTRIBUTES.index("Blurry")]
    assert (blurry[4:] == -1).all()
    assert (blurry[:4] != -1).any()
    _, made = run_training(config, "encoder", tmp_path, str(data))
    assert checkpoint.load_encoder(made).squash
    assert not checkpoint.load_encoder(first).squash
    run_training(replace(config, start=str(made)), "encoder", tmp_path, str(data))  # squashed or not
    with pytest.raises(ValueError, match="instead of"):
        EncoderStage(replace(config, hidden=8), data, Accelerator(cpu=True))


def test_the_judges_labels_follow_the_drawing():
    avatars = [sample(seed, BALANCED) for seed in range(200)]
    labels = np.array([labels_of(a.attributes) for a in avatars])
    assert labels.shape == (200, len(JUDGED))
    for name in JUDGED:
        column = labels[:, JUDGED.index(name)]
        assert {0.0, 1.0} <= set(column.tolist()), name
    hatted = labels[:, JUDGED.index("hat")] == 1
    assert (labels[hatted][:, JUDGED.index("hair_black")] == -1).all()


def test_the_judge_learns():
    stage = JudgeStage(
        replace(PRESETS["judge-tiny"], steps=60, avatars=128, batch=32, lr=5e-3), None, Accelerator(cpu=True)
    )
    first = stage.step(1)["loss"]
    for step in range(2, 61):
        last = stage.step(step)["loss"]
    assert last < 0.7 * first
    assert set(stage.validate()) == {"mean", *JUDGED}


def test_the_judges_avatars_are_of_its_style():
    x, y = balanced_avatars(5, 3)
    assert torch.equal(x, to_tensor(render_many(range(5, 8), (64,), BALANCED)[0])[:, :3])
    toons, told = balanced_avatars(5, 3, "toon-head")
    assert torch.equal(toons, to_tensor(render_many(range(5, 8), (64,), BALANCED, style="toon-head")[0])[:, :3])
    unknown = (told == UNKNOWN).all(0)
    assert [name for name, none in zip(JUDGED, unknown) if none] == list(styles.UNTOLD["toon-head"])
    assert (y != UNKNOWN).any(0).all()


def _judge(style, data=None, **changes):
    config = replace(PRESETS["judge-tiny"], style=style, steps=60, batch=32, lr=5e-3, **changes)
    return JudgeStage(config, data, Accelerator(cpu=True))


@pytest.mark.parametrize("style", ["toon-head", "cartoon-set"])
def test_the_judge_of_another_style_learns_what_it_tells(style, tmp_path):
    data = write_cartoons(tmp_path, 48) if style in styles.PACKS else None
    stage = _judge(style, data, avatars=96)
    first = stage.step(1)["loss"]
    for step in range(2, 61):
        last = stage.step(step)["loss"]
    assert last < 0.7 * first
    figures = stage.validate()
    assert set(figures) <= {"mean", *JUDGED} - set(styles.UNTOLD[style])
    assert figures["mean"] > 0.6
    trained = json.loads((stage.export(tmp_path / "export", 60) / "config.json").read_text())["trained"]
    assert trained["style"] == style
    json.dumps(trained, allow_nan=False)


def test_the_judge_of_a_pack_learns_all_but_what_is_held_out_and_mirrors_it(tmp_path):
    data = write_cartoons(tmp_path)
    stage = _judge("cartoon-set", data)
    learnt, held_out = styles.parts("cartoon-set", data)
    assert torch.equal(stage.x, to_tensor(learnt.pictures)[:, :3])
    assert torch.equal(stage.val[0], to_tensor(held_out.pictures)[:, :3])
    assert stage.y.tolist() == [labels_of(a) for a in learnt.attributes]
    assert len(_judge("cartoon-set", data, avatars=4).x) == 4
    assert stage.mirrors
    assert not _judge("avataaars", avatars=8).mirrors


def test_mirroring_turns_some_and_leaves_some():
    x = torch.rand(40, 3, 4, 4)
    once, again = (mirrored(x, torch.Generator().manual_seed(0)) for _ in "ab")
    assert torch.equal(once, again)
    turned = (once == x.flip(3)).flatten(1).all(1)
    assert torch.equal(once[~turned], x[~turned])
    assert 10 < turned.sum() < 30


def test_a_judge_without_its_pack_is_told_before_a_directory_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv("DTN_DATA", raising=False)
    with pytest.raises(ValueError, match=r"^no data folder[^\n]*DTN_DATA[^\n]*$"):
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
    a, b = (as_generated(x, torch.Generator().manual_seed(3)) for _ in "ab")
    assert torch.equal(a, b)
    assert a.abs().max() <= 1
    assert psnr(x, x) == pytest.approx(106, abs=1)


def test_unknown_labels_do_not_count():
    logits = torch.zeros(1, 3)
    loss = attribute_loss(logits, torch.tensor([[1.0, -1, -1]]), Accelerator(cpu=True))
    assert loss.item() == pytest.approx(np.log(2))
    assert len(ATTRIBUTES) == 48
