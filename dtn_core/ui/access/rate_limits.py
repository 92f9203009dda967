"""Rate limits of callers, as token buckets."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock

from ...core.errors import UserError

BUSY = "busy, try again in a moment."

MAX_BUCKETS = 10_000
"""Maximum number of buckets in memory; the least recently used one is dropped first."""


def busy() -> UserError:
    """Return the error for a request that can be retried in a moment."""
    return UserError(BUSY, code="busy")


class RateLimiter:
    """Token buckets, one for each kind of request and caller. Each refills at a constant rate up to its size."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()  # → tokens, time of update
        self._lock = Lock()

    def take(self, kind: str, caller: str, size: float, seconds: float, cost: float = 1.0) -> bool:
        """Take tokens from a bucket, if it has enough of them.

        Args:
            kind: of request.
            caller: identifies the caller, such as by an address.
            size: tokens of a full bucket.
            seconds: time in which an empty bucket fills up.
            cost: tokens to take; a negative number gives tokens back.

        Returns:
            Whether the request is allowed.
        """
        now = time.monotonic()
        with self._lock:
            tokens, updated = self._buckets.pop((kind, caller), (size, now))
            tokens = min(size, tokens + (now - updated) * size / seconds)
            allowed = tokens >= cost
            if allowed:
                tokens -= cost
            self._buckets[kind, caller] = tokens, now
            while len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        return allowed

    def require(self, kind: str, caller: str, size: float, seconds: float) -> None:
        """Take one token. Raises UserError if the bucket is empty."""
        if not self.take(kind, caller, size, seconds):
            raise busy()
