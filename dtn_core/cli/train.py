"""``train``: a preset or a configuration → a run directory and a checkpoint."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import UserError
from ..core.files import write_error
from . import runner

if TYPE_CHECKING:
    from ..config import Config


def add_parser(commands: argparse._SubParsersAction) -> None:
    from ..config import PRESETS

    parser = commands.add_parser(
        "train",
        help="train f, g, c, the upscaler or a judge",
        description="Train by a preset or a configuration file, or resume a run.",
        epilog="Ctrl-C, or a file 'stop' in the run's control/, saves and ends. Presets: " + ", ".join(PRESETS),
    )
    add = parser.add_argument
    add("preset", nargs="?", metavar="PRESET|FILE.json", help="what to train; - reads a configuration from stdin")
    add("--data", metavar="DIR", help="folder of the data (default: $DTN_DATA)")
    add("--runs", default="runs", metavar="DIR", help="folder of runs (default runs)")
    add("--feature-cache", metavar="FILE", help="a feature cache to train from, instead of --data")
    add("--write-feature-cache", metavar="FILE", help="only make that cache, for another machine to train from")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting; with --resume: a moved folder",
    )
    add("--resume", metavar="RUN", help="go on with this run directory")
    add("--download", action="store_true", help="fetch SVHN and MNIST into --data first")
    add("--tracker", choices=("tensorboard", "trackio"), help="log there too; the package must be installed")
    add("--dry-run", action="store_true", help="don't train: is the data there, how long will it take?")
    add("--json", action="store_true", help="with --dry-run: print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from ..training import run_training

    config, name = read_config(arguments)
    if arguments.download:
        runner.digits_folder(arguments.data, download=True)
    if arguments.dry_run:
        return dry_run(config, arguments)
    if arguments.write_feature_cache:
        return write_feature_cache(config, arguments)
    resume = Path(arguments.resume) if arguments.resume else None
    cache = Path(arguments.feature_cache) if arguments.feature_cache else None
    path, made = run_training(
        config,
        name,
        Path(arguments.runs),
        arguments.data,
        resume=resume,
        feature_cache=cache,
        tracker=arguments.tracker,
        moved=arguments.set if resume else None,
    )
    if made:
        runner.log(f"{path}: done; the checkpoint is {made}")
    return 0


def read_config(arguments: argparse.Namespace) -> tuple[Config | None, str]:
    """The configuration and a name for its run; (None, "") where a run is resumed. Raises UserError."""
    from .. import config as configs

    if (arguments.preset is None) == (arguments.resume is None):
        raise UserError(f"give a preset ({', '.join(configs.PRESETS)}), a configuration file, or --resume RUN.")
    if arguments.resume:
        return None, ""
    if arguments.preset == "-":
        try:
            values = json.load(sys.stdin)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise UserError("standard input holds no configuration; config.json of a run shows how one looks.")
        config, name = configs.from_dict(values), "own"
    else:
        config, name = configs.find(arguments.preset)
    return configs.parse_set(config, arguments.set), name


def dry_run(config: Config | None, arguments: argparse.Namespace) -> int:
    from ..training import dry_run as dry

    if config is None:
        raise UserError("--dry-run goes with a preset or a configuration file.")
    found = dry.run(config, arguments.data, Path(arguments.runs))
    print(json.dumps(dry.to_json(found)) if arguments.json else dry.table(found))
    return 0


def write_feature_cache(config: Config | None, arguments: argparse.Namespace) -> int:
    from ..config import TransferTraining
    from ..data.portraits import optional_folder

    if not isinstance(config, TransferTraining):
        raise UserError("--write-feature-cache goes with a translation's preset: faces, digits or folders.")
    from ..training.feature_cache import build_cache, make_encoder

    path = Path(arguments.write_feature_cache)
    try:
        made = build_cache(config, make_encoder(config.encoder), optional_folder(arguments.data), "cpu")
        made.write(path)
    except OSError as error:
        raise write_error(path, error, "Choose another.") from None
    runner.log(f"{path}: {path.stat().st_size / 1e6:.0f} MB. Train from it with --feature-cache {path}")
    return 0
