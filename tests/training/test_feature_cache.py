"""Packs as files: keyed by the pictures they were made of, signed by the f that made them, whole or not at all."""

import os
import shutil
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from made_cartoons import write_cartoons
from safetensors import safe_open
from safetensors.torch import save_file

from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.networks import checkpoint
from dtn_core.networks.resnet import AttributeEncoder
from dtn_core.training import feature_cache, feature_file, run_training
from dtn_core.training.feature_cache import cache_path, get_cache
from dtn_core.training.feature_file import FeatureCache, identity, make_encoder, read_cache

FACES = replace(PRESETS["faces-tiny"], limit=4, avatars=4)
DIGITS = replace(PRESETS["digits-tiny"], limit=8)


def encoder(folder, seed=0, **changes):
    """A small f as a checkpoint; its directory's name."""
    torch.manual_seed(seed)
    f = AttributeEncoder(8, 16, **changes)
    info = {"kind": "encoder", "encoder": f.config}
    return str(checkpoint.save(folder / f"f{seed}", info, {"encoder": f.state_dict()}))


def portraits_in(folder, level=90):
    """A data folder with the packs of CelebA and UTKFace."""
    folder.mkdir()
    for name, shape, names in (
        ("celeba", (109, 89, 3), [f"{i}.jpg" for i in range(60)]),
        ("utkface", (200, 200, 3), [f"30_0_0_{i}.jpg" for i in range(60)]),
    ):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as pack:
            for i, file in enumerate(names):
                picture = np.full(shape, level + i, np.uint8)
                pack.writestr(zipfile.ZipInfo(file), cv2.imencode(".bmp", picture)[1].tobytes())  # of one size
    (folder / "celeba_attributes.csv").write_text("file,Bald\n" + "".join(f"{i}.jpg,0\n" for i in range(60)))
    return folder


