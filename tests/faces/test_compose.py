"""Composition on made pictures: the right pixels change, no others."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from dtn_core.avatars.avatar import Avatar
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.core.types import Box, Face, RefusedFace, TransferredFace
from dtn_core.faces import compose
from dtn_core.faces.align import align
from dtn_core.faces.compose import ACCENT, BACKGROUND, GREY, MAX_CACHED_SIZE, MAX_SIZE, draw_boxes, paste, side_by_side


def transferred(frame, left, right, colour=(0, 200, 0, 255), size=256):
    """A face with eyes at these points whose emoji is a plain disc of 0.3 of the side around the eyes' middle."""
    span = abs(right[0] - left[0]) + abs(right[1] - left[1])
    box = Box(left[0] - span / 2, left[1] - span / 2, right[0] + span / 2, right[1] + span)
    face = Face(box, np.array([right, right, left, left, left], np.float32), 1.0)
    emoji = np.zeros((size, size, 4), np.uint8)
    y, x = np.mgrid[:size, :size] + 0.5
    emoji[np.hypot(x - size / 2, y - size * 0.54) < 0.3 * size] = colour
    emoji[emoji[..., 3] == 0, :3] = (255, 0, 255)  # a colour under transparency must never show
    return TransferredFace(align(frame, face), emoji[::4, ::4], emoji)


@pytest.fixture
def frame():
    return np.full((300, 400, 3), 50, np.uint8)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize(("left", "right"), [((150, 150), (200, 150)), ((160, 120), (190, 160)), ((80, 90), (240, 95))])
def test_paste_covers_the_face_and_nothing_else(frame, left, right, size):
    out = paste(frame, [transferred(frame, left, right, size=size)])
    centre = (np.array(left) + right) / 2
    radius = 0.3 * np.hypot(*np.subtract(right, left)) / 0.25
    y, x = np.mgrid[:300, :400]
    away = np.hypot(x - centre[0], y - centre[1])
    blur = 2 + 2 * radius / 77 * (256 / size)
    assert (out[away < radius - blur] == (0, 200, 0)).all()
    assert (out[away > radius + blur] == 50).all()
    edge = out[np.abs(away - radius) < blur].astype(int)
    assert edge[:, 0].max() <= 51  # no magenta bleeds in from under the transparency
    assert edge[:, 2].max() <= 51
    assert (frame == 50).all()  # the input is untouched


def test_paste_turns_with_the_face(frame):
    face = transferred(frame, (200, 110), (200, 190))  # a head on its side: its top points to the right
    face.image[:] = 0
    face.image[:100] = (9, 9, 250, 255)  # hair
    out = paste(frame, [face])
    assert out[150, 270].tolist() == [9, 9, 250]
    assert out[150, 120].tolist() == [50, 50, 50]


def test_the_cut_of_the_shoulders_fades_out(frame):
    face = transferred(frame, (180, 150), (220, 150))  # the crop is 160 wide, from y = 63.6 to 223.6
    face.image[:] = (0, 200, 0, 255)
    column = paste(frame, [face])[:, 200, 1].astype(int)
    assert (column[70:205] == 200).all()
    assert column[222] < 70
    assert (np.diff(column[205:224]) <= 0).all()


def test_paste_at_and_beyond_the_edge(frame):
    out = paste(frame, [transferred(frame, (-10, 5), (20, 5)), transferred(frame, (900, 900), (950, 900))])
    assert out[5, 3].tolist() == [0, 200, 0]
    assert (out[200:] == 50).all()


def test_the_larger_face_is_on_top(frame):
    big = transferred(frame, (150, 150), (230, 150), (200, 0, 0, 255))
    small = transferred(frame, (180, 150), (200, 150), (0, 0, 200, 255))
    for faces in ([big, small], [small, big]):
        assert paste(frame, faces)[150, 190].tolist() == [200, 0, 0]


