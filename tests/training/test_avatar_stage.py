"""c: learns to choose parameters; its checkpoint joins a translation."""

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from made_photos import write_photos

from dtn_core.avatars.parameters import SPECS
from dtn_core.avatars.rendering import sample_parameters
from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.core.images import to_float, to_tensor
from dtn_core.networks import checkpoint
from dtn_core.networks import merge as joining
from dtn_core.networks.encoders import Standardise
from dtn_core.networks.generator import Generator
from dtn_core.networks.resnet import AttributeEncoder
from dtn_core.pipeline import model
from dtn_core.training import run_training
from dtn_core.training.feature_cache import build_cache
from dtn_core.training.feature_file import make_encoder
from dtn_core.training.stages.avatar import AvatarStage, encode
from dtn_core.training.stages.transfer import TransferStage

TINY = replace(PRESETS["avatar-tiny"], avatars=120, limit=24)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    torch.manual_seed(0)
    f = AttributeEncoder(8, 16, squash=True, skin=True)
    path = tmp_path_factory.mktemp("f") / "f"
    return str(checkpoint.save(path, {"kind": "encoder", "encoder": f.config}, {"encoder": f.state_dict()}))


@pytest.fixture(scope="module")
def translation(tmp_path_factory, encoder):
    """A translation with the same f and a g at random."""
    f = checkpoint.load_encoder(encoder)
    g = Generator(f.dim, 8)
    statistics = {
        f"{what}_{d}": fill(f.dim) for d in "st" for what, fill in (("mean", torch.zeros), ("std", torch.ones))
    }
    info = {"kind": "transfer", "encoder": f.config, "generator": g.config, "upscaler": None, "sees": "heads"}
    tensors = {"encoder": f.state_dict(), "generator": g.state_dict(), "statistics": statistics}
    return str(checkpoint.save(tmp_path_factory.mktemp("t") / "t", info, tensors))


def stage_of(data, encoder, **settings):
    config = replace(TINY, encoder=encoder, **settings)
    return AvatarStage(config, data, make_encoder(encoder), Accelerator(cpu=True))


def test_c_trains_resumes_and_joins_a_translation(data, encoder, translation, tmp_path):
    run, made = run_training(replace(TINY, encoder=encoder), "avatar", tmp_path, str(data))
    assert run_training(None, "avatar", tmp_path, str(data), resume=run)[0] == run
    predictor = model.load_avatar_predictor(made)
    (avatar,) = predictor(torch.rand(1, 3, 64, 64))
    assert avatar.parameters.style == "avataaars"
    assert all(0 <= p <= 1 for p in avatar.confidences.values())
    joined = model.load(joining.merge(translation, made, tmp_path / "joined"))
    assert joined.predictor is not None
    assert joined.predictor.f is joined.f  # the same f isn't stored or computed twice
    assert not (tmp_path / "joined" / "avatar-encoder.safetensors").exists()
    assert joined.predictor(torch.zeros(1, 3, 64, 64)) == predictor(torch.zeros(1, 3, 64, 64))


def test_another_f_is_pushed_too(data, encoder, translation, tmp_path):
    torch.manual_seed(1)
    other = AttributeEncoder(8, 16, squash=True, skin=True)
    path = checkpoint.save(
        tmp_path / "f", {"kind": "encoder", "encoder": other.config}, {"encoder": other.state_dict()}
    )
    _, made = run_training(replace(TINY, encoder=str(path), steps=2), "avatar", tmp_path, str(data))
    joined = model.load(joining.merge(translation, made, tmp_path / "joined"))
    assert joined.predictor.f is not joined.f
    assert torch.allclose(next(joined.predictor.f.parameters()), next(other.parameters()), atol=1e-3)
    _, again = run_training(replace(TINY, encoder=encoder, steps=2), "avatar", tmp_path, str(data))
    joining.merge(tmp_path / "joined", again, tmp_path / "joined")
    assert not (tmp_path / "joined" / "avatar-encoder.safetensors").exists()


@pytest.mark.parametrize("settings", [{"agree": 0.0}, {"style": "toon-head"}, {"style": "lorelei"}], ids=str)
def test_every_style_trains_with_and_without_agreement(data, encoder, settings):
    stage = stage_of(data, encoder, **settings)
    first = stage.step(1)
    assert all(torch.isfinite(value) for value in first.values())
    assert ("agree" in first) == (stage.config.agree > 0)
    stage.load_state(stage.state())
    assert stage.samples().ndim == 3


def test_c_learns_what_drawings_show(data, encoder):
    stage = stage_of(data, encoder, noise=0.0, agree=0.0, lr=0.02, steps=60, batch=32)
    before = stage.validate()["miss"]
    losses = [float(stage.step(step)["drawn"]) for step in range(1, 61)]
    assert losses[-1] < 0.8 * losses[0]
    assert stage.validate()["miss"] < before


