"""The tab Train in a real headless Chromium: a training of two folders from its start to the demo, and what is shown of
trainings that are over."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
from browsing import SECONDS, watched
from made_runs import make_run
from PIL import Image as PILImage
from PIL import ImageDraw
from serving import serve
from tiny_digits import write_digits, write_judge

from dtn_core.training.runs import launcher, status

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


def draw_shapes(folder, kind, n=24):
    """n small pictures of one coloured shape each."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(len(kind))
    for i in range(n):
        picture = PILImage.new("RGB", (48, 48), tuple(random.integers(200, 255, 3).tolist()))
        x, y = random.integers(6, 14, 2).tolist()
        pen = ImageDraw.Draw(picture)
        shape = pen.ellipse if kind == "discs" else pen.rectangle
        shape((x, y, x + 26, y + 26), fill=tuple(random.integers(20, 200, 3).tolist()))
        picture.save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(browser, tiny_checkpoint, home):
    flags = "--digits", write_digits(home / "tiny-digits"), "--judge", write_judge(home / "tiny-judge")
    with serve(tiny_checkpoint, home, *flags, "--runs", home / "runs") as running:
        yield running
    for path in status.runs_in(home / "runs"):  # trainings outlive the app, and would outlive a failed test
        if status.is_alive(path):
            launcher.force_stop(path)


@contextmanager
def open_page(browser, server, width=1280, opened=lambda page: at_train(page)):
    """The tab Train in a fresh session, or another that `opened` opens."""
    with watched(browser, server, width) as page:
        opened(page)
        yield page


def at_train(page):
    page.get_by_role("tab", name="Train").click()
    page.wait_for_selector("#train-runs .run-list, #train-empty .train-empty", state="attached")


def choose(page, field, option):
    """Choose in one of gradio's dropdowns."""
    page.click(f"{field} input")
    page.get_by_role("option", name=option, exact=True).click()


def choose_preset(page, name):
    """Choose a preset, and wait until its values stand in the fields: they'd take the place of what is typed before."""
    choose(page, "#train-preset", name)
    command(page, f"train {name}")


def write(page, field, text):
    box = page.locator(f"{field} textarea, {field} input").first
    box.fill(str(text))
    box.blur()


def badge(page, words, seconds=120):
    page.wait_for_selector(f"#train-status .badge >> text=/^({words})$/", timeout=seconds * SECONDS)


def command(page, words):
    """Wait until the line for a terminal holds some words."""
    page.wait_for_function("w => document.querySelector('#train-command textarea').value.includes(w)", arg=words)


def step(page):
    return int(re.search(r"Step\s*([\d,]+)", page.inner_text("#train-status dl"))[1].replace(",", ""))


def test_a_training_of_two_folders(browser, server, home):
    s, t = draw_shapes(home / "my pictures" / "discs", "discs"), draw_shapes(home / "squares", "squares")
    (s / "notes.txt").write_text("no picture")
    with open_page(browser, server) as page:
        assert page.is_visible("text=No training yet")
        page.get_by_text("My own two folders", exact=True).click()
        page.wait_for_selector("#train-s textarea")
        choose_preset(page, "folders-tiny")
        command(page, "train folders-tiny")
        page.click("#train-start")
        page.wait_for_selector("#train-answer .message.error >> text=No pictures given")
        write(page, "#train-s", s)
        write(page, "#train-t", t)
        choose(page, "#train-encoder", "digits-f (reads digits)")
        write(page, "#train-steps", 600)
        page.click("text=All settings")
        write(page, "#train-extra", "log_every=5\nsave_every=200, sample_every=200")
        command(page, "--set log_every=5")
        command(page, "my pictures/discs'")
        page.click("#train-check")
        page.wait_for_selector("#train-answer .check-card img")
        assert "1 file is skipped" in page.inner_text("#train-answer")

        page.click("#train-start")
        page.wait_for_selector("#train-runs [data-run='00001-folders-tiny']")
        badge(page, "Running")
        page.click("text=Sample now")
        page.wait_for_selector("#train-samples img")
        assert page.locator("#train-samples li").all_inner_texts()[:4] == ["source s", "G(s)", "target t", "G(t)"]
        page.wait_for_selector("#train-curves svg .bold")
        write(page, "#train-interval", 100)
        page.click("#train-every button")
        page.wait_for_selector("#train-controls-answer .message.agree >> text=A sample every 100 steps")
        page.click("text=Stop and save")
        badge(page, "Stopped")
        stopped = step(page)
        assert 0 < stopped < 600

        page.click("#train-buttons >> text=Resume")
        badge(page, "Starting|Running")
        page.reload()  # comes back to this tab
        badge(page, "Starting|Running|Done")
        with open_page(browser, server, 390) as second:
            second.wait_for_selector("#train-status h3 >> text=00001-folders-tiny")
            assert second.evaluate("document.documentElement.scrollWidth") <= 390
        badge(page, "Done", 900)
        assert step(page) == 600
        titles = page.locator("#train-curves figcaption span").all_inner_texts()
        assert len(titles) >= 8

        with page.expect_download() as download:
            page.click("#train-zip")
        with zipfile.ZipFile(download.value.path()) as file:
            names = {name.rpartition("/")[2] for name in file.namelist()}
        assert {"config.json", "README.md", "generator.safetensors"} <= names
        page.click("#train-use")
        page.wait_for_selector("#translation input")  # the tab Emojify opens, with this checkpoint chosen
        chosen = "() => document.querySelector('#translation input').value.startsWith('00001-folders-tiny')"
        page.wait_for_function(chosen)
        page.set_input_files(".photo-file", s / "00.png")
        page.wait_for_selector(".editor:not([hidden])[data-kind=painted] .editor-avatar")


