"""What is known of a checkpoint: its figures as its card and ``results/`` hold them, and what `compute` has written.
Each file is read as it is; nothing is measured here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from .results import COMMANDS, FORMAT, RESULTS, about_of, read_json, suite_tables
from .schema import checked
from .tables import Source, Table, of_json, parse, words

COMPUTED = "evidence.json"
"""In the folder of a checkpoint that isn't shipped; shipped ones have results/evidence/NAME.json."""

PAPERS_RANK = ("16 of 100,001 (0.02%)", "a million photos and DeepFace's features; photos of 118 people")
"""Table 4: the median rank, and of what."""


@dataclass(frozen=True)
class Evidence:
    """kind: as in config.json; sees: what it is shown, "" where it is no translation; facts: (name, value) of how it
    was made; tables: the main ones first; notes: a line each on what is missing or doesn't fit; computed: what
    `compute` wrote of these very weights, or None."""

    name: str
    kind: str
    sees: str
    hash: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    computed: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        tables = [table.to_dict() for table in self.tables]
        about = {"checkpoint": self.name, "kind": self.kind, "hash": self.hash, "facts": dict(self.facts)}
        return {**about, "notes": list(self.notes), "tables": tables, "computed": self.computed}


def read(directory: Path, name: str = "", results: Path = RESULTS) -> Evidence:
    """All that is known of a checkpoint; name: what it is called, its folder's name by default. Raises UserError if it
    is none."""
    info, name = checkpoint.read_config(directory), name or directory.name
    kind, digest = str(info.get("kind")), checkpoint.weights_hash(directory)
    sees = checkpoint.input_domain(info) if kind in checkpoint.TRANSLATIONS else ""
    tables, notes = [], []
    for some, problems in (
        _metrics(directory, info, digest),
        _of_config(info, digest),
        _of_run(directory, info, digest),
        _of_digits(info, sees, directory, digest, results),
        _of_results(name, kind, digest, results),
    ):
        tables += some
        notes += problems
    computed, problem = read_computed(directory, digest, results)
    if problem and (kind != "judge"):
        notes.append(problem)
    if not tables:
        notes.insert(0, f"No figures are known of {name}.")
    return Evidence(name, kind, sees, digest, _facts(info, digest), tuple(tables), tuple(notes), computed)


def is_shipped(directory: Path) -> bool:
    return directory.resolve().parent == checkpoint.SHIPPED.resolve()


def computed_path(directory: Path, results: Path = RESULTS) -> Path:
    """Where `compute` writes for a checkpoint."""
    return results / "evidence" / f"{directory.name}.json" if is_shipped(directory) else directory / COMPUTED


def _given(directory: Path) -> str:
    """How commands name a checkpoint."""
    return directory.name if is_shipped(directory) else str(directory)


def command_for(directory: Path) -> str:
    """The line that writes what `computed_path` names."""
    return f"python -m dtn_core evaluate evidence {_given(directory)} --data DATA"


def read_computed(directory: Path, digest: str, results: Path = RESULTS) -> tuple[dict[str, Any] | None, str]:
    """What `compute` wrote for these weights, and else a line on why there is none."""
    path, again = computed_path(directory, results), f"`{command_for(directory)}`"
    if not path.exists():
        return None, f"Reliability, neighbours and map aren't computed yet: {again}"
    found = read_json(path)
    if found is None:
        return None, f"{path.name} is damaged or written by hand. Compute it again: {again}"
    if found.get("format") != FORMAT:
        return None, f"{path.name} is of another version (format {found.get('format')}). Compute it again: {again}"
    if checked(found) is None:
        return None, f"{path.name} is damaged or written by hand. Compute it again: {again}"
    if found.get("hash") != digest:
        return None, f"{path.name} is of {found.get('hash')}, not of {digest}. Compute it again: {again}"
    return found, ""


Found = tuple[list[Table], list[str]]
"""Tables, and lines on what doesn't fit."""


def _metrics(directory: Path, info: Mapping[str, Any], digest: str) -> Found:
    """metrics.json: of faces as the card has it, of anything else by its own keys."""
    path = directory / "metrics.json"
    if not path.exists():
        return [], []
    figures, kind = read_json(path), (info.get("trained") or {}).get("kind")
    what = kind if kind not in (None, "faces", "avatar") and "dtn" not in (figures or {}) else "faces"
    where = f"checkpoints/{directory.name}" if is_shipped(directory) else directory
    again = f"`python -m dtn_core evaluate {what} --checkpoint {_given(directory)} --data DATA -o {where}/metrics.json`"
    if figures is None:
        return [], [f"metrics.json is damaged. Measure again: {again}"]
    notes = []
    if figures.get("hash") != digest:
        notes.append(f"metrics.json is of {figures.get('hash')}, not of {digest}. Measure again: {again}")
    data = figures.get("data", {})
    data = data if isinstance(data, Mapping) else {"set": data}
    where = " ".join(str(data[key]) for key in ("set", "split") if key in data)
    told = [str(figures.get(key, "")) for key in ("seed", "hash", "command")]
    source = Source(str(data.get("n", figures.get("n", ""))), told[0], where, told[1], told[2] or again.strip("`"))
    if "dtn" not in figures:
        return of_json({k: v for k, v in figures.items() if k not in _ABOUT}, "Figures", source), notes
    try:
        return [*_beside_the_paper(figures, source), *parse(faces.table(figures), source)], notes
    except (LookupError, TypeError, ValueError, AttributeError):
        return [], [*notes, f"metrics.json is of another version, or written by hand. Measure again: {again}"]


