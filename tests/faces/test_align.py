"""Crops: eyes where they are promised, borders repeated, no aliasing; dlib's own chip as the golden answer."""

import cv2
import numpy as np
import pytest

from dtn_core.core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Box, Face
from dtn_core.faces.align import CROP, align, chip, eye_centres, similarity, warp
from dtn_core.faces.detect import detect


def face_at(left, right, nose=(0, 0)):
    """A face whose eyes (each with both corners on one spot) are at these points."""
    return Face(Box(0, 0, 1, 1), np.array([right, right, left, left, nose], np.float32), 1.0)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize(("left", "right"), [((100, 120), (160, 120)), ((150, 90), (110, 200)), ((5, 9), (25, 5))])
def test_eyes_land_where_promised(left, right, size):
    frame = np.zeros((300, 300, 3), np.uint8)
    face = face_at(left, right)
    aligned = align(frame, face, size)
    eyes = np.c_[eye_centres(face.points), np.ones(2)] @ aligned.matrix.T + 0.5  # pixel edges, not centres
    assert aligned.image.shape == (size, size, 3)
    assert eyes / size == pytest.approx(
        np.array([[0.5 - HEAD_EYE_DISTANCE / 2, HEAD_EYE_HEIGHT], [0.5 + HEAD_EYE_DISTANCE / 2, HEAD_EYE_HEIGHT]]),
        abs=1e-3,
    )


def test_a_dot_on_the_frame_is_moved_by_the_matrix():
    frame = np.zeros((400, 400, 3), np.uint8)
    cv2.circle(frame, (230, 170), 6, (255, 255, 255), cv2.FILLED)
    for face in (face_at((150, 200), (250, 160)), face_at((190, 200), (215, 205))):  # shrunk, enlarged
        aligned = align(frame, face)
        bright = aligned.image[..., 0].astype(float)
        grid = np.stack(np.meshgrid(np.arange(CROP), np.arange(CROP)), -1)
        centre = (grid * bright[..., None]).sum((0, 1)) / bright.sum()
        assert centre == pytest.approx(aligned.matrix @ (230, 170, 1), abs=0.3)


def test_the_border_is_repeated_outside_the_frame():
    frame = np.full((50, 50, 3), 200, np.uint8)
    assert (align(frame, face_at((2, 2), (30, 2))).image == 200).all()
    assert (warp(frame, np.array([[1.0, 0, 5000], [0, 1, 5000]]), 32) == 200).all()  # wholly outside


def test_shrinking_does_not_alias():
    frame = np.zeros((2000, 2000, 3), np.uint8)
    frame[::2] = 255  # lines one pixel wide become grey, not moire
    image = align(frame, face_at((900, 1000), (1110, 1003))).image
    assert 90 < image.min() <= image.max() < 165


def test_similarity_is_exact_on_exact_points():
    turn = np.array([[0.6, -1.1, 7], [1.1, 0.6, -3]])
    points = np.random.default_rng(0).normal(size=(5, 2))
    assert similarity(points, np.c_[points, np.ones(5)] @ turn.T) == pytest.approx(turn)


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_chip_equals_dlibs(name, request):
    import dlib

    # At this scale dlib's chips are not shrunk: it interpolates, where we average.
    image = cv2.resize(request.getfixturevalue(name), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    face = detect(image)[0]
    points = np.round(face.points)
    rectangle = dlib.rectangle(*(round(v) for v in face.box))
    shape = dlib.full_object_detection(rectangle, [dlib.point(int(x), int(y)) for x, y in points])
    ours = chip(image, Face(face.box, points.astype(np.float32), face.score))
    assert np.abs(ours.astype(int) - dlib.get_face_chip(image, shape, 150, 0.25)).mean() < 0.7
