"""Live avatars in a real headless Chromium whose webcam plays a portrait that moves, blinks and smiles. Every frame of
the film carries its number, so that what is drawn can be compared with what was shown."""

from __future__ import annotations

import io
import json
import re
import time

import cv2
import numpy as np
import pytest
from browsing import chromium
from PIL import Image as PILImage
from serving import serve
from test_browser import DRAWN, STREAMS, eventually, open_page

from benchmarks import acting
from benchmarks.scripts import Script

pytestmark = pytest.mark.e2e

FPS, SECONDS = 30, 5
BLINK = 4.2, 4.5  # seconds
BITS, BLOCK = 8, 20

SCRIPT = Script(
    SECONDS,
    {
        "x": ((0.3, 0.5), (1.2, 0.42), (2.6, 0.58), (3.6, 0.5)),
        "y": ((0.3, 0.44), (1.2, 0.47), (2.6, 0.42), (3.6, 0.44)),
        "roll": ((0.3, 0.0), (1.2, -8.0), (2.6, 8.0), (3.6, 0.0)),
        "lid left": ((BLINK[0], 1.0), (BLINK[0] + 0.1, 0.0), (BLINK[1] - 0.1, 0.0), (BLINK[1], 1.0)),
        "lid right": ((BLINK[0], 1.0), (BLINK[0] + 0.1, 0.0), (BLINK[1] - 0.1, 0.0), (BLINK[1], 1.0)),
    },
)


