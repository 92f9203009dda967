"""Metadata of picture files: small files that would take much memory or time are refused or read without it."""

import io
import struct
import zlib

import numpy as np
import pytest
from memory import MEGABYTE, PeakMemory
from PIL import Image as PILImage

from dtn_core.core import images, picture_files
from dtn_core.core.errors import UserError
from dtn_core.core.picture_files import open_picture
from dtn_core.pipeline.live import protocol

ORIENTATION = 0x0112


def saved(kind, size=(64, 48), **options):
    stream = io.BytesIO()
    PILImage.linear_gradient("L").resize(size).convert("RGB").save(stream, kind, **options)
    return stream.getvalue()


def directory(tags, size, first=()):
    """An IFD whose `tags` values all are the `size` bytes at the beginning of the file. first: entries before them."""
    entries = [*first, *(struct.pack("<HHII", 0xC000 + i, 7, size, 0) for i in range(tags))]
    return struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


def exif(tags, size, orientation=1):
    first = struct.pack("<HHII", ORIENTATION, 3, 1, orientation)
    return b"II*\0" + struct.pack("<I", 8) + directory(tags, size, [first]) + bytes(size)


def tiff(tags, size):
    data = saved("TIFF")
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [data[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory(tags, size, entries) + bytes(size)


def chunk(name, content=b""):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*chunks, last=False):
    data = saved("PNG")
    at = len(data) - 12 if last else 33
    return data[:at] + b"".join(chunks) + data[at:]


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(*segments, **options):
    data = saved("JPEG", **options)
    return data[:2] + b"".join(segments) + data[2:]


def exif_segments(content):
    return [segment(0xE1, b"Exif\0\0" + content[at : at + 60_000]) for at in range(0, len(content), 60_000)]


BOMB = 1000, 1_000_000
"""Tags that name the same bytes, and how many: 1 GB once each has its copy."""


@pytest.mark.parametrize("data", [
    png(chunk(b"eXIf", exif(*BOMB))),
    saved("WEBP", exif=exif(*BOMB)),
    jpeg(*exif_segments(exif(*BOMB))),
    jpeg(b"\xff\xff\0junk", *exif_segments(exif(*BOMB))),
    jpeg(segment(0xC8, b"")[:2], *exif_segments(exif(*BOMB))),
], ids=["png", "webp", "jpeg", "jpeg with junk", "jpeg with a marker without content"])  # fmt: skip
def test_values_that_share_their_bytes_are_not_copied(data):
    assert len(data) < 1.2 * MEGABYTE
    with PeakMemory() as memory:
        assert images.load(data).shape == (48, 64, 3)
    assert memory.grown < 60 * MEGABYTE


def test_values_of_tiffs_that_share_their_bytes_are_refused():
    with PeakMemory() as memory, pytest.raises(UserError, match="too much metadata"):
        images.load(tiff(*BOMB))
    assert memory.grown < 60 * MEGABYTE


@pytest.mark.parametrize("data", [
    png(chunk(b"prIv") * 500_000),
    png(chunk(b"prIv") * 500_000, last=True),
    jpeg(b"\xff\xe5\0\2" * 1_000_000),
], ids=["png", "png after its pixels", "jpeg"])  # fmt: skip
def test_chunks_and_segments_are_bounded_in_number(data):
    with PeakMemory() as memory, pytest.raises(UserError, match=r"too much metadata|more than 2000 segments"):
        images.load(data)
    assert memory.grown < 45 * MEGABYTE


def test_restart_markers_before_the_pixels_are_dropped():
    with PeakMemory() as memory:
        assert images.load(jpeg(b"\xff\xd0" * 1_000_000)).shape == (48, 64, 3)
    assert memory.grown < 45 * MEGABYTE


def test_comments_of_gifs_are_bounded():
    data = saved("GIF")
    at = 13 + 3 * (2 << (data[10] & 7))
    comment = b"!\xfe" + (b"\xff" + b"x" * 255) * 12_000 + b"\0"
    with pytest.raises(UserError, match="too much metadata"):
        images.load(data[:at] + comment + data[at:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_ordinary_metadata_is_read_and_orientation_kept(kind):
    tags = PILImage.Exif()
    tags[ORIENTATION] = 6
    tags[0x010E] = "a description " * 1000
    data = saved(kind, exif=tags)
    assert images.load(data).shape == (64, 48, 3)
    with open_picture(data) as picture:
        assert picture.getexif()[ORIENTATION] == 6


def test_orientation_by_xmp_is_kept():
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'
    assert images.load(jpeg(segment(0xE1, xmp))).shape == (64, 48, 3)


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 30, "subsampling": 2}, {"optimize": True}])
def test_pixels_of_jpegs_are_those_that_pillow_decodes(options):
    profile = {"icc_profile": bytes(200_000), "comment": b"a comment"}
    for data in (saved("JPEG", **options), saved("JPEG", **options, **profile)):
        with PILImage.open(io.BytesIO(data)) as picture:
            expected = np.asarray(picture)
        np.testing.assert_array_equal(images.load(data), expected)


def test_cmyk_jpegs_keep_their_colours():
    stream = io.BytesIO()
    PILImage.new("CMYK", (16, 16), (10, 200, 30, 40)).save(stream, "JPEG")
    with PILImage.open(io.BytesIO(stream.getvalue())) as picture:
        expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(images.load(stream.getvalue()), expected)


def test_frames_and_pictures_of_folders_have_the_same_bounds():
    with pytest.raises(UserError, match="a frame must be a JPEG"):
        protocol.decode(jpeg(b"\xff\xe5\0\2" * 100_000))
    with pytest.raises(UserError, match="too much metadata"):
        images.load_picture(png(chunk(b"prIv") * 50_000), alpha=True)


def test_reads_of_a_file_are_limited(monkeypatch):
    monkeypatch.setattr(picture_files, "OPEN_READS", 2)
    with pytest.raises(ValueError, match="too much metadata"), open_picture(saved("PNG")):
        pass
