"""Picture files opened with bounds on what Pillow reads of their metadata.

Pillow parses all metadata when it opens a file, and copies each value. Values of TIFF and EXIF are found by offsets,
and any number of them may name the same bytes: without bounds, 1 MB becomes 1 GB. Millions of empty segments or chunks
take memory and time as well.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

from PIL import Image as PILImage
from PIL import JpegImagePlugin, features

HEIF = False
"""Whether HEIC, the format of iPhones, can be read."""

with suppress(ImportError):
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False)
    HEIF = True

MAX_SCANS = 100
"""Scans of a JPEG. Each goes over all pixels, so that a small file could take hours. Progressive ones have about
ten."""

MAX_EXIF = 1 << 16
"""Bytes of EXIF that are parsed; a JPEG's segment holds no more."""

MAX_PROFILE = 4 << 20
"""Bytes of a JPEG's colour profile. Those of printers have about 2 MB, of cameras and phones less than 4 kB."""

MAX_SEGMENTS = 2000
"""Segments of a JPEG before its pixels, and between its scans. Ordinary files have fewer than 300 in all."""

OPEN_READS, LOAD_READS = 20_000, 400_000
"""Calls of read() until a picture is open, and until its pixels are decoded. Each chunk of a PNG takes three."""

READ_TIMES = 4
"""How often all bytes of a file may be read."""

# None of Pillow's formats that run a program; AVIF is missing from some builds.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", *["AVIF"] * features.check("avif"), *["HEIF"] * HEIF)

_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # except for restart markers, which stand inside of scans
_APP0, _APP1, _APP2, _APP14, _START_OF_SCAN, _END = b"\xe0", b"\xe1", b"\xe2", b"\xee", b"\xda", b"\xd9"
_EXIF, _XMP, _PROFILE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_FRAMES = {bytes([code]) for code in range(0xC0, 0xD0)} - {b"\xc8"}  # with their tables of codes
_METADATA = {bytes([code]) for code in (*range(0xE0, 0xF0), 0xFE)}
_WITH_CONTENT = _FRAMES | _METADATA | {b"\xdb", b"\xdc", b"\xdd"}
"""Markers, besides that of a scan, that a length and as many bytes follow."""


@contextmanager
def open_picture(source: str | os.PathLike[str] | bytes, formats: Sequence[str] = FORMATS) -> Iterator[PILImage.Image]:
    """Open a picture file with Pillow; its pixels aren't decoded yet.

    A JPEG whose end is missing can be decoded: its last rows are grey then, and `info["cut_short"]` is True.

    Args:
        source: Path of the file, or its bytes.
        formats: Names of Pillow's formats that are tried.

    Raises:
        ValueError: The file has too much metadata, or a JPEG too many scans.
        Exception: Whatever Pillow raises for files that are no pictures, here or while pixels are decoded.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        jpeg = _read_jpeg(file) if "JPEG" in formats else None
        limited = _LimitedFile(jpeg.file if jpeg else file)
        with _open_jpeg(limited) if jpeg else PILImage.open(limited, formats=formats) as picture:
            limited.reads = LOAD_READS
            picture.info["cut_short"] = jpeg is not None and jpeg.cut_short
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


class _Jpeg(NamedTuple):
    """A JPEG without the metadata that isn't needed, and without what follows its end, such as the video of a motion
    photo.

    Attributes:
        file: Its content, with an end mark.
        cut_short: Whether the end mark was missing.
    """

    file: BinaryIO
    cut_short: bool


def _open_jpeg(file: _LimitedFile) -> PILImage.Image:
    """Open a JPEG of any number of pixels: `PILImage.open` refuses large ones before they can be reduced."""
    try:
        return JpegImagePlugin.JpegImageFile(file)
    except (SyntaxError, IndexError, TypeError, KeyError, EOFError, struct.error):  # as PILImage.open
        raise PILImage.UnidentifiedImageError from None


def _read_jpeg(file: BinaryIO) -> _Jpeg | None:
    """Read a JPEG; None if the file is none, which is left at its beginning.

    Of EXIF and XMP the first segment stays, which holds the orientation (Pillow would join all segments), and the
    colour profile. Raises ValueError for too many segments or scans.
    """
    if file.read(2) != b"\xff\xd8":
        file.seek(0)
        return None
    data = b"\xff\xd8" + file.read()
    kept = [data[:2]]
    kinds: dict[bytes, int] = {}
    at, first_scan = 2, len(data)
    segments = scans = 0
    while found := _MARKER.search(data, at):
        marker = found[1]
        at = found.end()
        if marker == _END:
            return _Jpeg(io.BytesIO(b"".join([*kept, data[first_scan:at]])), cut_short=False)
        if marker not in _WITH_CONTENT and marker != _START_OF_SCAN:
            continue
        end = at + max(2, int.from_bytes(data[at : at + 2], "big"))
        segments += 1
        if marker == _START_OF_SCAN:
            scans += 1
            first_scan = min(first_scan, found.start())
        elif not scans and _is_needed(marker, data[at + 2 : end], kinds):
            kept.append(data[found.start() : end])
        if scans > MAX_SCANS:
            raise ValueError(f"more than {MAX_SCANS} scans")
        if segments > MAX_SEGMENTS:
            raise ValueError(f"more than {MAX_SEGMENTS} segments")
        at = end
    return _Jpeg(io.BytesIO(b"".join([*kept, data[first_scan:], b"\xff" + _END])), cut_short=True)


def _is_needed(marker: bytes, content: bytes, kinds: dict[bytes, int]) -> bool:
    """Whether a segment of a JPEG affects how it is decoded, turned or coloured.

    Args:
        marker: The segment's marker.
        content: The segment's content.
        kinds: Kind of metadata → bytes so far; updated.
    """
    if marker not in _METADATA:
        return True
    kind = b""
    if marker in (_APP0, _APP14):
        kind = marker
    elif marker == _APP1:
        kind = next((prefix for prefix in (_EXIF, _XMP) if content.startswith(prefix)), b"")
    elif marker == _APP2 and content.startswith(_PROFILE):
        kind = _PROFILE
    before = kinds.get(kind, 0)
    kinds[kind] = before + len(content) + 1
    if kind == _PROFILE:  # a large profile takes several segments
        return kinds[kind] <= MAX_PROFILE
    return kind != b"" and before == 0


def _trim_exif(picture: PILImage.Image) -> None:
    """Leave out EXIF that is too large to be parsed; in PNGs, it may be text."""
    info: dict[Any, Any] = picture.info
    if len(info.get("exif") or b"") > MAX_EXIF:
        del info["exif"]
    if len(info.get("Raw profile type exif") or "") > 2 * MAX_EXIF:
        del info["Raw profile type exif"]
