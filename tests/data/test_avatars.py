"""The emoji domain: the same everywhere, aligned where faces are, labels that the drawing shows."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dtn_core.avatars import attributes as avatars
from dtn_core.avatars.attributes import BALANCED_RATES, PORTRAIT_RATES, Rates
from dtn_core.avatars.parameters import HAIR_COLOURS
from dtn_core.avatars.rendering import render, render_many, sample
from dtn_core.core.errors import UserError
from dtn_core.core.images import composite_over
from dtn_core.core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT


def first(condition, rates=BALANCED_RATES):
    return next(a for a in (sample(seed, rates) for seed in range(3000)) if condition(a))


def test_a_seed_is_an_avatar():
    assert sample(7) == sample(7)
    assert (render(sample(7)) == render(sample(7))).all()
    assert sample(7) != sample(8)
    assert sample(7, PORTRAIT_RATES).options != sample(7, BALANCED_RATES).options or sample(
        9, PORTRAIT_RATES
    ) != sample(9, BALANCED_RATES)


@pytest.mark.parametrize("size", [64, 256])
def test_render_is_transparent_around_a_head(size):
    image = render(sample(1), size)
    assert image.shape == (size, size, 4)
    assert image.dtype == np.uint8
    assert image[:2, :2, 3].max() == 0
    assert image[round(size * HEAD_EYE_HEIGHT), size // 2, 3] == 255


def test_eyes_stand_where_faces_have_theirs():
    size = 512
    plain = first(
        lambda a: not a.attributes.glasses and not a.attributes.hat and a.attributes.skin == "pale"
        and a.attributes.bald and not a.attributes.beard and a.options["eyesVariant"] == ["default"]
    )  # fmt: skip
    dark = composite_over(render(plain, size), (255, 255, 255)).max(2) < 120
    row, column = round(HEAD_EYE_HEIGHT * size), size // 2
    window = np.zeros_like(dark)
    window[row - size // 20 : row + size // 20, column - size // 5 : column + size // 5] = True
    y, x = np.nonzero(dark & window)
    left, right = x < column, x >= column
    assert min(left.sum(), right.sum()) > 50
    assert (x[right].mean() - x[left].mean()) / size == pytest.approx(HEAD_EYE_DISTANCE, abs=0.006)
    assert (y.mean() + 0.5) / size == pytest.approx(HEAD_EYE_HEIGHT, abs=0.006)
    assert (x[left].mean() + x[right].mean() + 1) / 2 / size == pytest.approx(0.5, abs=0.006)


def test_rates_are_met():
    people = [sample(seed).attributes for seed in range(3000)]
    men = [p for p in people if p.male and not p.hat]

    def share(values):
        return np.mean([bool(v) for v in values])

    assert share(p.glasses for p in people) == pytest.approx(PORTRAIT_RATES.glasses, abs=0.025)
    assert share(p.hat for p in people) == pytest.approx(PORTRAIT_RATES.hat, abs=0.02)
    assert share(p.smiling for p in people) == pytest.approx(PORTRAIT_RATES.smile, abs=0.035)
    assert share(p.bald for p in men) == pytest.approx(PORTRAIT_RATES.bald, abs=0.035)
    assert share(p.beard for p in people) == pytest.approx((1 - PORTRAIT_RATES.women) * PORTRAIT_RATES.beard, abs=0.03)
    for skin, rate in zip(avatars.SKINS, PORTRAIT_RATES.skin):
        assert share(p.skin == skin for p in people) == pytest.approx(rate, abs=0.03)


def test_labels_say_none_where_the_drawing_does_not_say():
    for seed in range(500):
        a = sample(seed, BALANCED_RATES).attributes
        if a.hat:
            assert a.bald is None
            assert a.hair is None
        if a.bald:
            assert a.hair is None
            assert a.male is not False
        if a.beard:
            assert a.male is True


@pytest.mark.parametrize("name", ["glasses", "hat", "beard", "bald"])
def test_each_attribute_changes_the_drawing(name):
    with_it = Rates(**{"women": 0.0, "glasses": 0.0, "hat": 0.0, "beard": 0.0, "bald": 0.0, name: 1.0})
    without = Rates(**{"women": 0.0, "glasses": 0.0, "hat": 0.0, "beard": 0.0, "bald": 0.0})
    assert all(getattr(sample(seed, with_it).attributes, name) for seed in range(20))
    assert not any(getattr(sample(seed, without).attributes, name) for seed in range(20))
    pairs = [(render(sample(seed, with_it)), render(sample(seed, without))) for seed in range(4)]
    assert all((a != b).any() for a, b in pairs)


def test_hair_has_the_colour_of_its_label():
    for colour in HAIR_COLOURS:
        avatar = first(lambda a, c=colour: a.attributes.hair == c and a.options.get("topVariant") == ["bob"])
        image = render(avatar)
        hexadecimal = avatar.options["hairColor"][0].lstrip("#")
        expected = [int(hexadecimal[i : i + 2], 16) for i in (0, 2, 4)]
        near = np.abs(image[..., :3].astype(int) - expected).max(2) < 12
        assert (near & (image[..., 3] == 255)).mean() > 0.05, colour


def test_skin_has_the_colour_of_its_label():
    for skin, hexadecimal in avatars.SKINS.items():
        avatar = first(lambda a, s=skin: a.attributes.skin == s and not a.attributes.beard)
        expected = [int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)]
        cheek = render(avatar)[40, 20:44, :3].astype(int)
        assert (np.abs(cheek - expected).max(1) < 40).any(), skin


def test_render_many_keeps_order_and_sizes():
    small, large = render_many([5, 3], (32, 64))
    assert (small.shape, large.shape) == ((2, 32, 32, 4), (2, 64, 64, 4))
    assert (large[1] == render(sample(3), 64)).all()


@pytest.mark.parametrize("bad", [{"glasses": 1.5}, {"hat": -0.1}, {"skin": (1.0, 1.0, 0.0, 0.0, 0.0)}])
def test_impossible_rates_are_refused(bad):
    with pytest.raises(UserError, match=f"rates.{next(iter(bad))}"):
        Rates(**bad)


def test_a_script_without_a_main_guard_renders_many(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import hashlib\n"
        "from dtn_core.avatars.rendering import render_many\n"
        "(pictures,) = render_many(range(70))\n"
        "print(hashlib.sha256(pictures).hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rendered = np.stack([render(sample(seed)) for seed in range(70)])
    assert done.stdout.strip() == hashlib.sha256(rendered).hexdigest()
