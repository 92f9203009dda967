"""Everybody who uses the app at the same time: viewers who are live, some of whom leave, vanish or fall silent and come
again; others who send photos, and who watch a training."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets
from calling import Caller

FPS = 30
"""Pictures that a camera gives in a second; the page sends the newest as soon as the one before was answered."""

OPTIONS = {"style": "", "lock": False, "edits": {}}
"""What the page says first."""

PATIENCE = 20.0
"""Seconds without an answer after which that is an error."""

HABITS = ("stays", "stays", "leaves", "vanishes", "stays", "falls silent")
"""What viewers do in turn: leave with a goodbye, without one, or keep the connection and never say a word again."""

STAY = 25.0
"""Seconds after which those leave who do."""

PACE = 1.5
"""Seconds between two looks at a training, as the page's timer has it."""


@dataclass
class VisitReport:
    """What somebody saw. kind: what they do; seconds: that they were there; waits: for an answer, in milliseconds."""

    kind: str
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    busy: int = 0
    visits: int = 0
    errors: list[str] = field(default_factory=list)


def is_busy(text: str) -> bool:
    """Whether an answer says that it is too much just now, and what to do."""
    return "try again" in text.lower()


def once(result: VisitReport, error: str) -> None:
    """Note an error, or that the app is busy."""
    if is_busy(error):
        result.busy += 1
    else:
        result.errors.append(error[:200])


