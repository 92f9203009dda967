"""The app in a real headless Chromium whose webcam plays a real portrait. Nothing may reach the network or
the disk, and the browser's console must stay free of errors."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from contextlib import contextmanager
from urllib.parse import unquote

import numpy as np
import pytest
from browsing import SCRIPTS_RUN, SECONDS, chromium, comes_to_rest, jpeg, pick, watched
from PIL import Image as PILImage

from dtn_core.avatars import engine
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.data.drawn_digits import draw_many
from dtn_core.ui.components import html

pytestmark = pytest.mark.e2e


@contextmanager
def open_page(browser, server, width=1280, **options):
    """The app in a fresh tab; at the end: no error, no request to elsewhere, nothing written."""
    with watched(browser, server, width, 900, permissions=["camera"], **options) as page:
        page.set_default_timeout(30 * SECONDS)
        page.wait_for_selector(".photo-stage")
        page.wait_for_function(SCRIPTS_RUN)
        files, writes = server.files(), server.writes()
        yield page
    time.sleep(0.3)
    assert server.files() == files
    assert [line for line in server.writes()[len(writes) :] if not line.startswith("os.mkdir")] == []


@pytest.fixture
def page(browser, server):
    with open_page(browser, server) as opened:
        yield opened


@pytest.fixture
def digits(page):
    """The page at its tab of digits."""
    return at_digits(page)


def picture(page, selector, attribute="src"):
    """The picture that an <img> shows, or a link holds, by a data URL."""
    url = page.get_attribute(selector, attribute)
    return np.asarray(PILImage.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


PAINTED = ".editor:not([hidden])[data-kind='painted'] .editor-avatar[src^='data:image/png']"
DRAWN = ".editor:not([hidden])[data-kind='drawn'] .editor-avatar[src^='data:image/svg']"


def emoji_of(page):
    """The picture to download of the emoji on the page, waiting for it: (512, 512, 4), or painted (256, 256, 4)."""
    page.wait_for_selector(f"{PAINTED}, {DRAWN}")
    return np.asarray(PILImage.open(saved(page, "png")))


def press(page, button):
    """Press a button of the editor; some are in a menu."""
    button = page.locator(f"#editor [data-do='{button}']").first
    if button.evaluate("one => Boolean(one.closest('details:not([open])'))"):
        page.click("#editor .editor-formats summary")
    button.click()


def saved(page, button):
    """The path of what a button of the editor saves."""
    with page.expect_download() as download:
        press(page, button)
    assert download.value.suggested_filename == f"emoji-1.{button}"
    return download.value.path()


def captions(page):
    return [caption.split()[0] for caption in page.locator("#steps figcaption").all_text_contents()]


def eventually(page, condition, seconds=20):
    """Wait for what the page can't be asked to wait for. Fails if it doesn't come true."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"not true within {seconds} s"
        page.wait_for_timeout(100)


def red_edge(page):
    """On which side of the live picture the webcam's red edge is."""
    page.wait_for_selector("#shown img[src^='data:image/jpeg']")
    shown = picture(page, "#shown img")
    red = shown[..., 0].astype(int) - shown[..., 1]
    return "left" if red[:, :40].mean() > red[:, -40:].mean() else "right"


def start_stream(page):
    """The stream of painted emoji; drawn avatars are in test_live_browser.py."""
    page.get_by_role("tab", name="Live webcam").click()
    page.get_by_label("Painted", exact=True).check()
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#camera button", has_text="Start").click()


def hand_over(page, path, kind="paste"):
    """Paste a picture file into the page, or drop it beside everything that takes one; returns whether the browser
    would go on to open it by itself."""
    return page.evaluate(
        """([text, kind]) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "pasted.jpg", { type: "image/jpeg" }));
            const options = { clipboardData: data, dataTransfer: data, bubbles: true, cancelable: true };
            const event = kind === "paste" ? new ClipboardEvent(kind, options) : new DragEvent(kind, options);
            return document.querySelector(".masthead").dispatchEvent(event);
        }""",
        [base64.b64encode(path.read_bytes()).decode(), kind],
    )


