"""Make README's pictures of the app: python tests/e2e/screenshot.py [CHECKPOINT] [--tab Digits] [-o FILE.png]

The tab Train shows the newest run of --runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path[:0] = map(str, Path(__file__).resolve().parents[1:3])  # tests/ and the repository
from browsing import CHROMIUM  # noqa: E402
from serving import ROOT, serve  # noqa: E402


def main():
    """Start the app, give a tab its first example, and photograph the page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("checkpoint", nargs="?", default="emoji")
    parser.add_argument("--tab", choices=("Emojify", "Digits", "Evidence", "Train"), default="Emojify")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "assets" / "screenshot.png")
    flags = parser.parse_args()
    home = tempfile.TemporaryDirectory()
    (Path(home.name) / "runs").symlink_to(flags.runs.resolve())  # the picture shows no path of this computer
    with home, serve(flags.checkpoint, Path(home.name), "--runs", "runs") as server, sync_playwright() as pw:
        browser = pw.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1640 if flags.tab == "Train" else 800})
        page.goto(server.url)
        page.wait_for_timeout(8000)  # what loads late does so once the page is opened
        page.get_by_role("tab", name=flags.tab).click()
        example, result = {
            "Emojify": (".photo-example", ".editor:not([hidden]) .preview[src]"),
            "Digits": ("#numbers button", "#reading .sides"),
            "Evidence": ("", "#evidence-near img"),
            "Train": ("", "#train-samples img"),
        }[flags.tab]
        if example:
            page.click(f"{example} >> nth=0")
        page.wait_for_selector(result)
        page.wait_for_timeout(1500)
        page.mouse.move(2, 2)  # no tile is highlighted
        page.screenshot(path=flags.output, full_page=flags.tab in ("Digits", "Evidence"))
        browser.close()


if __name__ == "__main__":
    main()
