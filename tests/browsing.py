"""A real headless Chromium whose webcam plays a film, and pages of the app in it that are watched for errors."""

from __future__ import annotations

import io
from contextlib import contextmanager

from PIL import Image as PILImage
from programs import find

CHROMIUM = find("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --use-fake-device-for-media-stream "
    "--use-fake-ui-for-media-stream --use-file-for-fake-video-capture="
)
SECONDS = 1000

SCRIPTS_RUN = """() => {
    const data = new DataTransfer();
    data.items.add(new File([], "empty"));
    return !window.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, cancelable: true }));
}"""
"""assets/js/page.js, which runs last, takes files that are dragged over the page."""


def jpeg(picture):
    buffer = io.BytesIO()
    PILImage.fromarray(picture).save(buffer, "jpeg", quality=92)
    return buffer.getvalue()


@contextmanager
def chromium(playwright, film, folder):
    """A browser whose webcam plays JPEGs, one after the other, for ever."""
    video = folder / "webcam.mjpeg"
    video.write_bytes(b"".join(film))
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=(FLAGS + str(video)).split())
    try:
        yield browser
    finally:
        browser.close()


def pick(page, radio):
    """Click a radio button of the editor, of which only the label is seen, once the page has stopped scrolling."""
    page.locator("#editor .editor-panel label", has=page.locator(radio)).first.click()


def comes_to_rest(page, do):
    """Do something, and wait until the page has asked the app for nothing for two seconds; it fails after thirty."""
    asked = []

    def note(request):
        if "/queue/join" in request.url:
            asked.append(request)

    page.on("request", note)
    do()
    for _ in range(15):
        before = len(asked)
        page.wait_for_timeout(2 * SECONDS)
        if before == len(asked):
            break
    else:
        raise AssertionError(f"the page goes on asking: {len(asked)} times in 30 s")
    page.remove_listener("request", note)


LEAVING = "this page is being left"


def watch_console(page, wrong):
    """Append errors to `wrong`, but not those of a page that is being left: gradio then aborts its open streams, and
    logs that as two errors."""
    page.add_init_script(f"addEventListener('beforeunload', () => console.info('{LEAVING}'))")
    leaving = False

    def received(message):
        nonlocal leaving
        leaving = leaving or message.text == LEAVING
        if message.type == "error" and not leaving:
            wrong.append(f"console: {message.text}")

    def arrived(_):
        nonlocal leaving
        leaving = False

    page.on("console", received)
    page.on("domcontentloaded", arrived)


@contextmanager
def watched(browser, server, width=1280, height=1000, allowed=(), **options):
    """The app in a fresh session; at the end: no error, but for those whose words are allowed, and no request to
    elsewhere."""
    wrong = []
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    page.set_default_timeout(120 * SECONDS)
    page.on("pageerror", lambda error: wrong.append(f"page error: {error.name}: {error.message} {error.stack}"))
    watch_console(page, wrong)
    own = (server.url, server.url.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else wrong.append(f"request: {r.url}"))
    page.goto(server.url)
    yield page
    context.close()
    left = [line for line in wrong if not any(words in line for words in allowed)]
    assert left == [], left
