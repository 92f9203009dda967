"""Pictures of the digit experiments: charts by matplotlib and grids of samples."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...core import images
from ...core.images import to_float, to_rgb
from ...core.types import Image
from ...data import drawn_digits
from ...pipeline.model import Checkpoint
from .figures import absent_digit_accuracy, accuracy_of, measured_rows
from .paper import ABSENT, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PAPERS, SEEDS = "#e11d48", "#c9c1b6", "#1d1a22"
"""Colours of our means, the paper's figures and the figures of single seeds."""


def curves(figures: Mapping[str, Any]) -> Image:
    """Plot the DTN's accuracy over the number of pictures of s, and of t, it learnt; (H, W, 3)."""
    figure = _new_figure(8, 3.2)
    domains = {"s": "street numbers", "t": "handwritten digits"}
    for axes, (domain, name) in zip(figure.subplots(1, 2, sharey=True), domains.items()):
        _plot_amounts(axes, figures, domain)
        axes.set_xscale("log")
        axes.set_ylim(0, 100)
        axes.set_xlabel(f"{name} learnt ({domain})")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("G(s) classified correctly, %")
    return _rendered(figure)


def _plot_amounts(axes: Axes, figures: Mapping[str, Any], domain: str) -> None:
    records, setting = figures["rows"], f"limit_{domain}"
    rows = [row for row in measured_rows("amounts", records) if setting in row.changes]
    amounts = [row.changes[setting] for row in rows] + [figures["n_train"][domain]]
    values = [_percents(records[key], accuracy_of) for key in [*(row.key for row in rows), "dtn"]]
    axes.plot(amounts, [np.mean(v) for v in values], color=OURS)
    for amount, dots in zip(amounts, values):
        axes.plot([amount] * len(dots), dots, "o", ms=4, color=SEEDS)


def chart(figures: Mapping[str, Any]) -> Image:
    """Plot Tables 1 and 3 as bars, ours beside the paper's; (H, W, 3)."""
    records = figures["rows"]
    widths = [len(measured_rows(table, records)) + 1 for table in ("table1", "table3")]
    figure = _new_figure(10, 4.4)
    left, right = figure.subplots(1, 2, width_ratios=widths)
    bars = [(row.title, row.paper, records[row.key]) for row in measured_rows("table1", records)]
    _plot_bars(left, "Table 1: classified correctly, %", bars, accuracy_of)
    bars = [(row.title, row.paper, records[row.key]) for row in measured_rows("table3", records)]
    if "dtn" in records:
        bars.insert(0, ("DTN", PAPER["digit_3"], records["dtn"]))
    _plot_bars(right, f"Table 3: the digit {ABSENT}, %", bars, absent_digit_accuracy)
    left.legend(frameon=False)
    return _rendered(figure)


def _plot_bars(axes: Axes, title: str, bars: Sequence[tuple[str, float | None, Mapping[str, Any]]], read: Any) -> None:
    """Plot (title, the paper's figure, seed → record) each as two bars, with a dot per seed."""
    names = [textwrap.fill(name.replace("DTN ", ""), 22) for name, _, _ in bars]
    papers = [np.nan if paper is None else paper for _, paper, _ in bars]
    ours = [_percents(records, read) for _, _, records in bars]
    x = np.arange(len(bars))
    axes.bar(x - 0.2, [np.mean(v) for v in ours], 0.4, label="ours", color=OURS)
    axes.bar(x + 0.2, papers, 0.4, label="paper", color=PAPERS)
    for place, values in zip(x, ours):
        axes.plot([place - 0.2] * len(values), values, "o", ms=3, color=SEEDS)
    axes.set_xticks(x, names, rotation=45, ha="right", fontsize=8)
    axes.set_ylim(0, 100)
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


def _percents(records: Mapping[str, Any], read: Any) -> list[float]:
    return [100 * read(record) for record in records.values()]


def panel(columns: Mapping[str, Checkpoint], digits: Sequence[int], seed: int = 5) -> Image:
    """Draw the paper's figure of an unseen digit: drawn street numbers, then what each translation makes of them.

    Args:
        columns: Caption → translation.
        digits: The digit of each line.
        seed: Seed of the drawn street numbers.

    Returns:
        (H, W, 3).
    """
    rng = np.random.default_rng(seed)
    x = np.stack([drawn_digits.street(rng, digit) for digit in digits])
    translated = {name: _translate(checkpoint, x) for name, checkpoint in columns.items()}
    return _captioned({"drawn": x} | translated)


def pairs(translation: Checkpoint, rows: int = 4, columns: int = 12, seed: int = 1) -> Image:
    """Draw random street numbers above their G(x); (H, W, 3)."""
    x, _ = drawn_digits.draw_many("street", seed, rows * columns)
    translated = _translate(translation, x)
    lines = []
    for i in range(0, len(x), columns):
        lines += [list(x[i : i + columns]), list(translated[i : i + columns])]
    return _twice(images.grid(lines))


def backwards(translation: Checkpoint, n: int = 12, seed: int = 2) -> Image:
    """Draw random handwritten digits above the street numbers that a t → s translation makes of them; (H, W, 3)."""
    grey, _ = drawn_digits.draw_many("handwritten", seed, n)
    x = np.repeat(grey[..., None], 3, 3)
    return _twice(images.grid([list(x), list(_translate(translation, x))]))


def _translate(translation: Checkpoint, x: Image) -> Image:
    """(N, 32, 32, 3) → G of them, RGB of the same shape."""
    pictures = to_float(torch.from_numpy(x).permute(0, 3, 1, 2))
    return images.to_images(to_rgb(translation.transfer(pictures)))


def _twice(image: Image) -> Image:
    return image.repeat(2, 0).repeat(2, 1)


def _captioned(columns: Mapping[str, Image]) -> Image:
    """Draw a column of pictures for each caption."""
    rows = len(next(iter(columns.values())))
    figure = _new_figure(1.25 * len(columns), 1.1 * rows + 0.6)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for j, (name, column) in enumerate(columns.items()):
        for i, picture in enumerate(column):
            grid[i, j].imshow(picture)
            grid[i, j].axis("off")
        grid[0, j].set_title(textwrap.fill(name, 16), fontsize=9)
    return _rendered(figure)


def _new_figure(width: float, height: float) -> Figure:
    """A figure of width × height inches at 100 dots per inch."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _rendered(figure: Figure) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
