"""The figures of the digit experiments as Markdown, with pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

from ...core import images
from ...core.files import atomic_write
from ...core.types import Image
from ...pipeline.model import Checkpoint
from ..table import Table, markdown_table
from . import pictures
from .figures import absent_digit_accuracy, accuracy_of, mean_and_std, measured_rows
from .paper import ABSENT, ADAPTED, PAPER, ROWS, TRANSLATIONS

COLUMNS = ("ours", "paper")
Cells = tuple[str, str, str]
"""Row title, our figure, the paper's figure."""

CAPTIONS = {
    "chart": "Bars: means; dots: seeds.",
    "pairs": "Random street numbers over G(x).",
    "unseen": f"The digit {ABSENT}, drawn, by translations that did or didn't see it in training.",
    "amounts": "How many pictures of s and of t the DTN needs, f being given; dots: seeds.",
    "labels": "Random street numbers, and G(x) where f learnt s with labels and without.",
    "swap": "t → s: drawn handwritten digits over the street numbers made of them.",
}


def markdown(figures: Mapping[str, Any]) -> str:
    """Render Tables 1, 2 and 3 with the paper's figures beside ours; rows not measured yet are left out."""
    parts = [_introduction(figures), *map(markdown_table, _tables(figures)), *_remarks(figures)]
    return "\n\n".join(parts) + "\n"


def tables(figures: Mapping[str, Any]) -> list[Table]:
    """Return the tables of `markdown`; the remarks are the note of the last one."""
    *others, last = _tables(figures)
    return [*others, Table(last.title, last.columns, last.rows, note=" ".join(_remarks(figures)))]


def _introduction(figures: Mapping[str, Any]) -> str:
    data, f, judge = figures["data"], figures["f"], figures["judge"]
    self_trained = figures.get("f_taught")
    where = f"s: {data['s']}, n = {data['n_test_s']} held out; t: {data['t']}, n = {data['n_test_t']}"
    text = (
        f"Our data: {where}. Mean ± standard deviation over seeds, their number in brackets. f misclassifies "
        f"{100 * f['svhn_error']:.2f}% of s (paper: {PAPER['svhn_error']}%) and classifies "
        f"{100 * f['mnist_accuracy']:.2f}% of t correctly (paper: {PAPER['mnist_accuracy']}%); the judge classifies "
        f"{100 * judge['mnist_accuracy']:.2f}% of t correctly (paper: 99.4%)."
    )
    if self_trained:
        text += (
            f" The f that was also self-trained on t misclassifies {100 * self_trained['svhn_error']:.2f}% of s and "
            f"classifies {100 * self_trained['mnist_accuracy']:.2f}% of t correctly."
        )
    return text


def _tables(figures: Mapping[str, Any]) -> list[Table]:
    """Return the tables that have rows; Table 1 always has one."""
    rows_of = {
        "Table 1: G(s) classified correctly, %": _table1(figures),
        "Table 2: domain adaptation, accuracy on t, %": _table2(figures["rows"]),
        f"Table 3: the digit {ABSENT}, classified correctly, %": _table3(figures["rows"]),
        "How much data: G(s) classified correctly, %": _amounts(figures),
    }
    return [Table(title, COLUMNS, tuple(rows)) for title, rows in rows_of.items() if rows]


def _table1(figures: Mapping[str, Any]) -> list[Cells]:
    records = figures["rows"]
    lines = []
    for row in measured_rows("table1", records):
        title = f"**{row.title}**" if row.key in TRANSLATIONS else row.title
        paper = "" if row.paper is None else f"{row.paper:.2f}"
        lines.append((title, mean_and_std(records[row.key], accuracy_of), paper))
    return [*lines, ("the street number itself", f"{100 * figures['original']:.2f}", f"{PAPER['original']:.2f}")]


def _table2(records: Mapping[str, Any]) -> list[Cells]:
    lines = []
    for row in ROWS:
        measured = {seed: record.get("adaptation", {}) for seed, record in records.get(row.key, {}).items()}
        adapted = {seed: adaptation for seed, adaptation in measured.items() if "chosen" in adaptation}
        if row.key not in ADAPTED or not adapted:
            continue
        paper = f"{PAPER['adaptation']:.2f}" if row.key == "dtn" else ""
        for name, read, beside in (
            ("nearest neighbours among G(s), in pixels", _neighbours_in_pixels, paper),
            ("nearest neighbours, in a way chosen without labels", _chosen_neighbours, paper),
            ("classifier trained on G(s)", itemgetter("classifier"), ""),
        ):
            lines.append((f"{row.title}, {name}", mean_and_std(adapted, read), beside))
    return lines


