"""The transport of live video: a WebSocket beside the app, and plain HTTP where a proxy blocks WebSockets.

Frames stay in memory. A session ends when its socket closes, or when it has been idle for too long.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from anyio import CapacityLimiter, fail_after, to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...core.errors import UserError
from ...pipeline.live.background import Background
from ...pipeline.live.protocol import MAX_MESSAGE_BYTES, Protocol
from ...pipeline.live.session import Session
from ...pipeline.photo import Transferrer
from ..access.admission import Places
from ..access.middleware import SOCKETS, caller, is_own_page
from ..access.policy import Viewer
from ..tabs.live import page
from ..translations import Translations

MAX_SESSIONS = 64
"""Live sessions of remote viewers at a time, of all addresses; `middleware.SOCKETS` of one address."""

HTTP_TIMEOUT = 30.0
"""Seconds without a request after which a session over HTTP ends."""

SOCKET_TIMEOUT = 60.0
"""Seconds without a message after which a socket is closed."""

SEND_TIMEOUT = 10.0
"""Seconds for which a page may not read an answer before its socket is closed."""

IDLE_CLOSE_CODE = 4000
"""Close code of an idle socket: the page reconnects when it has a frame to send (assets/js/live-connection.js)."""

BUSY = "Too many people are live here just now. Try again in a minute."

NO_SESSION = "there is no such session. Send a frame first."

_NAME = re.compile(r"[0-9a-zA-Z-]{8,64}")


@dataclass
class HttpSession:
    """A session over HTTP.

    Attributes:
        protocol: answers its messages.
        viewer: who holds its place.
        last_used: time of its last request, by `time.monotonic`.
    """

    protocol: Protocol
    viewer: Viewer
    last_used: float


class Live:
    """All live sessions of an app.

    Frames are processed first come, first served; those of the person at this computer have threads of their own.
    """

    def __init__(self, translations: Translations[Transferrer]) -> None:
        self._translations = translations
        self._slow_nets = Background()
        self._threads = CapacityLimiter(max(1, os.cpu_count() or 1))
        self._local_threads = CapacityLimiter(max(1, os.cpu_count() or 1))
        self._places = Places(MAX_SESSIONS, SOCKETS)
        self._http_sessions: dict[str, HttpSession] = {}
        self._expiry: asyncio.TimerHandle | None = None

    def routes(self) -> list[BaseRoute]:
        """Return the routes to serve beside the app."""
        return [
            WebSocketRoute("/live/ws", self.socket),
            Route("/live/frame", self.frame, methods=["POST"]),
            Route("/live", lambda request: HTMLResponse(page())),
        ]

    def _new_protocol(self) -> Protocol:
        first = self._translations.first
        first = first if first.draws and not first.takes_whole_pictures else self._pick("emoji")
        return Protocol(Session(first, self._slow_nets, self._pick))

    def _pick(self, style: str) -> Transferrer:
        """Return a translation by its key, or by the name of the default one."""
        first = self._translations.first
        return first if style == first.checkpoint.name else self._translations.get(style)

    async def socket(self, socket: WebSocket) -> None:
        """Serve ``/live/ws``."""
        if not is_own_page(socket):
            await socket.close(1008)
            return
        await socket.accept()
        self._expire_sessions()
        viewer = caller()
        if not self._places.take(viewer):
            await socket.send_json(UserError(BUSY, code="busy").to_dict())
            await socket.close(1013)
            return
        try:
            await self._serve_socket(socket)
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            await socket.close(IDLE_CLOSE_CODE)
        finally:
            self._places.release(viewer)

    async def _serve_socket(self, socket: WebSocket) -> None:
        """Answer messages until the page closes the socket. Raises TimeoutError where the page is idle."""
        protocol = await self._run(self._new_protocol)
        while True:
            with fail_after(SOCKET_TIMEOUT):
                message = await socket.receive()
            if message["type"] != "websocket.receive":
                return
            if (frame := message.get("bytes")) is not None:
                answer = await self._run(partial(protocol.answer, frame))
            else:
                answer = await self._run(partial(protocol.options, message.get("text") or ""))
            if answer:
                await send(socket, answer)

    async def frame(self, request: Request) -> Response:
        """Serve ``/live/frame?session=NAME``: frames, and options as JSON."""
        name = request.query_params.get("session", "")
        if not is_own_page(request) or not _NAME.fullmatch(name):
            return JSONResponse({"error": "a session has a name of 8 to 64 letters and digits."}, 400)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_MESSAGE_BYTES:
                return JSONResponse({"error": f"a frame has at most {MAX_MESSAGE_BYTES >> 20} MB."}, 413)
        self._expire_sessions()
        session = self._http_sessions.get(name)
        is_json = request.headers.get("content-type", "").startswith("application/json")
        if session is None:
            return JSONResponse({"error": NO_SESSION}, 404) if is_json else await self._first_frame(name, body)
        session.last_used = time.monotonic()
        if is_json:
            return JSONResponse(await self._run(partial(session.protocol.options, body.decode("utf-8", "replace"))))
        return JSONResponse(await self._run(partial(session.protocol.answer, body)))

    async def _first_frame(self, name: str, body: bytes) -> Response:
        """Answer the first frame of a session over HTTP. The session is kept only if the frame is valid."""
        viewer = caller()
        if not self._places.take(viewer):
            return JSONResponse(UserError(BUSY, code="busy").to_dict(), 503)
        is_kept = False
        try:
            protocol = await self._run(self._new_protocol)
            answer = await self._run(partial(protocol.answer, body))
            if "error" not in answer and name not in self._http_sessions:
                self._http_sessions[name] = HttpSession(protocol, viewer, time.monotonic())
                is_kept = True
        finally:
            if not is_kept:
                self._places.release(viewer)
        self._expire_sessions()
        return JSONResponse(answer)

    def _expire_sessions(self) -> None:
        """End idle sessions over HTTP, and schedule the next check while there are any left."""
        now = time.monotonic()
        for name, session in list(self._http_sessions.items()):
            if now - session.last_used >= HTTP_TIMEOUT:
                del self._http_sessions[name]
                self._places.release(session.viewer)
        if self._expiry:
            self._expiry.cancel()
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(HTTP_TIMEOUT, self._expire_sessions) if self._http_sessions else None

    async def _run(self, work: Callable[[], Any]) -> Any:
        limiter = self._local_threads if caller().is_local else self._threads
        return await to_thread.run_sync(work, limiter=limiter)


async def send(socket: WebSocket, answer: dict[str, Any]) -> None:
    """Send an answer. Raises WebSocketDisconnect if the page is gone, or doesn't read it in time."""
    try:
        await asyncio.wait_for(socket.send_json(answer), SEND_TIMEOUT)
    except (RuntimeError, TimeoutError):  # starlette raises the first where the socket was closed meanwhile
        raise WebSocketDisconnect(1001) from None
