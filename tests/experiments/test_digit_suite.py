"""The suite of digit experiments: rows are trained once, go on where they were stopped, and nothing is mixed up."""

import json
import shutil
from dataclasses import replace

import pytest
from tiny_digits import write_judge

from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.core.images import load
from dtn_core.data import digits as data
from dtn_core.evaluation.adaptation import VARIANTS
from dtn_core.evaluation.experiments import digits, paper, report
from dtn_core.evaluation.experiments import figures as figures_file
from dtn_core.evaluation.experiments.figures import mean_and_std
from dtn_core.networks import checkpoint
from dtn_core.training import run_training
from dtn_core.training.events import Finished, Started, read
from dtn_core.training.runs.store import Run
from dtn_core.training.stages.transfer import TransferStage

TINY = {"steps": 2, "batch": 4, "limit": 40, "save_every": 1, "sample_every": 2}
TRAINED = []
"""(name, whether a run was resumed) of each training."""


class Suite:
    """A set-up in a folder; what it logged."""

    def __init__(self, folder, shipped=None, **changes):
        TRAINED.clear()
        self.folder, self.notes = folder, []
        self.output = folder / "figures" / "digits.json"
        f = folder / "f"
        if not f.exists():
            write_judge(f, hidden=128)  # as trainings make them
            write_judge(folder / "judge")
        config = replace(PRESETS["digits-tiny"], **TINY, encoder=str(f), keep="best")
        self.setup = digits.Setup(
            config,
            replace(PRESETS["digits-f-tiny"], **TINY, absent=paper.ABSENT),
            replace(PRESETS["digits-f-tiny"], **TINY, unlabelled=1.0),
            replace(PRESETS["digits-f-tiny"], **TINY, contrastive=True),
            replace(PRESETS["digits-adapted-tiny"], **TINY),
            replace(PRESETS["digits-f-tiny"], **TINY, seed=1),
            str(folder / "judge"),
            None,
            folder / "runs",
            shipped,
            self.notes.append,
        )
        self.setup = replace(self.setup, **changes)

    def __call__(self, suite, seeds=(0,)):
        """Run it; returns the figures and what was trained for them."""
        TRAINED.clear()
        return digits.run_suite(self.setup, suite, seeds, self.output), list(TRAINED)

    def refusal(self, suite="table2"):
        """What is said instead, with nothing trained and the output as it was."""
        TRAINED.clear()
        before = self.output.read_bytes()
        with pytest.raises(UserError, match=str(self.output)) as error:
            digits.run_suite(self.setup, suite, [0], self.output)
        assert not TRAINED
        assert self.output.read_bytes() == before
        assert "\n" not in str(error.value)
        return str(error.value)


def record(config, name, runs, data, resume):
    TRAINED.append((name, resume is not None))
    return run_training(config, name, runs, data, resume)


