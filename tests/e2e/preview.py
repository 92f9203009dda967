"""Make the pictures that show what the app does: python tests/e2e/preview.py

Writes assets/demo/ (the home page's animation), assets/preview.png (1200×630, the link preview) and assets/readme.png
(1200×675).
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from string import Template

from PIL import Image as PILImage
from playwright.sync_api import sync_playwright

sys.path[:0] = map(str, Path(__file__).resolve().parents[1:3])  # tests/ and the repository
from browsing import CHROMIUM  # noqa: E402
from serving import ROOT  # noqa: E402

from dtn_core.avatars import engine  # noqa: E402
from dtn_core.data import examples, portraits  # noqa: E402
from dtn_core.faces.align import align  # noqa: E402
from dtn_core.pipeline.photo import Transferrer  # noqa: E402

PEOPLE = (("Eileen Collins", "emoji"), ("Grace Hopper", "toon-head"), ("beard and glasses", "lorelei"))
"""An example, and the checkpoint that draws it."""

SIDE = 440

PAGE = Template((Path(__file__).with_name("preview.html")).read_text("utf-8"))


def people():
    """Yield the head of each person, and their avatar as SVG."""
    photos = portraits.public_domain() | {name: drawing.picture for name, drawing in examples.drawn().items()}
    for name, checkpoint in PEOPLE:
        (face,) = Transferrer.from_pretrained(checkpoint)(photos[name], kind="drawn").faces
        yield align(photos[name], face.aligned.face, SIDE).image, engine.svg(face.avatar.parameters, "head")


def data_url(content: bytes, kind: str) -> str:
    """Return the content of a file as a data URL."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def main():
    """Write all pictures."""
    demo = ROOT / "assets" / "demo"
    demo.mkdir(exist_ok=True)
    pairs = []
    for number, (head, svg) in enumerate(people(), 1):
        buffer = io.BytesIO()
        PILImage.fromarray(head).save(buffer, "webp", quality=85)
        (demo / f"{number}-a.webp").write_bytes(buffer.getvalue())
        (demo / f"{number}-b.svg").write_text(svg)
        pairs.append((data_url(buffer.getvalue(), "webp"), data_url(svg.encode(), "svg+xml")))
    pictures = "".join(f'<li><img src="{url}"></li>' for pair in pairs for url in pair)
    logo = (ROOT / "assets" / "favicon.svg").read_text("utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, height, side in (("preview.png", 630, 214), ("readme.png", 675, 222)):
            page = browser.new_page(viewport={"width": 1200, "height": height})
            page.set_content(PAGE.substitute(width=1200, height=height, side=side, logo=logo, pictures=pictures))
            page.screenshot(path=ROOT / "assets" / name)
        browser.close()


if __name__ == "__main__":
    main()
