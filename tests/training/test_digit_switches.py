"""Every ablation is a switch: a step runs, the terms that are left move G, and those that are out touch nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from brief import train_briefly
from tiny_digits import write_judge
from torch import nn

from dtn_core.config import PRESETS
from dtn_core.core.images import to_float
from dtn_core.networks.digits import ConvDiscriminator, DeconvGenerator
from dtn_core.networks.discriminator import Discriminator
from dtn_core.networks.generator import FromPicture, Generator
from dtn_core.pipeline import model
from dtn_core.training.feature_cache import build_cache
from dtn_core.training.feature_file import make_encoder
from dtn_core.training.runs.store import Run
from dtn_core.training.stages.transfer import TransferStage

CONFIG = replace(
    PRESETS["digits-tiny"], batch=4, steps=4, limit=16, log_every=1, sample_every=4, save_every=2, gamma=0.05
)
SWITCHES = {
    "dtn": {},
    "contains_f": {"contains_f": False},
    "delta": {"delta": 0.0},
    "alpha": {"alpha": 0.0},
    "beta": {"beta": 0.0},
    "binary": {"binary": True, "beta": 0.0},
    "baseline": {"contains_f": False, "binary": True, "beta": 0.0},
    "swap": {"swap": True},
    "deconv": {"generator": "deconv"},
    "deconv from pictures": {"generator": "deconv", "contains_f": False},
    "without 3": {"absent_s": 3, "absent_t": 3},
    "random affine": {"random_affine": True},
}


class Counting(nn.Module):
    """f that counts how often it is asked."""

    def __init__(self, f):
        super().__init__()
        self.f, self.config, self.dim, self.calls = f, f.config, f.dim, 0

    def forward(self, x):
        self.calls += 1
        return self.f(x)


@pytest.fixture(scope="module")
def f(tmp_path_factory):
    return make_encoder(str(write_judge(tmp_path_factory.mktemp("f") / "f")))


@pytest.fixture(scope="module")
def make_stage(few_digits, f):
    """A stage with some switches; packs are made once."""
    made = {}

    def make(counting=False, **switches):
        config = replace(CONFIG, **switches)
        key = (config.swap, config.absent_s, config.absent_t)
        if key not in made:
            made[key] = build_cache(config, f, None, "cpu")
        return TransferStage(config, made[key], Counting(f) if counting else f, Accelerator(cpu=True))

    return make


def weights(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def parameters(module):
    return {k: v.detach().clone() for k, v in module.named_parameters()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
def test_a_step_updates_all_of_g_but_not_f(make_stage, switches):
    stage = make_stage(**switches)
    f, g = weights(stage.f), parameters(stage.g)
    result = stage.step(1)
    assert all(value.isfinite() for value in result.values())
    assert same(f, weights(stage.f))
    assert not any(torch.equal(g[name], value) for name, value in stage.g.named_parameters() if value.ndim > 1)
    expected = sum(
        getattr(stage.config, weight) * result[term].item()
        for weight, term in (("delta", "gang"), ("alpha", "const"), ("beta", "tid"), ("gamma", "tv"))
    )
    assert result["g"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
def test_it_shows_samples_and_what_it_exports_transfers(make_stage, switches, tmp_path):
    stage = make_stage(**switches)
    stage.step(1)
    assert stage.samples().shape[2] == 3
    figures = stage.validate()
    assert set(figures) == {"const", "diversity"} | ({"tid"} if stage.config.beta else set())
    assert all(np.isfinite(value) for value in figures.values())
    loaded = model.load(stage.export(tmp_path / "made", 1))
    assert loaded.info["trained"]["data"] == "drawn → drawn"
    x = to_float(stage.val[:3]).permute(0, 3, 1, 2)
    y = loaded.transfer(x)
    with torch.no_grad():
        wanted = stage.ema(x if switches.get("contains_f") is False else stage.standardise_s(stage.f(x)))
    assert y.shape == (3, 3 if switches.get("swap") else 1, 32, 32)
    assert (y - wanted).abs().max() < 0.1  # stored as fp16


ALONE = {"alpha": 0.0, "beta": 0.0, "gamma": 0.0, "delta": 0.0}


@pytest.mark.parametrize(
    ("switches", "s", "t"),
    [
        ({"alpha": 1.0}, True, False),
        ({"beta": 1.0}, False, True),
        ({"gamma": 1.0}, True, False),
        ({"delta": 1.0}, True, True),
        ({"delta": 1.0, "binary": True}, True, False),
    ],
    ids=["const", "tid", "tv", "gang", "binary gang"],
)
def test_each_term_alone_reaches_the_pictures_it_is_about(make_stage, switches, s, t):
    stage = make_stage(**ALONE | switches)
    z_s, received, real, _ = stage._batch(1)
    with torch.no_grad():
        made = stage.g(received).chunk(2)
    g_s, g_t = (picture.clone().requires_grad_() for picture in made)
    stage._step_g(g_s, g_t, z_s, real, 1)
    reached = [x.grad is not None and bool(x.grad.abs().sum() > 0) for x in (g_s, g_t)]
    assert reached == [s, t]
    assert all(p.grad is None for p in stage.f.parameters())
    assert all(p.grad is None or p.grad.abs().sum() == 0 for p in stage.d.parameters())


def test_d_is_not_run_without_gang(make_stage):
    stage = make_stage(delta=0.0)
    stage.d.register_forward_hook(lambda *_: pytest.fail("D was asked"))
    d = weights(stage.d)
    result = stage.step(1)
    assert same(d, weights(stage.d))
    assert not stage.adam_d.state_dict()["state"]
    assert not {"d", "d_accuracy"} & result.keys()
    assert result["gang"] == 0
    assert result["const"] > 0


def test_f_is_not_run_without_const(make_stage):
    stage = make_stage(counting=True, alpha=0.0, alpha_end=1.0)
    result = stage.step(1)
    assert stage.f.calls == 0
    assert result["const"] == 0
    asked = make_stage(counting=True)
    asked.step(1)
    assert asked.f.calls == 1


def test_without_f_in_g_its_own_encoder_is_trained(make_stage):
    stage = make_stage(contains_f=False)
    assert isinstance(stage.g, FromPicture)
    assert isinstance(stage.g.encoder, type(stage.f))
    assert not torch.equal(stage.g.encoder.feature.weight, stage.f.feature.weight)
    z_s, received, t, _ = stage._batch(1)
    assert received.shape == (8, 3, 32, 32)
    assert torch.allclose(stage.standardise_s(stage.f(received[:4])), z_s, atol=1e-3)
    assert torch.equal(received[4:, :1], t)
    before = parameters(stage.g.encoder)
    stage.step(1)
    assert not torch.equal(before["feature.weight"], stage.g.encoder.feature.weight)


@pytest.mark.parametrize(("switches", "sizes"), [({}, [12, 8]), ({"binary": True, "beta": 0.0}, [8, 4])])
def test_the_binary_d_never_sees_what_g_makes_of_t(make_stage, switches, sizes):
    """With 4 pictures a kind: G(s), G(t) and t, then G(s) and G(t); the baseline's G(s) and t, then G(s)."""
    stage = make_stage(**switches)
    seen, classes = [], set()

    def look(_, args, out):
        seen.append(len(args[0]))
        classes.add(out.shape[1])

    stage.d.register_forward_hook(look)
    result = stage.step(1)
    assert seen == sizes
    assert classes == {2 if switches else 3}
    assert 0 <= result["d_accuracy"] <= 1


