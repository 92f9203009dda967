"""What a default start on a Space and with --share refuses, tried by calls; SECURITY.md lists it."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from calling import Caller
from made_runs import make_run
from serving import BLANK, serve
from tiny_digits import write_digits, write_judge

RUN = "00001-digits-tiny"
STARTS = {"space": ((), {"SPACE_ID": "ann/studio"}), "share": (("--share",), {})}


@pytest.fixture(scope="module", params=STARTS)
def server(request, drawing_checkpoint, tmp_path_factory):
    flags, variables = STARTS[request.param]
    home = tmp_path_factory.mktemp("home")
    make_run(home / "runs", RUN, "digits-tiny", step=8, steps=8, notes="Not for others.")
    digits = "--digits", write_digits(home / "tiny-digits"), "--judge", write_judge(home / "tiny-judge")
    # ALONE: gradio.live is not reached, and --share serves this computer alone, with the rules of a shared app
    variables = {"DTN_DATA": "/my/data", "DTN_TRAINING": "", "DTN_AUTH": "", "ALONE": "1", **variables}
    with serve(drawing_checkpoint, home, *digits, "--runs", home / "runs", *flags, calm=False, **variables) as running:
        yield running


BUTTONS = ("check", "start", "stop", "force", "delete", "zip", "use", "yes")


def test_the_server_has_no_handler_of_trainings(server):
    caller = Caller(server.url)
    assert [button for button in BUTTONS if list(caller.find(f"train-{button}", "click"))] == []
    assert [words for words in ("Resume", "Save the note", "Sample now") if list(caller.find(words, "click"))] == []
    assert RUN not in caller.page()


def test_nothing_can_be_uploaded(server):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", b"")
    answer = Caller(server.url).http.post("/gradio_api/upload", files={"files": ("a.zip", buffer.getvalue())})
    assert answer.status_code == 403


@pytest.mark.parametrize("suite", ["digits-tiny", "digits", "evidence"])
def test_no_suite_can_be_started(server, suite):
    caller = Caller(server.url)
    (handler,) = caller.find("evidence-run", "click")
    before = {path for path in server.files() if path.name == "log.txt"}
    answer = caller.run(handler, *caller.given(handler, {"evidence-suite": suite}))
    assert "urned off" in answer or "not in the list of choices" in answer
    assert {path for path in server.files() if path.name == "log.txt"} == before


@pytest.mark.parametrize("style", ["{home}/runs/" + RUN + "/export", RUN + "/export", "/etc"])
def test_no_path_of_the_server_is_a_style(server, style):
    caller = Caller(server.url)
    style = style.format(home=server.home)
    event = caller.http.post("/gradio_api/call/v2/emojify", json={"photo": BLANK, "style": style}).json()["event_id"]
    answer = caller.http.get(f"/gradio_api/call/v2/emojify/{event}").text
    assert "no such style" in answer


def test_no_path_of_the_server_is_shown(server):
    caller = Caller(server.url)
    page = json.dumps([caller.parts, caller.handlers], default=str) + caller.page()
    assert str(server.home) not in page
    assert "/my/data" not in page


def test_the_start_prints_who_can_reach_it(server):
    assert "Others can reach it, without a password" in server.log()
    assert "may neither train nor name folders" in server.log()
