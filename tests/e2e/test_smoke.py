"""The main paths through the app in a real headless Chromium. Tests of test_browser.py that are marked `smoke` are the
others."""

from __future__ import annotations

import numpy as np
import pytest
from browsing import SCRIPTS_RUN, SECONDS, watched
from PIL import Image as PILImage

pytestmark = [pytest.mark.e2e, pytest.mark.smoke]


@pytest.fixture
def page(browser, server):
    with watched(browser, server, permissions=["camera"]) as opened:
        opened.wait_for_selector(".photo-stage")
        opened.wait_for_function(SCRIPTS_RUN)
        yield opened


def test_a_live_avatar_is_drawn_and_saved(page):
    page.get_by_role("tab", name="Live webcam").click()
    page.click(".live-invite [data-do=toggle]")
    page.wait_for_selector(".live-edits button")  # there is one for every avatar
    with page.expect_download() as download:
        page.click(".live-row [data-do=still]")
    assert download.value.suggested_filename == "avatar.png"
    with PILImage.open(download.value.path()) as still:
        assert np.asarray(still.convert("L")).std() > 10
    page.click(".live-row [data-do=toggle]")
    page.wait_for_selector(".live-invite")


def test_a_tiny_run_is_trained_and_deleted(page):
    page.get_by_role("tab", name="Train").click()
    page.click("#train-preset input")
    page.get_by_role("option", name="digits-tiny", exact=True).click()
    page.wait_for_function(
        "() => document.querySelector('#train-command textarea').value.includes('train digits-tiny')"
    )
    page.click("#train-start")
    page.wait_for_selector("#train-runs [data-run='00001-digits-tiny']")
    page.wait_for_selector("#train-status .badge >> text=Done", timeout=120 * SECONDS)
    page.wait_for_selector("#train-curves svg")
    page.wait_for_selector("#train-samples img")
    page.click("#train-delete")
    page.click("#train-yes")
    page.wait_for_selector("[data-run]", state="detached")
