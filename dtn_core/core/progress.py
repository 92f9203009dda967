"""Progress of long loops: a bar on the terminal, and a listener, which may also end the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
Listener = Callable[[str, float], None]

_listener: ContextVar[Listener | None] = ContextVar("progress listener", default=None)


@contextmanager
def report_to(listener: Listener) -> Iterator[None]:
    """Call a function with the words and the share done (0 to 1) after every item that `track` yields in the body.

    An exception of the listener ends the loop.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def track(items: Iterable[T], words: str, total: int | None = None, unit: str = "picture") -> Iterator[T]:
    """Iterate with a progress bar.

    Args:
        items: What to iterate over.
        words: What is done, such as "reading photos".
        total: Number of items; None for their length.
        unit: Of one item.
    """
    if total is None:
        assert isinstance(items, Sized)
        total = len(items)
    listener = _listener.get()
    for count, item in enumerate(tqdm(items, desc=words, total=total, unit=unit, leave=False), 1):
        yield item
        if listener:
            listener(words, count / max(1, total))