@pytest.mark.smoke
def test_upload_shows_every_step_and_downloads(page, hopper_path, drawing, hopper):
    page.set_input_files(".photo-file", hopper_path)
    emoji = emoji_of(page)
    assert emoji.shape == (512, 512, 4)
    assert captions(page) == ["Detected", "Aligned", "Painted", "Refined", "Drawn"]
    page.click("#steps summary")
    assert "detect" in page.inner_text("#steps .timing")
    assert page.evaluate(f'document.querySelector("{DRAWN}").naturalWidth') > 0, "the SVG isn't shown"
    (face,) = drawing(hopper).faces
    assert page.locator("#editor .chosen li").count() == len(face.avatar.confidences)
    assert "Pablo Stanley" in page.inner_text("#editor .credit")
    assert (emoji == face.avatar.image(512)).all()
    assert saved(page, "svg").read_text() == face.avatar.svg()
    assert Parameters.from_json(saved(page, "json").read_text()) == face.avatar.parameters
    assert PILImage.open(saved(page, "webp")).size == (512, 512)


def avatar_of(page):
    """The parameters that the editor has of the first face."""
    kept = page.evaluate("sessionStorage.getItem('dtn-avatars')")
    return Parameters.from_dict(json.loads(kept)["faces"][0]["parameters"])


def redrawn(page, do):
    """Does something, and waits for another picture."""
    before = page.get_attribute(DRAWN, "src")
    do()
    page.wait_for_function("b => document.querySelector('.editor-avatar').src !== b", arg=before)


def shown_pixels(page):
    return engine.raster(unquote(page.get_attribute(DRAWN, "src").partition(",")[2]), 256)


def test_an_avatar_is_edited_saved_and_opened_again(page, hopper_path, tmp_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    page.click("#editor [data-page=top]")
    redrawn(page, lambda: pick(page, "input[name='slot:top'][value=bob]"))
    chosen = avatar_of(page)
    page.wait_for_timeout(1500)  # until the other views follow
    compared = page.get_attribute("#compare img >> nth=1", "src")
    # The colour of the hair, by keyboard alone.
    page.locator("#editor [role=tab][aria-selected=true]").focus()
    while page.evaluate("document.activeElement.dataset.page") != "colours":
        page.keyboard.press("ArrowRight")
    while page.evaluate("document.activeElement.name") != "colour:hair":
        page.keyboard.press("Tab")
    redrawn(page, lambda: page.keyboard.press("ArrowRight"))
    dyed = avatar_of(page)
    assert dyed.variants == chosen.variants
    assert {name for name, code in dyed.colours.items() if code != chosen.colours[name]} == {"hair"}
    assert "hair colour" in page.inner_text("#editor .editor-left .editor-status")
    page.wait_for_function("b => document.querySelector('#compare img + img').src !== b", arg=compared)
    # A variation, picked and undone.
    page.click("#editor [data-do=more]")
    page.wait_for_selector("#editor .editor-more img")
    assert page.locator("#editor .editor-more button").count() == 6
    redrawn(page, lambda: page.locator("#editor .editor-more button").nth(2).click())
    taken = avatar_of(page)
    assert taken.variants != dyed.variants
    assert taken.variants["top"] == "bob"
    assert taken.colours["hair"] == dyed.colours["hair"], "what was edited stays"
    redrawn(page, lambda: page.click("#editor [data-do=undo]"))
    assert avatar_of(page) == dyed
    redrawn(page, lambda: page.click("#editor [data-do=redo]"))
    assert avatar_of(page) == taken
    redrawn(page, lambda: page.keyboard.press("Control+z"))
    # The SVG is the page's picture.
    assert (engine.raster(saved(page, "svg").read_text(), 256) == shown_pixels(page)).all()
    file = tmp_path / "avatar.json"
    file.write_text(saved(page, "json").read_text())
    # A reload keeps it, and so does the file.
    page.reload()
    page.wait_for_selector(DRAWN)
    assert avatar_of(page) == dyed
    redrawn(page, lambda: page.click("#editor [data-do=reset]"))
    assert avatar_of(page).colours["hair"] == chosen.colours["hair"]
    assert page.locator("#editor [data-do=reset]").is_disabled()
    redrawn(page, lambda: page.set_input_files(".editor-file", file))
    assert avatar_of(page) == dyed
    assert (engine.raster(engine.svg(dyed), 256) == shown_pixels(page)).all()


def test_an_avatar_is_copied(browser, server, hopper_path, drawing, hopper):
    with open_page(browser, server) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.set_input_files(".photo-file", hopper_path)
        page.wait_for_selector(DRAWN)
        page.click("#editor [data-do=copy]")
        page.locator("#editor .editor-left .editor-status", has_text="Copied").wait_for()
        data = page.evaluate("""async () => {
            const [item] = await navigator.clipboard.read();
            const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
            return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        }""")
        copied = np.asarray(PILImage.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))
        wanted = drawing(hopper).faces[0].avatar.image(512)
        solid = wanted[..., 3] == 255  # the clipboard may change the colour of what is half transparent
        assert (copied[solid] == wanted[solid]).all()


