"""Who may do what, tried by direct calls on running apps: what the page would not offer is asked of the server."""

from __future__ import annotations

import base64
import http.client
import io
import json
import re
import time
import zipfile
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from calling import Caller
from made_runs import alive, make_run
from PIL import Image as PILImage
from serving import BLANK, ROOT, serve
from tiny_digits import write_digits, write_judge
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dtn_core.config import PRESETS
from dtn_core.core.errors import UserError
from dtn_core.training import dry_run
from dtn_core.training.runs import launcher, status
from dtn_core.ui import app as application
from dtn_core.ui.access import guest_policy, middleware, policy
from dtn_core.ui.access.policy import AccessPolicy, Viewer, is_local_name, is_local_request
from dtn_core.ui.access.rate_limits import RateLimiter
from dtn_core.ui.tabs.train.service import Form, TrainService

OWN = {"n": "00001-digits-tiny", "private": "00002-folders-cpu"}
"""Runs of the person at the computer: of drawn digits, and of own pictures."""

PROXY = {"X-Forwarded-For": "203.0.113.7"}


@contextmanager
def app(checkpoint, home, *flags, **more):
    """A running app with two runs of the person at the computer."""
    digits = "--digits", write_digits(home / "tiny-digits"), "--judge", write_judge(home / "tiny-judge")
    make_run(home / "runs", OWN["n"], "digits-tiny", step=8, steps=8, every=2, notes="Not for others.")
    make_run(home / "runs", OWN["private"], "folders-cpu", exports=(200,), s="/my/s", t="/my/t")
    with serve(checkpoint, home, *digits, "--runs", home / "runs", *flags, **{"DTN_DATA": "", **more}) as server:
        yield server
        for path in status.runs_in(home / "runs"):
            if status.is_alive(path):
                launcher.force_stop(path)


def fixture(*flags, **more):
    @pytest.fixture(scope="module")
    def running(drawing_checkpoint, tmp_path_factory):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("DTN_TRAINING", "DTN_AUTH", "SPACE_ID"):
                patch.delenv(name, raising=False)
            with app(drawing_checkpoint, tmp_path_factory.mktemp("home"), *flags, **more) as server:
                yield server

    return running


local = fixture(DTN_DATA="/my/data")
tiny = fixture("--host", "0.0.0.0", "--training", "tiny")
everything = fixture("--host", "0.0.0.0", "--training", "all", calm=False)
closed = fixture("--host", "0.0.0.0", "--mcp", auth=("ann", "se:cret"), DTN_AUTH="ann:se:cret")


trusted = fixture(
    "--host", "0.0.0.0", "--training", "all", "--server-paths", auth=("ann", "a"), DTN_AUTH="ann:a\nbob:b"
)


def runs_of(server):
    return server.home / "runs"


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def ended(server, name, seconds=90):
    """Wait for a run's end; its status."""
    for _ in range(10 * seconds):
        run = status.read_status(runs_of(server) / name)
        if run.status not in ("starting", "running", "stopping"):
            return run.status
        time.sleep(0.1)
    raise AssertionError(f"{name} does not end")


def started(answer):
    """The name of the run that an answer to *Start* tells."""
    assert "is starting" in answer, answer
    return answer.split(" is starting")[0].rpartition(">")[2]


@pytest.fixture(scope="module")
def anns(tiny):
    """(who started it, their run): in tiny mode, on a public address."""
    ann = Caller(tiny.url)
    name = started(ann.form("start", preset="digits-tiny"))
    assert ended(tiny, name) == "done"
    return ann, name


ACTIONS = ("delete", "force", "stop", "resume", "sample", "save", "note", "set")


def act(who, what, run):
    return who.press(what, run, *{"note": ["mine"], "set": [3], "resume": [True]}.get(what, []))


# ── runs belong to whoever started them ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", ACTIONS)
def test_guests_cannot_change_each_others_runs(tiny, anns, what):
    _, name = anns
    bob, before = Caller(tiny.url), content(runs_of(tiny))
    for run in (name, OWN["n"]):
        with alive(runs_of(tiny) / run) if what != "delete" else memoryview(b""):
            assert "somebody else" in act(bob, what, run)
    assert "no run" in act(bob, what, OWN["private"])  # which bob can't even see
    after = content(runs_of(tiny))
    assert {p: c for p, c in after.items() if p.name != "lock"} == {p: c for p, c in before.items() if p.name != "lock"}