@dataclass(frozen=True)
class Sheet:
    """Stands in for an avatar: a green canvas, its right half blue, that notes at which sizes it was asked for."""

    parameters: Parameters = Parameters("avataaars")
    sure: dict = field(default_factory=dict)
    sizes: list = field(default_factory=list)

    def image(self, size=256, view="bust"):
        self.sizes.append(size)
        picture = np.full((size, size, 4), (0, 200, 0, 255), np.uint8)
        picture[:, size // 2 :] = (0, 0, 200, 255)
        return picture


def drawn(frame, left, right, avatar=None, nose=0.0):
    """A face with eyes at these points, nose so many eye distances beside their middle, and an avatar."""
    face = transferred(frame, left, right)
    points = face.aligned.face.points.copy()
    points[4] = (np.array(left) + right) / 2 + nose * np.subtract(right, left)
    aligned = replace(face.aligned, face=replace(face.aligned.face, points=points))
    return replace(face, aligned=aligned, raw=None, image=None, avatar=avatar or Sheet())


@pytest.mark.parametrize("style", SPECS)
@pytest.mark.parametrize("right", [(220, 150), (214, 166)])
def test_a_drawn_avatar_covers_the_whole_head(style, right):
    frame = np.full((400, 400, 3), 50, np.uint8)
    left = np.array((170, 150))
    out = paste(frame, [drawn(frame, left, right, Avatar(Parameters(style), {}))])
    across = np.array(right) - left
    down = np.array((-across[1], across[0]))
    # A head in distances of its eyes, from their middle: crown, temples, ears, jaws, chin.
    for x, y in ((0, -1.7), (-1, -1.2), (1, -1.2), (-1.5, 0.1), (1.5, 0.1), (-0.9, 1.2), (0.9, 1.2), (0, 1.85)):
        column, row = (left + right) / 2 + x * across + y * down
        assert (out[round(row), round(column)] != 50).any(), (x, y)
    assert (out[:10] == 50).all()


@pytest.mark.parametrize("style", SPECS)
def test_its_eyes_lie_about_those_of_the_face_and_it_turns_with_it(frame, style):
    sheet = Sheet(Parameters(style))
    spec = sheet.parameters.spec
    out = paste(frame, [drawn(frame, (200, 135), (200, 165), sheet)])  # a head on its side: its top points to the right
    assert out[145, 260].tolist() == [0, 200, 0]
    assert out[155, 260].tolist() == [0, 0, 200]
    right = np.flatnonzero((out[150] != 50).any(1)).max()
    assert right == pytest.approx(200 + 30 * spec.bust_scale * (spec.eyes[1] - spec.bust[1]) / spec.eyes[2], abs=2)


def test_it_is_rasterised_at_the_size_at_which_it_is_pasted(frame):
    spec, sheet = SPECS["avataaars"], Sheet()
    paste(frame, [drawn(frame, (180, 150), (220, 150), sheet), drawn(frame, (20, 30), (22, 30), sheet)])
    assert sheet.sizes == [int(40 * spec.bust_scale * spec.bust[2] / spec.eyes[2]), 16]
    paste(frame, [drawn(frame, (-2000, 150), (2000, 150), sheet)])
    assert sheet.sizes[-1] == MAX_SIZE


def test_the_other_side_of_a_turned_head_is_covered_too(frame):
    edges = [
        np.flatnonzero((paste(frame, [drawn(frame, (190, 150), (210, 150), nose=nose)])[150] != 50).any(1)).mean()
        for nose in (-0.2, 0, 0.2)
    ]
    assert np.diff(edges) == pytest.approx([-6, -6], abs=1)  # 1.5 times 0.2 of 20 pixels


def test_the_shoulders_of_an_avatar_fade_out_without_a_line(frame):
    out = paste(frame, [drawn(frame, (185, 100), (215, 100))]).astype(int)
    column = out[:, 195, 1]
    shown = np.flatnonzero(column != 50)
    assert (column[shown.min() + 1 : 195] == 200).all()
    assert np.abs(np.diff(column[150:])).max() < 20  # a cut would be a step of 150
    assert out[215, 130, 1] < 60  # a circle: nothing is left of the corners of the canvas
    assert (out[80:100, 120] == (0, 200, 0)).all()


def test_colours_under_transparency_never_show(frame):
    class Ghost(Sheet):
        def image(self, size=256, view="bust"):
            picture = np.zeros((size, size, 4), np.uint8)
            picture[..., :3] = (255, 0, 255)
            picture[size // 4 : size // 2, size // 4 : size // 2] = (0, 200, 0, 255)
            return picture

    out = paste(frame, [drawn(frame, (185, 150), (214, 155), Ghost())]).astype(int)
    assert (out[..., 1] == 200).any()
    assert out[..., [0, 2]].max() <= 51


def test_drawn_and_painted_lie_in_one_picture(frame):
    out = paste(frame, [drawn(frame, (60, 150), (90, 150)), transferred(frame, (290, 150), (330, 150), (9, 9, 9, 255))])
    assert out[150, 70].tolist() == [0, 200, 0]
    assert out[150, 310].tolist() == [9, 9, 9]


def test_boxes_are_drawn_and_numbered_where_there_are_several(frame):
    one = transferred(frame, (150, 150), (200, 150))
    two = transferred(frame, (300, 100), (320, 100))
    single, both = draw_boxes(frame, [one]), draw_boxes(frame, [one, two])
    assert (single[125, 150:200] == ACCENT).all()
    assert (both[90, 295:325] == ACCENT).all()
    accents = [int((picture == ACCENT).all(2).sum()) for picture in (single, both)]
    assert accents[1] > accents[0] + 150  # a second box and two numbers
    assert (frame == 50).all()


def test_bold_boxes_are_thicker(frame):
    one = transferred(frame, (150, 150), (200, 150))
    inked = [int((draw_boxes(frame, [one], bold=bold) == ACCENT).all(2).sum()) for bold in (1, 3)]
    assert inked[1] > 2.5 * inked[0]


def test_refused_faces_have_a_grey_box_without_a_number(frame):
    one = transferred(frame, (150, 150), (200, 150))
    other = RefusedFace(transferred(frame, (300, 100), (320, 100)).aligned, 0.1, "Can't see it.")
    both = draw_boxes(frame, [one], [other])
    assert (both[90, 295:325] == GREY).all()
    rest = both.copy()
    rest[85:125, 285:335] = 50
    assert (rest == draw_boxes(frame, [one])).all()
    assert (side_by_side(frame, [one], [other])[:, :400] == both).all()


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (2, 2, 1), (3, 2, 2), (5, 3, 2)])
def test_side_by_side_arranges_emoji_in_a_grid(frame, count, rows, columns):
    faces = [transferred(frame, (150, 150), (200, 150)) for _ in range(count)]
    out = side_by_side(frame, faces)
    cell = 300 // rows
    assert out.shape == (300, 400 + columns * cell, 3)
    for i in range(count):
        x, y = 400 + i % columns * cell + cell // 2, i // columns * cell + round(cell * 0.54)
        assert out[y, x].tolist() == [0, 200, 0]
    assert out[2, -3].tolist() == list(BACKGROUND)


