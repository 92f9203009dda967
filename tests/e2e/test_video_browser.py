"""A video file in a real headless Chromium: redrawn, shown, downloaded, cancelled; nothing on the server's disk."""

from __future__ import annotations

import pytest
from made_videos import moved, video, watched
from test_browser import open_page

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clip(hopper):
    return video(moved(hopper, 20))


@pytest.fixture(params=[1280, 390])
def page(request, browser, server):
    with open_page(browser, server, request.param) as opened:
        opened.get_by_role("tab", name="Video", exact=True).click()
        opened.wait_for_selector(".video-stage", state="visible")
        yield opened
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def choose(page, data, name="clip.mov"):
    page.set_input_files("#video .photo-file", {"name": name, "mimeType": "video/quicktime", "buffer": data})


def test_a_video_is_redrawn_shown_and_downloaded(page, clip):
    choose(page, clip)
    player = page.locator(".video-result video")
    player.wait_for()
    page.wait_for_function("document.querySelector('.video-result video').readyState > 1")
    seen = player.evaluate("v => [v.duration, v.videoWidth, v.videoHeight]")
    assert seen == [pytest.approx(0.8, abs=0.1), 320, 240]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download (MP4)").click()
    assert download.value.suggested_filename == "clip-emoji.mp4"
    frames, _, codec, *_ = watched(download.value.path().read_bytes())
    assert (len(frames), codec) == (20, "aac")
    page.locator("#video").get_by_label("Emoji only").check()
    page.get_by_role("button", name="Redraw with these settings").click()
    page.wait_for_function("document.querySelector('.video-result video').videoWidth === 512")


def test_cancelled_and_damaged(page, hopper, clip):
    choose(page, video(list(moved(hopper, 25)) * 40, sound=None))
    page.locator(".video-result img").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.locator("#video .photo-note", has_text="Cancelled").wait_for()
    choose(page, clip[: len(clip) // 2], "half.mp4")
    page.locator("#video .photo-note", has_text="not a video that can be read").wait_for()
    assert page.locator("#video .photo-choose").is_visible()
