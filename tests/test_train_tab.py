"""The tab Train without a browser: who may what, the form and its configuration, the curves, what changes when."""

from __future__ import annotations

import inspect
import io
import json
import re
import shutil
import zipfile
from contextlib import suppress
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from made_runs import alive, grid, make_run

from dtn_core import config as configs
from dtn_core.config import PRESETS
from dtn_core.core import images, zips
from dtn_core.core.errors import UserError
from dtn_core.training import events
from dtn_core.training.card import model_card as card_of
from dtn_core.training.dry_run import DryRun
from dtn_core.training.runs import status
from dtn_core.ui.access import uploads
from dtn_core.ui.components.scripts import MODULES
from dtn_core.ui.tabs.train import (
    curves,
    exports,
    fields,
    form,
    hardware,
    panels,
    service,
    status_cache,
    views,
    watch,
)
from dtn_core.ui.tabs.train import tab as train_tab
from dtn_core.ui.tabs.train.service import OFF, Form, TrainService
from dtn_core.ui.tabs.train.watch import Watch

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of runs, read only: three that ended and one that died."""
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder, "00001-folders-cpu", "folders-cpu", exports=(200, 400), notes="First try.", s="a", t="b")
    make_run(folder, "00002-folders-cpu", "folders-cpu", step=200, ended="failed", alpha=9.0, s="a", t="b")
    make_run(folder, "00003-digits-f", "digits-f", step=300, ended="stopped", samples=1)
    make_run(folder, "00004-digits-tiny", "digits-tiny", step=8, steps=8, every=2, ended=None)
    return folder


@pytest.fixture
def runs(made, tmp_path):
    """A copy of them that a test may change."""
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def tab(a_service):
    """The tab alone on a page."""
    with gr.Blocks() as demo:
        remembered = train_tab.memory()
        with gr.Tabs() as tabs, gr.Tab("Train"):
            train_tab.fill(a_service, demo, remembered, tabs, {})
    return demo


class Watched(Watch):
    """The panels on a page of their own, whose updates are looked up by name: "curves", "controls.stop"."""

    def __init__(self, a_service):
        with gr.Blocks():
            super().__init__(a_service, train_tab.memory().run)
        self.names = {id(part): name for name, part in self.parts(self)}

    def parts(self, owner, before=""):
        for name, part in vars(owner).items():
            if type(part).__module__ == panels.__name__:
                yield from self.parts(part, f"{name}.")
            elif hasattr(part, "_id"):
                yield before + name, part

    def view(self, chosen="", other="", pinned=None, seen=None):
        """(name → update, what is seen now)"""
        updates = self.refresh_all(chosen, other, pinned, seen or {})
        if updates == gr.skip():
            return {}, seen
        result = {self.names[id(part)]: value for part, value in updates.items()}
        return result, result.pop("seen")


# ── who may what ────────────────────────────────────────────────────────────────────────────────────────────


def dummies(method):
    """Something for each argument of a method of TrainService, right where it matters."""
    known = {"form": Form("digits-tiny", {}), "name": "00001-folders-cpu", "task": "digits", "what": "stop", "steps": 5}
    parameters = inspect.signature(method).parameters.values()
    return [known.get(p.name, "x") for p in parameters if p.default is p.empty]


ACTIONS = [
    name for name, method in inspect.getmembers(TrainService, inspect.isfunction)
    if not name.startswith("_") and name not in ("data", "train_command", "may_see", "who", "unrestricted")
]  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
def test_training_off_refuses_every_action(made, monkeypatch, action):
    for name in ("read_status", "runs_in", "log_tail"):
        monkeypatch.setattr(status, name, lambda *_: pytest.fail("it read the runs"))
    method = getattr(TrainService(made, "off"), action)
    with pytest.raises(UserError, match="turned off on this server"):
        method(*dummies(method))


def test_the_list_of_actions_is_complete():
    assert {"start", "check", "request", "resume", "force_stop", "delete", "note", "poll", "list", "log"} <= set(
        ACTIONS
    )
    assert OFF in TrainService("runs", "off").train_command(Form("digits-tiny", {}))


def test_off_leaves_no_handlers_and_shows_no_run(made):
    demo = tab(TrainService(made, "off"))
    assert len(demo.fns) == 0
    page = str(demo.get_config_file())
    assert "turned off on this server" in page
    assert "DTN_TRAINING" in page
    assert "00001" not in page


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_handler_checks_the_policy(runs):
    """The page of a server that allows all, whose policy is then turned off: no handler does or tells anything."""
    a_service = TrainService(runs, "all")
    demo = tab(a_service)
    a_service.policy = "off"
    before = everything(runs)
    event = gr.EventData(None, {"run": "00001-folders-cpu", "step": 1, "follow": False})
    values = {
        "File": None,
        "Radio": "digits",
        "Dropdown": "digits-tiny",
        "State": ("force", "00001-folders-cpu"),
        "BrowserState": {},
    }
    for fn in demo.fns.values():
        assert fn.api_visibility == "private"
        if fn.fn is None:
            continue
        given = [values.get(type(part).__name__, "00001-folders-cpu") for part in fn.inputs]
        if "event" in inspect.signature(fn.fn).parameters:
            given.append(event)
        with suppress(UserError):
            result = str(fn.fn(*given))
            assert "First try" not in result
            assert "folders-cpu</h3>" not in result
    assert everything(runs) == before


def test_all_handlers_are_private(made):
    demo = tab(TrainService(made, "all"))
    assert len(demo.fns) > 15
    assert all(fn.api_visibility == "private" for fn in demo.fns.values())
    assert demo.get_api_info()["named_endpoints"] == {}


TINY = Form("digits-tiny", {"alpha": 7.0, "seed": 3, "lr": 0.002})


@pytest.mark.parametrize(
    "form",
    [
        Form("digits-cpu", {}), Form("folders-tiny", {"s": "/etc", "t": "/etc"}), Form("digits-tiny", {"steps": 9}),
        Form("digits-tiny", {}, "views=99"), Form("digits-tiny", {"encoder": "/etc"}), Form("folder-f-tiny", {}),
        Form("digits-tiny", {}, '{"log_every": 1}'), Form("digits-adapted-tiny", {}, "through=/etc"),
    ],
)  # fmt: skip
def test_tiny_refuses_what_isnt(made, form):
    a_service = TrainService(made, "tiny")
    for action in (a_service.config, a_service.check, a_service.start):
        with pytest.raises(UserError, match="only tiny trainings"):
            action(form)


def test_tiny_starts_tiny_ones_under_their_own_name(made, tmp_path, monkeypatch):
    (tmp_path / "mnist.npz").touch()
    monkeypatch.delenv("DTN_DATA", raising=False)
    data, calls = str(tmp_path), []

    def start(*arguments, **options):
        calls.append((arguments, options))
        return SimpleNamespace(name="00009-digits-tiny")

    monkeypatch.setattr(service.launcher, "start", start)
    named = TINY._replace(name="mine", data=data, share_device=True)
    assert TrainService(made, "tiny").start(named) == "00009-digits-tiny"
    TrainService(made, "all").start(named)
    (config, *rest), options = calls[0]
    assert (config.alpha, config.seed, config.lr, config.steps) == (7.0, 3, 0.002, 8)
    assert (rest, options) == (["digits-tiny", made, None], {"share_device": False, "owner": ""})
    assert (calls[1][0][1:], calls[1][1]) == (("mine", made, data), {"share_device": True, "owner": ""})


def test_tiny_sees_only_tiny_runs(made):
    a_service = TrainService(made, "tiny")
    assert [run.name for run in a_service.list()] == ["00004-digits-tiny"]
    assert a_service.poll("00004-digits-tiny").step == 8
    for action in (a_service.poll, a_service.delete, a_service.resume, a_service.log):
        with pytest.raises(UserError, match="no run"):
            action("00001-folders-cpu")
    assert "--runs runs" in a_service.train_command(TINY)


@pytest.mark.parametrize("name", ["", ".", "..", "../runs", "/", "00009-nothing", "00001-folders-cpu/..", "packs"])
def test_names_stay_in_the_folder_of_runs(made, name):
    (made / "packs").mkdir(exist_ok=True)
    with pytest.raises(UserError, match="no run"):
        TrainService(made, "all").delete(name)
    assert (made / "00001-folders-cpu" / "config.json").exists()


# ── the service's actions ──────────────────────────────────────────────────────────────────────────────────────────


def test_runs_that_ended_are_read_once(runs, monkeypatch):
    a_service, read = TrainService(runs, "all"), []
    whole = status.read_status
    monkeypatch.setattr(status, "read_status", lambda path, *how: read.append(path.name) or whole(path, *how))
    assert len(a_service.list()) == 4
    read.clear()
    with alive(runs / "00004-digits-tiny"):
        assert a_service.list()[0].status in status_cache.ALIVE
        a_service.list()
    assert read == ["00004-digits-tiny"] * 2
    a_service.list()
    (runs / "00001-folders-cpu" / "notes.txt").write_text("Second.")
    assert a_service.list()[-1].notes == "Second."
    assert read[3:] == ["00001-folders-cpu"]


def test_the_list_keeps_no_curves(made):
    a_service = TrainService(made, "all")
    brief, whole = a_service.list()[-1], a_service.poll("00001-folders-cpu")
    assert brief.name == whole.name
    assert max(len(steps) for steps, _ in brief.curves.values()) < 10 < max(len(s) for s, _ in whole.curves.values())


def test_one_run_is_found_without_looking_at_all(made, monkeypatch):
    monkeypatch.setattr(status, "runs_in", lambda *_: pytest.fail("it looked at all"))
    assert TrainService(made, "all").may_see("00001-folders-cpu")


def test_deleted_runs_leave_the_cache(runs):
    a_service = TrainService(runs, "all")
    assert len(a_service.list()) == len(a_service._cache._brief) == 4
    shutil.rmtree(runs / "00003-digits-f")
    assert len(a_service.list()) == len(a_service._cache._brief) == 3


def test_notes_interval_and_delete(runs):
    a_service = TrainService(runs, "all")
    assert a_service.note("00001-folders-cpu", "Better.") == "Saved."
    assert a_service.poll("00001-folders-cpu").notes == "Better."
    for steps in (None, 0, -3, 2.5):
        with pytest.raises(UserError, match="whole number"):
            a_service.sample_every("00001-folders-cpu", steps)
    a_service.delete("00003-digits-f")
    assert not (runs / "00003-digits-f").exists()
    assert [run.name for run in a_service.list()] == ["00004-digits-tiny", "00002-folders-cpu", "00001-folders-cpu"]


def test_what_a_run_made(made, tmp_path):
    a_service = TrainService(made, "all")
    run = a_service.poll("00001-folders-cpu")
    names = [service.export_name(run, path) for _, path in run.exports]
    assert names == ["step 200", "step 400, best", "step 400, best, final"]
    assert a_service.in_demo(run.name, "step 200") == ("digits", "00001-folders-cpu/000200")
    for wrong in (None, "", "../export", "step 7", "/etc"):
        with pytest.raises(UserError, match="choose one"):
            a_service.in_demo(run.name, wrong)
    path = a_service.zip_export(run.name, "step 200", tmp_path / "zips")
    with zipfile.ZipFile(path) as file:
        assert sorted(file.namelist()) == [f"000200/{n}" for n in ("README.md", "config.json", "generator.safetensors")]
        card = file.read("000200/README.md").decode()
    assert "step 200 of 400" in card
    assert "not measured" in card
    assert "`alpha` = `5.0`" in card


def test_an_existing_card_is_kept(made, tmp_path):
    source = tmp_path / "export"
    shutil.copytree(made / "00001-folders-cpu" / "export", source)
    (source / "README.md").write_text("My own.")
    (source / "secret.txt").write_text("not part of a checkpoint")
    with zipfile.ZipFile(io.BytesIO(exports.zip_checkpoint(source, "Another."))) as file:
        assert file.read("export/README.md") == b"My own."
        assert "export/secret.txt" not in file.namelist()


def test_old_zips_are_forgotten(tmp_path):
    old = tmp_path / "exports" / "abc"
    old.mkdir(parents=True)
    exports.delete_old(tmp_path / "exports", now=old.stat().st_mtime + 60)
    assert old.exists()
    exports.delete_old(tmp_path / "exports", now=old.stat().st_mtime + exports.RETENTION_SECONDS + 1)
    assert not old.exists()


def test_encoders_that_fit(made):
    of = {
        task: [value for _, value in TrainService(made, "all").encoders(task)]
        for task in ("faces", "digits", "folders")
    }
    assert {"cartoon-set", "emoji", "encoder", "encoder-drawn", "toon-head", "dlib"} <= set(of["faces"])
    assert "digits" in of["digits"]
    assert "digits-f" in of["digits"]
    assert "encoder" not in of["digits"]
    assert {"encoder", "digits-f", "dlib"} <= set(of["folders"])
    assert str(made / "00003-digits-f" / "export") in of["digits"]
    assert not any(value.startswith("/") for _, value in TrainService(made, "tiny").encoders("digits"))


def test_devices_end_with_the_cpu():
    found = hardware.devices()
    assert found[0][1] == "auto"
    assert found[-1][1] == "cpu"
    assert "core" in found[-1][0]


# ── the form ────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_preset_has_its_place_and_a_line():
    placed = [name for task in fields.TASKS for name in fields.presets(task)]
    assert sorted(placed) == sorted(PRESETS)
    assert set(fields.ABOUT) == set(PRESETS)
    assert set(fields.EXPLAINED) == set(fields.TASKS)
    assert fields.tasks(tiny=True).keys() == {"faces", "digits", "further"}


@pytest.mark.parametrize("preset", PRESETS)
def test_an_unchanged_form_is_its_preset(made, preset):
    values = {
        field.name: at.get("value") for field, at in zip(fields.FIELDS, form.fill_in(TrainService(made, "all"), preset))
    }
    assert fields.to_config(preset, values) == PRESETS[preset]
    assert fields.to_config(preset, {}) == PRESETS[preset]


def test_fields_are_settings():
    known = {name for preset in PRESETS.values() for name in configs.to_dict(preset)}
    assert {field.name for field in fields.FIELDS} <= known
    assert set(fields.TUNABLE) <= {field.name for field in fields.FIELDS}


def test_the_form_wins_over_the_preset_and_the_box_over_the_form():
    values = {"alpha": 7, "steps": 50.0, "s": " /a ", "t": "", "limit": None, "width": 99}
    config = fields.to_config("folders-tiny", values, "beta=3, clip=1\nsteps=60", "cpu")
    assert (config.alpha, config.steps, config.s, config.t, config.beta) == (7.0, 60, "/a", None, 3.0)
    assert (config.limit, config.clip, config.device) == (None, 1.0, "cpu")
    assert isinstance(config.alpha, float)
    assert fields.to_config("folders-tiny", values, '{"steps": 70, "alpha_end": 1}').alpha_end == 1


@pytest.mark.parametrize(
    ("preset", "values", "extra", "words"),
    [
        ("nothing", {}, "", "no preset"), ("folders-tiny", {"steps": None}, "", "Steps (steps) is empty"),
        ("folders-tiny", {"steps": 0}, "", "steps=0: should be greater than or equal to 1"),
        ("folders-tiny", {"steps": 1.5}, "", "steps"),
        ("folders-tiny", {"alpha": -1}, "", "alpha"), ("folders-tiny", {}, "alpha", "Write key=value"),
        ("folders-tiny", {}, "width=3", "unknown setting"), ("folders-tiny", {}, "{", "not JSON"),
        ("folders-tiny", {}, '{"width": 3}', "unknown setting"), ("folders-tiny", {}, '{"steps": "a"}', "steps"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_in_one_line(made, preset, values, extra, words):
    with pytest.raises(UserError, match=re.escape(words)) as error:
        fields.to_config(preset, values, extra)
    assert len(str(error.value).splitlines()) == 1
    assert "--set" not in str(error.value)
    assert TrainService(made, "all").train_command(Form(preset, values, extra)).startswith("# ")


def test_own_pictures_are_required(made):
    for action in (TrainService(made, "all").check, TrainService(made, "all").start):
        with pytest.raises(UserError, match="Target pictures"):
            action(Form("folders-tiny", {"s": "/a"}))


@pytest.mark.parametrize("tiny", [False, True])
def test_the_first_preset_needs_no_data(monkeypatch, tiny):
    monkeypatch.delenv("DTN_DATA", raising=False)
    for gpu in (False, True):
        preset = fields.first_choice(next(iter(fields.tasks(tiny))), gpu, tiny)
        fields.check_sources(PRESETS[preset], None)


@pytest.mark.parametrize(
    ("preset", "data", "words"),
    [
        ("faces-cpu", None, "needs a data folder"), ("encoder-tiny", "/nowhere", "folder does not exist"),
        ("faces-tiny", "empty", "lacks celeba.zip and celeba_attributes.csv"), ("avatar-tiny", "empty", "lacks"),
        ("judge-cartoon", None, "needs a data folder"), ("digits-cpu", "empty", "no digits"),
        ("digits-f", "/nowhere", "folder does not exist"),
    ],
)  # fmt: skip
def test_missing_data_is_reported_before_a_start(tmp_path, monkeypatch, preset, data, words):
    monkeypatch.delenv("DTN_DATA", raising=False)
    data = str(tmp_path) if data == "empty" else data or ""
    a_service = TrainService(tmp_path / "runs", "all")
    for action in (a_service.check, a_service.start):
        with pytest.raises(UserError, match=words) as error:
            action(Form(preset, {}, data=data))
        assert "“Data folder”" in str(error.value)
        assert "--" not in str(error.value)
    assert not (tmp_path / "runs").exists()


def test_a_stopped_run_made_nothing_final(runs):
    a_service = TrainService(runs, "all")
    run = a_service.poll("00003-digits-f")
    assert [service.export_name(run, path) for _, path in run.exports] == ["step 300, stopped"]
    with alive(runs / run.name):  # resumed: no longer stopped, not yet final
        run = a_service.poll(run.name)
        assert [service.export_name(run, path) for _, path in run.exports] == ["step 300"]


def test_a_start_is_no_success_yet(made, monkeypatch):
    monkeypatch.setattr(service.launcher, "start", lambda *_, **__: SimpleNamespace(name="00009-digits-tiny"))
    a_service = TrainService(made, "all")
    demo = tab(a_service)
    values = [at.get("value") for at in form.fill_in(a_service, "digits-tiny")]
    start = next(fn for fn in demo.fns.values() if fn.fn and fn.fn.__name__ == "start")
    (answer, *_) = start.fn("digits-tiny", "", "auto", "", "", False, *values).values()
    assert "00009-digits-tiny is starting" in answer
    assert "agree" not in answer


def test_neutral_directions():
    assert "left" not in views.NOTHING


def test_the_command_is_the_form(made):
    line = TrainService(made, "all").train_command(
        Form("folders-tiny", {"s": "/a b", "t": "/c", "alpha": 9}, data="/d")
    )
    assert line.startswith("python -m dtn_core train folders-tiny ")
    assert "--set 's=/a b'" in line
    assert "--set alpha=9.0" in line
    assert "--data /d" in line


def test_settings_are_explained_from_the_source():
    for config in PRESETS.values():
        meanings = configs.descriptions(type(config))
        assert set(meanings) == set(configs.to_dict(config)) - {"kind"}
        assert all(meanings.values())
    assert "<th>alpha</th>" in views.all_settings("faces-tiny")


def test_a_gpu_gets_a_gpus_preset():
    assert fields.first_choice("faces", gpu=True) == "faces"
    assert fields.first_choice("faces", gpu=False) == "faces-cpu"
    assert fields.first_choice("digits", gpu=False, tiny=True) == "digits-tiny"
    assert fields.first_choice("further", gpu=True) == "encoder"


# ── curves ──────────────────────────────────────────────────────────────────────────────────────────────────


def drawn(values, name="const", **more):
    return curves.draw({name: (list(range(1, len(values) + 1)), list(values))}, **more)


def points(text, kind="raw"):
    return [
        [tuple(map(float, point.split(","))) for point in found.split()]
        for found in re.findall(rf'<polyline class="{kind}[^>]*points="([^"]*)"', text)
    ]


def test_panels_follow_the_paper():
    names = ["val/const", "tv", "tid", "d", "d_s", "d_t", "d_real", "d_accuracy", "gang", "const", "g", "cross_entropy"]
    titles = [panel.title for panel in curves.panels(names)]
    letters = ["L<sub>D</sub>", "of D", "L<sub>GANG", "L<sub>CONST", "L<sub>TID", "L<sub>TV", "L<sub>G<"]
    assert all(letter in title for title, letter in zip(titles, letters))
    assert titles[7:] == ["Cross entropy", "Constancy (L<sub>CONST</sub>), held out"]
    assert [line.name for line in curves.panels(names)[0].lines] == ["d", "d_s", "d_t", "d_real"]
    assert curves.panels(names)[1].mark[0] == pytest.approx(1 / 3)
    assert curves.panels(names, binary=True)[1].mark[0] == 1 / 2


def test_smoothing():
    assert np.allclose(curves.smooth(np.full(50, 3.0)), 3)
    values = np.random.default_rng(0).standard_normal(1000)
    even = curves.smooth(values)
    assert even[0] == values[0]
    assert even[100:].std() < 0.3 * values.std()


def test_thinning_keeps_ends_and_peaks():
    values = np.zeros(5000)
    values[[1234, 4000]] = 9, -9
    kept = curves.thin(5000, values)
    assert len(kept) <= curves.POINTS
    assert {0, 1234, 4000, 4999} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()
    assert (curves.thin(7, values[:7]) == np.arange(7)).all()


def test_lines_are_short_and_bold_ones_too():
    text = drawn(np.random.default_rng(0).random(4000))
    (raw,), (bold,) = points(text), points(text, "bold")
    assert len(raw) <= curves.POINTS
    assert len(bold) <= curves.POINTS
    assert len(text) < 9000


def test_values_can_be_read_back_from_a_drawing():
    """As assets/js/curves.js does under the pointer."""
    text = drawn([4, 2, 1, 0.5])
    x1, y0, y1 = map(float, re.search(r'data-scale="([^"]*)"', text)[1].split())
    (spots,) = points(text)
    tall, wide = (
        curves.HEIGHT - curves.TOP - curves.BOTTOM,
        curves.WIDTH - curves.LEFT - curves.RIGHT,
    )
    values = [y1 - (y - curves.TOP) / tall * (y1 - y0) for _, y in spots]
    steps = [(x - curves.LEFT) / wide * x1 for x, _ in spots]
    assert values == pytest.approx([4, 2, 1, 0.5], abs=0.01 * (y1 - y0))
    assert steps == pytest.approx([1, 2, 3, 4], abs=0.01 * x1)
    script = (MODULES / "curves.js").read_text()
    axes = {name.lower(): getattr(curves, name) for name in ("LEFT", "RIGHT", "TOP", "BOTTOM")}
    assert "const AXES = {{ {} }}".format(", ".join(f"{k}: {v}" for k, v in axes.items())) in script


def test_odd_values():
    assert drawn([]) == ""
    assert drawn([float("nan")] * 3) == ""
    assert len(points(drawn([1, float("inf"), 2, float("nan"), 3]))[0]) == 3
    assert "<circle" in drawn([5.0])
    for values in ([0.0], [0.0] * 4, [-3.0] * 4, [1e-9, 2e-9], [1e9, 2e9], [-1, 1]):
        text = drawn(values)
        assert "nan" not in text
        assert "inf" not in text


def test_the_last_value_with_its_unit():
    assert "<b>75%</b>" in drawn([0.5, 0.75], "d_accuracy")
    assert "<b>0.0123</b>" in drawn([1, 0.01234])


def test_names_are_escaped():
    text = drawn([1, 2], NASTY)
    assert "<img" not in text
    assert "&lt;img" in text


def test_two_runs_in_one_picture():
    one = {name: ([1, 2, 3], [3.0, 2.0, 1.0]) for name in ("d", "d_s", "tv")}
    two = {name: ([1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0]) for name in ("d", "d_s", "gang")}
    text = curves.draw(one, two)
    assert text.count("<figure") == 3
    assert text.count('class="bold line-b"') == 2
    assert "line-1" not in text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.2, 0.9), (-5, 5), (0, 2000), (1e-7, 3e-7), (99, 101), (0, 7)])
def test_ticks(low, high):
    found = curves.ticks(low, high)
    assert 2 <= len(found) <= 5
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    assert np.allclose(np.diff(found), found[1] - found[0])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (999, "999"), (4500, "4.5k"), (2e-6, "2e-06"), (3e6, "3M")],
)
def test_short_numbers(value, text):
    assert curves.short(value) == text


# ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_from_files_is_markup(tmp_path, monkeypatch):
    """Names, notes, messages, reasons, logs, settings."""
    name = "00001-<b>x"
    path = make_run(tmp_path, name, step=40, ended="failed", notes=NASTY, message=NASTY, s=NASTY, t="b")
    with (path / "events.jsonl").open("a") as file:
        file.write(events.encode(events.Stamped(events.Failed(NASTY), 1_800_000_000.0)) + "\n")
    (path / "log.txt").write_text(NASTY)
    other = make_run(tmp_path, "00002-<b>y", step=40, s="a", t="b")
    monkeypatch.setattr(views.diagnostics, "warnings", lambda run: (SimpleNamespace(what=NASTY, advice=NASTY),))
    run, second = status.read_status(path), status.read_status(other)
    texts = [
        views.runs([run, second], name), views.status(run), views.curves_of(run, second),
        views.log(status.log_tail(path)),
        views.dry_run(DryRun({NASTY: 1}, ((NASTY, NASTY),), None, 0.1, 10, 1, 1, 1, 1, NASTY, (NASTY,))),
        panels.answer_of(lambda: NASTY), views.quiet(NASTY),
    ]  # fmt: skip
    for text in texts:
        assert "<img" not in text
        assert "<b>x" not in text
        assert "<b>y" not in text
    assert NASTY in card_of(run, path)  # plain text, not HTML


def test_samples_follow_unless_pinned(made):
    run = status.read_status(made / "00001-folders-cpu")
    steps = [step for step, _ in run.samples]
    newest = views.samples(run)
    assert newest["steps"] == steps
    assert (newest["at"], newest["follow"]) == (2, True)
    assert newest["sides"][0]["url"].startswith("data:image/png;base64,")
    back = views.samples(run, steps[0])
    assert (back["at"], back["follow"], back["sides"][0]["step"]) == (0, False, steps[0])
    assert views.sample_step(run, steps[1] + 1) == steps[1]
    other = status.read_status(made / "00002-folders-cpu")
    both = views.samples(run, steps[0], other)
    assert [side["name"] for side in both["sides"]] == [run.name, other.name]
    assert both["sides"][1]["step"] <= steps[0]


def test_rows_of_a_grid(made, tmp_path):
    run = status.read_status(made / "00004-digits-tiny")
    assert views.row_names(run, run.samples[0][1].read_bytes()) == ["source s", "G(s)", "target t", "G(t)"]
    images.save(tmp_path / "odd.png", np.zeros((50, 50, 3), np.uint8))
    assert views.row_names(run, (tmp_path / "odd.png").read_bytes()) == []
    assert views.row_names(run, b"") == []
    images.save(tmp_path / "f.png", grid(1, 2))
    assert views.row_names(status.read_status(made / "00003-digits-f"), (tmp_path / "f.png").read_bytes()) == []


def test_a_deleted_sample(runs):
    run = status.read_status(runs / "00001-folders-cpu")
    run.samples[-1][1].unlink()
    assert views.samples(run)["sides"][0]["rows"] == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (40, "40 s"), (600, "10 min"), (12000, "3 h 20 min"), (7200, "2 h"), (400000, "4 days 15 h")],
)
def test_durations(seconds, words):
    assert views.duration(seconds) == words


def test_ages_and_sizes():
    assert [views.ago(1000, 1000 + s) for s in (5, 65, 7300, 200000)] == ["just now", "1 min ago", "2 h ago", "2 d ago"]
    assert [views.size(n) for n in (12, 5 << 10, 640 << 20, 3 << 29)] == ["12 bytes", "5 KB", "640 MB", "1.5 GB"]


def test_a_dry_run_is_described():
    found = DryRun(
        {"s": 512, "t": 300}, tuple((f"{i}.txt", "not a picture") for i in range(120)), np.zeros((8, 8, 3), np.uint8),
        0.05, 4000, 600 << 20, 8 << 30, 50 << 20, 20 << 30, "the CPU, 2 cores", ("The disk is nearly full.",),
    )  # fmt: skip
    text = views.dry_run(found)
    for words in (
        "512 pictures",
        "about 67 min",
        "50 ms",
        "600 MB",
        "The disk is nearly full.",
        "120 files are skipped",
    ):
        assert words in text
    assert "… and 20 more" in text
    assert "it can start" not in text
    assert "it can start" in views.dry_run(DryRun({"s": 1}, (), None, 2.0, 10, 1, 1, 1, 1, "the CPU", ()))


# ── what changes when ───────────────────────────────────────────────────────────────────────────────────────


def test_a_look_at_nothing_new_changes_nothing(made):
    page = Watched(TrainService(made, "all"))
    changed, seen = page.view("00001-folders-cpu")
    parts = {"runs.html", "status.html", "samples.grid", "curves.html", "log.html", "exports.choice", "notes.text"}
    assert parts <= set(changed)
    assert page.view("00001-folders-cpu", seen=seen) == ({}, seen)
    for again in (page.refresh_all, page.refresh):
        assert again("00001-folders-cpu", "", None, seen) == gr.skip()


def test_only_what_is_new_is_sent(runs):
    path = runs / "00004-digits-tiny"
    page = Watched(TrainService(runs, "all"))
    with alive(path):
        changed, seen = page.view(path.name)
        assert changed["timer"].value == watch.FAST_SECONDS
        assert page.view(path.name, seen=seen)[0] == {}
        with (path / "events.jsonl").open("a") as file:
            file.write(events.encode(events.Stamped(events.Stepped(8, {"g": 1.0}, 5.0))) + "\n")
        changed, seen = page.view(path.name, seen=seen)
        assert set(changed) == {"curves.html", "status.html"}
        images.save(path / "samples" / "000008.png", grid(8, 8))
        with (path / "events.jsonl").open("a") as file:
            file.write(events.encode(events.Stamped(events.Sampled(8, "samples/000008.png"))) + "\n")
        changed, seen = page.view(path.name, seen=seen)
        assert set(changed) == {"samples.grid", "status.html"}
        assert changed["samples.grid"]["follow"]
    changed, seen = page.view(path.name, seen=seen)
    assert {"status.html", "controls.stop", "timer", "runs.html"} <= set(changed)
    assert "Died" in changed["status.html"]
    assert changed["timer"].value == watch.SLOW_SECONDS


def test_a_tick_only_counts(runs):
    path = runs / "00004-digits-tiny"
    page = Watched(TrainService(runs, "all"))
    assert page.poll(None, path.name, "", None, {}) == [0, 1]
    with alive(path):
        _, seen = page.view(path.name)
        assert page.poll([3, 4], path.name, "", None, seen) == [3, 4]
        with (path / "events.jsonl").open("a") as file:
            file.write(events.encode(events.Stamped(events.Stepped(8, {"g": 1.0}, 5.0))) + "\n")
        assert page.poll([3, 4], path.name, "", None, seen) == [4, 4]
        updates = page.refresh(path.name, "", None, seen)
        assert set(updates) == {page.seen, page.status.html, page.curves.html}
    assert page.poll([4, 4], path.name, "", None, seen) == [4, 5]
    assert page.refresh(path.name, "", None, seen) == gr.skip()


def test_scrubbing_changes_only_the_samples(made):
    page = Watched(TrainService(made, "all"))
    _, seen = page.view("00001-folders-cpu")
    changed, seen = page.view("00001-folders-cpu", "", 140, seen)
    assert set(changed) == {"samples.grid"}
    assert not changed["samples.grid"]["follow"]
    assert page.view("00001-folders-cpu", "", 140, seen)[0] == {}


def test_comparing(made):
    page = Watched(TrainService(made, "all"))
    _, seen = page.view("00001-folders-cpu")
    changed, _ = page.view("00001-folders-cpu", "00002-folders-cpu", None, seen)
    assert set(changed) == {"curves.html", "samples.grid"}
    assert "line-b" in changed["curves.html"]
    assert '<th scope="row">alpha</th><td>5.0</td><td>9.0</td>' in changed["curves.html"]
    assert page.view("00001-folders-cpu", "00001-folders-cpu", None, seen)[0] == {}


def test_which_run_is_watched(made, tmp_path):
    page = Watched(TrainService(made, "all"))
    assert page.view("")[0]["chosen"] == "00004-digits-tiny"
    assert page.view("gone")[0]["chosen"] == "00004-digits-tiny"
    with alive(made / "00002-folders-cpu"):
        assert Watched(TrainService(made, "all")).view("")[0]["chosen"] == "00002-folders-cpu"
    empty, _ = Watched(TrainService(tmp_path / "none", "all")).view("00001-folders-cpu")
    assert empty["empty"]["visible"] is True
    assert empty["chosen"] == ""
    assert "status.html" not in empty


def test_a_damaged_run_is_shown_as_one(runs):
    (runs / "00004-digits-tiny" / "config.json").write_text("{")
    changed, _ = Watched(TrainService(runs, "all")).view("00004-digits-tiny")
    assert "Unreadable" in changed["status.html"]
    assert "00004" not in str(Watched(TrainService(runs, "tiny")).view("")[0])


def test_every_update_is_an_output(made):
    page = Watched(TrainService(made, "all"))
    updates = page.refresh_all("00001-folders-cpu", "", None, {})
    assert set(updates) == set(page.all_outputs())
    assert set(page.all_outputs(live_only=True)) < set(page.all_outputs())
    assert updates[page.chosen] == "00001-folders-cpu"
    assert updates[page.exports.choice]["value"] == "step 400, best, final"
    assert updates[page.controls.stop]["visible"] is False
    assert updates[page.controls.resume]["visible"] is False
    assert updates[page.controls.delete]["visible"] is True
    assert updates[page.detail]["visible"] is True
    assert page.refresh_all("00003-digits-f", "", None, {})[page.controls.resume]["visible"] is True


# ── what the browser keeps, and what is uploaded ────────────────────────────────────────────────────────────


@pytest.fixture
def a_form(made):
    with gr.Blocks():
        yield form.FormPanel(TrainService(made, "all"), train_tab.memory().form)


def test_the_first_command_names_the_data_folder(made, monkeypatch):
    monkeypatch.setenv("DTN_DATA", "/my/data")
    with gr.Blocks():
        panel = form.FormPanel(TrainService(made, "all"), train_tab.memory().form)
    assert "/my/data" not in str(panel.data.value) + panel.command.value  # the page is made before anybody looks
    updates = panel.restore({})
    assert updates[panel.data]["value"] == "/my/data"
    assert "--data /my/data" in updates[panel.command]


def values_of(panel, preset, **changes):
    """What the form's components hold, in the order of its inputs."""
    filled = [at.get("value") for at in form.fill_in(panel.service, preset)]
    values = dict(zip(panel._names(), [preset, "", "auto", "", "", False, *filled]))
    return list({**values, **changes}.values())