def test_beside_draws_at_the_size_of_the_cell(frame):
    sheet = Sheet()
    out = side_by_side(frame, [drawn(frame, (150, 150), (200, 150), sheet)] * 2)
    assert sheet.sizes == [150, 150]
    assert out[140, 405].tolist() == [0, 200, 0]
    assert out[290, 545].tolist() == [0, 0, 200]


@pytest.mark.parametrize(("height", "expected"), [(60, 256), (300, 300), (2000, 1024)])
def test_beside_keeps_a_height_one_can_look_at(height, expected):
    frame = np.full((height, height, 3), 50, np.uint8)
    face = transferred(frame, (20, 30), (40, 30))
    assert side_by_side(frame, [face]).shape == (expected, 2 * expected, 3)
    assert side_by_side(frame, []).shape == (expected, expected, 3)


def test_only_small_shoulder_masks_are_cached():
    assert compose.shoulder_mask(MAX_CACHED_SIZE, 0.5, 0.4) is compose.shoulder_mask(MAX_CACHED_SIZE, 0.5, 0.4)
    large = compose.shoulder_mask(MAX_CACHED_SIZE + 1, 0.5, 0.4)
    again = compose.shoulder_mask(MAX_CACHED_SIZE + 1, 0.5, 0.4)
    assert large is not again
    assert (large == again).all()
