"""f taught further on pictures of t without labels, by what its own average is sure they are."""

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from brief import train_briefly

from dtn_core.config import PRESETS
from dtn_core.data import digits
from dtn_core.training.runs.store import Run
from dtn_core.training.stages import classifier
from dtn_core.training.stages.classifier import CONFIDENT, ClassifierStage

CONFIG = replace(PRESETS["digits-f-tiny"], batch=8, limit=None, unlabelled=1.0)


def make_stage(**changes):
    return ClassifierStage(replace(CONFIG, **changes), None, Accelerator(cpu=True))


def sayer(logits):
    """An average that answers every picture with the same logits."""

    class Ema:
        def __call__(self, x):
            return torch.zeros(len(x), 1)

        def logits(self, features):
            return logits.expand(len(features), -1).clone()

    return Ema()


@pytest.fixture(autouse=True)
def _few(few_digits):
    pass


def test_labels_of_t_are_not_used(monkeypatch):
    """Whatever labels t has, the same is learnt."""
    ends = []
    for shift in (0, 5):
        real = digits.mnist
        with monkeypatch.context() as patch:
            patch.setattr(
                digits, "mnist", lambda *call, shift=shift, real=real: (d := real(*call))._replace(y=(d.y + shift) % 10)
            )
            stage = make_stage()
            for step in (1, 2, 3):
                stage.step(step)
            ends.append({k: v.clone() for k, v in stage.net.state_dict().items()})
    assert all(torch.equal(ends[0][k], ends[1][k]) for k in ends[0])


def test_only_confident_pseudo_labels_are_learnt():
    stage = make_stage()
    unsure = torch.zeros(1, 10)
    stage.ema = sayer(unsure)
    batch = stage._pseudo_labelled(1)
    assert batch.sure.sum() == 0
    sure = unsure.clone()
    sure[0, 4] = 20.0
    stage.ema = sayer(sure)
    stage.shares.fill_(0.1)
    batch = stage._pseudo_labelled(1)
    assert batch.y.tolist() == [4] * 8
    assert batch.sure.tolist() == [1.0] * 8
    assert batch.x.shape == (8, 3, 32, 32)
    assert batch.x.abs().max() <= 1


def test_overpredicted_classes_are_reweighted():
    """Between two classes that are equally likely, the rarer one is taken."""
    stage = make_stage()
    output = torch.full((1, 10), -20.0)
    output[0, [2, 8]] = 0.0
    stage.shares = torch.tensor([0.1, 0.1, 0.01, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.1])
    stage.ema = sayer(output)
    batch = stage._pseudo_labelled(100)
    assert batch.y.tolist() == [2] * 8
    assert batch.sure.sum() == 8  # .2 / (.2 + .01) and more is sure
    assert 0.5 < CONFIDENT < 0.9
    plain = make_stage(balanced=False)
    plain.shares, plain.ema = stage.shares, stage.ema
    assert plain._pseudo_labelled(100).sure.sum() == 0  # undecided between the two


def test_the_running_class_shares_follow_predictions():
    stage = make_stage()
    output = torch.full((1, 10), -20.0)
    output[0, 8] = 20.0
    stage.ema = sayer(output)
    for step in range(100, 400):
        stage._pseudo_labelled(step)
    assert stage.shares[8] > 0.95
    assert stage.shares.sum() == pytest.approx(1, abs=1e-4)


def test_it_can_be_resumed_with_its_shares(tmp_path):
    config = replace(CONFIG, steps=4)
    whole, broken = Run.create(tmp_path, "whole", config), Run.create(tmp_path, "broken", config)
    one = make_stage(steps=4)
    train_briefly(one, whole, 4, 4)
    (broken.path / "control" / "stop").touch()
    train_briefly(make_stage(steps=4), broken, 4, 4)
    (broken.path / "control" / "stop").unlink()
    other = make_stage(steps=4)
    train_briefly(other, broken, 4, 4)
    assert torch.equal(one.shares, other.shares)
    assert all(torch.equal(a, b) for a, b in zip(one.net.state_dict().values(), other.net.state_dict().values()))


def test_it_belongs_to_street_numbers():
    for changes in ({"domain": "mnist"}, {"unlabelled": -1.0}):
        with pytest.raises(ValueError, match="unlabelled"):
            replace(CONFIG, **changes)
    assert not hasattr(make_stage(unlabelled=0.0), "unlabelled")
    assert classifier.PseudoLabelled._fields == ("x", "y", "sure")
