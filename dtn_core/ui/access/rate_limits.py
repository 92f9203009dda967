"""How much a caller may ask for in a time."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock

from ...core.errors import UserError

BUSY = "busy, try again in a moment."

KNOWN = 10_000
"""So many callers are remembered; the one that was seen longest ago is forgotten first."""


def busy() -> UserError:
    """The error for a request that may come again in a moment."""
    return UserError(BUSY, code="busy")


class RateLimiter:
    """Token buckets: each fills at a steady pace up to a size, and what is asked for is taken from it."""

    def __init__(self) -> None:
        self._levels: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, what: str, who: str, size: float, seconds: float, cost: float = 1.0) -> bool:
        """Whether it may be had: of each kind (what), every caller (who) has `size`, and again after `seconds`."""
        now = time.monotonic()
        with self._lock:
            level, then = self._levels.pop((what, who), (size, now))
            level = min(size, level + (now - then) * size / seconds)
            enough = level >= cost
            self._levels[what, who] = level - cost * enough, now
            while len(self._levels) > KNOWN:
                self._levels.popitem(last=False)
        return enough

    def require(self, what: str, who: str, size: float, seconds: float) -> None:
        """Raise UserError where `take` says no."""
        if not self.take(what, who, size, seconds):
            raise busy()
