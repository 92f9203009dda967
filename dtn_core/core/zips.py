"""Zips from outside, opened with bounds on memory and time."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError

MAX_ENTRIES = 200_000
"""Entries of a zip."""

MAX_DIRECTORY = 32 << 20
"""Bytes of a zip's central directory, 160 an entry. One of 200,000 entries takes zipfile about 120 MB and 1.5 s."""

_ENTRY = struct.Struct("<4s24x3H12x")


@contextmanager
def open_zip(path: Path, name: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading; its directory is measured before zipfile parses it.

    Args:
        path: Of the zip.
        name: What the zip is called in messages.

    Raises:
        UserError: It is damaged, or its directory is too large, whatever its end record says.
        OSError: It can't be read.
    """
    with _MeasuredFile(path.open("rb", buffering=0), name) as file:
        try:
            pack = zipfile.ZipFile(file)
        except (OSError, UserError):
            raise
        except Exception:  # BadZipFile, and what its parser lets out of damaged ones
            raise UserError(f"{name}: a damaged zip, or none at all. Get it or make it again.") from None
        finally:
            file.measured = True
        with pack:
            yield pack


class _MeasuredFile(io.BufferedReader):
    """A zip's file that refuses to read a directory that is too large. zipfile finds the directory by the end record,
    zip64 or not, reads as many bytes as that says in one piece, and parses entries until they are used up; the number
    of entries in the record counts for nothing. So the piece is measured here: what zipfile sees can't differ."""

    def __init__(self, file: io.RawIOBase, name: str) -> None:
        super().__init__(file)
        self.label = name
        self.measured = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.measured:
            return super().read(size)
        if size is not None and size > MAX_DIRECTORY:
            raise UserError(f"{self.label}: its directory is larger than {MAX_DIRECTORY >> 20} MB. Zip fewer files.")
        data = super().read(size)
        if count_entries(data) > MAX_ENTRIES:
            raise UserError(f"{self.label}: more than {MAX_ENTRIES:,} entries. Zip fewer files.")
        return data


def count_entries(directory: bytes) -> int:
    """Count the entries of a central directory, up to one more than `MAX_ENTRIES`."""
    count, at = 0, 0
    while count <= MAX_ENTRIES and at + _ENTRY.size <= len(directory):
        signature, *lengths = _ENTRY.unpack_from(directory, at)
        if signature != b"PK\1\2":
            break
        at += _ENTRY.size + sum(lengths)
        count += 1
    return count