def numbered(frame, number):
    """The frame with its number in black and white blocks, in the lower left corner."""
    frame = frame.copy()
    for bit in range(BITS):
        frame[-BLOCK:, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
    return frame


@pytest.fixture(scope="module")
def film():
    """[(JPEG, truth)] of Eileen Collins, a loop."""
    portrait = acting.free("test")
    camera = acting.Camera(noise=1.0, shake=0.3)
    made = []
    for number, (frame, truth) in enumerate(acting.perform(portrait, SCRIPT, FPS, camera=camera)):
        data = cv2.imencode(".jpg", numbered(frame, number)[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 90))[1]
        made.append((data.tobytes(), truth))
    return made


@pytest.fixture(scope="module")
def browser(playwright, film, tmp_path_factory):
    with chromium(playwright, (data for data, _ in film), tmp_path_factory.mktemp("webcam")) as running:
        yield running


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    with serve("emoji", tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def page(browser, server):
    with open_page(browser, server) as opened:
        yield opened


LIVE = "document.querySelector('#live-stage .live').closest('[data-live]').live"


def start(page):
    page.get_by_role("tab", name="Live webcam").click()
    page.click(".live-invite [data-do=toggle]")
    page.wait_for_function(f"{LIVE}.faces.length && {LIVE}.faces[0].avatar")


def choose(page, name, value):
    page.check(f"input[name=live-{name}][value={value}]", force=True)


FOLLOW = """([live, bits, block, seconds]) => new Promise((resolve) => {
    const { scene: { canvas, context } } = live, samples = [], end = performance.now() + 1000 * seconds;
    const look = () => {
        const [face] = live.faces, scale = canvas.width / 640;
        context.resetTransform();
        let number = 0;
        for (let bit = 0; bit < bits; bit++) {  // mirrored
            const x = canvas.width - (bit + 0.5) * block * scale, y = canvas.height - block / 2 * scale;
            number |= (context.getImageData(x, y, 1, 1).data[0] > 127) << bit;
        }
        if (face) samples.push([number, 640 - face.x, face.y, -face.roll, (face.lids[0] + face.lids[1]) / 2]);
        if (performance.now() < end) requestAnimationFrame(look); else resolve(samples);
    };
    requestAnimationFrame(look);
})"""


def wrong_in(samples, film):
    """What is wrong with one round of the film, as lines."""
    numbers = np.array([sample[0] for sample in samples])
    assert set(numbers) <= set(range(len(film)))
    truth = np.array([(t.x, t.y, t.roll) for _, t in film])[numbers]
    off = np.abs(np.array([sample[1:4] for sample in samples]) - truth)
    shut = np.array([sample[4] for sample in samples]) < 0.45
    blinked = numbers[shut] / FPS
    checks = {
        "beside the face": np.median(off[:, :2], axis=0).max() < 4 and np.percentile(off[:, :2], 95) < 12,  # of 640
        "turned otherwise": np.median(off[:, 2]) < 2.5,
        "blinked elsewhere": shut.any() and BLINK[0] - 0.15 < blinked.min() and blinked.max() < BLINK[1] + 0.25,
        "not one blink": int((shut[1:] & ~shut[:-1]).sum()) == 1,
    }
    return [words for words, right in checks.items() if not right]


def test_the_avatar_follows_the_portrait_and_blinks_where_it_does(page, film):
    start(page)
    page.wait_for_timeout(2500)  # until it has seen the face at rest
    for _ in range(3):  # a machine that is busy with something else may stall in one round
        samples = page.evaluate(f"(args) => ({FOLLOW})([{LIVE}, ...args])", [BITS, BLOCK, SECONDS])
        wrong = wrong_in(samples, film)
        if not wrong:
            break
    assert wrong == []
    assert page.evaluate(f"{LIVE}.stats.way") == "socket"
    assert re.match(r"\d+ frames/s drawn · \d+ tracking updates/s · \d+ ms", page.inner_text(".live-figures"))


# ── what is saved ──


def saved(page, do, name):
    with page.expect_download() as download:
        do()
    assert download.value.suggested_filename == name
    return download.value.path()


def press(page, words):
    page.locator(".live-row").get_by_role("button", name=words, exact=True).click()


FRAMES = """(count) => new Promise((resolve) => {
    const next = () => { if (--count) setTimeout(() => requestAnimationFrame(next), 100); else resolve(); };
    requestAnimationFrame(next);
})"""
"""Wait until so many frames are drawn, a tenth of a second apart at least: a GIF takes each of them."""


def still(page):
    """The picture that *Take photo* saves: (H, W, 4)."""
    path = saved(page, lambda: press(page, "Take photo"), "avatar.png")
    return np.asarray(PILImage.open(path).convert("RGBA"))


STOP = """(kind) => {
    if (document.querySelector(".live-dot:not([hidden])")) document.querySelector(`[data-do="${kind}"]`).click();
}"""
"""Stop a recording, unless it has ended by itself after ten seconds."""


def recorded(page, kind, name):
    """Record twelve frames as "GIF" or "video"; the path of the file."""

    def record():
        press(page, f"Record {kind}")
        assert page.is_visible(".live-dot")
        other = "video" if kind == "GIF" else "GIF"
        assert page.locator(".live-row").get_by_role("button", name=f"Record {other}").is_disabled()
        page.evaluate(FRAMES, 12)
        page.evaluate(STOP, kind.lower())

    path = saved(page, record, name)
    assert page.is_hidden(".live-dot")
    return path


def is_opaque(picture):
    return picture[..., 3] == 255


def test_stills_and_clips(page):
    answers = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda answer: answers.append(answer)))
    start(page)
    eventually(page, lambda: still(page).shape[1] / still(page).shape[0] == pytest.approx(4 / 3, abs=0.01))
    assert is_opaque(still(page)).all()
    choose(page, "view", "alone")
    choose(page, "background", "transparent")
    page.check("input[name=lock]")  # what the avatar looks like stays from here on
    before = len(answers)
    eventually(page, lambda: len(answers) > before + 2)  # those that were on their way, and one after the lock

    def is_alone(picture):
        return picture[:8, :20, 3].max() == 0 and 0.1 < is_opaque(picture).mean() < 0.7

    eventually(page, lambda: is_alone(still(page)))
    alone = still(page)

    began = time.monotonic()
    gif = PILImage.open(recorded(page, "GIF", "avatar.gif"))
    took = 1000 * (time.monotonic() - began)
    assert max(gif.size) == 360
    assert gif.n_frames > 4
    lasts, frames = 0, []
    for n in range(gif.n_frames):
        gif.seek(n)
        lasts += gif.info["duration"]
        frames.append(np.asarray(gif.convert("RGBA")))
    assert 1000 < lasts < took + 1000
    assert all(is_alone(frame) for frame in frames)
    colours, counts = np.unique(alone[is_opaque(alone)][:, :3], axis=0, return_counts=True)
    drawn = np.unique(frames[0][is_opaque(frames[0])][:, :3], axis=0).astype(int)
    for colour in colours[counts.argsort()[-3:]]:
        assert np.abs(drawn - colour).max(1).min() < 4, "what is flat keeps its colour"

    choose(page, "background", "green")
    eventually(page, lambda: tuple(still(page)[0, 0]) == (0, 0xB1, 0x40, 255))
    av = pytest.importorskip("av")
    with av.open(str(recorded(page, "video", "avatar.webm"))) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    assert len(frames) > 1
    assert np.abs(frames[-1][:20, :40].astype(int) - (0, 0xB1, 0x40)).max() < 40


