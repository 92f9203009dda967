"""Admission control: what runs at once, what waits, what is refused, and what ends when its caller leaves."""

import asyncio
import contextlib
import json
import select
import socket
import threading
import time
from functools import partial

import anyio
import gradio as gr
import httpx
import pytest
import uvicorn
from calling import Caller

from dtn_core.avatars.parameters import Parameters
from dtn_core.core.errors import UserError
from dtn_core.pipeline.photo import Transferrer
from dtn_core.ui.access import admission
from dtn_core.ui.access.admission import Places, ServerFunctions, WorkQueue, check_pixels
from dtn_core.ui.access.policy import Viewer
from dtn_core.ui.access.rate_limits import BUSY
from dtn_core.ui.api import endpoints
from dtn_core.ui.components import exports
from dtn_core.ui.tabs import editor
from dtn_core.ui.translations import Translations

AVATAR = Parameters("avataaars").to_dict()

LOCAL = Viewer()


def remote(address):
    return Viewer(f"session:{address}", "off", paths=False, address=address)


A, B, C = map(remote, "abc")


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_address_cannot_take_all_places():
    places = Places(total=3, each=2)
    assert [places.take(A) for _ in range(3)] == [True, True, False]
    assert [places.take(B) for _ in range(2)] == [True, False]
    places.release(A)
    assert places.take(B)


def test_a_place_is_kept_for_the_local_viewer():
    places = Places(total=2, each=2)
    assert [places.take(viewer) for viewer in (A, A, B)] == [True, True, False]
    assert places.take(LOCAL)


# ── the queue ────────────────────────────────────────────────────────────────────────────────────────────────


class Desk:
    """Work in a queue that is held until it is let go, and the order in which it began."""

    def __init__(self, queue, group):
        self.queue, self.group = queue, group
        self.began, self.refused, self.gates = [], [], {}

    async def ask(self, name, viewer):
        """Put a piece of work in the queue, and let it run if it may."""
        self.gates[name] = anyio.Event()
        self.group.start_soon(self._work, name, viewer)
        await anyio.wait_all_tasks_blocked()

    async def _work(self, name, viewer):
        try:
            async with self.queue.place(viewer):
                self.began.append(name)
                await self.gates[name].wait()
        except UserError as error:
            self.refused.append((name, str(error)))

    async def end(self, name):
        self.gates[name].set()
        await anyio.wait_all_tasks_blocked()


def with_desk(scenario, **limits):
    async def main():
        async with anyio.create_task_group() as group:
            await scenario(Desk(WorkQueue(**limits), group))
            group.cancel_scope.cancel()

    anyio.run(main)


def test_work_waits_in_order_and_the_rest_is_refused():
    async def scenario(desk):
        for name, viewer in (("1", A), ("2", B), ("3", A), ("4", B), ("5", C)):
            await desk.ask(name, viewer)
        assert desk.began == ["1", "2"]
        assert desk.refused == [("5", BUSY)]
        await desk.end("1")
        await desk.end("2")
        assert desk.began == ["1", "2", "3", "4"]

    with_desk(scenario, running=2, waiting=2, each=2)


def test_an_address_runs_its_share_while_others_wait():
    async def scenario(desk):
        for name, viewer in (("a1", A), ("a2", A), ("a3", A), ("b1", B), ("b2", B)):
            await desk.ask(name, viewer)
        assert desk.began == ["a1", "a2"]  # nobody else was there
        await desk.end("a1")
        assert desk.began == ["a1", "a2", "b1"]
        await desk.end("a2")
        assert desk.began == ["a1", "a2", "b1", "a3"]

    with_desk(scenario, running=2, waiting=8, each=5)


def test_a_strict_queue_never_runs_more_than_the_share():
    async def scenario(desk):
        for name, viewer in (("a1", A), ("a2", A), ("b1", B)):
            await desk.ask(name, viewer)
        assert desk.began == ["a1", "b1"]
        await desk.end("a1")
        assert desk.began == ["a1", "b1", "a2"]

    with_desk(scenario, running=2, waiting=8, each=5, strict=True)


