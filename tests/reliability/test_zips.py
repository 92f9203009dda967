"""Zips: uploads to train on, folders of pictures, and inputs of the command line."""

from __future__ import annotations

import io
import stat
import zipfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from dtn_core.cli import runner
from dtn_core.core.images import PICTURE_SUFFIXES
from dtn_core.data import folders
from dtn_core.ui.access import uploads

from .made_pictures import saved, seeds, shapes
from .mutate import mutated
from .targets import Harm, Target, at_random, by_hand

NAMES = (
    "a.png", "b/c.jpg", "../up.png", "/abs.png", "..\\..\\win.png", "C:\\win.png", "//host/share.png", "a/../../b.png",
    "./d.png",
    "", "/", ".", "..", ".hidden.png", "__MACOSX/a.png", "Thumbs.db", "a\nb.png", "é.png", "x" * 300 + ".png",
    "a" * 60000,
    "dir/", "CON.png", "~/home.png", "a.png/b.png", "\ud800.png".encode("utf-8", "replace").decode(), "e.txt",
    "nested.zip",
)  # fmt: skip


class Case(NamedTuple):
    data: bytes
    labelled: bool = False


def packed(entries: list[tuple[str, bytes]], way: int = zipfile.ZIP_DEFLATED, links: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", way, compresslevel=1) as pack:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = way
            if links:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            pack.writestr(info, data)
    return buffer.getvalue()


@cache
def good() -> bytes:
    picture = saved(shapes(20, 20), "PNG")
    return packed([(f"{'ab'[i % 2]}/{i}.png", picture) for i in range(20)])


def make(random: Random) -> Case:
    if random.randrange(3) == 0:
        return Case(mutated(random, good()), random.randrange(2) == 0)
    pictures = [*seeds().values(), b"", good()]
    names = [random.choice(NAMES) if random.randrange(2) else f"{i % 3}/{i}.png" for i in range(random.randint(0, 24))]
    way = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    data = packed([(name, random.choice(pictures)) for name in names], way, random.randrange(8) == 0)
    return Case(mutated(random, data) if random.randrange(3) == 0 else data, random.randrange(2) == 0)


def enter(case: Case, place: Path) -> object:
    """Through every target for zips; the last that refuses it says why."""
    (place / "a.zip").write_bytes(case.data)
    (place / "upload.zip").write_bytes(case.data)
    with ExitStack() as zips:
        for job in runner.pair([str(place / "a.zip")], str(place / "out"), set(PICTURE_SUFFIXES), zips):
            if job.target and not job.target.resolve().is_relative_to(place / "out"):
                raise Harm(f"would be written to {job.target}")
            if job.error and "\n" in job.error:
                raise Harm(f"two lines: {job.error}")
    kept = uploads.store(place / "upload.zip", place / "runs")
    if kept.resolve().parent.parent != (place / "runs" / "uploads").resolve():
        raise Harm(f"kept as {kept}")
    return folders.read(kept, 16, 64, labelled=case.labelled, alpha=True).x.shape


def _patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def cases() -> dict[str, tuple[Case, str]]:
    picture = saved(shapes(20, 20), "PNG")
    many = [(f"{i}.png", b"") for i in range(20_000)]
    twenty = [(f"{i}.png", picture) for i in range(20)]
    stored = packed(twenty, zipfile.ZIP_STORED)
    twice = packed([*twenty, ("x.png", b"not it"), ("X.png", picture)]).replace(b"X.png", b"x.png")
    lies = bytearray(packed([("bomb.png", bytes(10_000_000)), *twenty]))
    at = lies.index(b"PK\1\2")
    lies[at + 24 : at + 28] = (50_000_000).to_bytes(4, "little")
    huge = bytearray(packed(twenty))
    at = huge.index(b"PK\1\2")
    huge[at + 24 : at + 28] = b"\xfe\xff\xff\xff"
    locked = bytearray(stored)
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := locked.find(mark, at + 1)) >= 0:
            locked[at + offset] |= 1
    made = {
        "good": (good(), "result"),
        "paths that lead out": (packed([("../../secret.txt", picture), *twenty]), "error"),
        "absolute paths": (packed([("/etc/cron.d/x.png", picture), *twenty]), "error"),
        "paths of Windows that lead out": (packed([("..\\..\\x.png", picture), *twenty]), "error"),
        "links": (packed([("a.png", b"/etc/passwd"), *twenty], links=True), "error"),
        "20,000 entries, few of them pictures": (packed([*many, *[(f"p/{n}", data) for n, data in twenty]]), "result"),
        "a bomb of zeros": (packed([("bomb.png", bytes(100_000_000)), *twenty]), "result"),
        "a bomb of a picture": (packed([("bomb.png", saved(shapes(6000, 6000, "L"), "PNG")), *twenty]), "result"),
        "an entry that lies about its size": (bytes(lies), ""),
        "4 GB, it claims": (bytes(huge), "error"),
        "a zip in a zip": (packed([("a.zip", good()), *twenty]), "result"),
        "nothing but a zip in a zip": (packed([("a.zip", packed([("b.zip", good())]))]), "error"),
        "locked": (bytes(locked), "error"),
        "two of one name": (twice, "result"),
        "wrong checksums": (_patched(stored, picture[60:70], bytes(10)), "error"),
        "names without end": (packed([("d/" * 30000 + "a.png", picture), *twenty]), ""),
        "empty": (packed([]), "error"),
        "a comment that is a zip": (good() + packed(twenty), "result"),
        "bzip2": (packed(twenty, zipfile.ZIP_BZIP2), "error"),
        "lzma": (packed(twenty, zipfile.ZIP_LZMA), "error"),
        "a picture": (picture, "error"),
        "a picture in front": (saved(shapes(), "JPEG") + good(), "result"),
    }  # fmt: skip
    return {name: (Case(data), ends) for name, (data, ends) in made.items()}


DOOR = Target("zips", make, enter, cases)

test_by_hand = by_hand(DOOR)
test_at_random = at_random(DOOR, 150)