def test_a_picture_with_a_background_is_a_small_gif(page):
    """What stays from frame to frame is left out."""
    page.get_by_role("tab", name="Live webcam").click()
    made = page.evaluate(
        """async () => {
            const { GifEncoder } = await import("/modules/gif.js");
            const gif = new GifEncoder(90, 60, false);
            for (let i = 0; i < 20; i++) {
                const pixels = new Uint8ClampedArray(90 * 60 * 4);
                for (let p = 0; p < 90 * 60; p++) {
                    const inside = p % 90 >= 2 * i && p % 90 < 2 * i + 9 && p > 1800 && p < 3600;
                    pixels.set(inside ? [200, 20, 30, 255] : [p % 90, 180, (p / 90) | 0, 255], 4 * p);
                }
                gif.add(pixels, 80 * i);
            }
            return Array.from(new Uint8Array(await gif.finish(1600).arrayBuffer()));
        }"""
    )
    gif = PILImage.open(io.BytesIO(bytes(made)))
    assert (gif.size, gif.n_frames) == ((90, 60), 20)
    assert len(made) < 16000
    assert gif.info["loop"] == 0
    durations = []
    for i in range(20):
        gif.seek(i)
        durations.append(gif.info["duration"])
        shown = np.asarray(gif.convert("RGB")).astype(int)
        assert (np.abs(shown[25, 2 * i : 2 * i + 9] - (200, 20, 30)) < 4).all()
        assert np.abs(shown[5] - np.stack([np.arange(90), np.full(90, 180), np.full(90, 5)], -1)).max() < 24
    assert durations == [80] * 20


# ── who wears what ──


def test_a_live_avatar_is_edited_while_it_moves(page):
    start(page)
    press(page, "Edit")
    page.locator("#live-stage .editor").wait_for()
    page.click("#live-stage .editor [data-page=colours]")
    page.locator("#live-stage input[type=color][data-name='colour:skin']").fill("#00c800")
    page.wait_for_function(f"{LIVE}.faces[0]?.avatar.parameters.colours.skin === '#00c800'")
    choose(page, "view", "alone")

    def green():
        return (np.abs(still(page)[..., :3].astype(int) - (0, 200, 0)).max(-1) < 3).mean()

    eventually(page, lambda: green() > 0.05)
    page.check("input[name=lock]")
    page.get_by_role("button", name="Done editing").click()
    assert page.locator("#live-stage .editor").count() == 0
    press(page, "Stop")
    page.click(".live-invite [data-do=toggle]")  # what was edited is worn again
    page.wait_for_function(f"{LIVE}.faces[0]?.avatar?.parameters.colours.skin === '#00c800'")
    page.get_by_role("tab", name="Photo", exact=True).click()
    assert page.locator("#editor .editor").is_hidden(), "the photo has no avatar"


