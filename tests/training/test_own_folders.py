"""Training on one's own folders: f from labelled ones, and the transfer between two."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from dtn_core.config import PRESETS, parse_set
from dtn_core.core.errors import UserError
from dtn_core.networks import checkpoint
from dtn_core.pipeline import model
from dtn_core.training import run_training
from dtn_core.training.feature_cache import cache_path, get_cache
from dtn_core.training.feature_file import make_encoder
from dtn_core.training.stages.registry import make_stage

TINY = {"batch": 4, "steps": 3, "device": "cpu"}


def drawn(folder, count, shape, seed=0, alpha=False):
    """Pictures of a shape in any colour and size."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        picture = np.full((48, 48, 3), rng.integers(120, 256, 3), np.uint8)
        colour, size = rng.integers(0, 120, 3).tolist(), int(rng.integers(6, 20))
        if shape == "circle":
            cv2.circle(picture, (24, 24), size, colour, -1)
        else:
            cv2.rectangle(picture, (24 - size, 24 - size), (24 + size, 24 + size), colour, -1)
        if alpha:
            mask = np.zeros((48, 48, 1), np.uint8)
            mask[8:40, 8:40] = 255
            picture = np.concatenate([picture, mask], 2)
        Image.fromarray(picture).save(folder / f"{i:03d}.png")
    return folder


@pytest.fixture
def own(tmp_path):
    s, t = drawn(tmp_path / "s", 30, "circle"), drawn(tmp_path / "t", 24, "square", 1)
    return replace(PRESETS["folders-tiny"], s=str(s), t=str(t), encoder="digits-f", **TINY)


def test_two_folders_become_a_cache_with_a_tenth_held_out(own, tmp_path):
    f = make_encoder(own.encoder)
    pack = get_cache(replace(own, views=2), f, None, "cpu", tmp_path / "feature-cache")
    assert pack.f_s.shape == (27, 2, f.dim)
    assert pack.t.shape == (22, 3, 32, 32)
    assert (len(pack.f_t), len(pack.t_val), len(pack.f_t_val), len(pack.f_val)) == (22, 2, 2, 3)
    assert pack.val.shape == (3, 32, 32, 3)
    assert pack.source == "own folders"
    again = get_cache(replace(own, views=2), f, None, "cpu", tmp_path / "feature-cache")
    assert torch.equal(pack.f_s, again.f_s)
    assert len(list((tmp_path / "feature-cache").iterdir())) == 1


def test_a_changed_folder_is_read_again(own, tmp_path):
    f = make_encoder(own.encoder)
    before = cache_path(own, f, None, tmp_path)
    assert cache_path(own, f, None, tmp_path) == before
    drawn(tmp_path / "t", 25, "square", 1)
    assert cache_path(own, f, None, tmp_path) != before
    assert cache_path(replace(own, size=64), f, None, tmp_path) != cache_path(own, f, None, tmp_path)


def test_an_export_names_its_input_domain(own, tmp_path):
    path, made = run_training(own, "own", tmp_path / "runs", None)
    loaded = model.load(made)
    assert (loaded.info["sees"], loaded.info["trained"]["data"]) == ("pictures", "own folders")
    assert loaded.transfer(torch.zeros(2, 3, 100, 100)).shape == (2, 3, 32, 32)
    assert (path / "samples" / "000003.png").exists()


def test_drawings_with_transparency_are_painted_with_it(own, tmp_path):
    drawn(tmp_path / "clear", 20, "square", alpha=True)
    stage = make_stage(replace(own, t=str(tmp_path / "clear")), None, Accelerator(cpu=True), tmp_path, None)
    assert stage.t.shape[1] == 4
    stage.step(1)
    assert stage.samples().shape[2] == 3


@pytest.mark.parametrize(
    ("s", "t", "words"),
    [
        (None, None, "which pictures"), ("s", "s", "given for both sides"), ("nowhere", "t", "no such folder"),
        ("few", "t", "at least 16"),
    ],
)  # fmt: skip
def test_bad_folders_are_reported_in_one_line(own, tmp_path, s, t, words):
    drawn(tmp_path / "few", 3, "circle")
    s, t = (name and str(tmp_path / name) for name in (s, t))
    with pytest.raises(UserError, match=words) as error:
        run_training(replace(own, s=s, t=t), "own", tmp_path / "runs", None)
    assert "\n" not in str(error.value)


def test_heads_are_cut_out_of_photos_and_others_skipped(own, tmp_path, hopper, astronaut):
    folder = drawn(tmp_path / "people", 2, "circle")
    for i in range(9):
        Image.fromarray(hopper).save(folder / f"hopper{i}.jpg", quality=70 + i)
        Image.fromarray(astronaut).save(folder / f"astronaut{i}.jpg", quality=70 + i)
    heads = replace(own, s=str(folder), heads=True)
    pack = get_cache(heads, make_encoder(own.encoder), None, "cpu", tmp_path / "feature-cache")
    assert len(pack.f_s) + len(pack.f_val) == 18
    assert len(pack.val.flatten(1).unique(dim=0)) == len(pack.val)


def test_f_learns_labelled_folders_and_serves_the_transfer(own, tmp_path):
    for name in ("circle", "square"):
        drawn(tmp_path / "labelled" / name, 40, name, seed=3)
    config = replace(
        PRESETS["folder-f-tiny"], folder=str(tmp_path / "labelled"), size=64, steps=60, batch=16, lr=1e-2, ema=0.9,
        keep="best", save_every=20, device="cpu",
    )  # fmt: skip
    _, f = run_training(config, "f", tmp_path / "runs", None)
    info = checkpoint.read_config(f)
    assert info["classes"] == ["circle", "square"]
    assert info["encoder"]["size"] == 64
    assert info["encoder"]["outputs"] == 2
    stage = make_stage(config, None, Accelerator(cpu=True), tmp_path, None)
    stage.net.load_state_dict(checkpoint.load_encoder(f).state_dict())
    stage.ema = stage.net.eval()
    assert stage.validate()["accuracy"] >= 0.75
    _, made = run_training(replace(own, encoder=str(f)), "own", tmp_path / "runs", None)
    assert model.load(made).f.config == info["encoder"]


def test_settings_that_belong_elsewhere_are_refused(own):
    for config, setting in (
        (own, "style=avataaars"), (own, "contains_f=false"), (own, "swap=true"),
        (PRESETS["digits-f-tiny"], "heads=true"), (PRESETS["folder-f-tiny"], "absent=3"),
    ):  # fmt: skip
        with pytest.raises(UserError, match="unknown setting"):
            parse_set(config, [setting])