def test_what_others_see_of_a_run(tiny, anns):
    ann, name = anns
    ann.press("note", name, "Ann was here")
    seen = Caller(tiny.url).page()
    assert name in seen
    assert OWN["n"] in seen
    for secret in ("Ann was here", "Not for others", OWN["private"], str(tiny.home), str(ROOT)):
        assert secret not in seen
    assert "Ann was here" in ann.page()


def test_the_cookie_identifies_the_owner(tiny, anns):
    ann, name = anns
    later = Caller(tiny.url, Cookie=f"{middleware.COOKIE}={ann.http.cookies[middleware.COOKIE]}")
    assert later.session != ann.session
    assert "Saved" in later.press("note", name, "Still mine")
    run = json.loads((runs_of(tiny) / name / "run.json").read_text())
    assert ann.http.cookies[middleware.COOKIE] not in run["owner"]


def test_a_program_without_cookies_owns_by_its_session(tiny, anns):
    first = Caller(tiny.url)
    first.http = httpx.Client(base_url=tiny.url, headers={"Cookie": ""}, timeout=60)
    name = started(first.form("start", preset="digits-tiny"))
    ended(tiny, name)
    other = Caller(tiny.url)
    other.http = httpx.Client(base_url=tiny.url, headers={"Cookie": ""}, timeout=60)
    assert "somebody else" in act(other, "delete", name)
    assert "was deleted" in act(first, "delete", name)
    assert not (runs_of(tiny) / name).exists()


def test_no_session_starts_and_owns_nothing(tiny):
    nobody = Caller(tiny.url)
    nobody.http = httpx.Client(base_url=tiny.url, headers={"Cookie": ""}, timeout=60)
    nobody.session = None
    assert "Session hash not found" in nobody.form("start", preset="digits-tiny")
    assert "somebody else" in act(nobody, "note", OWN["n"])


def test_one_training_at_a_time_and_so_many_in_all(tiny, anns):
    bob = Caller(tiny.url)
    with alive(runs_of(tiny) / OWN["n"]):
        assert "nother training is running" in bob.form("start", preset="digits-tiny", share_device=True)
    service = TrainService(runs_of(tiny), "tiny", lambda: Viewer("session:x", "tiny", False, "a"))
    some = [service.poll(anns[1])] * guest_policy.MAX_RUNS_EACH
    owner = some[0].owner
    with pytest.raises(UserError, match="the maximum"):
        guest_policy.check_start(Viewer(owner, "tiny", False, "b"), RateLimiter(), some)
    with pytest.raises(UserError, match="can store no more"):
        guest_policy.check_start(Viewer("session:y", "tiny", False, "b"), RateLimiter(), some * 10)
    rates, newcomer = RateLimiter(), Viewer("session:y", "tiny", False, "b")
    for _ in range(10):
        guest_policy.check_start(newcomer, rates, [])
    with pytest.raises(UserError, match="busy, try again"):
        guest_policy.check_start(newcomer._replace(id="session:z"), rates, [])


def test_old_and_long_runs_go(tmp_path, monkeypatch):
    make_run(tmp_path, "00001-digits-tiny", "digits-tiny", step=8, steps=8)
    make_run(tmp_path, "00002-digits-tiny", "digits-tiny", step=8, steps=8)
    (tmp_path / "00002-digits-tiny" / "run.json").write_text('{"version": 1, "owner": "session:x"}')
    service, asked = TrainService(tmp_path, "tiny"), []
    monkeypatch.setattr(launcher, "force_stop", lambda path: asked.append(("force", path.name)))
    monkeypatch.setattr(launcher, "request", lambda path, what: asked.append((what, path.name)))
    now = time.time()
    with alive(tmp_path / "00001-digits-tiny"), alive(tmp_path / "00002-digits-tiny"):
        for path in tmp_path.glob("0*"):
            result = (path / "events.jsonl").stat().st_size
            (path / "lock").write_text(f"1\n{now}\n{result}\n")  # since when it trains
        guest_policy.enforce_limits(service, now + guest_policy.MAX_SECONDS - 5)
        assert asked == []
        guest_policy.enforce_limits(service, now + guest_policy.MAX_SECONDS + 5)
        guest_policy.enforce_limits(service, now + guest_policy.MAX_SECONDS + guest_policy.GRACE_SECONDS + 5)
    assert asked == [("stop", "00002-digits-tiny"), ("force", "00002-digits-tiny")]
    guest_policy.enforce_limits(service, now + guest_policy.RETENTION_SECONDS - 60)
    assert (tmp_path / "00002-digits-tiny").exists()
    guest_policy.enforce_limits(service, now + guest_policy.RETENTION_SECONDS + 60)
    assert [path.name for path in tmp_path.glob("0*")] == ["00001-digits-tiny"]


