"""The app: killed while people use it, and with folders that it can't write."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from gradio_client import Client
from made_runs import make_run
from made_videos import moved, video
from PIL import Image
from serving import serve
from websockets.sync.client import connect

from dtn_core.training.runs import launcher
from dtn_core.training.runs.status import is_alive, read_status

from .faults import disks, training
from .faults.processes import until
from .test_privacy import pictures_in

pytestmark = pytest.mark.reliability


@pytest.fixture
def portrait(hopper):
    buffer = io.BytesIO()
    Image.fromarray(hopper).save(buffer, "JPEG")
    return buffer.getvalue()


def busy(app, portrait, clip):
    """A viewer live, one who uploads, one with a video; they go on until the app ends."""

    def live():
        with connect(app.url.replace("http", "ws") + "/live/ws", origin=app.url) as socket:
            while True:
                socket.send(b"\0\0\0\0" + portrait)
                socket.recv()

    def upload():
        import base64

        client, data = Client(app.url, verbose=False), base64.b64encode(portrait).decode()
        while True:
            client.predict(data, False, api_name="/emojify")

    def film():
        with connect(app.url.replace("http", "ws") + "/live/video", origin=app.url, max_size=None) as socket:
            socket.send(f'{{"size": {len(clip)}, "mode": "paste", "kind": "drawn"}}')
            while True:
                output = socket.recv()
                if isinstance(output, str) and '"read"' in output:
                    at, length = eval(output)["read"]
                    socket.send(clip[at : at + length])

    def until_it_ends(act):
        try:
            act()
        except Exception:
            return

    for act in (live, upload, film):
        threading.Thread(target=until_it_ends, args=(act,), daemon=True).start()


def test_a_killed_app_leaves_no_picture_and_reports_the_crash(tmp_path, hopper, portrait):
    runs, clip = tmp_path / "runs", video(moved(hopper, 60))
    make_run(runs, "00001-before", step=40, steps=400, ended=None)
    trained = training.new_run(runs, steps=5)
    before = None
    for life in range(2):
        with serve("emoji", tmp_path, "--runs", runs, calm=False) as app:
            if life:
                output = app.log()
                assert "00001-before: Stopped unexpectedly at step 40 of 400." in output
                assert f"python -m dtn_core train --resume {runs / '00001-before'}" in output
                folders = list((tmp_path / "tmp").glob(".dtn-studio.part*"))
                assert len(folders) == 1
                assert list(folders[0].iterdir()) == [], "what the killed app left stays"
                break
            before = app.files()
            (left,) = (tmp_path / "tmp").glob(".dtn-studio.part*")
            (left / "upload").write_bytes(portrait)  # as gradio leaves it half received
            launcher.resume(trained)
            busy(app, portrait, clip)
            time.sleep(4)
            os.kill(app.pid, signal.SIGKILL)
            until(lambda: not Path(f"/proc/{app.pid}/cmdline").read_bytes(), 20)
            new = {path for path in app.files() - before if runs not in path.parents} - {left / "upload"}
            assert not any(pictures_in(path.read_bytes()) for path in new), new
    assert until(lambda: not is_alive(trained))
    assert read_status(trained).status == "done", "the training outlives the app"


def test_without_a_writable_folder_the_app_serves_and_warns(tmp_path):
    with disks.small(tmp_path / "disk") as disk:
        make_run(disk.folder / "runs", "00001-a", step=40, steps=400, ended=None)
        (disk.folder / "tmp").mkdir()
        disk.read_only()
        runs = disk.folder / "runs"
        with serve("emoji", tmp_path / "home", "--runs", runs, TMPDIR=str(disk.folder / "tmp")) as app:
            output = app.log()
            with serve("emoji", tmp_path / "other", "--runs", runs) as second:
                assert "cannot be written" in second.log()
    assert f"{runs}: cannot be written. Trainings there can be looked at, not started" in output
    assert "00001-a: Stopped unexpectedly" in output
