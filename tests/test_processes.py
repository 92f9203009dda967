"""Memory that was freed goes back to the system, or an app with many threads grows for hours."""

import platform
import subprocess
import sys

import pytest
from serving import ROOT

import app

FREE = """
import sys
import numpy as np
from benchmarks.running import rss
from dtn_core.core.processes import return_freed_memory
if "return" in sys.argv:
    return_freed_memory()
before = rss()
np.ones(20 << 20, np.uint8)  # freed at once: glibc now takes blocks of up to 20 MB from its heap
blocks = [np.ones(10 << 20, np.uint8) for _ in range(30)]
last = np.ones(200 << 10, np.uint8)  # keeps the heap from shrinking
peak = rss()
del blocks
print(int(peak - before), int(rss() - before))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps freed memory so")
@pytest.mark.parametrize(("flags", "returns"), [((), False), (("return",), True)])
def test_freed_memory_is_returned_to_the_system(flags, returns):
    done = subprocess.run([sys.executable, "-c", FREE, *flags], cwd=ROOT, capture_output=True, text=True, check=True)
    peak, left = map(int, done.stdout.split())
    assert peak >= 290
    assert (left < 50) == returns


def test_the_app_returns_freed_memory(monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(app, "return_freed_memory", lambda: called.append(True))
    assert app.main(["--checkpoint", str(tmp_path / "nowhere")]) == 2
    assert called == [True]