# ── paths of the server ──────────────────────────────────────────────────────────────────────────────────────


def folders(**values):
    return {"preset": "folders-tiny", "s": "", "t": "", **values}


@pytest.mark.parametrize("button", ["check", "start"])
@pytest.mark.parametrize("name", ["s", "t", "encoder", "folder", "extra"])
def test_the_answer_does_not_tell_which_paths_exist(everything, button, name):
    bob, there = Caller(everything.url), str(runs_of(everything))
    pictures = folders(s="", t="")
    if name == "folder":
        pictures = {"preset": "folder-f-tiny"}
    written = "start={}" if name == "extra" else "{}"
    answers = [bob.form(button, **{**pictures, name: written.format(path)}) for path in (there, "/no/such/path")]
    cut = [answer[: answer.index("duration")] if "duration" in answer else answer for answer in answers]
    assert cut[0] == cut[1]
    assert "can't be used here" in cut[0]


def test_a_data_folder_is_not_named_either(everything):
    bob = Caller(everything.url)
    for data in (str(runs_of(everything)), "/no/such/path"):
        answer = bob.form("check", preset="faces-tiny", data=data)
        assert "needs a data folder" in answer
        assert data not in answer


def test_the_page_hides_the_disk_from_guests(everything):
    bob = Caller(everything.url)
    whole = json.dumps([bob.parts, bob.handlers], default=str) + bob.page()
    for secret in (str(everything.home), str(ROOT), OWN["private"]):
        assert secret not in whole


def test_runs_on_own_pictures_are_for_their_owner(everything):
    bob = Caller(everything.url)
    key = f"{OWN['private']}/export"
    assert "no run" in bob.press("zip", OWN["private"], "step 200")
    assert OWN["private"] not in bob.page()
    answer = httpx.post(
        f"{everything.url}/gradio_api/call/v2/emojify", json={"photo": BLANK, "style": key}, timeout=60
    ).json()
    stream = httpx.get(f"{everything.url}/gradio_api/call/v2/emojify/{answer['event_id']}", timeout=60).text
    assert "no such style" in stream
    assert OWN["private"] not in stream


def picture_zip(seed, n=20):
    buffer, random = io.BytesIO(), np.random.default_rng(seed)
    with zipfile.ZipFile(buffer, "w") as pack:
        for number in range(n):
            one = io.BytesIO()
            PILImage.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(one, "png")
            pack.writestr(f"{number}.png", one.getvalue())
    return buffer.getvalue()


def upload(who, data, name="pictures.zip"):
    """Upload a file, and keep it as s; the answer."""
    sent = who.http.post("/gradio_api/upload", files={"files": (name, data)})
    if sent.status_code != 200:
        return sent.text
    file = {"path": sent.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}
    (handler,) = [h for h in who.find("train-upload-s", "upload") if len(h["inputs"]) == 1]
    return who.run(handler, file)


def test_an_upload_belongs_to_its_owner(everything):
    ann, bob = Caller(everything.url), Caller(everything.url)
    s, t = (json.loads(upload(ann, picture_zip(seed)))["data"][0] for seed in (0, 1))
    assert s.startswith("uploads/")
    assert (runs_of(everything) / s).is_file()
    assert "can't be used here" in bob.form("check", **folders(s=s, t=t))
    assert "No problems" in ann.form("check", **folders(s=s, t=t, batch=4))
    name = started(ann.form("start", **folders(s=s, t=t, batch=4)))
    assert ended(everything, name) == "done", status.read_status(runs_of(everything) / name).reason
    assert name in ann.page()
    assert str(everything.home) not in ann.page()
    assert name not in bob.page()
    assert "no run" in act(bob, "delete", name)
    assert "was deleted" in act(ann, "delete", name)
    assert not (runs_of(everything) / s).exists()
    assert not list((runs_of(everything) / "feature-cache").glob("*"))


def downloaded(who, run, chosen):
    """The files of a run's checkpoint, downloaded as a zip: name → text of JSON and Markdown files."""
    path = json.loads(who.press("zip", run, chosen))["data"][0]["path"]
    with zipfile.ZipFile(io.BytesIO(who.http.get(f"/gradio_api/file={path}").content)) as file:
        names = [name for name in file.namelist() if name.endswith((".json", ".md"))]
        return {name.rpartition("/")[2]: file.read(name).decode() for name in names}