_ABOUT = ("format", "checkpoint", "hash", "seed", "command")
"""What is told under a table, not in it."""


def _beside_the_paper(figures: dict[str, Any], source: Source) -> list[Table]:
    """What the paper measured of faces, too: finding the person by the picture (Table 4)."""
    measure = face_schema.upgrade(figures).get("measure") or {}
    rows = {name: row for name, row in measure.get("rows", {}).items() if row.get("hash") and row.get("retrieval")}
    if not rows:
        return []
    own = next((row for name, row in rows.items() if name.endswith(", drawn")), next(iter(rows.values())))
    gallery, chance = measure["n"]["gallery"], measure["chance"]
    cells = [f"{r['median_rank']:,g} of {gallery:,} ({100 * r['share']:.1f}%)" for r in (own["retrieval"], chance)]
    rank, of = PAPERS_RANK
    note = f"The paper: {of}. Hand-made emoji: 16,311. Ours: dlib's features, photos of {measure['n']['pairs']} people."
    row = ("median rank of the person's photo", cells[0], rank, cells[1])
    return [Table("Beside the paper: retrieval", ("ours", "paper", "chance"), (row,), source, note=note)]


def _of_config(info: Mapping[str, Any], digest: str) -> Found:
    """A judge's figures, which config.json holds."""
    trained = info.get("trained") or {}
    figures = trained.get("balanced_accuracy_on_held_out_avatars")
    if not isinstance(figures, Mapping):
        return [], []
    rows = tuple((words(name), f"{value:.3f}") for name, value in figures.items())
    source = Source(seed=str(trained.get("seed", "")), data="rendered or held-out pictures", hash=digest)
    return [Table("Attributes read on pictures it never saw", ("balanced accuracy",), rows, source)], []


def _of_run(directory: Path, info: Mapping[str, Any], digest: str) -> Found:
    """The last figures of the training itself, of a run's export."""
    run = directory.parent
    if not (run / "events.jsonl").exists():
        return [], []
    status, trained = read_status(run), info.get("trained") or {}
    known = sorted((name, steps, values) for name, (steps, values) in status.curves.items() if len(values))
    rows = tuple((name, f"{values[-1]:.4g}", f"{steps[-1]:,}") for name, steps, values in known)
    command = f"python -m dtn_core train --resume {run}"
    source = Source("", str(trained.get("seed", "")), str(trained.get("data", "")), digest, command)
    note = "Figures of the training, most of them on its own pictures; val/…: on pictures that it held out."
    return [Table("Last figures of the training", ("value", "step"), rows, source, note=note)] if rows else [], []


def _of_digits(info: Mapping[str, Any], sees: str, directory: Path, digest: str, results: Path) -> Found:
    """results/digits.json, as far as it is about this checkpoint: all tables of a translation, the figures of an f."""
    encoder = info.get("encoder")
    if not (isinstance(encoder, Mapping) and str(encoder.get("name")).startswith("digits")):
        return [], []
    path = results / "digits.json"
    figures = read_json(path)
    if figures is None:
        return [], [f"{path.name} is missing or damaged. Measure again: `{COMMANDS['digits']}`"]
    try:
        if sees == "digits":
            return _digit_tables(figures, digest)
        return _digit_readers(figures, checkpoint.weights_hash(directory, "encoder.safetensors")), []
    except (LookupError, TypeError, ValueError, AttributeError):
        return [], [f"{path.name} is of another version, or written by hand. Measure again: `{COMMANDS['digits']}`"]


def _digit_tables(figures: dict[str, Any], digest: str) -> Found:
    source = _digit_source(figures, digest)
    mine = [
        (f"{words(row)}, seed {seed}", record)
        for row, seeds in figures["rows"].items()
        for seed, record in seeds.items()
        if record.get("hash") == digest
    ]
    tables = parse(digit_report.markdown(figures), source)
    if not mine:
        return tables, [f"results/digits.json has no row of {digest}: its tables are of other weights."]
    (row, record), *_ = mine
    digits = record.get("digits") or []
    cells = [("all", f"{100 * record['accuracy']:.2f}"), *((str(d), _percent(v)) for d, v in enumerate(digits))]
    title = f"G(s) judged right, by digit, % (row {row})"
    return [*tables, Table(title, ("ours",), tuple(cells), _with_seed(source, row))], []


