"""A puppet's pixels: at rest the artist's drawing, and each number of a motion moves what it names."""

import numpy as np
import pytest

from dtn_core.avatars.avatar import Avatar
from dtn_core.avatars.engine import image
from dtn_core.avatars.expressions import expressions
from dtn_core.avatars.parameters import NONE, SPECS, Parameters
from dtn_core.avatars.styles import DRAWINGS
from dtn_core.core.types import Box, Face, TransferredFace
from dtn_core.faces.align import align
from dtn_core.faces.compose import Sticker, composite, paste, premultiply
from dtn_core.pipeline.live.motion import Motion
from dtn_core.pipeline.live.puppet import Puppet

STYLES = tuple(SPECS)
SIZE = 256
REST = Motion(200, 150, 40)


def plain_figure(style):
    """A figure without beard or glasses, and with a neutral expression."""
    spec = SPECS[style]
    variants = {slot: NONE if NONE in known else known[0] for slot, known in spec.slots.items()}
    variants |= expressions(style)["neutral"]
    variants |= DRAWINGS[style].plain
    return Parameters(style, variants, {name: palette[len(palette) // 3] for name, palette in spec.colours.items()})


def over_green(sticker, size=(300, 400)):
    return composite(np.full((*size, 3), (0, 200, 0), np.uint8), [sticker])


def changed(style, motion):
    """Where a motion changes the picture at rest: left, top, right, bottom on the canvas; None where nowhere."""
    puppet = Puppet(plain_figure(style), size=SIZE)
    rest = puppet.draw(REST).astype(int)
    ys, xs = np.nonzero((np.abs(puppet.draw(motion).astype(int) - rest) > 24).any(2))
    if not len(xs):
        return None
    left, top, side = SPECS[style].bust
    points = np.array((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)) * side / SIZE
    return points + (left, top, left, top)


@pytest.mark.parametrize("style", STYLES)
def test_at_rest_it_is_the_drawing(style):
    one = plain_figure(style)
    wanted = premultiply(image(one, SIZE), np.ones((SIZE, SIZE), np.float32)).astype(int)
    assert np.abs(Puppet(one, size=SIZE).draw(REST) - wanted).mean() < 0.5


@pytest.mark.parametrize("style", STYLES)
def test_each_eye_has_its_lid(style):
    middle = next(p["pivot"][0] for p in Puppet(plain_figure(style))._rig["parts"] if p["moves"] == "eyes")
    left, right = (changed(style, REST._replace(lids=lids)) for lids in ((0.1, 1.0), (1.0, 0.1)))
    assert left[2] < middle < right[0]
    assert changed(style, REST._replace(lids=(0.6, 0.6))) is not None


@pytest.mark.parametrize("style", STYLES)
def test_drawn_states_have_hysteresis(style):
    near = REST._replace(lids=(0.47, 0.47))
    puppet = Puppet(plain_figure(style), size=SIZE)
    opened = puppet.draw(near)
    shut = puppet.draw(REST._replace(lids=(0.2, 0.2)))
    assert (puppet.draw(near) == shut).all()
    puppet.draw(REST)
    assert (puppet.draw(near) == opened).all()


@pytest.mark.parametrize("style", STYLES)
def test_mouth_and_brows(style):
    _, eyes_y, apart = SPECS[style].eyes
    for motion in ({"open": 0.6}, {"smile": 0.9}, {"open": 0.6, "smile": 0.9}, {"wide": -1.0}):
        assert changed(style, REST._replace(**motion))[1] > eyes_y + 0.4 * apart, motion
    brows = changed(style, REST._replace(brows=(1.0, 1.0)))
    assert brows[3] < eyes_y
    small, large = (changed(style, REST._replace(open=share)) for share in (0.3, 1.0))
    assert large[3] > small[3]


@pytest.mark.parametrize("style", STYLES)
def test_a_turned_head_shows_its_features_on_that_side(style):
    def middle(motion):
        return changed(style, motion._replace(lids=(0.1, 0.1)))[[0, 2]].mean()

    assert middle(REST._replace(yaw=1.0)) > middle(REST._replace(yaw=-1.0))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("roll", [0, 25])
def test_a_puppet_at_rest_matches_the_still_avatar(style, roll):
    """As `compose` pastes a still avatar on a face with these eyes."""
    frame = np.full((300, 400, 3), (0, 200, 0), np.uint8)
    across = 20 * np.array((np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))))
    left, right = (200, 150) - across, (200, 150) + across
    points = np.array([right, right, left, left, (left + right) / 2], np.float32)
    face = align(frame, Face(Box(180, 130, 220, 190), points, 1.0))
    still = paste(frame, [TransferredFace(face, None, None, avatar=Avatar(plain_figure(style), {}))])
    moved = composite(frame, [Puppet(plain_figure(style)).sticker(REST._replace(roll=roll))])
    assert np.abs(still.astype(int) - moved).mean() < 4
    assert (frame == (0, 200, 0)).all()


def test_faces_of_any_size_and_beyond_the_frame():
    puppet = Puppet(plain_figure("avataaars"))
    for motion in (
        REST._replace(apart=1.0),
        REST._replace(apart=900.0),
        REST._replace(x=-5000.0),
        REST._replace(y=9e4),
    ):
        out = over_green(puppet.sticker(motion))
        assert out.shape == (300, 400, 3)
    assert (out == (0, 200, 0)).all()
    assert isinstance(puppet.sticker(REST), Sticker)


def test_several_lie_in_order():
    puppet = Puppet(plain_figure("avataaars"))
    near, far = puppet.sticker(REST), puppet.sticker(REST._replace(x=230.0, apart=20.0))
    both = composite(np.full((300, 400, 3), (0, 200, 0), np.uint8), [near, far])
    alone = over_green(near)
    covered = (alone != (0, 200, 0)).any(2)
    assert (both[covered] == alone[covered]).mean() > 0.97
