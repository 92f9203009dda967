"""The face parser's stage: its data, augmentation, and that it learns, resumes and exports."""

import zipfile
from copy import deepcopy
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image as PILImage

from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.data import face_parts
from dtn_core.faces.parse import load
from dtn_core.networks.parser import PARTS, UNLABELLED
from dtn_core.training.stages.parser import ParserStage, augmented, channels_first, soft_jaccard

TINY = replace(PRESETS["parser-tiny"], steps=60, lr=5e-3)
CODES = {"skin": 1, "hair": 13, "hat": 14, "glasses": 3, "clothes": 18}
COLOURS = {"background": 0, "skin": 1, "hair": 2, "hat": 3, "glasses": 4, "clothes": 5}


def write_heads(path, count=150):
    """A pack in which every part has one colour: bands of hair, skin, glasses and clothes, hats on some."""
    rgb = np.array([(90, 90, 90), (220, 170, 140), (60, 30, 20), (30, 30, 200), (20, 20, 20), (40, 160, 60)], np.uint8)
    with zipfile.ZipFile(path, "w") as pack:
        for i in range(count):
            mask = np.zeros((256, 256), np.uint8)
            shown = np.zeros((256, 256), np.uint8)
            bands = [("hair", 30, 90), ("skin", 90, 200), ("glasses", 115, 130), ("clothes", 200, 256)]
            if i % 3 == 0:
                bands[0] = ("hat", 30, 90)
            for name, top, bottom in bands:
                mask[top:bottom, 40:216] = CODES[name]
                shown[top:bottom, 40:216] = COLOURS[name]
            _, jpeg = cv2.imencode(".jpg", rgb[shown][..., ::-1])
            pack.writestr(f"images/{i:05d}.jpg", jpeg.tobytes())
            palette = PILImage.fromarray(mask, "P")
            palette.putpalette([v for code in range(256) for v in (code, 255 - code, 7)])
            with pack.open(f"masks/{i:05d}.png", "w") as file:
                palette.save(file, "PNG")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("parts")
    write_heads(path / "celebamask.zip")
    return path


@pytest.fixture
def stage(folder, monkeypatch):
    def unlabelled_heads(data, size, limit):
        heads = face_parts.labelled_heads(data, "train", size, limit)
        absent = np.zeros((len(heads.pictures), len(PARTS)), bool)
        absent[:, PARTS.index("hat")] = (heads.labels != PARTS.index("hat")).all((1, 2))
        return face_parts.UnlabelledHeads(heads.pictures, absent)

    monkeypatch.setattr("dtn_core.training.stages.parser.unlabelled_heads", unlabelled_heads)
    monkeypatch.setattr("dtn_core.training.stages.parser.near_duplicates", lambda heads, _: np.zeros(len(heads), bool))
    return lambda **changes: ParserStage(replace(TINY, **changes), folder, Accelerator(cpu=True))


def test_labels_are_the_palettes_indices_in_our_order(folder):
    heads = face_parts.labelled_heads(folder, "train", 64, 4)
    assert heads.pictures.shape == (4, 64, 64, 3)
    names = {PARTS[i] for i in np.unique(heads.labels) if i != UNLABELLED}
    assert names == {"background", "skin", "hair", "hat", "glasses", "clothes"}
    skin = heads.pictures[0][heads.labels[0] == PARTS.index("skin")]
    assert np.median(skin, 0) == pytest.approx((220, 170, 140), abs=8)


def test_parts_of_the_split_share_no_picture(folder):
    names = [set(face_parts.labelled_heads(folder, split, 16).names) for split in ("train", "val", "test")]
    assert all(names)
    assert sum(map(len, names)) == len(set.union(*names)) == 150


def test_near_duplicates_are_found_at_another_size_and_quality():
    rng = np.random.default_rng(0)
    heads = np.stack([cv2.resize(rng.integers(0, 255, (8, 8, 3), np.uint8), (128, 128)) for _ in range(4)])
    again = np.stack([cv2.resize(head, (64, 64)) for head in heads[:2]])
    assert face_parts.near_duplicates(heads, again).tolist() == [True, True, False, False]


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_a_missing_or_damaged_pack_is_reported(tmp_path, content):
    if content:
        (tmp_path / "celebamask.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"celebamask\.zip: missing or damaged"):
        face_parts.labelled_heads(tmp_path, "train", 16)


def test_pictures_and_labels_move_together(folder):
    heads = face_parts.labelled_heads(folder, "train", 64, 16)
    x, y = channels_first(torch.from_numpy(heads.pictures)), torch.from_numpy(heads.labels).long()
    moved, labels = augmented(x, y, torch.Generator().manual_seed(1))
    assert moved.shape == x.shape
    assert moved.abs().max() <= 1
    assert (labels == UNLABELLED).any()
    brightness = moved.mean(1)
    skin, hair = (brightness[labels == PARTS.index(name)].median() for name in ("skin", "hair"))
    assert skin > hair + 0.3


def test_it_learns_and_exports_what_can_be_loaded(stage, tmp_path):
    training = stage()
    before = training.validate()["mean_iou"]
    for step in range(1, 61):
        losses = training.step(step)
    assert torch.isfinite(losses["loss"])
    figures = training.validate()
    assert figures["mean_iou"] > before + 0.2
    assert {f"iou_{name}" for name in PARTS} < set(figures)
    assert training.samples().ndim == 3
    net = load(training.export(tmp_path / "made", 60))
    x = training.val_x[:4]
    assert (net(x).argmax(1) == training.average(x).argmax(1)).float().mean() > 0.99


def test_a_resumed_run_continues_with_the_same_weights(stage):
    one, other = stage(steps=8), stage(steps=8)
    for step in range(1, 5):
        one.step(step)
    other.load_state(deepcopy(one.state()))  # as if it had been written and read
    for step in range(5, 9):
        one.step(step)
        other.step(step)
    for name, value in one.net.state_dict().items():
        assert torch.equal(value, other.net.state_dict()[name]), name


def test_pseudo_labels_are_only_where_the_average_is_confident(stage):
    training = stage()
    _, labels = training._pseudo_labelled(torch.Generator().manual_seed(0))
    assert (labels == UNLABELLED).all()  # it has learnt nothing yet
    for step in range(1, 61):
        training.step(step)
    _, labels = training._pseudo_labelled(torch.Generator().manual_seed(0))
    assert (labels != UNLABELLED).any()


def test_parts_that_attributes_rule_out_are_no_pseudo_labels(stage):
    training = stage()
    with torch.no_grad():
        training.average.out.bias[PARTS.index("hat")] = 99  # sees a hat everywhere
    training.absent[:, PARTS.index("hat")] = False
    _, labels = training._pseudo_labelled(torch.Generator().manual_seed(0))
    assert (labels == PARTS.index("hat")).all()
    training.absent[:, PARTS.index("hat")] = True
    _, labels = training._pseudo_labelled(torch.Generator().manual_seed(0))
    assert not (labels == PARTS.index("hat")).any()


def test_the_jaccard_loss_is_the_intersection_over_union_of_sure_predictions():
    y = torch.tensor([[[1, 1, 0, UNLABELLED]]])
    predicted = torch.tensor([[[1, 0, 0, 5]]])
    logits = 99 * torch.nn.functional.one_hot(predicted, len(PARTS)).movedim(-1, 1).float()
    assert float(soft_jaccard(logits, y)) == pytest.approx(1 - 0.5, abs=1e-5)
