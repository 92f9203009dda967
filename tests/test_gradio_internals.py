"""What the app changes in gradio: remote files are refused, and unread answers are dropped."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from contextlib import contextmanager
from socketserver import StreamRequestHandler, TCPServer
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
import safehttpx
from calling import Caller
from gradio import processing_utils
from gradio.server_messages import ProcessCompletedMessage
from serving import BLANK, serve
from tiny_digits import write_digits, write_judge

from dtn_core.core.errors import UserError
from dtn_core.ui import app, gradio_internals
from dtn_core.ui.gradio_internals import NOT_UPLOADED, REMOTE_FILE, UNREAD_DROPPED, UNREAD_FULL

PUBLIC = "http://100.64.0.1/picture.png"
"""Shared address space (RFC 6598), which gradio's protection against SSRF takes for public."""

META = {"_type": "gradio.FileData"}


def wait_for(condition, seconds=60):
    """Wait until condition() is true, and return what it returned."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)
    return found


# ── addresses of files ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def listener():
    """A web server on this machine: (its URL, the requests it got)."""
    requests = []

    class Handler(StreamRequestHandler):
        def handle(self):
            requests.append(self.rfile.readline())

    server = TCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", requests
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(drawing_checkpoint, tmp_path_factory):
    """An app with every tab and all trainings allowed; connections to other machines are logged and fail."""
    home = tmp_path_factory.mktemp("home")
    digits = "--digits", write_digits(home / "digits"), "--judge", write_judge(home / "judge")
    flags = "--runs", home / "runs", "--training", "all"
    with serve(drawing_checkpoint, home, *digits, *flags, ALONE="1") as running:
        yield running


@contextmanager
def nothing_fetched(server, requests):
    """Check that the app connects to no machine, writes no file and prints no traceback meanwhile."""
    files, writes, printed, seen = server.files(), len(server.writes()), len(server.log()), len(requests)
    yield
    logged = server.writes()[writes:]
    assert [line for line in logged if line.startswith("socket.connect")] == []
    assert logged == []
    assert server.files() == files
    assert server.log()[printed:] == ""
    assert requests[seen:] == []


def remote_files(url):
    """Arguments that name a file by address, in either field."""
    yield {"path": PUBLIC, "meta": META}
    yield {"path": f"{url}/path.png", "url": PUBLIC, "meta": META}
    yield {"path": "picture.png", "url": f"{url}/url.png", "meta": META}
    yield {"list": [{"deep": {"path": PUBLIC, "meta": META}}]}


def has_values(handler, types):
    """Whether a handler takes values from its caller: a gr.State takes none."""
    return any(types[part] != "state" for part in handler["inputs"])


def test_no_handler_fetches_an_address(server, listener):
    url, requests = listener
    caller = Caller(server.url)
    config = caller.http.get("/config").json()
    types = {part["id"]: part["type"] for part in config["components"]}
    handlers = [handler for handler in caller.handlers if has_values(handler, types)]
    assert {handler["queue"] is False for handler in handlers} == {True, False}
    assert len(handlers) > 30
    with nothing_fetched(server, requests):
        answers = [
            (handler["id"], caller.run(handler, *[file] * len(handler["inputs"])))
            for handler in handlers
            for file in remote_files(url)
        ]
    assert [answer for answer in answers if REMOTE_FILE not in answer[1]] == []


def test_no_endpoint_fetches_an_address(server, listener):
    url, requests = listener
    with httpx.Client(base_url=f"{server.url}/gradio_api", timeout=60) as http, nothing_fetched(server, requests):
        endpoints = http.get("/info").json()["named_endpoints"]
        tried = {name.strip("/"): about["parameters"] for name, about in endpoints.items() if about["parameters"]}
        assert {"emojify", "draw", "digits"} <= set(tried)
        for name, parameters in tried.items():
            for file in remote_files(url):
                values = {parameter["parameter_name"]: file for parameter in parameters}
                for path, body in ((f"/call/{name}", {"data": list(values.values())}), (f"/call/v2/{name}", values)):
                    event = http.post(path, json=body).json()["event_id"]
                    assert REMOTE_FILE in http.get(f"{path}/{event}").text


def test_no_server_function_fetches_an_address(server, listener):
    url, requests = listener
    caller = Caller(server.url)
    functions = [(part, name) for part, props in caller.parts.items() for name in props.get("server_fns", [])]
    assert {"thumbnails", "redraw", "carry_over"} <= {name for _, name in functions}
    with nothing_fetched(server, requests):
        for part, name in functions:
            fields = dict.fromkeys(("photo", "url", "style", "slot", "key", "path"), f"{url}/field.png")
            for data in (*remote_files(url), PUBLIC, {**fields, "mirror": False}, {**fields, "photo": PUBLIC}):
                body = {"component_id": part, "session_hash": caller.session, "fn_name": name, "data": data}
                assert caller.http.post("/gradio_api/component_server", json=body).status_code == 200


@pytest.mark.parametrize(
    "path", ["file={}", "file= {}", "file=/{}", "file/{}", "proxy={}", "stream/{}", "deep_link?x={}"]
)
def test_no_route_fetches_an_address(server, listener, path):
    url, requests = listener
    with nothing_fetched(server, requests):
        for address in (PUBLIC, url, PUBLIC.replace("http", "HTTP"), PUBLIC.removeprefix("http:")):
            answer = httpx.get(f"{server.url}/gradio_api/" + path.format(address))
            assert answer.status_code in (403, 404, 405)


@pytest.fixture
def fetched(monkeypatch):
    """The addresses that gradio would connect to."""
    addresses = []

    async def record(address, *_, **__):
        addresses.append(address)
        raise ConnectionRefusedError(address)

    monkeypatch.setattr(safehttpx, "get", record)
    monkeypatch.setattr(safehttpx, "async_validate_url", record)
    return addresses


@pytest.fixture(scope="module")
def preprocess():
    """Pass a value to gradio as an argument of a handler in a running app."""
    with gr.Blocks() as demo:
        block = gr.JSON()
    demo.has_launched = demo.is_running = True
    gradio_internals.refuse_remote_files()

    def pass_on(value):
        context = processing_utils.LocalContext.blocks
        token = context.set(demo)
        try:
            return asyncio.run(processing_utils.async_move_files_to_cache(value, block, check_in_upload_folder=True))
        finally:
            context.reset(token)

    return pass_on


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a.png", "https://example.org/a.png", "HTTPS://example.org/a.png", "ftp://example.org/a.png",
        "file:///etc/passwd", " http://example.org/a.png", "\t\nhttp://example.org/a.png", "//example.org/a.png",
        "\\\\example.org\\a.png", "/\\example.org/a.png", "http:/example.org/a.png", "gopher://example.org/",
        "http://example.org/gradio_api/file=/other.png",
    ],
)  # fmt: skip
def test_addresses_are_refused_before_any_connection(preprocess, fetched, address):
    by_path = {"path": address, "meta": META}
    by_url = {"path": "/tmp/a.png", "url": address, "meta": META}
    without_path = {"path": None, "url": address, "meta": META}
    for value in (by_path, by_url, without_path, [by_path], {"a": {"b": [1, by_url]}}):
        with pytest.raises(gr.Error, match=REMOTE_FILE) as raised:
            preprocess(value)
        assert not raised.value.print_exception
    assert fetched == []


def test_an_address_in_an_answer_is_not_fetched(fetched):
    gradio_internals.refuse_remote_files()
    with gr.Blocks():
        block = gr.JSON()
    file = {"path": PUBLIC, "meta": META}
    with pytest.raises(gr.Error, match=REMOTE_FILE):
        asyncio.run(processing_utils.async_move_files_to_cache(file, block, postprocess=True))
    with pytest.raises(gr.Error, match=REMOTE_FILE):
        processing_utils.save_url_to_cache(PUBLIC, block.GRADIO_CACHE)
    assert fetched == []


@pytest.mark.parametrize("path", [__file__, "/etc/passwd", "test_app.py", "C:\\a.png", "", "x" * 5000, "a\0b"])
def test_only_uploads_pass_for_files(preprocess, path):
    for meta in (META, "text", None):
        with pytest.raises(gr.Error, match=NOT_UPLOADED) as raised:
            preprocess({"path": path, "meta": meta})
        assert not raised.value.print_exception


def test_other_values_pass_unchanged(preprocess):
    for value in (None, 1, "http://example.org/", {"path": "a", "url": "http://example.org/"}, [{"meta": {}}]):
        assert preprocess(value) == value
    picture = {"path": None, "url": "data:image/png;base64,AAAA", "meta": META}
    assert preprocess(picture) == picture


def test_a_file_of_the_server_is_refused_without_a_traceback(server, listener):
    caller = Caller(server.url)
    (handler,) = [h for h in caller.find("train-upload-s", "upload") if len(h["inputs"]) == 1]
    with nothing_fetched(server, listener[1]):
        assert NOT_UPLOADED in caller.run(handler, {"path": str(server.home / "said.txt"), "meta": META})


def test_an_upload_passes_as_the_page_sends_it(server):
    caller = Caller(server.url)
    (handler,) = [h for h in caller.find("train-upload-s", "upload") if len(h["inputs"]) == 1]
    sent = caller.http.post("/gradio_api/upload", files={"files": ("my zip.zip", b"no zip")})
    path = sent.json()[0]
    url = f"{server.url}/gradio_api/file={path.replace(' ', '%20')}"
    assert "damaged zip" in caller.run(handler, {"path": path, "url": url, "meta": META})


# ── unread answers ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def running(drawing, tmp_path_factory):
    """The app in this process: (its URL, gradio's queue)."""
    page = app.build_app(drawing, UserError("no digits"), tmp_path_factory.mktemp("home") / "runs")
    page.demo.block_thread = lambda: None
    app.launch(page, "127.0.0.1")
    yield page.demo.local_url.rstrip("/"), page.demo._queue
    page.demo.close()


def ask(url, photo):
    """Send a photo and don't fetch the answer; the id of the event, which is its session too."""
    return httpx.post(f"{url}/gradio_api/call/v2/emojify", json={"photo": photo}, timeout=60).json()["event_id"]


def answer_of(queue, event):
    """The answer that waits for an event, or None."""
    messages = queue.pending_messages_per_session[event]._queue
    return next((message for message in list(messages) if isinstance(message, ProcessCompletedMessage)), None)


def was_dropped(queue, event):
    answer = answer_of(queue, event)
    return answer is not None and answer.output.get("error") == UNREAD_DROPPED


@pytest.fixture
def sizes(monkeypatch):
    """The sizes of the answers so far."""
    found, size = [], gradio_internals._size
    monkeypatch.setattr(gradio_internals, "_size", lambda output: found.append(size(output)) or found[-1])
    return found


def test_an_unread_answer_is_dropped(running, hopper_path, monkeypatch, sizes):
    url, queue = running
    monkeypatch.setattr(gradio_internals, "UNREAD_SECONDS", 0.1)
    event = ask(url, base64.b64encode(hopper_path.read_bytes()).decode())
    wait_for(lambda: was_dropped(queue, event))
    assert sizes[-1] > 100_000
    (left,) = queue.pending_messages_per_session[event]._queue
    assert len(left.model_dump_json()) < 1000
    monkeypatch.undo()
    late = httpx.get(f"{url}/gradio_api/call/v2/emojify/{event}", timeout=60).text
    assert late.startswith("event: error")
    assert UNREAD_DROPPED in late


def test_a_late_page_gets_an_error(running, hopper_path, monkeypatch):
    url, queue = running
    caller = Caller(url)
    handler = next(h for h in caller.handlers if h["api_name"] == "emojify")
    photo = base64.b64encode(hopper_path.read_bytes()).decode()
    body = {"fn_index": handler["id"], "data": [photo, False, "", "drawn", 64], "session_hash": caller.session}
    with monkeypatch.context() as patch:
        patch.setattr(gradio_internals, "UNREAD_SECONDS", 0.1)
        caller.http.post("/gradio_api/queue/join", json=body).raise_for_status()
        wait_for(lambda: was_dropped(queue, caller.session))
    stream = caller.http.get("/gradio_api/queue/data", params={"session_hash": caller.session}).text
    assert [json.loads(line[6:])["msg"] for line in stream.splitlines() if line] == [
        "process_completed",
        "close_stream",
    ]
    assert UNREAD_DROPPED in stream
    assert '"faces"' in caller.run(handler, *body["data"])


def test_an_answer_that_is_read_is_not_kept(running, hopper_path, monkeypatch):
    url, queue = running
    monkeypatch.setattr(gradio_internals, "UNREAD_SECONDS", 600)
    event = ask(url, base64.b64encode(hopper_path.read_bytes()).decode())
    assert "event: complete" in httpx.get(f"{url}/gradio_api/call/v2/emojify/{event}", timeout=60).text
    unread = queue.send_message.__self__._unread
    wait_for(lambda: not any(answer.session == event for answer in list(unread.values())))


def test_the_oldest_unread_answers_are_dropped_first(running, hopper_path, monkeypatch, sizes):
    url, queue = running
    photo = base64.b64encode(hopper_path.read_bytes()).decode()
    events = [ask(url, photo)]
    wait_for(lambda: answer_of(queue, events[0]))
    assert not was_dropped(queue, events[0])
    monkeypatch.setattr(gradio_internals, "UNREAD_BYTES", int(2.5 * sizes[-1]))
    for _ in range(3):
        events.append(ask(url, photo))
        wait_for(lambda: answer_of(queue, events[-1]))
    assert [was_dropped(queue, event) for event in events] == [True, True, False, False]
    assert "event: complete" in httpx.get(f"{url}/gradio_api/call/v2/emojify/{events[-1]}", timeout=60).text


def test_a_session_that_reads_nothing_may_not_go_on(running, monkeypatch):
    url, queue = running
    caller = Caller(url)
    handler = next(h for h in caller.handlers if h["api_name"] == "emojify")
    body = {"fn_index": handler["id"], "data": [BLANK, False, "", "drawn", 64], "session_hash": caller.session}
    monkeypatch.setattr(gradio_internals, "UNREAD_MESSAGES", 1)
    caller.http.post("/gradio_api/queue/join", json=body).raise_for_status()
    refused = caller.http.post("/gradio_api/queue/join", json=body)
    assert (refused.status_code, refused.json()["detail"]) == (400, UNREAD_FULL)
    assert (
        "process_completed" in caller.http.get("/gradio_api/queue/data", params={"session_hash": caller.session}).text
    )
    assert caller.http.post("/gradio_api/queue/join", json=body).status_code == 200


def test_an_answer_for_a_forgotten_session_is_dropped(running):
    _, queue = running
    event = SimpleNamespace(session_hash="forgotten", alive=True, _id="x")
    queue.send_message(event, ProcessCompletedMessage(output={}, success=True))
    assert "forgotten" not in queue.pending_messages_per_session
