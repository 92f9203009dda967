"""g, D and SR: shapes, ranges, and what their docstrings promise."""

import pytest
import torch
from torch.nn import functional as F

from dtn_core.core.errors import UserError
from dtn_core.networks.discriminator import Discriminator
from dtn_core.networks.generator import Generator, build
from dtn_core.networks.upscaler import Upscaler


@pytest.mark.parametrize(("channels", "size"), [(4, 64), (3, 32), (1, 8)])
def test_g_paints_pictures_in_range(channels, size):
    g = Generator(10, base=4, channels=channels, size=size).eval()
    y = g(torch.randn(3, 10) * 10)
    assert y.shape == (3, channels, size, size)
    assert float(y.abs().max()) <= 1
    assert not torch.equal(y[0], y[1])
    assert Generator(**g.config).config == g.config


@pytest.mark.parametrize("size", [4, 6, 48, 63, 100])
def test_g_refuses_other_sizes(size):
    with pytest.raises(UserError, match="power of two"):
        Generator(10, size=size)


@pytest.mark.parametrize(("size", "upscale"), [(64, 1.0), (64, 2.375), (32, 1.0), (28, 1.0)])
def test_d_has_three_classes_and_reaches_its_input(size, upscale):
    net = Discriminator(channels=4, size=size, base=4, upscale=upscale)
    x = torch.randn(2, 4, size, size, requires_grad=True)
    logits = net(x)
    assert logits.shape == (2, 3)
    logits[:, 2].sum().backward()
    assert float(x.grad.abs().max()) > 0


def test_sr_starts_as_bicubic_and_can_leave_it():
    sr = Upscaler(width=8, depth=2)
    x = torch.rand(1, 4, 16, 16) * 2 - 1
    bicubic = F.interpolate(x, scale_factor=4, mode="bicubic", align_corners=False)
    assert torch.equal(sr(x), bicubic)
    F.mse_loss(sr(x), torch.zeros(1, 4, 64, 64)).backward()
    assert float(sr.body[-1].weight.grad.abs().max()) > 0
    assert Upscaler(**sr.config).config == sr.config


def test_g_without_pointwise_convolutions_has_none():
    plain = Generator(10, base=8, channels=1, size=32, pointwise=False).eval()
    assert plain(torch.randn(2, 10)).shape == (2, 1, 32, 32)
    assert not any(isinstance(m, torch.nn.Conv2d) and m.kernel_size == (1, 1) for m in plain.modules())
    assert Generator(**plain.config).config == plain.config
    with_them = Generator(10, base=8, channels=1, size=32)
    assert sum(isinstance(m, torch.nn.Conv2d) and m.kernel_size == (1, 1) for m in with_them.modules()) == 3


def test_generators_of_checkpoints_older_than_the_switch_have_them():
    config = Generator(10, base=8, channels=1, size=32).config
    assert build({k: v for k, v in config.items() if k != "pointwise"}).config == config


def test_the_binary_d_has_two_classes():
    assert Discriminator(channels=1, size=32, base=8, classes=2)(torch.randn(2, 1, 32, 32)).shape == (2, 2)
