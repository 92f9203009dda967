"""Random hands on the page: ``python -m tests.reliability.monkey -o FILE.json``, and more flags.

A real Chromium clicks, writes, chooses files, turns back and resizes at random, many things at once; the kinds of
controls are equally likely, so that a hundred haircuts don't hide one button. After every burst the page must come to
rest, without an error in its console, without anything sticking out, and with the app still answering; at the end a
photo must become an emoji as at the start."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS)] * (str(TESTS) not in sys.path)

import numpy as np  # noqa: E402
from browsing import SECONDS, chromium, jpeg, watch_console  # noqa: E402
from playwright.sync_api import Error, sync_playwright  # noqa: E402
from serving import Server, serve  # noqa: E402

from benchmarks.running import rss  # noqa: E402

BURST = 8
"""Actions, at most, before the page is looked at."""

REST = 30
"""Seconds by which the page must have come to rest."""

QUIET = 1.0
"""Seconds without a question are rest."""

WORDS = ("", "0", "-1", "1e9", "nan", "a" * 300, "Grüße ☃", "<b>bold</b>", "../../etc/passwd", "digits", "emoji")

NOT_OURS = ("AbortError: The play() request was interrupted",)
"""gradio's own webcam says so where its tab is left before it plays."""

CONTROLS = """() => {
  const found = [...document.querySelectorAll(
    "main button, main input, main textarea, main select, main summary, main [role=tab], main [role=radio], " +
    "main [role=option], main [tabindex='0'], main a[download]")];
  const seen = found.filter((one) => !one.disabled && one.getClientRects().length && !one.closest("footer") &&
    getComputedStyle(one).visibility === "visible");
  const files = [...document.querySelectorAll("input[type=file]")].filter((one) => one.parentElement.offsetParent);
  window.controls = [...new Set([...seen, ...files])];
  return window.controls.map((one) => [one.tagName.toLowerCase(), one.type || "", one.getAttribute("role") || "",
    one.className && typeof one.className === "string" ? one.className.split(" ")[0] : "", one.id,
    (one.textContent || one.getAttribute("aria-label") || "").trim().slice(0, 30)]);
}"""

STICKS_OUT = """() => document.querySelector(".fullscreen") ? 0 : document.documentElement.scrollWidth - innerWidth"""
"""Pixels. gradio's full screen lies over a page that doesn't matter then."""

PLACE = """(i) => {
  const one = window.controls[i];
  if (!one || !one.isConnected) return null;
  one.scrollIntoView({ block: "center", behavior: "instant" });
  const box = one.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""

ASKS_BY_ITSELF = """() => new Set(window.gradio_config.dependencies
  .filter((one) => one.targets.some(([, name]) => name === "tick" || name === "stream")).map((one) => one.id))"""


CAMERAS = """(() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices), given = [];
  navigator.mediaDevices.getUserMedia = async (...what) => {
    const stream = await ask(...what);
    given.push(...stream.getTracks());
    return stream;
  };
  window.camerasOn = () => given.filter((track) => track.readyState === "live").length;
})()"""


def tracebacks(log: str) -> list[str]:
    """What the app printed of its errors, but for gradio's of a page that was left while it was answered."""
    errors = log.split("ERROR:    Exception in ASGI application")
    return [error for error in errors if "Traceback" in error and "in sse_stream" not in error]


