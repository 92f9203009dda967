"""The transport of videos: the page keeps the file and sends the bytes that are asked for, and receives the new video
piece by piece. Nothing is written to disk, and memory doesn't grow with the length."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from functools import partial
from typing import Any, TypeVar, get_args

from anyio import CancelScope
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...core.colors import to_rgb
from ...core.errors import UserError
from ...core.types import Kind
from ...pipeline.photo import Transferrer
from ...pipeline.video import Cancelled, Mode, Progress, emojify_video
from ..access.admission import WorkQueue
from ..access.middleware import caller, is_own_page
from ..components import pictures
from ..translations import Translations

T = TypeVar("T")

MAX_RUNNING = 2
"""Remote viewers' videos in work at a time, one of an address; as many of the person at this computer."""

MAX_WAITING = 14
"""Remote viewers' videos that wait."""

MAX_EACH = 4
"""Videos of one address, in work or waiting."""

STALL_TIMEOUT = 60.0
"""Seconds for which a page may neither send nor take the bytes that the server waits for."""

STALL_ALLOWANCE, MIN_RATE = 20.0, 128 << 10
"""While others wait, the server may have waited for a page these seconds in all, plus a second for so many bytes."""

STALL_CHECK = 1.0
"""Seconds between two checks of a page that the server waits for."""

TOO_SLOW = "your connection is too slow while others wait. Try again later, or with a smaller file."

MAX_REQUEST = 1 << 14
"""Characters of a page's first message."""

BLOCK = 1 << 20
"""Bytes that are requested at a time."""

CACHED_BLOCKS = 6
"""Blocks kept in memory, since files aren't read strictly from start to end."""

REPORT_INTERVAL = 0.25
"""Seconds between two progress reports."""

PREVIEW = 320
"""Longest side in pixels of the newest frame, sent with a progress report."""


class Videos:
    """All videos of an app's viewers."""

    def __init__(self, translations: Translations[Transferrer]) -> None:
        self._translations = translations
        self._queue = WorkQueue(MAX_RUNNING, MAX_WAITING, MAX_EACH, strict=True)

    def routes(self) -> list[BaseRoute]:
        """Return the routes to serve beside the app."""
        return [WebSocketRoute("/live/video", self.socket)]

    async def socket(self, socket: WebSocket) -> None:
        """Serve ``/live/video``.

        The page sends an object with style, kind, mode, background and the file's size, then the bytes for every
        {"read": [offset, length]}. It receives the MP4 in binary messages, and text messages: {"waiting": true},
        {"progress": …}, and at the end {"done": …} or {"error": one line}. It closes the socket to cancel.
        """
        if not is_own_page(socket):
            await socket.close(1008)
            return
        await socket.accept()
        scope = CancelScope()
        channel = VideoChannel(socket, on_disconnect=scope.cancel)
        try:
            with scope:
                await channel.send(await self._answer(channel))
                await socket.close()
        except (WebSocketDisconnect, TimeoutError, RuntimeError):
            pass  # the page is gone
        finally:
            channel.close()

    async def _answer(self, channel: VideoChannel) -> dict[str, Any]:
        """Wait for a turn, convert the video, and return the last message."""
        viewer = caller()
        try:
            request = VideoRequest(await channel.receive_text())
            if self._queue.must_wait(viewer):
                await channel.send({"waiting": True})
            channel.is_contended = partial(self._queue.is_contended, viewer)
            return await self._queue.run(viewer, self._convert, request, channel)
        except UserError as error:
            return error.to_dict()
        finally:
            channel.is_contended = _never

    def _convert(self, request: VideoRequest, channel: VideoChannel) -> dict[str, Any]:
        """Convert a video, in a worker thread."""
        transferrer = self._translations.get(request.style)
        try:
            report = emojify_video(
                RemoteFile(channel, request.size),
                _Output(channel),
                transferrer,
                kind=request.kind if request.kind == "drawn" or transferrer.paints else "drawn",
                mode=request.mode,
                background=to_rgb(request.background),
                progress=_ProgressReports(channel),
                cancelled=lambda: channel.is_closed,
            )
        except (Cancelled, CancelledError):
            raise WebSocketDisconnect from None
        values = {name: value for name, value in vars(report).items() if name != "avatars"}
        return {"done": values}


