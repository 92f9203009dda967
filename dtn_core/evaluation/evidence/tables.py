"""Tables of figures: out of Markdown and JSON, and into Markdown, CSV and JSON again."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

NOT_OURS = ("n", "labelled")
"""Columns that tell how many, before ours."""

WIDEST = 14
"""Columns of a table made of JSON at most; more become rows."""


@dataclass(frozen=True)
class Source:
    """Where a table's figures come from; what isn't known is empty. n: how many were measured; hash: of the weights."""

    n: str = ""
    seed: str = ""
    data: str = ""
    hash: str = ""
    command: str = ""


@dataclass(frozen=True)
class Table:
    """title: what the rows are; columns: those after the first; rows: cells, the first names the row; ours: which
    column is the checkpoint's own, counted after the first; note: a paragraph under it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: Source = field(default=Source())
    ours: int = 0
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        rows = [dict(zip(("", *self.columns), row)) for row in self.rows]
        kept = {key: value for key, value in vars(self.source).items() if value}
        return {"title": self.title, "rows": rows, "note": self.note, **kept}


def parse(text: str, source: Source = Source()) -> list[Table]:  # noqa: B008 (frozen)
    """The tables of a Markdown text, in their order; a paragraph after one is its note."""
    found: list[Table] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.strip().splitlines()
        table = [_cells(line) for line in lines if line.startswith("|")]
        if len(table) > 1:
            (title, *columns), rows = table[0], [tuple(row) for row in table[2:]]
            found.append(Table(title, tuple(columns), tuple(rows), source, _ours(columns)))
        rest = " ".join(line for line in lines if not line.startswith(("|", "#", "!", "```"))).strip()
        if rest and found:
            found[-1] = replace(found[-1], note=f"{found[-1].note} {rest}".strip())
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("**", "") for cell in line.strip().strip("|").split("|")]


def _ours(columns: Sequence[str]) -> int:
    """The column of what is shipped: what it draws, where it draws."""
    for good in (lambda c: c == "drawn" or c.endswith(", drawn"), lambda c: c == "ours", lambda c: c not in NOT_OURS):
        place = next((i for i, column in enumerate(columns) if good(column)), None)
        if place is not None:
            return place
    return 0


def of_json(report: Mapping[str, Any], title: str, source: Source = Source()) -> list[Table]:  # noqa: B008
    """Any report as tables: one of all that stands alone, and one of each dictionary of things alike, a row a thing."""
    alone: dict[str, Any] = {}
    alike = []
    for key, value in report.items():
        if things := _alike(value):
            rows, columns, same = things
            alike.append((key, rows, columns))
            alone |= {f"{key} · {column}": value for column, value in same.items()}
        else:
            alone |= _flat(value, key)
    rows = tuple((words(key), text(value)) for key, value in alone.items() if key != "format")
    found = [Table(title, ("",), rows, source)] if rows else []
    return [*(_matrix(rows, columns, f"{title}: {words(key)}", source) for key, rows, columns in alike), *found]


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """What a value holds that can stand in a cell: path → value."""
    if not isinstance(value, Mapping):
        return {name: value} if text(value) else {}
    inside: dict[str, Any] = {}
    for key, part in value.items():
        inside |= _flat(part, f"{name} · {key}" if name else key)
    return inside


def _alike(value: Any) -> tuple[dict[str, dict[str, Any]], list[str], dict[str, Any]] | None:
    """The rows, the columns, and what is the same in all rows, of a dictionary whose values are dictionaries with the
    same keys; None of any other. Columns that most rows don't have are left out."""
    if not isinstance(value, Mapping) or len(value) < 2 or not all(isinstance(v, Mapping) for v in value.values()):
        return None
    rows = {key: _flat(inside) for key, inside in value.items()}
    every = list(dict.fromkeys(column for row in rows.values() for column in row))
    common = [column for column in every if 2 * sum(column in row for row in rows.values()) >= len(rows)]
    if 2 * len(common) < len(every) and not all(set(row) & set(common) for row in rows.values()):
        return None
    changing = [c for c in common if len({text(row.get(c)) for row in rows.values()}) > 1]
    same = {c: next(iter(rows.values()))[c] for c in common if c not in changing}
    return (rows, changing or common, same if changing else {}) if common else None


