"""Translations of one's own: of whole pictures, in colour without alpha; and the lists that the app offers."""

import json

import numpy as np
import pytest
import torch
from tiny_digits import write_digits

from dtn_core.core.errors import UserError
from dtn_core.networks import checkpoint
from dtn_core.networks.encoders import Standardise
from dtn_core.networks.generator import Generator
from dtn_core.networks.resnet import AttributeEncoder
from dtn_core.pipeline.photo import Transferrer, centre_crop
from dtn_core.ui.components import html
from dtn_core.ui.translations import Translations, refresh, refresh_choices


def write(directory, sees, channels=3, size=32, step=7):
    """A translation that sees pictures or heads, as a training of own folders exports it."""
    torch.manual_seed(0)
    f = AttributeEncoder(width=8, hidden=16)
    g = Generator(f.dim, base=4, channels=channels, size=size)
    z = Standardise(torch.zeros(f.dim), torch.ones(f.dim))
    statistics = {f"{name}_{d}": value.clone() for name, value in z.state_dict().items() for d in "st"}
    info = {"kind": "transfer", "encoder": f.config, "generator": g.config, "upscaler": None, "sees": sees}
    tensors = {"encoder": f.state_dict(), "statistics": statistics, "generator": g.state_dict()}
    return checkpoint.save(directory, {**info, "trained": {"step": step}}, tensors)


@pytest.mark.parametrize(("height", "width"), [(48, 80), (80, 48), (64, 64), (300, 500)])
def test_the_middle_square_is_what_is_seen(height, width):
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    seen = centre_crop(frame)
    assert seen.face.box == (left, top, left + side, top + side)
    assert seen.image.shape == (256, 256, 3)
    corners = seen.matrix @ np.array([[left - 0.5, top - 0.5, 1], [left + side - 0.5, top + side - 0.5, 1]]).T
    assert corners == pytest.approx(np.array([[-0.5, 255.5], [-0.5, 255.5]]))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_whole_pictures_are_redrawn_without_looking_for_a_face(tmp_path, channels, noise):
    transferrer = Transferrer.from_checkpoint(write(tmp_path / "own", "pictures", channels))
    assert transferrer.takes_whole_pictures
    result = transferrer(noise)
    (made,) = result.faces
    assert (made.confidence, made.note, result.refused) == (None, None, ())
    assert made.raw.shape == (32, 32, 4)
    assert made.image.shape == (256, 256, 4)
    if channels < 4:
        assert (made.raw[..., 3] == 255).all()
    shown = html.steps(result)
    assert "Painted <i>32 px" in shown
    assert "can be seen" not in shown
    assert " face" not in shown
    assert (result.composed[:, :79] == noise[:, :79]).all()  # beside the square nothing changes
    assert (result.composed[:, -79:] == noise[:, -79:]).all()
    assert (result.composed[200:280, 280:360] != noise[200:280, 280:360]).mean() > 0.9 or channels == 4


def test_heads_are_still_looked_for(tmp_path, hopper, noise):
    transferrer = Transferrer.from_checkpoint(write(tmp_path / "own", "heads"))
    assert transferrer(noise).faces == ()
    assert len(transferrer(hopper).faces) == 1


