"""``evaluate``: figures of a checkpoint on held-out data, or the paper's digit experiments."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from . import runner


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure a checkpoint on held-out data",
        description="Measure a checkpoint on held-out data, beside simple baselines; or do the paper's digit "
        "experiments, training what is missing.",
    )
    add = parser.add_argument
    add("what", choices=("digits", "evidence", "faces", "likeness", "style", "upscaling"), help="which measurement")
    add("names", nargs="*", metavar="NAME|DIR", help="evidence: of which checkpoints (default emoji)")
    add("--checkpoint", metavar="NAME|DIR", help="default emoji, screen-print or digits")
    add("--data", metavar="DIR", help="folder of the data (default: $DTN_DATA)")
    add("--split", choices=("val", "test"), default="test", help="val to choose by, test to report")
    add("--limit", type=int, metavar="N", help="at most so many pictures")
    add("-o", "--output", metavar="FILE.json", help="write the figures here too")
    add("--json", action="store_true", help="print the figures as JSON on standard output")
    compare = "a further checkpoint, measured in the same run and put in the same table; may be repeated"
    add = parser.add_argument_group("faces and style").add_argument
    add("--compare", action="append", default=[], metavar="NAME|DIR", help=compare)
    add = parser.add_argument_group("digits").add_argument
    add("--suite", default="all", help="all (default), table1, table2, table3, or a row, such as no_tid or swap")
    add("--seeds", default="0,1,2", metavar="N,N", help="seeds of every row (default 0,1,2)")
    add("--preset", default="digits-cpu", metavar="PRESET|FILE.json", help="the DTN (default digits-cpu)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of the DTN")
    add("--judge", default="digits-judge", metavar="NAME|DIR", help="default digits-judge")
    add("--runs", default="runs", metavar="DIR", help="folder of runs (default runs)")
    add("--download", action="store_true", help="fetch SVHN and MNIST into --data first")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.limit is not None and arguments.limit < 2:
        raise UserError("--limit must be at least 2.")
    if arguments.names and arguments.what != "evidence":
        raise UserError(f"{' '.join(arguments.names)}: not understood. Name the checkpoint by --checkpoint.")
    measure = {
        "digits": run_digits, "evidence": run_evidence, "faces": run_faces, "likeness": run_likeness,
        "style": run_style, "upscaling": run_upscaling,
    }  # fmt: skip
    figures, text = measure[arguments.what](arguments)
    if arguments.output and arguments.what in ("faces", "likeness", "style", "upscaling"):
        runner.write(Path(arguments.output), json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures) if arguments.json else text)
    return 0


def run_faces(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..data.portraits import data_folder
    from ..evaluation import faces

    name, data = arguments.checkpoint or "emoji", data_folder(arguments.data)
    figures = faces.evaluate(
        name, data, split=arguments.split, limit=arguments.limit, compare=arguments.compare
    )  # fmt: skip
    return figures, faces.table(figures)


def run_likeness(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..data.portraits import data_folder
    from ..evaluation import likeness

    name, data = arguments.checkpoint or "emoji", data_folder(arguments.data)
    figures = likeness.evaluate(name, data, split=arguments.split, limit=arguments.limit)
    return figures, likeness.table(figures)


def run_style(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..data.portraits import data_folder
    from ..evaluation import style_transfer

    name, data = arguments.checkpoint or "screen-print", data_folder(arguments.data)
    figures = style_transfer.evaluate(
        name, data, split=arguments.split, limit=arguments.limit, compare=arguments.compare
    )
    return figures, style_transfer.table(figures)


def run_upscaling(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..evaluation import upscaling

    figures = upscaling.evaluate(arguments.checkpoint or "emoji", arguments.limit or 200)
    return figures, upscaling.table(figures)


def run_evidence(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..data.portraits import optional_folder
    from ..evaluation.evidence.compute import compute
    from ..evaluation.evidence.results import read_json

    names = arguments.names or [arguments.checkpoint or "emoji"]
    if arguments.output and len(names) > 1:
        raise UserError("-o: holds the evidence of one checkpoint. Leave it out, or name one.")
    data, output = optional_folder(arguments.data), arguments.output and Path(arguments.output)
    paths = [compute(name, data, arguments.split, arguments.limit, output, runner.log) for name in names]
    return {str(path): read_json(path) for path in paths}, "\n".join(map(str, paths))


def run_digits(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from .. import config as configs
    from ..evaluation.experiments import digits, paper, report
    from ..networks import checkpoint

    if arguments.suite not in paper.SUITES:
        raise UserError(f"no suite '{arguments.suite}'. Choose one of {', '.join(paper.SUITES)}.")
    seeds = read_seeds(arguments.seeds)
    config = configs.parse_set(configs.find(arguments.preset)[0], arguments.set)
    if not isinstance(config, configs.DigitsTransfer):
        raise UserError(f"--preset {arguments.preset}: no transfer of digits. Use digits-cpu or digits.")
    if arguments.checkpoint:
        checkpoint.find(arguments.checkpoint)  # a name that is mistyped would mean hours of training
    data, runs = runner.digits_folder(arguments.data, arguments.download), Path(arguments.runs)
    presets = configs.PRESETS
    tiny = presets["digits-f-tiny"]
    if arguments.preset.endswith("-tiny"):
        trainings = {
            "f_absent": replace(tiny, absent=paper.ABSENT, steps=8),
            "f_taught": replace(tiny, unlabelled=1.0),
            "f_unlabelled": replace(tiny, contrastive=True),
            "adapted": presets["digits-adapted-tiny"],
            "judge_s": replace(tiny, seed=1),
        }
    else:
        trainings = {
            "f_absent": replace(presets["digits-f"], absent=paper.ABSENT, steps=3000),
            "f_taught": presets["digits-f-adapted"],
            "f_unlabelled": presets["digits-f-contrastive"],
            "adapted": presets["digits-adapted"],
            "judge_s": presets["digits-judge-street"],
        }
    setup = digits.Setup(
        config=config,
        **trainings,
        judge=arguments.judge,
        data=data,
        runs=runs,
        shipped=arguments.checkpoint or "digits",
        log=runner.log,
        limit=arguments.limit,
    )
    output = Path(arguments.output or runs / "digits.json")
    figures = digits.run_suite(setup, arguments.suite, seeds, output)
    for path in report.write(figures, digits.trained(setup, figures), output):
        runner.log(f"{path}: written")
    return figures, report.markdown(figures)


def read_seeds(text: str) -> list[int]:
    seeds = text.split(",")
    if not all(seed.strip().isdecimal() for seed in seeds):
        raise UserError(f"--seeds {text}: write whole numbers from 0 up with commas between them.")
    return [int(seed) for seed in seeds]
