"""``runs``: the trainings of a folder, and how they stand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..core.errors import UserError


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "runs",
        help="list trainings, and how they stand",
        description="List the run directories of a folder, newest first, and how they stand.",
    )
    parser.add_argument("--runs", default="runs", metavar="DIR", help="folder of runs (default runs)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..training.runs.listing import crash_lines, table, to_json
    from ..training.runs.status import read_status, runs_in

    folder = Path(arguments.runs)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Give one with --runs.")
    found = runs_in(folder)
    if arguments.json:
        print(json.dumps({"runs": [to_json(read_status(path)) for path in found]}))
    else:
        brief = [read_status(path, brief=True) for path in found]
        print(table(brief), *crash_lines(brief), sep="\n")
    return 0
