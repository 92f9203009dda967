"""Folders and zips of a user's own pictures: what comes out of them, what is skipped, and what is said when something
is wrong."""

import io
import os
import struct
import sys
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core.core import images, zips
from dtn_core.core.errors import UserError
from dtn_core.data import folders

SIDE = 12
X = np.random.default_rng(5).integers(0, 256, (300, SIDE, SIDE, 3), np.uint8)


def encoded(picture, kind="PNG", **options):
    stream = io.BytesIO()
    PILImage.fromarray(np.ascontiguousarray(picture)).save(stream, kind, **options)
    return stream.getvalue()


def write(folder, names, pictures=X):
    """PNGs of these names; returns the folder."""
    for name, picture in zip(names, pictures):
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture))
    return Path(folder)


def numbered(count, folder="", first=0):
    return [f"{folder}{i:03d}.png" for i in range(first, first + count)]


def zipped(folder, method=zipfile.ZIP_DEFLATED):
    """The folder's files in a zip beside it, not in their order; returns the zip's path."""
    target = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(target, "w", method) as pack:
        for path in sorted(folder.rglob("*"), reverse=True):
            pack.write(path, path.relative_to(folder).as_posix())
    return target


@pytest.fixture(params=["folder", "zip"])
def place(request):
    """What makes a folder the source of a test: itself, or a zip of it."""
    return {"folder": lambda folder: folder, "zip": zipped}[request.param]


def error_message(call, *args, **options):
    """What a call says is wrong: one line that ends with the remedy."""
    with pytest.raises(UserError) as caught:
        call(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def same(a, b):
    np.testing.assert_array_equal(a.x, b.x)
    assert (a.names, a.skipped, a.classes) == (b.names, b.skipped, b.classes)
    np.testing.assert_array_equal(a.labels, b.labels)


# What comes out


def test_pictures_are_sorted_and_hidden_files_are_ignored(tmp_path, place):
    names = ["b/c/x.png", "b/a.png", "a.png", "Z.png", *numbered(14, "m/")]
    folder = write(tmp_path / ".own", names)  # the folder itself may be hidden
    hidden = [".DS_Store", ".git/x.png", "b/.hidden.png", "__MACOSX/b/a.png", "b/__MACOSX/x.png", "Thumbs.db"]
    for name in [*hidden, "b/thumbs.DB"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(X[0]))
    got = folders.read(place(folder), SIDE)
    assert got.names == tuple(sorted(names))
    assert got.names[0] == "Z.png"
    np.testing.assert_array_equal(got.x, X[[names.index(name) for name in got.names]])
    assert got.x.dtype == np.uint8
    assert got.skipped == ()
    assert got.labels is None
    assert got.classes == ()


def test_folders_and_zips_give_the_same_every_time(tmp_path):
    folder = write(tmp_path / "own", [*numbered(40, "cats/"), *numbered(30, "dogs/")])
    (folder / "cats" / "010.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("notes")
    for options in ({}, {"limit": 33}, {"labelled": True}, {"limit": 33, "labelled": True}):
        first = folders.read(folder, 8, **options)
        assert len(first.skipped) > 0
        for path in (folder, zipped(folder), zipped(folder, zipfile.ZIP_STORED), str(folder)):
            same(folders.read(path, 8, **options), first)


def test_the_centre_square_is_taken(tmp_path, place):
    wide = np.random.default_rng(1).integers(0, 256, (12, 31, 3), np.uint8)
    tall = np.random.default_rng(2).integers(0, 256, (48, 12, 3), np.uint8)  # 4:1 is just good
    got = folders.read(place(write(tmp_path / "own", numbered(16), [wide] * 8 + [tall] * 8)), 12)
    np.testing.assert_array_equal(got.x[0], wide[:, 9:21])
    np.testing.assert_array_equal(got.x[15], tall[18:30])


def test_pictures_shrink_by_area_and_grow_by_cubics(tmp_path):
    folder = write(tmp_path / "own", numbered(16))
    means = X[:16].reshape(16, 6, 2, 6, 2, 3).mean((2, 4))
    assert np.abs(folders.read(folder, 6).x - means).max() <= 0.5
    grown = [cv2.resize(x, (30, 30), interpolation=cv2.INTER_CUBIC) for x in X[:16]]
    np.testing.assert_array_equal(folders.read(folder, 30).x, grown)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("alpha", [False, True])
def test_exif_turns_pictures_upright(tmp_path, orientation, alpha):
    upright = np.dstack([X[0], X[1][..., :1]]) if alpha else X[0]
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright), 7: np.rot90(upright.transpose(1, 0, 2), 2),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    folder = write(tmp_path / "own", numbered(15), [upright] * 15)
    (folder / "zz.png").write_bytes(encoded(stored, exif=exif))
    np.testing.assert_array_equal(folders.read(folder, SIDE, alpha=alpha).x[-1], upright)


def test_every_kind_of_picture_is_taken(tmp_path, place):
    folder = write(tmp_path / "own", numbered(16))
    flat = np.full((SIDE, SIDE, 3), 90, np.uint8)
    for kind in ("JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"):
        (folder / f"{kind}.dat").write_bytes(encoded(flat, kind))  # the content counts, not the name
    got = folders.read(place(folder), SIDE)
    assert len(got.x) == 22
    kinds = [x for x, name in zip(got.x, got.names) if name.endswith(".dat")]
    assert len(kinds) == 6
    assert np.abs(np.array(kinds, int) - 90).max() <= 2


# What is skipped


BAD = {
    "bad/cut.png": (encoded(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))[:300], "damaged or cut"),
    "bad/empty.jpg": (b"", "empty (0 bytes)"),
    "bad/long.png": (encoded(np.zeros((100, 24, 3), np.uint8)), "longer than 4:1"),
    "bad/notes.txt": (b"notes", "not a picture that can be read"),
    "bad/small.png": (encoded(np.zeros((7, 20, 3), np.uint8)), "smaller than 8 pixels"),
    "bad/vast.gif": (b"GIF89a" + struct.pack("<HHBBB", 60000, 60000, 0, 0, 0) + b"," + bytes(9) + b";", "too large"),
}