def _with_seed(source: Source, row: str) -> Source:
    return Source(source.n, row.rpartition(" ")[2], source.data, source.hash, source.command)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{100 * share:.2f}"


def _digit_source(figures: dict[str, Any], digest: str) -> Source:
    data = figures["data"]
    seeds = sorted({int(seed) for row in figures["rows"].values() for seed in row})
    return Source(str(data["n_test_s"]), ", ".join(map(str, seeds)), data["s"], digest, COMMANDS["digits"])


def _digit_readers(figures: dict[str, Any], own: str) -> list[Table]:
    """What f or the judge reads rightly, wherever the file names their hash."""
    rows = []
    for key, title in (("f", "f"), ("f_taught", "f"), ("judge", "judge")):
        found = figures.get(key) or {}
        if found.get("hash") != own:
            continue
        if "svhn_error" in found:
            rows.append(("error on held-out s, %", f"{100 * found['svhn_error']:.2f}", f"{PAPER['svhn_error']}"))
        paper = f"{PAPER['mnist_accuracy']}" if title == "f" else "99.4"
        rows.append(("accuracy on t, %", f"{100 * found['mnist_accuracy']:.2f}", paper))
    source = _digit_source(figures, own)
    return [Table("Digits read", ("ours", "paper"), tuple(rows), source)] if rows else []


def _of_results(name: str, kind: str, digest: str, results: Path) -> Found:
    """Every other file of results/ that names this checkpoint; where it is of other weights, a line says so."""
    tables, notes = [], []
    for path in sorted(results.glob("*.json")):
        report = read_json(path)
        if report is None or path.stem == "digits":
            continue
        source = Source(
            str(report.get("n", "")), str(report.get("seed", "")), str(report.get("split", "")), digest,
            COMMANDS.get(path.stem, ""),
        )  # fmt: skip
        for found in (part for part in _named(report) if part.get("hash") == digest or _name_of(part) == name):
            if found.get("hash") != digest:
                notes.append(f"results/{path.name} is of {found.get('hash')}, not of {digest}.")
        tables += [table for table in _tables_of(path.stem, report, name, digest, source) if table.rows]
    return tables, notes


def _tables_of(stem: str, report: dict[str, Any], name: str, digest: str, source: Source) -> list[Table]:
    if stem == "encoders":
        return _encoder_tables(report, digest, source)
    about = about_of(report)
    if about.get("hash") == digest and _name_of(about) == name and "machine" not in report:  # no speeds
        return suite_tables(stem, report, source)
    return []


def _name_of(part: Mapping[str, Any]) -> str:
    found = part.get("name") or part.get("checkpoint")
    return found if isinstance(found, str) else ""


def _named(report: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every part of a report that tells a hash and a name."""
    if "hash" in report and _name_of(report):
        yield report
    for key, value in report.items():
        if isinstance(value, Mapping):
            yield from _named(value if "name" in value or "hash" not in value else {"name": key, **value})


def _encoder_tables(report: dict[str, Any], digest: str, source: Source) -> list[Table]:
    """AUC of every attribute, a column a set."""
    for found in report.get("encoders", {}).values():
        if isinstance(found, Mapping) and found.get("hash") == digest:
            sets = {key: value for key, value in found.items() if isinstance(value, Mapping)}
            names = list(dict.fromkeys(a for part in sets.values() for a in part.get("attributes", {})))
            rows = [("n", *(f"{part['n']:,}" for part in sets.values()))]
            rows.append(("mean", *(f"{part['mean']:.3f}" for part in sets.values())))
            for a in names:
                cells = (part.get("attributes", {}).get(a) for part in sets.values())
                rows.append((words(a), *("" if cell is None else f"{cell:.3f}" for cell in cells)))
            return [Table("AUC by attribute", tuple(sets), tuple(rows), source)]
    return []


def _facts(info: Mapping[str, Any], digest: str) -> tuple[tuple[str, str], ...]:
    """How a checkpoint was made, as far as config.json tells."""
    trained = info.get("trained") or {}
    with contextlib.suppress(UserError, TypeError, ValueError):
        trained = {**trained, **upgrade(trained)}
    facts = [("weights", digest)]
    for key in ("style", "data", "encoder", "step", "batch", "seed", "precision"):
        if trained.get(key) is not None and isinstance(trained[key], str | int | float):
            facts.append((key, f"{trained[key]:,}" if isinstance(trained[key], int) else str(trained[key])))
    return tuple(facts)
