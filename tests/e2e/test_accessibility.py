"""Every tab for people who use a keyboard, a screen reader, a dark page, a narrow or an enlarged one: axe in a real
Chromium, and paths that are gone by keys alone."""

from __future__ import annotations

import pytest
from browsing import SCRIPTS_RUN, SECONDS, jpeg, watched
from made_runs import make_run
from serving import serve
from tiny_digits import write_digits, write_judge

from dtn_core.training import launcher, status

pytestmark = [pytest.mark.e2e, pytest.mark.reliability]

LOOKS = [(theme, width) for width in (1280, 390) for theme in ("light", "dark")]
AXE = """() => axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"],
}).then(({ violations }) => violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).flatMap(
    ({ id, nodes }) => nodes.map(({ target, html, failureSummary }) => [id, String(target), html, failureSummary])))"""

DRAWN = ".editor:not([hidden]) .editor-avatar[src^='data:image/svg']"
LIVE = "document.querySelector('#live-stage .live').closest('[data-live]').live"


@pytest.fixture(scope="module")
def server(browser, drawing_checkpoint, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    flags = "--digits", write_digits(home / "tiny-digits"), "--judge", write_judge(home / "tiny-judge")
    runs = home / "runs"
    make_run(runs, "00100-one", "folders-cpu", exports=(200,), notes="First try.", s="a", t="b")
    make_run(runs, "00101-two", "folders-cpu", step=200, ended="failed", alpha=9.0, s="a", t="b")
    with serve(drawing_checkpoint, home, *flags, "--runs", runs) as running:
        yield running
    for path in status.runs_in(runs):
        if status.is_alive(path):
            launcher.force_stop(path)


@pytest.fixture
def page(browser, server):
    """Without transitions, in whose middle colours would be measured."""
    with watched(browser, server, 1280, 900, permissions=["camera"], reduced_motion="reduce") as opened:
        opened.set_default_timeout(60 * SECONDS)
        opened.wait_for_selector(".photo-stage")
        opened.wait_for_function(SCRIPTS_RUN)
        yield opened


@pytest.fixture
def audit(page):
    """Looks at the page as it stands, light and dark, wide and narrow; at the end: nothing serious was found."""
    base = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    page.evaluate(base.AXE_SCRIPT)
    found, seen = [], []

    def look(state):
        for theme, width in LOOKS:
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
            found.extend((state, theme, width, *violation) for violation in page.evaluate(AXE))
            seen.append((state, theme, width))
        page.set_viewport_size({"width": 1280, "height": 900})

    yield look
    assert len(seen) >= len(LOOKS)
    assert found == [], "\n".join(map(str, found))


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def draw(page):
    page.click(".photo-example >> nth=0")
    page.wait_for_selector(DRAWN)
    page.wait_for_selector("#compare img")


def at_run(page, name="00100-one"):
    tab(page, "Train")
    page.click(f"[data-run='{name}']")
    page.wait_for_function("name => document.querySelector('#train-status h3')?.textContent === name", arg=name)
    page.wait_for_selector("#train-samples img")


def test_a_dark_page_is_what_the_theme_asks_for(browser, server):
    with watched(browser, server, color_scheme="dark") as page:
        page.wait_for_selector("body.dark")


def test_axe_a_photo(page, audit):
    audit("waiting")
    draw(page)
    audit("drawn")
    tab(page, "In the photo")
    page.click("[data-page=colours]")
    page.click("[data-do=more]")
    page.wait_for_selector(".editor-more img")
    audit("editing")
    page.get_by_label("Painted").check()
    page.wait_for_selector(".result .emoji.painted img")
    page.focus(".style[aria-checked=true]")
    audit("painted, a credit shown")


def test_axe_live(page, audit):
    tab(page, "Live webcam")
    page.check("input[name=live-view][value=alone]", force=True)
    audit("live")
    page.click(".live-invite [data-do=toggle]")
    page.wait_for_function(f"{LIVE}.faces.length && {LIVE}.faces[0].avatar")
    page.click(".live-edits button")
    page.wait_for_selector(".live-editor .editor-tabs [role=tab]")
    audit("live, running")
    page.get_by_label("Painted").check()
    page.wait_for_selector("#live-painted", state="visible")
    audit("live, painted")


def test_axe_many_photos_and_a_video(page, audit, hopper):
    tab(page, "Many photos")
    files = {"one.jpg": jpeg(hopper), "two.jpg": b"no picture"}
    chosen = [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in files.items()]
    page.set_input_files("#batch .photo-file", chosen)
    page.locator("#batch .photo-progress span", has_text="2 of 2 · done").wait_for()
    audit("many photos")
    tab(page, "Video")
    page.get_by_label("Alone").last.check()
    audit("video")


def test_axe_digits(page, audit):
    tab(page, "Digits")
    page.click("#numbers button >> nth=0")
    page.wait_for_selector("#reading .sides")
    audit("digits")


def test_axe_evidence(page, audit):
    tab(page, "Evidence")
    page.wait_for_selector("#evidence-figures table")
    page.wait_for_selector("#evidence-gallery figure, #evidence-gallery .quiet")
    audit("evidence")


def test_axe_training(page, audit):
    at_run(page)
    audit("a run")
    page.click("#train-other input")
    page.get_by_role("option", name="00101-two", exact=True).click()
    page.wait_for_selector("#train-curves .line-b")
    page.get_by_text("My own two folders", exact=True).click()
    page.wait_for_selector("#train-s textarea")
    page.click("text=More settings")
    page.click("text=All settings")
    page.click("#train-check")
    page.wait_for_selector("#train-answer .message.error")
    audit("two runs, and the whole form")
