"""Every tab for people who use a keyboard, a screen reader, a dark page, a narrow or an enlarged one: axe in a real
Chromium, and paths that are gone by keys alone."""

from __future__ import annotations

from contextlib import suppress

import pytest
from browsing import SCRIPTS_RUN, SECONDS, comes_to_rest, jpeg, watched
from made_runs import make_run
from serving import serve
from tiny_digits import write_digits, write_judge

from dtn_core.training.runs import launcher, status

pytestmark = [pytest.mark.e2e, pytest.mark.reliability]

LOOKS = [(theme, width) for width in (1280, 390) for theme in ("light", "dark")]
AXE = """() => axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"],
}).then(({ violations }) => violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).flatMap(
    ({ id, nodes }) => nodes.map(({ target, html, failureSummary }) => [id, String(target), html, failureSummary])))"""

MOVING = """() => [...document.querySelectorAll("main *")].filter((one) => one.getAnimations().length
    || parseFloat(getComputedStyle(one).transitionDuration) > 0).map((one) => one.outerHTML.slice(0, 80))"""

DRAWN = ".editor:not([hidden]) .editor-avatar[src^='data:image/svg']"
LIVE = "document.querySelector('#live-stage .live').closest('[data-live]')?.live"


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
    """Asks for less motion: there are no transitions then, in whose middle colours would be measured."""
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
            found.extend((state, theme, width, "moves", one) for one in page.evaluate(MOVING))
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
    page.wait_for_selector("#compare img", state="attached")


PANELS_OF = """(name) => document.querySelector("#train-status h3")?.textContent === name
    && document.querySelector("#train-notes textarea")?.value === "First try."
    && document.querySelector("#train-export input")?.value"""
"""Whether the panels around the status of a run are those of that run, too: they come after it."""


def at_run(page, name="00100-one"):
    tab(page, "Train")
    page.click(f"[data-run='{name}']")
    page.wait_for_function(PANELS_OF, arg=name)
    page.wait_for_selector("#train-samples img")
    page.wait_for_selector("#train-curves svg")


FOCUSED = """() => {
    const here = document.activeElement;
    if (here === document.body) return null;
    const lit = (one) => one && getComputedStyle(one).outlineStyle !== "none" && getComputedStyle(one).opacity > 0;
    const { width, bottom, top } = here.getBoundingClientRect();
    return {
        name: (here.ariaLabel || here.labels?.[0]?.textContent || here.textContent || here.value
            || here.querySelector("img")?.alt || "").trim(),
        role: here.role || here.tagName,
        lit: Boolean(lit(here) || lit(here.nextElementSibling) || lit(here.parentElement)),
        seen: width > 0 && bottom > 0 && top < innerHeight,
    };
}"""


def focused(page):
    """What has the focus, None at the end of the page. The outline and the scrolling to it may come some frames later:
    it waits for both, and returns it as it is where they don't come."""
    from playwright.sync_api import TimeoutError

    with suppress(TimeoutError):
        page.wait_for_function(f"() => {{ const at = ({FOCUSED})(); return !at || at.lit && at.seen; }}", timeout=5000)
    return page.evaluate(FOCUSED)


def walk(page, most=120):
    """What the Tab key comes by, from the top of the page to its end."""
    page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur(); }")
    page.mouse.click(2, 2)
    stops = []
    for _ in range(most):
        page.keyboard.press("Tab")
        now = focused(page)
        if now is None:
            return stops
        stops.append(now)
    raise AssertionError(f"no end after {most}: {stops[-5:]}")


