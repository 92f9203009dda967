"""Encoder, judge and upscaler: each learns something from a few steps on made data."""

import csv
import zipfile

import cv2
import numpy as np
import pytest
import torch
from accelerate import Accelerator

from dtn_core import checkpoint
from dtn_core.config import PRESETS, replace
from dtn_core.domains.avatars import BALANCED, sample
from dtn_core.networks.encoders import ATTRIBUTES, CELEBA
from dtn_core.networks.judge import JUDGED
from dtn_core.training import run_training
from dtn_core.training.encoder import attribute_loss
from dtn_core.training.judge import JudgeStage, labels_of
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
