"""Read the tables of a Markdown text back, to compare cards and docs with what the package computes."""

import re

from dtn_core.evaluation.table import Source, Table, own_column


def parse(text, source=Source()):  # noqa: B008 (frozen)
    """Return the tables of a text, without emphasis; a paragraph after a table is its note."""
    tables, notes = [], []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.strip().splitlines()
        rows = [cells(line) for line in lines if line.startswith("|")]
        if len(rows) > 1:
            tables.append((rows[0], rows[2:]))
            notes.append([])
        paragraph = [line for line in lines if not line.startswith(("|", "#", "!", "```"))]
        if notes:
            notes[-1] += paragraph
    return [
        Table(head[0], head[1:], tuple(rows), source, own_column(head[1:]), " ".join(note))
        for (head, rows), note in zip(tables, notes)
    ]


def cells(line):
    return tuple(cell.strip().replace("**", "") for cell in line.strip().strip("|").split("|"))
