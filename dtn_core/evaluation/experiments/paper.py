"""The rows of the paper's tables on digits (Sec. 5.1): what each changes in the DTN, and the paper's figure."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

ABSENT = 3
"""The digit that the paper leaves out (Table 3)."""


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        key: Its name in files.
        table: The suite it belongs to.
        title: Its name in tables.
        changes: Settings of the DTN that it changes.
        paper: The paper's figure in %.
        f: The given f, or one trained without the absent digit, self-trained on t, or trained without labels.
        of: Row whose translation it measures, without truncation and shifts, instead of training its own.
    """

    key: str
    table: str
    title: str
    changes: dict[str, Any]
    paper: float | None
    f: Literal["given", "absent", "taught", "unlabelled"] = "given"
    of: str = ""


BEST = {"steps": 2000, "ema": 0.995, "alpha": 5.0, "random_affine": True, "truncation": 0.7, "shift": 2}
"""Changes of our best row; with its f, the preset digits-best."""

ROWS = (
    Row("baseline", "table1", "baseline of Sec. 3", {"contains_f": False, "binary": True, "beta": 0.0}, 13.71),
    Row("dtn", "table1", "DTN", {}, 90.66),
    Row("self_taught", "table1", "DTN, f also self-trained on t", {}, None, "taught"),
    Row("untruncated", "table1", "DTN, self-trained f, random affine, α = 5", BEST, None, "taught", "best"),
    Row("best", "table1", "our best: the same, truncated (ψ = 0.7), f over shifts", BEST, None, "taught"),
    Row("no_tid", "table1", "DTN w/o L_TID", {"beta": 0.0}, 88.40),
    Row("no_const", "table1", "DTN w/o L_CONST", {"alpha": 0.0}, 74.55),
    Row("no_f", "table1", "DTN, G doesn't contain f", {"contains_f": False}, 36.90),
    Row("no_gan", "table1", "DTN w/o L_D and L_GANG", {"delta": 0.0}, 34.70),
    Row("no_const_tid", "table1", "DTN w/o L_CONST and L_TID", {"alpha": 0.0, "beta": 0.0}, 5.28),
    Row("no_3_s", "table3", "3 not in s", {"absent_s": ABSENT}, 93.33),
    Row("no_3_t", "table3", "3 not in t", {"absent_t": ABSENT}, 40.13),
    Row("no_3_st", "table3", "3 not in s or t", {"absent_s": ABSENT, "absent_t": ABSENT}, 60.02),
    Row(
        "no_3_stf", "table3", "3 not in s, t or f's training", {"absent_s": ABSENT, "absent_t": ABSENT}, 4.52, "absent"
    ),
    Row("swap", "swap", "t → s, handwritten → street", {"swap": True}, None),
    Row("no_labels", "no_labels", "DTN, f learnt s without labels", {}, None, "unlabelled"),
    *(Row(f"s_{n}", "amounts", f"{n:,} pictures of s", {"limit_s": n}, None) for n in (100, 500, 2000)),
    *(Row(f"t_{n}", "amounts", f"{n:,} pictures of t", {"limit_t": n}, None) for n in (100, 1000, 10000)),
)  # fmt: skip
"""Rows in the paper's order, then those it has no figure for."""

TRANSLATIONS = ("dtn", "best")
"""The rows that may be shipped."""

ADAPTED = ("dtn", "untruncated")
"""Rows that Table 2 uses, without truncation: a classifier needs all of G's variety."""

TABLES = ("table1", "table2", "table3", "amounts")
"""Suites of several rows, the DTN itself among them."""

SUITES = ("all", *TABLES, *(row.key for row in ROWS))
"""Everything that can be run: all, a table, or one row."""

PAPER = {"original": 40.06, "digit_3": 94.67, "adaptation": 84.44, "svhn_error": 4.95, "mnist_accuracy": 76.08}
"""The paper's further figures, in %."""