def test_every_slot_by_keyboard(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    reached = []
    page.locator("#editor [role=tab][aria-selected=true]").focus()
    page.keyboard.press("Home")
    for _ in range(page.locator("#editor [role=tab]").count()):
        name = page.evaluate("document.activeElement.dataset.page")
        page.keyboard.press("Tab")
        redrawn(page, lambda: page.keyboard.press("ArrowRight"))
        reached.append(name)
        while not page.evaluate("document.activeElement.dataset.page"):  # colours may have come between
            page.keyboard.press("Shift+Tab")
        page.keyboard.press("ArrowRight")
    assert set(reached) == {*SPECS["avataaars"].slots, "expression", "colours", "shape"}


def test_edits_survive_another_style_and_painting(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    page.click("#editor [data-page=colours]")
    redrawn(page, lambda: page.locator("input[name='colour:clothes']").last.check(force=True))
    colour = avatar_of(page).colours["clothes"]
    page.get_by_label("Painted", exact=True).check()
    page.wait_for_selector(PAINTED)
    assert page.locator("#editor .editor-tabs").is_hidden()
    page.get_by_label("Drawn", exact=True).check()
    page.wait_for_selector(DRAWN)
    assert avatar_of(page).colours["clothes"] == colour
    choose_style(page, "ToonHead")
    page.locator("#editor .credit", has_text="Johan Melin").wait_for()
    assert avatar_of(page).style == "toon-head"
    assert avatar_of(page).colours["clothes"] == colour


def test_bad_avatars_get_a_message_and_nothing_is_lost(page, hopper_path, tmp_path):
    file = tmp_path / "bad.json"
    for text, words in (("{", "not JSON"), ('{"style": "avataaars", "version": 9}', "avatar format 9")):
        file.write_text(text)
        page.set_input_files(".editor-file", file)
        page.locator("#editor > div > .editor-status, #editor .editor-status", has_text=words).first.wait_for()
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    before = avatar_of(page)
    file.write_text("x" * 10_000_000)
    page.set_input_files(".editor-file", file)
    page.locator("#editor .editor-left .editor-status", has_text="10.0 MB is too large").wait_for()
    assert avatar_of(page) == before


BOXES = """() => [".editor-avatar", ".download"].map((selector) => {
    const { left, top, right, bottom } = document.querySelector(`#editor ${selector}`).getBoundingClientRect();
    return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
})"""


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800), (390, 844)])
def test_the_avatar_and_its_download_are_seen_without_scrolling(browser, server, hopper_path, width, height):
    with open_page(browser, server, width=width) as page:
        page.set_viewport_size({"width": width, "height": height})
        page.set_input_files(".photo-file", hopper_path)
        page.wait_for_selector(DRAWN)
        page.wait_for_function("() => !document.querySelector('#photo-mode').matches(':has(.pending)')")
        assert page.evaluate("scrollY") == 0
        assert page.evaluate(BOXES) == [True, True]


def test_the_avatar_stays_in_view_on_a_phone(browser, server, hopper_path):
    with open_page(browser, server, width=390) as page:
        page.set_input_files(".photo-file", hopper_path)
        page.wait_for_selector(DRAWN)
        page.evaluate("scrollTo(0, 700)")
        page.wait_for_selector(".editor-top.small")
        page.wait_for_function(f"() => ({BOXES})().every(Boolean)")
        height = "document.querySelector('.editor-avatar').getBoundingClientRect().height"
        assert page.evaluate(height) <= 120