def digits_in(folder, seed=0):
    """A data folder with the packs of digits, always of the same sizes."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    x, written = rng.integers(0, 256, (40, 32, 32, 3), np.uint8), rng.integers(0, 256, (30, 28, 28), np.uint8)
    y = np.arange(40) % 10
    np.savez(folder / "svhn.npz", x=x, y=y, x_unlabelled=x[:4])
    np.savez(folder / "mnist.npz", x_train=written, y_train=y[:30], x_test=written[:10], y_test=y[:10])
    return folder


def with_times_of(path, other):
    result = other.stat()
    assert path.stat().st_size == result.st_size
    os.utime(path, ns=(result.st_atime_ns, result.st_mtime_ns))


@pytest.fixture
def f(tmp_path):
    return make_encoder(encoder(tmp_path))


@pytest.fixture
def pack(f):
    random = torch.Generator().manual_seed(0)
    z, t = torch.randn(12, f.dim, generator=random), torch.zeros(12, 4, 64, 64, dtype=torch.uint8)
    val = torch.zeros(12, 64, 64, 3, dtype=torch.uint8)
    return FeatureCache(z[:, None], t, z, z, val, t[:4], z[:4], made_by=identity(f))


# --- keyed by content --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "name"), [("faces", "celeba.zip"), ("digits", "svhn.npz"), ("digits", "mnist.npz")])
def test_other_pictures_are_another_pack(task, name, f, tmp_path):
    config, make = (FACES, portraits_in) if task == "faces" else (DIGITS, digits_in)
    one, other = make(tmp_path / "one"), make(tmp_path / "other", 7)
    path = cache_path(config, f, one, tmp_path)
    with_times_of(other / name, one / name)
    shutil.copy2(other / name, one / name)  # as large as before, and as old
    assert cache_path(config, f, one, tmp_path) != path


@pytest.mark.parametrize("task", ["faces", "digits"])
def test_the_same_pictures_elsewhere_are_the_same_pack(task, f, tmp_path):
    config, make = (FACES, portraits_in) if task == "faces" else (DIGITS, digits_in)
    one = make(tmp_path / "one")
    shutil.copytree(one, tmp_path / "other", copy_function=shutil.copy)
    path = cache_path(config, f, one, tmp_path)
    assert cache_path(config, f, tmp_path / "other", tmp_path) == path
    assert cache_path(config, f, None, tmp_path) != path


def test_only_the_sets_in_use_are_checked(f, tmp_path):
    data = portraits_in(tmp_path / "data")
    write_cartoons(data)
    plain, older, cartoons = FACES, replace(FACES, utkface=0.5), replace(FACES, style="cartoon-set")
    before = [cache_path(config, f, data, tmp_path) for config in (plain, older, cartoons)]
    assert len(set(before)) == 3

    def changed():
        return [cache_path(config, f, data, tmp_path) != path for config, path in zip((plain, older, cartoons), before)]

    others = {"utkface.zip": [0, 1, 0], "cartoonset.csv": [0, 0, 1], "celeba_attributes.csv": [1, 1, 1]}
    for name, expected in others.items():
        whole = (data / name).read_bytes()
        (data / name).write_bytes(whole + b"\n")
        assert changed() == [bool(v) for v in expected], name
        (data / name).write_bytes(whole)
    (data / "utkface.zip").unlink()
    assert changed() == [False, True, False]


def test_other_digits_are_never_trained_on_an_old_pack(tmp_path):
    f = make_encoder("digits-f")
    data = digits_in(tmp_path / "data")
    first = get_cache(DIGITS, f, data, "cpu", tmp_path / "feature-cache")
    shutil.rmtree(data)
    digits_in(data, 1)
    second = get_cache(DIGITS, f, data, "cpu", tmp_path / "feature-cache")
    assert not torch.equal(first.t, second.t)
    again = get_cache(DIGITS, f, data, "cpu", tmp_path / "feature-cache")
    assert torch.equal(again.t, second.t)
    assert len(list((tmp_path / "feature-cache").iterdir())) == 2


# --- signed by f -------------------------------------------------------------------------------------------------


def test_fs_identity_is_of_its_weights_and_settings(tmp_path):
    one = make_encoder(encoder(tmp_path))
    assert identity(one) == identity(make_encoder(encoder(tmp_path)))
    others = [make_encoder(encoder(tmp_path / "a", 1)), make_encoder(encoder(tmp_path / "b", squash=True))]
    assert [other.dim for other in others] == [one.dim, one.dim]
    assert len({identity(f) for f in (one, *others)}) == 3


def test_packs_are_signed_by_the_f_that_made_them(tmp_path, f):
    made = feature_cache.build_cache(FACES, f, portraits_in(tmp_path / "data"), "cpu")
    assert made.made_by == identity(f)
    made.write(tmp_path / "pack.safetensors")
    read = read_cache(tmp_path / "pack.safetensors", f)
    assert read.made_by == identity(f)
    assert torch.equal(read.t, made.t)


def test_a_pack_of_another_f_is_refused(pack, tmp_path):
    pack.write(tmp_path / "pack.safetensors")
    other = make_encoder(encoder(tmp_path, 1))
    assert other.dim == pack.f_t.shape[1]
    with pytest.raises(UserError, match="pack.safetensors: made with another f") as caught:
        read_cache(tmp_path / "pack.safetensors", other)
    assert "\n" not in str(caught.value)


def test_a_pack_of_an_earlier_version_is_refused(pack, f, tmp_path):
    path = tmp_path / "pack.safetensors"
    pack.write(path)
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        result = file.metadata()
    del result["f"]
    save_file(tensors, path, metadata=result)
    with pytest.raises(UserError, match=r"made by an earlier version[^\n]*[Mm]ake it again[^\n]*$"):
        read_cache(path, f)


@pytest.mark.parametrize("damage", ["missing", "folder", "text", "short", "other"])
def test_what_is_no_pack_is_refused_in_a_line(pack, f, tmp_path, damage):
    path = tmp_path / "pack.safetensors"
    pack.write(path)
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "other":
        save_file({"x": torch.zeros(3)}, path, metadata={"f": identity(f)})
    elif damage != "missing":
        path.write_bytes({"text": b"hello", "short": whole[:-100]}[damage])
    with pytest.raises(UserError, match="pack.safetensors: ") as caught:
        read_cache(path, f)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", ["missing", "other f", "no such f"])
def test_an_unusable_pack_creates_no_run(pack, tmp_path, fault):
    path = tmp_path / "pack.safetensors"
    if fault != "missing":
        pack.write(path)
    name = {"missing": encoder(tmp_path), "other f": encoder(tmp_path, 1), "no such f": "nosuch"}[fault]
    with pytest.raises(UserError) as caught:
        run_training(replace(FACES, encoder=name), "faces", tmp_path / "runs", None, feature_cache=path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_run_that_is_resumed_refuses_a_pack_of_another_f(pack, tmp_path):
    path = tmp_path / "pack.safetensors"
    pack.write(path)
    config = replace(FACES, encoder=encoder(tmp_path), steps=1)
    run, _ = run_training(config, "faces", tmp_path / "runs", None, feature_cache=path)
    replace(pack, made_by=identity(make_encoder(encoder(tmp_path, 1)))).write(path)
    with pytest.raises(UserError, match="another f"):
        run_training(None, "faces", tmp_path / "runs", None, resume=run, feature_cache=path)


# --- whole or not at all -----------------------------------------------------------------------------------------


def test_two_processes_may_write_the_same_pack(pack, f, tmp_path, monkeypatch):
    path = tmp_path / "feature-cache" / "pack.safetensors"

    def interrupted(*arguments, **named):
        monkeypatch.undo()
        save_file(*arguments, **named)
        pack.write(path)  # another process begins and ends before this one has replaced the file

    monkeypatch.setattr(feature_file, "save_file", interrupted)
    pack.write(path)
    assert torch.equal(read_cache(path, f).t, pack.t)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_pack_that_cannot_be_written_leaves_the_old_one_and_nothing_else(pack, f, tmp_path, monkeypatch):
    path = tmp_path / "feature-cache" / "pack.safetensors"
    pack.write(path)

    def full(tensors, file, metadata):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_file, "save_file", full)
    with pytest.raises(UserError, match=r"pack.safetensors: cannot be written \(No space left[^\n]*$"):
        replace(pack, t=pack.t + 1).write(path)
    assert torch.equal(read_cache(path, f).t, pack.t)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