class Crowd:
    """url: of the app; frames: JPEGs of a face that moves; end: when all go home, seconds of the monotonic clock;
    stay, habits: see `STAY` and `HABITS`."""

    def __init__(
        self,
        url: str,
        frames: Sequence[bytes],
        photo: bytes,
        end: float,
        stay: float = STAY,
        habits: Sequence[str] = HABITS,
    ) -> None:
        self.url, self.frames, self.end, self.stay, self.habits = url, frames, end, stay, habits
        self.photo = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
        self.silent: list[Any] = []
        """Connections on which nobody says anything any more. They are never closed from here."""

    def over(self) -> bool:
        return time.monotonic() >= self.end

    async def all(self, live: int, photos: int, watchers: int) -> list[VisitReport]:
        """So many of each; what they saw."""
        people: list[tuple[VisitReport, Callable[[VisitReport, int], Awaitable[None]]]] = [
            *((VisitReport(f"live, {self.habits[i % len(self.habits)]}"), self.live) for i in range(live)),
            *((VisitReport("photos"), self.photos) for _ in range(photos)),
            *((VisitReport("watches"), self.watches) for _ in range(watchers)),
        ]
        await asyncio.gather(*(self._tries(result, number, what) for number, (result, what) in enumerate(people)))
        return [result for result, _ in people]

    async def _tries(
        self, result: VisitReport, number: int, what: Callable[[VisitReport, int], Awaitable[None]]
    ) -> None:
        """Whatever goes wrong is told, and they come again."""
        await asyncio.sleep(0.1 * number)
        while not self.over():
            result.visits += 1
            start = time.monotonic()
            try:
                await what(result, number)
            except (OSError, TimeoutError, websockets.WebSocketException, httpx.HTTPError, ValueError) as error:
                once(result, f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)
            result.seconds += time.monotonic() - start

    # ── live ──

    async def live(self, result: VisitReport, number: int) -> None:
        """One visit: a camera is on until this viewer goes, as its habit is."""
        habit = result.kind.rpartition(", ")[2]
        end = self.end if habit == "stays" else min(self.end, time.monotonic() + self.stay * (0.7 + 0.1 * (number % 7)))
        address = self.url.replace("http", "ws", 1) + "/live/ws"
        socket = await websockets.connect(address, max_size=None, ping_interval=None)  # browsers send none
        try:
            await socket.send(json.dumps(OPTIONS))
            await self._frames(socket, result, number, end)
            if habit == "vanishes":
                socket.transport.abort()
            elif habit == "falls silent":
                socket.transport.pause_reading()  # so it answers no ping
                self.silent.append(socket)
                return
        finally:
            if socket not in self.silent:
                await socket.close()

    async def _frames(self, socket: Any, result: VisitReport, number: int, end: float) -> None:
        start, n = time.monotonic(), 0
        while (now := time.monotonic()) < end:
            frame = self.frames[(int((now - start) * FPS) + 17 * number) % len(self.frames)]
            await socket.send(struct.pack("<I", n) + frame)
            answer = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))
            if answer.get("error"):
                once(result, answer["error"])
                await asyncio.sleep(1)
                return
            if answer["n"] != n:
                result.errors.append(f"answer {answer['n']} to frame {n}")
            result.waits.append(1000 * (time.monotonic() - now))
            n += 1
            await asyncio.sleep(max(0.0, now + 1 / FPS - time.monotonic()))

    # ── photos ──

    async def photos(self, result: VisitReport, number: int) -> None:
        """A photo after the other by the endpoint for programs; every fourth as the page's batch."""
        async with httpx.AsyncClient(base_url=self.url, timeout=3 * PATIENCE) as http:
            sheet = self.sheet()
            for turn in range(1 << 30):
                if self.over():
                    return
                start = time.monotonic()
                error = await (self.batch(http, sheet) if turn % 4 == 3 else self._photo(http))
                if error:
                    once(result, error)
                else:
                    result.waits.append(1000 * (time.monotonic() - start))
                await asyncio.sleep(1 + number % 3)

    async def _photo(self, http: httpx.AsyncClient) -> str:
        """Sends it; "" or the error."""
        joined = await http.post("/gradio_api/call/emojify", json={"data": [self.photo, False, "", "drawn", 256]})
        if joined.status_code != 200:
            return joined.text
        async with http.stream("GET", f"/gradio_api/call/emojify/{joined.json()['event_id']}") as stream:
            event = ""
            async for line in stream.aiter_lines():
                event = line[7:] if line.startswith("event: ") else event
                if line.startswith("data: ") and event in ("complete", "error"):
                    return "" if event == "complete" and json.loads(line[6:])[0]["faces"] else f"{event} {line}"
        return "no answer"

    def sheet(self) -> int:
        caller = Caller(self.url)
        return next(id for id, part in caller.parts.items() if part.get("elem_id") == "batch")

    async def batch(self, http: httpx.AsyncClient, sheet: int) -> str:
        body = {"component_id": sheet, "fn_name": "redraw", "session_hash": secrets.token_hex(6)}
        answer = await http.post("/gradio_api/component_server", json=body | {"data": {"photo": self.photo}})
        return "" if answer.status_code == 200 and answer.json().get("faces") else answer.text

    # ── the tab Train ──

    async def watches(self, result: VisitReport, number: int) -> None:
        """Opens the page, and asks at every tick what is new, as the page does."""
        page = Caller(self.url)
        by_event = {fired: h for h in page.handlers for _, fired in h["targets"] if h["backend_fn"]}
        tick, update_live, update_all = (by_event[name] for name in ("tick", "update_live", "update_all"))
        cookies = dict(page.http.cookies)
        page.http.close()
        async with httpx.AsyncClient(base_url=self.url, cookies=cookies, timeout=PATIENCE) as http:
            pulse = asyncio.create_task(self._heartbeat(http, page.session))
            try:
                received = [0, 0]
                while not self.over():
                    start = time.monotonic()
                    now = (await self._run(http, page, tick, [received]))[0]
                    now = now["value"] if isinstance(now, dict) else now
                    if now != received:
                        await self._run(http, page, update_all if now[1] != received[1] else update_live, [])
                    received = now
                    result.waits.append(1000 * (time.monotonic() - start))
                    await asyncio.sleep(max(0.0, start + PACE - time.monotonic()))
            finally:
                pulse.cancel()
                with suppress(asyncio.CancelledError, httpx.HTTPError):
                    await pulse

    async def _heartbeat(self, http: httpx.AsyncClient, session: str) -> None:
        """By which gradio knows that a page is open."""
        async with http.stream("GET", f"/gradio_api/heartbeat/{session}", timeout=None) as stream:
            async for _ in stream.aiter_lines():
                pass

    async def _run(self, http: httpx.AsyncClient, page: Caller, handler: Any, first: list[Any]) -> list[Any]:
        data = [*first, *page.given(handler)[len(first) :]]
        body = {"fn_index": handler["id"], "data": data, "session_hash": page.session}
        answer = await http.post("/gradio_api/run/predict", json=body)
        if answer.status_code != 200:
            raise ValueError(answer.text)
        return answer.json()["data"]


def fairness(rates: Sequence[float]) -> float:
    """Jain's index: 1 where all are served alike, 1/n where one alone is."""
    squares = len(rates) * sum(rate * rate for rate in rates)
    return sum(rates) ** 2 / squares if squares else 0.0


def busy_and_errors(people: Sequence[VisitReport]) -> tuple[int, Counter[str]]:
    return sum(result.busy for result in people), Counter(error for result in people for error in result.errors)