def evidence_of(who, key):
    """Everything that the tab *Evidence* answers about a checkpoint, as text."""
    (opened,) = [h for h in who.handlers if h["backend_fn"] and ("evidence", "select") in targets_of(who, h)]
    who.run(opened, *who.given(opened))  # updates the choices
    (show,) = [h for h in who.find("evidence-chosen", "select") if len(h["outputs"]) == 4]
    answer = who.run(show, key, "")
    links = re.findall(r"base64,([\w+/=]+)", answer)
    return answer + "".join(base64.b64decode(link).decode() for link in links)


def targets_of(who, handler):
    return [(who.parts.get(part, {}).get("id"), event) for part, event in handler["targets"]]


def told_of_a_run(server, who):
    """(files of the zip, everything in Evidence) of a new run whose config.json holds paths of the server."""
    name = started(who.form("start", preset="digits-tiny"))
    assert ended(server, name) == "done"
    path = runs_of(server) / name / "export" / "config.json"
    values = json.loads(path.read_text())
    values["trained"] |= {"encoder": f"{server.home}/my pictures/f", "data": f"pictures of {server.home}/s"}
    path.write_text(json.dumps(values))
    answers = downloaded(who, name, "step 8, final"), evidence_of(who, f"{name}/export")
    act(who, "delete", name)
    return answers


def test_zips_and_evidence_hold_no_path_of_the_server(everything):
    files, evidence = told_of_a_run(everything, Caller(everything.url))
    trained = json.loads(files["config.json"])["trained"]
    assert (trained["encoder"], trained["data"], trained["step"]) == ("f", "pictures of s", 8)
    assert "README.md" in files
    assert "pictures of s" in evidence
    for answer in (*files.values(), evidence):
        assert "my pictures" not in answer
        assert str(everything.home) not in answer
        assert str(ROOT) not in answer


def test_viewers_who_may_name_paths_see_them(trusted):
    files, evidence = told_of_a_run(trusted, Caller(trusted.url, account=("ann", "a")))
    assert str(trusted.home) in files["config.json"]
    assert str(trusted.home) in evidence


def test_no_file_of_the_server_passes_for_an_upload(everything):
    bob = Caller(everything.url)
    (handler,) = [h for h in bob.find("train-upload-s", "upload") if len(h["inputs"]) == 1]
    victim = runs_of(everything) / OWN["n"] / "config.json"
    answer = bob.run(handler, {"path": str(victim), "meta": {"_type": "gradio.FileData"}})
    assert victim.is_file()
    assert "uploads/" not in answer


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": 10**6}, "too much"), ({"base": 10**4}, "too much"), ({"batch": 10**5}, "too much"),
        ({"steps": 8000, "save_every": 1}, "too often"), ({"extra": "exports=10000"}, "too much"),
    ],
)  # fmt: skip
def test_the_size_of_a_guests_training_is_limited(everything, values, words):
    assert words in Caller(everything.url).form("start", **{"preset": "digits-cpu", **values})


def test_checks_are_counted(everything):
    bob = Caller(everything.url, **{"X-Forwarded-For": "198.51.100.9"})
    service = TrainService(runs_of(everything), "all", lambda: Viewer("session:b", "all", False, "there"))
    for _ in range(6):
        service.rates.require("checks", "there", 6, 60)
    with pytest.raises(UserError, match="busy, try again"):
        service.check(Form("digits-tiny", {}))
    assert bob.http.get("/").status_code == 200


def test_named_paths_are_allowed_where_they_were_switched_on():
    named = AccessPolicy(True, "all", paths=True).viewer(False, "session:x", "a")
    assert (named.training, named.paths, named.is_local) == ("all", True, False)
    for training in (None, "tiny", "off"):
        assert AccessPolicy(True, training, paths=True).viewer(False, "session:x", "a").paths is False
    assert AccessPolicy(True, "all").viewer(False, "session:x", "a").paths is False


def test_suites_are_for_viewers_who_may_train(local):
    stranger = Caller(local.url, **PROXY)
    assert "turned off" in stranger.call("evidence-run", "click", "digits-tiny", "digits")
    me = Caller(local.url)
    assert "turned off" not in me.call("evidence-run", "click", "digits-tiny", "digits")
    me.call("evidence-cancel", "click")
    me.call("evidence-cancel", "click")


def test_guests_cannot_run_suites_on_the_servers_data(everything):
    bob = Caller(everything.url)
    assert "not in the list of choices" in bob.call("evidence-run", "click", "digits", "digits")
    assert "hours" not in json.dumps(bob.parts)


# ── at home, and through a proxy ─────────────────────────────────────────────────────────────────────────────