def _matrix(rows: Mapping[str, Mapping[str, Any]], columns: list[str], title: str, source: Source) -> Table:
    """A row each; on its side where it would be too wide."""
    cells = {(r, c): text(values[c]) if c in values else "" for r, values in rows.items() for c in columns}
    across, down = columns, list(rows)
    if len(across) > WIDEST and len(down) < len(across):
        across, down = down, across
        cells = {(column, row): value for (row, column), value in cells.items()}
    made = tuple((words(row), *(cells[row, column] for column in across)) for row in down)
    return Table(title, tuple(words(column) for column in across), made, source)


def words(key: str) -> str:
    """The keys of JSON as people read them."""
    return key.replace("_", " ").strip()


def text(value: Any) -> str:
    """A value as a cell; "" of what is no cell. Four digits that count, no more than the file has."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(value, "—")
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and 0 < len(value) <= 6 and not any(isinstance(v, Mapping | list) for v in value):
        return ", ".join(text(v) for v in value)
    return ""


def markdown(tables: Iterable[Table]) -> str:
    """Tables as Markdown, with their notes."""
    parts = []
    for table in tables:
        lines = [_line((table.title, *table.columns)), "|---" * (len(table.columns) + 1) + "|"]
        parts.append("\n".join([*lines, *map(_line, table.rows)]))
        known = [f"{name}: {value}" for name, value in vars(table.source).items() if value and name != "command"]
        told = [table.note, ", ".join(known), table.source.command and f"`{table.source.command}`"]
        parts += [line for line in told if line]
    return "\n\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def to_csv(tables: Iterable[tuple[str, Table]]) -> str:
    """(checkpoint, table) → one line a figure, with all that it rests on."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(("checkpoint", "table", "row", "column", "value", "n", "seed", "data", "hash", "command"))
    for name, table in tables:
        s = table.source
        for first, *cells in table.rows:
            for column, cell in zip(table.columns, cells):
                if cell:
                    rows.writerow((name, table.title, first, column, cell, s.n, s.seed, s.data, s.hash, s.command))
    return buffer.getvalue()


def side_by_side(a: Sequence[Table], b: Sequence[Table], names: tuple[str, str]) -> list[Table]:
    """The tables that two checkpoints have both, each with the two own columns, and the paper's."""
    others = {_key(table): table for table in b}
    found = []
    for table in a:
        other = others.get(_key(table))
        if other is None or not table.columns or not other.columns:
            continue
        theirs = {_key_of_row(row): row[1 + other.ours] for row in other.rows}
        paper = table.columns.index("paper") if "paper" in table.columns else None
        rows = []
        for row in table.rows:
            cells = (row[0], row[1 + table.ours], theirs.pop(_key_of_row(row), ""))
            rows.append(cells if paper is None else (*cells, row[1 + paper]))
        rest = {_key_of_row(row): row[0] for row in other.rows}
        rows += [(rest[key], "", cell, *([""] if paper is not None else [])) for key, cell in theirs.items()]
        columns = (*names, "paper") if paper is not None else names
        found.append(Table(table.title, columns, tuple(rows)))
    return found


def _key(table: Table) -> str:
    return re.sub(r"\d[\d,.]*|\b(one|two|three|four|five|six|seven|eight)\b", "", table.title).strip()


def _key_of_row(row: Sequence[str]) -> str:
    """The same question of two checkpoints, though they are asked different numbers of them."""
    return re.sub(r"\b(one|two|three|four|five|six|seven|eight|of the \d+|of \d+ probabilities)\b", "", row[0])