def reach(page, selector, key="Tab", most=90):
    """Press a key until something has the focus, which can be seen."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            stop = focused(page)
            assert stop["lit"], stop
            assert stop["seen"], stop
            return
    raise AssertionError(f"{selector} can't be reached by {key}")


def wait_for_announcement(page, words):
    """Wait until a screen reader has been told something."""
    page.wait_for_function("words => document.querySelector('.live-region').textContent.endsWith(words)", arg=words)


@pytest.mark.parametrize("name", ["Emojify", "Digits", "Evidence", "Train"])
def test_the_focus_is_seen_and_never_caught(page, name):
    if name == "Train":
        at_run(page)
    elif name == "Evidence":
        tab(page, name)
        page.wait_for_selector("#evidence-gallery figure, #evidence-gallery .quiet")
    elif name == "Emojify":
        draw(page)
    else:
        tab(page, name)
    stops = walk(page)
    page.wait_for_selector("[role=listbox]", state="detached")
    assert len(stops) > 15
    assert [stop for stop in stops if not (stop["lit"] and stop["seen"])] == []
    assert [stop for stop in stops if stop["name"] in ("", "Dropdown")] == []
    assert (
        page.evaluate("[...document.querySelectorAll('[tabindex]')].filter(({ tabIndex }) => tabIndex > 0).length") == 0
    )


def test_an_emoji_by_keys(page):
    reach(page, ".photo-example")
    page.keyboard.press("Enter")
    page.wait_for_selector(DRAWN)
    wait_for_announcement(page, "1 face found: the emoji is ready.")
    reach(page, ".editor-tabs [aria-selected=true]")
    page.keyboard.press("Home")
    page.wait_for_selector("[data-page=expression][aria-selected=true]")
    reach(page, ".previews input")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("[data-do=undo]:not(:disabled)")
    reach(page, "[data-do=png]")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "emoji-1.png"
    reach(page, ".style", "Shift+Tab")
    chosen = page.get_attribute(".style[aria-checked=true]", "data-key")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "chosen => document.activeElement.ariaChecked === 'true' && document.activeElement.dataset.key !== chosen",
        arg=chosen,
    )
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(f".style[aria-checked=true][data-key='{chosen}']")


def test_live_by_keys(page):
    reach(page, ".modes [role=tab]:nth-of-type(2)")
    comes_to_rest(page, lambda: page.keyboard.press("Enter"))  # a tab that is still being laid out stops the camera
    reach(page, ".live-invite [data-do=toggle]")
    page.keyboard.press("Enter")
    page.wait_for_function(f"{LIVE}?.faces[0]?.avatar")
    reach(page, ".live-edits button")
    page.evaluate("() => { document.querySelector('.live-edits').dataset.ids = 'others'; }")  # as if the people changed
    page.wait_for_function("() => document.querySelector('.live-edits').dataset.ids !== 'others'")
    assert page.evaluate("document.activeElement.matches('.live-edits button')")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.matches('.live-editor .editor-tabs [aria-selected=true]')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".live-editor", state="hidden")
    assert page.evaluate("document.activeElement.matches('.live-edits button')")
    reach(page, ".live-row [data-do=toggle]", "Shift+Tab")
    page.keyboard.press("Space")
    page.wait_for_function(f"!{LIVE}.running")
    assert page.evaluate("document.activeElement.dataset.do") == "toggle"


def test_a_training_by_keys(page):
    tab(page, "Train")
    page.wait_for_selector("[data-run]")
    reach(page, "#train-task input")
    page.keyboard.press("Space")
    reach(page, "#train-preset input")
    page.keyboard.type("digits-tiny")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('#train-command textarea').value.includes('train digits-tiny')"
    )
    reach(page, "#train-steps input")
    page.keyboard.press("Control+a")
    page.keyboard.type("1000000")
    page.wait_for_function("() => document.querySelector('#train-command textarea').value.includes('steps=1000000')")
    reach(page, "#train-start")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#train-status h3')?.textContent.endsWith('digits-tiny')")
    wait_for_announcement(page, "digits-tiny: Running")
    reach(page, "#train-stop")
    page.keyboard.press("Enter")
    wait_for_announcement(page, "digits-tiny: Stopped")
    reach(page, "[data-run='00101-two']")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#train-status h3').textContent === '00101-two'")


def test_escape_gives_the_focus_back(page):
    at_run(page)
    reach(page, "#train-delete")
    page.keyboard.press("Enter")
    page.wait_for_selector("#train-yes", state="visible")
    page.keyboard.press("Escape")
    page.wait_for_selector("#train-yes", state="hidden")
    assert page.evaluate("document.activeElement.id") == "train-delete"


def test_escape_closes_the_panel_of_the_interface(browser, server):
    with watched(browser, server, allowed=("404",)) as page:  # it asks for an MCP server, which there is none of
        page.wait_for_function(SCRIPTS_RUN)
        page.focus(".show-api")
        page.keyboard.press("Enter")
        page.wait_for_selector(".api-docs")
        page.keyboard.press("Escape")
        page.wait_for_selector(".api-docs", state="detached")
        assert page.evaluate("document.activeElement.matches('.show-api')")


def test_pages_of_evidence_by_keys(page):
    tab(page, "Evidence")
    page.wait_for_selector("#evidence-gallery .quiet >> text=Page 1")
    reach(page, "#evidence-forth")
    page.keyboard.press("Enter")
    wait_for_announcement(page, "Page 2")
    assert page.evaluate("document.activeElement.id") == "evidence-forth"


CUT_OFF = """[...document.querySelectorAll("button, input, select, textarea, a, summary")].filter(
    (one) => one.offsetParent && one.getBoundingClientRect().right > innerWidth
        && getComputedStyle(one).visibility !== "hidden" && !one.closest(".live-region, [aria-hidden=true], .hide")
        && !one.closest("#choices, .editor-tabs, .editor-faces, .editor-more"))"""
"""What is cut off at the right; rows that scroll sideways are not."""


def test_enlarged_two_and_four_times_nothing_leaves_the_page(page):
    pages = page.locator(".pages > .tab-wrapper")
    for name in ("Emojify", "Digits", "Evidence", "Train"):
        page.set_viewport_size({"width": 1280, "height": 900})
        pages.get_by_role("tab", name=name, exact=True).click()
        for width in (640, 320):
            page.set_viewport_size({"width": width, "height": 450})
            page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
            page.wait_for_function(CUT_OFF + ".length === 0")
    pages.get_by_role("tab", name="Digits", exact=True).click()
    page.wait_for_selector("#digit", state="visible")


def test_pictures_say_what_they_show(page):
    draw(page)
    silent = """() => [...document.querySelectorAll("img")].filter((one) => one.offsetParent && !one.alt)
        .filter((one) => !one.closest("button, label")?.textContent.trim()).map((one) => one.outerHTML.slice(0, 80))"""
    assert page.evaluate(silent) == []
    at_run(page)
    assert page.evaluate(silent) == []
    assert page.locator("#train-curves svg[role=img]:not([aria-label])").count() == 0


def test_a_dark_page_is_what_the_theme_asks_for(browser, server):
    with watched(browser, server, color_scheme="dark") as page:
        page.wait_for_selector("body.dark")


def test_axe_a_photo(page, audit):
    audit("waiting")
    draw(page)
    page.get_by_role("radio", name="In the photo").check(force=True)
    page.click("#steps summary")
    page.click("[data-page=colours]")
    page.click("[data-do=more]")
    page.wait_for_selector(".editor-more img")
    audit("editing")
    page.get_by_label("Painted").check()
    page.wait_for_selector(".editor[data-kind='painted']")
    audit("painted")


def test_axe_live(page, audit):
    tab(page, "Live webcam")
    page.check("input[name=live-view][value=alone]", force=True)
    audit("live")
    page.click(".live-invite [data-do=toggle]")
    page.wait_for_function(f"{LIVE}?.faces[0]?.avatar")
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
    page.get_by_label("Emoji only").last.check()
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
