"""Checkpoints: what is saved comes back; what is missing, damaged or foreign is one clear line."""

import json
import shutil

import pytest
import torch

from dtn_core.core.errors import UserError
from dtn_core.networks import checkpoint
from dtn_core.networks import merge as joining
from dtn_core.networks.encoders import DlibEncoder, SideBySide
from dtn_core.networks.resnet import AttributeEncoder
from dtn_core.pipeline import model


@pytest.fixture
def own(make_checkpoint, tmp_path):
    """A checkpoint this test may change."""
    return make_checkpoint(tmp_path / "own")


def refusal(directory):
    with pytest.raises(UserError) as caught:
        model.load(directory)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    return line


def test_load_gives_back_what_was_saved(own):
    loaded = model.load(own)
    again = model.load(own)
    assert loaded.name == "own"
    assert loaded.info["kind"] == "transfer"
    z = torch.randn(2, 16 + 48)
    assert torch.equal(loaded.g(z), again.g(z))
    torch.manual_seed(0)
    f = AttributeEncoder(width=8, hidden=16)  # the first thing make_checkpoint draws from seed 0
    for name, value in f.state_dict().items():
        stored = loaded.f.state_dict()[name]
        assert torch.equal(stored, value.half().float() if value.is_floating_point() else value)


def test_everything_is_frozen_and_in_eval_mode(own):
    loaded = model.load(own)
    for module in (loaded.f, loaded.g, loaded.upscaler):
        assert not module.training
        assert not any(p.requires_grad for p in module.parameters())


def test_statistics_keep_full_precision(own):
    std = model.load(own).standardise_s.std
    assert (std.half().float() != std).any()


def test_hash_depends_only_on_the_weights(own, make_checkpoint, tmp_path):
    first = model.load(own).hash
    (own / "README.md").write_text("a card")
    assert model.load(own).hash == first
    assert model.load(make_checkpoint(tmp_path / "same")).hash == first
    assert model.load(make_checkpoint(tmp_path / "other", seed=1)).hash != first


def test_saving_again_replaces_weights_and_keeps_the_card(own, make_checkpoint):
    (own / "README.md").write_text("a card")
    before = model.load(own).hash
    make_checkpoint(own, seed=3)
    assert model.load(own).hash != before
    assert (own / "README.md").read_text() == "a card"
    assert [p.name for p in own.parent.iterdir()] == ["own"]


def test_weights_of_packages_are_not_stored():
    f = SideBySide([AttributeEncoder(width=8, hidden=16), DlibEncoder()])
    own_weights = checkpoint.own_weights(f)
    assert own_weights
    assert all(name.startswith("parts.0.") for name in own_weights)


def test_missing_lists_what_there_is(tmp_path):
    assert "not found" in refusal(tmp_path / "nowhere")
    assert "config.json" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["encoder", "statistics", "generator", "upscaler"])
def test_each_damaged_or_missing_file_is_named(own, name):
    path = own / f"{name}.safetensors"
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"\0" * len(whole)):
        path.write_bytes(damaged)
        assert name in refusal(own)
    path.unlink()
    assert name in refusal(own)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 99}, "Update DTN Studio"),
        ({"kind": "judge"}, "not a translation"),
        ({"encoder": None}, "no 'encoder'"),
        ({"encoder": {"name": "resnet"}}, "unknown encoder"),
        ({"encoder": {"name": "attributes", "width": 8, "hidden": 32}}, "doesn't fit"),
        ({"generator": {"features": 16, "bass": 4}}, "generator"),
        ({"generator": {"features": 16, "base": 8}}, "doesn't fit"),
    ],
)
def test_a_wrong_config_is_refused(own, change, words):
    info = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps({**info, **change}))
    assert words in refusal(own)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null"])
def test_a_damaged_config_is_refused(own, text):
    (own / "config.json").write_text(text)
    assert "config.json is damaged" in refusal(own)


def test_an_interrupted_save_leaves_the_old_one_whole(own, monkeypatch):
    before = model.load(own).hash
    monkeypatch.setattr(checkpoint, "save_tensors", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(own, {"kind": "transfer"}, {"generator": {"w": torch.zeros(1)}})
    assert model.load(own).hash == before
    assert [p.name for p in own.parent.iterdir()] == ["own"]


def test_what_f_names_is_stressed_in_full_and_the_rest_by_its_weight(tmp_path, make_checkpoint):
    made = make_checkpoint(tmp_path / "x")
    info = checkpoint.read_config(made)
    (made / "config.json").write_text(
        json.dumps({**info, "emphasis": 1.5, "encoder": {**info["encoder"], "squash": True}})
    )
    loaded = model.load(made)
    hidden = loaded.f.hidden
    z = torch.ones(1, loaded.f.dim)
    assert torch.allclose(loaded.emphasise(z)[:, hidden:], torch.tensor(1.5))
    assert torch.allclose(loaded.emphasise(z)[:, :hidden], torch.tensor(1.125))
    (made / "config.json").write_text(json.dumps({**info, "emphasis": 1.0}))
    assert torch.equal(model.load(made).emphasise(z), z)


def test_c_is_saved_and_loaded(tmp_path, make_checkpoint):
    predictor = model.load(make_checkpoint(tmp_path / "own", draws=True)).predictor
    again = model.load(tmp_path / "own").predictor
    x = torch.rand(3, 3, 96, 96) * 2 - 1
    assert [a.parameters for a in predictor(x)] == [a.parameters for a in again(x)]
    assert predictor.hash == again.hash != model.load(tmp_path / "own").hash


def test_one_that_is_drawn_only_has_no_g_and_shares_its_f(tmp_path, make_checkpoint, monkeypatch):
    drawn = make_checkpoint(tmp_path / "drawn", draws=True, paints=False)
    both = model.load(make_checkpoint(tmp_path / "both", draws=True))
    loaded = model.load(drawn)
    assert checkpoint.is_translation(drawn)
    assert (loaded.g, loaded.upscaler) == (None, None)
    assert torch.equal(loaded.standardise_t.mean, both.standardise_t.mean)
    assert loaded.predictor.hash == both.predictor.hash
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path)
    f = {"encoder": checkpoint.read_tensors(drawn, "encoder")}
    checkpoint.save(tmp_path / "f", {"kind": "encoder", "encoder": loaded.info["encoder"]}, f)
    shared = model.load(joining.merge(drawn, "f", tmp_path / "shared"))
    assert not (tmp_path / "shared" / "encoder.safetensors").exists()
    assert shared.predictor.decisions == loaded.predictor.decisions
    with pytest.raises(UserError, match="not avatar and avatar"):
        joining.merge(drawn, drawn, tmp_path / "twice")