def write_bad(folder):
    for name, (content, _) in BAD.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_what_cannot_be_used_is_skipped_with_why(tmp_path, place):
    got = folders.read(place(write_bad(write(tmp_path / "own", numbered(16)))), SIDE)
    assert [name for name, _ in got.skipped] == list(BAD)
    for (_, why), (_, words) in zip(got.skipped, BAD.values()):
        assert why.startswith(words)
        assert "picture:" not in why
        assert not why.endswith(".")
    assert [why for _, why in got.skipped[1:]] == [words for _, words in list(BAD.values())[1:]]
    np.testing.assert_array_equal(got.x, X[:16])


def test_pictures_of_eight_pixels_are_good(tmp_path):
    folder = write(tmp_path / "own", numbered(16), [x[:8, :9] for x in X[:16]])
    np.testing.assert_array_equal(folders.read(folder, 8).x, X[:16, :8, :8])


def test_more_bad_than_good_is_fine_but_too_few_good_are_reported(tmp_path, place):
    folder = write(tmp_path / "own", numbered(16))
    for i in range(30):
        (folder / f"{i:03d}.txt").write_text("no picture")
    got = folders.read(place(folder), SIDE)
    assert len(got.x) == 16
    assert len(got.skipped) == 30
    (folder / "007.png").unlink()
    message = error_message(folders.read, place(folder), SIDE)
    assert "of 45 files found 15 are usable pictures, at least 16 are needed" in message
    assert "(30 skipped, first '000.txt': not a picture that can be read)" in message
    assert "Add pictures" in message


def test_too_few_without_a_bad_one_are_reported(tmp_path, place):
    message = error_message(folders.read, place(write(tmp_path / "own", numbered(3))), SIDE)
    assert "of 3 files found 3 are usable pictures, at least 16 are needed (none skipped). Add" in message


def test_names_with_line_breaks_stay_on_one_line(tmp_path, place):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a\nb.png").write_bytes(b"no picture")
    assert r"first 'a\nb.png'" in error_message(folders.read, place(tmp_path / "own"), SIDE)


def test_large_files_are_skipped_unread(tmp_path, place, monkeypatch):
    monkeypatch.setattr(folders, "MAX_BYTES", 2_000_000)
    folder = write(tmp_path / "own", numbered(16))
    picture = encoded(X[0])
    (folder / "just.png").write_bytes(picture + bytes(2_000_000 - len(picture)))
    (folder / "large.png").write_bytes(picture + bytes(2_000_001 - len(picture)))
    got = folders.read(place(folder), SIDE)
    assert got.skipped == (("large.png", "larger than 2 MB"),)
    assert got.names[-1] == "just.png"


