"""Read the user's own pictures from a folder or a zip, as a domain s or t.

Nothing is written: a zip is read entry by entry and never unpacked to disk.
"""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import images
from ..core.errors import UserError
from ..core.progress import track
from ..core.types import Image
from ..core.zips import open_zip
from ..faces.photos import load_photo

MIN_PICTURES = 16
"""Minimum number of usable pictures."""

MIN_PER_CLASS = 4
"""Minimum number of usable pictures of each class."""

MIN_SIDE = 8
"""Minimum pixels of the shorter side."""

MAX_ASPECT = 4
"""Maximum aspect ratio."""

MAX_BYTES = 60_000_000
"""Larger files, and larger entries of zips when unpacked, are skipped."""

HELD_OUT = 200
"""Maximum number of pictures that `split` holds out."""

MAX_REASONS = 4
"""Maximum number of reasons that `describe_skipped` lists."""

_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Pictures:
    """Square pictures of a folder or a zip, sorted by name.

    Attributes:
        x: (N, S, S, 3) uint8 RGB, or (N, S, S, 4) uint8 RGBA with straight alpha.
        names: N paths inside the folder or zip, separated by "/".
        skipped: (name, reason) of unusable files, sorted by name.
        labels: (N,) int64, indices into `classes`; None if labels were not requested.
        classes: Sorted names of the sub-folders; empty if labels were not requested.
    """

    x: Image
    names: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()


def describe_skipped(pictures: Pictures, path: str | os.PathLike[str]) -> str:
    """Describe in one line which files of a folder can't be used, and why; "" if all can."""
    if not pictures.skipped:
        return ""
    total = len(pictures.names) + len(pictures.skipped)
    first: dict[str, str] = {}
    for name, reason in pictures.skipped:
        first.setdefault(reason, name)
    counts = Counter(reason for _, reason in pictures.skipped)
    reasons = [f"{count} {reason} ({first[reason]!r})" for reason, count in counts.most_common(MAX_REASONS)]
    if len(counts) > MAX_REASONS:
        reasons.append("...")
    return f"{len(pictures.skipped)} of {total} files in {Path(path).name} can't be used: {', '.join(reasons)}."


def read(
    path: str | os.PathLike[str],
    size: int,
    limit: int | None = None,
    *,
    alpha: bool = False,
    labelled: bool = False,
    crop: Callable[[Image], Image | None] | None = None,
) -> Pictures:
    """Read the centre squares of all pictures in a folder, with its sub-folders, or in a zip.

    Hidden files, ``__MACOSX`` and ``Thumbs.db`` are ignored. Damaged files and pictures that are too small or too long
    are skipped and reported.

    Args:
        path: The folder or zip.
        size: Side of the squares.
        limit: Return at most this many pictures, evenly spread; not every file is read then.
        alpha: Return RGBA if every picture has transparency; otherwise RGB over white.
        labelled: The folders on the first level are classes, and files outside of them are skipped. A single folder
            that holds all others is ignored.
        crop: Maps an (H, W, 3) uint8 RGB picture to the (h, w, 3) part to use, or None if it has no face. Called from
            several threads. The result is RGB then.

    Raises:
        UserError: The path is missing, unreadable, damaged, locked or empty; or there are fewer than `MIN_PICTURES` (or
            `limit`) usable pictures, fewer than two classes, or fewer than `MIN_PER_CLASS` pictures of a class.
    """
    if size < 1 or (limit is not None and limit < 1):
        raise UserError(f"a size of {size} pixels and a limit of {limit} pictures. Choose 1 or more.")
    if not os.fspath(path):
        raise UserError("no folder or zip is given. Choose one.")  # "" would be the current folder
    path = Path(path)
    with open_source(path) as files:
        names, skipped = files.names, dict(files.skipped)
        if not names and not skipped:
            raise UserError(f"{path}: no pictures in it. Put at least {MIN_PICTURES} there.")
        class_of = _classes(path, names) if labelled else {}
        if labelled:
            skipped |= {name: "not in a class's folder" for name in names if name not in class_of}
            names = [name for name in names if name in class_of]
        good, bad = _read_squares(
            names, limit, lambda name: _square(files.fetch(name), size, alpha, crop), f"pictures of {path.name}"
        )
    skipped |= bad
    if len(good) < min(MIN_PICTURES, limit or MIN_PICTURES):
        raise _too_few(path, len(good), skipped)
    transparent = all(square.shape[2] == 4 for square in good.values())
    squares = [s if transparent or s.shape[2] == 3 else images.composite_over(s, _WHITE) for s in good.values()]
    reasons = tuple(sorted(skipped.items()))
    if not labelled:
        return Pictures(np.stack(squares), tuple(good), reasons)
    classes = tuple(sorted(set(class_of.values())))
    labels = np.array([classes.index(class_of[name]) for name in good], np.int64)
    for name, count in zip(classes, np.bincount(labels, minlength=len(classes))):
        if count < MIN_PER_CLASS:
            limited = "" if limit is None else ", raise the limit"
            raise UserError(
                f"{path}: good pictures of class {name!r}: {count}, at least {MIN_PER_CLASS} are needed. "
                f"Add pictures{limited}, or take the class out."
            )
    return Pictures(np.stack(squares), tuple(good), reasons, labels, classes)


