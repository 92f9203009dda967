"""The losses against the paper's equations, computed by hand."""

import math

import pytest
import torch

from dtn_core.networks import losses


def test_discriminator_loss_is_three_log_probabilities():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2]]))
    loss = losses.discriminator(logits, logits, logits)
    assert loss.total.item() == pytest.approx(-math.log(0.5) - math.log(0.3) - math.log(0.2), abs=1e-6)
    assert loss.accuracy.item() == pytest.approx(1 / 3)


def test_a_silent_discriminator_costs_three_log_three_and_gang_two():
    silent = torch.zeros(4, 3)
    assert losses.discriminator(silent, silent, silent).total.item() == pytest.approx(3 * math.log(3), abs=1e-6)
    assert losses.gang(silent, silent).item() == pytest.approx(2 * math.log(3), abs=1e-6)


def test_gang_wants_both_kinds_of_output_taken_for_real():
    real, not_real = torch.tensor([[0.0, 0.0, 9.0]]), torch.tensor([[9.0, 0.0, 0.0]])
    assert losses.gang(real, real) < losses.gang(real, not_real) < losses.gang(not_real, not_real)
    assert losses.gang(real, not_real) == losses.gang(not_real, real)


def test_const_and_tid_are_mean_squares_and_pass_gradients():
    f_s, f_g = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]], requires_grad=True)
    loss = losses.const(f_s, f_g)
    assert loss.item() == pytest.approx((1 + 4) / 2)
    loss.backward()
    assert f_g.grad.tolist() == [[-1.0, 2.0]]
    assert losses.tid(torch.ones(1, 3, 2, 2), -torch.ones(1, 3, 2, 2)).item() == pytest.approx(4)


def test_total_variation_of_a_ramp_an_edge_and_a_flat_picture():
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    assert losses.tv(ramp).item() == pytest.approx(1, abs=1e-4)
    flat = torch.zeros(1, 1, 4, 4, requires_grad=True)
    losses.tv(flat).backward()
    assert flat.grad.isfinite().all()
    both = ramp + ramp.transpose(2, 3)
    assert losses.tv(both).item() == pytest.approx(math.sqrt(2), abs=1e-4)


def test_generator_loss_weighs_the_terms_as_the_paper_does():
    gang, const, tid, tv = (torch.tensor(v) for v in (1.0, 2.0, 3.0, 5.0))
    assert losses.generator(gang, const, tid, tv, alpha=100, beta=1, gamma=0.05).total.item() == pytest.approx(
        1 + 100 * 2 + 1 * 3 + 0.05 * 5
    )
    assert losses.generator(gang, const, tid, tv, 100, 1, 0.05, delta=0).total.item() == pytest.approx(203.25)
    assert losses.generator(gang, const, tid, tv, 0, 0, 0, delta=3).total.item() == pytest.approx(3)


def test_the_binary_discriminator_has_two_classes():
    """Sec. 3: -log(1 - D(G(s))) - log D(t), and R_GAN = -log D(G(s)); the second class is the real one."""
    from_s, real = torch.log(torch.tensor([[0.7, 0.3]])), torch.log(torch.tensor([[0.6, 0.4]]))
    loss = losses.discriminator(from_s, None, real)
    assert loss.total.item() == pytest.approx(-math.log(0.7) - math.log(0.4), abs=1e-6)
    assert loss.accuracy.item() == pytest.approx(1 / 2)
    assert losses.gang(from_s, None).item() == pytest.approx(-math.log(0.3), abs=1e-6)
    silent = torch.zeros(4, 2)
    assert losses.discriminator(silent, None, silent).total.item() == pytest.approx(2 * math.log(2), abs=1e-6)


def test_the_two_kinds_pull_the_baselines_discriminator_apart():
    from_s, real = torch.zeros(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    losses.discriminator(from_s, None, real).total.backward()
    assert from_s.grad.tolist() == [[-0.5, 0.5]]
    assert real.grad.tolist() == [[0.5, -0.5]]


def test_the_avatar_loss_is_a_weighted_mean_square():
    painted, drawn = torch.zeros(2, 4, 8, 8), torch.full((2, 4, 8, 8), 0.5)
    tie = losses.avatar_loss(painted, drawn)
    assert tie.item() == pytest.approx(0.25)
    zero = torch.zeros(())
    assert losses.generator(zero, zero, zero, zero, 1, 1, 1, 1, tie, 8.0).total.item() == pytest.approx(2)
    assert losses.generator(zero, zero, zero, zero, 1, 1, 1).tie is None
