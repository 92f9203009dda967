"""Evidence as HTML. All text from files is escaped."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ....evaluation.evidence.reading import Evidence
from ....evaluation.evidence.tables import Table, markdown, side_by_side, to_csv
from ...components.html import message
from ..train.curves import KEY
from . import charts

QUANTILES = ("5%", "25%", "median", "75%", "95%")


BASELINE = "nearest avatar", "by the nearest avatar"
HEADLINES = (
    ("six right", "of unseen people get all six attributes right", *BASELINE),
    ("five right", "of unseen people get all five attributes right", *BASELINE),
    ("our best:", "% of street numbers become the right handwritten digit", "", ""),
    ("DTN", "% of street numbers become the right handwritten digit, in the paper’s setting", "paper", "in the paper"),
    ("median rank of the person's photo", "median rank of a photo, searched by the emoji", "chance", "by chance"),
    ("diversity", "of the diversity of real avatars", *BASELINE),
    ("KID", "KID × 1000: distance to real avatars; 0 is best", *BASELINE),
    ("mean", "mean AUC of the attributes that f reads", "", ""),
    ("screen-print", "f-constancy; lower is better", "", ""),
)
"""Start of a row's name, what its figure means, the column to compare with, and what that is."""

HEADLINE_COUNT = 3

NOT_MEASURED = ("", "—", "— / —")
"""Cells of rows that say nothing."""


def headlines(evidence: Evidence) -> str:
    """Render the main figures of a checkpoint in words; "" if it has none of them."""
    items = []
    for start, meaning, column, about in HEADLINES:
        found = next(((t, row) for t in evidence.tables for row in t.rows if row[0].startswith(start)), None)
        if found is None or len(items) == HEADLINE_COUNT:
            continue
        data, (_, *cells) = found
        value = _figure(cells[data.ours or 0])
        other = _figure(cells[data.columns.index(column)]) if column in data.columns else ""
        if value in NOT_MEASURED:
            continue
        compared = f" <i>{escape(other)} {escape(about)}</i>" if other not in NOT_MEASURED else ""
        items.append(f"<li><b>{escape(value)}</b> {escape(meaning)}{compared}</li>")
    return f'<ul class="headlines">{"".join(items)}</ul>' if items else ""


def _figure(cell: str) -> str:
    """A figure without its deviation, count or second figure in brackets."""
    return re.split(r" \(| ±", cell)[0]


def code(text: str) -> str:
    """Render plain text with commands in backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def table(data: Table, titled: bool = True) -> str:
    """Render a scrollable table with the checkpoint's own column highlighted. titled: whether to show its title."""
    left_out = [first for first, *cells in data.rows if cells and all(cell in NOT_MEASURED for cell in cells)]
    head = "".join(f'<th scope="col"{_mine(i, data)}>{escape(column)}</th>' for i, column in enumerate(data.columns))
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td{_mine(i, data)}>{escape(cell)}</td>" for i, cell in enumerate(cells))
        + "</tr>"
        for first, *cells in data.rows
        if first not in left_out
    )
    first = f'<th scope="col">{escape(data.title)}</th>' if titled else "<td></td>"
    named = f"<thead><tr>{first}{head}</tr></thead>" if any(data.columns) else ""
    note = f'<p class="quiet">{escape(data.note)}</p>' if data.note else ""
    if left_out:
        names = ", ".join(name.partition(" (")[0] for name in left_out)
        note += f'<p class="quiet">Not measured, since this style can’t show it: {escape(names)}.</p>'
    frame = f'<div class="figures" role="group" tabindex="0" aria-label="{escape(data.title or "Figures")}">'
    return f"{frame}<table>{named}<tbody>{body}</tbody></table></div>{note}{_source(data)}"


def _mine(place: int, data: Table) -> str:
    return ' class="ours"' if place == data.ours and len(data.columns) > 1 else ""


def _source(data: Table) -> str:
    source = data.source
    facts = [
        f"n = {source.n}" if source.n else "",
        f"seed {source.seed}" if source.seed else "",
        source.data,
        source.hash,
    ]
    line = " · ".join(escape(fact) for fact in facts if fact)
    command = f"<code>{escape(source.command)}</code>" if source.command else ""
    return f'<p class="source">{line} {command}</p>' if line or command else ""


def fold(title: str, inside: str, is_open: bool = False) -> str:
    """Render HTML that can be folded."""
    return f"<details{' open' * is_open}><summary>{escape(title)}</summary>{inside}</details>"


def heads(evidence: Evidence, other: Evidence | None) -> str:
    """Render the main figures, facts and notes of one or two checkpoints."""
    both = [evidence, *([other] if other else [])]
    return f'<div class="evidence-heads">{"".join(map(_head, both))}</div>'


def figures(evidence: Evidence, other: Evidence | None) -> str:
    """Render all tables; for two checkpoints, first the common tables side by side."""
    both = [evidence, *([other] if other else [])]
    parts = ["<h2>All results</h2>"]
    if other:
        same = side_by_side(evidence.tables, other.tables, (evidence.name, other.name))
        if same:
            parts += [fold(t.title, table(t, False), i < 2) for i, t in enumerate(same)]
        else:
            parts.append(message("These checkpoints are of different kinds and have no table in common.", "hint"))
    for one in both:
        every = "".join(fold(t.title, table(t, False), i < 2 and not other) for i, t in enumerate(one.tables))
        parts.append(fold(f"All of {one.name}", every) if other and every else every)
    return "".join(parts)


