"""The app as a process of its own, and a browser for it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep

from dtn_core.core.errors import UserError


class App:
    """A running app. url: without a slash at its end; seconds: from the start of the process until it listened."""

    def __init__(self, process: subprocess.Popen, url: str, seconds: float) -> None:
        self.process, self.url, self.seconds = process, url.rstrip("/"), seconds

    def rss(self) -> float | None:
        """Megabytes of memory it holds."""
        return rss(self.process.pid)


@contextmanager
def app(*flags: str) -> Iterator[App]:
    """Start ``app.py`` in an empty home, on a free port. Raises UserError if it doesn't start in two minutes."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as home, (Path(home) / "log.txt").open("w+") as log:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, str(root / "app.py"), "--port", str(port), *flags]
        start = perf_counter()
        environment = {**os.environ, "HOME": home}
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            while not (found := re.search(r"listens on (\S+)", (Path(home) / "log.txt").read_text())):
                if perf_counter() - start > 120 or process.poll() is not None:
                    raise UserError("the app didn't start: try python app.py.")
                sleep(0.05)
            yield App(process, found[1], perf_counter() - start)
        finally:
            process.terminate()
            process.wait(20)


def chromium() -> str | None:
    """An installed Chromium, if Playwright is there too."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return None
    return next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)


def rss(pid: int | str = "self") -> float | None:
    """Megabytes of memory a process holds; None where the system doesn't tell by /proc."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return round(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024, 1)
