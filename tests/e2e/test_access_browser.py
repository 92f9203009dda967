"""Who may do what, in a real headless Chromium: a guest behind a proxy, a guest who trains, and a password."""

from __future__ import annotations

import pytest
from browsing import SECONDS, watched
from serving import serve
from tiny_digits import write_digits, write_judge

from dtn_core.training.runs import launcher, status

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


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


def at_train(page):
    page.get_by_role("tab", name="Train").click()


def test_behind_a_proxy_the_tab_is_off(browser, local):
    with watched(browser, local, extra_http_headers={"X-Forwarded-For": "203.0.113.7"}) as page:
        at_train(page)
        page.wait_for_selector("#training-off >> text=--training tiny")
        assert not page.is_visible("#train-start")
        page.wait_for_timeout(4 * SECONDS)  # its timer would have asked twice
        assert page.locator(".toast-body").count() == 0
    with watched(browser, local) as page:
        at_train(page)
        page.wait_for_selector("#train-start")
        assert not page.is_visible("#training-off")


def test_a_guest_keeps_a_run_across_a_reload_and_others_cannot_touch_it(browser, tiny):
    with watched(browser, tiny) as ann, watched(browser, tiny) as bob:
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
    with watched(browser, closed, allowed=("400",)) as page:
        login(page, "wrong")
        page.wait_for_selector("text=/incorrect/i")
        assert page.get_by_role("tab").count() == 0
    with watched(browser, closed) as page:
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