@pytest.mark.parametrize(
    ("old", "loads"),
    [
        ({"head": {"hidden": 0}, "picture": None}, True),
        ({"head": {"hidden": 8}, "picture": None}, False),
        ({"head": {"hidden": 0}, "picture": {"width": 4}}, False),
    ],
)
def test_c_of_an_earlier_version_is_read_where_it_is_linear_in_f(tmp_path, make_checkpoint, old, loads):
    made = make_checkpoint(tmp_path / "own", draws=True)
    info = checkpoint.read_config(made)
    info["avatar"]["head"] |= old["head"]
    info["avatar"] |= {"picture": old["picture"], "decisions": {**info["avatar"]["decisions"], "free_colours": False}}
    (made / "config.json").write_text(json.dumps(info))
    if loads:
        assert model.load(made).predictor.head.config.keys() == {"inputs", "heads"}
    else:
        assert "isn't linear in f" in refusal(made)


def test_a_checkpoint_without_c_has_none(own):
    assert model.load(own).predictor is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"style": "crayon"}, "can't draw"),
        ({"style": None}, "can't draw"),
        ({"head": {"inputs": 64}}, "damaged"),
        ({"decisions": {}}, "damaged"),
        ({"decisions": {"lines": [], "rates": [], "hair": [], "hair_rates": [], "skin": []}}, "damaged"),
        ({"decisions": None}, "damaged"),
    ],
)
def test_a_damaged_c_is_refused(tmp_path, make_checkpoint, change, words):
    made = make_checkpoint(tmp_path / "own", draws=True)
    info = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps({**info, "avatar": {**info["avatar"], **change}}))
    line = refusal(made)
    assert words in line
    assert "avatar" in line
    (made / "config.json").write_text(json.dumps(info))
    (made / "avatar.safetensors").unlink()
    assert "avatar.safetensors is missing" in refusal(made)


@pytest.fixture
def sharing(own, tmp_path, monkeypatch):
    """`own` with its f in a checkpoint apart: (translation, encoder)."""
    config = checkpoint.read_config(own)["encoder"]
    f = checkpoint.save(
        tmp_path / "f", {"kind": "encoder", "encoder": config}, {"encoder": checkpoint.read_tensors(own, "encoder")}
    )
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path)
    return joining.merge(own, f, tmp_path / "sharing"), f


def test_a_shared_f_is_stored_once(sharing, own):
    made, f = sharing
    assert not (made / "encoder.safetensors").exists()
    a, b = model.load(own), model.load(made)
    assert a.hash == b.hash
    assert all(torch.equal(v, b.f.state_dict()[k]) for k, v in a.f.state_dict().items())
    assert checkpoint.load_encoder(made).config == a.f.config
    with pytest.raises(UserError, match="another f than .* or shares it already"):
        joining.merge(made, f, made)


def test_only_an_f_that_its_name_finds_is_shared(own, sharing, tmp_path):
    elsewhere = shutil.copytree(sharing[1], tmp_path / "run" / "export")
    with pytest.raises(UserError, match="only an encoder in .* can be shared"):
        joining.merge(own, elsewhere, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_another_f_in_its_place_is_refused(sharing, own):
    made, f = sharing
    whole = checkpoint.read_tensors(f, "encoder")
    checkpoint.save(f, checkpoint.read_config(f), {"encoder": {k: v + 1 for k, v in whole.items()}})
    assert "needs checkpoint 'f' of hash" in refusal(made)
    (f / "config.json").unlink()
    assert "'f' not found" in refusal(made)
    info = checkpoint.read_config(made)
    for damaged in ("f", {"encoder": "f"}, {"encoder": {"checkpoint": 3}}):
        (made / "config.json").write_text(json.dumps(info | {"shared": damaged}))
        assert "'shared' is damaged" in refusal(made)


def test_large_headers_are_refused_unparsed(own, monkeypatch):
    """JSON takes ten times its size once it is parsed."""
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "MAX_HEADER", 100)
        assert "config.json is damaged (too large)" in refusal(own)
    path = own / "generator.safetensors"
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    wide = data[8 : 8 + size] + b" " * (checkpoint.MAX_HEADER - size + 8)  # which safetensors allows
    path.write_bytes(len(wide).to_bytes(8, "little") + wide + data[8 + size :])
    assert "its header is too large" in refusal(own)
