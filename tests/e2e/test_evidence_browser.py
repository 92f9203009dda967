"""The tab Evidence in a real headless Chromium: figures, a gallery to page, two side by side, downloads, and a tiny
suite that is cancelled and goes on."""

from __future__ import annotations

import csv
import io
import re

import pytest
from browsing import SCRIPTS_RUN, comes_to_rest
from PIL import Image as PILImage
from serving import serve
from test_train_browser import open_page
from tiny_digits import write_digits, write_judge

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(browser, tiny_checkpoint, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    flags = "--digits", write_digits(home / "tiny-digits"), "--judge", write_judge(home / "tiny-judge")
    with serve(tiny_checkpoint, home, *flags) as running:
        yield running


def at_evidence(page):
    page.wait_for_selector(".photo-stage")
    assert page.locator("#evidence-figures table").count() == 0  # nothing before it is opened
    page.get_by_role("tab", name="Evidence").click()
    page.wait_for_selector("#evidence-figures table")
    page.wait_for_selector("#evidence-gallery figure, #evidence-gallery .quiet")


@pytest.fixture
def page(browser, server):
    with open_page(browser, server, opened=at_evidence) as opened:
        yield opened


def choose(page, field, option):
    page.evaluate("scrollTo(0, 0)")
    page.click(f"{field} input")
    page.get_by_role("option", name=option, exact=True).click()
    page.wait_for_selector(f"#evidence-heads .evidence-heads h3 >> text=/^{re.escape(option)}$/")


def test_figures_gallery_and_downloads(page):
    choose(page, "#evidence-chosen", "digits")
    shown = page.inner_text("#evidence-figures")
    assert "Table 1: G(s) classified correctly, %" in shown
    assert "90.66" in shown
    assert "n = 1181" in shown
    page.wait_for_selector("#evidence-charts .chart.map path.mark-g")
    alt = page.get_attribute("#evidence-charts .chart svg >> nth=0", "aria-label")
    assert alt.startswith("Reliability of f reads s.")
    page.wait_for_selector("#evidence-gallery .numbers img")
    first = page.get_attribute("#evidence-gallery img >> nth=0", "src")
    page.click("#evidence-forth")
    page.wait_for_selector("#evidence-gallery >> text=Page 2, seed 1")
    assert page.get_attribute("#evidence-gallery img >> nth=0", "src") != first
    page.click("#evidence-back")
    page.wait_for_selector("#evidence-gallery >> text=Page 1, seed 0")
    assert page.get_attribute("#evidence-gallery img >> nth=0", "src") == first
    with page.expect_download() as download:
        page.click("#evidence-links >> text=CSV")
    assert download.value.suggested_filename == "evidence-digits.csv"
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    dtn = next(row for row in rows if row["row"] == "DTN" and row["column"] == "paper")
    assert (dtn["value"], dtn["n"]) == ("90.66", "1181")
    assert re.fullmatch(r"[0-9a-f]{12}", dtn["hash"])
    with page.expect_download() as download:
        page.click("#evidence-links >> text=PNG")
    with PILImage.open(download.value.path()) as sheet:
        assert sheet.width == 1280
        assert len(sheet.convert("L").getcolors()) > 20


def test_it_opens_on_the_style_chosen_in_emojify(browser, server):
    def pick_and_open(page):
        page.wait_for_selector(".photo-stage")
        page.wait_for_function(SCRIPTS_RUN)
        page.get_by_role("tab", name="Live webcam").click()  # the home page offers no styles yet
        page.get_by_role("radio", name="Lorelei", exact=True).click()
        page.get_by_role("tab", name="Evidence").click()
        page.wait_for_selector("#evidence-heads .evidence-heads h3 >> text=/^lorelei$/")

    with open_page(browser, server, opened=pick_and_open) as page:
        assert page.input_value("#evidence-chosen input") == "lorelei"


def test_two_side_by_side(page):
    choose(page, "#evidence-chosen", "encoder")
    choose(page, "#evidence-beside", "encoder-drawn")
    head = page.locator("#evidence-figures table >> nth=0").locator("thead th").all_inner_texts()
    assert head == ["encoder", "encoder-drawn"]
    page.wait_for_selector("#evidence-charts .line-b polyline")
    page.wait_for_selector("#evidence-gallery h3 >> text=encoder-drawn")
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("() => document.documentElement.scrollWidth <= 390")


def test_the_last_request_wins(page):
    def ask():
        for name in ("digits", "encoder", "digits"):
            page.click("#evidence-chosen input")
            page.get_by_role("option", name=name, exact=True).click()
        page.click("#evidence-forth")

    comes_to_rest(page, ask)
    assert page.inner_text("#evidence-heads .evidence-heads h3") == "digits"
    assert page.locator("#evidence-gallery h3").all_inner_texts() == ["digits"]
    page.wait_for_selector("#evidence-gallery .numbers img")
    turned = page.inner_text("#evidence-gallery .quiet")
    comes_to_rest(page, lambda: page.click("#evidence-forth"))
    assert page.inner_text("#evidence-gallery .quiet") != turned


def test_a_tiny_suite_is_cancelled_and_resumed(page):
    def reach(*states):
        """Wait for one of the states: a quick machine may be done before it is cancelled."""
        return page.wait_for_selector(", ".join(f"#evidence-progress [data-state={state}]" for state in states))

    page.click("#evidence-run")
    reach("running", "done")
    page.evaluate("document.querySelector('#evidence-cancel').click()")
    if reach("cancelled", "done").get_attribute("data-state") == "cancelled":
        assert "Run it again to resume" in page.inner_text("#evidence-progress")
        page.click("#evidence-run")
    reach("done")
    assert "3 not in t" in page.inner_text("#evidence-progress table >> nth=-1")
