"""Tables for the evidence of a checkpoint: out of JSON, side by side, and as Markdown or CSV with their sources."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..table import Source, Table, markdown_table

__all__ = ["Source", "Table", "markdown", "of_json", "side_by_side", "text", "to_csv", "key_to_words"]

MAX_COLUMNS = 14
"""A wider table made of JSON is transposed, if that makes it narrower."""

NUMBER_WORDS = "one|two|three|four|five|six|seven|eight"


def of_json(report: Mapping[str, Any], title: str, source: Source = Source()) -> list[Table]:  # noqa: B008 (frozen)
    """Turn any report into tables: one per dictionary of similar records, and one of all other values.

    Args:
        report: Parsed JSON.
        title: Title of the table of single values, and the start of the other titles.
        source: Where the figures come from.
    """
    single: dict[str, Any] = {}
    tables = []
    for key, value in report.items():
        records = _records(value)
        if records is None:
            single |= _flatten(value, key)
            continue
        rows, columns, constant = records
        single |= {f"{key} · {column}": value for column, value in constant.items()}
        tables.append(_matrix(rows, columns, f"{title}: {key_to_words(key)}", source))
    rows = tuple((key_to_words(key), text(value)) for key, value in single.items() if key != "format")
    return [*tables, Table(title, ("",), rows, source)] if rows else tables


def _flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Return path → value of everything in a value that fits in a cell."""
    if not isinstance(value, Mapping):
        return {path: value} if text(value) else {}
    flat: dict[str, Any] = {}
    for key, part in value.items():
        flat |= _flatten(part, f"{path} · {key}" if path else key)
    return flat


def _records(value: Any) -> tuple[dict[str, dict[str, Any]], list[str], dict[str, Any]] | None:
    """Split a dictionary of dictionaries with mostly the same keys into (rows, columns, values equal in all rows).

    Columns that most rows lack are left out. None for any other value.
    """
    if not isinstance(value, Mapping) or len(value) < 2 or not all(isinstance(v, Mapping) for v in value.values()):
        return None
    rows = {key: _flatten(inside) for key, inside in value.items()}
    every = list(dict.fromkeys(column for row in rows.values() for column in row))
    common = [column for column in every if 2 * sum(column in row for row in rows.values()) >= len(rows)]
    is_sparse = 2 * len(common) < len(every)
    if not common or (is_sparse and not all(set(row) & set(common) for row in rows.values())):
        return None
    varying = [column for column in common if len({text(row.get(column)) for row in rows.values()}) > 1]
    if not varying:
        return rows, common, {}
    first = next(iter(rows.values()))
    return rows, varying, {column: first[column] for column in common if column not in varying}


def _matrix(rows: Mapping[str, Mapping[str, Any]], columns: list[str], title: str, source: Source) -> Table:
    """Return a table with a line per row, transposed if it is too wide."""
    names = list(rows)
    cells = [[text(rows[name][column]) if column in rows[name] else "" for column in columns] for name in names]
    if len(columns) > MAX_COLUMNS and len(names) < len(columns):
        names, columns = columns, names
        cells = [list(line) for line in zip(*cells)]
    lines = tuple((key_to_words(name), *line) for name, line in zip(names, cells))
    return Table(title, tuple(map(key_to_words, columns)), lines, source)


def key_to_words(key: str) -> str:
    """Return a JSON key as people read it."""
    return key.replace("_", " ").strip()


def text(value: Any) -> str:
    """Format a value as a cell, floats to four significant digits; "" for what doesn't fit in one."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and 0 < len(value) <= 6 and not any(isinstance(v, Mapping | list) for v in value):
        return ", ".join(map(text, value))
    return ""


def markdown(tables: Iterable[Table]) -> str:
    """Render tables with their notes and sources."""
    parts = []
    for table in tables:
        source = vars(table.source)
        known = [f"{name}: {value}" for name, value in source.items() if value and name != "command"]
        command = f"`{table.source.command}`" if table.source.command else ""
        parts += [markdown_table(table), table.note, ", ".join(known), command]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_csv(tables: Iterable[tuple[str, Table]]) -> str:
    """Write (checkpoint, table) pairs as CSV: one line per figure, with its source."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(("checkpoint", "table", "row", "column", "value", "n", "seed", "data", "hash", "command"))
    for name, table in tables:
        for first, *cells in table.rows:
            for column, cell in zip(table.columns, cells):
                if cell:
                    rows.writerow((name, table.title, first, column, cell, *vars(table.source).values()))
    return buffer.getvalue()


def side_by_side(a: Sequence[Table], b: Sequence[Table], names: tuple[str, str]) -> list[Table]:
    """Return the tables that two checkpoints share, with both checkpoints' own columns and the paper's."""
    others = {_table_key(table): table for table in b}
    shared = []
    for table in a:
        other = others.get(_table_key(table))
        if other is not None and table.columns and other.columns:
            shared.append(_merged(table, other, names))
    return shared


def _merged(table: Table, other: Table, names: tuple[str, str]) -> Table:
    titles = {_row_key(row): row[0] for row in other.rows}
    theirs = {_row_key(row): row[1 + other.ours] for row in other.rows}
    paper = 1 + table.columns.index("paper") if "paper" in table.columns else None
    rows = []
    for row in table.rows:
        papers = () if paper is None else (row[paper],)
        rows.append((row[0], row[1 + table.ours], theirs.pop(_row_key(row), ""), *papers))
    blank = () if paper is None else ("",)
    rows += [(titles[key], "", cell, *blank) for key, cell in theirs.items()]
    return Table(table.title, names if paper is None else (*names, "paper"), tuple(rows))


def _table_key(table: Table) -> str:
    """Return the title without its numbers, which differ between checkpoints."""
    return re.sub(rf"\d[\d,.]*|\b({NUMBER_WORDS})\b", "", table.title).strip()


def _row_key(row: Sequence[str]) -> str:
    """Return the row's title without the number of questions, which differs between styles."""
    return re.sub(rf"\b({NUMBER_WORDS}|of the \d+|of \d+ probabilities)\b", "", row[0])
