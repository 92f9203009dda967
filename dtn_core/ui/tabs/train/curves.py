"""Curves of a run as small pictures, one a quantity: inline SVG, made here, so that the page needs no plotting library
and colours follow the page's light or dark (assets/train.css); assets/curves.js shows values under the pointer.
Measured on 10 panels of up to 800 values in headless Chromium on a busy machine, six redraws each: 0.28 s (median)
and 70 KB, with gr.LinePlot 4.8 s and 190 KB.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Name → (steps, values), as `training.status.RunStatus` has them."""

POINTS = 300
"""Most points of a line that are drawn; a panel is hardly wider in pixels."""

WIDTH, HEIGHT = 260, 132
LEFT, TOP, RIGHT, BOTTOM = 36, 8, 8, 20
"""Of a panel, in units of its viewBox; the margins hold the ticks."""


KEY = '<svg class="line-key" viewBox="0 0 24 6" aria-hidden="true"><line x2="24" y1="3" y2="3"/></svg>'
"""How a line is drawn: lines differ in dashes as in colour."""

SIDES = ("this", "other")
"""What two runs are called in one picture; the legend tells which is which."""


class Line(NamedTuple):
    """A curve in a panel; label: what the reader calls it, "" where it is alone."""

    name: str
    label: str = ""


class Panel(NamedTuple):
    """One small picture. title: HTML; unit: written behind values ("%" multiplies them by 100); mark: a value to
    compare with, drawn as a dashed line, and its name; about: a sentence shown on hover."""

    title: str
    lines: tuple[Line, ...]
    unit: str = ""
    mark: tuple[float, str] | None = None
    about: str = ""


_D = (Line("d", "sum"), Line("d_s", "G(s)"), Line("d_t", "G(t)"), Line("d_real", "real t"))
_PANELS = (
    Panel("Discriminator (L<sub>D</sub>)", _D, about="How badly D tells G(s), G(t) and real t apart."),
    Panel("Accuracy of D", (Line("d_accuracy"),), "%", (1 / 3, "chance"), "At chance, g fools D completely."),
    Panel("Fool D (L<sub>GANG</sub>)", (Line("gang"),), about="How far g is from passing for real t."),
    Panel("Constancy (L<sub>CONST</sub>)", (Line("const"),), about="How far f(G(s)) is from f(s)."),
    Panel("Identity (L<sub>TID</sub>)", (Line("tid"),), about="How far G(t) is from t."),
    Panel("Smoothness (L<sub>TV</sub>)", (Line("tv"),), about="Total variation of G’s pictures."),
    Panel("Generator (L<sub>G</sub>)", (Line("g"),), about="The weighted sum of all of g’s losses."),
)
_WORDS = {"const": "Constancy (L<sub>CONST</sub>)", "tid": "Identity (L<sub>TID</sub>)"}


def panels(names: Sequence[str], binary: bool = False) -> tuple[Panel, ...]:
    """What to draw of the curves with these names, in the paper's order, then the rest by name. binary: D tells two
    kinds apart, not three, so that chance is 1/2."""
    found = []
    for panel in _PANELS:
        lines = tuple(line for line in panel.lines if line.name in names)
        if panel.mark and binary:
            panel = panel._replace(mark=(1 / 2, "chance"))
        if lines:
            found.append(panel._replace(lines=lines if len(lines) > 1 else (Line(lines[0].name),)))
    known = {line.name for panel in _PANELS for line in panel.lines}
    rest = sorted(set(names) - known, key=lambda name: (name.startswith("val/"), name))
    return *found, *(Panel(_title(name), (Line(name),), "%" * ("accuracy" in name)) for name in rest)


def _title(name: str) -> str:
    checked, _, plain = name.rpartition("/")
    words = _WORDS.get(plain) or html.escape((plain[:1].upper() + plain[1:]).replace("_", " "))
    if checked == "val":
        return f"{words}, held out"
    return f"{html.escape(checked)} · {words}" if checked else words


