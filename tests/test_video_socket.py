"""A video through the WebSocket, the test in the place of the page."""

import json
import time
from functools import partial

import numpy as np
import pytest
from made_videos import moved, video, watched
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dtn_core.pipeline.photo import Transferrer
from dtn_core.ui.access.policy import Viewer
from dtn_core.ui.access.rate_limits import BUSY
from dtn_core.ui.api import video_socket
from dtn_core.ui.api.video_socket import Videos
from dtn_core.ui.translations import Translations

WANTED = {"style": "", "kind": "drawn", "mode": "paste"}


@pytest.fixture(scope="module")
def clip(hopper):
    return video(moved(hopper, 8))


@pytest.fixture
def videos(drawing):
    return Videos(Translations(drawing, ("heads",), partial(Transferrer.from_checkpoint, device="cpu"), None))


@pytest.fixture
def client(videos):
    with TestClient(Starlette(routes=videos.routes())) as made:
        yield made


def talk(socket, data, wanted=WANTED, give=lambda data, offset, length: data[offset : offset + length]):
    """The page's side: (what came as MP4, the text messages but requests to read)."""
    socket.send_text(json.dumps({**wanted, "size": len(data)}))
    parts, output = [], []
    while True:
        message = socket.receive()
        if message["type"] == "websocket.close":
            return b"".join(parts), output
        if message.get("bytes") is not None:
            parts.append(message["bytes"])
            continue
        values = json.loads(message["text"])
        if "read" in values:
            socket.send_bytes(give(data, *values["read"]))
        else:
            output.append(values)


def test_a_video_is_converted(client, clip, monkeypatch):
    monkeypatch.setattr(video_socket, "REPORT_INTERVAL", 0)
    monkeypatch.setattr(video_socket, "BLOCK", 4096)
    with client.websocket_connect("/live/video") as socket:
        made, output = talk(socket, clip)
    frames, _, codec, *_ = watched(made)
    assert frames.shape == (8, 240, 320, 3)
    assert codec == "aac"
    progress = [one["progress"] for one in output[:-1]]
    assert [one["frames"] for one in progress] == list(range(1, 9))
    assert progress[-1]["share"] == pytest.approx(1, abs=0.05)
    assert progress[0]["preview"].startswith("data:image/jpeg")
    assert output[-1]["done"]["frames"] == output[-1]["done"]["with_faces"] == 8


def test_painted_only_on_a_background(client, clip):
    with client.websocket_connect("/live/video") as socket:
        wanted = {"style": "", "kind": "painted", "mode": "alone", "background": "#00b140"}
        made, _ = talk(socket, clip, wanted)
    assert watched(made)[0].shape == (8, 512, 512, 3)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"mode": "sideways"}, "'sideways' is none of paste, beside, alone"),
        ({"kind": 3}, "3 is none of"),
        ({"background": "red"}, "background must be written #rrggbb"),
        ({"style": "../../etc"}, "this checkpoint is gone"),
    ],
)
def test_impossible_settings_are_reported_in_one_line(client, clip, wanted, words):
    with client.websocket_connect("/live/video") as socket:
        made, output = talk(socket, clip, {**WANTED, **wanted})
    assert made == b""
    assert words in output[-1]["error"]


def test_garbage(client, clip):
    with client.websocket_connect("/live/video") as socket:
        _, output = talk(socket, b"no video at all" * 99)
        assert [list(answer) for answer in output] == [["error", "code"]]
        assert "not a video that can be read" in output[0]["error"]
    with client.websocket_connect("/live/video") as socket:
        _, output = talk(socket, b"")
        assert "empty" in output[0]["error"]
    with client.websocket_connect("/live/video") as socket:
        _, output = talk(socket, clip, give=lambda *_: b"short")
        assert "could not read the file" in output[0]["error"]
    for text in ("[", "3", "null"):
        with client.websocket_connect("/live/video") as socket:
            socket.send_text(text)
            assert "must be an object" in socket.receive_json()["error"]
    with client.websocket_connect("/live/video") as socket:
        _, output = talk(socket, video([np.zeros((64, 64, 3), np.uint8)] * 3, sound=None))
        assert "no face found" in output[-1]["error"]


