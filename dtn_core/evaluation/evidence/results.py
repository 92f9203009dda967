"""The files of ``results/`` as tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.files import parse_json, shipped
from .. import style_transfer
from ..experiments import report as digit_report
from .schema import checked
from .tables import Source, Table, of_json, parse, words

RESULTS = shipped("results")

FORMAT = 1
"""Of what `compute` writes."""

SUITES = {
    "confidence": ("Confidence", "python -m benchmarks.confidence --data DATA -o results/confidence.json"),
    "digits": (
        "The paper's digits",
        "python -m dtn_core evaluate digits --suite all --data DATA -o results/digits.json",
    ),
    "encoders": (
        "Encoders, AUC",
        "python -m benchmarks.encoders encoder encoder-drawn --data DATA -o results/encoders.json",
    ),
    "latency": ("Latency", "python -m benchmarks.latency -o results/latency.json"),
    "live": ("Live video", "python -m benchmarks.live -o results/live.json"),
    "motion": ("Motion", "python -m benchmarks.motion --data DATA -o results/motion.json"),
    "serve": ("Several viewers", "python -m benchmarks.serve -o results/serve.json"),
    "style": ("Style transfer", "python -m dtn_core evaluate style --compare emoji --data DATA -o results/style.json"),
    "training": ("Speed of training", "python -m benchmarks.training -o results/training.json"),
    "upscaling": ("Super-resolution", "python -m dtn_core evaluate upscaling -o results/upscaling.json"),
    "video": ("Video files", "python -m benchmarks.video -o results/video.json"),
}
"""File in results/ → its title, and the command that writes it."""

COMMANDS = {stem: command for stem, (_, command) in SUITES.items()}


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
    title, _ = SUITES.get(stem, (words(stem), ""))
    if stem == "digits":
        return parse(digit_report.markdown(report), source)
    if stem == "style":
        return parse(style_transfer.table(report), source)
    return of_json({key: value for key, value in report.items() if key not in ("checkpoint", "hash")}, title, source)


def suites(results: Path = RESULTS) -> dict[str, list[Table] | str]:
    """Title of every file in results/ → its tables, or the line on what is wrong with it."""
    found: dict[str, list[Table] | str] = {}
    for path in sorted(results.glob("*.json")):
        title, again = SUITES.get(path.stem, (words(path.stem), "the command of its docs"))
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
