"""Many photos in a real headless Chromium: progress, cancel, zips good and bad, editing, and the zip of all."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from browsing import jpeg
from PIL import Image as PILImage
from test_browser import open_page

from dtn_core.ui.tabs.batch import MAX_PICTURES

pytestmark = pytest.mark.e2e

CARDS = "#batch .batch-card"
NOTE = "#batch .photo-note"


def named(name, data, kind="image/jpeg"):
    return {"name": name, "mimeType": kind, "buffer": data}


def zipped(entries, name="photos.zip", method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as pack:
        for entry, data in entries.items():
            pack.writestr(entry, data)
    return named(name, buffer.getvalue(), "application/zip")


@pytest.fixture
def page(browser, server):
    with open_page(browser, server) as opened:
        opened.get_by_role("tab", name="Many photos").click()
        opened.wait_for_selector(".batch-stage", state="visible")
        yield opened


@pytest.fixture(scope="module")
def portrait(hopper):
    return jpeg(np.asarray(PILImage.fromarray(hopper).resize((256, 300))))


@pytest.fixture(scope="module")
def blank():
    """A picture that is done at once: no face has room in it."""
    return jpeg(np.zeros((16, 16, 3), np.uint8))


def choose(page, *files):
    page.set_input_files("#batch .photo-file", list(files))


def progress(page, words):
    page.locator("#batch .photo-progress span", has_text=words).wait_for()


def names(page):
    return page.locator(f"{CARDS} strong").all_inner_texts()


def test_photos_and_a_text_file(page, portrait, hopper, astronaut):
    both = jpeg(np.concatenate([hopper[:512], astronaut], axis=1))
    files = (
        named("one.jpg", portrait),
        named("notes.txt", b"text", "text/plain"),
        named("two.jpg", both),
        named("broken.jpg", b"not a picture"),
        named("empty.jpg", b""),
    )
    choose(page, *files)
    progress(page, "4 of 4 · done")
    assert names(page) == ["one.jpg", "two.jpg", "broken.jpg", "empty.jpg"]
    assert page.inner_text(NOTE) == "1 file is not a picture and was skipped."
    shown = page.locator(CARDS)
    assert [shown.nth(i).locator(".batch-face").count() for i in range(4)] == [1, 2, 0, 0]
    assert "Not a picture" in shown.nth(2).inner_text()
    assert "Empty" in shown.nth(3).inner_text()
    assert page.locator("#batch .batch-face img").first.evaluate("image => image.naturalWidth") > 0
    assert page.is_hidden("#batch .photo-cancel")
    page.click("#batch .photo-clear")
    assert page.locator(CARDS).count() == 0
    assert page.is_hidden("#batch .photo-progress")


def test_what_is_sent_is_small_and_upright(page):
    sent = []
    page.on("request", lambda request: sent.append(request) if "component_server" in request.url else None)
    wide = np.zeros((1000, 4000, 3), np.uint8)
    wide[:, :2000] = 255
    buffer = io.BytesIO()
    exif = PILImage.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    PILImage.fromarray(wide).save(buffer, "jpeg", exif=exif)
    choose(page, named("wide.jpg", buffer.getvalue()))
    progress(page, "1 of 1 · done")
    (request,) = sent
    from dtn_core.ui.components.pictures import decode

    picture = decode(request.post_data_json["data"]["photo"])
    assert picture.shape == (1600, 400, 3)
    assert picture[:700].mean() > 250
    assert picture[900:].mean() < 5


def test_cancel_keeps_what_is_done(page, portrait):
    choose(page, *(named(f"{i}.jpg", portrait) for i in range(60)))
    page.wait_for_selector(f"{CARDS} .batch-face")
    page.click("#batch .photo-cancel")
    progress(page, "· cancelled")
    kept = page.locator(CARDS).count()
    assert 0 < kept < 60
    assert page.locator(f"{CARDS} .batch-face").count() == kept
    assert page.inner_text("#batch .photo-progress span") == f"{kept} of {kept} · cancelled"
    choose(page, named("more.jpg", portrait))
    progress(page, f"{kept + 1} of {kept + 1} · done")
    assert names(page)[-1] == "more.jpg"


def test_more_than_there_may_be(page, blank):
    choose(page, *(named(f"{i}.jpg", blank) for i in range(500)))
    progress(page, f"{MAX_PICTURES} of {MAX_PICTURES} · done")
    assert page.locator(CARDS).count() == MAX_PICTURES
    words = f"At most {MAX_PICTURES} photos at once: {500 - MAX_PICTURES} were skipped."
    assert page.inner_text(NOTE).startswith(words)
    assert len(page.inner_text(NOTE).splitlines()) == 1


def test_a_zip_with_folders_and_other_files(page, portrait, blank):
    entries = {
        "b/deep/two.jpg": blank,
        "a/one.jpg": portrait,
        "a/": b"",
        "notes.txt": b"text",
        "inner.zip": zipped({"x.jpg": blank})["buffer"],
        "__MACOSX/a/._one.jpg": b"x",
        "a/.hidden.jpg": blank,
        "Thumbs.db": b"x",
    }
    choose(page, zipped(entries), zipped({"stored.png": blank}, "stored.zip", zipfile.ZIP_STORED))
    progress(page, "3 of 3 · done")
    assert names(page) == ["one.jpg", "two.jpg", "stored.png"]
    assert page.locator(f"{CARDS} strong").nth(1).get_attribute("title") == "b/deep/two.jpg"
    assert page.inner_text(NOTE) == "2 files are not pictures and were skipped."
    assert page.locator(f"{CARDS} .batch-face").count() == 1


def lie(data, size):
    """A zip whose only entry claims to hold so many bytes."""
    data = bytearray(data)
    start = data.index(b"PK\1\2")
    data[start + 24 : start + 28] = struct.pack("<I", size)
    return bytes(data)


def encrypted(data):
    data = bytearray(data)
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


BOMB = zipped({"bomb.jpg": bytes(60_000_000)})["buffer"]
GOOD = zipped({"a.jpg": zlib.compress(bytes(1000)) * 9})["buffer"]
BAD = {
    "text": (b"this is no zip at all", "damaged or not a zip"),
    "empty": (b"", "damaged or not a zip"),
    "cut": (BOMB[:-30], "damaged or not a zip"),
    "directory": (GOOD.replace(b"PK\1\2", b"PK\0\0"), "damaged or not a zip"),
    "locked": (encrypted(GOOD), "password-protected"),
    "nothing": (zipped({})["buffer"], "It contains no photos"),
    "only text": (zipped({"a.txt": b"a"})["buffer"], "1 file is not a picture and was skipped."),
}
BAD_ENTRIES = {
    "declared bomb": (BOMB, "Larger than 40 MB"),
    "hidden bomb": (lie(BOMB, 5000), "Damaged in the zip"),
    "no picture": (GOOD, "Not a picture"),
    "broken entry": (GOOD.replace(b"PK\3\4", b"PK\0\0"), "Damaged in the zip"),
}


def test_bad_zips_are_reported_in_one_line(page, portrait):
    for case, (data, words) in BAD.items():
        choose(page, named(f"{case}.zip", data, "application/zip"))
        page.locator(NOTE, has_text=words).wait_for()
        assert len(page.inner_text(NOTE).splitlines()) == 1
        assert page.locator(CARDS).count() == 0
    for number, (data, words) in enumerate(BAD_ENTRIES.values()):
        choose(page, named("a.zip", data, "application/zip"))
        page.locator(CARDS).nth(number).locator(".batch-note", has_text=words).wait_for()
    choose(page, named("good.jpg", portrait))
    page.wait_for_selector(f"{CARDS} .batch-face")


LISTEN = """() => {
    window.edits = [];
    window.addEventListener("avatar:edit", (event) => edits.push(event.detail));
}"""
EDITED = """(detail) => window.dispatchEvent(new CustomEvent("avatar:edited", { detail }))"""


def test_every_face_can_be_edited_and_all_downloaded(page, hopper, astronaut):
    page.evaluate(LISTEN)
    choose(page, named("two.jpg", jpeg(np.concatenate([hopper[:512], astronaut], axis=1))))
    progress(page, "1 of 1 · done")
    page.get_by_role("button", name="Edit emoji 2 of two.jpg").click()
    (edit,) = page.evaluate("window.edits")
    assert edit["id"].startswith("batch-")
    assert (edit["name"], edit["face"], len(edit["faces"])) == ("two.jpg", 1, 2)
    face = edit["faces"][1]
    assert face["parameters"] == face["chosen"]
    assert face["parameters"]["style"] == "avataaars"
    assert face["sure"]
    page.get_by_role("button", name="Done", exact=True).click()
    changed = {**face["parameters"], "variants": {**face["parameters"]["variants"], "top": "turban"}}
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>'
    page.evaluate(EDITED, {"id": edit["id"], "face": 1, "parameters": changed, "svg": svg})
    page.evaluate(EDITED, {"id": "photo", "face": 0, "parameters": changed, "svg": svg})
    sources = [image.get_attribute("src") for image in page.locator(".batch-face img").all()]
    assert ["viewBox%3D%220%200%209%209%22" in source for source in sources] == [False, True]
    with page.expect_download() as download:
        page.click("#batch .photo-download")
    assert download.value.suggested_filename == "emoji.zip"
    pack = zipfile.ZipFile(download.value.path())
    stems = ("two-1", "two-2")
    assert pack.namelist() == [f"{stem}.{kind}" for stem in stems for kind in ("svg", "png", "json")] + ["CREDITS.txt"]
    assert b'"turban"' in pack.read("two-2.json")
    assert b'"turban"' not in pack.read("two-1.json")


def test_what_the_editor_changes_is_on_the_sheet(page, portrait):
    choose(page, named("one.jpg", portrait), named("two.jpg", portrait))
    progress(page, "2 of 2 · done")
    before = [image.get_attribute("src") for image in page.locator(".batch-face img").all()]
    page.get_by_role("button", name="Edit emoji of two.jpg").click()
    page.wait_for_selector(".drawer .editor-avatar", state="visible")
    assert page.evaluate("document.querySelector('.batch-stage').getBoundingClientRect().height") < 200
    page.wait_for_function("document.querySelector('.drawer').scrollTop === 0")
    page.locator(".drawer .previews label", has=page.locator("input:not(:checked)")).first.click()
    page.wait_for_function("old => document.querySelectorAll('.batch-face img')[1].src !== old", arg=before[1])
    assert page.get_attribute(".batch-face img >> nth=0", "src") == before[0]
    page.get_by_role("button", name="Next", exact=True).click()
    page.locator(".drawer-bar strong", has_text="one.jpg").wait_for()
    page.keyboard.press("Escape")
    page.locator(".drawer").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.ariaLabel") == "Edit emoji of one.jpg"


def test_another_choice_offers_to_draw_again(page, portrait):
    choose(page, named("one.jpg", portrait))
    progress(page, "1 of 1 · done")
    assert page.is_hidden("#batch .photo-again")
    page.get_by_label("Painted", exact=True).check()
    page.click("#batch .photo-again")
    page.wait_for_selector(".batch-face img[src^='data:image/png']")
    assert page.locator(".batch-edit").count() == 0
    page.locator("#batch .photo-again").wait_for(state="hidden")
    with page.expect_download() as download:
        page.click("#batch .photo-download")
    assert zipfile.ZipFile(download.value.path()).namelist() == ["one.png", "CREDITS.txt"]


def test_drawing_again_may_be_cancelled_or_fail_and_nothing_is_lost(page, portrait):
    choose(page, *(named(f"{i}.jpg", portrait) for i in range(9)))
    progress(page, "9 of 9 · done")
    page.get_by_label("Painted", exact=True).check()
    page.click("#batch .photo-again")
    page.click("#batch .photo-cancel")
    progress(page, "9 of 9 · cancelled")
    assert page.locator(f"{CARDS} .batch-face").count() == 9
    painted = page.locator(".batch-face img[src^='data:image/png']")
    assert painted.count() < 9
    page.route("**/component_server/", lambda route: route.fulfill(status=204))
    page.click("#batch .photo-again")
    page.locator(NOTE, has_text="No answer from the server").wait_for()
    progress(page, "9 of 9 · done")
    assert page.locator(f"{CARDS} .batch-face").count() == 9
    page.unroute("**/component_server/")
    page.click("#batch .photo-again")
    progress(page, "9 of 9 · done")
    page.locator("#batch .photo-again").wait_for(state="hidden")
    assert painted.count() == 9


def test_a_photo_waits_while_the_server_is_busy(page, blank):
    """The page decides by the code of an answer, whatever its words."""
    answers = [{"error": "in other words", "code": "busy"}, {"error": "Try again, it says.", "code": "too_large"}]
    page.route("**/component_server/", lambda route: route.fulfill(json=answers.pop(0)))
    choose(page, named("one.jpg", blank))
    progress(page, "1 of 1 · done")
    assert answers == []
    assert "Try again, it says." in page.locator(CARDS).inner_text()


def test_on_a_phone_nothing_sticks_out(browser, server, portrait):  # noqa: F811
    with open_page(browser, server, width=390) as page:
        page.get_by_role("tab", name="Many photos").click()
        choose(page, named("a very long name " * 9 + ".jpg", portrait), named("b.jpg", b"text"))
        progress(page, "2 of 2 · done")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
