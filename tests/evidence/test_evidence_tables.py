"""Tables out of Markdown and JSON, side by side, and out again."""

import csv
import io

import pytest
from markdown_tables import parse

from dtn_core.evaluation.evidence.tables import Source, markdown, of_json, side_by_side, text, to_csv

PAGE = """Some words.

| Table 1, % | ours | paper |
|---|---|---|
| **DTN** | 92.61 ± 2.69 (3) | 90.66 |
| best | 95.29 | |

A note on
two lines.

| of 10 people | painted | drawn |
|---|---|---|
| hat | 1 / 2 | 3 / 4 |
"""
SOURCE = Source("1181", "0, 1", "SVHN", "abc", "python -m x")


def test_markdown_is_parsed_and_written_again():
    first, second = parse(PAGE, SOURCE)
    assert (first.title, first.columns, first.ours) == ("Table 1, %", ("ours", "paper"), 0)
    assert first.rows == (("DTN", "92.61 ± 2.69 (3)", "90.66"), ("best", "95.29", ""))
    assert first.note == "A note on two lines."
    assert (second.columns[second.ours], second.source) == ("drawn", SOURCE)
    again = parse(markdown([first, second]))
    assert [t.rows for t in again] == [first.rows, second.rows]
    assert "n: 1181, seed: 0, 1, data: SVHN, hash: abc" in markdown([first])


def test_csv_has_a_line_a_figure_with_all_it_rests_on():
    rows = list(csv.DictReader(io.StringIO(to_csv(("it", t) for t in parse(PAGE, SOURCE)))))
    assert len(rows) == 5  # an empty cell is no figure
    assert rows[1] == {
        "checkpoint": "it", "table": "Table 1, %", "row": "DTN", "column": "paper", "value": "90.66", "n": "1181",
        "seed": "0, 1", "data": "SVHN", "hash": "abc", "command": "python -m x",
    }  # fmt: skip


def test_two_checkpoints_side_by_side():
    other = parse(PAGE.replace("95.29", "80.00").replace("of 10", "of 20").replace("best", "worst"))
    one, two = side_by_side(parse(PAGE), other, ("a", "b"))
    assert one.columns == ("a", "b", "paper")
    assert one.rows == (
        ("DTN", "92.61 ± 2.69 (3)", "92.61 ± 2.69 (3)", "90.66"), ("best", "95.29", "", ""), ("worst", "", "80.00", ""),
    )  # fmt: skip
    assert two.rows == (("hat", "3 / 4", "3 / 4"),)
    assert side_by_side(parse(PAGE), [], ("a", "b")) == []
    rows = [parse(f"| t | x |\n|---|---|\n| mean AUC of {n} probabilities | {n} |") for n in (9, 10)]
    (both,) = side_by_side(*rows, ("a", "b"))
    assert both.rows == (("mean AUC of 9 probabilities", "9", "10"),)


def test_json_becomes_tables_of_similar_records():
    report = {
        "format": 1, "n": 30, "machine": "x", "ms": {"photo": {"a": 1.23456, "n": 2}, "live": {"a": 3.0, "n": 2}},
        "page": {"start": {"app": 9.07}, "far": None},
    }  # fmt: skip
    ms, rest = of_json(report, "Latency")
    assert (ms.title, ms.columns, ms.rows) == ("Latency: ms", ("a",), (("photo", "1.235"), ("live", "3")))
    assert dict(rest.rows) == {
        "n": "30",
        "machine": "x",
        "ms · n": "2",
        "page · start · app": "9.07",
        "page · far": "—",
    }


def test_a_wide_table_is_transposed():
    wide = {name: {f"c{i}": i * k for i in range(20)} for k, name in enumerate("ab", 1)}
    (table,) = of_json({"rows": wide}, "t")[:1]
    assert table.columns == ("a", "b")
    assert len(table.rows) == 19  # c0 is the same in both


@pytest.mark.parametrize(
    ("value", "cell"), [(True, "yes"), (None, "—"), (0.97371, "0.9737"), (12345, "12,345"), ([1, 2], "1, 2"), ({}, "")]
)
def test_cells(value, cell):
    assert text(value) == cell
