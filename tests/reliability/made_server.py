"""The running app, one for all cases of a process, and what it must not do."""

from __future__ import annotations

import atexit
import re
import tempfile
from contextlib import ExitStack
from functools import cache
from itertools import pairwise
from pathlib import Path

from serving import Server, serve

from benchmarks.running import rss

from .targets import SECRET, Harm

MOST_MEMORY = 3000
"""Megabytes that the app holds at most; a single case may need half of it for a moment."""

GRADIOS = "surrogates not allowed"
"""gradio repeats a choice that isn't in its list; where that holds half a character, it can't, and the caller gets no
answer. Others are served on."""


@cache
def server() -> Server:
    """The app as it starts by itself, without trainings: what they may do is `tests/test_access.py`'s. It keeps running
    until the process ends."""
    stack = ExitStack()
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="targets-home-")))
    (home / "secret.txt").write_text(SECRET)
    made = stack.enter_context(serve("emoji", home, "--training", "off", calm=False))
    made.seen, made.before = len(made.log()), made.files()
    atexit.register(stack.close)
    return made


def check() -> str:
    """Raises Harm where the app raised an error of its own, kept a file, or grew; returns what it printed since."""
    app = server()
    output = app.log()
    new, app.seen = output[app.seen :], len(output)
    for before, traceback in pairwise(new.split("Traceback (most recent call last)")):
        ours = re.search(r"/dtn_core/(?!ui/guard)", traceback)  # the guard stands around everything
        if ours or ("Exception in ASGI application" in before and GRADIOS not in traceback):
            raise Harm(f"an uncaught error: {' | '.join(line for line in traceback.splitlines() if line)[-600:]}")
    now = app.files()
    left, app.before = now - app.before, now
    if left:
        raise Harm(f"keeps {', '.join(sorted(map(str, left))[:3])}")
    held = rss(app.pid)
    if held is None:
        raise Harm("it has ended")
    if held > MOST_MEMORY:
        raise Harm(f"holds {held:.0f} MB")
    return new