@pytest.fixture(scope="module", autouse=True)
def short():
    """The best row trains longer than the others: here one step longer; and amounts are of fewer pictures."""
    few = {"steps": lambda _: 3, "limit_s": lambda n: n // 100 + 4, "limit_t": lambda n: n // 1000 + 5}
    rows = [
        row._replace(changes={name: few.get(name, lambda v: v)(value) for name, value in row.changes.items()})
        for row in paper.ROWS
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "run_training", record)
        for module in (paper, digits, report, figures_file):
            patch.setattr(module, "ROWS", tuple(rows))
        yield


@pytest.fixture
def suite(few_digits, tmp_path):
    return Suite(tmp_path)


@pytest.fixture(scope="module")
def whole(short, few_digits, tmp_path_factory):
    """Everything, done once: (suite, figures, what was trained). Read only."""
    suite = Suite(tmp_path_factory.mktemp("whole"))
    return suite, *suite("all")


def test_all_rows_are_trained_once_and_measured(whole, few_digits):
    _, figures, trained = whole
    names = [f"digits-{row.key}" for row in paper.ROWS if not row.of] + ["digits-f-without-3", "digits-f-adapted"]
    names += ["digits-adapted"] * 2 + ["digits-f-contrastive", "digits-judge-street"]
    assert sorted(trained) == sorted((name, False) for name in names)
    assert list(figures["rows"]) == [row.key for row in paper.ROWS]
    assert figures["data"] == {
        "s": "drawn",
        "t": "drawn",
        "n_test_s": few_digits["test"],
        "n_test_t": few_digits["test"],
    }
    for row in paper.ROWS:
        record = figures["rows"][row.key]["0"]
        assert record["changes"] == row.changes
        assert 0 <= record["accuracy"] <= 1
        steps = row.changes.get("steps", 2)
        assert record["steps"] == steps
        assert record["kept_step"] in range(1, steps + 1)
        assert record["samples_per_s"] > 0
        assert row.key == "swap" or all(0 <= record[name] <= 1 for name in ("f_keeps", "judge_agrees"))
    assert len({record["0"]["hash"] for record in figures["rows"].values()}) == len(paper.ROWS) - 1
    for key in paper.ADAPTED:
        adaptation = figures["rows"][key]["0"]["adaptation"]
        assert adaptation["n_train"] == few_digits["train"]
        assert adaptation["neighbours"].keys() == adaptation["agreement"].keys() == VARIANTS.keys()
        assert adaptation["agreement"][adaptation["chosen"]] == max(adaptation["agreement"].values())
        assert 0 <= adaptation["classifier"] <= 1
    assert figures["n_train"] == {"s": 40, "t": 40}
    assert 0 <= figures["rows"]["swap"]["0"]["by_f"] <= 1
    assert figures["judge_s"]["hash"] != figures["f"]["hash"]


def test_a_row_of_another_measures_its_translation_untruncated(whole):
    suite, figures, _ = whole
    (run,) = suite.setup.runs.glob("*-digits-best")
    plain, best = (figures["rows"][key]["0"] for key in ("untruncated", "best"))
    assert plain["hash"] == best["hash"] == checkpoint.weights_hash(run / "export")
    assert plain["const"] != best["const"]


def test_each_row_is_trained_with_its_switches(whole):
    suite, figures, _ = whole
    for row in paper.ROWS:
        (run,) = suite.setup.runs.glob(f"*-digits-{row.of or row.key}")
        config = json.loads((run / "config.json").read_text())
        assert {name: config[name] for name in row.changes} == row.changes
        assert (config["seed"], config["keep"]) == (0, "best")
        assert (config["encoder"] == suite.setup.config.encoder) == (row.f == "given")
        assert figures["rows"][row.key]["0"]["hash"] == checkpoint.weights_hash(run / "export")


def test_the_f_that_never_saw_the_digit_is_another_f(whole):
    suite, figures, _ = whole
    (run,) = suite.setup.runs.glob("*-digits-f-without-3")
    assert json.loads((run / "config.json").read_text())["absent"] == 3
    hashes = {key: record["0"]["f_hash"] for key, record in figures["rows"].items()}
    assert hashes["no_3_stf"] == digits.hash_of(run / "export")
    (taught,) = suite.setup.runs.glob("*-digits-f-adapted")
    settings = json.loads((taught / "config.json").read_text())
    assert (settings["start"], settings["unlabelled"]) == (suite.setup.config.encoder, 1.0)
    assert hashes["best"] == hashes["self_taught"] == digits.hash_of(taught / "export")
    assert figures["f_taught"]["hash"] == hashes["best"]
    (unlabelled,) = suite.setup.runs.glob("*-digits-f-contrastive")
    assert figures["f_unlabelled"]["hash"] == hashes["no_labels"] == digits.hash_of(unlabelled / "export")
    assert checkpoint.load_encoder(unlabelled / "export").dim == 128  # labels only reach a probe beside it
    of_others = {"no_3_stf", "best", "untruncated", "self_taught", "no_labels"}
    assert {hashes[key] for key in hashes.keys() - of_others} == {figures["f"]["hash"]}


def test_the_adapted_classifier_learns_what_the_dtn_made(whole):
    suite, _, _ = whole
    runs = sorted(suite.setup.runs.glob("*-digits-adapted"))
    for run, key in zip(runs, ("dtn", "best"), strict=True):
        (translation,) = suite.setup.runs.glob(f"*-digits-{key}")
        assert json.loads((run / "config.json").read_text())["through"] == str(translation / "export")


def test_done_again_nothing_is_trained_and_no_figure_changes(whole):
    suite, figures, _ = whole
    again, trained = suite("all")
    assert trained == []
    assert again == figures


def test_finished_runs_are_measured_again_for_another_output(whole, tmp_path):
    suite, figures, _ = whole
    TRAINED.clear()
    anew = digits.run_suite(suite.setup, "all", [0], tmp_path / "anew.json")
    assert TRAINED == []
    assert anew == figures


def test_pages_and_pictures_are_written_for_what_was_measured(whole, tmp_path):
    suite, figures, _ = whole
    found = digits.trained(suite.setup, figures)
    assert set(found) == {row.key for row in paper.ROWS if not row.of}
    assert all(loaded.hash == figures["rows"][key]["0"]["hash"] for key, loaded in found.items())
    written = report.write(figures, found, tmp_path / "page" / "digits.json")
    names = ["digits.md", *(f"digits-{name}.png" for name in ("chart", "pairs", "unseen", "amounts", "labels", "swap"))]
    assert [path.name for path in written] == names
    text = written[0].read_text()
    for row in paper.ROWS:
        assert row.title in text or row.key in ("swap", "no_labels")
        if row.paper is not None:
            assert f"| {row.paper:.2f} |" in text
    ours = mean_and_std(figures["rows"]["no_tid"], lambda record: record["accuracy"])
    assert f"| DTN w/o L_TID | {ours} | 88.40 |" in text
    for path in written[1:]:
        assert path.name in text
        assert load(path).std() > 0


def test_translations_that_were_not_measured_are_not_shown(whole):
    suite, figures, _ = whole
    assert digits.trained(suite.setup, {"rows": {}}) == {}
    other = {"dtn": {"0": {**figures["rows"]["dtn"]["0"], "hash": "0" * 12}}}
    assert digits.trained(suite.setup, {"rows": other}) == {}


def test_an_empty_figure_of_the_lowest_seed_is_not_replaced_by_another_seeds(whole):
    suite, figures, _ = whole
    record = figures["rows"]["dtn"]["0"]
    rows = {"dtn": {"3": record, "1": {**record, "hash": "0" * 12}}}
    assert digits.trained(suite.setup, {"rows": rows}) == {}
    assert set(digits.trained(suite.setup, {"rows": {"dtn": {"3": record}}})) == {"dtn"}


def test_two_seeds_are_two_runs_and_stand_side_by_side(suite):
    figures, trained = suite("table2", [0, 1])
    assert trained == [("digits-dtn", False), ("digits-adapted", False)] * 2
    assert list(figures["rows"]) == ["dtn"]
    one, other = figures["rows"]["dtn"]["0"], figures["rows"]["dtn"]["1"]
    assert one["hash"] != other["hash"]
    assert "(2)" in report.markdown(figures)
    assert digits.trained(suite.setup, figures)["dtn"].hash == one["hash"]
    _, trained = suite("table2", [1, 2])
    assert trained == [("digits-dtn", False), ("digits-adapted", False)]
    for key, more in (("swap", [("digits-judge-street", False)]), ("no_tid", [])):  # a row alone
        figures, trained = suite(key)
        assert trained == [(f"digits-{key}", False), *more]
    assert set(figures["rows"]) == {"dtn", "swap", "no_tid"}


@pytest.mark.parametrize("rows", ["[]", '{"dtn": 5}', '{"dtn": {"0": 5}}', '{"dtn": {"0": {"accuracy": 1}}}'])
def test_edited_results_are_refused_and_kept(suite, rows):
    suite.output.parent.mkdir()
    suite.output.write_text(f'{{"format": 1, "rows": {rows}}}')
    assert "no digit figures of this version" in suite.refusal()


def ends(run):
    result = [s.event for s in read(run / "events.jsonl")[0]]
    return ([event.step for event in result if isinstance(event, Started)],
            [event.why for event in result if isinstance(event, Finished)])  # fmt: skip


def test_a_stopped_run_is_not_measured_and_resumes(suite, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Run, "requests", lambda self: {"stop"})
        with pytest.raises(KeyboardInterrupt):
            suite("table2")
    (run,) = suite.setup.runs.glob("*-digits-dtn")
    assert ends(run) == ([], ["stopped"])  # before its first step
    assert json.loads(suite.output.read_text())["rows"] == {}
    assert str(run) in suite.notes[-1]
    figures, trained = suite("table2")
    assert trained == [("digits-dtn", True), ("digits-adapted", False)]
    assert ends(run) == ([0], ["stopped", "done"])
    assert "adaptation" in figures["rows"]["dtn"]["0"]


def test_a_crashed_run_resumes_from_its_last_checkpoint(suite, monkeypatch):
    step = TransferStage.step

    def dying(self, at):
        if at == 2:
            raise RuntimeError("the power is out")
        return step(self, at)

    with monkeypatch.context() as patch:
        patch.setattr(TransferStage, "step", dying)
        with pytest.raises(RuntimeError, match="power"):
            suite("table2")
    _, trained = suite("table2")
    assert trained == [("digits-dtn", True), ("digits-adapted", False)]
    (run,) = suite.setup.runs.glob("*-digits-dtn")
    assert ends(run) == ([0, 1], ["done"])


def test_results_of_other_settings_are_refused(suite):
    suite("table2")
    wanted = suite.setup
    suite.setup = replace(wanted, config=replace(wanted.config, alpha=9.0))
    assert "other settings" in suite.refusal()
    suite.setup = replace(wanted, limit=5)
    assert "other data" in suite.refusal()
    shutil.copytree(suite.folder / "f", suite.folder / "other")
    tensors = {k: -v for k, v in checkpoint.read_tensors(suite.folder / "other", "encoder").items()}
    checkpoint.save(suite.folder / "other", checkpoint.read_config(suite.folder / "f"), {"encoder": tensors})
    suite.setup = replace(wanted, judge=str(suite.folder / "other"))
    assert "another judge" in suite.refusal()
    suite.setup = replace(wanted, config=replace(wanted.config, seed=5, device="cpu"))
    assert suite("table2")[1] == []  # the seed is the row's, and where it was trained is no matter


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 99}', "{}"])
def test_damaged_figures_are_reported_in_one_line(suite, text):
    suite.output.parent.mkdir()
    suite.output.write_text(text)
    assert "Choose another output with -o" in suite.refusal() or "choose another output with -o" in suite.refusal()


