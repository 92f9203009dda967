"""Which g the user's own pictures get."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from dtn_core.avatars import rendering
from dtn_core.config import PRESETS, from_dict, to_dict
from dtn_core.training import dry_run, flat_targets, run_training
from dtn_core.training.flat_targets import choose_generator
from dtn_core.training.runs.status import read_status

FOLDERS = replace(PRESETS["folders-tiny"], delta=2.0)


@pytest.fixture(scope="module")
def drawings():
    avatars = rendering.draw("avataaars", range(24)).pictures
    return torch.from_numpy(avatars).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def photos(hopper, astronaut):
    parts = [cv2.resize(one, (64, 64), interpolation=cv2.INTER_AREA) for one in (hopper, astronaut)]
    opaque = [np.dstack([part, np.full((64, 64), 255, np.uint8)]) for part in parts]
    return torch.from_numpy(np.stack(opaque)).permute(0, 3, 1, 2)


def test_drawings_get_layers_and_photos_pixels(drawings, photos):
    config, note = choose_generator(FOLDERS, drawings)
    assert (config.generator, config.gamma, config.absolute) == ("layered", 0.0, 1.0)
    assert config.delta == pytest.approx(0.15 * FOLDERS.delta)
    assert "since t is flat: 9" in note
    config, note = choose_generator(FOLDERS, photos)
    assert config == replace(FOLDERS, generator="upsample")
    assert "since t is not flat" in note


def test_what_the_user_set_stays(drawings, photos):
    pixels = replace(FOLDERS, generator="upsample")
    assert choose_generator(pixels, drawings)[0] == pixels
    layers = replace(FOLDERS, generator="layered", layers=7)
    config, note = choose_generator(layers, photos)
    assert config == layers
    assert "t is not flat, so that g will lose its shades" in note
    faces = PRESETS["faces-tiny"]
    assert choose_generator(faces, drawings) == (faces, "")


def test_a_t_of_one_colour_is_flat():
    grey = torch.full((3, 4, 32, 32), 128, dtype=torch.uint8)
    assert choose_generator(FOLDERS, grey)[0].generator == "layered"


def test_runs_of_earlier_versions_painted_pixels():
    values = to_dict(FOLDERS)
    del values["generator"]
    assert from_dict(values).generator == "upsample"
    assert from_dict(to_dict(FOLDERS)).generator == "auto"


def test_it_is_said_before_and_during_training(tmp_path, drawings, hopper):
    s, t = tmp_path / "s", tmp_path / "t"
    s.mkdir()
    t.mkdir()
    for i, drawing in enumerate(drawings):
        PILImage.fromarray(drawing.permute(1, 2, 0).numpy()).save(t / f"{i}.png")
        PILImage.fromarray(np.roll(hopper, 20 * i, axis=1)).save(s / f"{i}.jpg")
    config = replace(PRESETS["folders-tiny"], s=str(s), t=str(t), device="cpu", encoder="encoder")
    checked = dry_run.run(config, None, tmp_path / "runs")
    assert any("flat layers, since t is flat" in note for note in checked.notes)
    assert dry_run.from_json(dry_run.to_json(checked)).notes == checked.notes
    path, exported = run_training(config, "x", tmp_path / "runs", None)
    assert any("flat layers, since t is flat" in text for _, text in read_status(path).messages)
    assert '"name": "layered"' in (exported / "config.json").read_text()
    assert flat_targets.FLAT_FROM > 0.5