def test_hat_colours_are_offered_with_a_hat_only(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    page.click("#editor [data-page=top]")
    redrawn(page, lambda: pick(page, "input[name='slot:top'][value=bob]"))
    page.wait_for_selector("input[name='colour:hat']", state="detached")
    redrawn(page, lambda: pick(page, "input[name='slot:top'][value=hat]"))
    page.wait_for_selector("input[name='colour:hat']", state="attached")


def test_the_switch_between_drawn_and_painted(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    emoji_of(page)
    pasted = "#compare img >> nth=1"
    page.wait_for_selector("#compare img[src^='data:image/jpeg']", state="attached")
    shown = {page.get_attribute("#compare img >> nth=0", "src"), page.get_attribute(pasted, "src")}
    page.get_by_label("Painted", exact=True).check()
    page.wait_for_selector(PAINTED)
    assert captions(page) == ["Detected", "Aligned", "Painted", "Refined"]
    assert emoji_of(page).shape == (256, 256, 4)
    assert {page.get_attribute("#compare img >> nth=0", "src"), page.get_attribute(pasted, "src")} != shown
    page.get_by_label("Drawn", exact=True).check()
    page.wait_for_selector(DRAWN)


def test_a_painted_only_style_is_described(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    emoji_of(page)
    choose_style(page, "Cartoon Set")
    page.get_by_label("Painted only").wait_for()
    page.wait_for_selector(PAINTED)
    assert "Google" in page.inner_text("#editor .credit")
    choose_style(page, "drawing")
    page.wait_for_selector(DRAWN)
    assert page.get_by_label("Drawn", exact=True).is_checked()
    assert page.get_by_label("Painted only").count() == 0


def choose_style(page, words):
    more = page.locator(".more-styles")
    if more.is_visible() and words in ("Cartoon Set", "Screen print"):
        more.click()
    page.get_by_role("radio", name=words, exact=True).click()


def test_styles_are_picked_by_thumbnail_and_keyboard(page, hopper_path):
    group = page.get_by_role("radiogroup", name="Style")
    page.set_input_files(".photo-file", hopper_path)
    emoji_of(page)
    page.click(".more-styles")
    assert page.evaluate("document.activeElement.innerText") == "Cartoon Set"
    samples = [image.get_attribute("data-sample") for image in group.locator("button").all()]
    assert [radio.inner_text() for radio in group.get_by_role("radio").all()] == [
        "drawing", "Avataaars", "ToonHead", "Lorelei", "Cartoon Set", "Screen print",
    ]  # fmt: skip
    page.wait_for_function(
        "[...document.querySelectorAll('.style')].every((s) => s.querySelector('img').src !== s.dataset.sample)"
    )
    own = [image.get_attribute("src") for image in group.locator("img").all()]
    assert not set(own) & set(samples)
    group.get_by_role("radio", checked=True).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.innerText") == "Lorelei"
    assert "CC0" in page.evaluate("document.activeElement.ariaDescription")
    page.wait_for_function("document.querySelector('#editor .credit')?.textContent.includes('Lisa Wischofsky')")
    page.get_by_label("Drawn only").wait_for()
    assert group.get_by_role("radio", checked=True).inner_text() == "Lorelei"
    assert group.locator("[tabindex='0']").count() == 1
    assert [image.get_attribute("src") for image in group.locator("img").all()] == own
    page.keyboard.press("End")
    page.wait_for_selector(PAINTED)
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(DRAWN)
    assert page.evaluate("document.activeElement.innerText") == "drawing"


def test_the_last_of_many_quick_choices_wins(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)

    def choose():
        for key in ("emoji", "lorelei", "", "toon-head", "lorelei"):
            page.click(f".style[data-key='{key}']")

    comes_to_rest(page, choose)
    assert page.get_attribute(".style[aria-checked=true]", "data-key") == "lorelei"
    assert "Lisa Wischofsky" in page.inner_text("#editor .credit")

    def switch():
        for kind in ("Painted", "Drawn", "Painted"):
            page.get_by_label(kind, exact=True).check()

    page.click(".style[data-key='']")
    comes_to_rest(page, switch)
    assert page.locator(PAINTED).count() == 1


def test_styles_and_the_switch_are_changed_at_once(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)

    def change():
        for pause in (0, 60, 120, 200, 300):
            click_at_once(page, ".style[data-key=cartoon-set]")
            page.wait_for_timeout(pause)
            click_at_once(page, "#kind input[value=painted]")
            page.wait_for_timeout(pause)
            click_at_once(page, "#kind input:not(:checked)", ".style[data-key='']")
        click_at_once(page, "#kind input[value=drawn]")

    comes_to_rest(page, change)
    assert page.locator(".toast-body").count() == 0
    comes_to_rest(page, lambda: page.get_by_label("Drawn", exact=True).check())
    assert page.locator(DRAWN).count() == 1


def test_on_a_phone_nothing_sticks_out(browser, server, hopper_path):
    with open_page(browser, server, width=390) as page:
        page.set_input_files(".photo-file", hopper_path)
        emoji_of(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        choose_style(page, "Cartoon Set")
        page.wait_for_selector(PAINTED)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("tab", name="Live webcam").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for label in page.locator(".live .pills:not([hidden]) label, .live-row button").all():
            assert label.evaluate("e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= 390")


def test_composed_views(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector("#compare img[src^='data:image/jpeg']", state="attached")
    for name, place in (("In the photo", "#pasted"), ("Side by side", "#beside")):
        page.get_by_role("radio", name=name).check(force=True)
        page.wait_for_selector(f"{place} img[src^='data:image/jpeg']")
    with page.expect_download() as download:
        page.locator("#beside").get_by_role("link", name="Download").or_(
            page.locator("#beside [aria-label='Download']")
        ).first.click()
    assert download.value.suggested_filename == "emoji.jpg"


def test_pick_one_of_several_faces(page, hopper, astronaut):
    both = jpeg(np.concatenate([hopper[:512], astronaut], axis=1))
    page.set_input_files(".photo-file", {"name": "two.jpg", "mimeType": "image/jpeg", "buffer": both})
    page.wait_for_selector("#editor [data-pick='2']")
    assert page.locator("#editor [data-pick]").count() == 2
    page.click("#steps summary")
    page.click("#editor [data-pick='2']")
    page.wait_for_selector("#steps .face-steps[data-face='1']", state="hidden")
    page.wait_for_selector("#steps .face-steps[data-face='2']", state="visible")


def test_mirror_runs_again(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    emoji_of(page)
    before = page.get_attribute("#steps .found img", "src")
    page.locator("#mirror input").check()
    page.wait_for_function("b => document.querySelector('#steps .found img')?.src !== b", arg=before)


def test_examples(page):
    page.get_by_role("button", name="Eileen Collins").click()
    assert emoji_of(page).shape == (512, 512, 4)


def test_a_drawn_example_has_its_credit(page):
    example = page.get_by_role("button", name="Drawn: beard and glasses")
    assert "Micah Lanier, CC BY 4.0" in example.get_attribute("title")
    example.click()
    assert emoji_of(page).shape == (512, 512, 4)


def test_clear_removes_photo_and_result(page, hopper_path):
    clear, rotate = (page.locator(f"#photo .photo-{name}") for name in ("clear", "rotate"))
    assert clear.is_hidden()
    assert rotate.is_hidden()
    page.set_input_files(".photo-file", hopper_path)
    emoji_of(page)
    clear.click()
    page.wait_for_selector(".photo-hero", state="visible")
    assert page.is_visible("#photo .photo-prompt")
    assert page.is_hidden("#photo .photo-preview")
    assert page.locator("#views").is_hidden()
    assert clear.is_hidden()
    assert page.locator("#editor .editor").is_hidden()
    assert page.evaluate("sessionStorage.getItem('dtn-avatars')") == "null", "nothing comes back after a reload"
    page.set_input_files(".photo-file", hopper_path)  # the same file again
    emoji_of(page)


def test_rotate_turns_the_photo_clockwise(page, hopper):
    upright = jpeg(hopper[:, :400])
    exif = PILImage.Exif()
    exif[0x0112] = 3  # it is to be shown upside down, as phones say it
    buffer = io.BytesIO()
    PILImage.open(io.BytesIO(upright)).save(buffer, "jpeg", exif=exif, quality=95)
    page.set_input_files("#photo .photo-file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    page.wait_for_function("document.querySelector('#photo .photo-preview').naturalWidth === 400")
    page.get_by_role("button", name="Rotate by 90° clockwise").click()
    page.wait_for_function("document.querySelector('#photo .photo-preview').naturalWidth === 600")
    shown = picture(page, "#photo .photo-preview").astype(int)
    wanted = np.rot90(np.rot90(hopper[:, :400], 2), -1)
    assert np.abs(shown - wanted).mean() < 5
    emoji_of(page)


def click_at_once(page, *selectors):
    page.evaluate("selectors => selectors.forEach((one) => document.querySelector(one)?.click())", selectors)


def test_a_photo_cleared_during_rotation_does_not_return(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    comes_to_rest(page, lambda: click_at_once(page, ".photo-rotate", ".photo-clear"))
    assert page.is_visible(".photo-prompt")
    assert page.locator("#editor .editor").is_hidden()


def test_a_download_is_of_what_was_shown(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    held = []
    page.route(re.compile("component_server"), lambda route: held.append(route))
    click_at_once(page, "#editor [data-do=webp]", ".photo-clear")
    page.locator("#editor .editor").wait_for(state="hidden")
    with page.expect_download() as download:
        for route in held:
            route.continue_()
    assert download.value.suggested_filename == "emoji-1.webp"
    page.unroute(re.compile("component_server"))


def test_paste(page, hopper_path):
    hand_over(page, hopper_path)
    assert emoji_of(page).shape == (512, 512, 4)


def test_a_picture_dropped_beside_the_box_is_the_photo(page, hopper_path):
    assert not hand_over(page, hopper_path, "dragover"), "the browser would refuse or open the file"
    assert not hand_over(page, hopper_path, "drop"), "the browser would open the file"
    assert emoji_of(page).shape == (512, 512, 4)
    page.get_by_role("tab", name="Train").click()
    assert not hand_over(page, hopper_path, "drop")


def test_the_slider_by_keyboard(page, hopper_path):
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    page.get_by_role("radio", name="Compare").check(force=True)
    slider = page.get_by_label("Visible part of the photo")
    slider.focus()
    page.keyboard.press("ArrowRight")
    clip = "getComputedStyle(document.querySelector('#compare img + img')).clipPath"
    assert page.evaluate(clip) == "inset(0px 0px 0px 51%)"
    page.keyboard.press("Home")
    assert page.evaluate(clip).endswith(" 0%)")


def test_a_photo_on_its_side(page, hopper):
    page.set_input_files(
        ".photo-file", {"name": "side.jpg", "mimeType": "image/jpeg", "buffer": jpeg(np.rot90(hopper))}
    )
    emoji_of(page)
    page.locator("#messages .message", has_text="has been rotated").wait_for()


def test_webcam_snapshot(page):
    page.click(".photo-webcam")
    page.wait_for_selector(".photo-video", state="visible")
    page.click(".photo-snap")
    assert emoji_of(page).shape == (512, 512, 4)
    assert page.evaluate("document.querySelector('.photo-video').srcObject.active") is False
    taken = picture(page, ".photo-preview").astype(int)
    red = taken[..., 0] - taken[..., 1]
    assert red[:, -40:].mean() > 100 > red[:, :40].mean(), "the preview was mirrored, the picture isn't"


STREAMS = """() => {
    const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
    window.streams = [];
    devices.getUserMedia = async (wish) => { const got = await ask(wish); streams.push(got); return got; };
}"""


@pytest.mark.parametrize("tab", ["Photo", "Digits", "Train"])
def test_the_camera_is_released_when_the_stream_is_left(page, tab):
    page.evaluate(STREAMS)
    frames = []
    page.on("request", lambda request: frames.append(request) if "/stream" in request.url else None)
    start_stream(page)
    page.locator("#live-note", has_text="FPS").wait_for()
    page.get_by_role("tab", name=tab, exact=True).click()
    page.wait_for_function("streams.length && streams.every((stream) => !stream.active)")
    page.wait_for_timeout(500)
    sent = len(frames)
    page.wait_for_timeout(500)
    assert len(frames) == sent > 0
    page.get_by_role("tab", name="Emojify").click()
    page.get_by_role("tab", name="Live webcam").click()
    page.get_by_text("Click to Access Webcam").wait_for()


def test_a_camera_requested_twice_is_opened_once(browser, server):
    once = "streams.length === 2 && streams.filter((stream) => stream.active).length === 1"
    interrupted = ("The play() request was interrupted",)  # gradio's webcam says so of the first
    with open_page(browser, server, allowed=interrupted) as page:
        page.evaluate(STREAMS)
        page.get_by_role("tab", name="Live webcam").click()
        page.get_by_label("Painted", exact=True).check()
        page.get_by_text("Click to Access Webcam").dblclick()
        page.wait_for_function(once)
        page.get_by_role("tab", name="Photo", exact=True).click()
        page.wait_for_function("streams.every((stream) => !stream.active)")
        page.evaluate("streams.length = 0")
        page.locator(".photo-webcam").dblclick()
        page.wait_for_selector(".photo-video", state="visible")
        page.wait_for_function(once)
        page.click(".photo-example >> nth=0")
        page.wait_for_function("streams.every((stream) => !stream.active)")


def test_the_camera_is_released_when_the_snapshot_is_left(page):
    page.evaluate(STREAMS)
    page.click(".photo-webcam")
    page.wait_for_selector(".photo-video", state="visible")
    page.get_by_role("tab", name="Live webcam").click()
    page.wait_for_function("streams.length && streams.every((stream) => !stream.active)")
    page.get_by_role("tab", name="Photo", exact=True).click()
    page.wait_for_selector(".photo-prompt", state="visible")


def test_bad_files_get_a_message_and_the_next_photo_works(page, hopper_path):
    bad = {
        "not a picture": b"this is text",
        "empty": b"",
        "damaged or cut short": hopper_path.read_bytes()[:2000],
    }
    for words, data in bad.items():
        page.set_input_files(".photo-file", {"name": "a.png", "mimeType": "image/png", "buffer": data})
        page.locator("#messages .message", has_text=words).wait_for()
    page.set_input_files(".photo-file", hopper_path)
    emoji_of(page)
    assert page.locator("#messages .message").count() == 0
    page.click("#editor [data-page=mouth]")
    redrawn(page, lambda: pick(page, "input[name='slot:mouth'][value=tongue]"))
    page.set_input_files(".photo-file", {"name": "a.png", "mimeType": "image/png", "buffer": b"text"})
    page.locator("#messages .message", has_text="not a picture").wait_for()
    assert page.locator("#editor .editor").is_hidden()
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    assert avatar_of(page).variants["mouth"] == "tongue", "edits of a photo outlive a bad file"


def test_no_face_is_reported(page, noise):
    data = jpeg(noise)
    page.set_input_files(".photo-file", {"name": "noise.jpg", "mimeType": "image/jpeg", "buffer": data})
    page.locator("#messages .message", has_text=html.NO_FACE).wait_for()


def test_a_face_that_is_hardly_seen_is_refused_and_the_next_has_a_confidence(page, dark, hopper_path):
    data = jpeg(dark)
    page.set_input_files(".photo-file", {"name": "dark.jpg", "mimeType": "image/jpeg", "buffer": data})
    page.locator("#messages .message", has_text="Can't see enough of the face").wait_for()
    assert page.locator("#editor .editor").is_hidden()
    assert page.locator("#views").is_hidden()
    page.set_input_files(".photo-file", hopper_path)
    page.wait_for_selector(DRAWN)
    page.click("#steps summary")
    page.locator("#steps .sure", has_text="Face visibility").wait_for()
    assert page.locator("#messages .message").count() == 0


def test_the_painted_stream(page):
    start_stream(page)
    page.locator("#live-note", has_text="FPS").wait_for()
    assert red_edge(page) == "right"
    page.uncheck("#live-mirror input")
    eventually(page, lambda: red_edge(page) == "left")
    page.locator("#view").get_by_label("Emoji only").check()
    page.wait_for_selector("#shown img[src^='data:image/png']")
    seen = set()
    eventually(page, lambda: seen.add(page.inner_text("#live-note .timing")) or len(seen) > 3)  # it goes on
    assert page.locator("#live-note .message").count() == 0
    assert "Face visibility" in page.inner_text("#live-note .timing")
    assert "upscale" in page.inner_text("#live-note .timing")
    assert picture(page, "#shown img").shape == (256, 256, 4)


def test_the_stream_continues_without_a_face(playwright, server, tmp_path):
    grey = np.full((480, 640, 3), 90, np.uint8)
    with chromium(playwright, [jpeg(grey)] * 30, tmp_path) as browser, open_page(browser, server) as page:
        start_stream(page)
        page.locator("#live-note .message", has_text="No face in view").wait_for()
        page.wait_for_selector("#shown img[src^='data:image/jpeg']")


# ── digits ──────────────────────────────────────────────────────────────────────────────────────────────────

CHANGED = "([selector, old]) => { const now = document.querySelector(selector); return now && now.outerHTML !== old; }"
SEEN, MADE = "#reading .sides section:first-child img", "#reading .sides section:last-child img"


def at_digits(page):
    page.get_by_role("tab", name="Digits").click()
    page.wait_for_selector("#reading .waiting")
    return page


def png(picture):
    buffer = io.BytesIO()
    PILImage.fromarray(picture).save(buffer, "png")
    return {"name": "number.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


def stroke(page, *points):
    """Draw a line through points, in hundredths of the wall."""
    canvas = page.locator(".photo-canvas")
    canvas.scroll_into_view_if_needed()
    box = None
    while box != (box := canvas.bounding_box()):  # what loads above it moves it
        page.wait_for_timeout(150)
    at = [(box["x"] + x * box["width"] / 100, box["y"] + y * box["height"] / 100) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def html_of(page, selector):
    page.wait_for_selector(selector)
    return page.evaluate("selector => document.querySelector(selector).outerHTML", selector)


def changed(page, selector, before):
    """Wait until an element is another than it was by `html_of`."""
    page.wait_for_function(CHANGED, arg=[selector, before])


def test_draw_a_digit(digits):
    stroke(digits, (30, 20), (70, 20), (50, 80))
    before = html_of(digits, SEEN)
    seven = picture(digits, SEEN).astype(int)
    wall, chalk = np.array((0xA5, 0x48, 0x2F)), np.array((0xF7, 0xEA, 0xD2))
    assert np.abs(seven[16, 2] - wall).max() <= 2
    assert np.abs(seven[6, 16] - chalk).max() <= 2
    assert picture(digits, MADE).shape == (32, 32)
    assert digits.locator("#reading .bars li").count() == 20
    assert digits.locator("#reading .message").count() == 1
    stroke(digits, (30, 50), (75, 50))
    changed(digits, SEEN, before)
    crossed = picture(digits, SEEN).astype(int)
    assert all(np.abs(crossed[place] - chalk).max() <= 2 for place in ((6, 16), (16, 12)))
    digits.get_by_role("button", name="Clear").click()
    digits.wait_for_selector("#reading .waiting")
    assert digits.is_visible("#digit .photo-prompt")


def test_another_background_is_read_again(digits):
    stroke(digits, (50, 20), (50, 80))
    before = html_of(digits, SEEN)
    digits.get_by_title("Blue on plaster").click()
    changed(digits, SEEN, before)
    assert np.abs(picture(digits, SEEN)[16, 2].astype(int) - (0xD9, 0xCF, 0xBD)).max() <= 2


def test_draw_with_a_finger(browser, server):
    with open_page(browser, server, width=390, has_touch=True) as page:
        at_digits(page)
        page.locator(".photo-canvas").scroll_into_view_if_needed()
        box = page.locator(".photo-canvas").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_selector(SEEN)
        assert np.abs(picture(page, SEEN)[16, 16].astype(int) - (0xF7, 0xEA, 0xD2)).max() <= 2
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        top = "document.querySelector('#reading').getBoundingClientRect().top"
        assert page.evaluate(top) > 400, "the page must stay at the wall"
        page.get_by_role("button", name="See the result").click()
        page.wait_for_function(f"{top} < 300")


@pytest.mark.smoke
def test_upload_and_download_a_digit(digits):
    number = draw_many("street", 0, 1)[0][0]
    digits.set_input_files("#digit .photo-file", png(number))
    digits.wait_for_selector(SEEN)
    assert (picture(digits, SEEN) == number).all()
    with digits.expect_download() as download:
        digits.click("#reading .download")
    assert download.value.suggested_filename == "digit.png"
    assert (np.asarray(PILImage.open(download.value.path())) == picture(digits, MADE)).all()
    before = html_of(digits, SEEN)
    stroke(digits, (50, 20), (50, 80))  # over the picture: drawing begins on a clean wall
    changed(digits, SEEN, before)
    assert np.abs(picture(digits, SEEN)[16, 2].astype(int) - (0xA5, 0x48, 0x2F)).max() <= 2


def test_paste_affects_the_visible_tab(digits, hopper_path):
    hand_over(digits, hopper_path)
    digits.wait_for_selector(SEEN)
    digits.get_by_role("tab", name="Emojify").click()
    assert digits.is_visible(".photo-hero")


def test_pick_a_number_and_draw_others(digits):
    chosen = picture(digits, "#numbers button img")
    digits.click("#numbers button >> nth=0")
    digits.wait_for_selector(SEEN)
    assert (picture(digits, SEEN) == chosen).all()
    before = html_of(digits, "#numbers .numbers")
    digits.get_by_role("button", name="Other numbers").click()
    changed(digits, "#numbers .numbers", before)
    assert digits.locator("#numbers button").count() == 12
    seen = html_of(digits, SEEN)
    digits.click("#numbers button >> nth=5")
    changed(digits, SEEN, seen)


def test_new_pairs(digits):
    before = html_of(digits, "#pairs .pairs")
    assert digits.locator("#pairs figure").count() == 24
    assert "of 24" in digits.inner_text("#pairs")
    digits.get_by_role("button", name="New pairs").click()
    changed(digits, "#pairs .pairs", before)
    assert digits.locator("#pairs img").count() == 48


def test_bad_numbers_get_a_message_and_the_next_works(digits, noise):
    bad = {
        "Only 3×3 pixels": png(noise[:3, :3]),
        "Longer than 4:1": png(noise[:100, :500]),
        "not a picture": {"name": "a.png", "mimeType": "image/png", "buffer": b"text"},
        "empty": {"name": "a.png", "mimeType": "image/png", "buffer": b""},
    }
    for words, file in bad.items():
        digits.set_input_files("#digit .photo-file", file)
        digits.locator("#reading .message", has_text=words).wait_for()
    digits.set_input_files("#digit .photo-file", png(noise[:64, :64]))
    digits.wait_for_selector(SEEN)
    assert digits.locator("#reading .message.error").count() == 0