@pytest.fixture(scope="module")
def over(server, home):
    """Runs that ended, beside what other tests train."""
    nasty = "<img src=x onerror=alert(1)>"
    make_run(home / "runs", "00100-one", "folders-cpu", exports=(200,), samples=4, notes="First try.", s="a", t="b")
    make_run(home / "runs", "00101-two", "folders-cpu", step=200, ended="failed", alpha=9.0, s="a", t="b")
    make_run(home / "runs", "00102-<b>three", "digits-f", step=100, notes=nasty, message=nasty)


@pytest.fixture
def page(browser, server, over):
    with open_page(browser, server) as opened:
        watch(opened, "00100-one")
        yield opened


def watch(page, name):
    page.click(f'[data-run="{name}"]')
    page.wait_for_function("name => document.querySelector('#train-status h3')?.textContent === name", arg=name)


def shown(page):
    return page.get_attribute("#train-samples img", "src")


def test_scrub_back_and_forth(page):
    page.wait_for_selector("#train-samples img")
    newest = shown(page)
    scrub = """n => {
        const range = document.querySelector('#train-samples input');
        range.value = n;
        range.dispatchEvent(new Event('input'));
    }"""
    changed = "old => document.querySelector('#train-samples img').src !== old"
    page.evaluate(scrub, 1)
    page.wait_for_function(changed, arg=newest)
    assert "2 of 4" in page.inner_text("#train-samples")
    page.click(".newest")
    page.wait_for_function("old => document.querySelector('#train-samples img').src === old", arg=newest)


def test_values_under_the_pointer(page, home):
    """The curve under the pointer stays as it is while the others are redrawn; it follows once it is left."""
    curves = page.locator("#train-curves .curve")
    curves.nth(3).scroll_into_view_if_needed()
    curves.nth(3).locator("svg[data-scale]").hover()
    tip = page.locator(".curve-tip:not([hidden])")
    tip.wait_for()
    assert re.match(r"step \d+\n[\d.]+", tip.inner_text())
    here, there = (curves.nth(i).locator("figcaption b").inner_text() for i in (3, 4))
    events_file = home / "runs" / "00100-one" / "events.jsonl"
    added = json.loads(next(line for line in reversed(events_file.read_text().splitlines()) if '"Stepped"' in line))
    added["losses"] |= {"const": 77.0, "tid": 77.0}
    with events_file.open("a") as file:
        file.write(json.dumps(added | {"step": added["step"] + 10}) + "\n")
    last = "([i, text]) => document.querySelectorAll('#train-curves .curve')[i].querySelector('b').textContent !== text"
    page.wait_for_function(last, arg=[4, there])
    assert curves.nth(3).locator("figcaption b").inner_text() == here
    assert tip.is_visible()
    page.mouse.move(2, 2)
    tip.wait_for(state="hidden")
    page.wait_for_function(last, arg=[3, here])


def test_the_form_is_kept_across_a_reload(page):
    page.get_by_text("My own two folders", exact=True).click()
    page.wait_for_selector("#train-s textarea")
    choose_preset(page, "folders-tiny")
    write(page, "#train-s", "/some/pictures")
    write(page, "#train-steps", 77)
    command(page, "--set steps=77")
    page.wait_for_timeout(500)  # the browser keeps it
    page.reload()
    at_train(page)
    page.wait_for_selector("#train-s textarea")
    page.wait_for_function("() => document.querySelector('#train-s textarea').value === '/some/pictures'")
    assert page.input_value("#train-preset input") == "folders-tiny"
    assert page.input_value("#train-steps input") == "77"
    assert page.is_visible("#train-t")
    command(page, "--set steps=77")


