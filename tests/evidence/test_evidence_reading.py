"""The tab shows what cards and docs show, for everything that is shipped; and files that don't fit are a line."""

import json
import re
import shutil
from pathlib import Path

import pytest
from made_runs import make_run
from markdown_tables import parse

from benchmarks import confidence, latency
from dtn_core.evaluation import upscaling
from dtn_core.evaluation.evidence import results
from dtn_core.evaluation.evidence.reading import read
from dtn_core.evaluation.evidence.results import COMMANDS, RESULTS
from dtn_core.evaluation.evidence.tables import markdown
from dtn_core.networks import checkpoint
from dtn_core.networks.checkpoint import SHIPPED

ROOT = SHIPPED.parent
NAMES = sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))
MEASURED = [name for name in NAMES if (SHIPPED / name / "metrics.json").exists()]
FACES = (ROOT / "docs" / "results-faces.md").read_text("utf-8")


def card(name):
    return (SHIPPED / name / "README.md").read_text("utf-8")


def rows(text):
    """Every row of every table in a Markdown text."""
    return {row for table in parse(text) for row in table.rows}


# --- the same numbers ---


@pytest.mark.parametrize("name", NAMES)
def test_every_checkpoint_has_figures_of_its_weights(name):
    found = read(SHIPPED / name)
    assert found.tables
    assert {table.source.hash for table in found.tables} <= {found.hash, checkpoint.weights_hash(SHIPPED / name)}
    assert not [note for note in found.notes if "isn't" in note or "of another" in note or "damaged" in note]


@pytest.mark.parametrize("name", MEASURED)
def test_the_tab_shows_the_rows_of_the_card(name):
    result = rows(card(name))
    shown = [t for t in read(SHIPPED / name).tables if t.source.command.startswith("python -m dtn_core evaluate faces")]
    for table in shown:
        if table.title.startswith("Beside the paper"):
            (row,) = table.rows
            rank = row[1].partition(" of ")[0].replace(",", "")
            ranks = next(cells for cells in result if cells[0].startswith("median rank"))
            assert any(cell.startswith(f"{rank} (") for cell in ranks)
        else:
            assert set(table.rows) <= result, table.title
    if "dtn" in json.loads((SHIPPED / name / "metrics.json").read_text()):
        assert len(shown) >= 3


def test_the_tab_shows_the_tables_of_docs_and_of_the_digits_card():
    assert set(read(SHIPPED / "emoji").tables[1].rows) <= rows(FACES)
    assert read(SHIPPED / "emoji").tables[0].rows[0][1].partition(" (")[0] in FACES
    tables = [t for t in read(SHIPPED / "digits").tables if t.title.startswith("Table ")]
    assert len(tables) >= 3
    for text in (card("digits"), (ROOT / "docs" / "results-digits.md").read_text("utf-8")):
        assert {row for table in tables for row in table.rows} <= rows(text)


@pytest.mark.parametrize("name", [n for n in NAMES if not checkpoint.is_translation(n)])
def test_the_tab_shows_the_figures_of_the_cards_of_nets(name):
    numbers = set(re.findall(r"\d*\.\d+", card(name)))
    (table, *_) = read(SHIPPED / name).tables
    if table.title == "Digits read":
        assert {row[1] for row in table.rows} <= numbers
    elif table.title == "AUC by attribute":
        mean = next(row for row in table.rows if row[0] == "mean")
        of_photos = [
            cell for column, cell in zip(table.columns, mean[1:]) if column in ("celeba", "celebahq", "utkface")
        ]
        assert {cell.removeprefix("0") for cell in of_photos} <= numbers
    elif table.title.startswith("Attributes") and name != "judge":  # whose card gives the lowest alone
        assert {cell.removeprefix("0") for key, cell in table.rows if key != "mean"} <= numbers | {"1.000"}


def close(number, cells):
    """Whether a number of a doc is one of the cells, rounded as the doc has it; shares may be percents there."""
    digits = len(number.partition(".")[2])
    return any(f"{factor * cell:.{digits}f}" == number for cell in cells for factor in (1, 100))


@pytest.mark.parametrize(
    ("stem", "made"),
    [
        ("latency", latency.table),
        ("confidence", lambda report: confidence.table(report["people"])),
        ("upscaling", upscaling.table),
    ],
)
def test_the_suites_have_the_numbers_of_the_docs_tables(stem, made):
    report = json.loads((RESULTS / f"{stem}.json").read_text("utf-8"))
    text = made(report)
    assert text in FACES
    shown = [cell for table in results.suite_tables(stem, report) for row in table.rows for cell in row[1:]]
    cells = [float(cell.replace(",", "")) for cell in shown if re.fullmatch(r"-?[\d.,]+", cell)]
    result = [cell for row in rows(text) for cell in row[1:] if re.fullmatch(r"\d+\.\d+", cell)]
    assert len(result) > 3
    assert [number for number in result if not close(number, cells)] == []


