"""Make README's animated picture by the app itself: python tests/e2e/animation.py [CHECKPOINT] [-o FILE.gif]

The webcam plays Eileen Collins, who looks about, blinks and speaks; the app records what it shows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
from playwright.sync_api import sync_playwright

sys.path[:0] = map(str, Path(__file__).resolve().parents[1:3])  # tests/ and the repository
from browsing import CHROMIUM, FLAGS  # noqa: E402
from serving import ROOT, serve  # noqa: E402

from benchmarks import acting  # noqa: E402
from benchmarks.scripts import Script  # noqa: E402

SECONDS = 8
BLINKS = (0.9, 3.2, 7.2)  # seconds
LIDS = [(0.0, 1.0), *((at + t, lid) for at in BLINKS for t, lid in ((0, 1.0), (0.1, 0.0), (0.2, 0.0), (0.3, 1.0)))]
BROWS = ((4.6, 0.0), (5.0, 1.0), (6.2, 1.0), (6.7, 0.0))
SPEECH = ((4.6, 0.0), (4.9, 0.9), (5.2, 0.15), (5.5, 0.8), (5.8, 0.2), (6.1, 0.9), (6.5, 0.0))


def swing(usual: float, by: float) -> tuple[tuple[float, float], ...]:
    """Keys that go to one side, to the other, and back."""
    return (0.3, usual), (1.6, usual - by), (3.2, usual + by), (4.4, usual)


SCRIPT = Script(
    SECONDS,
    {
        **{"x": swing(0.5, 0.07), "y": swing(0.46, -0.02), "roll": swing(0, 10), "yaw": swing(0, 0.5)},
        **{"apart": ((0.0, 84.0),), "lid left": LIDS, "lid right": LIDS, "open": SPEECH},
        **{"brow left": BROWS, "brow right": BROWS},
    },
)


def film() -> bytes:
    """A loop, as Chromium's fake webcam plays it."""
    camera = acting.Camera(noise=0, shake=0, flicker=0, quality=0)
    frames = (frame for frame, _ in acting.perform(acting.free("test"), SCRIPT, camera=camera))
    quality = (cv2.IMWRITE_JPEG_QUALITY, 95)
    return b"".join(cv2.imencode(".jpg", frame[..., ::-1], quality)[1].tobytes() for frame in frames)


def main():
    """Start the app, let its webcam play, and record what it shows."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("checkpoint", nargs="?", default="emoji")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "assets" / "live.gif")
    flags = parser.parse_args()
    home = tempfile.TemporaryDirectory()
    with home, serve(flags.checkpoint, Path(home.name)) as server, sync_playwright() as pw:
        webcam = Path(home.name) / "webcam.mjpeg"
        webcam.write_bytes(film())
        browser = pw.chromium.launch(executable_path=CHROMIUM, args=(FLAGS + str(webcam)).split())
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.url)
        page.get_by_role("tab", name="Live webcam").click()
        page.click(".live-invite button")
        page.check("input[name=live-view][value=beside]", force=True)
        page.wait_for_timeout(9000)  # until the avatar is settled
        with page.expect_download() as download:
            page.get_by_role("button", name="Record GIF").click()
            page.wait_for_timeout(1000 * SECONDS)
            page.get_by_role("button", name="Stop recording").click()
        download.value.save_as(flags.output)
        print(page.inner_text(".live-figures"))
        browser.close()


if __name__ == "__main__":
    main()
