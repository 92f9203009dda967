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
from ...core.files import atomic_output, write_error
from .paper import ABSENT, ROWS, Row

FORMAT = 1


class EncoderFigures(TypedDict):
    """Figures of an f.

    Attributes:
        hash: Hash of its weights.
        net: Its config.
        svhn_error: Error on held-out s.
        mnist_accuracy: Accuracy on t, whose labels it never learnt.
    """

    hash: str
    net: dict[str, Any]
    svhn_error: float
    mnist_accuracy: float


class Adaptation(TypedDict):
    """Table 2: accuracies on t after learning from G(s) with the labels of s.

    Attributes:
        neighbours: Variant of nearest neighbours (`evaluation.adaptation.VARIANTS`) → accuracy.
        agreement: Variant → agreement with the classifier on training pictures of t, without their labels.
        chosen: The variant with the highest agreement.
        classifier: Accuracy of a classifier trained on G(s).
        n_train: How many G(s).
    """

    neighbours: dict[str, float]
    agreement: dict[str, float]
    chosen: str
    classifier: float
    n_train: int


class Record(TypedDict):
    """A row's figures for one seed, with the fields of `evaluation.digits.Measures`.

    Attributes:
        by_f: Of a swap: accuracy read by f.
        hash: Hash of the translation.
        f_hash: Hash of its f.
        changes: Settings that the row changes.
        steps: How many steps it was trained.
        kept_step: The step that was exported.
        seconds: Duration of the training.
        samples_per_s: Pictures of s per second.
        adaptation: Figures of Table 2.
    """

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
    """The whole file.

    Attributes:
        data: Sources and sizes of the test data.
        settings: Settings of the DTN.
        judge: Hash and accuracy of the judge of handwriting.
        n_train: How many pictures of s and t a DTN learns.
        original: The judge's accuracy on s itself.
        f: Figures of the given f.
        rows: Row's key → seed → record.
    """

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
    """Read digits.json. Raises UserError if it is damaged, edited, or of another format."""
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read ({error}). Move it away, or choose another output with -o.") from None
    if not isinstance(figures, dict) or figures.get("format") != FORMAT or not _has_records(figures.get("rows", {})):
        raise UserError(f"{path}: holds no digit figures of this version. Choose another output with -o.")
    return figures


def _has_records(rows: Any) -> bool:
    """Return whether rows map row's key → seed → record."""
    if not isinstance(rows, dict) or not all(isinstance(seeds, dict) for seeds in rows.values()):
        return False
    records = (record for seeds in rows.values() for record in seeds.values())
    wanted = {"accuracy", "hash", "f_hash", "changes", "steps"}
    return all(isinstance(record, dict) and wanted <= record.keys() for record in records)


@contextmanager
def updating(path: Path) -> Iterator[Figures]:
    """Yield the figures to change and write them back on leaving; one process at a time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("w")
    except OSError as error:
        raise write_error(path, error, "Choose another output with -o.") from None
    with lock:
        locks.acquire(lock, wait=None)
        figures = read_figures(path) if path.exists() else {}
        yield figures
        with atomic_output(path) as temporary:
            temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def mean_and_std(records: Mapping[str, Record], read: Callable[[Record], float]) -> str:
    """Format mean and deviation over a row's seeds, in %, with their number: "95.10 ± 0.40 (3)"."""
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
