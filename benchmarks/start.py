"""How long a newcomer waits: ``python -m benchmarks.start [-n 3]``.

Seconds from the command to the first page, and, with a Chromium and Playwright, from a dropped photo to its avatar on
the warm page.
"""

from __future__ import annotations

import argparse
import statistics
import urllib.request
from collections.abc import Sequence
from time import perf_counter

from benchmarks import running

AVATAR = ".editor:not([hidden]) .editor-avatar[src^='data:image/svg']"
EXAMPLES = ".photo-example"


def first_page() -> float:
    """Seconds until a new app has served its page."""
    start = perf_counter()
    with running.app() as app, urllib.request.urlopen(app.url) as page:
        page.read()
        return perf_counter() - start


def photo_to_avatar(turns: int) -> list[float]:
    """Seconds from each of some photos to its avatar in a browser, after a first one that warms up."""
    from playwright.sync_api import sync_playwright

    seconds = []
    with running.app() as app, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=running.chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(app.url)
        page.wait_for_selector(EXAMPLES)
        for turn in range(turns + 1):
            start = perf_counter()
            page.locator(EXAMPLES).nth(turn % 2).click()
            page.wait_for_selector(AVATAR)
            if turn:
                seconds.append(perf_counter() - start)
            page.click(".photo-clear")
            page.wait_for_selector(AVATAR, state="hidden")
        browser.close()
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=3, help="how often (default 3); the medians are printed")
    n = parser.parse_args(argv).n
    print(f"first page: {statistics.median(first_page() for _ in range(n)):.1f} s after the command (n = {n})")
    if running.chromium():
        print(f"photo to avatar: {statistics.median(photo_to_avatar(n)):.2f} s (n = {n})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
