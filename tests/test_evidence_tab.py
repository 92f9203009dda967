"""The tab Evidence without a browser: what it answers, what may run, and which checkpoints it knows."""

import json
import re
import shutil
import signal

import pytest
from tiny_digits import write_digits, write_judge

from dtn_core.core.errors import UserError
from dtn_core.evaluation.evidence import reading, results
from dtn_core.evaluation.evidence.tables import Source, Table
from dtn_core.networks.checkpoint import SHIPPED
from dtn_core.pipeline.digits import DigitTransferrer
from dtn_core.pipeline.photo import Transferrer
from dtn_core.ui.tabs.evidence import checkpoints, suites, views
from dtn_core.ui.tabs.evidence.checkpoints import Checkpoints
from dtn_core.ui.tabs.evidence.suites import Progress, SuiteRunner
from dtn_core.ui.tabs.evidence.tab import EvidenceTab, data_folder, progress
from dtn_core.ui.translations import Translations


@pytest.fixture(scope="module")
def runs(tmp_path_factory, drawing_checkpoint):
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(drawing_checkpoint, folder / "00001-faces" / "export")
    return folder


@pytest.fixture
def known(drawing, runs, tmp_path):
    numbers = DigitTransferrer.from_checkpoint(write_digits(tmp_path / "digits"), write_judge(tmp_path / "judge"))
    people = Translations(drawing, ("heads", "pictures"), drawing.from_checkpoint, runs)
    street = Translations(numbers, ("digits",), lambda path: DigitTransferrer.from_checkpoint(path), runs)
    return Checkpoints(people, street, runs, None)


def test_the_list_has_all_that_is_shipped_and_every_run(known):
    names = [name for name, _ in known.choices()]
    shipped = {path.parent.name for path in SHIPPED.glob("*/config.json")}
    assert set(names) == shipped | {"00001-faces"}
    assert names.index("emoji") < names.index("encoder") < names.index("judge")
    assert names[-1] == "00001-faces"


@pytest.mark.parametrize(
    "key", ["", None, "..", "../emoji", "no-such", "00009-gone/export", "00001-faces/../x", "/etc"]
)
def test_only_keys_lead_somewhere(known, key):
    with pytest.raises(UserError, match="Choose another one"):
        known.directory(key)


def test_runs_are_hidden_where_training_is_not_allowed(known, drawing):
    hidden = Checkpoints(known.people, known.street, None, None)
    assert "00001-faces" not in dict(hidden.choices())
    with pytest.raises(UserError, match="gone"):
        hidden.directory("00001-faces/export")


def test_the_gallery_pages_and_keeps_pages(known, monkeypatch):
    first, second = known.gallery("00001-faces/export", 0), known.gallery("00001-faces/export", 1)
    assert first != second
    assert first.count("<img") == second.count("<img") == 2 * checkpoints.PAGE
    monkeypatch.setattr(checkpoints.gallery, "public_domain_heads", None)  # would fail if it were asked again
    assert known.gallery("00001-faces/export", 0) == first
    assert known.gallery("00001-faces/export", -5) == first
    assert "makes no pictures" in known.gallery("encoder", 0)


def test_held_out_photos_are_not_kept(known, monkeypatch, hopper):
    home = Checkpoints(known.people, known.street, known.runs, SHIPPED)
    monkeypatch.setattr(checkpoints.gallery, "held_out_heads", lambda data, n, seed: [hopper[:128, :128]] * 2)
    assert home.gallery("00001-faces/export", 0, photos=True).count("<img") == 4
    assert not home._pages


def test_digits_are_drawn_numbers(known):
    assert known.gallery("digits", 0).count("<img") == 4 * checkpoints.PAGE


def test_missing_parts_are_reported(known):
    assert "set DTN_DATA" in known.pairs("digits")
    assert known.pairs("encoder") == ""


def test_a_view_of_two(known):
    tab = EvidenceTab.__new__(EvidenceTab)  # its answers need no page
    tab.checkpoints = known
    heads, links, figures, drawn = tab.show("encoder", "encoder-drawn")
    assert heads.count("mean AUC of the attributes") == 2
    assert 'download="evidence-encoder-encoder-drawn.csv"' in links
    assert figures.count("AUC by attribute<") == 3  # side by side, and of each
    assert "line-b" in drawn
    _, _, figures, _ = tab.show("digits-f", "judge")
    assert "no table in common" in figures
    assert "gone" in tab.show("no-such", "")[0]
    page, shown = tab._turn_page(1)("encoder", "", 0, False)
    assert page == 1
    assert "Page 2, seed 1" in shown


@pytest.fixture
def tab(known):
    made = EvidenceTab.__new__(EvidenceTab)  # its answers need no page
    made.checkpoints, made.runner = known, SuiteRunner(known.runs, "off", None)
    return made


def opened(tab, chosen, style, followed):
    """The checkpoint that the tab shows when it is opened, and what it remembers of Emojify."""
    update, *_, now = tab.lists(chosen, "", style, followed)
    return update["value"], now


