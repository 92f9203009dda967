"""``digits.json``: the figures of the digit experiments, and their file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from ...core import locks
from ...core.errors import UserError
from ...core.files import replacing, write_error
from .paper import ABSENT, ROWS, Row

FORMAT = 1


class EncoderFigures(TypedDict):
    """An f on held-out s, and on t, of which it saw no labels. net: its config."""

    hash: str
    net: dict[str, Any]
    svhn_error: float
    mnist_accuracy: float


class Adaptation(TypedDict):
    """Table 2: accuracies on t after learning from n_train G(s) with the labels of s. neighbours: of nearest neighbours
    by `evaluation.adaptation.WAYS`; agreement: of each way with the classifier, on training pictures of t without their
    labels, which chose one."""

    neighbours: dict[str, float]
    agreement: dict[str, float]
    chosen: str
    classifier: float
    n_train: int


class Record(TypedDict):
    """A row's figures for one seed: `evaluation.digits.Measures`, or of a swap n, accuracy and, read by f, by_f; and
    what they are of. kept_step: the step that was exported; seconds, samples_per_s: of the training."""

    n: int
    accuracy: float
    by_f: NotRequired[float]
    digits: NotRequired[list[float | None]]
    hash: str
    f_hash: str
    changes: dict[str, Any]
    steps: int
    kept_step: int
    seconds: NotRequired[int]
    samples_per_s: NotRequired[float]
    adaptation: NotRequired[Adaptation]


class Figures(TypedDict):
    """The whole file. data: sources and sizes; n_train: pictures of s and t that a DTN learns; settings: of the DTN;
    original: the judge's accuracy on s itself; rows: row's key → seed → record."""

    format: int
    data: dict[str, Any]
    settings: dict[str, Any]
    judge: dict[str, Any]
    n_train: dict[str, int]
    original: float
    f: EncoderFigures
    f_taught: NotRequired[EncoderFigures]
    f_unlabelled: NotRequired[EncoderFigures]
    judge_s: NotRequired[EncoderFigures]
    rows: dict[str, dict[str, Record]]


def read_figures(path: Path) -> Figures:
    """Raises UserError if the file is damaged, written by hand, or of another format."""
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read ({error}). Move it away, or choose another output with -o.") from None
    if not isinstance(figures, dict) or figures.get("format") != FORMAT or not _has_records(figures.get("rows", {})):
        raise UserError(f"{path}: holds no digit figures of this version. Choose another output with -o.")
    return figures


def _has_records(rows: Any) -> bool:
    """Whether rows are rows of seeds of records."""
    if not isinstance(rows, dict) or not all(isinstance(seeds, dict) for seeds in rows.values()):
        return False
    records = (record for seeds in rows.values() for record in seeds.values())
    wanted = {"accuracy", "hash", "f_hash", "changes", "steps"}
    return all(isinstance(record, dict) and wanted <= record.keys() for record in records)


@contextmanager
def updating(path: Path) -> Iterator[Figures]:
    """The figures to change, written back on leaving; one process at a time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("w")
    except OSError as error:
        raise write_error(path, error, "Choose another output with -o.") from None
    with lock:
        locks.acquire(lock, wait=None)
        figures = read_figures(path) if path.exists() else {}
        yield figures
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def mean_and_std(records: Mapping[str, Record], read: Callable[[Record], float]) -> str:
    """Over a row's seeds, in %: "95.10 ± 0.40 (3)"; the last is the number of seeds."""
    values = 100 * np.array([read(record) for record in records.values()])
    if len(values) == 1:
        return f"{values[0]:.2f} (1)"
    return f"{values.mean():.2f} ± {values.std(ddof=1):.2f} ({len(values)})"


def accuracy_of(record: Mapping[str, Any]) -> float:
    """Return a record's accuracy on all digits."""
    return record["accuracy"]


def absent_digit_accuracy(record: Mapping[str, Any]) -> float:
    """Return a record's accuracy on the digit that Table 3 leaves out; NaN if no picture shows it."""
    share = record["digits"][ABSENT]
    return np.nan if share is None else share


def measured_rows(table: str, records: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a table that have records, in the paper's order."""
    return [row for row in ROWS if row.table == table and row.key in records]
