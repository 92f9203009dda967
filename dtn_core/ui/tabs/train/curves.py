"""Training curves as inline SVG, one panel for each quantity.

The page needs no plotting library, and colours follow the light or dark theme (assets/train.css). assets/js/curves.js
shows values under the pointer. Ten panels of up to 800 values took a median of 0.28 s and 70 KB in headless Chromium,
against 4.8 s and 190 KB with gr.LinePlot.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Name → (steps, values), as in `training.runs.status.RunStatus`."""

POINTS = 300
"""Maximum points of a line, about the width of a panel in pixels."""

WIDTH, HEIGHT = 260, 132
LEFT, TOP, RIGHT, BOTTOM = 36, 8, 8, 20
"""Size and margins of a panel in units of its viewBox; the margins contain the ticks."""

KEY = '<svg class="line-key" viewBox="0 0 24 6" aria-hidden="true"><line x2="24" y1="3" y2="3"/></svg>'
"""Sample of a line for legends; lines differ in dashes as well as in colour."""

SIDES = ("this", "other")
"""Labels of two runs in one panel."""


class Line(NamedTuple):
    """A curve in a panel. label: "" if it is the only one."""

    name: str
    label: str = ""


class Panel(NamedTuple):
    """A plot of one quantity.

    Attributes:
        title: as HTML.
        lines: its curves.
        unit: written after values; "%" multiplies them by 100.
        mark: a reference value, drawn as a dashed line, and its label.
        about: sentence shown on hover.
    """

    title: str
    lines: tuple[Line, ...]
    unit: str = ""
    mark: tuple[float, str] | None = None
    about: str = ""


_D = (Line("d", "sum"), Line("d_s", "G(s)"), Line("d_t", "G(t)"), Line("d_real", "real t"))
_PANELS = (
    Panel("Discriminator (L<sub>D</sub>)", _D, about="How poorly D tells G(s), G(t) and real t apart."),
    Panel("Accuracy of D", (Line("d_accuracy"),), "%", (1 / 3, "chance"), "At chance, g fools D completely."),
    Panel("Fool D (L<sub>GANG</sub>)", (Line("gang"),), about="How far g is from fooling D."),
    Panel("Constancy (L<sub>CONST</sub>)", (Line("const"),), about="How far f(G(s)) is from f(s)."),
    Panel("Identity (L<sub>TID</sub>)", (Line("tid"),), about="How far G(t) is from t."),
    Panel("Smoothness (L<sub>TV</sub>)", (Line("tv"),), about="Total variation of G’s pictures."),
    Panel("Generator (L<sub>G</sub>)", (Line("g"),), about="The weighted sum of all of g’s losses."),
)
_WORDS = {"const": "Constancy (L<sub>CONST</sub>)", "tid": "Identity (L<sub>TID</sub>)"}


def panels(names: Sequence[str], binary: bool = False) -> tuple[Panel, ...]:
    """Return the panels of the curves with these names, in the paper's order, then the others by name.

    Args:
        names: of curves.
        binary: D has two classes instead of three, so that chance is 1/2.
    """
    selected = []
    for panel in _PANELS:
        lines = tuple(line for line in panel.lines if line.name in names)
        if panel.mark and binary:
            panel = panel._replace(mark=(1 / 2, "chance"))
        if lines:
            selected.append(panel._replace(lines=lines if len(lines) > 1 else (Line(lines[0].name),)))
    known = {line.name for panel in _PANELS for line in panel.lines}
    rest = sorted(set(names) - known, key=lambda name: (name.startswith("val/"), name))
    return *selected, *(Panel(_title(name), (Line(name),), "%" * ("accuracy" in name)) for name in rest)


def _title(name: str) -> str:
    checked, _, plain = name.rpartition("/")
    words = _WORDS.get(plain) or html.escape((plain[:1].upper() + plain[1:]).replace("_", " "))
    if checked == "val":
        return f"{words}, held out"
    return f"{html.escape(checked)} · {words}" if checked else words


def draw(curves: Curves, other: Curves | None = None, binary: bool = False) -> str:
    """Render all panels as HTML; "" if there are no values.

    Args:
        curves: of a run.
        other: of a second run, drawn over the first. Only the first line of each panel is compared, for legibility.
        binary: as in `panels`.
    """
    names = {name for both in (curves, other or {}) for name, (steps, _) in both.items() if len(steps)}
    return "".join(_panel(panel, curves, other) for panel in panels(sorted(names), binary))


def _panel(panel: Panel, curves: Curves, other: Curves | None) -> str:
    lines = list(_lines(panel, curves, other))
    if not lines:
        return ""
    factor = 100 if panel.unit == "%" else 1
    x1 = max(float(line.steps[-1]) for line in lines) or 1.0
    y0, y1 = _range([line.values * factor for line in lines])
    marks = ""
    last = "".join(_last(line, factor, panel.unit) for line in lines)
    if panel.mark and y0 < (level := panel.mark[0] * factor) < y1:
        y = _y(np.array([level]), y0, y1)[0]
        marks = f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        marks += f'<text class="level" x="{WIDTH - RIGHT}" y="{y - 3:.1f}" text-anchor="end">{panel.mark[1]}</text>'
    drawn = "".join(_paths(line, factor, x1, y0, y1) for line in lines)
    scale = f'data-scale="{x1:g} {y0:.6g} {y1:.6g}" data-unit="{panel.unit}"'
    clip = f'<svg x="{LEFT}" y="0" width="{WIDTH - LEFT}" height="{HEIGHT - BOTTOM + 1}" viewBox="{LEFT} 0 '
    clip += f'{WIDTH - LEFT} {HEIGHT - BOTTOM + 1}">{drawn}</svg>'  # an inner svg clips its contents
    return (
        f'<figure class="curve" data-name="{_plain(panel.title)}">'
        f'<figcaption><span title="{html.escape(panel.about)}">{panel.title}</span>{last}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_plain(panel.title)}" {scale}>'
        f"{_axes(x1, y0, y1)}{marks}{clip}</svg></figure>"
    )


