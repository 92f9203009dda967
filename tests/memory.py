"""How much memory a block takes."""

import re
from pathlib import Path

MEGABYTE = 1 << 20


class PeakMemory:
    """Peak of resident memory within a block, above what was used before, in bytes: `grown`. Linux only."""

    def __enter__(self):
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        self._before = self._peak()
        return self

    def __exit__(self, *_):
        self.grown = self._peak() - self._before

    def _peak(self):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return 1024 * int(found[1])