def test_the_largest_face_gets_the_edits_of_the_photo(page):
    page.get_by_role("button", name="Eileen Collins").click()
    page.wait_for_selector(DRAWN)
    page.click("#editor [data-page=colours]")
    page.locator("#editor input[type=color][data-name='colour:skin']").fill("#00c800")
    page.wait_for_function("sessionStorage.getItem('dtn-avatars').includes('#00c800')")
    start(page)
    page.wait_for_function(f"{LIVE}.faces[0]?.avatar.parameters.colours.skin === '#00c800'")
    press(page, "Edit")
    page.locator("#live-stage .editor").wait_for()
    page.get_by_role("tab", name="Photo", exact=True).click()
    page.wait_for_selector(f"#editor {DRAWN}")
    assert page.locator("#editor [data-do=reset]").is_enabled(), "the photo's avatar is edited still"


def test_lock_and_style_are_sent(page):
    result = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: result.append(text)))
    start(page)
    page.check("input[name=lock]")
    page.uncheck("input[name=lock]")
    page.get_by_role("radio", name="Lorelei", exact=True).click()
    page.wait_for_function(f"{LIVE}.faces[0]?.avatar.parameters.style === 'lorelei'")
    options = [json.loads(text) for text in result if isinstance(text, str)]
    assert options[0] == {"style": "", "lock": False, "edits": {}}
    assert options[1:] == [{"lock": True}, {"lock": False}, {"style": "lorelei"}]
    assert "style=lorelei" in page.get_attribute(".live-obs a", "href")


# ── the camera and the line ──


@pytest.mark.parametrize("tab", ["Photo", "Train", "Stop", "Painted"])
def test_the_camera_is_released(page, tab):
    page.evaluate(STREAMS)
    start(page)
    if tab == "Painted":
        page.get_by_label("Painted", exact=True).check()
    else:
        page.get_by_role("button" if tab == "Stop" else "tab", name=tab, exact=True).first.click()
    page.wait_for_function("streams.length && streams.every((stream) => !stream.active)")
    page.wait_for_function(f"!{LIVE}.running && !{LIVE}.faces.length")
    if tab != "Stop":
        return
    page.click(".live-invite [data-do=toggle]")
    page.wait_for_function(f"{LIVE}.faces.length")
    page.evaluate("streams.at(-1).getTracks()[0].dispatchEvent(new Event('ended'))")
    page.locator(".live-note.wrong", has_text="disconnected").wait_for()
    page.locator(".live-invite").wait_for()


def test_cameras_that_do_not_come(page):
    page.get_by_role("tab", name="Live webcam").click()
    output = {"NotAllowedError": "denied", "NotFoundError": "No camera", "NotReadableError": "busy"}
    for name, words in output.items():
        page.evaluate(
            "name => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); }; }", name
        )
        page.click(".live-invite [data-do=toggle]")
        page.locator(".live-note[role=status]", has_text=words).wait_for()
    # A camera that shows a blank wall, then nothing.
    page.evaluate("""() => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
        const pen = canvas.getContext("2d");
        window.wall = (colour) => { pen.fillStyle = colour; };
        wall("#888");
        setInterval(() => pen.fillRect(0, 0, 640, 480), 40);
        navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(25);
    }""")
    page.click(".live-invite [data-do=toggle]")
    page.locator(".live-note", has_text="No face in view.").wait_for()
    page.evaluate("wall('#000')")
    page.locator(".live-note", has_text="Black picture").wait_for()


