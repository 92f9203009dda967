"""Inference that takes less of what is unusual in a picture: truncation of z, and f averaged over shifts of x."""

import pytest
import torch
from tiny_digits import write_digits
from torch import nn

from dtn_core.networks import checkpoint
from dtn_core.networks.encoders import average_over_shifts
from dtn_core.networks.generator import Truncated
from dtn_core.pipeline import model
from dtn_core.training.stages.transfer import class_means


class Echo(nn.Module):
    config = {"features": 4}

    def forward(self, z):
        return z


def test_z_is_drawn_towards_the_mean_of_its_class():
    means = torch.tensor([[0.0, 0, 2, 0], [4.0, 4, 0, 2]])
    z = torch.tensor([[4.0, 4, 1.5, 0], [0.0, 0, 0, 1.5]])  # the last two numbers tell the class
    g = Truncated(Echo(), 0.5, means, 2)
    assert torch.equal(g(z), torch.stack([(z[0] + means[0]) / 2, (z[1] + means[1]) / 2]))


def test_class_means_are_of_what_f_reads():
    z = torch.tensor([[1.0, 2], [3.0, 4], [5.0, 0]])
    logits = torch.tensor([[9.0, 0, 0], [9.0, 0, 0], [0.0, 0, 9]])
    assert torch.equal(class_means(z, logits), torch.tensor([[2.0, 3], [0, 0], [5, 0]]))


def test_f_is_averaged_over_shifts():
    x = torch.zeros(1, 3, 5, 5)
    x[..., 2, 2] = 1
    read = lambda x: x[:, 0].flatten(1)  # noqa: E731
    assert torch.equal(average_over_shifts(read, x, 0), read(x))
    mean = average_over_shifts(read, x, 1).view(5, 5)
    assert mean.sum() == pytest.approx(1)
    assert [float(mean[at]) for at in ((2, 2), (1, 2), (3, 2), (2, 1), (2, 3))] == pytest.approx([0.2] * 5)


def test_a_truncated_translation_is_saved_and_loaded(tmp_path):
    directory = write_digits(tmp_path / "made")
    loaded = model.load(directory)
    g = Truncated(loaded.g, 0.0, torch.randn(10, loaded.f.dim), 10)
    info = {k: v for k, v in loaded.info.items() if k != "format"} | {"generator": g.config, "shift": 2}
    again = model.load(checkpoint.save(tmp_path / "truncated", info, {
        "encoder": loaded.f.state_dict(), "generator": g.state_dict(),
        "statistics": checkpoint.read_tensors(directory, "statistics")}))  # fmt: skip
    x = torch.rand(8, 3, 32, 32) * 2 - 1
    assert len({tuple(row.flatten().tolist()) for row in again.transfer(x).round(decimals=3)}) <= 10
    assert torch.allclose(again.without_truncation().transfer(x), loaded.transfer(x), atol=2e-3)
