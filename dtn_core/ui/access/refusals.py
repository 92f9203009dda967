"""How a request is refused: an HTTP status and one line of text, or a closed WebSocket."""

from __future__ import annotations

import json

import anyio
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

LARGEST_BODY = 128 << 20
"""Bytes of a request at most, uploads aside: a photo as base64, and what was edited on it."""

DRAIN_SECONDS = 30
"""Time for which the rest of a refused request's body is read and thrown away."""

_CLOSES = 408, 411, 413
"""Statuses after which the connection is closed at once, without reading the rest of the body."""


class RefusedError(Exception):
    """A request that is answered with an error by the middleware.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


async def refuse(scope: Scope, receive: Receive, send: Send, refused: RefusedError) -> None:
    """Answer a request with the error, or close a WebSocket that isn't open yet.

    The answer is sent at once. The rest of the body is then read, because a proxy that is still sending it takes a
    closed connection for a failure and answers 502.
    """
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).close(1008)
        return
    # gradio's page reads "detail" or "error", programs read either
    body = json.dumps({"detail": str(refused), "error": str(refused)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    closes = refused.status in _CLOSES
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if not closes:
        await _drain(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    left, more = LARGEST_BODY, True
    with anyio.move_on_after(DRAIN_SECONDS):
        while more and left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            more = message.get("more_body", False)