def split(count: int) -> tuple[list[int], list[int]]:
    """(train, held out): every tenth index is held out, of more than `HELD_OUT` such so many, spread over all; of 2
    to 9 the last. The same for every call."""
    tenths = list(range(9, count, 10)) or list(range(1, count))[-1:]
    held = _spread(tenths, HELD_OUT)
    return sorted(set(range(count)) - set(held)), held


def check_pair(s: Pictures, t: Pictures, s_path: str | os.PathLike[str], t_path: str | os.PathLike[str]) -> None:
    """Raises UserError with the remedy if there is nothing to translate between two domains: one lies in the other,
    most pictures of one are in the other, pixel for pixel, or one has fewer than `MIN_PICTURES`."""
    s_real, t_real = Path(s_path).resolve(), Path(t_path).resolve()
    if s_real == t_real:
        raise UserError(f"{s_path}: given for both sides. Choose other pictures for one of them.")
    for outer, inner in ((s_real, t_real), (t_real, s_real)):
        if inner.is_relative_to(outer):
            raise UserError(f"{inner}: lies in {outer}, the other side. Choose two folders apart.")
    for pictures, path in ((s, s_path), (t, t_path)):
        if len(pictures.x) < MIN_PICTURES:
            raise UserError(f"{path}: pictures: {len(pictures.x)}, at least {MIN_PICTURES} are needed. Add some.")
    s_hashes, t_hashes = _hashes(s.x), _hashes(t.x)
    for hashes, others in ((s_hashes, t_hashes), (t_hashes, s_hashes)):
        there = set(others)
        same = sum(picture in there for picture in hashes)
        if same > len(hashes) / 2:
            raise UserError(
                f"{s_path} and {t_path}: {same} of {len(hashes)} pictures are on both sides. "
                "Choose other pictures for one of them."
            )


def _hashes(x: Image) -> list[bytes]:
    # Over white, as the other side may have been read without alpha.
    rgb = (images.composite_over(picture, _WHITE) if picture.shape[2] == 4 else picture for picture in x)
    return [hashlib.blake2b(picture.tobytes(), digest_size=16).digest() for picture in rgb]


# Folders and zips


class Files(NamedTuple):
    """The files of a folder or zip.

    Attributes:
        names: Sorted names without hidden files.
        skipped: Name → reason of what couldn't be listed.
        fetch: Name → content. Raises UserError with the reason.
    """

    names: list[str]
    skipped: dict[str, str]
    fetch: Callable[[str], bytes]


@contextmanager
def open_source(path: Path) -> Iterator[Files]:
    """The files of a folder or a zip, for as long as the block lasts; several threads may fetch. Raises UserError as
    `read` does."""
    try:
        mode = path.stat().st_mode
        zipped = stat.S_ISREG(mode) and _is_zip(path)  # a pipe would block
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: no such folder or zip. Check the path.") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if stat.S_ISDIR(mode):
        yield _of_folder(path)
    elif zipped:
        with ExitStack() as stack:
            try:
                pack = stack.enter_context(open_zip(path, str(path)))
            except OSError as error:
                raise _unreadable(path, error) from None
            yield _of_zip(path, pack)
    else:
        raise UserError(f"{path}: neither a folder nor a zip. Put the pictures into one.")


def _of_folder(path: Path) -> Files:
    names, skipped, troubles = [], {}, []
    for parent, folders, files in os.walk(path, onerror=troubles.append):
        inside = Path(parent).relative_to(path)
        folders[:] = [name for name in folders if not _is_ignored(name)]
        names += [(inside / name).as_posix() for name in files if not _is_ignored(name)]
        links = [inside / name for name in folders if Path(parent, name).is_symlink()]
        skipped |= {link.as_posix(): "a link to a folder" for link in links}  # they may go round in circles
    for error in troubles:
        if Path(error.filename) == path:
            raise _unreadable(path, error)
        skipped[Path(error.filename).relative_to(path).as_posix()] = f"cannot be read ({error.strerror})"

    def fetch(name: str) -> bytes:
        try:
            status = (path / name).stat()
            if not stat.S_ISREG(status.st_mode):
                raise UserError("not a file")
            _check_bytes(status.st_size)
            return (path / name).read_bytes()
        except OSError as error:
            raise UserError(f"cannot be read ({error.strerror})") from None

    return Files(sorted(names), skipped, fetch)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() == ".zip" or file.read(4) == b"PK\3\4"