def test_every_file_of_results_has_its_command_and_tables():
    assert {path.stem for path in RESULTS.glob("*.json")} <= set(COMMANDS)
    for title, tables in results.suites().items():
        assert not isinstance(tables, str), tables
        assert sum(len(table.rows) for table in tables) >= 3, title
        assert markdown(tables)


@pytest.mark.parametrize("path", sorted((RESULTS / "evidence").glob("*.json")), ids=lambda path: path.stem)
def test_what_is_computed_is_of_the_shipped_weights(path):
    found = read(SHIPPED / path.stem)
    assert found.computed is not None, found.notes
    assert found.computed["split"] == "test"
    assert found.computed["limit"] is None
    if path.stem in MEASURED:
        assert {"reliability", "neighbours", "map"} <= found.computed.keys()
        celeba = next(t.source.n for t in found.tables if "CelebA" in t.source.data)
        assert found.computed["n"]["celeba"] == int(celeba)


def test_the_page_has_what_is_computed():
    table = results.overview()
    assert markdown([table]).strip() in (ROOT / "docs" / "evidence.md").read_text("utf-8")
    assert {row[0] for row in table.rows} == {path.stem for path in (RESULTS / "evidence").glob("*.json")}


# --- what doesn't fit ---


@pytest.fixture
def shipped(tmp_path):
    """A copy of a checkpoint with its results."""
    for part in ("digits.json", "upscaling.json"):
        (tmp_path / "results").mkdir(exist_ok=True)
        shutil.copy(RESULTS / part, tmp_path / "results" / part)
    return Path(shutil.copytree(SHIPPED / "lorelei", tmp_path / "lorelei"))


def notes(directory):
    found = read(directory, results=directory.parent / "results")
    assert all("\n" not in note for note in found.notes)
    return " ".join(found.notes), found


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_figures_of_other_weights_are_marked(shipped):
    change(shipped / "metrics.json", hash="0123456789ab")
    line, found = notes(shipped)
    assert f"metrics.json is of 0123456789ab, not of {found.hash}. Measure again: `python -m dtn_core" in line
    assert found.tables


@pytest.mark.parametrize("text", ["", "[]", "{", '{"dtn": 1}', '{"dtn": {}, "measure": {"rows": []}}'])
def test_figures_by_hand_are_a_line(shipped, text):
    (shipped / "metrics.json").write_text(text)
    line, found = notes(shipped)
    assert "Measure again: `python -m dtn_core evaluate faces" in line
    assert "No figures are known of lorelei." in line
    assert found.tables == ()


def test_figures_of_another_kind_are_shown_by_their_keys(shipped):
    own = checkpoint.weights_hash(shipped)
    (shipped / "metrics.json").write_text(json.dumps({"hash": own, "n": 5, "seed": 0, "kid": {"ours": 1.5}}))
    line, found = notes(shipped)
    assert dict(found.tables[0].rows)["kid · ours"] == "1.5"
    assert "metrics.json" not in line


@pytest.mark.parametrize(
    ("content", "output"),
    [
        (None, "aren't computed yet"),
        ("{", "damaged or written by hand"),
        ('{"format": 99}', "of another version (format 99)"),
        ('{"format": 1, "hash": "0123456789ab"}', "is of 0123456789ab, not of"),
    ],
)
def test_what_is_computed_and_does_not_fit_is_a_line(shipped, content, output):
    if content:
        (shipped / "evidence.json").write_text(content)
    line, found = notes(shipped)
    assert output in line
    assert f"evaluate evidence {shipped} --data DATA`" in line
    assert found.computed is None


def test_a_runs_export_shows_the_last_figures_of_its_training(tmp_path, tiny_checkpoint):
    run = make_run(tmp_path, "00001-one", "folders-cpu", s="a", t="b")
    shutil.copytree(tiny_checkpoint, run / "export", dirs_exist_ok=True)
    (table,) = read(run / "export").tables
    assert table.title == "Last figures of the training"
    assert "const" in {row[0] for row in table.rows}


def test_damaged_results_are_a_line(tmp_path):
    (tmp_path / "digits.json").write_text('{"format": 1, "rows": 3}')
    (tmp_path / "latency.json").write_text("{")
    for line in results.suites(tmp_path).values():
        assert "Measure again: `python -m " in line
    found = read(SHIPPED / "digits", results=tmp_path)
    assert "digits.json is of another version, or written by hand" in " ".join(found.notes)


def test_results_of_other_digit_weights_are_marked(tmp_path):
    (tmp_path / "results").mkdir()
    figures = json.loads((RESULTS / "digits.json").read_text())
    figures["rows"] = {row: {k: v | {"hash": "0" * 12} for k, v in s.items()} for row, s in figures["rows"].items()}
    (tmp_path / "results" / "digits.json").write_text(json.dumps(figures))
    found = read(SHIPPED / "digits", results=tmp_path / "results")
    assert f"results/digits.json has no row of {found.hash}" in " ".join(found.notes)
