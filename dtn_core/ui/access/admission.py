"""Admission control: how much of the work that viewers ask for runs at once, how much waits, and what is refused."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

import anyio
from anyio import from_thread, to_thread
from starlette.requests import Request

from ...core.errors import UserError
from ..gradio_internals import current_request
from .middleware import caller
from .policy import Viewer
from .rate_limits import busy

T = TypeVar("T")

LOCAL = None
"""The owner of all places of the person at this computer; places of other viewers are owned by their address."""

MAX_PIXELS = 1 << 28
"""Pixels of all pictures that one request may have drawn: 1,024 of 512×512 or 256 of 1024×1024."""


def owner_of(viewer: Viewer) -> str | None:
    """Return whose share of the places a viewer uses: `LOCAL` or the viewer's address."""
    return LOCAL if viewer.is_local else viewer.address


def check_pixels(count: int, size: Any) -> None:
    """Raise UserError if `count` square pictures of `size` pixels a side are too many for one request."""
    if isinstance(size, int) and count * size**2 > MAX_PIXELS:
        raise UserError(
            f"{count} pictures of {size}×{size} pixels are too many for one request. Choose a smaller size, or fewer."
        )


def check_cancelled() -> None:
    """Raise the event loop's cancellation error if the viewer who asked for the current work has left.

    Does nothing outside of a worker thread, as in the command line.
    """
    with contextlib.suppress(RuntimeError):
        from_thread.check_cancelled()


class Places:
    """A limited number of places, such as live sessions, shared among viewers.

    The person at this computer has `total` places of their own, so that other viewers can never occupy all of them.

    Attributes:
        total: places of all remote viewers together.
        each: places of one remote address.
    """

    def __init__(self, total: int, each: int) -> None:
        self.total = total
        self.each = each
        self._taken: Counter[str | None] = Counter()

    def take(self, viewer: Viewer) -> bool:
        """Take a place for a viewer; return False if there is none left for them."""
        owner = owner_of(viewer)
        if self.is_full(owner):
            return False
        self._taken[owner] += 1
        return True

    def is_full(self, owner: str | None) -> bool:
        """Whether an owner (see `owner_of`) can take no more places."""
        if owner is LOCAL:
            return self._taken[LOCAL] >= self.total
        return self._taken.total() - self._taken[LOCAL] >= self.total or self._taken[owner] >= self.each

    def release(self, viewer: Viewer) -> None:
        """Give a place back that `take` has granted."""
        owner = owner_of(viewer)
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]

    def count(self) -> int:
        """Return how many places are taken."""
        return self._taken.total()


@dataclass(eq=False)
class _Ticket:
    """One request in a queue; `turn` is set when it may run."""

    owner: str | None
    turn: anyio.Event = field(default_factory=anyio.Event)


class WorkQueue:
    """A bounded queue of work, first come, first served within each address's share.

    Waiting work holds no thread. The person at this computer has a queue of the same size of their own. To be used from
    one event loop.

    Args:
        running: pieces of remote viewers' work that run at once.
        waiting: pieces that wait; further ones are refused.
        each: pieces of one address, running or waiting. Half of `running` may run at once while other addresses wait.
        strict: whether that half also holds while nobody else waits.
    """

    def __init__(self, running: int, waiting: int, each: int, strict: bool = False) -> None:
        self._limit = running
        self._share = max(1, running // 2)
        self._strict = strict
        self._places = Places(running + waiting, each)
        self._waiting: list[_Ticket] = []
        self._running: Counter[str | None] = Counter()
        self._threads = anyio.CapacityLimiter(2 * running)  # never waited for: places limit what runs

    async def run(self, viewer: Viewer, work: Callable[..., T], *arguments: Any) -> T:
        """Run a function in a worker thread when it is the viewer's turn.

        If the calling task is cancelled, waiting ends at once; running work ends when it calls `check_cancelled`.

        Raises:
            UserError: if the queue is full, or this viewer's share of it.
        """
        async with self.place(viewer):
            return await to_thread.run_sync(work, *arguments, limiter=self._threads)

    @contextlib.asynccontextmanager
    async def place(self, viewer: Viewer) -> AsyncIterator[None]:
        """Wait for the viewer's turn, and hold it in the body. Raises UserError as `run`."""
        if not self._places.take(viewer):
            raise busy()
        ticket = _Ticket(owner_of(viewer))
        self._waiting.append(ticket)
        self._start_next()
        try:
            await ticket.turn.wait()
            yield
        finally:
            if ticket.turn.is_set():
                self._running[ticket.owner] -= 1
            else:
                self._waiting.remove(ticket)
            self._places.release(viewer)
            self._start_next()

    def must_wait(self, viewer: Viewer) -> bool:
        """Whether work of this viewer would have to wait now."""
        return not self._may_start(owner_of(viewer))

    def is_contended(self, viewer: Viewer) -> bool:
        """Whether remote viewers at other addresses wait for a place that this viewer may hold."""
        owner = owner_of(viewer)
        return owner is not LOCAL and self._others_wait(owner)

    def count(self) -> int:
        """Return how many pieces of work run or wait."""
        return self._places.count()

    def _others_wait(self, owner: str | None) -> bool:
        return any(ticket.owner not in (LOCAL, owner) for ticket in self._waiting)

    def _may_start(self, owner: str | None) -> bool:
        if owner is LOCAL:
            return self._running[LOCAL] < self._limit
        if self._running.total() - self._running[LOCAL] >= self._limit:
            return False
        if self._running[owner] < self._share:
            return True
        return not self._strict and not self._others_wait(owner)

    def _start_next(self) -> None:
        while ticket := next((one for one in self._waiting if self._may_start(one.owner)), None):
            self._waiting.remove(ticket)
            self._running[ticket.owner] += 1
            ticket.turn.set()


class ServerFunctions:
    """The queues through which a page's server functions (``gr.HTML(server_functions=…)``) are called.

    gradio itself calls them without any limit. A function of short work never waits behind long work.
    """

    def __init__(self) -> None:
        self._short = WorkQueue(running=4, waiting=32, each=18)
        self._pictures = WorkQueue(running=2, waiting=8, each=5)
        self._archives = WorkQueue(running=2, waiting=8, each=5)

    def short(self, function: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Any]:
        """Wrap a function that takes milliseconds."""
        return _queued(function, self._short)

    def pictures(self, function: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Any]:
        """Wrap a function that runs networks on a photo, or draws one large picture."""
        return _queued(function, self._pictures)

    def archives(self, function: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Any]:
        """Wrap a function that draws many pictures."""
        return _queued(function, self._archives)


def _queued(function: Callable[[Any], dict[str, Any]], queue: WorkQueue) -> Callable[[Any], Any]:
    """Wrap a server function to run through a queue, and to be cancelled when its caller leaves.

    Where the queue is full, the answer is {"error": one line, "code": "busy"}.
    """

    @wraps(function)
    async def call(values: Any) -> dict[str, Any]:
        viewer = caller()
        request, _ = current_request()
        answer: dict[str, Any] = {}
        async with anyio.create_task_group() as group:
            if isinstance(request, Request):
                group.start_soon(_cancel_on_disconnect, request, group.cancel_scope)
            try:
                answer = await queue.run(viewer, function, values)
            except UserError as error:  # the queue is full; a function answers its own errors
                answer = {"error": str(error).capitalize(), "code": error.code}
            group.cancel_scope.cancel()
        return answer

    return call


async def _cancel_on_disconnect(request: Request, scope: anyio.CancelScope) -> None:
    """Cancel a scope when the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