def _head(evidence: Evidence) -> str:
    cells = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in evidence.facts)
    notes = "".join(f'<p class="message hint">{code(note)}</p>' for note in evidence.notes)
    facts = f"<dl>{cells}</dl>"
    return f"<section><h3>{escape(evidence.name)}</h3>{headlines(evidence)}{facts}{notes}</section>"


def reliability(evidence: Evidence, other: Evidence | None) -> str:
    """Render reliability plots, those by group, and calibration errors; "" if nothing has been computed."""
    if not evidence.computed or not evidence.computed.get("reliability"):
        return ""
    names = [evidence.name, other.name if other else ""]
    plots = charts.reliability(evidence.computed, other.computed if other else None, names)
    by = evidence.computed["reliability"].get("by", "")
    about = (
        f"Probabilities predicted by {escape(by)}: of the predictions with 80%, 80% should be right (the dashed line). "
        "Dot size: number of samples; error: expected calibration error (ECE)."
    )
    if other and other.computed:
        about += f' <b class="line-0">{KEY}{escape(evidence.name)}</b> <b class="line-b">{KEY}{escape(other.name)}</b>'
    groups = charts.by_group(evidence.computed)
    parts = [f'<h2>Reliability</h2><p class="quiet">{about}</p><div class="charts">{plots}</div>']
    if groups:
        parts.append(fold("By group", f'<div class="charts">{groups}</div>'))
    parts.append(fold("Errors by group", table(error_table(evidence))))
    return "".join(parts)


def error_table(evidence: Evidence) -> Table:
    """Return the calibration errors, one column for each group."""
    rows = charts.errors(evidence.computed or {})
    groups = list(dict.fromkeys(group for _, _, cells in rows for group in cells))
    table_rows = tuple((name, everybody, *(cells.get(g, "") for g in groups)) for name, everybody, cells in rows)
    return Table("calibration error, ECE (n)", ("everybody", *groups), table_rows)


def copying(evidence: Evidence) -> str:
    """Render the distances to the nearest picture of t as a table; "" if nothing has been computed."""
    near = (evidence.computed or {}).get("neighbours")
    return table(copying_table(near)) if near else ""


def copying_table(near: Mapping[str, Any]) -> Table:
    """Return quantiles of the distances to the nearest training picture, of G(s) and of unseen t."""
    n = near["n"]
    rows = []
    for space, name in (("pixels", "pixels, 0 to 1"), ("f", "f, in deviations")):
        for who, title in (("made", "G(s)"), ("unseen", "unseen t")):
            rows.append((f"{name}: {title}", *(f"{v:.3f}" for v in near[space][who])))
    closer = ", ".join(
        f"{100 * near[space]['closer']:.1f}% by {name}" for space, name in (("pixels", "pixels"), ("f", "f"))
    )
    note = (
        f"{n['made']} G(s) and {n['unseen']} unseen pictures of t, each against {n['learnt']:,} training pictures. "
        f"Share of G(s) that is nearer than 95% of the unseen: {closer}; 5% means no memorization."
    )
    return Table("distance to the nearest training t", QUANTILES, tuple(rows), ours=2, note=note)


def own_tables(evidence: Evidence) -> list[Table]:
    """Return all tables of a checkpoint, including calibration and memorization."""
    tables = list(evidence.tables)
    if evidence.computed and evidence.computed.get("reliability"):
        tables.append(error_table(evidence))
    if evidence.computed and evidence.computed.get("neighbours"):
        tables.append(copying_table(evidence.computed["neighbours"]))
    return tables


def downloads(evidence: Evidence, other: Evidence | None) -> str:
    """Render download links as JSON, CSV and Markdown; assets/js/evidence.js creates a PNG."""
    both = [evidence, *([other] if other else [])]
    name = "-".join(re.sub(r"[^\w.-]+", "-", one.name) for one in both)
    texts = {
        "json": ("application/json", json.dumps([one.to_dict() for one in both], ensure_ascii=False)),
        "csv": ("text/csv", to_csv((one.name, t) for one in both for t in own_tables(one))),
        "md": ("text/markdown", "\n".join(f"# {one.name}\n\n{markdown(own_tables(one))}" for one in both)),
    }
    links = "".join(
        f'<a class="evidence-link" download="evidence-{escape(name)}.{suffix}" '
        f'href="data:{kind};base64,{base64.b64encode(text.encode()).decode()}">{suffix.upper()}</a>'
        for suffix, (kind, text) in texts.items()
    )
    png = f'<button type="button" class="evidence-link" data-png="evidence-{escape(name)}.png">PNG</button>'
    return f'<div class="evidence-downloads">{links}{png}</div>'


def suites(results: Mapping[str, Sequence[Table] | str]) -> str:
    """Render all results in results/, folded."""
    parts = []
    for title, tables in results.items():
        if isinstance(tables, str):
            inside = f'<p class="message hint">{code(tables)}</p>'
        else:
            inside = "".join(f"<h4>{escape(t.title)}</h4>{table(t, False)}" for t in tables)
        parts.append(fold(title, inside))
    return "".join(parts)
