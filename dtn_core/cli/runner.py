"""What the commands share: options, pairing inputs with outputs, the loop over them, and its report."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from ..files import replacing

Record = dict[str, Any]  # what the JSON report holds of one input


class Job(NamedTuple):
    """One input and the file to write; error: why it can't be done."""

    source: Path
    target: Path | None
    error: str | None = None


def log(line: str) -> None:
    """A line for people, on standard error."""
    print(line, file=sys.stderr, flush=True)


def write(path: Path, text: str) -> None:
    """Write a text whole or not at all. Raises UserError if it can't."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


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
    from ..domains import digits
    from ..domains.portraits import optional_folder

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
        raise UserError(f"{folder}: cannot be written ({error.strerror}). Choose another output.") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: cannot be written (no permission). Choose another output.")


def numbered(target: Path, n: int) -> list[Path]:
    """n files: the target, or name-1, name-2, … beside it."""
    return [target] if n == 1 else [target.with_stem(f"{target.stem}-{i}") for i in range(1, n + 1)]


def pair(inputs: Sequence[str], output: str, suffixes: set[str]) -> list[Job]:
    """Pair pictures, and those of folders, with the files to write; their suffixes are these. Makes the output's
    folder. Raises UserError if the output can't hold them or can't be written."""
    from ..images import PICTURE_SUFFIXES

    sources, out = [Path(name) for name in inputs], Path(output)
    for path in (*sources, out):
        if any(len(os.fsencode(part)) > 255 for part in path.parts):
            raise UserError(f"{path}: name too long. Use a shorter one.")
    to_file = bool(out.suffix) and not out.is_dir() and not output.endswith(os.sep)
    if to_file and out.suffix.lower() not in suffixes:
        raise UserError(f"{output}: unknown picture type '{out.suffix}'. Use .png or .jpg, or -o {output}{os.sep}")
    if to_file and (len(sources) > 1 or sources[0].is_dir()):
        raise UserError(f"{output}: several pictures need a folder, not a file. Use -o FOLDER.")
    make_folder(out.parent if to_file else out)
    jobs, taken = [], {}
    for source, target in _targets(sources, out, to_file, PICTURE_SUFFIXES):
        error = None
        if target is None:
            error = f"{source}: no pictures in this folder. Give one with pictures."
        elif target.resolve() == source.resolve():
            error = f"{source}: the output would overwrite it. Choose another output."
        elif (first := taken.setdefault(target, source)) != source:
            error = f"{source}: would overwrite the output of {first}. Use another output folder."
        jobs.append(Job(source, target, error))
    return jobs


def _targets(
    sources: Sequence[Path], out: Path, to_file: bool, suffixes: set[str]
) -> Iterator[tuple[Path, Path | None]]:
    for source in sources:
        if not source.is_dir():
            yield source, out if to_file else out / f"{source.stem}.png"
            continue
        inside = sorted(p for p in source.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
        pictures = [p for p in inside if out == source or out not in p.parents]  # not what an earlier call wrote
        for picture in pictures:
            yield picture, out / picture.relative_to(source).with_suffix(".png")
        if not pictures:
            yield source, None


def convert_all(jobs: Sequence[Job], convert: Callable[[Path, Path, Record], None], blank: Record) -> list[Record]:
    """Call convert(source, target, record) for every job; it fills the record, a copy of `blank`. One that fails with a
    UserError doesn't stop the others."""
    records = []
    for job in jobs:
        record = {"input": str(job.source), **deepcopy(blank), "error": job.error}
        try:
            if job.error is not None or job.target is None:
                raise UserError(job.error)
            convert(job.source, job.target, record)
        except UserError as error:
            record["error"] = str(error)
            log(f"error: {error}")
        records.append(record)
    return records


def finish(records: Sequence[Record], about: Mapping[str, Any], as_json: bool) -> int:
    """Report what was done: a line, and with --json the records after `about`. Returns the exit code."""
    failed = sum(record["error"] is not None for record in records)
    if len(records) > 1:
        log(f"{len(records) - failed} of {len(records)} pictures done" + (f", {failed} failed" if failed else ""))
    if as_json:
        print(json.dumps({**about, "failed": failed, "inputs": records}))
    return 2 if failed else 0
