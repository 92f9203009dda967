"""How a video reaches the app and comes back: the page keeps the file and gives the bytes that are asked for; the new
one goes to it piece by piece. Nothing is written to disk, and memory doesn't grow with the length."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from collections import OrderedDict
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar, get_args

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..colours import to_rgb
from ..errors import UserError
from ..transfer import Transferrer
from ..types import Kind
from ..video import Cancelled, Mode, Progress, emojify_video
from . import pictures
from .access.middleware import is_own_page
from .translations import Translations

T = TypeVar("T")

AT_ONCE = 2
"""Videos in work at a time, of all viewers; others wait."""

WAITING = 16
BUSY = "Too many videos are waiting just now. Try again later."

PATIENCE = 60.0
"""Seconds for which a page may take to give or to take bytes."""

BLOCK = 1 << 20
"""Bytes that are asked for at a time."""

BLOCKS = 6
"""So many of them are kept: files are read here and there."""

OFTEN = 0.25
"""Seconds between two reports of progress."""

PREVIEW = 320
"""Longest side in pixels of the newest frame, shown on the way."""


class Videos:
    """All videos of an app's viewers."""

    def __init__(self, translations: Translations[Transferrer]) -> None:
        self._translations = translations
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    def routes(self) -> list[BaseRoute]:
        return [WebSocketRoute("/live/video", self.socket)]

    async def socket(self, socket: WebSocket) -> None:
        """``/live/video``. The page sends what it wants, an object with style, kind, mode, background and the file's
        size, then the bytes for every {"read": [offset, length]}. It gets the MP4 in binary messages, and in text ones
        {"waiting": true}, {"progress": …}, and at the end {"done": …} or {"error": one line}. It closes the socket to
        cancel."""
        if not is_own_page(socket):
            await socket.close(1008)
            return
        await socket.accept()
        line = _Line(socket)
        try:
            await line.send(await self._answer(line))
            await socket.close()
        except (WebSocketDisconnect, TimeoutError, RuntimeError):
            pass  # the page is gone
        finally:
            line.close()

    async def _answer(self, line: _Line) -> dict[str, Any]:
        if self._waiting >= WAITING:
            return UserError(BUSY, code="busy").to_dict()
        self._waiting += 1
        try:
            wanted = _Wanted(await line.text())
            if self._turns.locked():
                await line.send({"waiting": True})
            async with self._turns:
                return await asyncio.to_thread(self._convert, wanted, line)
        except UserError as error:
            return error.to_dict()
        finally:
            self._waiting -= 1

    def _convert(self, wanted: _Wanted, line: _Line) -> dict[str, Any]:
        """In a thread of its own."""
        transferrer = self._translations.get(wanted.style)
        reports = _Reports(line)
        try:
            report = emojify_video(
                RemoteFile(line, wanted.size),
                _Sink(line),
                transferrer,
                kind=wanted.kind if wanted.kind == "drawn" or transferrer.paints else "drawn",
                mode=wanted.mode,
                background=to_rgb(wanted.background),
                progress=reports,
                cancelled=lambda: line.gone,
            )
        except (Cancelled, CancelledError):
            raise WebSocketDisconnect from None
        values = {name: value for name, value in vars(report).items() if name != "avatars"}
        return {"done": values}


class _Wanted:
    """What a page asks for. Raises UserError."""

    def __init__(self, text: str) -> None:
        try:
            values = dict(json.loads(text))
        except (ValueError, TypeError, RecursionError):
            raise UserError("an object with style, kind, mode, background and size is wanted.") from None
        self.style, self.size = str(values.get("style") or ""), values.get("size")
        self.kind, self.mode = values.get("kind", "drawn"), values.get("mode", "paste")
        self.background = values.get("background", "#ffffff")
        if not isinstance(self.size, int) or not 0 < self.size < 1 << 53:
            raise UserError("the file is empty. Save or download it again.")
        for value, known in ((self.kind, get_args(Kind)), (self.mode, get_args(Mode))):
            if value not in known:
                raise UserError(f"{value!r:.40} is none of {', '.join(known)}.")
        if not isinstance(self.background, str) or not re.fullmatch("#[0-9a-fA-F]{6}", self.background):
            raise UserError(f"background must be written #rrggbb, not {self.background!r:.40}.")


class _Line:
    """A socket, used from its own loop and from one thread beside it. gone: whether the page left."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket, self._loop = socket, asyncio.get_running_loop()
        self._heard: asyncio.Queue[str | bytes | None] = asyncio.Queue(2)
        self.gone = False
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while (message := await self._socket.receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            await self._heard.put(data if data is not None else message.get("text"))
        self.gone = True
        await self._heard.put(None)

    def close(self) -> None:
        self.gone = True
        self._listener.cancel()

    async def send(self, message: dict[str, Any] | bytes) -> None:
        if self.gone:
            raise WebSocketDisconnect
        what = self._socket.send_bytes if isinstance(message, bytes) else self._socket.send_json
        await asyncio.wait_for(what(message), PATIENCE)

    async def text(self) -> str:
        """The next message, if it is text, else ""."""
        message = await asyncio.wait_for(self._heard.get(), PATIENCE)
        return message if isinstance(message, str) else ""

    async def read(self, offset: int, length: int) -> bytes:
        """These bytes of the page's file."""
        await self.send({"read": [offset, length]})
        data = await asyncio.wait_for(self._heard.get(), PATIENCE)
        if data is None:
            raise WebSocketDisconnect
        if not isinstance(data, bytes) or len(data) != length:
            raise UserError("the browser could not read the file any more. Choose it again.")
        return data

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the loop, from a thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * PATIENCE)


class RemoteFile(io.RawIOBase):
    """A file that the page holds, as one to read and to seek."""

    def __init__(self, line: _Line, size: int) -> None:
        self._line, self._size, self._at = line, size, 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; fewer at the end of a block."""
        number, inside = divmod(self._at, BLOCK)
        if self._at >= self._size or size == 0:
            return b""
        if number not in self._blocks:
            offset = number * BLOCK
            self._blocks[number] = self._line.wait(self._line.read(offset, min(BLOCK, self._size - offset)))
            if len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        data = self._blocks[number][inside : None if size < 0 else inside + size]
        self._at += len(data)
        return data


class _Sink:
    """The MP4 on its way to the page."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def write(self, data: bytes) -> int:
        self._line.wait(self._line.send(bytes(data)))
        return len(data)


class _Reports:
    """Progress, now and then."""

    def __init__(self, line: _Line) -> None:
        self._line, self._last = line, 0.0

    def __call__(self, now: Progress) -> None:
        if time.monotonic() - self._last < OFTEN:
            return
        self._last = time.monotonic()
        values = {"frames": now.frames, "seconds": now.seconds, "length": now.length, "share": now.share}
        preview = pictures.encode(now.picture, max_side=PREVIEW)
        self._line.wait(self._line.send({"progress": {**values, "preview": preview}}))
