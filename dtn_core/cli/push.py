"""``push``: a checkpoint → the Hugging Face Hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.errors import UserError
from . import runner


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "push",
        help="upload a checkpoint to the Hugging Face Hub",
        description="Upload a checkpoint, or what a run exported, with its model card. "
        "Log in first: hf auth login, or set HF_TOKEN.",
    )
    parser.add_argument("checkpoint", metavar="NAME|DIR|RUN", help="a checkpoint, or a training's run directory")
    parser.add_argument("name", metavar="USER/NAME", help="its name on the Hub")
    parser.add_argument("--private", action="store_true", help="let nobody else see it, where it is new")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..networks import checkpoint, hub
    from ..training.card import model_card
    from ..training.runs.status import read_status

    run = Path(arguments.checkpoint)
    if (run / "events.jsonl").is_file():
        source, text = run / "export", model_card(read_status(run), run / "export")
        if not source.is_dir():
            raise UserError(f"{run}: has exported nothing yet. Wait until it has, or stop it.")
    else:
        source, text = checkpoint.find(run), ""
    runner.log(f"{hub.push(source, arguments.name, private=arguments.private, card=text)}: uploaded")
    return 0
