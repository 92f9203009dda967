"""The figures of the digit experiments as Markdown, and as pictures with matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core import images
from ...core.images import to_float, to_rgb
from ...core.types import Image
from ...data import drawn_digits
from ...pipeline.model import Checkpoint
from .figures import mean_and_std
from .paper import ABSENT, ADAPTED, PAPER, ROWS, TRANSLATIONS, Row


def markdown(figures: Mapping[str, Any]) -> str:
    """Tables 1, 2 and 3 with the paper's figures beside ours; rows not measured yet are left out."""
    rows, data = figures["rows"], figures["data"]
    f, judge, taught = figures["f"], figures["judge"], figures.get("f_taught")
    where = f"s: {data['s']}, n = {data['n_test_s']} held out; t: {data['t']}, n = {data['n_test_t']}"
    parts = [
        f"Our data: {where}. Mean ± standard deviation over seeds, their number in brackets. f reads "
        f"{100 * f['svhn_error']:.2f}% of s wrongly (paper: {PAPER['svhn_error']}%) and "
        f"{100 * f['mnist_accuracy']:.2f}% of t rightly (paper: {PAPER['mnist_accuracy']}%); the judge reads "
        f"{100 * judge['mnist_accuracy']:.2f}% of t rightly (paper: 99.4%)."
        + (
            f" The f that was also self-taught on t reads {100 * taught['svhn_error']:.2f}% of s wrongly and "
            f"{100 * taught['mnist_accuracy']:.2f}% of t rightly."
            if taught
            else ""
        ),
        _table("Table 1: G(s) judged right, %", _table1(figures)),
        _table("Table 2: domain adaptation, accuracy on t, %", _table2(rows)),
        _table(f"Table 3: the digit {ABSENT}, judged right, %", _table3(rows)),
        _table("How much data: G(s) judged right, %", _amounts(figures)),
        _without_labels(figures),
        _swap(figures),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(title: str, lines: list[tuple[str, str, str]]) -> str:
    if not lines:
        return ""
    body = [f"| {name} | {ours} | {paper} |" for name, ours, paper in lines]
    return "\n".join([f"| {title} | ours | paper |", "|---|---|---|", *body])


def _accuracy(record: Mapping[str, Any]) -> float:
    return record["accuracy"]


def _digit(record: Mapping[str, Any]) -> float:
    share = record["digits"][ABSENT]
    return np.nan if share is None else share  # None: no such digit among the pictures


def _table1(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = figures["rows"]
    lines = [
        (
            f"**{row.title}**" if row.key in TRANSLATIONS else row.title,
            mean_and_std(rows[row.key], _accuracy),
            "" if row.paper is None else f"{row.paper:.2f}",
        )
        for row in ROWS
        if row.table == "table1" and row.key in rows
    ]
    return [*lines, ("the street number itself", f"{100 * figures['original']:.2f}", f"{PAPER['original']:.2f}")]


def _table2(rows: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    lines = []
    for row in (row for row in ROWS if row.key in ADAPTED):
        adapted = {
            seed: one["adaptation"]
            for seed, one in rows.get(row.key, {}).items()
            if "chosen" in one.get("adaptation", ())
        }
        if adapted:
            for name, read in (
                ("nearest neighbours among G(s), in pixels", lambda one: one["neighbours"]["pixels"]),
                ("nearest neighbours, in a way chosen without labels", lambda one: one["neighbours"][one["chosen"]]),
                ("classifier trained on G(s)", itemgetter("classifier")),
            ):
                paper = f"{PAPER['adaptation']:.2f}" if row.key == "dtn" and name.startswith("nearest") else ""
                lines.append((f"{row.title}, {name}", mean_and_std(adapted, read), paper))
    return lines


def _table3(rows: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    lines = [("DTN", "dtn", PAPER["digit_3"])] + [(r.title, r.key, r.paper) for r in ROWS if r.table == "table3"]
    return [(name, mean_and_std(rows[key], _digit), f"{paper:.2f}") for name, key, paper in lines if key in rows]


def _amounts(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = figures["rows"]
    found = [(row.title, mean_and_std(rows[row.key], _accuracy), "") for row in _rows_of("amounts") if row.key in rows]
    if not found or "dtn" not in rows:
        return found
    amounts = figures["n_train"]
    return [*found, (f"all: {amounts['s']:,} of s, {amounts['t']:,} of t", mean_and_std(rows["dtn"], _accuracy), "")]


def _without_labels(figures: Mapping[str, Any]) -> str:
    row, f = figures["rows"].get("no_labels"), figures.get("f_unlabelled")
    if not row or not f:
        return ""
    return (
        f"f without labels: {mean_and_std(row, _accuracy)}% of G(s) judged right, where f learnt s by contrast of "
        f"augmented views alone. A linear probe of that f, which no G sees, reads {100 * (1 - f['svhn_error']):.2f}% "
        f"of s and {100 * f['mnist_accuracy']:.2f}% of t rightly."
    )


def _swap(figures: Mapping[str, Any]) -> str:
    swap, judge = figures["rows"].get("swap"), figures.get("judge_s")
    if not swap or not judge:
        return ""
    return (
        f"t → s: {mean_and_std(swap, _accuracy)}% of handwritten digits keep their class as street numbers, read by a "
        f"judge of street numbers that no G was trained towards ({100 * judge['svhn_error']:.2f}% wrong on s); f, "
        f"towards which G was trained, reads {mean_and_std(swap, itemgetter('by_f'))}% rightly. The paper gives no "
        "figure and calls the result bad."
    )


def _rows_of(table: str) -> list[Row]:
    return [row for row in ROWS if row.table == table]


def curves(figures: Mapping[str, Any]) -> Image:
    """Accuracy of the DTN over how many pictures of s, and of t, it learnt; dots: seeds; (H, W, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), dpi=100, layout="constrained")
    canvas, rows = FigureCanvasAgg(figure), figures["rows"]
    for axes, (domain, name) in zip(
        figure.subplots(1, 2, sharey=True), (("s", "street numbers"), ("t", "handwritten digits"))
    ):
        keys = [
            (row.changes[f"limit_{domain}"], row.key) for row in _rows_of("amounts") if f"limit_{domain}" in row.changes
        ]
        keys = [*((n, key) for n, key in keys if key in rows), (figures["n_train"][domain], "dtn")]
        values = [[100 * _accuracy(one) for one in rows[key].values()] for _, key in keys]
        axes.plot([n for n, _ in keys], [np.mean(v) for v in values], color="#e11d48")
        for (n, _), dots in zip(keys, values):
            axes.plot([n] * len(dots), dots, "o", ms=4, color="#1d1a22")
        axes.set_xscale("log")
        axes.set_ylim(0, 100)
        axes.set_xlabel(f"{name} learnt ({domain})")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("G(s) judged right, %")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def chart(figures: Mapping[str, Any]) -> Image:
    """Tables 1 and 3 as bars, ours beside the paper's; (H, W, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    groups = (("Table 1: judged right, %", "table1", _accuracy), (f"Table 3: the digit {ABSENT}, %", "table3", _digit))
    wide = [sum(row.table == table and row.key in figures["rows"] for row in ROWS) + 1 for _, table, _ in groups]
    for axes, (title, table, read) in zip(figure.subplots(1, 2, width_ratios=wide), groups):
        rows = [row for row in ROWS if row.table == table and row.key in figures["rows"]]
        names, papers = [row.title for row in rows], [np.nan if row.paper is None else row.paper for row in rows]
        ours = [[100 * read(one) for one in figures["rows"][row.key].values()] for row in rows]
        if table == "table3" and "dtn" in figures["rows"]:
            names.insert(0, "DTN")
            papers.insert(0, PAPER["digit_3"])
            ours.insert(0, [100 * read(one) for one in figures["rows"]["dtn"].values()])
        at = np.arange(len(names))
        axes.bar(at - 0.2, [np.mean(v) for v in ours], 0.4, label="ours", color="#e11d48")
        axes.bar(at + 0.2, papers, 0.4, label="paper", color="#c9c1b6")
        for x, values in zip(at, ours):  # every seed
            axes.plot([x - 0.2] * len(values), values, "o", ms=3, color="#1d1a22")
        axes.set_xticks(
            at, [textwrap.fill(name.replace("DTN ", ""), 22) for name in names], rotation=45, ha="right", fontsize=8
        )
        axes.set_ylim(0, 100)
        axes.set_title(title, fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def panel(columns: Mapping[str, Checkpoint], digits: Sequence[int] = (ABSENT,) * 6, seed: int = 5) -> Image:
    """The paper's figure of an unseen digit: drawn street numbers of it, then what each translation makes of them;
    columns: caption → translation; digits: of each line; (H, W, 3)."""
    rng = np.random.default_rng(seed)
    x = np.stack([drawn_digits.street(rng, digit) for digit in digits])
    return _captioned({"drawn": x} | {name: _made(loaded, x) for name, loaded in columns.items()})


def pairs(loaded: Checkpoint, rows: int = 4, columns: int = 12, seed: int = 1) -> Image:
    """Drawn street numbers over their G(x), not picked; (H, W, 3)."""
    x, _ = drawn_digits.draw_many("street", seed, rows * columns)
    made = _made(loaded, x)
    lines = []
    for i in range(0, len(x), columns):
        lines += [list(x[i : i + columns]), list(made[i : i + columns])]
    return _twice(images.grid(lines))


def backwards(loaded: Checkpoint, n: int = 12, seed: int = 2) -> Image:
    """t → s: drawn handwritten digits over the street numbers made of them; (H, W, 3)."""
    grey, _ = drawn_digits.draw_many("handwritten", seed, n)
    x = np.repeat(grey[..., None], 3, 3)
    return _twice(images.grid([list(x), list(_made(loaded, x))]))


def _made(loaded: Checkpoint, x: Image) -> Image:
    """(N, 32, 32, 3) → G of them, RGB of the same shape."""
    seen = to_float(torch.from_numpy(x).permute(0, 3, 1, 2))
    return images.to_images(to_rgb(loaded.transfer(seen)))


def _twice(image: Image) -> Image:
    return image.repeat(2, 0).repeat(2, 1)


def _captioned(columns: Mapping[str, Image]) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = len(next(iter(columns.values())))
    figure = Figure(figsize=(1.25 * len(columns), 1.1 * rows + 0.6), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for j, (name, pictures) in enumerate(columns.items()):
        for i, picture in enumerate(pictures):
            grid[i, j].imshow(picture)
            grid[i, j].axis("off")
        grid[0, j].set_title(textwrap.fill(name, 16), fontsize=9)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write(figures: Mapping[str, Any], found: Mapping[str, Checkpoint], output: Path) -> list[Path]:
    """The page beside ``digits.json``: digits.md, and pictures for which the translations are at hand. found: row's key
    → translation. Returns what was written."""
    stem = output.with_suffix("")
    pictures = {"chart": chart(figures)}
    if shown := found.get("best") or found.get("dtn"):
        pictures["pairs"] = pairs(shown)
    absent = [row for row in ROWS if row.table == "table3" and row.key in figures["rows"]]
    if absent and {"dtn", *(row.key for row in absent)} <= found.keys():
        captions = {"DTN": found["dtn"]} | {row.title: found[row.key] for row in absent}
        pictures["unseen"] = panel(captions)
    if any(row.key in figures["rows"] for row in _rows_of("amounts")) and "dtn" in figures["rows"]:
        pictures["amounts"] = curves(figures)
    if {"dtn", "no_labels"} <= found.keys():
        pictures["labels"] = panel({"f with labels": found["dtn"], "f without": found["no_labels"]}, range(10))
    if "swap" in found:
        pictures["swap"] = backwards(found["swap"])
    paths = []
    for name, picture in pictures.items():
        paths.append(Path(f"{stem}-{name}.png"))
        images.save(paths[-1], picture)
    said = {
        "chart": "Bars: means; dots: seeds.",
        "pairs": "Drawn street numbers over G(x), not picked.",
        "unseen": f"The digit {ABSENT}, drawn, by translations that did or didn't see it in training.",
        "amounts": "How many pictures of s and of t the DTN needs, f being given; dots: seeds.",
        "labels": "Drawn street numbers, and G(x) where f learnt s with labels and without.",
        "swap": "t → s: drawn handwritten digits over the street numbers made of them.",
    }
    shown = "\n\n".join(
        f"{said[name]}\n\n![{said[name]}]({stem.name}-{name}.png)"
        for name in said
        if Path(f"{stem}-{name}.png").exists()
    )
    page = Path(f"{stem}.md")
    temporary = page.with_name(f".{page.name}.tmp")
    temporary.write_text(f"# The paper's digit experiments\n\n{markdown(figures)}\n{shown}\n", encoding="utf-8")
    temporary.replace(page)
    return [page, *paths]
