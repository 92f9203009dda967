"""``join``: a translation and a part trained apart → one checkpoint."""

from __future__ import annotations

import argparse

from . import runner


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "join",
        help="put an upscaler, c or a shared f into a translation's checkpoint",
        description="Write a translation and an upscaler or c, trained apart, as one checkpoint; "
        "or let it share its f with the checkpoint of that f.",
    )
    parser.add_argument("translation", metavar="NAME|DIR", help="what `train faces` exported")
    parser.add_argument("part", metavar="NAME|DIR", help="what `train upscaler`, `avatar` or `encoder` exported")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the checkpoint to write")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..networks import merge as joining

    made = joining.merge(arguments.translation, arguments.part, arguments.output)
    runner.log(f"{made}: written")
    return 0
