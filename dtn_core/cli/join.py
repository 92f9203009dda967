"""``join``: a translation and an upscaler → one checkpoint."""

from __future__ import annotations

import argparse

from ..errors import UserError
from . import runner


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "join",
        help="put an upscaler into a translation's checkpoint",
        description="Write a translation and an upscaler trained apart as one checkpoint.",
    )
    parser.add_argument("translation", metavar="NAME|DIR", help="what `train faces` exported")
    parser.add_argument("upscaler", metavar="DIR", help="what `train upscaler` exported")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the checkpoint to write")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from .. import checkpoint

    try:
        made = checkpoint.join(arguments.translation, arguments.upscaler, arguments.output)
    except OSError as error:
        raise UserError(f"{arguments.output}: cannot be written ({error.strerror}). Choose another.") from None
    runner.log(f"{made}: written")
    return 0