def test_the_tab_opens_on_the_checkpoint_the_app_was_started_with(known, tab):
    first = Transferrer.from_checkpoint("lorelei")
    tab.checkpoints = Checkpoints(Translations(first, ("heads",), None, None), known.street, None, None)
    assert tab.checkpoints.in_use("") == "lorelei"
    assert opened(tab, "cartoon-set", "", None) == ("lorelei", "")


def test_the_tab_opens_on_the_style_chosen_in_emojify(tab):
    assert opened(tab, "cartoon-set", "toon-head", None) == ("toon-head", "toon-head")
    assert opened(tab, "cartoon-set", "00001-faces/000250", None)[0] == "00001-faces/export"


def test_a_choice_in_the_tab_is_kept_until_emojify_changes(tab):
    assert opened(tab, "encoder", "toon-head", "toon-head") == ("encoder", "toon-head")
    assert opened(tab, "encoder", "lorelei", "toon-head") == ("lorelei", "lorelei")


def test_a_checkpoint_that_is_not_listed_is_replaced_by_the_first(known):
    first = known.choices()[0][1]
    assert known.in_use("") == first  # the app was started with a folder elsewhere
    assert known.in_use("00009-gone/export") == first


def test_text_cells_are_unchanged():
    nasty = "<img src=x onerror=alert(1)>"
    table = Table(nasty, (nasty,), ((nasty, nasty),), Source(*[nasty] * 5), note=nasty)
    found = reading.Evidence(nasty, "", "", "", ((nasty, nasty),), (table,), (f"`{nasty}`",), None)
    assert "<img" not in views.figures(found, found)
    assert "<img" not in views.downloads(found, None)


def test_what_may_run(tmp_path, monkeypatch):
    monkeypatch.setattr(suites.subprocess, "Popen", None)  # nothing is started here
    for policy, count in (("off", 1), ("tiny", 1), ("all", 3)):
        assert len(SuiteRunner(tmp_path, policy, None).choices()) == count
    with pytest.raises(UserError, match="Training is turned off"):
        SuiteRunner(tmp_path, "off", tmp_path).start("digits", SHIPPED / "digits")
    with pytest.raises(UserError, match="needs its data: set DTN_DATA .* evaluate digits --download") as error:
        SuiteRunner(tmp_path, "all", None).start("digits", SHIPPED / "digits")
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="choose a suite"):
        SuiteRunner(tmp_path, "all", None).start("rm", SHIPPED / "digits")
    assert SuiteRunner(tmp_path, "all", None).progress() == Progress("")


class Process:
    """A suite's process: code is None while it runs."""

    def __init__(self, code=None):
        self.code, self.signals = code, []

    def poll(self):
        return self.code

    def send_signal(self, number):
        self.signals.append(number)


@pytest.fixture
def running(tmp_path):
    runner = SuiteRunner(tmp_path, "all", tmp_path)
    runner._suite, runner._process = suites.DIGITS, Process()
    runner._output = tmp_path / "digits.json"
    return runner


def test_progress_is_read_from_the_output(running):
    assert running.progress().share == 0
    figures = json.loads((results.RESULTS / "digits.json").read_text())
    running._output.write_text(json.dumps(figures))
    now = running.progress()
    assert now.state == "running"
    assert 0.1 < now.share <= 1
    assert now.tables[0].title.startswith("Table 1")
    with pytest.raises(UserError, match="a suite is running"):
        running.start(suites.TINY, SHIPPED / "digits")


def test_cancel_interrupts_then_terminates(running):
    running.cancel()
    assert running.progress().line == "It will stop after this step."
    running._process.code = 130
    now = running.progress()
    assert (now.state, now.line) == ("cancelled", "Cancelled. Run it again to resume.")
    running.cancel()
    assert running._process.signals == [signal.SIGINT]


def test_a_failed_suite_gives_a_reason_without_paths(running):
    (running._temporary() / "log.txt").write_text(
        f"more\nerror: {running.runs}/digits.json: holds figures of other data.\n"
    )
    running._process.code = 2
    now = running.progress()
    assert (now.state, now.line) == ("failed", "/digits.json: holds figures of other data.")
    assert 'class="message error"' in progress(now)


def test_data_is_for_those_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("DTN_DATA", str(tmp_path))
    assert data_folder("all") == tmp_path
    assert data_folder("tiny") is data_folder("off") is None
    monkeypatch.setenv("DTN_DATA", str(tmp_path / "gone"))
    assert data_folder("all") is None


def test_the_main_figures_come_first_and_in_words():
    shown = views.headlines(reading.read(SHIPPED / "emoji"))
    assert shown.count("<li>") == views.HEADLINE_COUNT
    assert re.search(r"<b>\d\d\.\d%</b> of unseen people get all six attributes right", shown)
    assert "by the nearest avatar" in shown
    assert "street numbers become" in views.headlines(reading.read(SHIPPED / "digits"))


def test_rows_that_say_nothing_are_left_out():
    table = Table("t", ("a", "b"), (("hat (5 of 9)", "— / —", ""), ("beard", "0.5", "—")))
    shown = views.table(table)
    assert '<th scope="row">hat' not in shown
    assert "Not measured, since this style can’t show it: hat." in shown
    assert "0.5" in shown
