"""The evidence of a checkpoint: the figures of its card and of ``results/``, and what `compute` has written.

Files are read as they are; nothing is measured here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...config import upgrade
from ...core.errors import UserError
from ...networks import checkpoint
from ...training.runs.status import read_status
from .. import faces
from .. import schema as face_schema
from ..experiments import report as digit_report
from ..experiments.paper import PAPER
from ..table import percent
from .results import COMMANDS, FORMAT, RESULTS, about_of, read_json, source_of, suite_tables
from .schema import validated
from .tables import Source, Table, key_to_words, of_json

EVIDENCE_FILE = "evidence.json"
"""Name in the folder of a checkpoint that isn't shipped; shipped ones have results/evidence/NAME.json."""

PAPER_RANK = "16 of 100,001 (0.02%)"
"""The median rank of the paper's Table 4."""

PAPER_RANK_SETTING = "a million photos and DeepFace's features; photos of 118 people"

METADATA_KEYS = ("format", "checkpoint", "hash", "seed", "command")
"""Keys of metrics.json that belong to a table's source, not to its rows."""

MALFORMED = (LookupError, TypeError, ValueError, AttributeError)
"""What reading figures raises if the file is of another version or was edited."""

Part = tuple[list[Table], list[str]]
"""Tables, and a line on each problem."""


@dataclass(frozen=True)
class Evidence:
    """All figures of a checkpoint.

    Attributes:
        name: What the checkpoint is called.
        kind: Its kind, as in config.json.
        input_domain: Input domain; "" if it is no translation.
        hash: Hash of its weights.
        facts: (name, value) pairs on how it was trained.
        tables: Figures, the main ones first.
        notes: A line on each thing that is missing or doesn't fit.
        computed: What `compute` wrote of these very weights, or None.
    """

    name: str
    kind: str
    input_domain: str
    hash: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    computed: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "checkpoint": self.name,
            "kind": self.kind,
            "hash": self.hash,
            "facts": dict(self.facts),
            "notes": list(self.notes),
            "tables": [table.to_dict() for table in self.tables],
            "computed": self.computed,
        }


def read(directory: Path, name: str = "", results: Path = RESULTS) -> Evidence:
    """Read all evidence of a checkpoint.

    Args:
        directory: The checkpoint's folder.
        name: What it is called; by default its folder's name.
        results: Folder of the results that are shipped.

    Raises:
        UserError: The folder is no checkpoint.
    """
    info = checkpoint.read_config(directory)
    name = name or directory.name
    kind = str(info.get("kind"))
    weights = checkpoint.weights_hash(directory)
    domain = checkpoint.input_domain(info) if kind in checkpoint.TRANSLATIONS else ""
    parts = (
        _metrics(directory, info, weights),
        _judge_figures(info, weights),
        _training_figures(directory, info, weights),
        _digit_figures(info, domain, directory, weights, results),
        _other_results(name, weights, results),
    )
    tables = [table for part, _ in parts for table in part]
    notes = [note for _, part in parts for note in part]
    computed, problem = read_computed(directory, weights, results)
    if problem and kind != "judge":
        notes.append(problem)
    if not tables:
        notes.insert(0, f"No figures are known of {name}.")
    return Evidence(name, kind, domain, weights, _facts(info, weights), tuple(tables), tuple(notes), computed)


def is_shipped(directory: Path) -> bool:
    """Return whether a checkpoint is one of those in ``checkpoints/``."""
    return directory.resolve().parent == checkpoint.SHIPPED.resolve()


def computed_path(directory: Path, results: Path = RESULTS) -> Path:
    """Return the file that `compute` writes for a checkpoint."""
    if is_shipped(directory):
        return results / "evidence" / f"{directory.name}.json"
    return directory / EVIDENCE_FILE


def _argument(directory: Path) -> str:
    """Return a checkpoint as a command's argument."""
    return directory.name if is_shipped(directory) else str(directory)


