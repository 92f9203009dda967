"""Picture files opened with bounds on what Pillow reads of their metadata.

Pillow parses all metadata when it opens a file, and copies each value. Values of TIFF and EXIF are found by offsets,
and any number of them may name the same bytes: without bounds, 1 MB becomes 1 GB. Millions of empty segments or chunks
take memory and time as well.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from PIL import Image as PILImage
from PIL import features

MAX_SCANS = 100
"""Scans of a JPEG. Each goes over all pixels, so that a small file could take hours. Progressive ones have about
ten."""

MAX_EXIF = 1 << 16
"""Bytes of EXIF that are parsed; a JPEG's segment holds no more."""

MAX_SEGMENTS = 2000
"""Segments before a JPEG's pixels. Ordinary files have fewer than 300, most of them a colour profile."""

OPEN_READS, LOAD_READS = 20_000, 400_000
"""Calls of read() until a picture is open, and until its pixels are decoded. Each chunk of a PNG takes three."""

READ_TIMES = 4
"""How often all bytes of a file may be read."""

# None of Pillow's formats that run a program; AVIF is missing from some builds.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM") + ("AVIF",) * features.check("avif")

_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_APP0, _APP1, _APP14, _START_OF_SCAN = b"\xe0", b"\xe1", b"\xee", b"\xda"
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_FRAMES = {bytes([code]) for code in range(0xC0, 0xD0)} - {b"\xc8"}  # with their tables of codes
_METADATA = {bytes([code]) for code in (*range(0xE0, 0xF0), 0xFE)}
_WITH_CONTENT = _FRAMES | _METADATA | {b"\xdb", b"\xdc", b"\xdd"}
"""Markers that a length and as many bytes follow."""


@contextmanager
def open_picture(source: str | os.PathLike[str] | bytes, formats: Sequence[str] = FORMATS) -> Iterator[PILImage.Image]:
    """Open a picture file with Pillow; its pixels aren't decoded yet.

    Args:
        source: Path of the file, or its bytes.
        formats: Names of Pillow's formats that are tried.

    Raises:
        ValueError: The file has too much metadata, or a JPEG too many scans.
        Exception: Whatever Pillow raises for files that are no pictures, here or while pixels are decoded.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        limited = _LimitedFile(_without_extra_segments(file))
        with PILImage.open(limited, formats=formats) as picture:
            limited.reads = LOAD_READS
            _trim_exif(picture)
            yield picture


class _LimitedFile:
    """A file for reading. Raises ValueError once it was read too often."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell
        self.reads = OPEN_READS
        self._bytes = READ_TIMES * file.seek(0, io.SEEK_END) + (1 << 16)
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.reads -= 1
        self._bytes -= len(data)
        if self.reads < 0 or self._bytes < 0:
            raise ValueError("too much metadata")
        return data

    def close(self) -> None:
        self._file.close()


def _without_extra_segments(file: BinaryIO) -> BinaryIO:
    """Copy a JPEG without the metadata that isn't needed: of EXIF and XMP the first segment stays, which tells the
    orientation. Pillow would join all segments of EXIF. Other files are returned as they are. Raises ValueError for too
    many segments or scans."""
    if file.read(2) != b"\xff\xd8":
        return file
    data, at = b"\xff\xd8" + file.read(), 2
    kept, seen = [data[:2]], set()
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found[1] == _START_OF_SCAN:
            break
        at = found.end()
        if found[1] not in _WITH_CONTENT:
            continue
        end = at + max(2, int.from_bytes(data[at : at + 2], "big"))
        if _is_needed(found[1], data[at + 2 : end], seen):
            kept.append(data[found.start() : end])
        at = end
    else:
        raise ValueError(f"more than {MAX_SEGMENTS} segments")
    pixels = data[found.start() :] if found else b""
    scans = pixels.count(b"\xff" + _START_OF_SCAN)
    if scans > MAX_SCANS:
        raise ValueError(f"{scans} scans")
    return io.BytesIO(b"".join([*kept, pixels]))


def _is_needed(marker: bytes, content: bytes, seen: set[bytes]) -> bool:
    """Whether a segment of a JPEG tells how to decode or to turn it. seen: the kinds of metadata so far, added to."""
    if marker not in _METADATA:
        return True
    kind = marker if marker in (_APP0, _APP14) else b""
    if marker == _APP1:
        kind = next((prefix for prefix in (_EXIF, _XMP) if content.startswith(prefix)), b"")
    needed = kind not in seen and kind != b""
    seen.add(kind)
    return needed


def _trim_exif(picture: PILImage.Image) -> None:
    """Leave out EXIF that is too large to be parsed; in PNGs, it may be text."""
    info: dict[Any, Any] = picture.info
    if len(info.get("exif") or b"") > MAX_EXIF:
        del info["exif"]
    if len(info.get("Raw profile type exif") or "") > 2 * MAX_EXIF:
        del info["Raw profile type exif"]
