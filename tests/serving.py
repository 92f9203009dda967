"""The real app as a process of its own, in a home where every opening of a file for writing is noted, and every call to
another machine."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from gradio_client import Client

ROOT = Path(__file__).resolve().parents[1]

BLANK = "R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs="
"""A GIF of one pixel, as base64."""

SPY = """
import os, sys
log = os.open(os.environ["SPY_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def spy(event, args):
    writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and args[0] != os.devnull
    if writes or event in ("os.rename", "os.link", "os.symlink", "os.mkdir"):
        os.write(log, f"{event} {args[0]}\\n".encode())
    if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in ("127.0.0.1", "::1", "localhost"):
        os.write(log, f"{event} {args[1][0]}\\n".encode())
        if "ALONE" in os.environ:
            raise ConnectionRefusedError(args[1][0])
sys.addaudithook(spy)
"""


def command(*flags):
    return [sys.executable, str(ROOT / "app.py"), *map(str, flags)]


def environment(home, **more):
    """An environment whose home, temporary folder and caches are all under ``home``."""
    (home / "spy").mkdir(parents=True, exist_ok=True)
    (home / "tmp").mkdir(exist_ok=True)
    (home / "spy" / "sitecustomize.py").write_text(SPY)
    drop = ("GRADIO_", "HF_", "MPL", "SPACE_ID", "XDG_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
    home_ = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "SPY_LOG": str(home / "writes.txt")}
    quick = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(home / "spy")}
    return {**kept, **home_, **quick, **more}


class Server:
    """A running app: its url, its process, and what it wrote."""

    def __init__(self, url, home, pid):
        self.url, self.home, self.pid = url, home, pid

    def writes(self):
        """Lines so far: what was opened for writing, made or renamed, in order."""
        return (self.home / "writes.txt").read_text().splitlines()

    def log(self):
        """What it printed."""
        return (self.home / "said.txt").read_text()

    def files(self):
        """Every file under its home, temporary folder and working directory."""
        return {path for path in self.home.rglob("*") if path.is_file()}


@contextmanager
def serve(checkpoint, home, *more, auth=None, calm=True, **environ):
    """Start ``app.py`` on a free port, with more flags and variables (ALONE: no other machine answers); yields a
    Server; stops it at the end. auth: an account that may use it; calm: that it printed no traceback, as gradio does of
    calls that no page makes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = environment(home, **environ)
    output = home / "said.txt"
    with output.open("w") as out:
        flags = ("--checkpoint", checkpoint, "--port", port, *more)
        process = subprocess.Popen(command(*flags), cwd=home, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        for _ in range(1800):
            if found := re.search(r"listens on (\S+)/", output.read_text()):
                break
            assert process.poll() is None, output.read_text()
            time.sleep(0.1)
        assert found, "the app did not start within three minutes"
        Client(found[1], verbose=False, auth=auth).predict(
            BLANK, False, api_name="/emojify"
        )  # whatever loads late, now
        yield Server(found[1], home, process.pid)
    finally:
        process.terminate()
        process.wait(20)
    assert not calm or "Traceback" not in output.read_text(), output.read_text()
