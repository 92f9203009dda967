"""Drawn faces to try the app with."""

import pytest

from dtn_core.data import examples
from dtn_core.networks.checkpoint import SHIPPED
from dtn_core.pipeline.photo import Transferrer

EXPECTED = {
    "beard and glasses": {"beard", "glasses", "not bald", "no hat", "short hair"},
    "bob": {"no beard", "no glasses", "long hair", "no hat"},
    "hat": {"hat", "beard", "no glasses"},
    "grey hair": {"grey hair", "glasses", "not bald"},
    "turban": {"hat", "glasses", "no beard"},
    "bald": {"bald", "no beard", "no glasses", "no hat"},
}


@pytest.fixture(scope="module")
def shipped():
    return Transferrer.from_checkpoint(SHIPPED / "emoji", "cpu")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_drawn_face_is_found_and_read_right(name, shipped):
    result = shipped(examples.drawn()[name].picture, kind="drawn", compose=False)
    assert (len(result.faces), result.refused, result.rotation) == (1, (), 0)
    assert result.faces[0].note is None
    assert EXPECTED[name] <= set(result.faces[0].avatar.confidences)


def test_their_artists_are_credited():
    drawn = examples.drawn()
    assert drawn.keys() == EXPECTED.keys()
    assert all("CC" in example.credit and example.picture.shape == (512, 512, 3) for example in drawn.values())
