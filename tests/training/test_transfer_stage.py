"""The DTN's steps: what moves, what stays, and that a resumed run equals an unbroken one."""

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from brief import train_briefly
from torch.nn import functional as F

from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.core.images import to_float
from dtn_core.networks.resnet import AttributeEncoder
from dtn_core.pipeline import model
from dtn_core.training.events import Finished, Stepped, read
from dtn_core.training.feature_cache import cache_path
from dtn_core.training.feature_file import FeatureCache
from dtn_core.training.optim import flat_cosine
from dtn_core.training.runs.store import Run
from dtn_core.training.stages.transfer import TransferStage, alpha_at

CONFIG = replace(PRESETS["faces-tiny"], batch=4, steps=6, log_every=1, sample_every=3, save_every=2)


@torch.no_grad()
def make_cache(f, n=12):
    """Coarse random pictures for both domains, and what f says of them."""
    random = torch.Generator().manual_seed(0)

    def pictures(channels):
        coarse = torch.rand(n, channels, 4, 4, generator=random)
        return F.interpolate(coarse, size=64, mode="bilinear").mul(255).to(torch.uint8)

    def features(x):
        return f(to_float(x)[:, :3])

    t, s, val = pictures(4), pictures(3), pictures(3)
    f_s = torch.stack([features(s), features(s.flip(3))], 1) * 3 + 1
    f_val, val = features(val), val.permute(0, 2, 3, 1).contiguous()
    return FeatureCache(f_s=f_s, t=t, f_t=features(t), f_val=f_val, val=val, t_val=t[:8], f_t_val=features(t)[:8])


def make_stage(config=CONFIG):
    torch.manual_seed(1)
    f = AttributeEncoder(8, 16).eval().requires_grad_(False)
    return TransferStage(config, make_cache(f), f, Accelerator(cpu=True))


def weights(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


def test_features_reach_g_on_one_scale_for_both_domains():
    stage = make_stage()
    for z in (stage.z_s.flatten(0, 1), stage.z_t):
        assert z.mean(0).abs().max() < 1e-2
        assert (z.std(0) - 1).abs().max() < 1e-2


def test_a_step_updates_g_and_d_but_not_f():
    stage = make_stage()
    f, g, d = (weights(m) for m in (stage.f, stage.g, stage.d))
    figures = {name: value.item() for name, value in stage.step(1).items()}
    assert same(f, weights(stage.f))
    assert not same(g, weights(stage.g))
    assert not same(d, weights(stage.d))
    assert figures["g"] == pytest.approx(
        figures["gang"] + CONFIG.alpha * figures["const"] + CONFIG.beta * figures["tid"] + CONFIG.gamma * figures["tv"],
        rel=1e-4,
    )
    assert 0 < figures["d"] < 20


def test_const_alone_reaches_only_g():
    """The bug of open replications: L_CONST detached from g."""
    stage = make_stage(replace(CONFIG, alpha=50.0, beta=0.0, gamma=0.0))
    z_s, received, t, _ = stage._batch(1)
    g_s, g_t = stage.g(received).chunk(2)
    before = [p.clone() for p in stage.d.parameters()]  # spectral norm's own buffers may move
    stage._step_g(g_s, g_t, z_s, t, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, stage.d.parameters()))
    assert all(p.requires_grad for p in stage.d.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in stage.g.parameters())


def test_constancy_falls_when_it_is_trained():
    stage = make_stage(replace(CONFIG, steps=40, alpha=100.0, beta=0.0, gamma=0.0, ema=0.0, lr=3e-3))
    first = stage.step(1)["const"]
    for step in range(2, 41):
        last = stage.step(step)["const"]
    assert last < 0.9 * first


def test_a_resumed_run_equals_an_unbroken_one(tmp_path):
    whole, broken = Run.create(tmp_path, "whole", CONFIG), Run.create(tmp_path, "broken", CONFIG)
    stage = make_stage()
    train_briefly(stage, whole, 6, 3)
    (broken.path / "control" / "stop").touch()
    train_briefly(make_stage(), broken, 6, 3)  # stops after its first step
    finished = [s.event for s in read(broken.path / "events.jsonl")[0] if isinstance(s.event, Finished)]
    assert finished == [Finished(1, "stopped")]
    (broken.path / "control" / "stop").unlink()
    resumed = make_stage()
    train_briefly(resumed, broken, 6, 3)
    assert same(weights(stage.g), weights(resumed.g))
    assert same(weights(stage.d), weights(resumed.d))
    assert same(weights(stage.ema), weights(resumed.ema))
    steps = [s.event.step for s in read(broken.path / "events.jsonl")[0] if isinstance(s.event, Stepped)]
    assert sorted(set(steps)) == [1, 2, 3, 4, 5, 6]


