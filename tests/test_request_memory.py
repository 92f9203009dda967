"""Requests to the app: small ones can't take much memory, alone or many at a time."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio.components.image import ImageData
from starlette.requests import Request

from dtn_core.core.errors import UserError
from dtn_core.pipeline.live.protocol import Protocol
from dtn_core.ui import gradio_internals
from dtn_core.ui.access.rate_limits import BUSY
from dtn_core.ui.api import video_socket
from dtn_core.ui.components import pictures


def test_webcam_frames_are_smaller_than_photos():
    fits = pictures.encode(np.zeros((2160, 3840, 3), np.uint8), None)
    large = pictures.encode(np.zeros((3000, 4000, 3), np.uint8), None)
    camera = gradio_internals.image()
    assert camera.preprocess(ImageData(url=fits)).shape == (2160, 3840, 3)
    assert camera.preprocess(ImageData(url=large)).shape == (1500, 2000, 3)
    assert pictures.decode(large).shape == (3000, 4000, 3)


def test_queued_calls_are_limited_in_bytes(monkeypatch):
    monkeypatch.setattr(gradio_internals, "MAX_QUEUED_BYTES", 1000)
    demo = gr.Blocks()
    demo.queue(max_size=100)
    gradio_internals.limit_queue(demo)

    def request(size):
        return Request({"type": "http", "headers": [(b"content-length", str(size).encode())]})

    demo._queue.event_ids_to_events["waiting"] = SimpleNamespace(request=request(600))
    body = SimpleNamespace(fn_index=None, session_hash="a")
    assert asyncio.run(demo._queue.push(body, request(401), None)) == (False, BUSY, "queue_full")
    assert asyncio.run(demo._queue.push(body, request(400), None))[2] == "error"  # gradio's: it was let through


def test_large_json_is_refused_unparsed():
    message = json.dumps({"style": "x" * 300_000})
    assert Protocol(None).options(message)["error"] == "options have at most 256 kB."
    with pytest.raises(UserError, match="at most 16 kB"):
        video_socket.VideoRequest(message)
