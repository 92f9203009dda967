"""How live video reaches a page: by a WebSocket beside the app, and by plain HTTP where a proxy lets none through.
Frames stay in memory; a session is forgotten when its socket closes."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import UserError
from ..live.background import Background
from ..live.session import Session
from ..live.wire import LARGEST, Wire
from ..transfer import Transferrer
from .access.middleware import is_own_page
from .live import page
from .translations import Translations

MOST = 64
"""Viewers at a time."""

IDLE = 30.0
"""Seconds without a frame after which a session over HTTP is forgotten."""

SLOW = 10.0
"""Seconds for which a page may take no answer before its socket is closed."""

BUSY = "Too many people are live here just now. Try again in a minute."

_NAME = re.compile(r"[0-9a-zA-Z-]{8,64}")


class Live:
    """All live viewers of an app. Each has one frame in work at most, and frames are taken in turn, so that all are
    served alike."""

    def __init__(self, translations: Translations[Transferrer]) -> None:
        self._translations = translations
        self._slow_nets = Background()
        self._turns = CapacityLimiter(max(1, os.cpu_count() or 1))
        self._open = 0
        self._by_name: dict[str, tuple[Wire, float]] = {}
        self._forgetting: asyncio.TimerHandle | None = None

    def routes(self) -> list[BaseRoute]:
        return [
            WebSocketRoute("/live/ws", self.socket),
            Route("/live/frame", self.frame, methods=["POST"]),
            Route("/live", lambda request: HTMLResponse(page())),
        ]

    def _wire(self) -> Wire:
        first = self._translations.first
        first = first if first.draws and not first.sees_pictures else self._pick("emoji")
        return Wire(Session(first, self._slow_nets, self._pick))

    def _pick(self, style: str) -> Transferrer:
        """A translation by its key, or by the name that the first one has."""
        first = self._translations.first
        return first if style == first.checkpoint.name else self._translations.get(style)

    def _forget(self) -> None:
        """Sessions over HTTP of those who are gone; again later while there are any."""
        now = time.monotonic()
        self._by_name = {name: one for name, one in self._by_name.items() if now - one[1] < IDLE}
        if self._forgetting:
            self._forgetting.cancel()
        self._forgetting = asyncio.get_running_loop().call_later(IDLE, self._forget) if self._by_name else None

    def _full(self) -> bool:
        self._forget()
        return self._open + len(self._by_name) >= MOST

    async def socket(self, socket: WebSocket) -> None:
        """``/live/ws``."""
        if not is_own_page(socket):
            await socket.close(1008)
            return
        await socket.accept()
        if self._full():
            await socket.send_json(UserError(BUSY, code="busy").to_dict())
            await socket.close(1013)
            return
        self._open += 1
        try:
            wire = await self._run(self._wire)
            while (message := await socket.receive())["type"] == "websocket.receive":
                if (frame := message.get("bytes")) is not None:
                    answer = await self._run(partial(wire.answer, frame))
                else:
                    answer = await self._run(partial(wire.options, message.get("text") or ""))
                if answer:
                    await send(socket, answer)
        except WebSocketDisconnect:
            pass
        finally:
            self._open -= 1

    async def frame(self, request: Request) -> Response:
        """``/live/frame?session=NAME``."""
        name = request.query_params.get("session", "")
        if not is_own_page(request) or not _NAME.fullmatch(name):
            return JSONResponse({"error": "a session has a name of 8 to 64 letters and digits."}, 400)
        if name not in self._by_name and self._full():
            return JSONResponse(UserError(BUSY, code="busy").to_dict(), 503)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                return JSONResponse({"error": f"a frame has at most {LARGEST >> 20} MB."}, 413)
        wire = self._by_name[name][0] if name in self._by_name else await self._run(self._wire)
        self._by_name[name] = wire, time.monotonic()
        if self._forgetting is None:
            self._forget()
        if request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse(await self._run(partial(wire.options, body.decode("utf-8", "replace"))))
        return JSONResponse(await self._run(partial(wire.answer, body)))

    async def _run(self, work: Callable[[], Any]) -> Any:
        return await to_thread.run_sync(work, limiter=self._turns)


async def send(socket: WebSocket, answer: dict[str, Any]) -> None:
    """Raises WebSocketDisconnect if the page is gone, or doesn't take it."""
    try:
        await asyncio.wait_for(socket.send_json(answer), SLOW)
    except (RuntimeError, TimeoutError):  # starlette raises the first where the socket was closed meanwhile
        raise WebSocketDisconnect(1001) from None
