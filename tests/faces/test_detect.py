"""Real faces: found upright, tilted, small, several, large; and nothing where there is none."""

import time
import zipfile

import cv2
import numpy as np
import pytest

from dtn_core.core import images
from dtn_core.core.errors import UserError
from dtn_core.faces import detect as module
from dtn_core.faces.detect import detect


def turned(image, degrees):
    """The picture turned clockwise about its middle, and the (2, 3) map of its points."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), matrix


def error(face, points):
    """Mean distance of the points, as a share of the face's width."""
    return float(np.linalg.norm(face.points - points, axis=1).mean() / face.box.width)


@pytest.fixture(scope="module")
def hopper_face(hopper):
    (face,) = detect(hopper)
    return face


@pytest.fixture
def hog_alone(hopper_face, monkeypatch):
    monkeypatch.setattr(module, "_mtcnn", lambda *_: [])


def test_hopper(hopper_face):
    assert np.allclose(hopper_face.box, (161, 137, 377, 353), atol=12)
    # Outer and inner corners of both eyes and the base of the nose, read off the picture by hand.
    by_hand = [(322, 188), (291, 191), (204, 197), (238, 194), (271, 252)]
    assert np.linalg.norm(hopper_face.points - by_hand, axis=1).max() < 6
    assert hopper_face.points.dtype == np.float32
    assert hopper_face.score > 0.6


def test_an_emblem_on_a_sleeve_is_no_face(astronaut):
    (face,) = detect(astronaut)
    assert face.box.left < 222 < face.box.right
    assert face.box.top < 120 < face.box.bottom


@pytest.mark.parametrize("degrees", [-30, -18, 18, 30])
@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_tilted(name, degrees, request):
    image = request.getfixturevalue(name)
    upright = detect(image)[0]
    copy, matrix = turned(image, degrees)
    (face,) = detect(copy)
    assert error(face, np.c_[upright.points, np.ones(5)] @ matrix.T) < 0.012


def test_beyond_what_hog_bears_upright(hopper, hopper_face, hog_alone):
    copy, matrix = turned(hopper, 55)
    assert not module._hog(copy, 1.0)  # else this tests nothing
    assert error(detect(copy)[0], np.c_[hopper_face.points, np.ones(5)] @ matrix.T) < 0.02


@pytest.mark.parametrize("degrees", [-35, 20])
def test_tilt_is_measured_between_the_eyes(hopper, degrees):
    def tilt(image):
        return module._level(image, module._hog(image, 1.0)[0]).tilt

    assert tilt(turned(hopper, degrees)[0]) - tilt(hopper) == pytest.approx(degrees, abs=2)


@pytest.mark.parametrize("degrees", [0, 28])
def test_forty_pixels_wide(hopper, hopper_face, degrees, hog_alone):
    scale = 40 / hopper_face.box.width
    small = cv2.resize(hopper, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.full((480, 640, 3), 128, np.uint8)
    frame[200 : 200 + len(small), 250 : 250 + small.shape[1]] = small
    frame, matrix = turned(frame, degrees)
    (face,) = detect(frame)
    expected = np.c_[(hopper_face.points + 0.5) * scale - 0.5 + (250, 200), np.ones(5)] @ matrix.T
    assert error(face, expected) < 0.04


def test_several_biggest_first_and_limited(hopper, astronaut):
    frame = np.concatenate([astronaut, hopper[:512]], axis=1)
    big, small = detect(frame)
    assert big.box.left > 512 > small.box.right
    assert big.box.width > small.box.width
    assert [f.box for f in detect(frame, max_faces=1)] == [big.box]


def test_a_small_face_beside_a_bigger_one(hopper, hopper_face, astronaut):
    frame = np.full((600, 800, 3), 128, np.uint8)
    for picture, scale, left in ((hopper, 130 / hopper_face.box.width, 20), (astronaut, 48 / 88, 450)):
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frame[100 : 100 + small.shape[0], left : left + small.shape[1]] = small
    big, small = detect(frame)
    assert big.box.right < 400 < small.box.left
    assert small.box.width == pytest.approx(48, rel=0.25)


def test_twelve_megapixels_without_a_stall(hopper, hopper_face):
    frame = np.full((3000, 4000, 3), 90, np.uint8)
    frame[:, 700:3260] = cv2.resize(hopper, (2560, 3000), interpolation=cv2.INTER_LINEAR)
    detect(hopper)
    started = time.perf_counter()
    (face,) = detect(frame)
    assert time.perf_counter() - started < 3  # a full-size HOG search takes longer, MTCNN much longer
    assert error(face, hopper_face.points * 5 + (700, 0)) < 0.03


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 2), (23, 23), (30, 30), (300, 25)])
def test_tiny_and_thin_frames_hold_no_face(shape):
    assert detect(np.full((*shape, 3), 100, np.uint8)) == ()


def test_noise_holds_no_face(noise):
    assert detect(noise) == ()
    assert detect(noise, thorough=False) == ()


def test_mtcnn_takes_over_with_points_as_good(hopper, hopper_face, monkeypatch):
    monkeypatch.setattr(module, "_hog", lambda *_: [])
    (face,) = detect(hopper)
    assert 0.95 <= face.score <= 1
    assert abs(face.box.width / hopper_face.box.width - 1) < 0.25
    assert error(face, hopper_face.points) < 0.03


def test_live_does_without_mtcnn_and_turned_copies(hopper, hopper_face, noise, monkeypatch):
    monkeypatch.setattr(module, "_mtcnn", lambda *_: pytest.fail("MTCNN in live mode"))
    assert error(detect(hopper, thorough=False)[0], hopper_face.points) < 0.03
    seen = []
    hog = module._hog
    monkeypatch.setattr(module, "_hog", lambda copy, *rest: seen.append(copy.shape) or hog(copy, *rest))
    assert detect(noise, thorough=False) == ()
    assert seen == [(360, 480, 3)]


@pytest.mark.parametrize("frame", [np.zeros((9, 9)), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))])
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(UserError, match="uint8 RGB"):
        detect(frame)


def test_celeba_faces_are_found(data_folder):
    archive = zipfile.ZipFile(data_folder / "celeba.zip")
    names = [n for n in archive.namelist() if n.endswith(".jpg")][::170][:50]
    counts = [len(detect(images.load(archive.read(name)))) for name in names]
    assert counts.count(1) >= 48