def test_the_local_viewer_never_waits_for_others():
    async def scenario(desk):
        for name, viewer in (("a1", A), ("b1", B), ("a2", A), ("mine", LOCAL), ("mine too", LOCAL), ("later", LOCAL)):
            await desk.ask(name, viewer)
        assert desk.began == ["a1", "b1", "mine", "mine too"]
        assert desk.refused == []

    with_desk(scenario, running=2, waiting=1, each=2)


def test_work_that_is_cancelled_while_it_waits_leaves_no_trace():
    async def scenario(desk):
        await desk.ask("1", A)
        with anyio.CancelScope() as scope:
            desk.group.start_soon(_cancel_when_waiting, desk, scope)
            async with desk.queue.place(B):
                raise AssertionError("it had to wait")
        assert desk.queue.count() == 1
        await desk.ask("2", B)
        await desk.end("1")
        assert desk.began == ["1", "2"]

    with_desk(scenario, running=1, waiting=1, each=2)


async def _cancel_when_waiting(desk, scope):
    await anyio.wait_all_tasks_blocked()
    assert desk.queue.count() == 2
    scope.cancel()


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_pixels_of_a_request_are_bounded():
    for count, size in ((200, 512), (200, 1024), (1000, 512), (1, 4096), (3, "large"), (3, None)):
        check_pixels(count, size)
    with pytest.raises(UserError, match="200 pictures of 4096×4096 pixels are too many"):
        check_pixels(200, 4096)
    answer = editor.pack({"avatars": [{"parameters": AVATAR}] * 200, "size": 4096})
    assert "too many for one request" in answer["error"]


def test_emojify_bounds_the_pixels_of_all_faces(drawing, hopper, monkeypatch):
    translations = Translations(drawing, ("heads",), partial(Transferrer.from_checkpoint, device="cpu"), None)
    endpoints.redraw(translations, hopper, "", "drawn", 64)
    monkeypatch.setattr(admission, "MAX_PIXELS", 63 * 63)
    with pytest.raises(UserError, match="1 pictures of 64×64"):
        endpoints.redraw(translations, hopper, "", "drawn", 64)


def test_a_zip_ends_between_two_files_when_its_caller_has_left(monkeypatch):
    exported = []

    async def main():
        with anyio.CancelScope() as scope:

            def leave(parameters, format, size):
                exported.append(format)
                anyio.from_thread.run_sync(scope.cancel)
                return b""

            monkeypatch.setattr(exports, "export", leave)
            await anyio.to_thread.run_sync(exports.archive, [("a", Parameters("avataaars"))] * 9)
        assert scope.cancelled_caught

    anyio.run(main)
    assert exported == ["svg"]


# ── server functions of a running app ────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def running(functions, *wrapped):
    """A gradio app with these server functions, served; yields its url and the component's number."""
    with gr.Blocks(analytics_enabled=False) as demo:
        component = gr.HTML("", server_functions=list(wrapped))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = gr.routes.App.create_app(demo)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", component._id
        finally:
            server.should_exit = True
            thread.join()


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def post(url, component, name, data, **headers):
    """A socket over which a call was sent; its answer isn't read."""
    body = json.dumps({"data": data, "component_id": component, "fn_name": name, "session_hash": "abcdefgh"}).encode()
    host, port = url.removeprefix("http://").split(":")
    lines = {
        "Host": f"{host}:{port}",
        "Content-Type": "application/json",
        "Content-Length": len(body),
        "Connection": "close",
    }
    lines |= headers
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(f"POST /gradio_api/component_server HTTP/1.1\r\n{head}\r\n".encode() + body)
    return connection


def test_work_ends_when_its_client_disconnects():
    """The work ends by cancellation alone, or else when the test is over."""
    functions, over, began, cancelled = ServerFunctions(), threading.Event(), [], []

    def forever(data):
        began.append(data)
        while not over.wait(0.01):
            try:
                admission.check_cancelled()
            except asyncio.CancelledError:
                cancelled.append(data)
                raise

    with running(functions, functions.pictures(forever)) as (url, component):
        connections = [post(url, component, "forever", n) for n in range(5)]
        until(lambda: len(began) == 2)
        until(lambda: functions._pictures.count() == 5)
        for connection in connections:
            connection.close()
        try:
            until(lambda: functions._pictures.count() == 0)
        finally:
            over.set()
    assert sorted(cancelled) == sorted(began)


