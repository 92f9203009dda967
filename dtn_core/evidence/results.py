"""The files of ``results/`` as tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..evaluation import style_transfer
from ..experiments import report as digit_report
from ..files import parse_json, shipped
from .computed import checked
from .tables import Source, Table, of_json, parse, words

RESULTS = shipped("results")

FORMAT = 1
"""Of what `compute` writes."""

COMMANDS = {
    "avatars": "python -m benchmarks.avatars --data DATA -o results/avatars.json",
    "batch": "python -m benchmarks.batch --data DATA -o results/batch.json",
    "confidence": "python -m benchmarks.confidence --data DATA -o results/confidence.json",
    "day": "python -m tests.reliability.day --sessions 2 -o results/day.json",
    "digits": "python -m dtn_core evaluate digits --suite all --data DATA -o results/digits.json",
    "editor": "python -m benchmarks.editor -o results/editor.json",
    "encoders": "python -m benchmarks.encoders encoder encoder-drawn --data DATA -o results/encoders.json",
    "faults": "python -m tests.reliability.faults -o results/faults.json",
    "fuzz": "python -m tests.reliability.fuzz -o results/fuzz.json",
    "gatys": "python -m benchmarks.gatys -o results/gatys.jpg",
    "latency": "python -m benchmarks.latency -o results/latency.json",
    "live": "python -m benchmarks.live -o results/live.json",
    "load": "python -m tests.reliability.load --minutes 10 --viewers 8 -o results/load.json",
    "many_runs": "python -m tests.reliability.many_runs -o results/many_runs.json",
    "monkey": "python -m tests.reliability.monkey --actions 600 --sessions 3 --seed 70 -o results/monkey.json",
    "motion": "python -m benchmarks.motion --data DATA -o results/motion.json",
    "runtimes": "python -m benchmarks.runtimes -o results/runtimes.json",
    "scaling": "python -m benchmarks.scaling -o results/scaling.json",
    "serve": "python -m benchmarks.serve -o results/serve.json",
    "space": "python -m tests.space -o results/space.json",
    "style": "python -m dtn_core evaluate style --compare emoji --data DATA -o results/style.json",
    "training": "python -m benchmarks.training -o results/training.json",
    "upscaling": "python -m dtn_core evaluate upscaling -o results/upscaling.json",
    "video": "python -m benchmarks.video -o results/video.json",
}
"""File in results/ → the command that writes it."""

TITLES = {
    "avatars": "Ablations of c",
    "batch": "Many portraits",
    "confidence": "Confidence",
    "day": "A long day",
    "digits": "The paper's digits",
    "editor": "Editor",
    "encoders": "Encoders, AUC",
    "faults": "Faults",
    "fuzz": "Hostile input",
    "gatys": "Neural style transfer on faces",
    "latency": "Latency",
    "live": "Live video",
    "load": "Many people at once",
    "many_runs": "A thousand runs",
    "monkey": "Random hands",
    "motion": "Motion",
    "runtimes": "Runtimes of the nets",
    "scaling": "Several processes",
    "serve": "Several viewers",
    "space": "On a Space",
    "style": "Style transfer",
    "training": "Speed of training",
    "upscaling": "Super-resolution",
    "video": "Video files",
}


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is none."""
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def about_of(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of which checkpoint a whole report is."""
    inner = report.get("checkpoint")
    return inner if isinstance(inner, Mapping) else report


def suite_tables(stem: str, report: Mapping[str, Any], source: Source | None = None) -> list[Table]:
    """A file of results/ as tables."""
    about = about_of(report)
    source = source or Source(
        str(report.get("n", "")), str(report.get("seed", "")), str(report.get("split", "")), str(about.get("hash", "")),
        COMMANDS.get(stem, ""),
    )  # fmt: skip
    title = TITLES.get(stem, words(stem))
    if stem == "digits":
        return parse(digit_report.markdown(report), source)
    if stem == "style":
        return parse(style_transfer.table(report), source)
    return of_json({key: value for key, value in report.items() if key not in ("checkpoint", "hash")}, title, source)


def suites(results: Path = RESULTS) -> dict[str, list[Table] | str]:
    """Title of every file in results/ → its tables, or the line on what is wrong with it."""
    found: dict[str, list[Table] | str] = {}
    for path in sorted(results.glob("*.json")):
        title, again = TITLES.get(path.stem, words(path.stem)), COMMANDS.get(path.stem, "the command of its docs")
        report = read_json(path)
        try:
            if report is None:
                raise ValueError
            found[title] = suite_tables(path.stem, report)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
            found[title] = f"results/{path.name} is damaged, of another version, or by hand. Measure again: `{again}`"
    return found


def overview(results: Path = RESULTS) -> Table:
    """What was computed of the shipped checkpoints, a row each."""
    rows = []
    for path in sorted((results / "evidence").glob("*.json")):
        found = checked(read_json(path)) or {}
        questions = (found.get("reliability") or {}).get("questions") or {}
        errors = {name: row["ece"] for name, row in questions.items() if row.get("ece") is not None}
        if found.get("format") != FORMAT:
            continue
        near = found.get("neighbours")
        told = ["", ""]
        if near:
            told = [f"{near['pixels']['ratio']:.2f} / {near['f']['ratio']:.2f}"]
            told.append(" / ".join(f"{100 * near[space]['closer']:.1f}%" for space in ("pixels", "f")))
        sure = ["", ""]
        if errors:
            worst = max(errors, key=lambda name: errors[name])
            sure = [f"{sum(errors.values()) / len(errors):.3f}", f"{errors[worst]:.3f} ({words(worst)})"]
        rows.append((path.stem, *sure, *told))
    far = "distance of G(s) to t, times unseen t's (pixels / f)"
    columns = ("calibration error, mean", "worst", far, "closer (pixels / f)")
    return Table("computed", columns, tuple(rows))