def _of_zip(path: Path, pack: zipfile.ZipFile) -> Files:
    entries = {}
    for info in pack.infolist():
        name = info.filename.replace("\\", "/")  # some of Windows' zippers
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if parts and not name.endswith("/") and not any(_is_ignored(part) for part in parts):
            entries["/".join(parts)] = info
    if any(info.flag_bits & 1 for info in entries.values()):
        raise UserError(f"{path}: locked with a password. Zip the pictures again without one.")

    def fetch(name: str) -> bytes:
        info = entries[name]
        _check_bytes(info.file_size)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # zipfile unpacks the other kinds in one go, however little is asked for: bombs.
            raise UserError("compressed in an unusual way")
        try:
            with pack.open(info) as file:
                return file.read(info.file_size)  # no more, even if the zip lies about it
        except Exception:  # BadZipFile, zlib.error, EOFError, ...
            raise UserError("damaged in the zip") from None

    return Files(sorted(entries), {}, fetch)


def _is_ignored(part: str) -> bool:
    return part.startswith(".") or part == "__MACOSX" or part.lower() in ("thumbs.db", "desktop.ini", "@eadir")


def _check_bytes(count: int) -> None:
    if count > MAX_BYTES:
        raise UserError(f"larger than {MAX_BYTES // 1_000_000} MB")


def _classes(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Name → class, for the names in the folder of a class."""
    parts = {name: name.split("/") for name in names}
    # A folder of folders that holds everything is a wrapper; a folder of pictures would be the only class.
    while len({p[0] for p in parts.values()}) == 1 and any(len(p) > 2 for p in parts.values()):
        parts = {name: p[1:] for name, p in parts.items()}
    class_of = {name: p[0] for name, p in parts.items() if len(p) > 1}
    count = len(set(class_of.values()))
    if count < 2:
        found = f"only one class, {next(iter(class_of.values()))!r}" if count else "no classes"
        raise UserError(f"{path}: {found}. Put the pictures of each class into a folder of their own, at least two.")
    return class_of


def _unreadable(path: Path, error: OSError) -> UserError:
    if isinstance(error, PermissionError):
        return UserError(f"{path}: may not be read. Change its permissions.")
    return UserError(f"{path}: cannot be opened ({error.strerror or error}). Check the path.")


def _too_few(path: Path, good: int, skipped: Mapping[str, str]) -> UserError:
    why = "none skipped"
    if skipped:
        first = min(skipped)
        why = f"{len(skipped)} skipped, first {first!r}: {skipped[first]}"  # names may have line breaks: !r
    return UserError(
        f"{path}: of {good + len(skipped)} files found {good} are usable pictures, at least {MIN_PICTURES} are needed "
        f"({why}). Add pictures: JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF."
    )


# Pictures


def _spread(items: Sequence, count: int) -> list:
    """At most `count` of the items, evenly spread, in their order."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def _read_squares(
    names: Sequence[str], limit: int | None, square: Callable[[str], Image], words: str
) -> tuple[dict[str, Image], dict[str, str]]:
    """Read at most `limit` squares, evenly spread. names: sorted.

    Returns:
        Name → square, and name → reason of the unusable ones; both sorted.
    """
    limit = len(names) if limit is None else limit

    def attempt(name: str) -> Image | str:
        try:
            return square(name)
        except UserError as error:
            return str(error)

    good, bad = {}, {}
    rounds, waiting = 0, list(names)
    # `images.load` silences warnings, but can't restore the filters when several threads run.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")
        while waiting and len(good) < limit:
            # Further rounds replace unusable pictures. They grow, so that there are few of them.
            chosen = _spread(waiting, max(limit - len(good), 2**rounds))
            results = track(pool.map(attempt, chosen), words, len(chosen), unit="file")
            for result, name in zip(results, chosen):  # results first, so that their bar ends
                (bad if isinstance(result, str) else good)[name] = result
            waiting = sorted(set(waiting) - set(chosen))
            rounds += 1
    return {name: good[name] for name in _spread(sorted(good), limit)}, bad


def _square(data: bytes, size: int, alpha: bool, crop: Callable[[Image], Image | None] | None) -> Image:
    """Decode a picture as (size, size, 3) RGB, or (size, size, 4) RGBA if alpha is requested and present.

    Raises UserError with the reason."""
    try:
        picture = (load_photo if crop else images.load_picture)(data, alpha=alpha and crop is None).picture
    except UserError as error:
        raise UserError(error.reason) from None
    shorter, longer = sorted(picture.shape[:2])
    if shorter < MIN_SIDE:
        raise UserError(f"smaller than {MIN_SIDE} pixels")
    if longer > MAX_ASPECT * shorter:
        raise UserError(f"longer than {MAX_ASPECT}:1")
    if crop is not None:
        picture = crop(picture)
        if picture is None:
            raise UserError("no face found")
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images.resize_square(picture[top : top + side, left : left + side], size)