def test_agreement_brings_the_answers_of_c_to_those_of_f(data, encoder):
    stage = stage_of(data, encoder, agree=5.0, lr=0.02, steps=80, batch=32)
    before = stage.validate()["agree"]
    for step in range(1, 81):
        stage.step(step)
    assert stage.validate()["agree"] < before


def test_attributes_that_no_drawing_shows_are_omitted(data, encoder):
    stage = stage_of(data, encoder)
    for step in range(1, 9):
        stage.step(step)
    log_probabilities = stage.predictor().log_probabilities(stage.f_s)
    frida = SPECS["avataaars"].slots["top"].index("frida")
    assert log_probabilities["top"][:, frida].max() < -10


@pytest.mark.parametrize("style", list(SPECS))
def test_drawings_have_many_skins_and_hidden_colours_no_label(style):
    made = sample_parameters(style, 0, 300)
    assert made == sample_parameters(style, 0, 300)
    assert len({p.colours["skin"] for p in made}) > 100
    spec = SPECS[style]
    heads = {"colour:hair": len(spec.colours["hair"])}
    hair = encode(spec, made, heads)["colour:hair"]
    bald = torch.tensor([p.kind_of("top") in ("hat", "bald") or p.kind_of("hair") == "bald" for p in made])
    assert ((hair == -1) == bald).all()


@pytest.mark.parametrize("settings", [{"noise": -1}, {"agree": 1e9}])
def test_nonsense_is_refused(settings):
    with pytest.raises(ValueError, match="greater than or equal|less than"):
        replace(TINY, **settings)


def test_a_translation_without_c_is_reported(translation):
    with pytest.raises(UserError, match="has no c"):
        model.load_avatar_predictor(translation)
    assert model.load(translation).predictor is None


def test_statistics_without_hidden_features_mask_the_hidden_layer():
    weights = torch.tensor([0.0, 1.0])
    standardise = Standardise.of(torch.randn(50, 2), weights)
    assert standardise(torch.randn(3, 2))[:, 0].abs().max() == 0


@pytest.fixture(scope="module")
def drawn(data, encoder, tmp_path_factory):
    """A checkpoint of c, hardly trained."""
    return str(run_training(replace(TINY, encoder=encoder, steps=2), "c", tmp_path_factory.mktemp("c"), str(data))[1])


def test_what_is_exported_is_a_translation_that_is_drawn_only(drawn):
    loaded = model.load(drawn)
    assert (loaded.g, loaded.predictor.style) == (None, "avataaars")
    assert torch.allclose(loaded.standardise_s.mean, loaded.predictor.standardise.mean, atol=1e-3, rtol=1e-3)  # fp16
    assert not torch.equal(loaded.standardise_t.mean, loaded.standardise_s.mean)


def test_g_can_be_tied_to_what_is_drawn(data, encoder, drawn, translation, tmp_path):
    config = replace(
        PRESETS["faces-tiny"], encoder=encoder, steps=30, batch=8, tie=100.0, avatar=drawn, start=translation, limit=12,
        lr=2e-3,
    )  # fmt: skip
    f = make_encoder(encoder)
    stage = TransferStage(config, build_cache(config, f, data, "cpu"), f, Accelerator(cpu=True))
    begun = model.load(translation).g.state_dict()
    assert all(torch.equal(v, begun[k]) for k, v in stage.g.state_dict().items())
    assert stage.tied.shape == (len(stage.z_s), 4, 64, 64)
    predictor = model.load_avatar_predictor(drawn)
    pack = build_cache(config, f, data, "cpu")
    (avatar,) = predictor.decide(predictor.read(pack.f_s[:1, 0]))
    assert (to_float(stage.tied[:1, :3]) - to_tensor(avatar.image(64, "head"))[:, :3]).abs().mean() < 0.01
    ties = [float(stage.step(step)["tie"]) for step in range(1, 31)]
    assert sum(ties[-5:]) < 0.7 * sum(ties[:5])


def test_ties_that_fit_nothing_are_refused(data, encoder, drawn, tmp_path):
    with pytest.raises(ValueError, match="goes with avatar"):
        replace(PRESETS["faces-tiny"], tie=1.0)
    f = AttributeEncoder(8, 16, squash=True, skin=True)
    path = checkpoint.save(tmp_path / "f", {"kind": "encoder", "encoder": f.config}, {"encoder": f.state_dict()})
    config = replace(PRESETS["faces-tiny"], encoder=str(path), tie=1.0, avatar=drawn, limit=12)
    other = make_encoder(str(path))
    with pytest.raises(UserError, match="reads another f"):
        TransferStage(config, build_cache(config, other, data, "cpu"), other, Accelerator(cpu=True))
