"""Reliability and the map of f as inline SVG, so that colours follow the page's light or dark (assets/evidence.css)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from ....evaluation.evidence.tables import key_to_words
from ..train.curves import KEY

SIDE, LEFT, TOP, RIGHT, BOTTOM = 150, 26, 6, 8, 20
"""Size and margins of a reliability plot in units of its viewBox; the margins contain the ticks."""

MAP_SIZE = (420, 330)
KINDS = ("line-0", "line-1", "line-2", "line-3", "line-4")
MIN_PEOPLE = 10
"""Bins with fewer people are left out of the line, and out of plots by group: they are noise."""


class Line(NamedTuple):
    """A line of a reliability plot.

    Attributes:
        label: of the checkpoint or group.
        bins: (n, mean probability, share of correct predictions) of each bin.
    """

    label: str
    bins: Sequence[Sequence[float]]


def reliability(computed: Mapping[str, Any], other: Mapping[str, Any] | None, names: Sequence[str]) -> str:
    """Render a plot for each question, including the other checkpoint's line if it has the same question."""
    mine = _questions(computed)
    theirs = _questions(other)
    plots = []
    for name, row in mine.items():
        lines = [Line(names[0], row["bins"])]
        caption = f"n = {row['n']:,}, error {_error(row)}"
        if name in theirs:
            lines.append(Line(names[1], theirs[name]["bins"]))
            caption = f"error {_error(row)} and {_error(theirs[name])}"
        plots.append(_plot(key_to_words(name), caption, lines, ("line-0", "line-b")))
    return "".join(plots)


def by_group(computed: Mapping[str, Any]) -> str:
    """Render a plot for each question and kind of group, with a line for each group."""
    plots = []
    for name, row in _questions(computed).items():
        for axis, groups in row.get("groups", {}).items():
            if axis == "digit":
                continue  # ten lines of few points each: the table is clearer
            lines = [Line(group, [b for b in r["bins"] if b[0] >= MIN_PEOPLE]) for group, r in groups.items()]
            plots.append(
                _plot(f"{key_to_words(name)}, by {axis}", _legend([line.label for line in lines]), lines, KINDS, True)
            )
    return "".join(plots)


def errors(computed: Mapping[str, Any]) -> list[tuple[str, str, dict[str, str]]]:
    """Return (question, error of everybody, group → "error (n)") for the table of calibration errors."""
    rows = []
    for name, row in _questions(computed).items():
        cells = {
            group: f"{_error(r)} ({r['n']:,})"
            for groups in row.get("groups", {}).values()
            for group, r in groups.items()
        }
        rows.append((key_to_words(name), f"{_error(row)} ({row['n']:,})", cells))
    return rows


def _questions(computed: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return ((computed or {}).get("reliability") or {}).get("questions") or {}


def _error(row: Mapping[str, Any]) -> str:
    return "—" if row.get("ece") is None else f"{row['ece']:.3f}"


def _legend(labels: Sequence[str]) -> str:
    return " ".join(f'<b class="{kind}">{KEY}{escape(label)}</b>' for label, kind in zip(labels, KINDS))


def _plot(title: str, caption: str, lines: Sequence[Line], kinds: Sequence[str], is_html: bool = False) -> str:
    """Render a plot. is_html: whether the caption is HTML."""
    parts = []
    for line, kind in zip(lines, kinds):
        spots = [(n, _x(p), _y(share)) for n, p, share in line.bins]
        points = " ".join(f"{x:.1f},{y:.1f}" for n, x, y in spots if n >= MIN_PEOPLE)
        most = max((n for n, _, _ in spots), default=1)
        dots = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.5 + 3 * (n / most) ** 0.5:.1f}"><title>{escape(line.label)}: '
            f"predicted {100 * p:.0f}%, actual {100 * share:.0f}%, n = {n:,.0f}</title></circle>"
            for (n, x, y), (_, p, share) in zip(spots, line.bins)
        )
        parts.append(f'<g class="{kind}"><polyline points="{points}"/>{dots}</g>')
    ticks = "".join(
        f'<line x1="{LEFT}" x2="{SIDE - RIGHT}" y1="{_y(v):.1f}" y2="{_y(v):.1f}"/>'
        f'<text x="{LEFT - 4}" y="{_y(v) + 3:.1f}" text-anchor="end">{100 * v:.0f}</text>'
        f'<text x="{_x(v):.1f}" y="{SIDE - 7}" text-anchor="middle">{100 * v:.0f}</text>'
        for v in (0, 0.5, 1)
    )
    ideal = f'<line class="level" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>'
    summary = "; ".join(f"{line.label}: {_summary(line)}" for line in lines)
    return (
        f'<figure class="chart" data-name="{escape(title)}"><figcaption><span>{escape(title)}</span>'
        f"<i>{caption if is_html else escape(caption)}</i></figcaption>"
        f'<svg viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="Reliability of {escape(title)}. {escape(summary)}">'
        f'<g class="axes">{ticks}</g>{ideal}{"".join(parts)}</svg></figure>'
    )


def _summary(line: Line) -> str:
    return (
        ", ".join(f"predicted {100 * p:.0f}%, actual {100 * share:.0f}%" for _, p, share in line.bins)
        or "too few people"
    )


def _x(share: float) -> float:
    return LEFT + share * (SIDE - LEFT - RIGHT)


def _y(share: float) -> float:
    return TOP + (1 - share) * (SIDE - TOP - BOTTOM)


MARKS = (("t", "line-2", "● f(t)"), ("s", "line-1", "■ f(s)"), ("g", "line-0", "× f(G(s))"))
"""(set of points, CSS class, label) of the map, in drawing order; each has its own shape."""


def chart_of_f(computed: Mapping[str, Any], name: str) -> str:
    """Render the map of f: a dot for each f(t), a square for each f(s), a cross for each f(G(s))."""
    data = computed.get("map")
    if not data or not any(data["points"].values()):
        return ""
    points = data["points"]
    width, height = MAP_SIZE
    xs, ys = zip(*(point for part in points.values() for point in part))
    x0, x1 = min(xs), max(xs)
    y0, y1 = min(ys), max(ys)

    def place(point: Sequence[float]) -> str:
        x = 8 + (point[0] - x0) / ((x1 - x0) or 1) * (width - 16)
        y = height - 8 - (point[1] - y0) / ((y1 - y0) or 1) * (height - 16)
        return f"{x:.0f} {y:.0f}"

    draw = {"t": "M{}h0", "s": "M{}h0", "g": "M{}m-2 -2l4 4m-4 0l4 -4"}
    paths, keys = [], []
    for part, kind, label in MARKS:
        if part in points:
            d = "".join(draw[part].format(place(spot)) for spot in points[part])
            paths.append(f'<path class="{kind} mark-{part}" d="{d}"/>')
            keys.append(f'<b class="{kind}">{escape(label)}</b> {len(points[part])}')
    shares = " and ".join(f"{100 * v:.0f}%" for v in data["explained"])
    about = f"{escape(data['method'])} of the standardised features; the axes explain {shares} of their variance"
    return (
        f'<figure class="chart map" data-name="Map of f, {escape(name)}"><figcaption><span>{escape(name)}</span>'
        f"<i>{' · '.join(keys)}</i></figcaption>"
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Map of f of {escape(name)}: {about}">'
        f'{"".join(paths)}</svg><p class="quiet">{about}.</p></figure>'
    )
