"""Who may do what, in a real headless Chromium: a guest behind a proxy, a guest who trains, and a password."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest
from serving import serve
from tiny_digits import write_digits, write_judge

from dtn_core.training import launcher, status

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
SECONDS = 1000


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def served(*flags, **more):
    @pytest.fixture(scope="module")
    def server(browser, drawing_checkpoint, tmp_path_factory):
        home = tmp_path_factory.mktemp("home")
        digits = "--digits", write_digits(home / "tiny-digits"), "--judge", write_judge(home / "tiny-judge")
        with serve(drawing_checkpoint, home, *digits, "--runs", home / "runs", *flags, DTN_DATA="", **more) as running:
            yield running
            for path in status.runs_in(home / "runs"):
                if status.is_alive(path):
                    launcher.force_stop(path)

    return server


local = served()
tiny = served("--host", "0.0.0.0", "--training", "tiny")
closed = served("--host", "0.0.0.0", auth=("ann", "secret"), DTN_AUTH="ann:secret")


@contextmanager
def somebody(browser, server, allowed=(), **options):
    """A page in a fresh browser; at the end: no error, but for those whose words are allowed."""
    wrong = []
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, **options)
    page = context.new_page()
    page.set_default_timeout(60 * SECONDS)
    page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
    page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
    page.goto(server.url)
    yield page
    context.close()
    assert [line for line in wrong if not any(words in line for words in allowed)] == []


def at_train(page):
    page.get_by_role("tab", name="Train").click()


def test_behind_a_proxy_the_tab_says_that_it_is_off(browser, local):
    with somebody(browser, local, extra_http_headers={"X-Forwarded-For": "203.0.113.7"}) as page:
        at_train(page)
        page.wait_for_selector("#training-off >> text=--training tiny")
        assert not page.is_visible("#train-start")
        page.wait_for_timeout(4 * SECONDS)  # its timer would have asked twice
        assert page.locator(".toast-body").count() == 0
    with somebody(browser, local) as page:
        at_train(page)
        page.wait_for_selector("#train-start")
        assert not page.is_visible("#training-off")


def test_a_guest_keeps_a_run_across_a_reload_and_others_cannot_touch_it(browser, tiny):
    with somebody(browser, tiny) as ann, somebody(browser, tiny) as bob:
        at_train(ann)
        ann.click("#train-start")
        ann.wait_for_selector("#train-status .badge >> text=/^Done$/")
        ann.reload()
        at_train(ann)
        ann.wait_for_selector("#train-delete")
        assert ann.is_visible("#train-notes")
        bob.reload()
        at_train(bob)
        bob.wait_for_selector("#train-status .badge >> text=/^Done$/")
        bob.wait_for_selector("#train-samples img")
        assert not bob.is_visible("#train-delete")
        assert not bob.is_visible("#train-notes")
        ann.click("#train-delete")
        ann.click("#train-yes")
        ann.wait_for_selector("#train-empty .train-empty")


def login(page, password):
    page.get_by_label("username").fill("ann")
    page.get_by_label("password").fill(password)
    page.get_by_role("button", name="Login").click()


def test_a_password_opens_page_and_live_video(browser, closed):
    with somebody(browser, closed, allowed=("400",)) as page:
        login(page, "wrong")
        page.wait_for_selector("text=/incorrect/i")
        assert page.get_by_role("tab").count() == 0
    with somebody(browser, closed) as page:
        login(page, "secret")
        page.wait_for_selector("#photo")
        answer = page.evaluate(
            """() => new Promise((done) => {
                const socket = new WebSocket(location.origin.replace('http', 'ws') + '/live/ws');
                socket.onopen = () => socket.send('{');
                socket.onmessage = (message) => done(message.data);
                socket.onerror = () => done('refused');
            })"""
        )
        assert "error" in answer