def test_a_page_that_leaves_frees_its_place(client, clip, videos, hopper, monkeypatch):
    monkeypatch.setattr(video_socket, "REPORT_INTERVAL", 0)
    long = video(list(moved(hopper, 25)) * 20, sound=None)
    with client.websocket_connect("/live/video") as socket:
        socket.send_text(json.dumps({**WANTED, "size": len(long)}))
        while "progress" not in (values := json.loads(socket.receive().get("text") or "{}")):
            if "read" in values:
                offset, length = values["read"]
                socket.send_bytes(long[offset : offset + length])
    until_count(videos, 0)
    with client.websocket_connect("/live/video") as socket:
        assert "done" in talk(socket, clip)[1][-1]


def remote(address):
    return Viewer(f"session:{address}", "off", paths=False, address=address)


@pytest.fixture
def viewers(monkeypatch):
    """Whose sockets the next ones are, in order."""
    queue = []
    monkeypatch.setattr(video_socket, "caller", lambda: queue.pop(0))
    return queue


def begin(socket, data, wanted=WANTED):
    """Ask for a video; return the server's first message."""
    socket.send_text(json.dumps({**wanted, "size": len(data)}))
    return socket.receive_json()


def until_count(videos, count):
    """Wait until so many videos are in work or waiting."""
    deadline = time.monotonic() + 60
    while videos._queue.count() != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_full_queue_refuses_further_videos(client, clip, videos, monkeypatch):
    monkeypatch.setattr(videos._queue._places, "total", 0)
    with client.websocket_connect("/live/video") as socket:
        assert begin(socket, clip) == {"error": BUSY, "code": "busy"}


def test_stalled_remote_videos_do_not_block_the_local_viewer(client, clip, videos, viewers):
    viewers += [remote("a"), remote("b"), Viewer()]
    with (
        client.websocket_connect("/live/video") as first,
        client.websocket_connect("/live/video") as second,
        client.websocket_connect("/live/video") as local,
    ):
        assert "read" in begin(first, clip)
        assert "read" in begin(second, clip)
        assert "done" in talk(local, clip)[1][-1]
    until_count(videos, 0)


def test_a_slow_video_ends_while_others_wait(client, clip, videos, viewers, monkeypatch):
    monkeypatch.setattr(video_socket, "STALL_ALLOWANCE", 0.2)
    monkeypatch.setattr(video_socket, "STALL_CHECK", 0.02)
    monkeypatch.setattr(videos._queue, "_limit", 1)
    viewers += [remote("a"), remote("b")]
    with client.websocket_connect("/live/video") as slow, client.websocket_connect("/live/video") as other:
        assert "read" in begin(slow, clip)
        messages = talk(other, clip)[1]
        assert slow.receive_json() == {"error": video_socket.TOO_SLOW, "code": ""}
    assert messages[0] == {"waiting": True}
    assert "done" in messages[-1]
    until_count(videos, 0)


def test_a_stalled_page_loses_its_place(client, clip, videos, monkeypatch):
    monkeypatch.setattr(video_socket, "STALL_TIMEOUT", 0.2)
    monkeypatch.setattr(video_socket, "STALL_CHECK", 0.02)
    with client.websocket_connect("/live/video") as socket:
        assert "read" in begin(socket, clip)
        until_count(videos, 0)


def test_one_address_has_one_video_in_work(client, clip, videos, viewers):
    viewers += [remote("a"), remote("a"), remote("b")]
    with (
        client.websocket_connect("/live/video") as first,
        client.websocket_connect("/live/video") as second,
        client.websocket_connect("/live/video") as other,
    ):
        assert "read" in begin(first, clip)
        assert begin(second, clip) == {"waiting": True}
        assert "done" in talk(other, clip)[1][-1]
        first.close()
        assert "read" in second.receive_json()
    until_count(videos, 0)


def test_a_page_that_leaves_while_it_waits_gives_its_place_back(client, clip, videos, viewers):
    viewers += [remote("a"), remote("a")]
    with client.websocket_connect("/live/video") as first:
        assert "read" in begin(first, clip)
        with client.websocket_connect("/live/video") as second:
            assert begin(second, clip) == {"waiting": True}
            until_count(videos, 2)
        until_count(videos, 1)


def test_pages_of_other_sites_are_refused(client):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/live/video", headers={"origin": "https://elsewhere.example"}),
    ):
        pass