def test_oddities_of_folders_are_skipped(tmp_path, monkeypatch):
    folder = write(tmp_path / "own", [*numbered(16), "sub/x.png", "locked.png", "closed/x.png"])
    os.mkfifo(folder / "pipe.png")  # would block if opened
    (folder / "broken.png").symlink_to(tmp_path / "nowhere")
    (folder / "linked.png").symlink_to(folder / "000.png")
    (folder / "sub" / "round").symlink_to(folder)
    read_bytes, scandir = Path.read_bytes, os.scandir

    def refuse(call, name):
        def refusing(path):
            if Path(path) == folder / name:
                raise PermissionError(13, "Permission denied", str(path))
            return call(path)

        return refusing

    monkeypatch.setattr(Path, "read_bytes", refuse(read_bytes, "locked.png"))
    monkeypatch.setattr(os, "scandir", refuse(scandir, "closed"))
    got = folders.read(folder, SIDE)
    assert got.skipped == (
        ("broken.png", "cannot be read (No such file or directory)"),
        ("closed", "cannot be read (Permission denied)"),
        ("locked.png", "cannot be read (Permission denied)"),
        ("pipe.png", "not a file"),
        ("sub/round", "a link to a folder"),
    )
    assert got.names == (*numbered(16), "linked.png", "sub/x.png")
    np.testing.assert_array_equal(got.x[16], X[0])


# What is refused


def test_places_that_hold_no_pictures_are_reported(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "one.png").write_bytes(encoded(X[0]))
    os.mkfifo(tmp_path / "pipe.zip")
    for name, words in {
        "nowhere": "no such folder or zip. Check the path.",
        "nowhere.zip": "no such folder or zip. Check the path.",
        "one.png/inside": "no such folder or zip. Check the path.",
        "x" * 300: "cannot be opened (File name too long). Check the path.",
        "one.png": "neither a folder nor a zip. Put the pictures into one.",
        "pipe.zip": "neither a folder nor a zip. Put the pictures into one.",
        "empty": "no pictures in it. Put at least 16 there.",
        "hidden": "no pictures in it. Put at least 16 there.",
    }.items():
        assert error_message(folders.read, tmp_path / name, SIDE) == f"{tmp_path / name}: {words}"
    for name in ("empty", "hidden"):
        path = zipped(tmp_path / name)
        assert error_message(folders.read, path, SIDE) == f"{path}: no pictures in it. Put at least 16 there."
    monkeypatch.chdir(write(tmp_path / "own", numbered(16)))
    assert error_message(folders.read, "", SIDE) == "no folder or zip is given. Choose one."
    assert len(folders.read(".", SIDE).x) == 16


def test_places_that_may_not_be_read_are_reported(tmp_path, monkeypatch):
    folder = write(tmp_path / "own", numbered(16))
    pack = zipped(folder)
    other = pack.rename(tmp_path / "pack")

    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    for path in (folder, other):
        assert error_message(folders.read, path, SIDE) == f"{path}: may not be read. Change its permissions."
    monkeypatch.setattr(Path, "stat", refuse)
    assert error_message(folders.read, folder, SIDE) == f"{folder}: may not be read. Change its permissions."


def test_zips_that_may_not_be_read_are_reported(tmp_path, monkeypatch):
    path = zipped(write(tmp_path / "own", numbered(16)))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    assert error_message(folders.read, path, SIDE) == f"{path}: may not be read. Change its permissions."


@pytest.mark.parametrize(("size", "limit"), [(0, None), (-3, 5), (8, 0), (8, -1)])
def test_sizes_and_limits_below_one_are_reported(tmp_path, size, limit):
    assert "Choose 1 or more." in error_message(folders.read, tmp_path, size, limit)


# Zips


def test_a_zip_is_known_by_its_content_too(tmp_path):
    path = zipped(write(tmp_path / "own", numbered(16)))
    expected = folders.read(path, SIDE)
    same(folders.read(path.rename(tmp_path / "upload"), SIDE), expected)


def test_names_of_odd_zippers_are_put_right(tmp_path):
    path = tmp_path / "own.zip"
    with zipfile.ZipFile(path, "w") as pack:
        for i, x in enumerate(X[:8]):
            pack.writestr(f"x/{i}", encoded(x))
            pack.writestr(f"y/{i}", encoded(x))
        pack.writestr("y/8", encoded(X[0]))
        pack.writestr("y/9", encoded(X[0]))
        pack.writestr("y/folder", b"")
    # zipfile puts separators right itself, where they are those of the system it runs on.
    content = path.read_bytes().replace(b"y/folder", b"y\\deepr\\").replace(b"x/", b"x\\")
    path.write_bytes(content.replace(b"y/8", b"./8").replace(b"y/9", b"/y9"))
    got = folders.read(path, SIDE)
    assert got.names == ("8", *(f"x/{i}" for i in range(8)), *(f"y/{i}" for i in range(8)), "y9")
    assert got.skipped == ()