def test_local_viewers_own_everything(local):
    me = Caller(local.url)
    page = me.page()
    assert OWN["n"] in page
    assert OWN["private"] in page
    assert "Not for others" in page
    assert "/my/data" in page
    assert "Saved" in me.press("note", OWN["n"], "Not for others.")
    assert "/no/such/path" in me.form("check", **folders(s="/no/such/path", t="/no"))
    make_run(runs_of(local), "00007-digits-tiny", "digits-tiny", step=8, steps=8)
    assert "was deleted" in me.press("delete", "00007-digits-tiny")


@pytest.mark.parametrize(
    "headers",
    [
        PROXY, {"Forwarded": "for=203.0.113.7"}, {"X-Real-IP": "203.0.113.7"}, {"Via": "1.1 proxy"},
        {"X-Forwarded-Proto": "https"}, {"Host": "studio.example.org"}, {"Host": "evil.example:7860"},
        {"X-Forwarded-For": "127.0.0.1"},
    ],
)  # fmt: skip
def test_through_a_proxy_training_is_off(local, headers):
    bob, before = Caller(local.url, **headers), content(runs_of(local))
    whole = json.dumps([bob.parts, bob.handlers], default=str) + bob.page()
    for secret in (*OWN.values(), str(local.home), "Not for others"):
        assert secret not in whole
    for what in ACTIONS:
        assert "turned off" in act(bob, what, OWN["n"])
    for button in ("check", "start"):
        assert "turned off" in bob.form(button, preset="digits-tiny")
    sent = bob.http.post("/gradio_api/upload", files={"files": ("a.zip", b"x")})
    assert sent.status_code == 403
    assert content(runs_of(local)) == before
    answer = bob.http.post("/gradio_api/call/v2/styles", json={})
    assert answer.status_code == 200  # what is drawn is for everybody


def test_http_1_0_is_a_proxy():
    assert is_local_request("127.0.0.1", "1.1", {"host": "localhost:7860"})
    assert not is_local_request("127.0.0.1", "1.0", {"host": "localhost:7860"})
    assert not is_local_request("192.168.0.5", "1.1", {"host": "localhost:7860"})
    assert not is_local_request("127.0.0.1", "1.1", {})


def test_a_proxy_without_headers_shows_by_its_version(local):
    """What nginx does by default: HTTP/1.0, and this computer's name."""
    (handler,) = Caller(local.url).find("Save the note", "click")
    body = json.dumps({"fn_index": handler["id"], "data": [OWN["n"], "hacked"], "session_hash": "x"})
    answers = []
    for version in (10, 11):
        connection = http.client.HTTPConnection(local.url.removeprefix("http://"), timeout=20)
        connection._http_vsn, connection._http_vsn_str = version, f"HTTP/1.{version % 10}"
        connection.request("POST", "/gradio_api/run/predict", body, {"Content-Type": "application/json"})
        answers.append(connection.getresponse().read().decode())
        if version == 10:
            assert "hacked" not in (runs_of(local) / OWN["n"] / "notes.txt").read_text()
    assert "turned off" in answers[0]
    assert "Saved" in answers[1]
    Caller(local.url).press("note", OWN["n"], "Not for others.")


def test_a_slow_check_is_cancelled(tmp_path):
    with pytest.raises(UserError, match="took longer than"):
        dry_run.run_isolated(PRESETS["digits-tiny"], None, tmp_path, 0.05)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True), ("localhost:7860", True), ("127.0.0.1:7860", True), ("[::1]:7860", True), ("::1", True),
        ("a.localhost:1", True), ("127.8.8.8", True), ("0.0.0.0", False), ("example.org", False), ("", False),
        ("localhost.example.org", False), ("127.0.0.1.example.org", False), ("192.168.0.7:7860", False),
        ("[2001:db8::1]:7860", False),
    ],
)  # fmt: skip
def test_names_of_this_computer(host, own):
    assert is_local_name(host) == own


FOREIGN = {"Origin": "https://elsewhere.example"}


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://localhost:1", "http://127.0.0.1"])
def test_pages_of_other_sites_may_not_call(local, origin):
    for method, path in (
        ("POST", "/gradio_api/run/predict"), ("POST", "/gradio_api/queue/join"),
        ("POST", "/live/frame?session=12345678"),
        ("GET", "/config"), ("POST", "/gradio_api/upload"), ("POST", "/gradio_api/component_server"),
    ):  # fmt: skip
        answer = httpx.request(method, local.url + path, headers={"Origin": origin}, content=b"{}")
        assert answer.status_code == 403
        assert "a page of another site" in answer.text
    for path in ("/live/ws", "/live/video"):
        with pytest.raises(InvalidStatus), connect(local.url.replace("http", "ws") + path, origin=origin):
            pass