def test_without_websockets_pictures_go_one_by_one(page):
    page.evaluate("""
        () => { window.WebSocket = class { constructor() { setTimeout(() => this.onclose({}), 20); } close() {} }; }
    """)  # fmt: skip
    start(page)
    page.locator(".live-note", has_text="blocks WebSockets").wait_for()
    assert page.evaluate(f"{LIVE}.stats.way") == "http"
    page.wait_for_function(f"{LIVE}.stats.tracked > 0")


def test_an_idle_connection_is_opened_again_for_the_next_picture(page):
    page.evaluate("""() => {
        window.sockets = [];
        window.WebSocket = class extends WebSocket { constructor(...given) { super(...given); sockets.push(this); } };
    }""")
    start(page)
    page.evaluate("""() => {
        const { onclose } = sockets[0];
        sockets[0].onclose = null;
        onclose({ code: 4000 });
    }""")
    page.wait_for_function("sockets.length === 2")
    page.evaluate("() => { window.answers = 0; sockets[1].addEventListener('message', () => answers++); }")
    page.wait_for_function("answers > 3")
    assert page.evaluate(f"{LIVE}.stats.way") == "socket"


def test_a_silent_server_is_reconnected(page):
    page.evaluate("""() => {
        let sockets = 0;
        window.WebSocket = class extends WebSocket {
            number = sockets++;
            send(message) { if (this.number || typeof message === "string") super.send(message); }
        };
        window.said = "";  // the note goes as soon as the next connection answers
        const hear = () => { said += document.querySelector(".live-note")?.textContent ?? ""; };
        new MutationObserver(hear).observe(document.body, { childList: true, characterData: true, subtree: true });
    }""")  # fmt: skip
    page.get_by_role("tab", name="Live webcam").click()
    page.click(".live-invite [data-do=toggle]")
    page.wait_for_function("said.includes('No response for five seconds')")
    page.wait_for_function(f"{LIVE}.faces.length")
    assert page.inner_text(".live-note") == ""


# ── pages ──


def test_the_page_for_obs_and_a_second_tab(page, server):
    start(page)
    other = page.context.new_page()
    other.goto(f"{server.url}/live?background=green&style=lorelei")
    other.wait_for_function("document.body.live?.faces.length")

    def shows_an_avatar_on_green():
        shot = np.asarray(PILImage.open(io.BytesIO(other.screenshot())).convert("RGB")).astype(int)
        green = np.abs(shot - (0, 0xB1, 0x40)).max(-1) < 3
        middle = green[green.shape[0] // 2, green.shape[1] // 2]
        return 0.2 < green.mean() < 0.9 and green[:20, :40].all() and not middle

    eventually(other, shows_an_avatar_on_green)
    assert other.locator("button").is_hidden()
    page.wait_for_function(f"{LIVE}.stats.tracked > 0")  # the first tab goes on: it had an answer in the last second
    for query, corner in (("background=102030", (16, 32, 48)), ("background=transparent&controls=0", (255, 255, 255))):
        other.goto(f"{server.url}/live?{query}")
        other.wait_for_function("document.body.live?.faces.length")
        eventually(
            other,
            lambda corner=corner: (
                PILImage.open(io.BytesIO(other.screenshot())).convert("RGB").getpixel((2, 2)) == corner
            ),
        )
    other.close()


def test_on_a_phone_by_keyboard(browser, server):
    with open_page(browser, server, width=390) as page:
        page.get_by_role("tab", name="Live webcam").click()
        page.locator(".live-invite button").focus()
        page.keyboard.press("Enter")
        page.wait_for_function(f"{LIVE}.faces.length")
        page.locator("input[name=live-view]:checked").focus()
        for view, ratio in (("beside", 4 / 7), ("alone", 4 / 3)):
            page.keyboard.press("ArrowRight")
            assert page.get_attribute(".live-stage", "data-view") == view
            page.wait_for_function(
                f"r => Math.abs({LIVE}.scene.canvas.width / {LIVE}.scene.canvas.height - r) < 0.02", arg=ratio
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