def test_what_it_exports_can_be_loaded_and_transfers(tmp_path):
    stage = make_stage()
    stage.step(1)
    loaded = model.load(stage.export(tmp_path / "made", 1))
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    y = loaded.g(loaded.standardise_s(loaded.f(x)))
    assert y.shape == (2, 4, 64, 64)
    z = stage.standardise_s(stage.f(x))
    assert (stage.ema(z) - y).abs().max() < 0.05  # stored as fp16
    assert loaded.info["trained"]["step"] == 1


def test_losses_that_are_no_numbers_stop_the_run(tmp_path):
    stage = make_stage()
    stage.step = lambda step: {"d": torch.tensor(float("nan"))}
    with pytest.raises(UserError, match="not a number at step 1"):
        train_briefly(stage, Run.create(tmp_path, "x", CONFIG), 6, 3)


def test_sample_grids_are_the_same_every_time():
    stage = make_stage()
    assert (stage.samples() == stage.samples()).all()


def test_packs_survive_a_file_and_are_keyed_by_f_and_settings(tmp_path):
    pack = make_cache(AttributeEncoder(8, 16).eval())
    pack.write(tmp_path / "a" / "pack.safetensors")
    back = FeatureCache.read(tmp_path / "a" / "pack.safetensors")
    assert torch.equal(back.t, pack.t)
    assert (back.f_s - pack.f_s).abs().max() < 0.01
    one, other = AttributeEncoder(8, 16), AttributeEncoder(8, 16)
    assert cache_path(CONFIG, one, None, tmp_path) == cache_path(CONFIG, one, None, tmp_path)
    assert cache_path(CONFIG, one, None, tmp_path) != cache_path(CONFIG, other, None, tmp_path)
    assert cache_path(CONFIG, one, None, tmp_path) != cache_path(replace(CONFIG, views=3), one, None, tmp_path)


def test_the_learning_rate_rises_holds_and_falls():
    assert flat_cosine(1, 1000) == pytest.approx(0.01, abs=0.005)
    assert flat_cosine(300, 1000) == 1
    assert flat_cosine(750, 1000) == pytest.approx(0.51, abs=0.02)
    assert flat_cosine(1000, 1000) == pytest.approx(0.02)


def test_alpha_is_constant_then_falls():
    config = replace(CONFIG, steps=100, alpha=8.0, alpha_end=2.0)
    assert [alpha_at(config, step) for step in (1, 45)] == [8, 8]
    assert alpha_at(config, 52) == pytest.approx(8 * 0.25 ** (7 / 15))
    assert [alpha_at(config, step) for step in (60, 100)] == pytest.approx([2, 2])
    assert alpha_at(replace(config, alpha_end=None), 100) == 8


LAYERED = replace(CONFIG, generator="layered", layers=6, absolute=1.0, noise=0.1, delta_from=0.5)


def test_a_layered_g_learns_smooth_and_decided_masks_and_d_begins_later(tmp_path):
    stage = make_stage(replace(LAYERED, steps=60, alpha=0.0, beta=20.0, gamma=0.0, lr=2e-3))
    scalars = [{name: float(value) for name, value in stage.step(step).items()} for step in range(1, 41)]
    assert scalars[-1]["tid"] < 0.8 * scalars[0]["tid"]
    assert scalars[-1]["undecided"] < 0.9 * scalars[0]["undecided"]
    assert "d" not in scalars[29]
    assert scalars[29]["gang"] == 0
    assert "d" in scalars[30]
    loaded = model.load(stage.export(tmp_path / "made", 40)).g
    assert loaded.config == stage.g.config
    difference = loaded(stage.z_t_val) - stage.ema(stage.z_t_val)
    assert difference.abs().mean() < 0.02  # stored as fp16


def test_the_penalties_of_the_masks_are_part_of_the_loss():
    total = []
    for weight in (0.0, 10.0):
        figures = make_stage(replace(LAYERED, undecided=weight, roughness=weight, noise=0.0)).step(1)
        expected = sum(
            factor * float(figures[name])
            for name, factor in (
                ("const", LAYERED.alpha), ("tid", LAYERED.beta), ("tv", LAYERED.gamma), ("undecided", weight),
                ("roughness", weight),
            )
        )  # fmt: skip
        total.append(float(figures["g"]))
        assert total[-1] == pytest.approx(expected, rel=1e-3)
    assert total[1] > total[0]


def test_the_absolute_error_and_the_noise_change_what_is_learnt():
    plain, absolute = (make_stage(replace(LAYERED, absolute=a, noise=0.0)).step(1) for a in (0.0, 1.0))
    assert absolute["tid"] > plain["tid"]
    quiet, noisy = (make_stage(replace(LAYERED, noise=noise))._batch(1)[0] for noise in (0.0, 0.1))
    assert (noisy - quiet).std() == pytest.approx(0.1, rel=0.1)