def draw(curves: Curves, other: Curves | None = None, binary: bool = False) -> str:
    """All panels as HTML, "" where there is nothing to draw. other: of a second run, laid over the first; of several
    lines in a panel only the first is compared, or nobody could tell them apart."""
    names = {name for some in (curves, other or {}) for name, (steps, _) in some.items() if len(steps)}
    return "".join(_panel(panel, curves, other) for panel in panels(sorted(names), binary))


def _panel(panel: Panel, curves: Curves, other: Curves | None) -> str:
    lines = list(_lines(panel, curves, other))
    if not lines:
        return ""
    factor = 100 if panel.unit == "%" else 1
    x1 = max(float(line.steps[-1]) for line in lines) or 1.0
    y0, y1 = _range([line.values * factor for line in lines])
    marks, last = "", "".join(_last(line, factor, panel.unit) for line in lines)
    if panel.mark and y0 < (level := panel.mark[0] * factor) < y1:
        y = _y(np.array([level]), y0, y1)[0]
        marks = f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        marks += f'<text class="level" x="{WIDTH - RIGHT}" y="{y - 3:.1f}" text-anchor="end">{panel.mark[1]}</text>'
    drawn = "".join(_paths(line, factor, x1, y0, y1) for line in lines)
    scale = f'data-scale="{x1:g} {y0:.6g} {y1:.6g}" data-unit="{panel.unit}"'
    clip = f'<svg x="{LEFT}" y="0" width="{WIDTH - LEFT}" height="{HEIGHT - BOTTOM + 1}" viewBox="{LEFT} 0 '
    clip += f'{WIDTH - LEFT} {HEIGHT - BOTTOM + 1}">{drawn}</svg>'  # an inner svg cuts off what leaves it
    return (
        f'<figure class="curve" data-name="{_plain(panel.title)}">'
        f'<figcaption><span title="{html.escape(panel.about)}">{panel.title}</span>{last}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_plain(panel.title)}" {scale}>'
        f"{_axes(x1, y0, y1)}{marks}{clip}</svg></figure>"
    )


class _Series(NamedTuple):
    """A line's numbers. kind: its class in the style sheet."""

    label: str
    kind: str
    steps: NDArray[np.float64]
    values: NDArray[np.float64]


