"""Reading pictures: every kind of file gives one kind of array, or one clear line."""

import io
import os
import struct
import time
import zlib

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from dtn_core.core import images
from dtn_core.core.errors import UserError


def encoded(picture, kind="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def raw_png(width, height, depth, colour, rows=b""):
    """A PNG written by hand: Pillow neither writes 16-bit RGB nor headers without pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def corners():
    """A 4x6 picture whose four corners tell how it was turned."""
    array = np.full((4, 6, 3), 90, np.uint8)
    array[0, 0], array[0, -1], array[-1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return array


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(corners, orientation):
    stored = {
        1: corners, 2: corners[:, ::-1], 3: corners[::-1, ::-1], 4: corners[::-1],
        5: corners.transpose(1, 0, 2), 6: np.rot90(corners), 7: np.rot90(corners.transpose(1, 0, 2), 2),
        8: np.rot90(corners, -1),
    }[orientation]  # fmt: skip
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    data = encoded(PILImage.fromarray(np.ascontiguousarray(stored)), exif=exif)
    assert (images.load(data) == corners).all()


def test_damaged_exif_does_not_cost_the_picture(corners):
    data = encoded(PILImage.fromarray(corners), "PNG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert (images.load(data) == corners).all()


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("LA", (0, 51), (204, 204, 204)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 0x8080, (128, 128, 128)),
        ("I;16", 200, (1, 1, 1)),
    ],
)
def test_modes(mode, value, expected):
    picture = PILImage.new(mode, (3, 2), value)
    loaded = images.load(encoded(picture))
    assert loaded.shape == (2, 3, 3)
    assert loaded.dtype == np.uint8
    assert (loaded == expected).all()


def test_sixteen_bit_rgb_png():
    rows = b"".join(b"\0" + struct.pack(">6H", 65535, 0x8080, 0, 0, 0, 0x4040) for _ in range(2))
    assert images.load(raw_png(2, 2, 16, 2, rows))[0].tolist() == [[255, 128, 0], [0, 0, 64]]


def test_palette_with_a_transparent_colour():
    picture = PILImage.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])
    assert images.load(encoded(picture)).tolist() == [[[255, 0, 0], [0, 0, 255]]]
    assert images.load(encoded(picture, transparency=1)).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_cmyk_jpeg_and_one_pixel():
    cmyk = PILImage.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = images.load(encoded(cmyk, "JPEG")).mean((0, 1))
    assert red[0] > 200
    assert red[1:].max() < 60
    assert images.load(encoded(PILImage.new("RGB", (1, 1), "white"))).shape == (1, 1, 3)


def test_float_tiff_in_unit_range():
    values = np.array([[0.0, 0.5], [1.0, np.nan]], np.float32)
    assert images.load(encoded(PILImage.fromarray(values), "TIFF"))[..., 0].tolist() == [[0, 128], [255, 0]]


def test_first_frame_of_an_animation():
    frames = [PILImage.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for frame in frames:
        frame.putpixel((3, 3), (255, 255, 255))
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert images.load(data)[0, 0].tolist() == [255, 0, 0]


def refusal(source):
    with pytest.raises(UserError) as caught:
        images.load(source)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_refusals_name_the_file_and_the_trouble(tmp_path, hopper_path):
    empty, text, cut, video = (tmp_path / name for name in ("a.jpg", "b.png", "c.jpg", "d.mp4"))
    empty.write_bytes(b"")
    text.write_text("not a picture at all")
    cut.write_bytes(hopper_path.read_bytes()[:2_000])
    video.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    assert "0 bytes" in refusal(empty)
    assert "not a picture" in refusal(text)
    assert "cut short" in refusal(cut)
    assert "is a video" in refusal(video)
    assert "no such file" in refusal(tmp_path / "missing.png")
    assert "folder" in refusal(tmp_path)
    assert all(str(path) in refusal(path) for path in (empty, text, cut, video))
    assert "0 bytes" in refusal(b"")
    assert "no such file" in refusal(tmp_path / ("x" * 3000)) or "cannot be opened" in refusal("x" * 3000)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a file" in refusal(tmp_path / "pipe.png")


def test_video_by_content_is_no_picture():
    assert "is a video" in refusal(b"\0\0\0\x18ftypmp42" + bytes(100))


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_bomb_is_refused_before_it_is_decoded(side):
    started = time.perf_counter()
    assert "too large" in refusal(raw_png(side, side, 8, 2))
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
def test_random_damage_is_a_picture_or_one_line(kind):
    rng = np.random.default_rng(0)
    whole = encoded(PILImage.fromarray(rng.integers(0, 256, (30, 25, 3), dtype=np.uint8)), kind)
    assert images.load(whole).shape == (30, 25, 3)
    for turn in range(120):
        data = bytearray(whole if turn % 2 else whole[: rng.integers(1, len(whole))])
        for _ in range(4):
            data[rng.integers(min(200, len(data)))] = rng.integers(256)
        trouble = None
        try:
            assert images.load(bytes(data)).ndim == 3
        except UserError as error:  # any other exception fails the test
            trouble = str(error)
        assert trouble is None or (trouble.startswith("the picture") and "\n" not in trouble)


def test_save_and_load_round_trip(tmp_path, corners):
    images.save(tmp_path / "new" / "out.png", corners)
    assert (images.load(tmp_path / "new" / "out.png") == corners).all()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["out.png"]


def test_save_composites_alpha_over_white_for_formats_without_it(tmp_path):
    images.save(tmp_path / "out.jpg", np.zeros((8, 8, 4), np.uint8))
    assert images.load(tmp_path / "out.jpg").min() > 250


def test_save_refuses_in_one_line_and_leaves_nothing(tmp_path, corners):
    (tmp_path / "file").write_text("")
    for target, why in (("out.xyz", "unknown picture type"), ("file/out.png", "cannot be written")):
        with pytest.raises(UserError, match=why):
            images.save(tmp_path / target, corners)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_tensor_range_order_and_round_trip():
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    tensor = images.to_tensor(rgb)
    assert tensor.shape == (2, 3, 5, 7)
    assert tensor[0, 0, 0, 0] == pytest.approx(rgb[0, 0, 0, 0] / 127.5 - 1)
    assert (images.to_images(tensor) == rgb).all()
    assert (images.to_images(images.to_tensor(rgb[0]))[0] == rgb[0]).all()


def test_alpha_is_premultiplied_in_the_tensor_and_straight_in_the_picture():
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [200, 100, 50, 128]]], np.uint8)
    tensor = images.to_tensor(rgba)
    assert tensor[0, :, 0, 1].tolist() == [0, 0, 0, -1]  # transparent is mid-grey, whatever its colour was
    back = images.to_images(tensor)[0]
    assert back[0, 0].tolist() == [255, 0, 0, 255]
    assert back[0, 1, 3] == 0
    assert np.abs(back[0, 2].astype(int) - rgba[0, 2]).max() <= 1


def test_tensors_out_of_range_are_clamped():
    assert images.to_images(torch.tensor([-3.0, 3.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)).tolist() == [
        [[[0, 0, 0], [255, 255, 255]]]
    ]


def test_grid_places_rows_and_columns():
    red, clear = np.full((4, 4, 3), (255, 0, 0), np.uint8), np.zeros((4, 4, 4), np.uint8)
    sheet = images.grid([[red, red], [clear]], gap=1, background=9)
    assert sheet.shape == (11, 11, 3)
    assert (sheet[1:5, 6:10] == (255, 0, 0)).all()
    assert (sheet[6:10, 1:5] == 255).all()
    assert (sheet[0] == 9).all()
