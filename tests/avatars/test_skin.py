"""The skin's colour: what is measured, that the regression is free of light and of groups, and what is drawn."""

import numpy as np
import pytest

from dtn_core.avatars.parameters import SPECS
from dtn_core.avatars.skin import drawn_skin, fit, lit_skin, relight
from dtn_core.core.colors import to_lab, to_rgb
from dtn_core.networks.parser import PARTS
from dtn_core.networks.resnet import ATTRIBUTES


def face(skin=(200, 150, 120)):
    picture = np.empty((1, 64, 64, 3), np.uint8)
    picture[:] = skin
    parts = np.zeros((1, len(PARTS), 64, 64), np.float32)
    parts[:, PARTS.index("skin")] = 1
    return picture, parts


def test_lit_skin_leaves_out_shade_highlights_and_beards():
    picture, parts = face()
    plain = lit_skin(picture, parts)
    picture[:, :, :20] //= 3  # shade
    picture[:, 30:32] = 255  # highlight
    picture[:, 50:] = 20  # beard
    assert lit_skin(picture, parts) == pytest.approx(plain, abs=1)


def test_skin_that_is_hardly_seen_is_not_measured():
    picture, parts = face()
    parts[:] = 0
    assert np.isnan(lit_skin(picture, parts)).all()


def test_the_regression_ignores_light_and_groups():
    rng = np.random.default_rng(0)
    dim, n = 8 + len(ATTRIBUTES), 2000
    person, light = rng.normal(0, 1, n), rng.normal(0, 1, (3, n))
    views = rng.normal(0, 0.1, (3, n, dim)).astype(np.float32)
    views[..., 0] += person
    views[..., 1] += person + 3 * light  # correlated with the person, and far more with the light
    groups = [8 + ATTRIBUTES.index(name) for name in ATTRIBUTES if name.startswith("race_")]
    views[..., groups] += person[:, None]
    colours = np.stack([60 + 10 * person, 12 + 0 * person, 18 + 0 * person], 1)
    weights, bias = fit(views, colours)
    assert (weights[:, groups] == 0).all()
    predicted = views @ weights.T + bias
    assert np.corrcoef(predicted[0, :, 0], person)[0, 1] > 0.95
    assert predicted[..., 0].std(0).mean() < 0.2 * predicted[0, :, 0].std()


def test_light_changes_what_is_measured_and_stays_a_picture():
    picture, parts = face()
    rng = np.random.default_rng(0)
    lights = [lit_skin(relight(picture[0], rng)[None], parts)[0, 0] for _ in range(40)]
    assert np.std(lights) > 8
    assert relight(picture[0], rng).dtype == np.uint8


@pytest.mark.parametrize("style", SPECS)
def test_lighter_skin_is_drawn_lighter_within_the_palette(style):
    drawn = [to_lab(np.array(to_rgb(drawn_skin(style, np.array([x, 12, 18]))), np.float32)) for x in range(0, 101, 5)]
    lightness = [lab[0] for lab in drawn]
    assert lightness == sorted(lightness)
    palette = [to_lab(np.array(to_rgb(code), np.float32))[0] for code in SPECS[style].colours["skin"]]
    assert min(palette) - 1 < lightness[0] < lightness[-1] < max(palette) + 1
    hues = [np.degrees(np.arctan2(lab[2], lab[1])) for lab in drawn]
    assert min(hues) > 20
    assert max(hues) < 90
