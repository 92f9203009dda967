"""Drawn digits: the same everywhere, each item by itself, readable in every font."""

import numpy as np
import pytest

from dtn_core.data.drawn_digits import FONTS, FOOTLESS, draw_many, glyph, street
from dtn_core.data.handwriting import handwritten, written

SHAPES = {"street": (32, 32, 3), "handwritten": (32, 32)}


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes_and_types(kind):
    pictures, labels = draw_many(kind, 0, 5)
    assert pictures.shape == (5, *SHAPES[kind])
    assert pictures.dtype == np.uint8
    assert labels.shape == (5,)
    assert labels.dtype == np.int64
    assert draw_many(kind, 0, 0)[0].shape == (0, *SHAPES[kind])


@pytest.mark.parametrize("kind", SHAPES)
def test_an_item_depends_only_on_kind_seed_and_index(kind):
    few, some = draw_many(kind, 3, 4), draw_many(kind, 3, 9)
    assert (few[0] == some[0][:4]).all()
    assert (few[1] == some[1][:4]).all()
    assert len({picture.tobytes() for picture in some[0]}) == 9
    assert (draw_many(kind, 4, 4)[0] != few[0]).any()


@pytest.mark.parametrize("draw", [street, handwritten])
def test_a_generator_decides_the_picture(draw):
    first, again, other = (draw(np.random.default_rng(seed), 5) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("kind", SHAPES)
def test_labels_are_balanced(kind):
    counts = np.bincount(draw_many(kind, 1, 1000)[1], minlength=10)
    assert counts.shape == (10,)
    assert counts.min() > 60
    assert counts.max() < 140


@pytest.mark.parametrize("font", sorted(set(FONTS)))
def test_every_font_draws_every_digit(font):
    glyphs = [glyph(font, digit) for digit in range(10)]
    for each in glyphs:
        assert each.shape[0] == 96
        assert each.dtype == np.float32
        assert not each.flags.writeable
        rows = np.flatnonzero((each > 0).any(1))
        assert 60 <= np.ptp(rows) <= 66
        assert 0.02 < (each > 0).mean() < 0.6
        # The borders lie as far outside as the room around the digit
        assert max(each[0].max(), each[-1].max(), each[:, 0].max(), each[:, -1].max()) < -10
    shapes = {(each > 0).tobytes() for each in glyphs}
    assert len(shapes) == 10


@pytest.mark.parametrize("font", FOOTLESS)
def test_ones_without_a_foot_are_no_wider_below(font):
    ink = glyph(font, 1) > 0
    assert abs(int(ink[75].sum()) - int(ink[55].sum())) <= 2


@pytest.mark.parametrize("digit", range(10))
def test_digits_are_seen(digit):
    rng = np.random.default_rng(digit)
    assert len(written()[digit]) >= 2
    for _ in range(40):
        picture = handwritten(rng, digit)
        rows, columns = np.nonzero(picture > 0)
        # MNIST's 28 pixels stand in the middle, the ink about 20 long
        assert picture.max() > 150
        assert picture.sum() > 15 * 255
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        assert min(rows.min(), columns.min()) >= 2
        assert max(rows.max(), columns.max()) <= 29
        assert np.ptp(street(rng, digit)) > 20


def test_street_is_light_on_dark_as_often_as_dark_on_light():
    pictures, _ = draw_many("street", 5, 400)
    grey = pictures.mean(3)
    border = np.concatenate([grey[:, :2].reshape(400, -1), grey[:, -2:].reshape(400, -1)], 1).mean(1)
    lighter = (grey[:, 8:24, 12:20].mean((1, 2)) > border).mean()
    assert 0.3 < lighter < 0.7
    assert 90 < grey.mean() < 145


def test_handwriting_can_be_read_by_its_mean():
    pictures, labels = draw_many("handwritten", 1, 1500)
    flat = pictures.reshape(len(pictures), -1) / 255
    means = np.stack([flat[:1000][labels[:1000] == digit].mean(0) for digit in range(10)])
    distances = ((flat[1000:, None] - means) ** 2).sum(2)
    assert (distances.argmin(1) == labels[1000:]).mean() > 0.5


def test_an_unknown_kind_is_refused():
    with pytest.raises(KeyError):
        draw_many("cursive", 0, 1)