class VideoRequest:
    """The first message of a page, see `Videos.socket`. Raises UserError for an invalid one."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_REQUEST:
            raise UserError(f"the request has at most {MAX_REQUEST >> 10} kB.")
        try:
            values = dict(json.loads(text))
        except (ValueError, TypeError, RecursionError):
            raise UserError("the request must be an object with style, kind, mode, background and size.") from None
        self.style = str(values.get("style") or "")
        self.size = values.get("size")
        self.kind = values.get("kind", "drawn")
        self.mode = values.get("mode", "paste")
        self.background = values.get("background", "#ffffff")
        if not isinstance(self.size, int) or not 0 < self.size < 1 << 53:
            raise UserError("the file is empty. Save or download it again.")
        for value, known in ((self.kind, get_args(Kind)), (self.mode, get_args(Mode))):
            if value not in known:
                raise UserError(f"{value!r:.40} is none of {', '.join(known)}.")
        if not isinstance(self.background, str) or not re.fullmatch("#[0-9a-fA-F]{6}", self.background):
            raise UserError(f"background must be written #rrggbb, not {self.background!r:.40}.")


def _never() -> bool:
    return False


class VideoChannel:
    """A WebSocket that is used from its own event loop and from one worker thread.

    Attributes:
        is_closed: whether the page has disconnected.
        is_contended: returns whether others wait for the place of this video.
    """

    def __init__(self, socket: WebSocket, on_disconnect: Callable[[], None]) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._on_disconnect = on_disconnect
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue(2)
        self._stalled = 0.0
        self._transferred = 0
        self.is_closed = False
        self.is_contended: Callable[[], bool] = _never
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while (message := await self._socket.receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            await self._messages.put(data if data is not None else message.get("text"))
        self.is_closed = True
        self._on_disconnect()
        await self._messages.put(None)

    def close(self) -> None:
        """Stop listening."""
        self.is_closed = True
        self._listener.cancel()

    async def send(self, message: dict[str, Any] | bytes) -> None:
        """Send a message. Raises as `_await_page`, and WebSocketDisconnect if the page has disconnected."""
        if self.is_closed:
            raise WebSocketDisconnect
        if isinstance(message, bytes):
            await self._await_page(self._socket.send_bytes(message))
            self._transferred += len(message)
        else:
            await self._await_page(self._socket.send_json(message))

    async def receive_text(self) -> str:
        """Return the next message if it is text, else ""."""
        message = await self._await_page(self._messages.get())
        return message if isinstance(message, str) else ""

    async def read(self, offset: int, length: int) -> bytes:
        """Request bytes of the page's file and return them."""
        await self.send({"read": [offset, length]})
        data = await self._await_page(self._messages.get())
        if data is None:
            raise WebSocketDisconnect
        if not isinstance(data, bytes) or len(data) != length:
            raise UserError("the browser could not read the file any more. Choose it again.")
        self._transferred += length
        return data

    async def _await_page(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something that the page must do.

        Raises:
            TimeoutError: if the page stalls.
            UserError: if it has been too slow so far, and others wait for its place.
        """
        start = time.monotonic()
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=STALL_CHECK)
                stalled = time.monotonic() - start
                if self._is_too_slow(stalled) and self.is_contended():
                    raise UserError(TOO_SLOW)
                if not task.done() and stalled > STALL_TIMEOUT:
                    raise TimeoutError
            return task.result()
        finally:
            task.cancel()
            self._stalled += time.monotonic() - start

    def _is_too_slow(self, stalled: float) -> bool:
        """Whether the page has been waited for too long in all. stalled: seconds of the current wait."""
        return self._stalled + stalled > STALL_ALLOWANCE + self._transferred / MIN_RATE

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop, from the worker thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * STALL_TIMEOUT)


class RemoteFile(io.RawIOBase):
    """A read-only, seekable file whose bytes the page holds."""

    def __init__(self, channel: VideoChannel, size: int) -> None:
        self._channel = channel
        self._size = size
        self._at = 0
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
        """Return at most `size` bytes; fewer at the end of a block."""
        number, inside = divmod(self._at, BLOCK)
        if self._at >= self._size or size == 0:
            return b""
        if number not in self._blocks:
            offset = number * BLOCK
            data = self._channel.run(self._channel.read(offset, min(BLOCK, self._size - offset)))
            self._blocks[number] = data
            if len(self._blocks) > CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        data = self._blocks[number][inside : None if size < 0 else inside + size]
        self._at += len(data)
        return data


class _Output:
    """Sends the MP4 to the page as it is written."""

    def __init__(self, channel: VideoChannel) -> None:
        self._channel = channel

    def write(self, data: bytes) -> int:
        self._channel.run(self._channel.send(bytes(data)))
        return len(data)


class _ProgressReports:
    """Sends progress to the page, every `REPORT_INTERVAL` at most."""

    def __init__(self, channel: VideoChannel) -> None:
        self._channel = channel
        self._last = 0.0

    def __call__(self, now: Progress) -> None:
        if time.monotonic() - self._last < REPORT_INTERVAL:
            return
        self._last = time.monotonic()
        values = {"frames": now.frames, "seconds": now.seconds, "length": now.length, "share": now.share}
        preview = pictures.encode(now.picture, max_side=PREVIEW)
        self._channel.run(self._channel.send({"progress": {**values, "preview": preview}}))
