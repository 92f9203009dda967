"""What the commands share: options, pairing inputs with outputs, the loop over them, and its report."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..core.errors import UserError
from ..core.file_kinds import HEAD_BYTES, FileKind, kind_of, kind_of_file
from ..core.files import atomic_output, write_error

if TYPE_CHECKING:
    from ..data.folders import Files

T = TypeVar("T")

CTRL_C_INTERVAL = 0.5
"""Seconds between checks for Ctrl-C. The main thread may miss it while other threads work."""

Record = dict[str, Any]  # one input in the JSON report


class Job(NamedTuple):
    """One input and the file to write.

    Attributes:
        source: The input; of an entry of a zip, the path of the zip and the entry's name.
        target: The file to write; None if the input can't be used.
        error: Why it can't be used; None if it can.
        fetch: Returns the content of an entry of a zip.
        kind: What the input is by its content, or by its name if the content is unknown.
    """

    source: Path
    target: Path | None
    error: str | None = None
    fetch: Callable[[], bytes] | None = None
    kind: FileKind = "picture"

    def read(self, load: Callable[[Path | bytes], T]) -> T:
        """Read the input with a function that takes a path or the content. Raises UserError as that does."""
        if self.fetch is None:
            return load(self.source)
        try:
            return load(self.fetch())
        except UserError as error:
            raise error.with_subject(self.source) from None


def log(line: str) -> None:
    """A line for people, on standard error, above a bar of progress if there is one."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all. Raises UserError if it can't."""
    with atomic_output(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def add_device(parser: argparse.ArgumentParser) -> None:
    """The option --device, the same for every command that computes."""
    parser.add_argument(
        "--device", default="auto", metavar="DEVICE", help="auto (default: a GPU if there is one), cpu, cuda or cuda:N"
    )


def check_size(size: int | None, painted: bool) -> None:
    """Raises UserError for a size in pixels that an emoji can't have."""
    from ..avatars.engine import SIZES

    if size is not None and painted and size not in (64, 256):
        raise UserError(f"a painted emoji has 64 or 256 pixels, not {size}. Use --size 64 or 256.")
    if size is not None and not SIZES[0] <= size <= SIZES[1]:
        raise UserError(f"--size must lie between {SIZES[0]} and {SIZES[1]} pixels, not {size}.")


def digits_folder(data: str | None, download: bool) -> Path | None:
    """The folder of digits, None for drawn ones; download: fetch them first. Raises UserError."""
    from ..data import digits
    from ..data.portraits import optional_folder

    if download:
        if not data:
            raise UserError("--download needs --data DIR: where the pictures go.")
        digits.download(Path(data))
    return optional_folder(data)


def make_folder(folder: Path) -> None:
    """Raises UserError if it can't be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error, "Choose another output.") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: cannot be written (no permission). Choose another output.")


def numbered(target: Path, n: int) -> list[Path]:
    """n files: the target, or name-1, name-2, … beside it."""
    return [target] if n == 1 else [target.with_stem(f"{target.stem}-{i}") for i in range(1, n + 1)]


def pair(inputs: Sequence[str], output: str, suffixes: set[str], zips: ExitStack, videos: bool = False) -> list[Job]:
    """Pair pictures and videos, also those of folders and zips, with the files to write. Creates the output's folder.

    Args:
        inputs: Paths of files, folders and zips.
        output: A file for one input, else a folder.
        suffixes: Suffixes that an output file may have.
        zips: Keeps the zips open.
        videos: Whether videos are converted too; otherwise they are left out of folders.

    Raises:
        UserError: The output can't hold the results, or can't be written.
    """
    sources, out = [Path(name) for name in inputs], Path(output)
    for path in (*sources, out):
        if any(len(os.fsencode(part)) > 255 for part in path.parts):
            raise UserError(f"{path}: name too long. Use a shorter one.")
    to_file = bool(out.suffix) and not out.is_dir() and not output.endswith(os.sep)
    if to_file and out.suffix.lower() not in suffixes:
        known = ".png or .jpg, .mp4 for a video" if videos else ".png or .jpg"
        raise UserError(f"{output}: unknown picture type '{out.suffix}'. Use {known}, or -o {output}{os.sep}")
    if to_file and (len(sources) > 1 or sources[0].is_dir() or _is_zip(sources[0])):
        raise UserError(f"{output}: several pictures need a folder, not a file. Use -o FOLDER.")
    make_folder(out.parent if to_file else out)
    jobs = []
    taken: set[str] = set()
    for job in _jobs(sources, out, to_file, videos, zips):
        if job.target is not None and not to_file:
            job = job._replace(target=_unique(job, taken))
        if job.target is not None and job.fetch is None and job.target.resolve() == job.source.resolve():
            job = job._replace(error=f"{job.source}: the output would overwrite it. Choose another output.")
        jobs.append(job)
    return jobs


def _unique(job: Job, taken: set[str]) -> Path:
    """Return a target that no job before has, and add it to those taken: a.png, then a-jpg.png, a-2.png, ...

    Names that differ in case only are the same file on Windows and macOS.
    """
    target = job.target
    stem = target.stem
    number = 1
    suffix = job.source.suffix[1:].lower()
    while str(target).casefold() in taken:
        if suffix:
            target = target.with_stem(f"{stem}-{suffix}")
            suffix = ""
            continue
        number += 1
        target = target.with_stem(f"{stem}-{number}")
    taken.add(str(target).casefold())
    return target


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _jobs(sources: Sequence[Path], out: Path, to_file: bool, videos: bool, zips: ExitStack) -> Iterator[Job]:
    for source in sources:
        if source.is_dir() or _is_zip(source):
            yield from _of_collection(source, out, videos, zips)
            continue
        kind = kind_of_file(source) or _kind_of_name(source) or "picture"
        yield Job(source, out if to_file else _target(out / source.name, kind), kind=kind)


def _of_collection(path: Path, out: Path, videos: bool, zips: ExitStack) -> Iterator[Job]:
    """The pictures and videos of a folder, or the pictures of a zip, except for those that an earlier call wrote."""
    from ..data import folders

    is_folder = path.is_dir()
    try:
        files = zips.enter_context(folders.open_source(path))
    except UserError as error:
        yield Job(path, None, str(error))
        return
    for name, reason in files.skipped.items():
        log(f"{path / name}: left out, {reason}")
    found = left_out = 0
    for name in files.names:
        source = path / name
        if is_folder and out != path and out in source.parents:
            continue
        kind = (kind_of_file(source) if is_folder else _kind_of_entry(files, name)) or _kind_of_name(source)
        if kind is None or (kind == "video" and not (videos and is_folder)):
            left_out += 1
            continue
        found += 1
        fetch = None if is_folder else partial(files.fetch, name)
        yield Job(source, _target(out / name, kind), fetch=fetch, kind=kind)
    if left_out:
        what = "pictures or videos" if videos and is_folder else "pictures"
        log(f"{path}: {left_out} {'file is' if left_out == 1 else 'files are'} no {what}, left out")
    if not found:
        where = "folder" if is_folder else "zip"
        yield Job(path, None, f"{path}: no pictures in this {where}. Give one with pictures.")


def _kind_of_entry(files: Files, name: str) -> FileKind | None:
    try:
        return kind_of(files.fetch(name)[:HEAD_BYTES])
    except UserError:
        return None


def _kind_of_name(path: Path) -> FileKind | None:
    """What a file should be by its name. A damaged file is reported, not left out."""
    from ..core.images import PICTURE_SUFFIXES, VIDEO_SUFFIXES

    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        return "picture"
    return "video" if suffix in VIDEO_SUFFIXES else None


def _target(path: Path, kind: FileKind) -> Path:
    """The file to write for an input of this name, in its place."""
    suffix = ".mp4" if kind == "video" else ".png"
    if re.fullmatch(r"\.[A-Za-z]\w{1,4}", path.suffix):
        return path.with_suffix(suffix)
    return path.with_name(path.name + suffix)  # the ending of IMG.2024 is no suffix


def convert_all(
    jobs: Sequence[Job],
    convert: Callable[[Job, Record], None],
    blank: Record,
    workers: int = 1,
    stop: Callable[[], None] = lambda: None,
) -> list[Record]:
    """Call convert(job, record) for every job, `workers` at a time; it fills the record, a copy of `blank`. One that
    fails with a UserError doesn't stop the others. stop: called at Ctrl-C, for those that take long. Returns the
    records in the order of the jobs; after Ctrl-C only of those that are done by then."""
    from tqdm import tqdm

    def one(job: Job) -> Record:
        record = {"input": str(job.source), **deepcopy(blank), "error": job.error}
        try:
            if job.error is not None or job.target is None:
                raise UserError(job.error)
            convert(job, record)
        except UserError as error:
            record["error"] = str(error)
            log(f"error: {error}")
        return record

    quiet = len(jobs) == 1 or None  # None: where standard error is no terminal
    # A thread even for one worker: what it writes when Ctrl-C comes is finished.
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(jobs), unit="picture", leave=False, disable=quiet) as bar,
    ):
        futures = [pool.submit(one, job) for job in jobs]
        left = set(futures)
        try:
            while left:
                done, left = wait(left, timeout=CTRL_C_INTERVAL, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    bar.update()
        except BaseException as error:
            stop()
            pool.shutdown(cancel_futures=True)
            if not isinstance(error, KeyboardInterrupt) or len(jobs) == 1:
                raise
    return [future.result() for future in futures if not future.cancelled() and not future.exception()]


def finish(
    records: Sequence[Record], about: Mapping[str, Any], as_json: bool, wanted: int, what: str = "pictures"
) -> int:
    """Report what was done: a line, and with --json the records after `about`. wanted: how many pictures there were.
    Returns the exit code; 130 where Ctrl-C stopped it before the last one."""
    failed = sum(record["error"] is not None for record in records)
    stopped = "stopped: " if len(records) < wanted else ""
    if wanted > 1:
        log(f"{stopped}{len(records) - failed} of {wanted} {what} done" + (f", {failed} failed" if failed else ""))
    if as_json:
        print(json.dumps({**about, "failed": failed, "inputs": records}))
    if stopped:
        return 130
    return 2 if failed else 0