def test_the_own_page_may_call(local):
    origin = local.url
    assert httpx.post(f"{origin}/gradio_api/call/v2/styles", json={}, headers={"Origin": origin}).status_code == 200
    with connect(local.url.replace("http", "ws") + "/live/ws", origin=origin) as socket:
        socket.send("{")
        assert "error" in socket.recv()


# ── a password ───────────────────────────────────────────────────────────────────────────────────────────────


def test_without_the_password_nothing_is_answered(closed):
    bob = httpx.Client(base_url=closed.url, headers={"Cookie": "access-token-x=y"})
    for method, path in (
        ("GET", "/config"), ("GET", "/live"), ("POST", "/live/frame?session=12345678"),
        ("POST", "/gradio_api/run/predict"), ("POST", "/gradio_api/queue/join"), ("POST", "/gradio_api/call/v2/styles"),
        ("GET", "/gradio_api/info"),
        ("POST", "/gradio_api/component_server"), ("POST", "/gradio_api/cancel"), ("GET", "/gradio_api/heartbeat/x"),
        ("POST", "/gradio_api/upload"), ("GET", "/gradio_api/file=/etc/passwd"), ("POST", "/gradio_api/stream/x"),
    ):  # fmt: skip
        assert bob.request(method, path, json={} if method == "POST" else None).status_code == 401, path
    assert '"auth_required":true' in bob.get("/").text.replace(" ", "")
    for path in ("/live/ws", "/live/video"):
        with pytest.raises(InvalidStatus), connect(closed.url.replace("http", "ws") + path):
            pass


def login(url, password):
    who = httpx.Client(base_url=url)
    return who, who.post("/login", data={"username": "ann", "password": password})


def test_with_the_password_all_is(closed):
    assert login(closed.url, "wrong")[1].status_code == 400
    who, answer = login(closed.url, "se:cret")
    assert answer.status_code == 200
    assert who.get("/config").status_code == 200
    assert who.get("/live").status_code == 200
    cookies = "; ".join(f"{name}={value}" for name, value in who.cookies.items())
    url = closed.url.replace("http", "ws") + "/live/ws"
    with connect(url, additional_headers={"Cookie": cookies}) as socket:
        socket.send("{")
        assert "error" in socket.recv()
    assert "turned off" in str(who.get("/config").json())  # a password alone doesn't switch training on