def test_a_reload_keeps_the_form(a_form):
    values = values_of(a_form, "folders-tiny", s="/my/s", steps=50, extra="clip=1")
    line, saved = a_form.remember("folders", *values)
    assert json.loads(json.dumps(saved)) == saved
    updates = a_form.restore(saved)
    assert updates[a_form.task] == "folders"
    assert updates[a_form.preset]["value"] == "folders-tiny"
    assert updates[a_form.fields["s"]]["value"] == "/my/s"
    assert updates[a_form.fields["s"]]["visible"] is True
    assert updates[a_form.fields["steps"]]["value"] == 50
    assert updates[a_form.extra]["value"] == "clip=1"
    assert updates[a_form.command] == line
    assert "--set steps=50" in line


@pytest.mark.parametrize("saved", [{}, {"task": "gone", "preset": "x"}, {"task": "digits", "preset": "gone"}, {"a": 1}])
def test_what_is_no_longer_known_is_left_out(a_form, saved):
    assert a_form.task not in a_form.restore(saved)


def zip_of(path, *names, data=b"x"):
    with zipfile.ZipFile(path, "w") as pack:
        for name in names:
            pack.writestr(name, data)
    return path


def test_an_upload_is_kept_with_its_runs(runs, tmp_path):
    a_service = TrainService(runs, "all")
    kept = a_service.keep_upload(str(zip_of(tmp_path / "my cats!.zip", "a.png")))
    assert kept.name == "my-cats.zip"
    assert kept.parent.parent == runs / "uploads"
    assert not (tmp_path / "my cats!.zip").exists()
    other = a_service.keep_upload(str(zip_of(tmp_path / "b.zip", "a.png")))
    make_run(runs, "00005-cats", "folders-tiny", step=8, steps=8, s=str(kept), t="b")
    uploads.delete_unused(
        runs, a_service._used_uploads(), now=other.parent.stat().st_mtime + uploads.RETENTION_SECONDS + 1
    )
    assert kept.exists()
    assert not other.exists()
    a_service.delete("00005-cats")
    assert not kept.exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"no zip"), "a damaged zip"),
        (lambda path: zip_of(path, "../a.png"), "outside of it"),
        (lambda path: zip_of(path, "/etc/passwd"), "outside of it"),
        (lambda path: zip_of(path, "a", data=b"x" * 600), "larger than"),
        (lambda path: zip_of(path, "a", "b"), "more than 1 entries"),
    ],
)  # fmt: skip
def test_bad_uploads_are_refused(runs, tmp_path, monkeypatch, make, words):
    monkeypatch.setattr(uploads, "MAX_BYTES", 250)
    monkeypatch.setattr(zips, "MAX_ENTRIES", 1)
    make(tmp_path / "a.zip")
    with pytest.raises(UserError, match=words) as error:
        TrainService(runs, "all").keep_upload(str(tmp_path / "a.zip"))
    assert str(tmp_path) not in str(error.value)
    assert not (tmp_path / "a.zip").exists()
    assert not (runs / "uploads").exists()


