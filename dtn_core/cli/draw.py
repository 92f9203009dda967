"""``draw``: parameters → avatars, without a network."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import UserError
from . import runner

if TYPE_CHECKING:
    from ..avatars.parameters import Parameters


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "draw",
        help="draw avatars from parameters",
        description="Draw avatars from parameters, as emojify --parameters writes them: one object, or a list of them. "
        "Edit them as you like.",
    )
    add = parser.add_argument
    add("parameters", type=Path, metavar="FILE.json", help="the avatars")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="OUT.svg, .png, .webp or another picture")
    add("--size", type=int, default=512, metavar="N", help="side of a picture, 16 to 4096 (default 512)")
    add("--background", metavar="RRGGBB", help="of OUT.svg, .png or .webp (default: transparent)")
    views = "with shoulders (default), or the head as f sees it"
    add("--view", choices=("bust", "head"), default="bust", help=views)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..avatars import engine
    from ..avatars.export import FORMATS, export
    from ..core import images

    runner.check_size(arguments.size, painted=False)
    paper = arguments.background and f"#{arguments.background.removeprefix('#')}"  # shells take # for a comment
    avatars = read_parameters(arguments.parameters)
    for path, parameters in zip(runner.numbered(arguments.output, len(avatars)), avatars):
        if (format := path.suffix.lower()[1:]) in FORMATS:
            runner.write(path, export(parameters, format, arguments.size, paper, arguments.view))
        else:
            images.save(path, engine.image(parameters, arguments.size, arguments.view))
        runner.log(f"{arguments.parameters} -> {path}")
    return 0


def read_parameters(path: Path) -> list[Parameters]:
    """Raises UserError if there are none, or others than an engine knows."""
    from ..avatars.parameters import Parameters

    if not path.is_file():
        raise UserError(f"{path}: no such file. Give one that emojify --parameters wrote.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from None
    except (ValueError, RecursionError):  # broken text and other encodings are ValueErrors too
        raise UserError(f"{path}: is not JSON. Give one that emojify --parameters wrote.") from None
    if values == []:
        raise UserError(f"{path}: an empty list. Give one avatar at least.")
    try:
        return [Parameters.from_dict(one) for one in (values if isinstance(values, list) else [values])]
    except UserError as error:
        raise UserError(f"{path}: {error}", code=error.code, subject=path) from None