def tools(url, *account, **headers):
    """The answer to an agent that asks what there is."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream", **headers}
    return httpx.post(f"{url}/mcp", json=body, headers=headers, auth=account or None)


def test_agents_bring_the_password_along(closed):
    for _ in range(15):  # the right one is no guess
        assert '"emojify"' in tools(closed.url, "ann", "se:cret").text
    for account in ((), ("ann", "wrong"), ("ann", ""), ("", "se:cret")):
        assert tools(closed.url, *account).status_code == 401, account
    for header in ("Basic", "Basic %%%", "Bearer se:cret", "Basic " + "A" * 5000):
        assert tools(closed.url, Authorization=header).status_code == 401, header
    opens = {"Authorization": "Basic " + base64.b64encode(b"ann:se:cret").decode()}
    for path in ("/config", "/live", "/gradio_api/info"):  # it opens the tools alone
        assert httpx.get(closed.url + path, headers=opens).status_code == 401
    assert tools(closed.url, Origin="https://elsewhere.example", **opens).status_code == 403


def refusal(guess):
    """The first answer to a wrong password that refuses it unread. A guess is given back every few seconds, so on
    a busy machine more of them may pass than it holds."""
    return next(answer for answer in (guess(f"guess-{n}") for n in range(100)) if answer.status_code == 429)


def test_passwords_are_not_guessed_by_the_thousand(closed):
    for _ in range(20):
        refusal(lambda password: tools(closed.url, "ann", password))
        if tools(closed.url, "ann", "se:cret").status_code == 429:  # else the right one would still be found
            break
    else:
        raise AssertionError("the right password is read after any number of wrong ones")
    assert "busy, try again" in refusal(lambda password: login(closed.url, password)[1]).text


def test_accounts(tmp_path, monkeypatch):
    (tmp_path / "accounts").write_text("ann: a:b\n\nbob:c\n")
    monkeypatch.setenv("DTN_AUTH", "eve:d")
    found = policy.accounts(["dan:e"], str(tmp_path / "accounts"))
    assert dict(found) == {"dan": "e", "eve": "d", "ann": " a:b", "bob": "c"}
    assert policy.accounts() == ()  # it is taken out of the environment, which trainings inherit
    for wrong in ("secret", ":secret", "ann:"):
        with pytest.raises(UserError, match="take USER:PASSWORD") as error:
            policy.accounts([wrong])
        assert "secret" not in str(error.value)
    with pytest.raises(UserError, match="cannot be read"):
        policy.accounts([], str(tmp_path / "none"))


def test_accounts_own_runs_and_name_paths_where_that_is_switched_on(trusted):
    ann, bob = (Caller(trusted.url, account=account) for account in (("ann", "a"), ("bob", "b")))
    name = started(ann.form("start", preset="digits-tiny"))
    assert ended(trusted, name) == "done"
    assert "somebody else" in act(bob, "note", name)
    assert "somebody else" in act(ann, "note", OWN["n"])
    assert OWN["private"] in bob.page()
    assert "/no/such/path" in bob.form("check", **folders(s="/no/such/path", t="/no"))
    assert "was deleted" in act(Caller(trusted.url, account=("ann", "a")), "delete", name)
    assert "--server-paths" in trusted.log()


def test_runs_belong_to_the_account():
    mine, others = (AccessPolicy(True, "tiny").viewer(False, f"account:{name}", "a") for name in "ab")
    assert mine.owns("account:a")
    assert not others.owns("account:a")
    assert not mine.owns("")
    assert Viewer().owns("account:a")


# ── what is served, and how much ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path",
    [
        "/monitoring", "/monitoring/summary", "/gradio_api/deep_link?session_hash=x", "/gradio_api/runs",
        "/gradio_api/custom_component/x/client/y/z", "/gradio_api/proxy=http://127.0.0.1:1/", "/gradio_api/dev/reload",
        "/gradio_api/vibe-code", "/gradio_api/file=http://127.0.0.1:1/", "/gradio_api/file=https://example.org/",
        "/docs", "/redoc", "/openapi.json", "/gradio_api/token", "/gradio_api/run-history/buckets",
    ],
)  # fmt: skip
def test_pages_that_gradio_adds_are_not_served(local, path):
    assert httpx.get(local.url + path).status_code == 404


def test_files_of_the_server_are_not_served(everything):
    home = everything.home
    files = ["/etc/passwd", ROOT / "app.py", home / "said.txt", runs_of(everything) / OWN["n"] / "config.json"]
    for path in [*files, f"{ROOT}/assets/../app.py", "app.py"]:
        assert httpx.get(f"{everything.url}/gradio_api/file={path}").status_code in (403, 404)
    assert httpx.get(f"{everything.url}/gradio_api/file={ROOT}/assets/favicon.svg").status_code == 200


def announced(url, path, length):
    """Status of a request that announces so many bytes, and sends none; None: it doesn't tell how many."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", path)
    connection.putheader(*(("Content-Length", str(length)) if length else ("Transfer-Encoding", "chunked")))
    connection.endheaders()
    return connection.getresponse().status


def test_requests_have_a_size(local, everything):
    for server in (local, everything):
        assert announced(server.url, "/gradio_api/queue/join", middleware.LARGEST_BODY + 1) == 413
        assert announced(server.url, "/gradio_api/queue/join", None) == 411
        assert announced(server.url, "/gradio_api/upload", None) == 411
    assert announced(everything.url, "/gradio_api/upload", guest_policy.MAX_UPLOAD + (1 << 20)) == 413


def test_nothing_bypasses_the_queue(local):
    handler = next(h for h in Caller(local.url).handlers if h["api_name"] == "emojify")
    body = {"fn_index": handler["id"], "data": [BLANK, False, "", "drawn", 64], "session_hash": "x"}
    assert httpx.post(f"{local.url}/gradio_api/run/predict", json=body).status_code == 404


def test_excess_requests_get_retry_later(tiny):
    """Last of its server's tests, since all of them come from one address."""
    with httpx.Client(base_url=tiny.url) as http:
        for _ in range(1500):
            answer = http.post("/gradio_api/queue/join", content=b"{}")
            if answer.status_code == 429:
                break
    assert answer.status_code == 429
    assert answer.json()["detail"] == "busy, try again in a moment."
    time.sleep(1)
    assert httpx.get(tiny.url).status_code == 200


def test_sockets_of_one_address_are_counted(everything):
    url, opened = everything.url.replace("http", "ws") + "/live/ws", []
    try:
        for _ in range(middleware.SOCKETS):
            opened.append(connect(url))
        with connect(url) as socket:
            assert "busy, try again" in socket.recv().lower()
    finally:
        for socket in opened:
            socket.close()