def test_damaged_zips_are_reported(tmp_path):
    path = zipped(write(tmp_path / "own", numbered(16)))
    whole = path.read_bytes()
    for content in (b"", b"no zip", whole[:3000], whole[:-30], b"PK\x03\x04 nonsense"):
        path.write_bytes(content)
        assert (
            error_message(folders.read, path, SIDE)
            == f"{path}: a damaged zip, or none at all. Get it or make it again."
        )


@pytest.mark.parametrize(("method", "offset"), [(zipfile.ZIP_STORED, 200), (zipfile.ZIP_DEFLATED, 0)])
def test_damaged_entries_are_skipped(tmp_path, method, offset):
    path = zipped(write(tmp_path / "own", numbered(20)), method)
    content = bytearray(path.read_bytes())
    content[content.index(b"004.png") + 7 + offset] ^= 6  # deflated: a kind of block that there isn't
    path.write_bytes(content)
    got = folders.read(path, SIDE)
    assert got.skipped == (("004.png", "damaged in the zip"),)
    np.testing.assert_array_equal(got.x, np.delete(X[:20], 4, 0))


def test_flipped_bits_of_a_zip_are_reported_in_one_line(tmp_path):
    path = zipped(write(tmp_path / "own", numbered(18)))
    whole = path.read_bytes()
    known = {x.tobytes() for x in X[:18]}
    rng = np.random.default_rng(3)
    outcomes = set()
    # Half of them among the headers of the zip's end
    for place in np.concatenate([rng.integers(0, len(whole), 60), rng.integers(len(whole) - 900, len(whole), 60)]):
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        try:
            got = folders.read(path, SIDE)
        except UserError:
            assert str(path) in error_message(folders.read, path, SIDE)
            outcomes.add("refused")
        else:
            assert {x.tobytes() for x in got.x} <= known
            assert len(got.x) + len(got.skipped) in (17, 18)  # 17: its name is hidden now
            outcomes.add("skipped" if got.skipped else "whole")
    assert outcomes == {"refused", "skipped", "whole"}


def patched(path, entry, offset, value):
    """Overwrite a field of an entry's header in the zip's directory."""
    content = bytearray(path.read_bytes())
    start = content.rindex(b"PK\x01\x02", 0, content.rindex(entry.encode()))
    content[start + offset : start + offset + len(value)] = value
    path.write_bytes(content)


def test_zips_of_a_version_to_come_are_reported(tmp_path):
    path = zipped(write(tmp_path / "own", numbered(20)))
    patched(path, "007.png", 6, b"\xff")
    assert "a damaged zip, or none at all" in error_message(folders.read, path, SIDE)


def test_locked_zips_are_reported(tmp_path):
    path = zipped(write(tmp_path / "own", numbered(20)))
    patched(path, "007.png", 8, b"\x01")
    assert error_message(folders.read, path, SIDE) == (
        f"{path}: locked with a password. Zip the pictures again without one."
    )