def test_waiting_work_holds_no_thread_and_the_rest_is_refused():
    functions, gate = ServerFunctions(), threading.Event()
    functions._pictures = WorkQueue(running=1, waiting=60, each=61)

    def held(data):
        gate.wait()
        return {"data": data}

    with running(functions, functions.pictures(held), functions.short(lambda data: {"quick": data})) as (url, part):
        call = {"component_id": part, "session_hash": "abcdefgh"}
        connections = [post(url, part, "held", n) for n in range(61)]  # gradio has 40 threads
        until(lambda: functions._pictures.count() == 61)
        with httpx.Client(base_url=url, timeout=60) as http:
            answer = http.post("/gradio_api/component_server", json={**call, "fn_name": "held", "data": 0})
            assert answer.json() == {"error": BUSY.capitalize(), "code": "busy"}
            answer = http.post("/gradio_api/component_server", json={**call, "fn_name": "<lambda>", "data": 7})
            assert answer.json() == {"quick": 7}
        gate.set()
        answers = [content_of(connection) for connection in connections]
    assert sorted(answer["data"] for answer in answers) == list(range(61))


def content_of(connection):
    """The answer to a call."""
    with connection, connection.makefile("rb") as stream:
        return json.loads(stream.read().partition(b"\r\n\r\n")[2])


@pytest.fixture(scope="module")
def app(shared_server):
    return shared_server


def part_named(url, name):
    return next(part for part, props in Caller(url).parts.items() if props.get("elem_id") == name)


def test_every_server_function_is_queued():
    """By what gradio would call without any limit: each is a coroutine function that `ServerFunctions` has wrapped."""
    from dtn_core.ui.app import build_app

    checkpoint = Transferrer.from_checkpoint("emoji")
    page = build_app(checkpoint, UserError("no digits here."))
    found = {
        function.__name__: function
        for block in page.demo.blocks.values()
        for function in getattr(block, "server_fns", [])
    }
    assert set(found) >= {"describe", "preview", "draw", "more", "carry_over", "write", "read", "pack", "redraw"}
    assert all(asyncio.iscoroutinefunction(function) for function in found.values())
    assert {function.__code__ for function in found.values()} == {ServerFunctions().short(print).__code__}


def test_many_zips_leave_room_for_others(app):
    """Forty zips of one address: few run, the rest is refused, others are served, and closing them ends them."""
    part, batch = part_named(app.url, "editor"), {"avatars": [{"parameters": AVATAR}] * 200, "size": 1024}
    one = {"avatars": [{"parameters": AVATAR}], "size": 64}
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(post(app.url, part, "pack", batch, **forwarded("203.0.113.7"))) for _ in range(40)]
        until(lambda: len(select.select(crowd, [], [], 0)[0]) == 35)
        refused = [content_of(connection) for connection in select.select(crowd, [], [], 0)[0]]
        assert refused == [{"error": BUSY.capitalize(), "code": "busy"}] * 35
        for headers in ({}, forwarded("198.51.100.1")):
            with httpx.Client(base_url=app.url, headers=headers, timeout=60) as http:
                assert "url" in asked(http, part, "write", {"parameters": AVATAR, "size": 64})
                assert "svg" in asked(http, part, "draw", {"parameters": AVATAR})
        with httpx.Client(base_url=app.url, timeout=60) as http:
            assert "url" in asked(http, part, "pack", one)  # the person at the computer doesn't wait
    with httpx.Client(base_url=app.url, headers=forwarded("203.0.113.7"), timeout=60) as http:
        until(lambda: "url" in asked(http, part, "pack", one))


def forwarded(address):
    return {"X-Forwarded-For": address}


def asked(http, part, name, data):
    call = {"data": data, "component_id": part, "fn_name": name, "session_hash": "abcdefgh"}
    return http.post("/gradio_api/component_server", json=call).json()