class Monkey:
    """A page and what has been done to it. seed: of all choices; what the app answers when isn't foreseen."""

    def __init__(self, page: Any, server: Server, seed: int, files: Sequence[Path]) -> None:
        self.page, self.server, self.files = page, server, list(files)
        self.random = random.Random(seed)
        self.done: list[str] = []
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.rests: list[float] = []
        self.asked: list[float] = []
        self.asks_by_itself: set[int] = set()
        page.set_default_timeout(30 * SECONDS)
        page.on("pageerror", self._failed)
        page.on("dialog", lambda dialog: dialog.accept() if self.random.random() < 0.5 else dialog.dismiss())
        page.on("request", self._asked)
        page.add_init_script(CAMERAS)
        watch_console(page, self.wrong)

    def _failed(self, error: Any) -> None:
        words = f"{error.name}: {error.message} {error.stack}"
        if not words.startswith(NOT_OURS):
            self.wrong.append(f"page error: {words}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self.wrong.append(f"request: {request.url}")
        if "/queue/join" in request.url and request.post_data_json["fn_index"] not in self.asks_by_itself:
            self.asked.append(time.monotonic())

    def open(self) -> None:
        self.page.goto(self.server.url)
        self.page.wait_for_selector(".photo-stage")
        self.asks_by_itself = set(self.page.evaluate(f"() => [...({ASKS_BY_ITSELF})()]"))

    def burst(self) -> None:
        """Some actions, hardly a moment between them; then everything must be as it should."""
        for _ in range(self.random.randint(1, BURST)):
            self.act()
            self.page.wait_for_timeout(self.random.choice((0, 0, 30, 200)))
        self.look()

    def act(self) -> None:
        chance = self.random.random()
        if chance < 0.02:
            return self._do("reload", lambda: self.open())
        if chance < 0.04:
            width = self.random.choice((390, 800, 1280))
            return self._do(f"resize {width}", lambda: self.page.set_viewport_size({"width": width, "height": 900}))
        if chance < 0.12:
            key = self.random.choice(("Escape", "Enter", "Tab", "ArrowDown", "ArrowRight", "Space", "Control+z"))
            return self._do(f"press {key}", lambda: self.page.keyboard.press(key))
        controls = self.page.evaluate(CONTROLS)
        kinds = sorted({tuple(one[:4]) for one in controls})
        if not kinds:
            return None
        kind = self.random.choice(kinds)
        at = self.random.choice([i for i, one in enumerate(controls) if tuple(one[:4]) == kind])
        self._use(at, *controls[at])
        return None

    def _use(self, at: int, tag: str, kind: str, role: str, first_class: str, name: str, words: str) -> None:
        where = " ".join(filter(None, (tag, kind, role, first_class, name, words)))
        if kind == "file":
            files = self.random.sample(self.files, self.random.randint(1, 2))
            handle = self.page.evaluate_handle("(i) => window.controls[i]", at).as_element()
            many = handle.evaluate("(one) => one.multiple")
            chosen = files if many else files[:1]
            self._do(f"give {[file.name for file in chosen]} to {where}", lambda: handle.set_input_files(chosen))
            return
        place = self.page.evaluate(PLACE, at)
        if not place:
            return
        self._do(f"click {where}", lambda: self.page.mouse.click(*place, click_count=self.random.choice((1, 1, 1, 2))))
        if tag == "textarea" or kind in ("text", "number", "search"):
            word = self.random.choice(WORDS)
            self._do(f"write {word[:20]!r}", lambda: self._write(word))

    def _write(self, word: str) -> None:
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(word)
        if self.random.random() < 0.5:
            self.page.keyboard.press(self.random.choice(("Enter", "Tab")))

    def _do(self, what: str, action: Any) -> None:
        self.done.append(what)
        self.counts[what.split()[0]] += 1
        action()

    def look(self) -> None:
        """Raises AssertionError, with what was done last, if something isn't as it should."""
        start = time.monotonic()
        while not self.wrong and time.monotonic() - max([start, *self.asked[-1:]]) < QUIET:
            if time.monotonic() - start > REST:
                recent = sum(at > time.monotonic() - 10 for at in self.asked)
                self.wrong.append(f"the page goes on asking: {recent} times in the last 10 s")
            self.page.wait_for_timeout(100)
        self.rests.append(max(0.0, time.monotonic() - start - QUIET))
        out = self.page.evaluate(STICKS_OUT)
        if out > 0:
            self.wrong.append(f"something sticks out by {out} pixels")
        if (cameras := self.page.evaluate("camerasOn()")) > 1:
            self.wrong.append(f"{cameras} cameras are on")
        answer = self.page.request.get(self.server.url)
        if not answer.ok:
            self.wrong.append(f"the app answers {answer.status}")
        answer.dispose()
        self.wrong += tracebacks(self.server.log())
        if self.wrong:
            raise AssertionError("\n".join([*self.wrong, "after:", *self.done[-30:]]))

    def photo(self, portrait: Path) -> None:
        """A photo must become an emoji."""
        self.page.set_input_files(".photo-file", portrait)
        self.page.wait_for_selector(".editor:not([hidden]) .editor-avatar[src^='data:image/svg']")
        self.look()


def portraits(folder: Path) -> list[Path]:
    """Two portraits, no face, and what is no picture."""
    from skimage.data import astronaut, camera

    pictures = {"portrait": astronaut(), "mirrored": astronaut()[:, ::-1], "noise": np.dstack([camera()] * 3)}
    for name, picture in pictures.items():
        (folder / f"{name}.jpg").write_bytes(jpeg(np.ascontiguousarray(picture)))
    (folder / "words.txt").write_text("no picture", encoding="utf-8")
    (folder / "avatar.json").write_text("{}", encoding="utf-8")
    return sorted(folder.glob("*.*"))


@contextmanager
def opened(browser: Any, server: Server, seed: int, files: Sequence[Path]) -> Iterator[Monkey]:
    """The page in a session of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
    monkey = Monkey(context.new_page(), server, seed, files)
    monkey.open()
    yield monkey
    context.close()


def measure(server: Server, browser: Any, actions: int, seed: int, files: Sequence[Path]) -> dict[str, Any]:
    """Random actions in one session, until something is wrong."""
    portrait = next(file for file in files if file.name == "portrait.jpg")
    wrong = ""
    with opened(browser, server, seed, files) as monkey:
        monkey.photo(portrait)
        before = rss(server.pid)
        try:
            while len(monkey.done) < actions:
                monkey.burst()
        except (AssertionError, Error) as error:
            wrong = str(error)
    with opened(browser, server, seed, files) as another:
        another.photo(portrait)
    return {
        "seed": seed,
        "actions": len(monkey.done),
        "kinds": dict(monkey.counts.most_common()),
        "looks": len(monkey.rests),
        "longest_s": round(max(monkey.rests), 1),
        "rss_mb": [before, rss(server.pid)],
        "wrong": wrong,
    }


def wrong(report: dict[str, Any]) -> list[str]:
    """What was wrong, and what had been done before."""
    return [one["wrong"] for one in report["sessions"] if one["wrong"]]


def totals(sessions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of all sessions."""
    actions, looks = (sum(one[key] for one in sessions) for key in ("actions", "looks"))
    errors = sum(bool(one["wrong"]) for one in sessions)
    return {"actions": actions, "looks": looks, "errors": errors, "longest_s": max(s["longest_s"] for s in sessions)}


def sentence(report: dict[str, Any]) -> str:
    """The report for docs/reliability.md."""
    actions, looks, errors, rest = totals(report["sessions"]).values()
    return f"{actions:,} actions, {looks:,} looks: {errors} errors; at rest within {rest} s"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--actions", type=int, default=3000, help="in all (default 3000)")
    parser.add_argument("--sessions", type=int, default=6, help="pages they are shared by, one after the other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    flags = parser.parse_args(argv)
    report: dict[str, Any] = {"cores": os.cpu_count(), "machine": platform.machine(), "sessions": []}
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        place = Path(home) / "given"
        place.mkdir()
        files = portraits(place)
        film = [(place / name).read_bytes() for name in ("portrait.jpg", "mirrored.jpg")]
        with (
            serve("emoji", Path(home), "--training", "off", calm=False) as server,
            chromium(playwright, film, place) as browser,
        ):
            for i in range(flags.sessions):
                one = measure(server, browser, flags.actions // flags.sessions, flags.seed + i, files)
                report["sessions"].append(one)
                print(json.dumps(one), flush=True)
    report |= totals(report["sessions"])
    print("\n\n".join([*wrong(report), sentence(report)]))
    if flags.output:
        flags.output.parent.mkdir(parents=True, exist_ok=True)
        flags.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(bool(wrong(report)))


if __name__ == "__main__":
    sys.exit(main())