def test_zips_with_too_many_entries_are_reported(tmp_path, monkeypatch):
    path = zipped(write(tmp_path / "own", numbered(20)))
    monkeypatch.setattr(zips, "MAX_ENTRIES", 20)
    assert len(folders.read(path, SIDE).x) == 20
    monkeypatch.setattr(zips, "MAX_ENTRIES", 19)
    assert "more than 19 entries. Zip fewer files." in error_message(folders.read, path, SIDE)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_without_bounds_is_skipped(tmp_path, method):
    path = zipped(write(tmp_path / "own", numbered(16)))
    with zipfile.ZipFile(path, "a") as pack:
        pack.writestr("odd.png", encoded(X[0]), method)
    assert folders.read(path, SIDE).skipped == (("odd.png", "compressed in an unusual way"),)


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(tmp_path):
    path = zipped(write(tmp_path / "own", numbered(16)))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("bomb.png", bytes(80_000_000))
    patched(path, "bomb.png", 24, struct.pack("<I", 1000))
    folders.read(path, SIDE)  # what is imported late is here
    tracemalloc.start()
    try:
        got = folders.read(path, SIDE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert got.skipped == (("bomb.png", "damaged in the zip"),)
    assert peak < 20_000_000


# Limits


def indices(pictures):
    """Which of `X` the pictures are."""
    where = {x.tobytes(): i for i, x in enumerate(X)}
    return [where[x.tobytes()] for x in pictures.x]


def test_a_limit_is_spread_evenly_over_all(tmp_path, place):
    source = place(write(tmp_path / "own", numbered(200)))
    assert indices(folders.read(source, SIDE, 20)) == list(range(0, 200, 10))
    got = folders.read(source, SIDE, 150)
    assert len(got.x) == 150
    assert max(np.diff(indices(got))) == 2
    for limit in (200, 1000, None):
        assert indices(folders.read(source, SIDE, limit)) == list(range(200))


def test_a_limit_reads_few_pictures_and_replaces_bad_ones(tmp_path, monkeypatch):
    folder = write(tmp_path / "own", numbered(200))
    load, looked = images.load_picture, []
    monkeypatch.setattr(images, "load_picture", lambda data, **options: looked.append(data) or load(data, **options))
    folders.read(folder, SIDE, 20)
    assert len(looked) == 20
    for bad in (30, 110, 120):
        (folder / f"{bad:03d}.png").write_bytes(b"no picture")
    looked.clear()
    got = folders.read(folder, SIDE, 20)
    assert len(got.x) == 20
    assert got.skipped == tuple((f"{i:03d}.png", "not a picture that can be read") for i in (30, 110, 120))
    assert len(looked) < 30
    chosen = indices(got)
    assert chosen == sorted(chosen)
    assert len(set(chosen) & set(range(0, 200, 10))) == 17
    assert max(np.diff(chosen)) <= 30


def test_a_limit_finds_the_good_ones_among_many_bad_in_few_rounds(tmp_path, monkeypatch):
    rounds, track = [], folders.track
    monkeypatch.setattr(folders, "track", lambda *args, **options: rounds.append(args) or track(*args, **options))
    folder = write(tmp_path / "own", numbered(300))
    good = list(range(3, 300, 14))
    for i in set(range(300)) - set(good):
        (folder / f"{i:03d}.png").write_bytes(b"no picture")
    assert len(good) == 22
    assert indices(folders.read(folder, SIDE, 22)) == good
    assert len(rounds) <= 10
    assert indices(folders.read(folder, SIDE, 40)) == good
    few = folders.read(folder, SIDE, 18)
    assert len(few.x) == 18
    assert set(indices(few)) < set(good)


def test_a_limit_below_the_least_number_is_for_previews(tmp_path):
    folder = write(tmp_path / "own", numbered(10))
    assert indices(folders.read(folder, SIDE, 5)) == [0, 2, 4, 6, 8]
    assert indices(folders.read(folder, SIDE, 10)) == list(range(10))
    assert "of 10 files found 10 are" in error_message(folders.read, folder, SIDE, 11)


# Alpha


def with_alpha(count=16):
    rgba = np.concatenate([X[:count], X[100 : 100 + count, ..., :1]], 3)
    rgba[:, 0, 0, 3] = 100
    return rgba


def test_alpha_is_kept_where_every_picture_has_some(tmp_path, place):
    rgba = with_alpha()
    source = place(write(tmp_path / "own", numbered(16), rgba))
    np.testing.assert_array_equal(folders.read(source, SIDE, alpha=True).x, rgba)
    white = np.stack([images.load(encoded(x)) for x in rgba])
    np.testing.assert_array_equal(folders.read(source, SIDE).x, white)


@pytest.mark.parametrize("other", [X[20], np.dstack([X[20], np.full((SIDE, SIDE), 255, np.uint8)])])
def test_one_opaque_picture_composites_all_over_white(tmp_path, other):
    rgba = with_alpha()
    folder = write(tmp_path / "own", numbered(17), [*rgba, other])
    got = folders.read(folder, SIDE, alpha=True)
    np.testing.assert_array_equal(got.x[:16], [images.composite_over(x, (255, 255, 255)) for x in rgba])
    np.testing.assert_array_equal(got.x[16], X[20])


def test_bad_pictures_and_those_left_out_by_a_limit_have_no_say_about_alpha(tmp_path):
    rgba = with_alpha(32)
    folder = write(tmp_path / "own", numbered(32), rgba)
    (folder / "zz.png").write_bytes(encoded(np.zeros((5, 5, 3), np.uint8)))
    assert folders.read(folder, SIDE, alpha=True).x.shape == (32, SIDE, SIDE, 4)
    (folder / "zz.png").unlink()
    (folder / "001.png").write_bytes(encoded(X[0]))
    assert folders.read(folder, SIDE, alpha=True).x.shape == (32, SIDE, SIDE, 3)
    np.testing.assert_array_equal(folders.read(folder, SIDE, 16, alpha=True).x, rgba[::2])


def test_transparent_colours_of_palettes_and_grey_count(tmp_path):
    palette = PILImage.new("P", (SIDE, SIDE), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((0, 0), 0)
    grey = PILImage.new("LA", (SIDE, SIDE), (70, 255))
    grey.putpixel((0, 0), (70, 51))
    folder = write(tmp_path / "own", numbered(14), with_alpha())
    palette.save(folder / "x.gif", transparency=0)
    grey.save(folder / "y.png")
    got = folders.read(folder, SIDE, alpha=True).x[-2:]
    assert got[:, 0, 0].tolist() == [[255, 0, 0, 0], [70, 70, 70, 51]]
    assert got[:, 5, 5].tolist() == [[0, 0, 255, 255], [70, 70, 70, 255]]


def test_grey_of_sixteen_bits_has_no_alpha(tmp_path):
    folder = write(tmp_path / "own", numbered(16), with_alpha())
    PILImage.new("I;16", (SIDE, SIDE), 200).save(folder / "zz.png", transparency=200)
    got = folders.read(folder, SIDE, alpha=True)
    assert got.x.shape[3] == 3
    assert (got.x[-1] == 1).all()  # of 255, as load has it


@pytest.mark.parametrize("size", [16, 40, 64, 100])
def test_hidden_colours_do_not_bleed_through_when_resized(tmp_path, size):
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., 1] = 255  # green, unseen
    rgba[10:53, 10:53] = (200, 30, 60, 255)
    got = folders.read(write(tmp_path / "own", numbered(16), [rgba] * 16), size, alpha=True).x[0].astype(int)
    seen = got[..., 3] > 0
    assert np.abs(got[seen][:, :3] - (200, 30, 60)).max() <= 3
    assert got[size // 2, size // 2].tolist() == [200, 30, 60, 255]
    assert got[0, 0, 3] == 0
    assert got[..., 3].mean() == pytest.approx(rgba[..., 3].mean(), rel=0.02)


# Classes


def test_sub_folders_are_classes(tmp_path, place):
    names = [*numbered(10, "dogs/"), *numbered(4, "cats/a/"), *numbered(4, "cats/b/"), *numbered(5, "Ants/")]
    folder = write(tmp_path / "own", [*names, "stray.png"])
    (folder / "dogs" / "notes.txt").write_text("notes")
    got = folders.read(place(folder), SIDE, labelled=True)
    assert got.classes == ("Ants", "cats", "dogs")
    assert got.labels.dtype == np.int64
    assert got.labels.tolist() == [0] * 5 + [1] * 8 + [2] * 10
    assert got.names == tuple(sorted(names))
    assert indices(got) == [names.index(name) for name in got.names]
    assert got.skipped == (
        ("dogs/notes.txt", "not a picture that can be read"),
        ("stray.png", "not in a class's folder"),
    )
    assert folders.read(place(folder), SIDE).labels is None


def test_folders_around_all_classes_are_looked_through(tmp_path, place):
    names = [*numbered(8, "data/train/cats/"), *numbered(8, "data/train/dogs/"), "data/train/stray.png"]
    got = folders.read(place(write(tmp_path / "own", names)), SIDE, labelled=True)
    assert got.classes == ("cats", "dogs")
    assert got.labels.tolist() == [0] * 8 + [1] * 8
    assert got.names == tuple(sorted(names[:16]))
    assert got.skipped == (("data/train/stray.png", "not in a class's folder"),)


def test_labels_stay_with_their_pictures_under_a_limit(tmp_path):
    names = [*numbered(60, "cats/"), *numbered(40, "dogs/")]
    folder = write(tmp_path / "own", names)
    (folder / "cats" / "000.png").write_bytes(b"no picture")
    got = folders.read(folder, SIDE, 50, labelled=True)
    assert len(got.x) == 50
    assert got.labels.tolist() == [int(i >= 60) for i in indices(got)]
    assert 18 <= sum(got.labels) <= 22


def test_too_few_classes_are_reported(tmp_path, place):
    folder = write(tmp_path / "own", numbered(20))
    assert ": no classes. Put the pictures of each class" in error_message(
        folders.read, place(folder), SIDE, labelled=True
    )
    folder = write(tmp_path / "other", numbered(20, "cats/"))
    for _ in range(2):  # the second time with stray ones beside the only class
        message = error_message(folders.read, place(folder), SIDE, labelled=True)
        assert f"{place(folder)}: only one class, 'cats'. Put the pictures of each class" in message
        write(folder, numbered(20))


def test_classes_with_too_few_good_pictures_are_reported(tmp_path, place):
    folder = write(tmp_path / "own", [*numbered(20, "cats/"), *numbered(4, "dogs/")])
    assert len(folders.read(place(folder), SIDE, labelled=True).x) == 24
    (folder / "dogs" / "000.png").write_bytes(b"no picture")
    message = error_message(folders.read, place(folder), SIDE, labelled=True)
    assert "good pictures of class 'dogs': 3, at least 4 are needed. Add pictures, or take the class out." in message
    (folder / "dogs" / "000.png").write_bytes(encoded(X[0]))
    assert "Add pictures, raise the limit, or" in error_message(folders.read, place(folder), SIDE, 18, labelled=True)
    (folder / "notes").mkdir()
    (folder / "notes" / "notes.txt").write_text("notes")
    assert "class 'notes': 0, at least 4" in error_message(folders.read, place(folder), SIDE, labelled=True)


# Crops


def test_crops_see_whole_pictures_and_those_without_are_skipped(tmp_path, place):
    wide = np.random.default_rng(1).integers(0, 256, (20, 4, 40, 3), np.uint8).repeat(5, 1)
    folder = write(tmp_path / "own", numbered(20), wide)
    seen = []

    def crop(picture):
        seen.append(picture.tobytes())
        return None if np.array_equal(picture, wide[3]) else picture[2:14, 25:37]

    got = folders.read(place(folder), SIDE, crop=crop)
    assert sorted(seen) == sorted(x.tobytes() for x in wide)
    assert got.skipped == (("003.png", "no face found"),)
    np.testing.assert_array_equal(got.x, np.delete(wide, 3, 0)[:, 2:14, 25:37])
    assert folders.read(folder, 30, crop=crop).x.shape == (19, 30, 30, 3)


def test_crops_are_rgb_whatever_alpha(tmp_path):
    folder = write(tmp_path / "own", numbered(16), with_alpha())
    got = folders.read(folder, SIDE, alpha=True, crop=lambda picture: picture)
    same(got, folders.read(folder, SIDE))


def test_a_photo_without_a_face_is_reported(tmp_path):
    message = error_message(folders.read, write(tmp_path / "own", numbered(16)), SIDE, crop=lambda _: None)
    assert "of 16 files found 0 are usable" in message
    assert "(16 skipped, first '000.png': no face found)" in message


def test_faces_of_photos_are_found_by_the_emoji_pipelines_crop(tmp_path, hopper, astronaut):
    from dtn_core.faces.align import align
    from dtn_core.faces.detect import detect

    def head(picture):
        faces = detect(picture, max_faces=1)
        return align(picture, faces[0]).image if faces else None

    folder = write(tmp_path / "own", ["a.png", "h.png", "n.png"], [astronaut, hopper, np.zeros_like(hopper)])
    got = folders.read(folder, 256, 2, crop=head)
    assert got.names == ("a.png", "h.png")
    np.testing.assert_array_equal(got.x, [head(astronaut), head(hopper)])
    assert got.skipped in ((), (("n.png", "no face found"),))


# Behind the scenes


def test_an_interrupted_reading_does_not_go_on(tmp_path):
    folder = write(tmp_path / "own", numbered(200))
    calls = []

    def crop(picture):
        calls.append(1)
        time.sleep(0.02)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folders.read(folder, SIDE, crop=crop)
    assert len(calls) < 150


def test_filters_of_warnings_are_left_as_they_were(tmp_path):
    """As `images.load` leaves them when two threads go in and out of it crosswise."""
    folder = write(tmp_path / "own", numbered(16))

    def crop(picture):
        warnings.simplefilter("ignore", DeprecationWarning)
        return picture

    before = list(warnings.filters)
    folders.read(folder, SIDE, crop=crop)
    assert warnings.filters == before


def test_nothing_is_written_to_disk(tmp_path):
    folder = write(tmp_path / "own", [*numbered(10, "cats/"), *numbered(10, "dogs/")], with_alpha(20))
    sources = (folder, zipped(folder))
    folders.read(folder, SIDE)  # what loads late may write its byte code
    touched, watching = [], [True]

    def hook(event, arguments):
        writes = event == "open" and (arguments[2] & 3 or set("wax+") & set(arguments[1] or ""))
        if watching[0] and (writes or event in ("os.mkdir", "os.rename", "os.remove")):
            touched.append(arguments[0])

    sys.addaudithook(hook)  # can't be removed, only switched off
    try:
        for source in sources:
            folders.read(source, 8, alpha=True, labelled=True)
            folders.read(source, 20, 18, crop=lambda picture: picture)
        assert touched == []
        (tmp_path / "seen").write_bytes(b"")
    finally:
        watching[0] = False
    assert touched == [str(tmp_path / "seen")]


# Parts and pairs


@pytest.mark.parametrize(
    ("count", "held"),
    [
        (0, []), (1, []), (2, [1]), (3, [2]), (9, [8]), (10, [9]), (19, [9]), (20, [9, 19]),
        (105, list(range(9, 105, 10))),
        (2000, list(range(9, 2000, 10))), (4000, list(range(9, 4000, 20))),
    ],
)  # fmt: skip
def test_every_tenth_is_held_out(count, held):
    assert folders.split(count)[1] == held


@pytest.mark.parametrize("count", [0, 1, 2, 11, 57, 1999, 2001, 2345, 200_000])
def test_parts_are_apart_whole_and_the_same_each_time(count):
    train, held = folders.split(count)
    assert folders.split(count) == (train, held)
    assert train == sorted(train)
    assert held == sorted(held)
    assert sorted(train + held) == list(range(count))
    assert len(held) == (min(200, count // 10) or int(count >= 2))
    assert all(isinstance(i, int) for i in held)
    if count > 2000:  # spread over all
        assert max(np.diff([0, *held, count])) <= 2 * count / 200


def pictures(x):
    return folders.Pictures(x, tuple(numbered(len(x))), ())


def test_good_pairs_pass(tmp_path):
    folders.check_pair(pictures(X[:50]), pictures(X[50:70]), tmp_path / "s", tmp_path / "t.zip")
    folders.check_pair(pictures(X[:20]), pictures(X[10:30]), tmp_path / "s", tmp_path / "st")  # half are shared


def test_the_same_place_twice_is_reported(tmp_path, monkeypatch):
    (tmp_path / "s").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "s")
    monkeypatch.chdir(tmp_path)
    s, t = pictures(X[:20]), pictures(X[20:40])
    for s_path, t_path in (("s", tmp_path / "s"), ("link", "s"), ("s", "s/../s/"), ("s.zip", "./s.zip")):
        message = error_message(folders.check_pair, s, t, s_path, t_path)
        assert message == f"{s_path}: given for both sides. Choose other pictures for one of them."


def test_one_place_inside_the_other_is_reported(tmp_path):
    s, t = pictures(X[:20]), pictures(X[20:40])
    inner, outer = tmp_path / "own" / "cats", tmp_path / "own"
    for pair in ((inner, outer), (outer, inner)):
        message = error_message(folders.check_pair, s, t, *pair)
        assert message == f"{inner}: lies in {outer}, the other side. Choose two folders apart."


def test_mostly_the_same_pictures_are_reported():
    s, t = X[:30], X[100:300].copy()
    t[50:66] = s[:16]
    message = error_message(folders.check_pair, pictures(s), pictures(t), "s", "t")
    assert message == "s and t: 16 of 30 pictures are on both sides. Choose other pictures for one of them."
    assert "16 of 30 pictures" in error_message(folders.check_pair, pictures(t), pictures(s), "s", "t")
    t[50] = 0
    folders.check_pair(pictures(s), pictures(t), "s", "t")


def test_the_same_pictures_with_alpha_are_seen_over_white():
    rgba = with_alpha(20)
    white = np.stack([images.composite_over(x, (255, 255, 255)) for x in rgba])
    assert "20 of 20 pictures" in error_message(folders.check_pair, pictures(rgba), pictures(white), "s", "t")


def test_too_few_of_a_pair_are_reported():
    enough, few = pictures(X[:16]), pictures(X[20:35])
    folders.check_pair(enough, pictures(X[20:36]), "s", "t")
    assert (
        error_message(folders.check_pair, enough, few, "s", "t") == "t: pictures: 15, at least 16 are needed. Add some."
    )
    assert error_message(folders.check_pair, few, enough, "s", "t").startswith("s: pictures: 15")
