"""Faces by other artists: labelled as they are drawn, and never of a target style."""

from typing import get_args

import numpy as np
import pytest

from dtn_core.config import Style
from dtn_core.core.types import HEAD_EYE_HEIGHT
from dtn_core.data import illustrations
from dtn_core.data.illustrations import ILLUSTRATION_STYLES, sample
from dtn_core.data.portraits import UNKNOWN
from dtn_core.networks.resnet import ATTRIBUTES


@pytest.fixture(scope="module")
def drawn():
    """Three of each hand: (5, 3, 64, 64, 4), and their labels."""
    pictures, labels = illustrations.draw(3, ATTRIBUTES)
    return pictures.reshape(len(ILLUSTRATION_STYLES), 3, 64, 64, 4), labels.reshape(len(ILLUSTRATION_STYLES), 3, -1)


def test_no_hand_is_of_a_target_style():
    assert not set(ILLUSTRATION_STYLES) & set(get_args(Style))


@pytest.mark.parametrize("hand", ILLUSTRATION_STYLES)
def test_a_drawing_is_a_face_with_nothing_around(hand, drawn):
    pictures = drawn[0][list(ILLUSTRATION_STYLES).index(hand)]
    assert pictures.dtype == np.uint8
    assert pictures[:, 0, [0, -1], 3].max() == 0
    # Between the eyes there is a face, and its halves reach as far to both sides.
    assert pictures[:, round(64 * HEAD_EYE_HEIGHT), 32, 3].min() == 255
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize("hand", ILLUSTRATION_STYLES)
def test_a_seed_is_a_drawing(hand, drawn):
    assert sample(hand, 2) == sample(hand, 2)
    assert sample(hand, 2) != sample(hand, 1)
    again = illustrations.render(hand, 2)
    assert (again == drawn[0][list(ILLUSTRATION_STYLES).index(hand), 2]).all()
    assert illustrations.render(hand, 2, 32).shape == (32, 32, 4)


def test_labels_are_yes_no_or_unknown(drawn):
    labels = drawn[1]
    assert labels.shape == (len(ILLUSTRATION_STYLES), 3, len(ATTRIBUTES))
    assert labels.dtype == np.float32
    assert set(np.unique(labels).tolist()) == {0.0, 1.0, UNKNOWN}
    for row, hand in zip(labels, ILLUSTRATION_STYLES):
        for seed in range(3):
            result = {name: value for name, value in zip(ATTRIBUTES, row[seed].tolist()) if value != UNKNOWN}
            assert result == sample(hand, seed)[1]


@pytest.mark.parametrize("hand", ILLUSTRATION_STYLES)
def test_labels_of_illustrations_match_their_parameters(hand):
    result = [sample(hand, seed)[1] for seed in range(300)]
    parts = {
        "No_Beard": ILLUSTRATION_STYLES[hand].beard,
        "Eyeglasses": ILLUSTRATION_STYLES[hand].glasses,
        "Bald": ILLUSTRATION_STYLES[hand].bald,
    }
    parts |= {
        "Wearing_Hat": ILLUSTRATION_STYLES[hand].hat,
        "Smiling": ILLUSTRATION_STYLES[hand].mouths[0],
        "Male": True,
    }
    for name, drawable in parts.items():
        assert {t[name] for t in result if name in t} == ({0.0, 1.0} if drawable else set()), name


@pytest.mark.parametrize("hand", ILLUSTRATION_STYLES)
def test_labels_of_a_drawing_agree(hand):
    colours = ("Black_Hair", "Brown_Hair", "Blond_Hair", "Gray_Hair")
    for seed in range(300):
        result = sample(hand, seed)[1]
        if result.get("No_Beard") == 0 or result.get("Bald") == 1:
            assert result["Male"] == 1
        if result.get("Bald") == 1 or result.get("Wearing_Hat") == 1:
            assert not set(colours) & set(result)  # hair that isn't seen has no colour
        assert sum(result.get(name, 0) for name in colours) <= 1


@pytest.mark.parametrize("label", ["No_Beard", "Eyeglasses"])
def test_beards_and_glasses_are_drawn_as_labelled(label):
    """The same drawing without its beard, or without its glasses, is another."""
    for hand, h in ILLUSTRATION_STYLES.items():
        part = h.beard if label == "No_Beard" else h.glasses
        if part is None:
            continue
        worn = 0.0 if label == "No_Beard" else 1.0
        options = next(o for o, result in (sample(hand, seed) for seed in range(300)) if result[label] == worn)
        without = {**options, f"{part}Probability": 0}
        if label == "Eyeglasses" and h.bare:
            without = {**options, f"{part}Variant": [h.bare[0]]}
        one, other = (illustrations._raster(hand, o, 64).astype(int) for o in (options, without))
        assert (np.abs(one - other).max(2) > 40).mean() > 0.003, hand