def command_for(directory: Path) -> str:
    """Return the command that writes `computed_path`."""
    return f"python -m dtn_core evaluate evidence {_argument(directory)} --data DATA"


def read_computed(directory: Path, weights: str, results: Path = RESULTS) -> tuple[dict[str, Any] | None, str]:
    """Return what `compute` wrote for these weights and "", or None and a line on why there is nothing."""
    path = computed_path(directory, results)
    command = f"`{command_for(directory)}`"
    if not path.exists():
        return None, f"Reliability, neighbours and map aren't computed yet: {command}"
    content = read_json(path)
    problem = _problem_of(content, weights)
    return (None, f"{path.name} is {problem}. Compute it again: {command}") if problem else (content, "")


def _problem_of(content: dict[str, Any] | None, weights: str) -> str:
    """Return why the content of an evidence file can't be used, or ""."""
    if content is None:
        return "damaged or written by hand"
    if content.get("format") != FORMAT:
        return f"of another version (format {content.get('format')})"
    if validated(content) is None:
        return "damaged or written by hand"
    if content.get("hash") != weights:
        return f"of {content.get('hash')}, not of {weights}"
    return ""


def _metrics(directory: Path, info: Mapping[str, Any], weights: str) -> Part:
    """Read metrics.json: the card's tables for faces, the file's own keys for anything else."""
    path = directory / "metrics.json"
    if not path.exists():
        return [], []
    figures = read_json(path)
    command = _metrics_command(directory, info, figures or {})
    if figures is None:
        return [], [f"metrics.json is damaged. Measure again: `{command}`"]
    notes = []
    if figures.get("hash") != weights:
        notes.append(f"metrics.json is of {figures.get('hash')}, not of {weights}. Measure again: `{command}`")
    source = _metrics_source(figures, command)
    if "dtn" not in figures:
        return of_json({k: v for k, v in figures.items() if k not in METADATA_KEYS}, "Figures", source), notes
    try:
        tables = [table.without_emphasis(source) for table in faces.figure_tables(figures)]
        return [*_retrieval_beside_paper(figures, source), *tables], notes
    except MALFORMED:
        notes.append(f"metrics.json is of another version, or written by hand. Measure again: `{command}`")
        return [], notes


