"""``digits``: street numbers → handwritten digits."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from ..core.errors import UserError
from . import runner

if TYPE_CHECKING:
    from ..pipeline.digits import DigitTransferrer

BLANK = {"output": None, "read": None, "judged": None, "ms": {}}


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "digits",
        help="turn street numbers into handwritten digits",
        description="Turn pictures of one printed digit, such as a house number's, into handwritten ones.",
        epilog="Exit code 2 if any picture failed; the others are done all the same.",
    )
    add = parser.add_argument
    add("inputs", nargs="+", metavar="IN", help="a picture, or a folder or zip of pictures")
    add("-o", "--output", required=True, metavar="OUT", help="a picture for one IN, else a folder")
    add("--checkpoint", default="digits", metavar="NAME|DIR|USER/NAME", help="which translation (default digits)")
    add("--judge", default="digits-judge", metavar="NAME|DIR", help="what reads the result (default digits-judge)")
    sizes = "32 as g paints it (default), 128 with larger pixels"
    add("--size", type=int, choices=(32, 128), default=32, help=sizes)
    runner.add_device(parser)
    add("--json", action="store_true", help="print one JSON object on standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..core.images import PICTURE_SUFFIXES

    with ExitStack() as zips:
        jobs = runner.pair(arguments.inputs, arguments.output, PICTURE_SUFFIXES, zips)
        from ..pipeline.digits import DigitTransferrer

        transferrer = DigitTransferrer.from_pretrained(
            arguments.checkpoint, device=arguments.device, judge=arguments.judge
        )
        records = runner.convert_all(jobs, partial(convert, transferrer, arguments.size), BLANK)
    checkpoint = {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash}
    return runner.finish(records, {"checkpoint": checkpoint, "size": arguments.size}, arguments.json, len(jobs))


def convert(transferrer: DigitTransferrer, size: int, job: runner.Job, record: runner.Record) -> None:
    from ..core import images

    image = job.read(images.load)
    try:
        result = transferrer(image)
    except UserError as error:
        raise UserError(f"{job.source}: {error}") from None
    made = result.generated if result.generated.ndim == 3 else result.generated[..., None].repeat(3, 2)
    images.save(job.target, made.repeat(size // len(made), 0).repeat(size // len(made), 1))
    read, judged = (
        {"digit": int(probabilities.argmax()), "confidence": round(float(probabilities.max()), 4)}
        for probabilities in (result.encoder_probabilities, result.judge_probabilities)
    )
    ms = {stage: round(value, 2) for stage, value in result.ms.items()}
    record.update(output=str(job.target), read=read, judged=judged, ms=ms)
    runner.log(f"{job.source} -> {job.target} ({read['digit']}, judged {judged['digit']})")