def test_a_link_in_a_zip_is_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as pack:
        pack.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="links"):
        uploads.check(tmp_path / "a.zip")


@pytest.mark.parametrize("policy", ["tiny", "off"])
def test_no_uploads_where_not_all_is_allowed(runs, tmp_path, policy):
    path = zip_of(tmp_path / "a.zip", "a.png")
    with pytest.raises(UserError):
        TrainService(runs, policy).keep_upload(str(path))
    page = tab(TrainService(runs, policy)).get_config_file()["components"]
    assert not any(part["type"] == "uploadbutton" and part["props"]["visible"] for part in page)


def test_only_translations_are_used_in_the_demo(runs):
    a_service = TrainService(runs, "all")
    info = runs / "00003-digits-f" / "export" / "config.json"
    info.write_text(info.read_text().replace('"transfer"', '"encoder"'))
    with pytest.raises(UserError, match="choose it as f"):
        a_service.in_demo("00003-digits-f", "step 300, stopped")
    make_run(runs, "00005-digits-tiny", "digits-tiny", step=8, steps=8, every=2)
    with pytest.raises(UserError, match="shipped checkpoints only"):
        TrainService(runs, "tiny").in_demo("00005-digits-tiny", "step 8, final")


def test_announcements():
    assert "message agree" in panels.answer_of(lambda: "Good.")

    def bad():
        raise UserError("no such thing.")

    assert "message error" in panels.answer_of(bad)
    assert json.dumps(panels.CONFIRM)  # plain texts
