"""What the commands share: options, pairing inputs with outputs, the loop over them, and its report."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import UserError
from ..core.files import atomic_output, write_error

if TYPE_CHECKING:
    from ..core.types import Image

AWAKE = 0.5
"""Seconds after which the main thread looks whether Ctrl-C came: it may sleep through that while others work."""

Record = dict[str, Any]  # what the JSON report holds of one input


class Job(NamedTuple):
    """One input and the file to write; error: why it can't be done; fetch: the bytes of one in a zip, whose source is
    the zip's path and its own name behind it."""

    source: Path
    target: Path | None
    error: str | None = None
    fetch: Callable[[], bytes] | None = None

    def load(self) -> Image:
        """The picture. Raises UserError as `images.load`."""
        from ..core import images

        if self.fetch is None:
            return images.load(self.source)
        try:
            return images.load(self.fetch())
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


def pair(
    inputs: Sequence[str], output: str, suffixes: set[str], zips: ExitStack, videos: Collection[str] = ()
) -> list[Job]:
    """Pair pictures, and those of folders and zips, with the files to write; their suffixes are these. Makes the
    output's folder. zips: stay open as long as it does; videos: suffixes of files that are written as MP4. Raises
    UserError if the output can't hold them or can't be written."""

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
    jobs, taken = [], {}
    for job in _jobs(sources, out, to_file, videos, zips):
        error, (source, target) = job.error, job[:2]
        if target is None:
            pass
        elif job.fetch is None and target.resolve() == source.resolve():
            error = f"{source}: the output would overwrite it. Choose another output."
        elif (first := taken.setdefault(target, source)) != source:
            error = f"{source}: would overwrite the output of {first}. Use another output folder."
        jobs.append(job._replace(error=error))
    return jobs


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _jobs(sources: Sequence[Path], out: Path, to_file: bool, videos: Collection[str], zips: ExitStack) -> Iterator[Job]:
    from ..core.images import PICTURE_SUFFIXES

    def written(source: Path) -> str:
        return ".mp4" if source.suffix.lower() in videos else ".png"

    for source in sources:
        if _is_zip(source):
            yield from _of_zip(source, out, PICTURE_SUFFIXES, zips)
            continue
        if not source.is_dir():
            yield Job(source, out if to_file else out / f"{source.stem}{written(source)}")
            continue
        known = PICTURE_SUFFIXES.union(videos)
        inside = sorted(p for p in source.rglob("*") if p.suffix.lower() in known and p.is_file())
        pictures = [p for p in inside if out == source or out not in p.parents]  # not what an earlier call wrote
        for picture in pictures:
            yield Job(picture, out / picture.relative_to(source).with_suffix(written(picture)))
        if not pictures:
            yield Job(source, None, f"{source}: no pictures in this folder. Give one with pictures.")


def _of_zip(path: Path, out: Path, suffixes: set[str], zips: ExitStack) -> Iterator[Job]:
    from ..data import folders

    try:
        files = zips.enter_context(folders.open_source(path))
    except UserError as error:
        yield Job(path, None, str(error))
        return
    pictures = [name for name in files.names if Path(name).suffix.lower() in suffixes]
    if others := len(files.names) - len(pictures):
        log(f"{path}: {others} {'file is' if others == 1 else 'files are'} no picture, left out")
    for name in pictures:
        yield Job(path / name, out / Path(name).with_suffix(".png"), fetch=partial(files.fetch, name))
    if not pictures:
        yield Job(path, None, f"{path}: no pictures in this zip. Give one with pictures.")


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
                done, left = wait(left, timeout=AWAKE, return_when=FIRST_COMPLETED)
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