def test_swapped_and_deconv_generators(make_stage):
    swapped, deconv, ours = make_stage(swap=True), make_stage(generator="deconv"), make_stage()
    assert swapped.g.config["channels"] == 3
    assert (type(deconv.g), type(deconv.d)) == (DeconvGenerator, ConvDiscriminator)
    assert (type(ours.g), type(ours.d)) == (Generator, Discriminator)
    assert ours.g.config["pointwise"] is False
    assert make_stage(generator="deconv", binary=True, beta=0.0).d(torch.zeros(2, 1, 32, 32)).shape == (2, 2)


@pytest.mark.parametrize("name", ["baseline", "deconv from pictures", "random affine"])
def test_a_resumed_run_equals_an_unbroken_one(make_stage, tmp_path, name):
    switches = SWITCHES[name]
    config = replace(CONFIG, **switches)
    whole, broken = Run.create(tmp_path, "whole", config), Run.create(tmp_path, "broken", config)
    stage, resumed = make_stage(**switches), make_stage(**switches)
    train_briefly(stage, whole, 4, 4)
    (broken.path / "control" / "stop").touch()
    train_briefly(make_stage(**switches), broken, 4, 4)
    (broken.path / "control" / "stop").unlink()
    train_briefly(resumed, broken, 4, 4)
    for part in ("g", "d", "ema"):
        assert same(weights(getattr(stage, part)), weights(getattr(resumed, part))), part
