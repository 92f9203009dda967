"""Colours measured in photos: which pixels count, when the palette stays, and what the avatar becomes."""

import numpy as np
import pytest

from dtn_core.avatars.appearance import REGIONS, apply_colours, entries
from dtn_core.avatars.appearance import measure as measure_appearance
from dtn_core.avatars.avatar import Avatar
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.core.colors import to_lab, to_rgb
from dtn_core.networks.parser import PARTS

SKIN = (208, 160, 130)
COLOURS = {"hair": (70, 45, 30), "hat": (20, 60, 160), "clothes": (40, 140, 60), "glasses": (30, 20, 25)}
ROWS = {"hat": (0, 10), "hair": (10, 24), "glasses": (28, 32), "clothes": (54, 64)}


def head(skin=SKIN, light=(1, 1, 1), without=()):
    """A head crop of 64 pixels in flat bands, and its parts with probability one."""
    picture = np.empty((64, 64, 3), np.float32)
    picture[:] = skin
    parts = np.zeros((len(PARTS), 64, 64), np.float32)
    parts[PARTS.index("skin")] = 1
    for name, (top, bottom) in ROWS.items():
        if name in without:
            continue
        picture[top:bottom] = COLOURS[name]
        parts[:, top:bottom] = 0
        parts[PARTS.index(name), top:bottom] = 1
    return np.clip(picture * light, 0, 255).astype(np.uint8)[None], parts[None]


def measure(pictures, parts):
    return entries(measure_appearance(pictures, parts), "colour")


def avatar(style="avataaars"):
    return Avatar(Parameters(style), {}, {"colour:hair": {}, "colour:beard": {}, "colour:hat": {}, "hat": {}})


def row(colours, i=0):
    return {name: lab[i] for name, lab in colours.items()}


def test_each_part_has_its_own_colour():
    colours = measure(*head())
    for name, rgb in COLOURS.items():
        assert np.linalg.norm(colours[name][0] - to_lab(np.array(rgb, np.float32))) < 2, name


def test_shadows_and_highlights_are_left_out():
    picture, parts = head()
    picture[0, 10:12] = 0
    picture[0, 12:14] = 255
    assert np.linalg.norm(measure(picture, parts)["hair"][0] - measure(*head())["hair"][0]) < 1


@pytest.mark.parametrize("name", REGIONS)
def test_a_part_that_is_not_seen_or_uncertain_keeps_the_palette(name):
    assert np.isnan(measure(*head(without=(name,)))[name]).all()
    picture, parts = head()
    colours = measure(picture, np.where(np.arange(len(PARTS))[:, None, None] == PARTS.index(name), 0.6, 1) * parts)
    assert np.isnan(colours[name]).all()
    assert name not in apply_colours(avatar(), row(colours)).measured


@pytest.mark.parametrize(
    ("case", "skin", "light"),
    [
        ("black-and-white", (150, 150, 150), (1, 1, 1)),
        ("dark", SKIN, (0.12, 0.12, 0.12)),
        ("blue light", SKIN, (0.4, 0.6, 1.4)),
        ("green light", SKIN, (0.4, 1.4, 0.5)),
        ("red light", SKIN, (1.4, 0.2, 0.2)),
    ],
)
def test_light_that_hides_colours_keeps_the_palette(case, skin, light):
    given = avatar()
    assert apply_colours(given, row(measure(*head(skin, light)))) is given, case


def test_frames_that_cannot_be_told_from_the_skin_keep_the_palette():
    picture, parts = head()
    picture[0, 28:32] = np.array(SKIN) - 10
    assert np.isnan(measure(picture, parts)["glasses"]).all()


def test_the_avatar_has_the_colours_its_style_knows():
    for style, spec in SPECS.items():
        result = apply_colours(Avatar(Parameters(style), {}), row(measure(*head())))
        assert set(result.measured) == set(REGIONS) & set(spec.colours)
        for name in set(spec.colours) - {*result.measured, "beard"}:
            assert result.parameters.colours[name] == Parameters(style).colours[name]


def test_a_beard_has_the_colour_of_the_hair_and_other_avatars_keep_it():
    result = apply_colours(avatar(), row(measure(*head())))
    assert result.parameters.colours["beard"] == result.parameters.colours["hair"]
    assert "beard" not in result.measured
    assert set(result.probabilities) == {"hat"}  # the slot: only measured colours are dropped


def test_hair_under_a_yellow_lamp_is_not_green():
    grey = np.full((1, 64, 64, 3), (118, 122, 96), np.uint8)
    picture, parts = head(skin=(196, 168, 104))
    picture[0, 10:24] = grey[0, 10:24]
    code = apply_colours(avatar(), row(measure(picture, parts))).parameters.colours["hair"]
    red, green, blue = to_rgb(code)
    assert red >= green >= blue


def test_dyed_hair_keeps_its_hue():
    picture, parts = head()
    picture[0, 10:24] = (40, 160, 60)
    code = apply_colours(avatar(), row(measure(picture, parts))).parameters.colours["hair"]
    red, green, blue = to_rgb(code)
    assert green > 2 * red
    assert green > 2 * blue


def test_colours_stay_where_the_shading_is_visible():
    black = row(measure(*head())) | {"hair": np.array([2, 0, 0], np.float32)}
    code = apply_colours(avatar(), black).parameters.colours["hair"]
    assert to_lab(np.array(to_rgb(code), np.float32))[0] == pytest.approx(12, abs=1)


def test_dark_lenses_are_darker_than_the_skin():
    picture, parts = head()
    assert measure_appearance(picture, parts)["lens"][0] > 40
    picture[0, 28:32] = np.array(SKIN) - 10
    assert measure_appearance(picture, parts)["lens"][0] < 10
    assert np.isnan(measure_appearance(*head(without=("glasses",)))["lens"]).all()
