"""The entry points of live video: what is let in, what is answered, what is forgotten."""

import asyncio
import json
import struct
import sys
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dtn_core.pipeline.photo import Transferrer
from dtn_core.ui.access.middleware import SOCKETS
from dtn_core.ui.access.policy import Viewer
from dtn_core.ui.api import live_socket
from dtn_core.ui.api.live_socket import Live
from dtn_core.ui.translations import Translations

sys.path.insert(0, str(Path(__file__).parent / "live"))
from test_protocol import jpeg, message
from test_session import framed

NAME = "0123456789abcdef"


@pytest.fixture(scope="module")
def live(drawing):
    return Live(Translations(drawing, ("heads",), Transferrer.from_checkpoint, None))


def forget(live):
    """End all sessions over HTTP."""
    for session in live._http_sessions.values():
        live._places.release(session.viewer)
    live._http_sessions.clear()


@pytest.fixture
def client(live):
    forget(live)
    return TestClient(Starlette(routes=live.routes()))


def until_drawn(answer):
    """Answers to frame after frame, until an avatar came; the last one."""
    for n in range(400):
        got = answer(n)
        if got.get("avatars"):
            return got
    raise AssertionError("no avatar came")


def test_frames_in_avatars_out(client, astronaut):
    with client.websocket_connect("/live/ws") as socket:

        def answer(n):
            socket.send_bytes(message(n, framed(astronaut)))
            return socket.receive_json()

        got = until_drawn(answer)
        assert got["avatars"]["1"]["svg"].startswith("<svg")
        assert answer(500)["n"] == 500


def test_nonsense_is_answered_and_the_socket_lives_on(client, astronaut):
    with client.websocket_connect("/live/ws") as socket:
        for send in (
            lambda: socket.send_bytes(b""),
            lambda: socket.send_bytes(b"\x00" * 5000),
            lambda: socket.send_bytes(b"\x00" * (live_socket.MAX_MESSAGE_BYTES + 10)),
            lambda: socket.send_text("{"),
            lambda: socket.send_text('{"style": "../../etc"}'),
            lambda: socket.send_text('{"edits": {"1": {"parameters": {"style": "avataaars", "variants": 3}}}}'),
        ):
            send()
            assert "error" in socket.receive_json()
        socket.send_bytes(message(3, framed(astronaut)))
        assert socket.receive_json()["n"] == 3


def test_other_sites_are_kept_out(client):
    headers = {"origin": "http://elsewhere.example"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live/ws", headers=headers):
        pass
    assert client.post(f"/live/frame?session={NAME}", content=b"", headers=headers).status_code == 400
    own = {"origin": "http://testserver"}
    with client.websocket_connect("/live/ws", headers=own) as socket:
        socket.send_text("{")
        assert "error" in socket.receive_json()


def test_without_a_socket_the_same_by_post(client, live, astronaut):
    def answer(n):
        return client.post(f"/live/frame?session={NAME}", content=message(n, framed(astronaut))).json()

    until_drawn(answer)
    assert list(live._http_sessions) == [NAME]
    sent = client.post(f"/live/frame?session={NAME}", json={"reset": True})
    assert sent.json() == {}
    assert "error" in client.post(f"/live/frame?session={NAME}", json={"edits": 3}).json()


@pytest.mark.parametrize("name", ["", "short", "a" * 65, "../../../etc/passwd"])
def test_a_session_has_a_plain_name(client, name):
    assert client.post("/live/frame", params={"session": name}, content=b"").status_code == 400


def test_huge_bodies_are_cut_off(client):
    body = struct.pack("<I", 1) + b"x" * (live_socket.MAX_MESSAGE_BYTES + 1)
    assert client.post(f"/live/frame?session={NAME}", content=body).status_code == 413


def test_full_is_full_and_idle_sessions_make_room(client, live, monkeypatch, astronaut):
    monkeypatch.setattr(live._places, "total", 1)
    body = struct.pack("<I", 1) + jpeg(framed(astronaut))
    assert client.post(f"/live/frame?session={NAME}", content=body).status_code == 200
    other = "f" * 16
    assert client.post(f"/live/frame?session={other}", content=body).status_code == 503
    with client.websocket_connect("/live/ws") as socket:
        assert json.loads(socket.receive_text())["error"] == live_socket.BUSY
    monkeypatch.setattr(live_socket, "HTTP_TIMEOUT", 0.0)
    assert client.post(f"/live/frame?session={other}", content=body).status_code == 200


def test_idle_sessions_expire_without_requests(live, monkeypatch, astronaut):
    monkeypatch.setattr(live_socket, "HTTP_TIMEOUT", 0.2)
    body = struct.pack("<I", 1) + jpeg(framed(astronaut))

    async def come_and_go():
        transport = httpx.ASGITransport(Starlette(routes=live.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            assert (await client.post(f"/live/frame?session={NAME}", content=body)).status_code == 200
        assert list(live._http_sessions) == [NAME]
        for _ in range(100):
            await asyncio.sleep(0.05)
            if not live._http_sessions:
                return
        raise AssertionError("it is remembered")

    forget(live)
    asyncio.run(come_and_go())


def remote(address):
    return Viewer(f"session:{address}", "off", paths=False, address=address)


@pytest.fixture
def viewer(monkeypatch):
    """Sets whose the next requests are."""
    current = [remote("a")]
    monkeypatch.setattr(live_socket, "caller", lambda: current[0])
    return lambda viewer: current.__setitem__(0, viewer)


def test_one_address_has_few_sessions_over_http(client, live, viewer, astronaut):
    body = message(1, framed(astronaut))

    def status(number):
        return client.post(f"/live/frame?session={number:016d}", content=body).status_code

    assert [status(n) for n in range(SOCKETS)] == [200] * SOCKETS
    assert status(SOCKETS) == 503
    assert status(0) == 200  # those that are there go on
    viewer(remote("b"))
    assert status(SOCKETS) == 200
    assert live._places.count() == SOCKETS + 1


def test_sessions_are_kept_only_for_valid_frames(client, live):
    for n in range(live_socket.MAX_SESSIONS + 1):
        answer = client.post(f"/live/frame?session={n:016d}", content=b"x")
        assert (answer.status_code, answer.json()["error"]) == (200, "a frame must be a JPEG.")
    options = client.post(f"/live/frame?session={NAME}", json={"lock": True})
    assert (options.status_code, options.json()["error"]) == (404, live_socket.NO_SESSION)
    assert live._http_sessions == {}
    assert live._places.count() == 0


def test_the_local_viewer_has_a_place_though_others_took_all(client, live, viewer, monkeypatch, astronaut):
    monkeypatch.setattr(live._places, "total", 1)
    body = message(1, framed(astronaut))
    assert client.post(f"/live/frame?session={NAME}", content=body).status_code == 200
    viewer(remote("b"))
    assert client.post("/live/frame?session=another-one", content=body).status_code == 503
    viewer(Viewer())
    with client.websocket_connect("/live/ws") as socket:
        socket.send_bytes(body)
        assert socket.receive_json()["n"] == 1


def test_idle_sockets_are_closed(client, live, monkeypatch):
    monkeypatch.setattr(live_socket, "SOCKET_TIMEOUT", 0.05)
    before = live._places.count()
    with client.websocket_connect("/live/ws") as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == live_socket.IDLE_CLOSE_CODE
    assert live._places.count() == before


def test_a_closed_socket_makes_room(client, live):
    before = live._places.count()
    with client.websocket_connect("/live/ws") as socket:
        socket.send_text("{")
        socket.receive_json()
        assert live._places.count() == before + 1
    assert live._places.count() == before
