"""A camera, an upload, a batch and a video go through the app in a real browser. No picture stays, in files or in what
is printed, and nothing leaves."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from browsing import SCRIPTS_RUN, SECONDS, jpeg
from made_videos import moved, video
from serving import environment, serve

from dtn_core.ui.components import theme

pytestmark = [pytest.mark.reliability, pytest.mark.e2e]

MAGIC = {
    "jpeg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "webp": rb"RIFF....WEBP",
    "gif": rb"GIF8[79]a",
    "mp4": rb"ftyp(isom|iso\d|mp4\d|qt  |avc1|avif|heic)",
    "npy": rb"\x93NUMPY",
    "svg": rb"<svg",
    "base64": rb"/9j/|iVBORw0KGgo|UklGR|R0lGOD|AAAA.{1,8}mdHlw|[A-Za-z0-9+/]{200}",
}
"""How pictures begin, wherever in a file that is."""

NAMES = "secret-portrait", "secret-batch", "secret-clip"
LIVE = "document.querySelector('#live-stage .live').closest('[data-live]').live"


def pictures_in(data):
    """Kinds of pictures that lie in bytes, at any place; in a zip's entries too."""
    found = {kind for kind, begins in MAGIC.items() if re.search(begins, data, re.DOTALL)}
    if zipfile.is_zipfile(io.BytesIO(data)):
        pack = zipfile.ZipFile(io.BytesIO(data))
        found |= set().union(*(pictures_in(pack.read(name)) for name in pack.namelist()))
    return found


def test_the_search_finds_pictures(hopper):
    from PIL import Image

    for kind in ("jpeg", "png", "webp", "gif"):
        buffer = io.BytesIO()
        Image.fromarray(hopper[:40, :40]).save(buffer, kind)
        assert kind in pictures_in(b"before" + buffer.getvalue())
        assert "base64" in pictures_in(base64.b64encode(buffer.getvalue()))
    buffer = io.BytesIO()
    np.save(buffer, hopper[:9, :9])
    assert pictures_in(buffer.getvalue()) >= {"npy"}
    assert "mp4" in pictures_in(video(moved(hopper, 3)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("a.jpg", jpeg(hopper))
    assert "jpeg" in pictures_in(buffer.getvalue())
    assert pictures_in(b"DTN Studio listens on http://127.0.0.1:7860/") == set()


def test_a_call_to_another_machine_is_noted_and_refused(tmp_path):
    call = "import socket; socket.create_connection(('192.0.2.1', 80), 5)"
    env = environment(tmp_path, ALONE="1")
    tried = subprocess.run([sys.executable, "-c", call], env=env, capture_output=True, text=True, timeout=60)
    assert "ConnectionRefusedError" in tried.stderr
    assert "socket.connect 192.0.2.1" in (tmp_path / "writes.txt").read_text()


def live(page):
    page.get_by_role("tab", name="Live webcam").click()
    page.click(".live-invite [data-do=toggle]")
    page.wait_for_function(f"{LIVE}.faces.length && {LIVE}.faces[0].avatar")


def upload(page, data):
    page.get_by_role("tab", name="Photo", exact=True).click()
    page.set_input_files(".photo-file >> nth=0", {"name": f"{NAMES[0]}.jpg", "mimeType": "image/jpeg", "buffer": data})
    page.wait_for_selector(".editor:not([hidden]) .editor-avatar[src^='data:image/svg']")


def batch(page, data):
    page.get_by_role("tab", name="Many photos").click()
    files = [{"name": f"{NAMES[1]}-{i}.jpg", "mimeType": "image/jpeg", "buffer": data} for i in range(2)]
    page.set_input_files("#batch .photo-file", files)
    page.locator("#batch .photo-progress span", has_text="2 of 2 · done").wait_for()


def film(page, data):
    page.get_by_role("tab", name="Video", exact=True).click()
    page.set_input_files("#video .photo-file", {"name": f"{NAMES[2]}.mp4", "mimeType": "video/mp4", "buffer": data})
    page.locator(".video-result video").wait_for()


def downloaded(page, button):
    with page.expect_download() as download:
        page.locator(button).click()
    return download.value.path().read_bytes()


def test_no_picture_is_written_and_nothing_is_sent(browser, hopper, tmp_path_factory):
    with serve("emoji", tmp_path_factory.mktemp("home"), ALONE="1") as app:
        before, wrote, elsewhere = app.files(), len(app.writes()), []
        context = browser.new_context(permissions=["camera"], accept_downloads=True)
        own = (app.url + "/", app.url.replace("http", "ws") + "/", "data:", "blob:")

        def only_own(route):
            if route.request.url.startswith(own):
                return route.continue_()
            elsewhere.append(route.request.url)
            return route.abort()

        context.route("**/*", only_own)
        page = context.new_page()
        page.on("websocket", lambda socket: None if socket.url.startswith(own) else elsewhere.append(socket.url))
        page.set_default_timeout(60 * SECONDS)
        page.goto(app.url)
        page.wait_for_function(SCRIPTS_RUN)
        assert " ".join(page.inner_text("footer.privacy").split()) == " ".join(
            re.sub("<[^>]+>", "", theme.PRIVACY).split()
        )
        portrait = jpeg(hopper)
        live(page)
        upload(page, portrait)
        batch(page, portrait)
        assert "png" in pictures_in(downloaded(page, "#batch .photo-download"))
        film(page, video(moved(hopper, 10)))
        assert "mp4" in pictures_in(downloaded(page, "#video button:has-text('Download (MP4)')"))
        assert elsewhere == []
        page.evaluate("fetch('http://192.0.2.1/').catch(() => 0)")
        assert elsewhere == ["http://192.0.2.1/"], "a request to elsewhere isn't noticed"
        context.close()
        time.sleep(1)
        assert [line for line in app.writes()[wrote:] if not line.startswith("os.mkdir")] == []
        assert not any(line.startswith("socket.connect") for line in app.writes())
        new = {path: pictures_in(path.read_bytes()) for path in app.files() - before}
        assert not any(new.values()), new
        output = app.log()
    assert pictures_in(output.encode()) == set()
    assert not any(name in output for name in NAMES)
