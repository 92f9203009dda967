"""Limits on request bodies: how long one may take to arrive, and how much may be arriving at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from starlette.types import Message, Receive, Scope, Send

from .rate_limits import BUSY
from .refusals import RefusedError, refuse

BODY_SECONDS = 60.0
"""Time that every body may take to arrive."""

BODY_RATE = 16 << 10
"""Bytes a second at which a body that takes longer must have arrived on average: a slow mobile uplink."""

MAX_IN_FLIGHT_EACH = 128 << 20
"""Bytes of bodies of one address that may be in flight at the same time."""

MAX_IN_FLIGHT = 512 << 20
"""The same for all addresses together."""

TOO_SLOW = f"The request took too long: its body must arrive within {BODY_SECONDS:.0f} s, or at {BODY_RATE >> 10} kB/s."


class BodiesInFlight:
    """Counts the bytes of request bodies that are held in memory, by the length that each request announces."""

    def __init__(self) -> None:
        self._by_address: Counter[str] = Counter()

    @contextmanager
    def reserve(self, address: str, length: int) -> Iterator[None]:
        """Count a body until the request is answered.

        Raises:
            RefusedError: 429 if the address has too much in flight already, 503 if all addresses together have.
        """
        if self._by_address[address] + length > MAX_IN_FLIGHT_EACH:
            raise RefusedError(429, BUSY)
        if self._by_address.total() + length > MAX_IN_FLIGHT:
            raise RefusedError(503, BUSY)
        self._by_address[address] += length
        try:
            yield
        finally:
            self._by_address[address] -= length
            if not self._by_address[address]:
                del self._by_address[address]


class TimedBody:
    """The `receive` and `send` of a request whose body must arrive in time; otherwise it is answered with 408."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._start = anyio.current_time()
        self._received = 0
        self._complete = False
        self._answered = False
        self._timed_out = False

    async def receive(self) -> Message:
        """The next part of the body; a disconnect once the time is over."""
        if self._complete:
            return await self._receive()
        if not self._timed_out:
            deadline = self._start + BODY_SECONDS + self._received / BODY_RATE
            with anyio.CancelScope(deadline=deadline):
                message = await self._receive()
                self._received += len(message.get("body", b""))
                self._complete = not message.get("more_body", False)
                return message
            self._timed_out = True
            if not self._answered:
                await refuse(self._scope, self._receive, self._send, RefusedError(408, TOO_SLOW))
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass on the app's answer, unless the request has been answered with 408."""
        if self._timed_out and not self._answered:
            return
        self._answered = True
        await self._send(message)