def _neighbours_in_pixels(adaptation: Mapping[str, Any]) -> float:
    return adaptation["neighbours"]["pixels"]


def _chosen_neighbours(adaptation: Mapping[str, Any]) -> float:
    return adaptation["neighbours"][adaptation["chosen"]]


def _table3(records: Mapping[str, Any]) -> list[Cells]:
    papers = [("DTN", "dtn", PAPER["digit_3"])] if "dtn" in records else []
    papers += [(row.title, row.key, row.paper) for row in measured_rows("table3", records)]
    return [(title, mean_and_std(records[key], absent_digit_accuracy), f"{paper:.2f}") for title, key, paper in papers]


def _amounts(figures: Mapping[str, Any]) -> list[Cells]:
    records = figures["rows"]
    lines = [(row.title, mean_and_std(records[row.key], accuracy_of), "") for row in measured_rows("amounts", records)]
    if lines and "dtn" in records:
        n = figures["n_train"]
        lines.append((f"all: {n['s']:,} of s, {n['t']:,} of t", mean_and_std(records["dtn"], accuracy_of), ""))
    return lines


def _remarks(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paragraphs on what the paper gives no figure for."""
    rows, f, judge = figures["rows"], figures.get("f_unlabelled"), figures.get("judge_s")
    if rows.get("no_labels") and f:
        yield (
            f"f without labels: {mean_and_std(rows['no_labels'], accuracy_of)}% of G(s) classified correctly, with an "
            "f that was trained on s by contrastive learning only. A linear probe of that f, which no G was trained "
            f"with, classifies {100 * (1 - f['svhn_error']):.2f}% of s and {100 * f['mnist_accuracy']:.2f}% of t "
            "correctly."
        )
    if rows.get("swap") and judge:
        yield (
            f"t → s: {mean_and_std(rows['swap'], accuracy_of)}% of handwritten digits keep their class as street "
            "numbers, according to a judge of street numbers that no G was trained towards (error on s: "
            f"{100 * judge['svhn_error']:.2f}%); f, towards which G was trained, classifies "
            f"{mean_and_std(rows['swap'], itemgetter('by_f'))}% correctly. The paper gives no figure and calls the "
            "result bad."
        )


def write(figures: Mapping[str, Any], translations: Mapping[str, Checkpoint], output: Path) -> list[Path]:
    """Write digits.md beside ``digits.json``, and the pictures whose translations are available.

    Args:
        figures: The figures.
        translations: Row's key → translation.
        output: Path of the JSON file.

    Returns:
        The paths of all files written.
    """
    stem = output.with_suffix("")
    paths = []
    for name, picture in _pictures(figures, translations).items():
        paths.append(Path(f"{stem}-{name}.png"))
        images.save(paths[-1], picture)
    shown = "\n\n".join(
        f"{caption}\n\n![{caption}]({stem.name}-{name}.png)"
        for name, caption in CAPTIONS.items()
        if Path(f"{stem}-{name}.png").exists()
    )
    page = Path(f"{stem}.md")
    with atomic_write(page) as temporary:
        temporary.write_text(f"# The paper's digit experiments\n\n{markdown(figures)}\n{shown}\n", encoding="utf-8")
    return [page, *paths]


def _pictures(figures: Mapping[str, Any], translations: Mapping[str, Checkpoint]) -> dict[str, Image]:
    """Draw every picture of `CAPTIONS` that the figures and translations allow."""
    records = figures["rows"]
    drawn = {"chart": pictures.chart(figures)}
    best = translations.get("best") or translations.get("dtn")
    if best:
        drawn["pairs"] = pictures.pairs(best)
    absent = measured_rows("table3", records)
    if absent and {"dtn", *(row.key for row in absent)} <= translations.keys():
        columns = {"DTN": translations["dtn"]} | {row.title: translations[row.key] for row in absent}
        drawn["unseen"] = pictures.panel(columns, [ABSENT] * 6)
    if measured_rows("amounts", records) and "dtn" in records:
        drawn["amounts"] = pictures.curves(figures)
    if {"dtn", "no_labels"} <= translations.keys():
        columns = {"f with labels": translations["dtn"], "f without": translations["no_labels"]}
        drawn["labels"] = pictures.panel(columns, range(10))
    if "swap" in translations:
        drawn["swap"] = pictures.backwards(translations["swap"])
    return drawn