class _Series(NamedTuple):
    """The finite values of a line. kind: its CSS class."""

    label: str
    kind: str
    steps: NDArray[np.float64]
    values: NDArray[np.float64]


def _lines(panel: Panel, curves: Curves, other: Curves | None) -> Iterator[_Series]:
    """Yield the lines of a panel that have finite values."""
    sides = zip((curves, other), SIDES) if other is not None else ((curves, SIDES[0]),)
    for run_curves, side in sides:
        for number, line in enumerate(panel.lines if other is None else panel.lines[:1]):
            steps, values = (np.asarray(axis, np.float64) for axis in run_curves.get(line.name, ((), ())))
            finite = np.isfinite(values)
            if finite.any():
                label = line.label if other is None else side
                kind = f"line-{number}" if side == SIDES[0] else "line-b"
                yield _Series(label, kind, steps[finite], values[finite])


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bias-corrected exponential moving average over about a fortieth of all points."""
    decay = math.exp(-1 / max(1.0, len(values) / 40))
    result = np.empty(len(values))
    total = weight = 0.0
    for i, value in enumerate(values.tolist()):
        total = decay * total + value
        weight = decay * weight + 1
        result[i] = total / weight
    return result


def thin(n: int, values: NDArray[np.float64], maximum: int = POINTS) -> NDArray[np.int64]:
    """Select at most `maximum` of n indices: both ends, and the minimum and maximum of each segment between them.

    No peak is lost this way.
    """
    if n <= maximum:
        return np.arange(n)
    indices = {0, n - 1}
    for segment in np.array_split(np.arange(1, n - 1), (maximum - 2) // 2):
        indices |= {int(segment[values[segment].argmin()]), int(segment[values[segment].argmax()])}
    return np.array(sorted(indices))


def _range(lines: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the range of the vertical axis, without a few outliers of long curves, such as the first steps."""
    lows, highs = [], []
    for values in lines:
        low, high = np.quantile(values, (0.01, 0.98) if len(values) > 30 else (0, 1))
        last = float(values[-1])
        lows.append(min(float(low), last))
        highs.append(max(float(high), last))
    y0, y1 = min(lows), max(highs)
    pad = (y1 - y0) * 0.06 or abs(y1) * 0.1 or 1.0
    starts_at_zero = 0 <= y0 < (y1 - y0) * 0.6
    return 0.0 if starts_at_zero else y0 - pad, y1 + pad


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
    """Render the values as a faint line and the smoothed values as a bold one; a single value as a dot."""
    values = line.values * factor
    smoothed = smooth(values)
    raw = _points(line.steps, values, thin(len(values), values), x1, y0, y1)
    bold = _points(line.steps, smoothed, thin(len(values), smoothed, POINTS // 2), x1, y0, y1)
    if len(values) == 1:
        x, y = raw.split(",")
        dot = f'<circle class="{line.kind}" cx="{x}" cy="{y}" r="3"/>'
    else:
        dot = f'<polyline class="bold {line.kind}" points="{bold}"/>'
    return f'<polyline class="raw {line.kind}" data-label="{html.escape(line.label)}" points="{raw}"/>{dot}'


def _points(
    steps: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.int64], x1: float, y0: float, y1: float
) -> str:
    coordinates = zip(_x(steps[at], x1).tolist(), _y(values[at], y0, y1).tolist())
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in coordinates)


def ticks(low: float, high: float, maximum: int = 5) -> list[float]:
    """Return at most `maximum` round numbers from low to high, whose interval is 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / maximum))
    interval = next(power * k for k in (1, 2, 5, 10, 20) if (high - low) / (power * k) <= maximum - 0.5)
    first = math.ceil(low / interval - 1e-9)
    last = math.floor(high / interval + 1e-9)
    return [0.0 if k == 0 else k * interval for k in range(first, last + 1)]


def _axes(x1: float, y0: float, y1: float) -> str:
    parts = []
    for value in ticks(y0, y1):
        y = _y(np.array([value]), y0, y1)[0]
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{short(value)}</text>')
    for value in ticks(0, x1):
        x = _x(np.array([value]), x1)[0]
        anchor = "end" if x > WIDTH - RIGHT - 12 else "middle"
        if value == 0:
            anchor = "start"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{short(value)}</text>')
    return f'<g class="axes">{"".join(parts)}</g>'


def _last(line: _Series, factor: float, unit: str) -> str:
    """Render the last value in the style of its line, with its label if a run has several lines."""
    label = f"{html.escape(line.label)} " if line.label not in SIDES else ""
    label = KEY + label if line.label else ""
    value = float(line.values[-1]) * factor
    return f'<i class="{line.kind}" title="last value">{label}<b>{short(value)}{unit}</b></i>'


def short(value: float) -> str:
    """Format with three significant digits: 0.0123, 1.23, 12.3, 4.5k, 2e-06."""
    size = abs(value)
    if size >= 999.5:
        return f"{value / 1000:.3g}k" if size < 999_500 else f"{value / 1e6:.3g}M"
    return f"{value:.3g}" if size >= 1e-4 or size == 0 else f"{value:.0e}"


def _plain(title: str) -> str:
    """Convert a panel's title from HTML to plain text."""
    return title.replace("<sub>", "").replace("</sub>", "")
