"""Zips from outside: their directories are bounded before zipfile parses them."""

import io
import struct
import tracemalloc
import zipfile

import pytest

from dtn_core.cli import runner
from dtn_core.core import zips
from dtn_core.core.errors import UserError
from dtn_core.core.zips import count_entries, open_zip
from dtn_core.data import folders
from dtn_core.ui.access import uploads

ENTRY = struct.pack("<4s24x3H12x", b"PK\1\2", 1, 0, 0) + b"a"
END = struct.Struct("<4s4H2LH")


def made(entries, directory, told_size=None, told_entries=None, zip64=False):
    """A zip of nothing but a directory and an end record; told_size, told_entries: what the record says of it."""
    size = len(directory) if told_size is None else told_size
    count = entries if told_entries is None else told_entries
    if not zip64:
        return directory + END.pack(b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, size, 0, 0)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end = END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return directory + record + locator + end


def through_uploads(path):
    uploads.check(path)


def through_folders(path):
    folders.read(path, 16)


def through_the_command_line(path):
    with runner.ExitStack() as stack:
        (job,) = runner.pair([str(path)], str(path.parent / "out"), {".png"}, stack)
    raise UserError(job.error)


@pytest.mark.parametrize("enter", [through_uploads, through_folders, through_the_command_line])
@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("result", [None, 1, 0xFFFE])
def test_directories_of_too_many_entries_are_refused_unparsed(tmp_path, monkeypatch, enter, zip64, result):
    """Whatever the end record says of their number."""
    monkeypatch.setattr(zips, "MAX_ENTRIES", 20_000)
    path = tmp_path / "a.zip"
    path.write_bytes(made(30_000, ENTRY * 30_000, told_entries=result, zip64=zip64))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="more than 20,000 entries"):
            enter(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20  # the directory itself has 1.4 MB; zipfile would make 18 MB of it


@pytest.mark.parametrize("zip64", [False, True])
def test_directories_of_too_many_bytes_are_refused_unread(tmp_path, zip64):
    size = (32 << 20) + 1
    path = tmp_path / "a.zip"
    end = made(1, ENTRY, told_size=size, zip64=zip64)[len(ENTRY) :]
    with path.open("wb") as file:  # as long as it says, without the bytes on the disk
        file.truncate(size)
        file.seek(size)
        file.write(end)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="directory is larger than 32 MB"), open_zip(path, "the zip"):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_zip64_and_comments_are_read(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as pack:
        pack.writestr("a.png", b"a")
        pack.comment = b"made by hand"
    with open_zip(path, "a") as pack:
        assert pack.read("a.png") == b"a"
    with zipfile.ZipFile(path, "w") as pack:
        for i in range(70_000):
            pack.writestr(f"{i}.png", b"")
    with open_zip(path, "a") as pack:
        assert len(pack.namelist()) == 70_000


def test_entries_are_counted_with_their_names_extras_and_comments():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        for i in range(7):
            info = zipfile.ZipInfo("x" * i + ".png")
            info.comment, info.extra = b"c" * i, struct.pack("<HHB", 0x1234, 1, i)
            pack.writestr(info, b"PK\1\2")
        start = pack.fp.tell()
    assert count_entries(buffer.getvalue()[start:]) == 7
    assert count_entries(b"PK\1\2 cut") == 0


def test_counting_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(zips, "MAX_ENTRIES", 5)
    assert count_entries(ENTRY * 5) == 5
    assert count_entries(ENTRY * 1000) == 6


def test_the_file_is_closed_where_it_is_refused(tmp_path, monkeypatch):
    path, opened = tmp_path / "a.zip", []

    class Recorded(zips._MeasuredFile):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            opened.append(self)

    monkeypatch.setattr(zips, "_MeasuredFile", Recorded)
    path.write_bytes(b"no zip")
    with pytest.raises(UserError, match="a damaged zip"), open_zip(path, "a"):
        pass
    assert [file.closed for file in opened] == [True]