def test_rates_fill_again(monkeypatch):
    now, rates = [100.0], RateLimiter()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    assert [rates.take("x", "a", 2, 10) for _ in range(3)] == [True, True, False]
    assert rates.take("x", "b", 2, 10)
    assert rates.take("y", "a", 2, 10)
    now[0] += 5
    assert [rates.take("x", "a", 2, 10) for _ in range(2)] == [True, False]


# ── what the start says ──────────────────────────────────────────────────────────────────────────────────────


def test_the_start_message_names_who_can_reach_the_app(local, tiny, everything, closed):
    assert "Only this computer can reach it" in local.log()
    assert "Others can reach it, without a password" in tiny.log()
    assert "may start tiny trainings" in tiny.log()
    assert "they need a password" in closed.log()
    assert "may neither train nor name folders" in closed.log()
    assert [line for line in everything.log().splitlines() if line.startswith("Warning:")] == [
        "Warning: anyone who can reach it may start trainings on this computer (training is all)."
    ]
    assert all("Warning" not in server.log() for server in (local, tiny, closed))
    assert "se:cret" not in closed.log()
    (warning,) = [line for line in AccessPolicy(True, "all", True).startup_lines() if line.startswith("Warning:")]
    assert "--server-paths" in warning


@pytest.mark.parametrize(
    ("host", "share", "space", "public"),
    [
        (None, False, None, False), ("127.0.0.1", False, None, False), ("localhost", False, None, False),
        ("::1", False, None, False), ("0.0.0.0", False, None, True), ("192.168.0.7", False, None, True),
        ("example.org", False, None, True), (None, True, None, True), (None, False, "a/b", True),
        ("127.0.0.1", False, "a/b", True),
    ],
)  # fmt: skip
def test_what_is_public(monkeypatch, host, share, space, public):
    monkeypatch.delenv("SPACE_ID", raising=False)
    if space:
        monkeypatch.setenv("SPACE_ID", space)
    assert policy.is_public(host, share) == public


@pytest.mark.parametrize(
    ("output", "public", "home", "others"),
    [
        (None, False, "all", "off"), (None, True, "off", "off"), ("all", True, "all", "all"), ("", False, "all", "off"),
        ("tiny", True, "tiny", "tiny"), ("tiny", False, "tiny", "tiny"), ("off", False, "off", "off"),
    ],
)  # fmt: skip
def test_policy(monkeypatch, output, public, home, others):
    monkeypatch.delenv("DTN_TRAINING", raising=False)
    if output is not None:
        monkeypatch.setenv("DTN_TRAINING", output)
    switched = AccessPolicy(public, policy.parse_training(None))
    assert switched.viewer(True, "session:x", "a").training == home
    assert switched.viewer(False, "session:x", "a").training == others
    assert switched.viewer(True, "session:x", "a").is_local is not public


def test_another_word_is_refused(monkeypatch, capsys):
    import app as script

    monkeypatch.setenv("DTN_TRAINING", "yes")
    assert script.main([]) == 2
    assert capsys.readouterr().err == "app.py: DTN_TRAINING=yes: write all, tiny or off.\n"
    assert policy.parse_training("tiny") == "tiny"


def test_security_md_is_true():
    text = " ".join((ROOT / "SECURITY.md").read_text("utf-8").split())
    for words in (
        f"{guest_policy.MAX_RUNS_EACH} runs each and {guest_policy.MAX_RUNS} in all, {guest_policy.MAX_STEPS:,} steps",
        f"{guest_policy.MAX_PICTURES:,} pictures a set",
        f"{guest_policy.MAX_UPLOAD >> 20} MB an upload and {guest_policy.MAX_UPLOADS_TOTAL >> 30} GB of all",
        f"{application.QUEUE} tasks wait at most; a request holds {middleware.LARGEST_BODY >> 20} MB",
    ):
        assert words in text
    assert (
        guest_policy.MAX_SECONDS,
        guest_policy.GRACE_SECONDS,
        guest_policy.RETENTION_SECONDS,
        middleware.SOCKETS,
    ) == (
        3600,
        600,
        24 * 3600,
        8,
    )
    flags = {flag for action in access_flags() for flag in action.option_strings} - {"-h", "--help"}
    assert {flag for flag in flags if flag not in text} == set()


def access_flags():
    import argparse

    from dtn_core.ui.flags import add_access_flags

    parser = argparse.ArgumentParser()
    add_access_flags(parser)
    return parser._actions


def test_every_setting_that_is_a_path_is_known():
    from dtn_core.config import KINDS

    known = {"start", "through", "folder", "encoder", "avatar", "picture", "s", "t"}
    assert {name for kind in KINDS.values() for name in guest_policy.paths(kind())} == known
