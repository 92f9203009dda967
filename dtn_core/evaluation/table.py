"""Tables of figures: plain data until they are rendered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

COUNT_COLUMNS = ("n", "labelled")
"""Columns of sample sizes, which may precede the checkpoint's own column."""


@dataclass(frozen=True)
class Source:
    """Where a table's figures come from; fields that are unknown are empty.

    Attributes:
        n: How many pictures were measured.
        seed: Random seed, or seeds.
        data: Dataset and split.
        hash: Hash of the weights.
        command: Command that measures the figures again.
    """

    n: str = ""
    seed: str = ""
    data: str = ""
    hash: str = ""
    command: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose cells are formatted text.

    Attributes:
        title: What the rows are; the header of the first column.
        columns: Headers of the other columns.
        rows: Cells; the first cell names the row. `**` marks emphasis.
        source: Where the figures come from.
        ours: Index in `columns` of the checkpoint's own figures.
        note: Text under the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: Source = field(default=Source())
    ours: int = 0
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        rows = [dict(zip(("", *self.columns), row)) for row in self.rows]
        source = {key: value for key, value in vars(self.source).items() if value}
        return {"title": self.title, "rows": rows, "note": self.note, **source}

    def without_emphasis(self, source: Source) -> Table:
        """Return the table with plain cells and a one-line note, its source and its own column set."""
        rows = tuple(tuple(cell.replace("**", "").strip() for cell in row) for row in self.rows)
        note = " ".join(self.note.splitlines())
        return replace(self, rows=rows, source=source, ours=own_column(self.columns), note=note)


def own_column(columns: Sequence[str]) -> int:
    """Return the index of the checkpoint's own column: what it draws, if it draws."""
    preferences = (
        lambda name: name == "drawn" or name.endswith(", drawn"),
        lambda name: name == "ours",
        lambda name: name not in COUNT_COLUMNS,
    )
    for matches in preferences:
        for index, name in enumerate(columns):
            if matches(name):
                return index
    return 0


def markdown_table(table: Table) -> str:
    """Render a table without its note."""
    rule = "|---" * (len(table.columns) + 1) + "|"
    return "\n".join([_line((table.title, *table.columns)), rule, *map(_line, table.rows)])


def to_markdown(tables: Iterable[Table]) -> str:
    """Render tables, each followed by its note."""
    parts = []
    for table in tables:
        parts += [markdown_table(table), table.note]
    return "\n\n".join(part for part in parts if part)


def number(value: float | None, spec: str) -> str:
    """Format a figure; None becomes a dash."""
    return "—" if value is None else f"{value:{spec}}"


def percent(share: float | None) -> str:
    """Format a share: .123 → 12.3%; None becomes a dash."""
    return "—" if share is None else f"{100 * share:.1f}%"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