def _metrics_command(directory: Path, info: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    kind = (info.get("trained") or {}).get("kind")
    what = kind if kind not in (None, "faces", "avatar") and "dtn" not in figures else "faces"
    folder = f"checkpoints/{directory.name}" if is_shipped(directory) else directory
    return (
        f"python -m dtn_core evaluate {what} --checkpoint {_argument(directory)} --data DATA -o {folder}/metrics.json"
    )


def _metrics_source(figures: Mapping[str, Any], command: str) -> Source:
    data = figures.get("data", {})
    data = data if isinstance(data, Mapping) else {"set": data}
    return Source(
        n=str(data.get("n", figures.get("n", ""))),
        seed=str(figures.get("seed", "")),
        data=" ".join(str(data[key]) for key in ("set", "split") if key in data),
        hash=str(figures.get("hash", "")),
        command=str(figures.get("command", "")) or command,
    )


def _retrieval_beside_paper(figures: dict[str, Any], source: Source) -> list[Table]:
    """Compare retrieval of the person by the picture with the paper's Table 4."""
    measure = face_schema.upgrade(figures).get("measure") or {}
    rows = {name: row for name, row in measure.get("rows", {}).items() if row.get("hash") and row.get("retrieval")}
    if not rows:
        return []
    own = next((row for name, row in rows.items() if name.endswith(", drawn")), next(iter(rows.values())))
    gallery = measure["n"]["gallery"]
    ours, chance = (
        f"{ranks['median_rank']:,g} of {gallery:,} ({percent(ranks['share'])})"
        for ranks in (own["retrieval"], measure["chance"])
    )
    people = measure["n"]["pairs"]
    note = (
        f"The paper: {PAPER_RANK_SETTING}. Hand-made emoji: 16,311. Ours: dlib's features, photos of {people} people."
    )
    row = ("median rank of the person's photo", ours, PAPER_RANK, chance)
    return [Table("Beside the paper: retrieval", ("ours", "paper", "chance"), (row,), source, note=note)]


def _judge_figures(info: Mapping[str, Any], weights: str) -> Part:
    """Read a judge's figures, which are in config.json."""
    trained = info.get("trained") or {}
    figures = trained.get("balanced_accuracy_on_held_out_avatars")
    if not isinstance(figures, Mapping):
        return [], []
    rows = tuple((key_to_words(name), f"{value:.3f}") for name, value in figures.items())
    source = Source(seed=str(trained.get("seed", "")), data="rendered or held-out pictures", hash=weights)
    return [Table("Attributes read on pictures it never saw", ("balanced accuracy",), rows, source)], []


def _training_figures(directory: Path, info: Mapping[str, Any], weights: str) -> Part:
    """Read the last figures of the training, if this is a run's export."""
    run = directory.parent
    if not (run / "events.jsonl").exists():
        return [], []
    trained = info.get("trained") or {}
    curves = sorted((name, steps, values) for name, (steps, values) in read_status(run).curves.items() if len(values))
    if not curves:
        return [], []
    rows = tuple((name, f"{values[-1]:.4g}", f"{steps[-1]:,}") for name, steps, values in curves)
    source = Source(
        seed=str(trained.get("seed", "")),
        data=str(trained.get("data", "")),
        hash=weights,
        command=f"python -m dtn_core train --resume {run}",
    )
    note = "Figures of the training, most of them on its own pictures; val/…: on pictures that it held out."
    return [Table("Last figures of the training", ("value", "step"), rows, source, note=note)], []


def _digit_figures(info: Mapping[str, Any], domain: str, directory: Path, weights: str, results: Path) -> Part:
    """Read results/digits.json as far as it is about this checkpoint: all tables for a translation, rows for an f."""
    encoder = info.get("encoder")
    if not (isinstance(encoder, Mapping) and str(encoder.get("name")).startswith("digits")):
        return [], []
    path = results / "digits.json"
    figures = read_json(path)
    if figures is None:
        return [], [f"{path.name} is missing or damaged. Measure again: `{COMMANDS['digits']}`"]
    try:
        if domain == "digits":
            return _digit_translation_tables(figures, weights)
        return _digit_reader_tables(figures, checkpoint.weights_hash(directory, "encoder.safetensors")), []
    except MALFORMED:
        return [], [f"{path.name} is of another version, or written by hand. Measure again: `{COMMANDS['digits']}`"]


def _digit_translation_tables(figures: dict[str, Any], weights: str) -> Part:
    source = _digit_source(figures, weights)
    tables = [table.without_emphasis(source) for table in digit_report.tables(figures)]
    for row, records in figures["rows"].items():
        for seed, record in records.items():
            if record.get("hash") == weights:
                return [*tables, _by_digit(record, f"{key_to_words(row)}, seed {seed}", replace(source, seed=seed))], []
    return tables, [f"results/digits.json has no row of {weights}: its tables are of other weights."]


def _by_digit(record: Mapping[str, Any], row: str, source: Source) -> Table:
    cells = [("all", f"{100 * record['accuracy']:.2f}")]
    for digit, share in enumerate(record.get("digits") or []):
        cells.append((str(digit), "—" if share is None else f"{100 * share:.2f}"))
    return Table(f"G(s) classified correctly, by digit, % (row {row})", ("ours",), tuple(cells), source)


def _digit_source(figures: dict[str, Any], weights: str) -> Source:
    data = figures["data"]
    seeds = sorted({int(seed) for records in figures["rows"].values() for seed in records})
    return Source(str(data["n_test_s"]), ", ".join(map(str, seeds)), data["s"], weights, COMMANDS["digits"])


def _digit_reader_tables(figures: dict[str, Any], encoder_hash: str) -> list[Table]:
    """Return what f or the judge reads correctly, wherever the file has their hash."""
    rows = []
    for key in ("f", "f_taught", "judge"):
        record = figures.get(key) or {}
        if record.get("hash") != encoder_hash:
            continue
        if "svhn_error" in record:
            rows.append(("error on held-out s, %", f"{100 * record['svhn_error']:.2f}", f"{PAPER['svhn_error']}"))
        paper = "99.4" if key == "judge" else f"{PAPER['mnist_accuracy']}"
        rows.append(("accuracy on t, %", f"{100 * record['mnist_accuracy']:.2f}", paper))
    source = _digit_source(figures, encoder_hash)
    return [Table("Digits read", ("ours", "paper"), tuple(rows), source)] if rows else []


def _other_results(name: str, weights: str, results: Path) -> Part:
    """Read every other file of results/ about this checkpoint; a line for each that is of other weights."""
    tables, notes = [], []
    for path in sorted(results.glob("*.json")):
        report = read_json(path)
        if report is None or path.stem == "digits":
            continue
        for part in _parts_with_hash(report):
            if part.get("hash") != weights and _name_of(part) == name:
                notes.append(f"results/{path.name} is of {part.get('hash')}, not of {weights}.")
        tables += [table for table in _tables_of(path.stem, report, name, weights) if table.rows]
    return tables, notes


def _tables_of(stem: str, report: dict[str, Any], name: str, weights: str) -> list[Table]:
    source = replace(source_of(stem, report), hash=weights)
    if stem == "encoders":
        return _encoder_tables(report, weights, source)
    if stem == "likeness" and report.get("parser_hash") == weights:
        return suite_tables(stem, report, source)[:1]
    about = about_of(report)
    is_benchmark = "machine" in report
    if about.get("hash") == weights and _name_of(about) == name and not is_benchmark:
        return suite_tables(stem, report, source)
    return []


def _name_of(part: Mapping[str, Any]) -> str:
    name = part.get("name") or part.get("checkpoint")
    return name if isinstance(name, str) else ""


def _parts_with_hash(report: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every part of a report that has a hash and a name; the key is the name of a part without one."""
    if "hash" in report and _name_of(report):
        yield report
    for key, value in report.items():
        if isinstance(value, Mapping):
            is_named = "name" in value or "hash" not in value
            yield from _parts_with_hash(value if is_named else {"name": key, **value})


def _encoder_tables(report: dict[str, Any], weights: str, source: Source) -> list[Table]:
    """Return the AUC of every attribute, a column per dataset."""
    for record in report.get("encoders", {}).values():
        if isinstance(record, Mapping) and record.get("hash") == weights:
            datasets = {key: value for key, value in record.items() if isinstance(value, Mapping)}
            return [Table("AUC by attribute", tuple(datasets), _attribute_rows(list(datasets.values())), source)]
    return []


def _attribute_rows(datasets: list[Mapping[str, Any]]) -> tuple[tuple[str, ...], ...]:
    rows = [
        ("n", *(f"{dataset['n']:,}" for dataset in datasets)),
        ("mean", *(f"{dataset['mean']:.3f}" for dataset in datasets)),
    ]
    for name in dict.fromkeys(name for dataset in datasets for name in dataset.get("attributes", {})):
        cells = (dataset.get("attributes", {}).get(name) for dataset in datasets)
        rows.append((key_to_words(name), *("" if cell is None else f"{cell:.3f}" for cell in cells)))
    return tuple(rows)


def _facts(info: Mapping[str, Any], weights: str) -> tuple[tuple[str, str], ...]:
    """Return how a checkpoint was trained, as far as config.json has it."""
    trained = info.get("trained") or {}
    with contextlib.suppress(UserError, TypeError, ValueError):
        trained = {**trained, **upgrade(trained)}
    facts = [("weights", weights)]
    for key in ("style", "data", "encoder", "step", "batch", "seed", "precision"):
        value = trained.get(key)
        if isinstance(value, str | int | float):
            facts.append((key, f"{value:,}" if isinstance(value, int) else str(value)))
    return tuple(facts)