@pytest.fixture
def runs(tmp_path):
    for number, name in ((1, "folders-cpu"), (2, "digits-cpu")):
        run = tmp_path / "runs" / f"{number:05d}-{name}"
        for step in (250, 500):
            directory = run / "exports" / f"{step:06d}"
            write_digits(directory) if number == 2 else write(directory, "pictures", step=step)
    write(tmp_path / "runs" / "00001-folders-cpu" / "export", "pictures", step=1000)
    (tmp_path / "runs" / "packs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def translations(tiny, runs):
    return Translations(tiny, ("heads", "pictures"), Transferrer.from_checkpoint, runs)


def test_the_newest_checkpoint_of_every_matching_run_is_offered(translations, runs):
    labels = [label for label, _ in translations.choices()]
    assert labels[0].startswith("tiny · ")
    shipped = {"Avataaars · emoji", "ToonHead · toon-head", "Lorelei · lorelei"}
    assert {*shipped, "Cartoon Set (experimental) · cartoon-set"} <= set(labels)
    assert translations.choices()[-1] == ("00001-folders-cpu · step 1,000", "00001-folders-cpu/export")
    assert not any("digits" in label for label in labels)
    for step in (8, 10):
        write(runs / "00003-x" / "exports" / f"{step:06d}", "heads")
    added = [choice for choice in translations.choices() if choice[1].startswith("00003")]
    assert added == [("00003-x · step 10", "00003-x/000010")]
    older = ("00003-x · step 8", "00003-x/000008")
    assert older in translations.choices(chosen=older[1])


def test_without_runs_only_what_is_shipped_is_offered(tiny, runs):
    translations = Translations(tiny, ("heads", "pictures"), Transferrer.from_checkpoint, None)
    assert [key for _, key in translations.choices()] == ["", *translations.shipped()]
    with pytest.raises(UserError, match="this checkpoint is gone"):
        translations.get("00001-folders-cpu/export")


def test_the_browser_gets_no_path(translations, runs):
    assert all("/" not in key or key == "00001-folders-cpu/export" for _, key in translations.choices())
    directory = runs / "00001-folders-cpu" / "export"
    (directory / "generator.safetensors").write_bytes(b"")
    with pytest.raises(UserError) as error:
        translations.get("00001-folders-cpu/export")
    assert str(runs) not in str(error.value)
    assert "00001-folders-cpu/export" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("generator.safetensors", b""),
        ("generator.safetensors", None),
        ("statistics.safetensors", b"\0" * 40),
        ("encoder.safetensors", None),
        ("config.json", lambda text: text.replace('"size": 32', '"size": 33')),
        ("config.json", lambda text: text.replace('"width": 8', '"width": 4000')),
        ("config.json", lambda text: text.replace('"sees"', '"emphasis": "much", "sees"')),
        ("config.json", lambda text: text.replace('"attributes"', '"nonsense"', 1)),
    ],
)
def test_whatever_is_damaged_the_browser_gets_no_path(translations, runs, name, content):
    """The error names the checkpoint by its key, and the file in it by its name alone."""
    path = runs / "00001-folders-cpu" / "export" / name
    if content is None:
        path.unlink()
    elif callable(content):
        before = path.read_text()
        path.write_text(content(before))
        assert path.read_text() != before
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match="^00001-folders-cpu/export: ") as error:
        translations.get("00001-folders-cpu/export")
    assert str(runs) not in str(error.value)


def test_a_translation_is_loaded_once_and_again_when_it_changes(translations, runs, tiny):
    path, key = runs / "00001-folders-cpu" / "export", "00001-folders-cpu/export"
    assert translations.get("") is translations.get(None) is tiny
    first = translations.get(key)
    assert first.takes_whole_pictures
    assert translations.get(key) is first
    info = json.loads((path / "config.json").read_text())
    checkpoint.save(path, {**info, "sees": "heads"}, {})
    assert not translations.get(key).takes_whole_pictures


def test_a_live_frame_reads_no_file(translations, monkeypatch):
    keys = "00001-folders-cpu/export", "00001-folders-cpu/000250"
    loaded = [translations.get(key) for key in keys]
    monkeypatch.setattr(checkpoint, "read_config", lambda _: pytest.fail("a config was read again"))
    assert [translations.get(key) for key in keys] == loaded


def test_what_is_not_in_the_list_is_refused(translations, runs, tmp_path):
    outside = write(tmp_path / "elsewhere", "heads")
    others = "../elsewhere", "00001-x/../../elsewhere", "00002-digits-cpu/000250", "nonsense", "..", "", 5, ["a"]
    for key in (str(outside), *filter(None, others)):
        with pytest.raises(UserError, match="this checkpoint is gone"):
            translations.get(key)


def test_few_checkpoints_are_kept_in_memory(translations, runs):
    for i in range(8):
        write(runs / f"{i + 10:05d}-x" / "export", "heads")
        translations.get(f"{i + 10:05d}-x/export")
    assert len(translations.loaded) == 4


def test_the_list_keeps_the_choice_while_it_lasts(translations):
    for key in ("00001-folders-cpu/export", "00001-folders-cpu/000250"):
        assert refresh(translations, key)["value"] == key
        assert refresh(translations, key)["choices"] == translations.choices(key)
    assert refresh(translations, "gone")["value"] == ""


def test_an_answer_to_an_opened_tab_overwrites_no_later_choice(translations):
    assert "value" not in refresh_choices(translations, "")
    assert "value" not in refresh_choices(translations, "00001-folders-cpu/export")
    assert refresh_choices(translations, "gone")["value"] == ""
