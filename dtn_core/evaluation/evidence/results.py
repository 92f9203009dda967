"""The files of ``results/`` as tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.files import distribution_folder, parse_json
from .. import likeness, style_transfer
from ..experiments import report as digit_report
from .schema import validated
from .tables import Source, Table, key_to_words, of_json

RESULTS = distribution_folder("results")

FORMAT = 1
"""Format of the files that `compute` writes."""

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
    "likeness": (
        "Likeness: the face parser and colours",
        "python -m dtn_core evaluate likeness --data DATA -o results/likeness.json",
    ),
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
    """Return the JSON object of a file; None if it has none."""
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def about_of(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a report that names the checkpoint it is of."""
    inner = report.get("checkpoint")
    return inner if isinstance(inner, Mapping) else report


def source_of(stem: str, report: Mapping[str, Any]) -> Source:
    """Return where the figures of a file come from."""
    return Source(
        n=str(report.get("n", "")),
        seed=str(report.get("seed", "")),
        data=str(report.get("split", "")),
        hash=str(about_of(report).get("hash", "")),
        command=COMMANDS.get(stem, ""),
    )


def suite_tables(stem: str, report: Mapping[str, Any], source: Source | None = None) -> list[Table]:
    """Return the tables of a file of results/.

    Args:
        stem: The file's name without its suffix.
        report: Its content.
        source: Where the figures come from; by default what the report says.
    """
    source = source or source_of(stem, report)
    if stem == "digits":
        return [table.without_emphasis(source) for table in digit_report.tables(report)]
    if stem == "likeness":
        return [table.without_emphasis(source) for table in likeness.tables(report)]
    if stem == "style":
        return [style_transfer.figure_table(report).without_emphasis(source)]
    title, _ = SUITES.get(stem, (key_to_words(stem), ""))
    return of_json({key: value for key, value in report.items() if key not in ("checkpoint", "hash")}, title, source)


def suites(results: Path = RESULTS) -> dict[str, list[Table] | str]:
    """Return title → tables of every file in results/, or a line on what is wrong with the file."""
    suites: dict[str, list[Table] | str] = {}
    for path in sorted(results.glob("*.json")):
        title, command = SUITES.get(path.stem, (key_to_words(path.stem), "the command of its docs"))
        report = read_json(path)
        try:
            if report is None:
                raise ValueError
            suites[title] = suite_tables(path.stem, report)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
            suites[title] = (
                f"results/{path.name} is damaged, of another version, or by hand. Measure again: `{command}`"
            )
    return suites


def overview(results: Path = RESULTS) -> Table:
    """Return what `compute` wrote of the shipped checkpoints, a row each."""
    rows = []
    for path in sorted((results / "evidence").glob("*.json")):
        computed = validated(read_json(path))
        if computed and computed.get("format") == FORMAT:
            rows.append((path.stem, *_calibration_cells(computed), *_neighbour_cells(computed)))
    columns = (
        "calibration error, mean",
        "worst",
        "distance of G(s) to t, times unseen t's (pixels / f)",
        "closer (pixels / f)",
    )
    return Table("computed", columns, tuple(rows))


def _calibration_cells(computed: dict[str, Any]) -> tuple[str, str]:
    questions = (computed.get("reliability") or {}).get("questions") or {}
    errors = {name: row["ece"] for name, row in questions.items() if row.get("ece") is not None}
    if not errors:
        return "", ""
    worst = max(errors, key=lambda name: errors[name])
    return f"{sum(errors.values()) / len(errors):.3f}", f"{errors[worst]:.3f} ({key_to_words(worst)})"


def _neighbour_cells(computed: dict[str, Any]) -> tuple[str, str]:
    neighbours = computed.get("neighbours")
    if not neighbours:
        return "", ""
    spaces = [neighbours[space] for space in ("pixels", "f")]
    ratios = " / ".join(f"{distances['ratio']:.2f}" for distances in spaces)
    return ratios, " / ".join(f"{100 * distances['closer']:.1f}%" for distances in spaces)