def test_an_output_that_cannot_be_written_is_reported_in_one_line(suite):
    (suite.folder / "figures").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        digits.run_suite(suite.setup, "table2", [0], suite.output)
    assert not TRAINED


def test_another_f_is_measured_and_its_rows_are_trained_again(suite):
    first, _ = suite("table2")
    f = checkpoint.read_tensors(suite.folder / "f", "encoder")
    config = {k: v for k, v in checkpoint.read_config(suite.folder / "f").items() if k != "format"}
    checkpoint.save(suite.folder / "f", config, {"encoder": {k: v * 1.5 for k, v in f.items()}})
    shutil.rmtree(suite.setup.runs)
    figures, trained = suite("table2")
    assert trained == [("digits-dtn", False), ("digits-adapted", False)]
    assert figures["f"]["hash"] != first["f"]["hash"]
    assert figures["rows"]["dtn"]["0"]["f_hash"] == figures["f"]["hash"]


def test_a_shipped_translation_is_the_dtn_of_its_seed(whole, few_digits, tmp_path):
    trainer, figures, _ = whole
    (run,) = trainer.setup.runs.glob("*-digits-dtn")
    shipped = shutil.copytree(run / "export", tmp_path / "shipped")
    info = checkpoint.read_config(shipped)
    info["trained"]["timing"] = {"seconds": 7, "samples_per_s": 5.0}
    (shipped / "config.json").write_text(json.dumps(info))
    suite = Suite(tmp_path, shipped=str(shipped))
    seen, trained = suite("table2", [0])
    assert trained == [("digits-adapted", False)]
    record = seen["rows"]["dtn"]["0"]
    assert record["hash"] == figures["rows"]["dtn"]["0"]["hash"]
    assert record["accuracy"] == figures["rows"]["dtn"]["0"]["accuracy"]
    assert (record["seconds"], record["samples_per_s"]) == (7, 5.0)
    assert digits.trained(suite.setup, seen)["dtn"].hash == record["hash"]
    _, trained = suite("table2", [1])
    assert trained == [("digits-dtn", False), ("digits-adapted", False)]
    other = replace(suite.setup, config=replace(suite.setup.config, steps=1))
    TRAINED.clear()
    digits.run_suite(other, "table2", [0], tmp_path / "other.json")
    assert TRAINED == [("digits-dtn", False), ("digits-adapted", False)]


