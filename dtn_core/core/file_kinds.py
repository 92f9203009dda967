"""Tell pictures from videos by the first bytes of a file, whatever its name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

FileKind = Literal["picture", "video"]

HEAD_BYTES = 1024
"""Number of bytes that `kind_of` looks at."""

_PICTURE_BRANDS = {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
_VIDEOS = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"FLV\x01",
    b"OggS",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x06\x0e\x2b\x34",  # MXF
)
_MOVIE_BOXES = {b"moov", b"mdat", b"wide", b"skip", b"free"}  # of QuickTime files without ftyp
_TS_SYNC = 0x47


def kind_of(head: bytes) -> FileKind | None:
    """Return what a file is by its first `HEAD_BYTES` bytes; None if it is neither a picture nor a video."""
    box, brand = head[4:8], head[8:12]
    if head.startswith(_PICTURES) or _is_netpbm(head):
        return "picture"
    if head.startswith(b"RIFF"):
        return {b"WEBP": "picture", b"AVI ": "video"}.get(brand)
    if box == b"ftyp":
        return "picture" if brand in _PICTURE_BRANDS else "video"
    if head.startswith(_VIDEOS) or box in _MOVIE_BOXES or _is_transport_stream(head):
        return "video"
    return None


def kind_of_file(path: Path) -> FileKind | None:
    """Return what a file is by its content; None also if it can't be read."""
    try:
        with path.open("rb") as file:
            return kind_of(file.read(HEAD_BYTES))
    except OSError:
        return None


def _is_netpbm(head: bytes) -> bool:
    return head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in (b" ", b"\t", b"\n", b"\r")


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets of 188 bytes, or of 192 with a time stamp before each (M2TS), begin with the sync byte."""
    for size, start in ((188, 0), (192, 4)):
        syncs = head[start::size]
        if len(syncs) > 2 and set(syncs) == {_TS_SYNC}:
            return True
    return False
