"""g, D and SR: shapes, ranges, and what their docstrings promise."""

import pytest
import torch
from torch.nn import functional as F

from dtn_core.core.errors import UserError
from dtn_core.networks.discriminator import Discriminator
from dtn_core.networks.generator import Generator, LayeredGenerator, build
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


def test_layers_are_flat_and_their_masks_sum_to_one():
    g = LayeredGenerator(10, base=4, size=32, layers=5).eval()
    z = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    masks, colours = g.split(z)
    assert masks.shape == (3, 6, 32, 32)
    assert colours.shape == (3, 5, 3)
    assert torch.allclose(masks.sum(1), torch.ones(()), atol=1e-5)
    assert colours.abs().max() <= 1
    painted = g(z)
    assert painted.shape == (3, 4, 32, 32)
    assert torch.allclose(painted[:, 3], 1 - 2 * masks[:, 0])
    with torch.no_grad():  # decided masks paint the layers' colours and nothing else
        g.mask.weight.zero_()
        g.mask.bias.copy_(torch.tensor([0.0, 0, 0, 50, 0, 0]))
    assert torch.allclose(g(z)[:, :3], g.split(z)[1][:, 2, :, None, None].expand(-1, -1, 32, 32), atol=1e-4)


def test_a_layered_g_measures_how_decided_and_smooth_its_masks_are():
    g = LayeredGenerator(10, base=4, size=32, layers=5).train()
    z = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    g(z)
    undecided, roughness = float(g.undecided), float(g.roughness)
    assert 0 < undecided < 1.8  # log 6
    assert roughness > 0
    (g.undecided + g.roughness).backward()
    with torch.no_grad():
        g.mask.weight.zero_()
        g.mask.bias.copy_(torch.tensor([0.0, 0, 0, 50, 0, 0]))
    g(z)
    assert float(g.undecided) < 1e-3
    assert float(g.roughness) < 1e-3


def test_a_layered_g_is_built_from_its_config():
    g = LayeredGenerator(10, base=4, size=32, layers=5)
    again = build(g.config)
    again.load_state_dict(g.state_dict())
    assert again.config == g.config
    with pytest.raises(UserError, match="RGBA"):
        LayeredGenerator(10, channels=1)


def test_layers_without_alpha_cover_the_whole_picture():
    g = LayeredGenerator(10, base=4, channels=3, size=32, layers=5).eval()
    masks, colours = g.split(torch.randn(2, 10))
    assert masks.shape == (2, 5, 32, 32)
    assert torch.allclose(masks.sum(1), torch.ones(2, 32, 32))
    assert g(torch.randn(2, 10)).shape == (2, 3, 32, 32)