def _lines(panel: Panel, curves: Curves, other: Curves | None) -> Iterator[_Series]:
    """The lines of a panel that have numbers; those that aren't finite are left out."""
    sides = zip((curves, other), SIDES) if other is not None else ((curves, SIDES[0]),)
    for some, side in sides:
        for number, line in enumerate(panel.lines if other is None else panel.lines[:1]):
            steps, values = (np.asarray(part, np.float64) for part in some.get(line.name, ((), ())))
            good = np.isfinite(values)
            if good.any():
                label = line.label if other is None else side
                yield _Series(label, f"line-{number}" if side == SIDES[0] else "line-b", steps[good], values[good])


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A running mean that forgets over about a fortieth of all points, free of bias at the start."""
    keep = math.exp(-1 / max(1.0, len(values) / 40))
    result = np.empty(len(values))
    total = weight = 0.0
    for i, value in enumerate(values.tolist()):
        total, weight = keep * total + value, keep * weight + 1
        result[i] = total / weight
    return result


def thin(n: int, values: NDArray[np.float64], most: int = POINTS) -> NDArray[np.int64]:
    """At most so many of n indices: the first, the last, and of each stretch between them where the least and the
    greatest value stands, so that no peak is lost."""
    if n <= most:
        return np.arange(n)
    kept = {0, n - 1}
    for part in np.array_split(np.arange(1, n - 1), (most - 2) // 2):
        kept |= {int(part[values[part].argmin()]), int(part[values[part].argmax()])}
    return np.array(sorted(kept))


def _range(values: list[NDArray[np.float64]]) -> tuple[float, float]:
    """What the vertical axis spans: all, but for a few far outliers of long curves, such as the first steps."""
    low, high = [], []
    for v in values:
        long = len(v) > 30
        low.append(float(np.quantile(v, 0.01) if long else v.min()))
        high.append(float(np.quantile(v, 0.98) if long else v.max()))
        low[-1], high[-1] = min(low[-1], float(v[-1])), max(high[-1], float(v[-1]))
    y0, y1 = min(low), max(high)
    pad = (y1 - y0) * 0.06 or abs(y1) * 0.1 or 1.0
    return (0.0 if 0 <= y0 < (y1 - y0) * 0.6 else y0 - pad), y1 + pad


def _x(steps: NDArray[np.float64], x1: float) -> NDArray[np.float64]:
    return LEFT + steps / x1 * (WIDTH - LEFT - RIGHT)


def _y(values: NDArray[np.float64], y0: float, y1: float) -> NDArray[np.float64]:
    return TOP + (y1 - values) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)


def _paths(line: _Series, factor: float, x1: float, y0: float, y1: float) -> str:
    """The values themselves, faint, and smoothed, bold; a lone value is a dot."""
    values = line.values * factor
    even = smooth(values)
    raw = _points(line.steps, values, thin(len(values), values), x1, y0, y1)
    bold = _points(line.steps, even, thin(len(values), even, POINTS // 2), x1, y0, y1)
    if len(values) == 1:
        x, y = raw.split(",")
        dot = f'<circle class="{line.kind}" cx="{x}" cy="{y}" r="3"/>'
    else:
        dot = f'<polyline class="bold {line.kind}" points="{bold}"/>'
    return f'<polyline class="raw {line.kind}" data-label="{html.escape(line.label)}" points="{raw}"/>{dot}'


def _points(
    steps: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.int64], x1: float, y0: float, y1: float
) -> str:
    spots = zip(_x(steps[at], x1).tolist(), _y(values[at], y0, y1).tolist())
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from low to high, `most` of them at most."""
    apart = 10.0 ** math.floor(math.log10((high - low) / most))
    apart = next(apart * k for k in (1, 2, 5, 10, 20) if (high - low) / (apart * k) <= most - 0.5)
    first, last = math.ceil(low / apart - 1e-9), math.floor(high / apart + 1e-9)
    return [0.0 if k == 0 else k * apart for k in range(first, last + 1)]


def _axes(x1: float, y0: float, y1: float) -> str:
    parts = []
    for value in ticks(y0, y1):
        y = _y(np.array([value]), y0, y1)[0]
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{short(value)}</text>')
    for value in ticks(0, x1):
        x = _x(np.array([value]), x1)[0]
        anchor = "start" if value == 0 else "end" if x > WIDTH - RIGHT - 12 else "middle"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{short(value)}</text>')
    return f'<g class="axes">{"".join(parts)}</g>'


def _last(line: _Series, factor: float, unit: str) -> str:
    """The last value, as its line is drawn, and its name where there are several of one run."""
    label = f"{html.escape(line.label)} " if line.label not in SIDES else ""
    label = KEY + label if line.label else ""
    value = float(line.values[-1]) * factor
    return f'<i class="{line.kind}" title="last value">{label}<b>{short(value)}{unit}</b></i>'


def short(value: float) -> str:
    """Three digits that count: 0.0123, 1.23, 12.3, 4.5k, 2e-06."""
    size = abs(value)
    if size >= 999.5:
        return f"{value / 1000:.3g}k" if size < 999_500 else f"{value / 1e6:.3g}M"
    return f"{value:.3g}" if size >= 1e-4 or size == 0 else f"{value:.0e}"


def _plain(title: str) -> str:
    """A panel's title, which is HTML, for an attribute."""
    return title.replace("<sub>", "").replace("</sub>", "")
