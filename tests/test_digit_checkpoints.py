"""Translations of digits as checkpoints: each kind of G comes back and transfers; damaged ones are one line."""

import json

import pytest
import torch
from tiny_digits import write_digits

from dtn_core.core.errors import UserError
from dtn_core.networks.digits import DeconvGenerator
from dtn_core.networks.generator import FromPicture, Generator
from dtn_core.pipeline import model

KINDS = [
    {},
    {"generator": "deconv"},
    {"contains_f": False},
    {"generator": "deconv", "contains_f": False, "channels": 3},
]


@pytest.fixture
def x():
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_saved_loaded_and_transfers(kind, tmp_path, x):
    directory = write_digits(tmp_path / "made", **kind)
    loaded, again = model.load(directory), model.load(directory)
    y = loaded.transfer(x)
    assert y.shape == (3, kind.get("channels", 1), 32, 32)
    assert y.abs().max() <= 1
    assert not y.requires_grad
    assert torch.equal(y, again.transfer(x))
    assert torch.equal(y, loaded.g(loaded.generator_input(x)))
    assert torch.allclose(y[:1], loaded.transfer(x[:1]), atol=1e-5)  # pictures don't hear of each other
    inside = loaded.g.g if "contains_f" in kind else loaded.g
    assert isinstance(loaded.g, FromPicture) == ("contains_f" in kind)
    assert isinstance(inside, DeconvGenerator if "generator" in kind else Generator)
    for module in (loaded.f, loaded.g):
        assert not any(m.training for m in module.modules())
        assert not any(p.requires_grad for p in module.parameters())


def test_input_of_a_g_of_features(tmp_path, x):
    directory = write_digits(tmp_path / "made")
    z = model.load(directory).generator_input(x)
    loaded = model.load(directory)
    assert torch.equal(z, loaded.standardise_s(loaded.f(x)))
    info = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**info, "emphasis": 1.5}))
    assert torch.allclose(model.load(directory).generator_input(x), 1.5 * z)


def test_input_of_a_g_of_pictures(tmp_path, x):
    loaded = model.load(write_digits(tmp_path / "made", contains_f=False))
    assert loaded.generator_input(x) is x
    assert loaded.transfer(x).std() > 0


def test_weights_of_a_g_of_pictures(tmp_path):
    loaded = model.load(write_digits(tmp_path / "made", contains_f=False))
    assert not torch.equal(loaded.g.encoder.feature.weight, loaded.f.feature.weight)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "unet"}, "generator"),
        ({"name": "from-picture"}, "generator"),
        ({"name": "from-picture", "encoder": {"name": "nosuch"}, "g": {}}, "unknown encoder"),
        ({"name": "deconv", "features": 26, "base": 16}, "doesn't fit"),
    ],
)
def test_wrong_configs_of_g_are_reported_in_one_line(tmp_path, change, words):
    directory = write_digits(tmp_path / "made", generator="deconv")
    info = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**info, "generator": change}))
    with pytest.raises(UserError, match=words) as error:
        model.load(directory)
    assert "\n" not in str(error.value)
