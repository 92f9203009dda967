"""How quick the editor is: ``python -m benchmarks.editor [-n 60] [--no-page] [--json] [-o results/editor.json]``.

server   a change of an avatar to its SVG, as the page asks for it; and naively, to a PNG of 512 pixels as a data URL
page     in a headless Chromium on the app: from the change of a control to the new picture's load event
previews bytes of all previews of a style, as the page gets them

Medians and 95th percentiles of milliseconds, by style; changes are drawn at random with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
from pathlib import Path
from time import perf_counter

from benchmarks import running, save
from dtn_core.avatars import engine
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.ui import catalogue, editor, pictures

CHANGE = """async ([tab, name, index]) => {
    document.querySelector(`#editor [data-page="${tab}"]`).click();
    const inputs = [...document.querySelectorAll(`#editor input[name="${name}"]`)].filter((one) => !one.checked);
    const input = inputs[index % inputs.length], picture = document.querySelector("#editor .editor-avatar");
    await new Promise((done) => setTimeout(done, 60));
    const start = performance.now();
    return await new Promise((done) => {
        picture.addEventListener("load", () => done(performance.now() - start), { once: true });
        setTimeout(() => done(Infinity), 5000);
        input.checked = true;
        input.dispatchEvent(new Event("input", { bubbles: true }));
    });
}"""


def changes(style, n):
    """n avatars, each with one slot or colour other than the one before."""
    rng, one = random.Random(0), Parameters(style)
    for _ in range(n):
        if rng.random() < 0.5:
            slot = rng.choice(list(one.spec.slots))
            one = Parameters(style, {**one.variants, slot: rng.choice(one.spec.slots[slot])}, one.colours)
        else:
            name = rng.choice(list(one.spec.colours))
            one = Parameters(style, one.variants, {**one.colours, name: f"#{rng.randrange(1 << 24):06x}"})
        yield one


def timed(function, avatars):
    """Milliseconds of each."""
    times = []
    for one in avatars:
        start = perf_counter()
        function(one)
        times.append(1000 * (perf_counter() - start))
    return times


def summary(times):
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return {"median": round(statistics.median(times), 2), "p95": round(p95, 2)}


def server(style, n):
    avatars = list(changes(style, n))
    timed(engine.svg, avatars[:3])  # what loads late
    return {
        "svg": summary(timed(lambda one: editor.draw({"parameters": one.to_dict()}), avatars)),
        "naive": summary(timed(lambda one: pictures.encode(engine.image(one, 512)), avatars)),
    }


def preview_bytes(style):
    slots = [slot["name"] for slot in catalogue.style_info(style)["slots"]]
    return sum(len(editor.preview({"style": style, "slot": slot})["url"]) for slot in [*slots, "expression"])


def page(n):
    """Milliseconds on the page; None without a browser."""
    chromium = running.chromium()
    if chromium is None:
        print("no page: pip install -r requirements-dev.txt, and install Chromium", file=sys.stderr)
        return None
    from playwright.sync_api import sync_playwright

    with running.app() as app, sync_playwright() as playing:
        browser = playing.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.goto(app.url)
        opened.wait_for_selector(".photo-example")
        opened.wait_for_timeout(3000)
        opened.locator(".photo-example").first.click()
        opened.wait_for_selector(".editor:not([hidden])")
        opened.wait_for_timeout(3000)
        rng, times = random.Random(0), []
        for _ in range(n):
            tab, name = rng.choice((("top", "slot:top"), ("mouth", "slot:mouth"), ("colours", "colour:clothes")))
            times.append(opened.evaluate(CHANGE, [tab, name, rng.randrange(100)]))
        browser.close()
    return summary(times)


def main(argv=None):
    parser = argparse.ArgumentParser(description="Milliseconds from a change of an avatar to its picture.")
    parser.add_argument("-n", type=int, default=60, help="changes (default 60)")
    parser.add_argument("--quick", action="store_true", help="10 changes, without the page")
    parser.add_argument("--no-page", action="store_true", help="without a browser")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("-o", "--output", type=Path, help="also write the figures as JSON")
    arguments = parser.parse_args(argv)
    n = 10 if arguments.quick else max(1, arguments.n)
    report = {"n": n, "machine": platform.machine(), "cores": os.cpu_count()}
    report["server_ms"] = {style: server(style, n) for style in SPECS}
    report["preview_bytes"] = {style: preview_bytes(style) for style in SPECS}
    if not (arguments.quick or arguments.no_page):
        report["page_ms"] = page(n)
    if arguments.output:
        save(report, arguments.output)
    if arguments.json:
        print(json.dumps(report, indent=1))
        return 0
    print("| ms, median (95%) | SVG | naive, PNG | ratio | previews |\n|---|---|---|---|---|")
    for style, ms in report["server_ms"].items():
        cells = [f"{ms[way]['median']:.1f} ({ms[way]['p95']:.1f})" for way in ("svg", "naive")]
        ratio = ms["naive"]["median"] / ms["svg"]["median"]
        print(f"| {style} | {' | '.join(cells)} | {ratio:.0f}× | {report['preview_bytes'][style] / 1000:.0f} kB |")
    if report.get("page_ms"):
        print(f"\nOn the page: {report['page_ms']['median']:.0f} ms ({report['page_ms']['p95']:.0f}).")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
