"""f and the judge of digits: they learn, an absent digit is absent, and what they are shown is repeatable."""

import math
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from brief import train_briefly
from tiny_digits import write_digits, write_judge

from dtn_core.config import PRESETS
from dtn_core.core import augment
from dtn_core.core.errors import UserError
from dtn_core.core.images import to_float, to_rgb
from dtn_core.data import digits
from dtn_core.networks import checkpoint
from dtn_core.networks.digits import PaperDigitEncoder
from dtn_core.pipeline import model
from dtn_core.training.contrastive import nt_xent
from dtn_core.training.events import Finished, read
from dtn_core.training.runs.store import Run
from dtn_core.training.stages import classifier
from dtn_core.training.stages.classifier import VIEWS, ClassifierStage, channels_first, transferred

CONFIG = replace(PRESETS["digits-f-tiny"], batch=4, steps=4, log_every=1, sample_every=4, save_every=2)


@pytest.fixture(autouse=True)
def _small(few_digits, monkeypatch):
    monkeypatch.setattr(classifier, "DRAWN", 40)


def make_stage(**changes):
    return ClassifierStage(replace(CONFIG, **changes), None, Accelerator(cpu=True))


def weights(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("domain", ["svhn", "mnist"])
def test_the_loss_falls_in_a_few_dozen_steps(domain):
    stage = make_stage(domain=domain, steps=24, batch=32, lr=8e-3, limit=8, ema=0.8, smoothing=0.0)
    losses = [stage.step(step)["loss"].item() for step in range(1, 25)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_contrastive_training_uses_labels_only_for_the_probe():
    stage = make_stage(contrastive=True)
    loss, scalars = stage._contrast(1)
    (loss - scalars["contrast"]).backward()  # what is left is the probe's
    assert stage.net.classify.weight.grad.abs().sum() > 0
    assert not any(w.grad.any() for w in (*stage.net.body.parameters(), *stage.net.feature.parameters()))
    assert stage.net.dim == stage.net.hidden
    (a, y), (b, y_b) = stage._batch(1), stage._batch(1, view=1)
    assert torch.equal(y, y_b)
    assert not torch.equal(a, b)
    first = float(scalars["contrast"])
    for step in range(1, 40):
        last = stage.step(step)
    assert float(last["contrast"]) < first


def test_contrast_is_least_where_views_meet_and_pictures_part():
    a = torch.eye(4)
    near, far, same = (float(nt_xent(a, b, 0.5)) for b in (a, a.roll(1, 0), torch.ones(4, 4)))
    assert near < same < far
    assert math.isclose(near, math.log(1 + 6 * math.exp(-2)), rel_tol=1e-5)


def test_the_network_of_the_paper_learns():
    stage = make_stage(net="paper", limit=8)
    assert isinstance(stage.net, PaperDigitEncoder)
    before = weights(stage.net)
    assert stage.step(1)["loss"].isfinite()
    assert not any(torch.equal(before[name], value) for name, value in stage.net.named_parameters())


def test_a_step_reports_loss_and_accuracy_and_updates_the_average():
    stage = make_stage()
    net, ema = weights(stage.net), weights(stage.ema)
    result = stage.step(1)
    assert set(result) == {"loss", "accuracy"}
    assert 0 <= result["accuracy"] <= 1
    assert not same(net, weights(stage.net))
    assert not same(ema, weights(stage.ema))
    assert not stage.ema.training


def test_an_absent_digit_is_not_used_for_training_or_selection(few_digits):
    whole, stage = make_stage(drawn=0.5, limit=None), make_stage(drawn=0.5, limit=None, absent=3)
    for name in ("real", "drawn", "val"):
        x, y = getattr(whole, name)
        left_x, left_y = getattr(stage, name)
        assert 3 in y.tolist(), name
        assert torch.equal(left_x, x[y != 3]), name
        assert torch.equal(left_y, y[y != 3]), name
    assert len(whole.real[0]) == few_digits["train"]


def test_a_batch_has_its_share_of_drawn_digits(monkeypatch):
    monkeypatch.setattr(augment, "random_affine", lambda x, *_, **__: x)
    monkeypatch.setattr(augment, "color_jitter", lambda x, *_, **__: x)
    monkeypatch.setattr(augment, "degrade", lambda x, *_, **__: x)
    stage = make_stage(drawn=0.25, batch=8)
    drawn = {picture.tobytes() for picture in to_float(stage.drawn[0]).numpy()}
    x, _ = stage._batch(1)
    assert [picture.tobytes() in drawn for picture in x.contiguous().numpy()] == [False] * 6 + [True] * 2


def test_batches_depend_on_seed_and_step_alone():
    stage, other = make_stage(drawn=0.25, stylise=0.5), make_stage(drawn=0.25, stylise=0.5, seed=1)
    x, y = stage._batch(3)
    stage._batch(4)
    again, labels = stage._batch(3)
    assert torch.equal(x, again)
    assert torch.equal(y, labels)
    assert not torch.equal(x, stage._batch(4)[0])
    assert not torch.equal(x, other._batch(3)[0])
    assert x.abs().max() <= 1
    assert (stage.samples() == stage.samples()).all()


def test_handwritten_pictures_are_stylised_where_asked_for_and_stay_grey():
    plain, stylised_ = (make_stage(domain="mnist", stylise=share, batch=16)._batch(1)[0] for share in (0.0, 0.5))
    for x in (plain, stylised_):
        assert torch.allclose(x[:, 0], x[:, 2], atol=1e-5)
    changed = (plain - stylised_).abs().flatten(1).amax(1) > 0.01
    assert 0 < changed.sum() < 16


@pytest.mark.parametrize("contains_f", [True, False])
def test_a_classifier_of_a_translation_uses_the_labels_of_s(tmp_path, contains_f):
    directory = write_digits(tmp_path / "g", contains_f=contains_f)
    stage = make_stage(through=str(directory))
    loaded = model.load(directory)
    x, y = stage.real
    part = digits.svhn(None, "train", CONFIG.limit)
    street = channels_first(torch.from_numpy(part.x))
    assert x.shape == (VIEWS * len(street), 3, 32, 32)
    assert x.dtype == torch.uint8
    assert y.tolist() == part.y.tolist() * VIEWS
    made = ((to_rgb(loaded.transfer(to_float(street))) + 1) * 127.5).round().to(torch.uint8)
    assert torch.equal(x[: len(street)], made)
    if contains_f:  # the other's random weights paint nothing
        assert not torch.equal(x[len(street) : 2 * len(street)], made)  # a jittered view
    held = digits.svhn(None, "val", CONFIG.limit)
    seen = transferred(loaded, channels_first(torch.from_numpy(held.x)), torch.from_numpy(held.y))
    assert torch.equal(stage.val[0], seen[0])
    assert torch.equal(stage.val[1], torch.from_numpy(held.y))
    assert torch.isfinite(stage.step(1)["loss"])


def test_a_start_is_taken_over_whole(tmp_path):
    stored = checkpoint.load_encoder(make_stage().export(tmp_path / "made", 1))
    again = make_stage(start=str(tmp_path / "made"), seed=5)
    assert same(weights(stored), weights(again.net))
    assert same(weights(stored), weights(again.ema))
    assert all(p.requires_grad for p in again.net.parameters())


def test_a_start_from_another_network_is_refused(tmp_path):
    start = write_judge(tmp_path / "start")  # 16 hidden numbers
    for changes in ({}, {"net": "paper"}):
        with pytest.raises(UserError, match="start=") as error:
            make_stage(start=str(start), **changes)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="not found"):
        make_stage(start=str(tmp_path / "nowhere"))


def test_what_it_exports_reads_as_the_average_does(tmp_path):
    stage = make_stage(limit=8)
    stage.step(1)
    directory = stage.export(tmp_path / "made", 1)
    f = checkpoint.load_encoder(directory)
    x = to_float(stage.val[0][:4])
    assert (f(x) - stage.ema(x)).abs().max() < 0.05  # stored as fp16
    info = checkpoint.read_config(directory)
    assert (info["kind"], info["trained"]["data"], info["trained"]["step"]) == ("encoder", "drawn", 1)


def test_a_resumed_run_equals_an_unbroken_one(tmp_path):
    whole, broken = Run.create(tmp_path, "whole", CONFIG), Run.create(tmp_path, "broken", CONFIG)
    stage = make_stage(drawn=0.25)
    train_briefly(stage, whole, 4, 4)
    (broken.path / "control" / "stop").touch()
    train_briefly(make_stage(drawn=0.25), broken, 4, 4)
    (broken.path / "control" / "stop").unlink()
    resumed = make_stage(drawn=0.25)
    train_briefly(resumed, broken, 4, 4)
    ends = [s.event for s in read(broken.path / "events.jsonl")[0] if isinstance(s.event, Finished)]
    assert ends == [Finished(1, "stopped"), Finished(4, "done")]
    assert same(weights(stage.net), weights(resumed.net))
    assert same(weights(stage.ema), weights(resumed.ema))


JITTERS = {
    "random_affine": augment.random_affine,
    "color_jitter": augment.color_jitter,
    "degrade": augment.degrade,
    "sketch": lambda x, random: augment.sketch(x, random, 0.7),
}


@pytest.mark.parametrize("name", JITTERS)
def test_jitters_keep_shape_and_range_and_are_reproducible(name):
    x = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = x.clone()

    def make(seed, ambient):
        torch.manual_seed(ambient)
        return JITTERS[name](x, torch.Generator().manual_seed(seed))

    made = make(1, ambient=1)
    assert torch.equal(x, before)
    assert (made.shape, made.dtype) == (x.shape, x.dtype)
    assert made.abs().max() <= 1 + 1e-5
    assert torch.equal(made, make(1, ambient=2))
    assert not torch.equal(made, make(2, ambient=1))
    assert not torch.equal(made, x)


def test_turning_by_nothing_moves_nothing():
    x = torch.rand(2, 3, 32, 32)
    assert torch.allclose(augment.random_affine(x, torch.Generator(), angle=0, scale=0, shift=0), x, atol=1e-5)


def test_number_of_negatives():
    x = torch.full((200, 3, 4, 4), 0.5)  # stays above 0 under any gain and offset but a few
    for share in (0, 0.3, 1):
        dark = (
            (augment.color_jitter(x, torch.Generator().manual_seed(0), share).mean((1, 2, 3)) < 0).float().mean().item()
        )
        assert dark == pytest.approx(share, abs=0.1)


def test_stylised_pictures_are_grey_and_have_their_share():
    x = torch.rand(200, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for share in (0, 0.4):
        made = augment.sketch(x, torch.Generator().manual_seed(1), share)
        grey = (made[:, 0] == made[:, 2]).flatten(1).all(1)
        assert grey.float().mean().item() == pytest.approx(share, abs=0.12)
        assert torch.equal(made[~grey], x[~grey])


def test_flat_pictures_survive_every_jitter():
    for name, jitter in JITTERS.items():
        assert jitter(torch.zeros(8, 3, 32, 32), torch.Generator().manual_seed(0)).isfinite().all(), name
