"""The app without a browser: its pictures, its endpoint, its first words when something is wrong."""

from __future__ import annotations

import base64
import io
import socket
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image as PILImage
from serving import command, environment, serve

from dtn_core.transfer import Transferrer
from dtn_core.types import Result
from dtn_core.ui import app, cards, emojify, pictures, theme


def as_url(data):
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def png(width, height):
    buffer = io.BytesIO()
    PILImage.new("1", (width, height)).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def server(tiny_checkpoint, tmp_path_factory):
    with serve(tiny_checkpoint, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    from gradio_client import Client

    return Client(server.url, verbose=False)


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────────────


def test_transparent_pictures_survive_the_trip_exactly():
    rgba = np.random.default_rng(0).integers(0, 256, (16, 12, 4), dtype=np.uint8)
    url = pictures.encode(rgba)
    assert url.startswith("data:image/png;base64,")
    read = np.asarray(PILImage.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
    assert (read == rgba).all()


def test_photos_travel_as_jpeg_and_large_ones_are_scaled_down():
    url = pictures.encode(np.full((1000, 4000, 3), 128, np.uint8))
    assert url.startswith("data:image/jpeg;base64,")
    assert pictures.decode(url).shape == (400, 1600, 3)
    assert pictures.decode(pictures.encode(np.zeros((1, 4000, 3), np.uint8))).shape == (1, 1600, 3)


def test_decode_takes_data_urls_and_bare_base64(hopper_path, hopper):
    data = hopper_path.read_bytes()
    assert (pictures.decode(as_url(data)) == hopper).all()
    assert (pictures.decode(base64.b64encode(data).decode()) == hopper).all()


@pytest.mark.parametrize("text", ["", "data:", "data:image/png;base64,", "not base64!", "/etc/passwd", "😀"])
def test_decode_says_what_is_wrong(text):
    with pytest.raises(ValueError) as error:
        pictures.decode(text)
    assert len(str(error.value).splitlines()) == 1


def test_decode_refuses_more_bytes_than_it_should_hold(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="larger than"):
        pictures.decode("A" * 4000)


def test_examples_come_from_packages():
    found = pictures.examples()
    assert list(found) == ["Grace Hopper", "Eileen Collins"]
    assert all(picture.ndim == 3 and picture.shape[2] == 3 for picture in found.values())


# ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────


def test_steps_of_every_face(tiny, hopper, astronaut):
    both = np.concatenate([hopper[:512], astronaut], axis=1)
    result = tiny(both)
    assert len(result.faces) == 2
    shown = cards.steps(result)
    assert shown.count('class="face-steps"') == shown.count("data-pick=") == 2
    assert 'download="emoji-2.png"' in shown
    assert "2 faces" in shown


def test_no_face_is_said(tiny, noise):
    shown = cards.steps(tiny(noise))
    assert cards.NO_FACE in shown
    assert "Detected" not in shown


def test_messages_cannot_carry_markup():
    assert "<b>" not in cards.message("<b>hello</b>")


def test_live_views(tiny, hopper, noise):
    result = tiny(hopper, thorough=False)
    assert (emojify.compose(result, emojify.VIEWS[0]) == result.composed).all()
    assert emojify.compose(result, emojify.VIEWS[1]).shape[1] > hopper.shape[1]
    assert emojify.compose(result, emojify.VIEWS[2]).shape == (256, 256, 4)
    empty = Result(noise, (), noise)
    assert all((emojify.compose(empty, view) == noise).all() for view in emojify.VIEWS)


def test_frames_a_second():
    assert emojify.Live().fps() == 0
    assert emojify.Live(times=(1.0, 1.5, 2.0)).fps() == 2


def test_the_theme_fetches_nothing():
    assert theme.theme()._stylesheets == []
    assert "http" not in theme.CSS
    assert "@import" not in theme.CSS


# ── start ───────────────────────────────────────────────────────────────────────────────────────────────────


class Recorder:
    """Stands in for gr.Blocks in `app.launch`."""

    local_url = "http://test/"

    def launch(self, **options):
        self.options = options

    def block_thread(self):
        pass


@pytest.mark.parametrize(
    ("space", "flag", "expected"),
    [(None, None, "127.0.0.1"), ("a/b", None, "0.0.0.0"), ("a/b", "127.0.0.1", "127.0.0.1")],
)
def test_host(monkeypatch, space, flag, expected):
    monkeypatch.delenv("SPACE_ID", raising=False)
    if space:
        monkeypatch.setenv("SPACE_ID", space)
    demo = Recorder()
    app.launch(demo, host=flag, port=7860)
    assert demo.options["server_name"] == expected
    assert demo.options["run_history"] is False
    assert demo.options["share"] is False


def test_a_bad_start_is_one_line_and_exit_code_2(tiny_checkpoint, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "config.json").write_text("{")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases = {
            "not found": ("--checkpoint", tmp_path / "nowhere"),
            "damaged": ("--checkpoint", damaged),
            "in use": ("--checkpoint", tiny_checkpoint, "--port", port),
            "not allowed": ("--checkpoint", tiny_checkpoint, "--port", 70000),
        }
        started = {
            words: subprocess.Popen(
                command(*flags), cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
            )
            for words, flags in cases.items()
        }
        for words, process in started.items():
            errors = process.communicate(timeout=120)[1].strip().splitlines()
            assert (process.returncode, len(errors)) == (2, 1), errors
            assert words in errors[0]


# ── /emojify ────────────────────────────────────────────────────────────────────────────────────────────────


def test_endpoint(client, tiny_checkpoint, hopper_path, hopper):
    answer = client.predict(photo=as_url(hopper_path.read_bytes()), mirror=False, api_name="/emojify")
    assert (answer["width"], answer["height"]) == (hopper.shape[1], hopper.shape[0])
    (face,) = answer["faces"]
    left, top, right, bottom = face["box"]
    assert 0 < left < right < answer["width"]
    assert 0 < top < bottom < answer["height"]
    for size in (64, 256):
        data = base64.b64decode(face[f"emoji_{size}"].partition(",")[2])
        emoji = PILImage.open(io.BytesIO(data))
        assert (emoji.format, emoji.mode, emoji.size) == ("PNG", "RGBA", (size, size))
    assert pictures.decode(answer["pasted"]).shape == hopper.shape
    assert answer["ms"]["total"] > 0
    assert answer["checkpoint"] == {
        "name": tiny_checkpoint.name,
        "hash": Transferrer.from_checkpoint(tiny_checkpoint).checkpoint.hash,
    }


def test_endpoint_mirrors(client, hopper_path, hopper):
    url = as_url(hopper_path.read_bytes())
    boxes = [client.predict(url, mirror, api_name="/emojify")["faces"][0]["box"] for mirror in (False, True)]
    assert abs(boxes[1][0] - (hopper.shape[1] - boxes[0][2])) < 12


def test_endpoint_is_the_only_public_one_and_documented(client):
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert list(named) == ["/emojify"]
    assert [p["parameter_name"] for p in named["/emojify"]["parameters"]] == ["photo", "mirror"]


BAD = {
    "text": (b"hello", "not a picture"),
    "empty": (b"", "empty"),
    "bomb": (png(12000, 9000), "too large"),
    "video": (b"\0\0\0\x18ftypmp42" + bytes(200), "not a picture"),
}


@pytest.mark.parametrize("case", BAD)
def test_endpoint_says_what_is_wrong_and_lives_on(client, case):
    from gradio_client.exceptions import AppError

    data, words = BAD[case]
    with pytest.raises(AppError, match=words):
        client.predict(as_url(data), False, api_name="/emojify")
    assert client.predict(as_url(png(1, 1)), False, api_name="/emojify")["faces"] == []


def test_endpoint_refuses_a_truncated_picture(client, hopper_path):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="damaged or cut short"):
        client.predict(as_url(hopper_path.read_bytes()[:9000]), False, api_name="/emojify")


# ── nothing on the disk ─────────────────────────────────────────────────────────────────────────────────────


def test_the_endpoint_writes_nothing(server, client, hopper_path):
    files, writes = server.files(), server.writes()
    for _ in range(3):
        client.predict(as_url(hopper_path.read_bytes()), True, api_name="/emojify")
    time.sleep(0.5)
    assert server.writes() == writes
    assert server.files() == files


def test_uploads_into_a_folder_are_refused(server, hopper_path):
    files = server.files()
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    body += hopper_path.read_bytes() + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(f"{server.url}/gradio_api/upload", body, kind), timeout=20)
    assert error.value.code == 413
    time.sleep(0.5)
    assert server.files() == files
