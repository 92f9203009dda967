"""The command line, ``python -m dtn_core COMMAND``: one module a command, each with ``add_parser`` and ``run``.

Messages go to standard error, results and ``--json`` to standard output. Exit codes: 0 done; 2 bad usage or input, in
one line with the remedy; 130 interrupted; 1 a bug, with its traceback. torch takes seconds to import, so only ``run``
does it."""

from __future__ import annotations

import argparse
import errno
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ..core.errors import UserError
from ..core.files import DISK_FULL_ERRORS
from . import digits, draw, emojify, evaluate, gallery, join, push, runs, train
from .runner import log

COMMANDS = (emojify, draw, digits, train, runs, join, push, evaluate, gallery)


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See {self.prog} --help.", code="usage")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets ``run``, the function that does it and returns the exit code. Wrong usage
    is a UserError."""
    parser = _Parser(prog="python -m dtn_core", description="Faces to emoji: translate, train, measure.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    try:
        return arguments.run(arguments)
    except OSError as error:
        remedy = dict.fromkeys(DISK_FULL_ERRORS, "Free some space.") | {errno.ENAMETOOLONG: "Use a shorter name."}
        if error.errno not in remedy:
            raise
        raise UserError(f"{error.filename or 'writing'}: {error.strerror}. {remedy[error.errno]}") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code. With --json an error is one JSON object, too."""
    argv = sys.argv[1:] if argv is None else argv
    code, problem = 0, None
    try:
        arguments = build_parser().parse_args(argv)
        code = _run(arguments)
    except UserError as error:
        log(f"error: {error}")
        code, problem = 2, error.to_dict()
    except KeyboardInterrupt:
        code, problem = 130, {"error": "interrupted", "code": "interrupted"}
    except Exception as error:
        problem = {"error": f"{type(error).__name__}: {error}", "code": "bug"}
        raise
    finally:
        if problem is not None and "--json" in argv:
            print(json.dumps(problem))
    return code
