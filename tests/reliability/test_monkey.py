"""Random hands on the page, in short; and what they'd find is found."""

from __future__ import annotations

import pytest
from serving import serve

from . import monkey

pytestmark = [pytest.mark.reliability, pytest.mark.e2e]


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    with serve("emoji", tmp_path_factory.mktemp("home"), "--training", "off", calm=False) as app:
        yield app


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return monkey.portraits(tmp_path_factory.mktemp("given"))


def test_nothing_that_is_done_at_random_breaks_the_page(browser, server, files):
    report = monkey.measure(server, browser, 40, 0, files)
    assert report["wrong"] == ""
    assert report["actions"] >= 40


def test_of_gradios_errors_only_that_of_a_page_that_was_left_is_let_through():
    error = "ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  in {}\n"
    assert monkey.tracebacks("listens\n" + error.format("sse_stream")) == []
    (result,) = monkey.tracebacks("listens\n" + error.format("sse_stream") + error.format("emojify"))
    assert "emojify" in result
    assert monkey.tracebacks("listens\nTraceback (most recent call last):") != []


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("setTimeout(() => { throw new Error('broken') })", "page error: Error: broken"),
        ("console.error('bad news')", "console: bad news"),
        ("fetch('http://127.0.0.1:9/').catch(() => {})", "request: http://127.0.0.1:9/"),
        (
            "const wide = document.createElement('div'); wide.style.cssText = 'width: 3000px; height: 9px'; "
            "document.body.append(wide)",
            "something sticks out by",
        ),
        (
            "setInterval(() => fetch('/gradio_api/queue/join', { method: 'POST', body: '{\"fn_index\": 0}' }), 50)",
            "the page goes on asking",
        ),
    ],
)
def test_errors_name_the_action(harm, words, browser, server, files, monkeypatch):
    monkeypatch.setattr(monkey, "REST", 3)
    with monkey.opened(browser, server, 0, files) as hands:
        hands.done.append("click it")
        hands.page.route("**/queue/join", lambda route: route.fulfill(json={}))  # of the harm; the page's have a query
        hands.page.evaluate(f"() => {{ {harm}; }}")
        with pytest.raises(AssertionError, match="(?s)" + words + ".*after:.*click it"):
            hands.look()
