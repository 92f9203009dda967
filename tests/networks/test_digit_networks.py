"""The digits' f and judge, the paper's g and D, and the G that doesn't contain f."""

import pytest
import torch
from torch.nn import functional as F

from dtn_core.core.errors import UserError
from dtn_core.networks import encoders
from dtn_core.networks.digits import ConvDiscriminator, DeconvGenerator, PaperDigitEncoder
from dtn_core.networks.generator import FromPicture, Generator, build
from dtn_core.networks.resnet import ClassEncoder


def pictures(n=2, channels=3):
    return torch.rand(n, channels, 32, 32) * 2 - 1


def test_the_f_of_the_paper():
    f = PaperDigitEncoder()
    assert (f.dim, f(pictures()).shape) == (128, (2, 128))
    convolutions = [m for m in f.body if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 128, 256, 128]


def test_our_f_has_128_numbers_and_ten_logits():
    f = ClassEncoder()
    assert (f.dim, f.hidden) == (138, 128)
    assert f.eval()(pictures()).shape == (2, 138)


@pytest.mark.parametrize("config", [{"name": "digits", "width": 8, "hidden": 16}, {"name": "digits-paper"}])
def test_encoders_of_digits_keep_the_interface(config):
    f = encoders.build(config)
    x = pictures().requires_grad_()
    features = f(x)
    assert features.shape == (2, f.dim)
    features.square().sum().backward()
    assert float(x.grad.abs().max()) > 0
    assert not any(p.requires_grad for p in f.parameters())
    assert not f.training
    assert encoders.build(f.config).config == f.config
    assert f.logits(features).shape == (2, 10)


def test_features_are_taken_before_the_last_relu_and_classes_read_after_it():
    for f in (ClassEncoder(8, 16).eval(), PaperDigitEncoder().eval()):
        z = f(pictures(8))
        hidden = z[:, :16] if isinstance(f, ClassEncoder) else z
        assert hidden.min() < 0
        assert torch.allclose(f.logits(z), f.classify(F.relu(hidden)))


def test_encoders_of_digits_refuse_unknown_settings():
    with pytest.raises(UserError, match="no such settings"):
        encoders.build({"name": "digits", "depth": 3})


@pytest.mark.parametrize("channels", [1, 3])
def test_the_g_of_the_paper(channels):
    g = DeconvGenerator(20, base=8, channels=channels)
    assert sum(isinstance(m, torch.nn.ConvTranspose2d) for m in g.body) == 4
    y = g.eval()(torch.randn(3, 20) * 10)
    assert y.shape == (3, channels, 32, 32)
    assert float(y.abs().max()) <= 1
    assert not torch.equal(y[0], y[1])


@pytest.mark.parametrize(("channels", "classes"), [(1, 3), (1, 2), (3, 3)])
def test_the_d_of_the_paper_has_three_classes(channels, classes):
    d = ConvDiscriminator(channels, base=8, classes=classes)
    assert sum(isinstance(m, torch.nn.Conv2d) for m in d.body) == 4
    x = pictures(4, channels).requires_grad_()
    logits = d(x)
    assert logits.shape == (4, classes)
    logits[:, -1].sum().backward()
    assert float(x.grad.abs().max()) > 0


def inner(kind):
    return DeconvGenerator(26, 8, 1) if kind == "deconv" else Generator(26, 8, 1, 32, False)


@pytest.mark.parametrize("kind", ["upsample", "deconv"])
def test_generators_come_back_from_their_configs(kind):
    g = inner(kind)
    again = build(g.config)
    assert type(again) is type(g)
    assert again.config == g.config
    again.load_state_dict(g.state_dict())
    z = torch.randn(2, 26)
    assert torch.equal(again.eval()(z), g.eval()(z))


@pytest.mark.parametrize("kind", ["upsample", "deconv"])
def test_a_g_of_pictures_is_trained_saved_and_loaded(kind):
    made = build(FromPicture(encoders.build({"name": "digits", "width": 8, "hidden": 16}), inner(kind)).config)
    assert isinstance(made, FromPicture)
    assert made.encoder.training
    y = made(pictures(4))
    assert y.shape == (4, 1, 32, 32)
    y.square().sum().backward()
    assert all(p.grad is not None for p in made.g.parameters())
    assert made.encoder.body[0].weight.grad.abs().max() > 0
    assert build(made.config).config == made.config


def test_a_g_of_pictures_standardises_its_encoder():
    made = FromPicture(ClassEncoder(8, 16), inner("upsample"))
    received = []
    made.g.register_forward_pre_hook(lambda _, args: received.append(args[0]))
    made(pictures(16))
    assert received[0].mean(0).abs().max() < 1e-4
    assert received[0].var(0, correction=0).max() < 1.01


def test_unknown_generators_and_settings_are_type_errors():
    """What `model.load` makes a line of."""
    for config in ({"name": "unet"}, {"name": "deconv", "features": 8, "bass": 8}, {"features": 8, "bass": 8}):
        with pytest.raises(TypeError):
            build(config)
