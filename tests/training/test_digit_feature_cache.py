"""Packs of digits: what is in them, that an absent digit isn't, and that they are made once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_digits import write_judge

from dtn_core.config import PRESETS
from dtn_core.core.images import to_float
from dtn_core.data import digits
from dtn_core.networks import checkpoint
from dtn_core.training import feature_cache
from dtn_core.training.feature_cache import build_cache, cache_path, get_cache
from dtn_core.training.feature_file import FeatureCache, make_encoder

CONFIG = replace(PRESETS["digits-tiny"], limit=None, views=2)
TENSORS = ("f_s", "t", "f_t", "f_val", "val", "x_s")


@pytest.fixture(scope="module")
def f(tmp_path_factory):
    return make_encoder(str(write_judge(tmp_path_factory.mktemp("f") / "f")))


@pytest.fixture(scope="module")
def pack(few_digits, f):
    return build_cache(CONFIG, f, None, "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder with unlabelled street numbers: of 40, 20 and 30 pictures the first 80% train."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 10
    np.savez(
        folder / "svhn.npz",
        x=rng.integers(0, 256, (40, 32, 32, 3), np.uint8),
        y=labels,
        x_unlabelled=rng.integers(0, 256, (20, 32, 32, 3), np.uint8),
    )
    written = rng.integers(0, 256, (30, 28, 28), np.uint8)
    np.savez(folder / "mnist.npz", x_train=written, y_train=labels[:30], x_test=written[:10], y_test=labels[:10])
    return folder


def listed(x):
    return [picture.tobytes() for picture in x.contiguous().numpy()]


def of(part):
    """Pictures of a part as packs have them, (N, 3, 32, 32)."""
    x = torch.from_numpy(part.x)
    return x[:, None].expand(-1, 3, -1, -1) if x.ndim == 3 else x.permute(0, 3, 1, 2)


def test_shapes_and_types(pack, f, few_digits):
    n, k = few_digits["train"], few_digits["val"]
    assert pack.f_s.shape == (n, 2, f.dim)
    assert pack.x_s.shape == (n, 2, 3, 32, 32)
    assert pack.t.shape == (n, 1, 32, 32)
    assert pack.f_t.shape == (n, f.dim)
    assert pack.f_val.shape == (k, f.dim)
    assert pack.val.shape == (k, 32, 32, 3)
    assert pack.x_s.dtype == pack.t.dtype == pack.val.dtype == torch.uint8
    assert pack.source == "drawn → drawn"


def test_features_are_fs_of_the_very_pictures(pack, f):
    for view in (0, 1):
        assert torch.allclose(pack.f_s[:, view], f(to_float(pack.x_s[:, view])), atol=1e-4)
    assert torch.allclose(pack.f_t, f(to_float(pack.t).expand(-1, 3, -1, -1)), atol=1e-4)
    assert torch.allclose(pack.f_val, f(to_float(pack.val).permute(0, 3, 1, 2)), atol=1e-4)


def test_the_first_view_is_the_picture_and_the_next_a_jittered_one(pack):
    assert listed(pack.x_s[:, 0]) == listed(of(digits.svhn(None, "train")))
    assert not set(listed(pack.x_s[:, 1])) & set(listed(pack.x_s[:, 0]))
    assert pack.x_s[:, 1].float().std() > 10


def test_both_views_come_out_the_same_again(pack, f):
    again = build_cache(CONFIG, f, None, "cpu")
    assert all(torch.equal(getattr(pack, name), getattr(again, name)) for name in TENSORS)


@pytest.mark.parametrize("switches", [{"absent_s": 3}, {"absent_t": 3}, {"absent_s": 3, "absent_t": 3}])
def test_only_the_absent_digit_is_removed(pack, f, switches):
    made = build_cache(replace(CONFIG, **switches), f, None, "cpu")
    s, t, val = (read(None, part).y for read, part in
                 ((digits.svhn, "train"), (digits.mnist, "train"), (digits.svhn, "val")))  # fmt: skip
    assert all((labels == 3).any() for labels in (s, t, val))
    here_s = torch.from_numpy(s != 3) if "absent_s" in switches else slice(None)
    here_val = torch.from_numpy(val != 3) if "absent_s" in switches else slice(None)
    here_t = torch.from_numpy(t != 3) if "absent_t" in switches else slice(None)
    for name, here in (("f_s", here_s), ("x_s", here_s), ("t", here_t), ("f_t", here_t), ("f_val", here_val),
                       ("val", here_val)):  # fmt: skip
        assert torch.equal(getattr(made, name), getattr(pack, name)[here]), name


def test_a_small_pack_keeps_its_held_out_pictures(pack, f):
    made = build_cache(replace(CONFIG, limit_s=7, limit_t=5), f, None, "cpu")
    for name, few in (("f_s", 7), ("x_s", 7), ("t", 5), ("f_t", 5), ("f_val", None), ("val", None), ("t_val", None)):
        assert torch.equal(getattr(made, name), getattr(pack, name)[:few]), name


@pytest.mark.parametrize(
    ("switches", "n_s", "n_t"),
    [
        ({}, 32 + 16, 30),
        ({"absent_s": 3}, 32 - 3, 30),  # digits 3 at 3, 13 and 23
        ({"absent_t": 3}, 32 + 16, 30 - 3),
        ({"swap": True}, 30, 32 + 16),
        ({"swap": True, "absent_s": 3}, 30 - 3, 32 + 16),
        ({"swap": True, "absent_t": 3}, 30, 32 - 3),
    ],
)
def test_unlabelled_street_numbers_go_where_a_digit_is_to_be_absent(f, folder, switches, n_s, n_t):
    made = build_cache(replace(CONFIG, views=1, **switches), f, folder, "cpu")
    assert (len(made.f_s), len(made.x_s), len(made.t), len(made.f_t)) == (n_s, n_s, n_t, n_t)
    labelled = digits.svhn(folder, "train")
    unlabelled = set(listed(of(digits.svhn(folder, "unlabelled"))))
    street = listed(made.t if switches.get("swap") else made.x_s[:, 0])
    absent = "absent_t" if switches.get("swap") else "absent_s"
    threes = {picture for picture, y in zip(listed(of(labelled)), labelled.y) if y == 3}
    assert bool(unlabelled & set(street)) == (absent not in switches)
    assert bool(threes & set(street)) == (absent not in switches)


def test_swapped_packs_go_from_handwritten_to_street(f, few_digits):
    made = build_cache(replace(CONFIG, swap=True), f, None, "cpu")
    assert listed(made.x_s[:, 0]) == listed(of(digits.mnist(None, "train")))
    assert torch.equal(made.x_s[:, 1, 0], made.x_s[:, 1, 2])  # grey stays grey
    assert listed(made.t) == listed(of(digits.svhn(None, "train")))
    assert made.t.shape[1] == 3
    assert listed(made.val.permute(0, 3, 1, 2)) == listed(of(digits.mnist(None, "test")))
    assert torch.allclose(made.f_t, f(to_float(made.t)), atol=1e-4)


def test_packs_of_digits_survive_a_file(pack, tmp_path):
    pack.write(tmp_path / "a" / "pack.safetensors")
    back = FeatureCache.read(tmp_path / "a" / "pack.safetensors")
    assert back.source == pack.source
    for name in ("t", "val", "x_s"):
        assert torch.equal(getattr(back, name), getattr(pack, name))
    for name in ("f_s", "f_t", "f_val"):
        assert getattr(back, name).dtype == torch.float32
        assert torch.allclose(getattr(back, name), getattr(pack, name), rtol=1e-3, atol=1e-2)


def test_a_pack_is_made_once_for_every_absent_digit(pack, f, tmp_path, monkeypatch):
    whole = get_cache(CONFIG, f, None, "cpu", tmp_path)
    assert torch.equal(whole.x_s, pack.x_s)
    monkeypatch.setattr(feature_cache, "build_cache", lambda *_: pytest.fail("made again"))
    assert torch.equal(get_cache(CONFIG, f, None, "cpu", tmp_path).x_s, pack.x_s)
    left = get_cache(replace(CONFIG, absent_s=3, absent_t=7), f, None, "cpu", tmp_path)
    monkeypatch.undo()
    direct = build_cache(replace(CONFIG, absent_s=3, absent_t=7), f, None, "cpu")
    for name in ("x_s", "t", "val"):
        assert torch.equal(getattr(left, name), getattr(direct, name)), name
    assert len(list(tmp_path.iterdir())) == 1


def test_packs_are_keyed_by_what_they_hold(f, tmp_path, folder):
    path = cache_path(CONFIG, f, None, tmp_path)
    assert path == cache_path(replace(CONFIG, seed=7, alpha=1.0, contains_f=False), f, None, tmp_path)
    for changes, data in (({"swap": True}, None), ({"views": 3}, None), ({"limit": 5}, None), ({}, folder)):
        assert cache_path(replace(CONFIG, **changes), f, data, tmp_path) != path
    other = checkpoint.encoders.build(f.config)
    assert cache_path(CONFIG, other, None, tmp_path) != path