def test_a_zip_is_uploaded(page, home):
    page.get_by_text("My own two folders", exact=True).click()
    page.wait_for_selector("#train-upload-s")
    (home / "no.zip").write_text("no zip")
    upload(page, "#train-upload-s", home / "no.zip")
    page.wait_for_selector("#train-answer .message.error >> text=damaged zip")
    with zipfile.ZipFile(home / "squares.zip", "w") as pack:
        pack.write(draw_shapes(home / "for a zip", "squares", 1) / "00.png", "00.png")
    upload(page, "#train-upload-s", home / "squares.zip")
    page.wait_for_selector("#train-answer .message.agree")
    page.wait_for_function("() => document.querySelector('#train-s textarea').value.endsWith('/squares.zip')")


def upload(page, button, path):
    with page.expect_file_chooser() as chooser:
        page.click(button)
    chooser.value.set_files(path)


def test_compare_two(page):
    choose(page, "#train-other", "00101-two")
    page.wait_for_selector("#train-curves .line-b")
    assert "alpha" in page.inner_text("#train-curves .differences")
    assert page.locator("#train-samples figure").count() == 2
    choose(page, "#train-other", "nothing")
    page.wait_for_selector("#train-curves .line-b", state="detached")
    assert page.locator("#train-samples figure").count() == 1


def test_the_chosen_run_and_its_note_are_remembered(page):
    assert page.input_value("#train-notes textarea") == "First try."
    write(page, "#train-notes", "Second try.")
    page.click("text=Save the note")
    page.wait_for_selector("#train-noted .message.agree")
    page.reload()
    page.wait_for_selector("#train-status h3 >> text=00100-one")
    page.wait_for_function("() => document.querySelector('#train-notes textarea').value === 'Second try.'")


def test_text_cells_are_unchanged(page):
    watch(page, "00102-<b>three")
    assert "onerror" in page.inner_text("#train-status")
    assert page.locator("#train-run img[src='x'], #train-runs img").count() == 0


def test_many_runs_are_searched(page, home):
    search, rows = page.get_by_role("searchbox", name="Search runs"), page.locator("[data-run]:visible")
    for number in range(104, 112):
        notes = "The good one." if number == 106 else ""
        make_run(home / "runs", f"00{number}-many", "digits-tiny", step=8, steps=8, every=2, notes=notes)
    search.wait_for()
    search.fill("good MANY")
    assert rows.evaluate_all("all => all.map((row) => row.dataset.run)") == ["00106-many"]
    make_run(home / "runs", "00112-many", "digits-tiny", step=8, steps=8, every=2, notes="Good, too.")
    page.wait_for_selector("[data-run='00112-many']:visible")  # what comes later is searched as well
    assert rows.count() == 2
    search.fill("elsewhere")
    page.locator(".run-nothing", has_text="No matching runs").wait_for()
    search.fill("")
    assert rows.count() > 8
    for path in (home / "runs").glob("*-many"):
        shutil.rmtree(path)
    search.wait_for(state="hidden")


def test_delete_is_confirmed(page, home):
    make_run(home / "runs", "00103-gone", "digits-tiny", step=8, steps=8, every=2)
    page.wait_for_selector("[data-run='00103-gone']")
    watch(page, "00103-gone")
    page.click("#train-delete")
    page.click("#train-no")
    page.wait_for_selector("#train-yes", state="hidden")
    assert (home / "runs" / "00103-gone").exists()
    page.click("#train-delete")
    page.click("#train-yes")
    page.wait_for_selector("[data-run='00103-gone']", state="detached")
    assert not (home / "runs" / "00103-gone").exists()


def test_force_stop_is_confirmed(browser, server, home, tiny_checkpoint):
    """A training that would go on for ever, ended by another app than that which started it."""
    s, t = draw_shapes(home / "more" / "discs", "discs"), draw_shapes(home / "more" / "squares", "squares")
    with open_page(browser, server) as page:
        page.get_by_text("My own two folders", exact=True).click()
        page.wait_for_selector("#train-s textarea")
        choose_preset(page, "folders-tiny")
        write(page, "#train-s", s)
        write(page, "#train-t", t)
        choose(page, "#train-encoder", "digits-f (reads digits)")
        write(page, "#train-steps", 1_000_000)
        page.click("text=More settings")
        write(page, "#train-name", "endless")
        command(page, "steps=1000000")
        page.click("#train-start")
        page.wait_for_selector("#train-status h3 >> text=endless")
        badge(page, "Running")
    again = home / "again"
    with serve(tiny_checkpoint, again, "--runs", home / "runs") as other, open_page(browser, other) as page:
        page.wait_for_selector("#train-status h3 >> text=endless")
        badge(page, "Running")
        page.click("#train-force")
        page.click("#train-yes")
        badge(page, "Stopped|Died")  # some can still save
        page.wait_for_selector("#train-buttons >> text=Resume")
