"""Colours: hex codes, CIELAB, and what the cheeks say."""

import numpy as np
import pytest

from dtn_core.avatars.engine import image
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.core.colors import cheek, from_lab, to_hex, to_lab, to_rgb
from dtn_core.core.images import composite_over


def test_hex_codes_there_and_back():
    assert to_rgb("#d08b5b") == (208, 139, 91)
    assert to_hex((208, 139, 91)) == "#d08b5b"
    assert to_hex(np.array([208.4, 138.6, 0.4])) == "#d08b00"
    assert to_hex((-3, 300, 7)) == "#00ff07"


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((119, 119, 119), (50.0, 0, 0)),
        ((255, 0, 0), (53.2, 80.1, 67.2)),
        ((0, 255, 0), (87.7, -86.2, 83.2)),
        ((0, 0, 255), (32.3, 79.2, -107.9)),
    ],
)
def test_cielab_of_known_colours(rgb, lab):
    assert to_lab(np.array(rgb)) == pytest.approx(np.array(lab), abs=0.5)


def test_cielab_there_and_back_in_any_shape():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    lab = to_lab(rgb)
    assert lab.shape == rgb.shape
    assert lab.dtype == np.float32
    assert np.abs(from_lab(lab) - rgb).max() < 1
    assert to_lab(rgb[0, 0]).shape == (3,)
    assert np.allclose(to_lab(rgb[0, 0]), lab[0, 0], atol=1e-3)


def test_colours_beyond_srgb_are_clipped():
    made = from_lab(np.array([[100, 90, 90], [5, -90, 90]], np.float32))
    assert made.min() >= 0
    assert made.max() <= 255


@pytest.mark.parametrize("size", [64, 80, 256])
def test_only_the_cheeks_are_measured(size):
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 256, (size, size, 3)).astype(np.uint8)
    for x, y in ((0.37, 0.69), (0.63, 0.69)):  # outwards of the nose, below the eyes
        row, column, r = round(y * size), round(x * size), round(0.05 * size)
        crop[row - r : row + r + 1, column - r : column + r + 1] = (200, 150, 120)
    result = cheek(crop)
    assert result.shape == (3,)
    assert result == pytest.approx(to_lab(np.array([200, 150, 120])), abs=0.1)
    spots = rng.random((size, size)) < 0.3
    crop[spots] = 255  # freckles of light don't count
    assert cheek(crop) == pytest.approx(to_lab(np.array([200, 150, 120])), abs=0.1)


@pytest.mark.parametrize("style", SPECS)
@pytest.mark.parametrize("colour", ["#f0c0a0", "#503020"])
def test_an_avatars_cheeks_have_its_skins_colour(style, colour):
    made = image(Parameters(style, {}, {"skin": colour}), 128, "head")
    assert cheek(composite_over(made, (0, 0, 255))) == pytest.approx(to_lab(np.array(to_rgb(colour))), abs=6)
    assert cheek(composite_over(made, (0, 0, 255)))[0] == pytest.approx(to_lab(np.array(to_rgb(colour)))[0], abs=4)