def test_the_shipped_f_taught_further_serves_those_who_use_the_f_it_began_with(suite):
    preset = PRESETS["digits-f-adapted"]
    wanted = replace(suite.setup, f_taught=preset)
    assert (
        digits.Suite(replace(wanted, config=replace(wanted.config, encoder=preset.start)), suite.output).taught()
        == "digits-f-adapted"
    )
    assert not TRAINED
    own = replace(wanted, f_taught=replace(preset, **TINY, drawn=0.0, precision="fp32"))
    made = digits.Suite(own, suite.output).taught()
    assert TRAINED == [("digits-f-adapted", False)]
    assert checkpoint.read_config(checkpoint.find(made))["encoder"]["width"] == 8


def test_what_was_made_of_other_data_is_neither_shipped_nor_done(suite, tmp_path):
    suite("table2")
    (run,) = suite.setup.runs.glob("*-digits-dtn")
    info = checkpoint.read_config(run / "export")
    info["trained"]["data"] = "SVHN (pack) → MNIST (pack)"
    (run / "export" / "config.json").write_text(json.dumps(info))
    again = Suite(suite.folder, shipped=str(run / "export"))
    again.output = tmp_path / "again.json"
    _, trained = again("table2")
    assert ("digits-dtn", False) in trained


def test_an_f_trained_on_the_test_part_is_refused(suite, monkeypatch):
    f = suite.folder / "f"
    info = {k: v for k, v in checkpoint.read_config(f).items() if k != "format"}
    info["trained"] = {"data": "SVHN (pack)"}
    checkpoint.save(f, info, {})
    drawn = data.svhn
    monkeypatch.setattr(data, "svhn", lambda *call: drawn(*call)._replace(source="SVHN (torchvision)"))
    with pytest.raises(UserError, match="by which it would be measured") as error:
        suite("table2")
    assert "\n" not in str(error.value)
    assert not TRAINED
