"""Suites that the tab runs: commands of `python -m dtn_core evaluate` as processes, one at a time on a server, which
can be cancelled and go on later where they were. Their output is the only thing that is read of them."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError
from ...evidence.reading import computed_path
from ...evidence.results import read_json, suite_tables
from ...evidence.tables import Table
from ...experiments.paper import ROWS
from ...files import child_environment
from ..access.policy import Policy, Viewer, local_viewer
from ..scratch import PLACE
from ..train.service import OFF

TINY, DIGITS, OWN = "digits-tiny", "digits", "evidence"
PARTS = ("reliability", "neighbours", "map")
SEEDS = 3


class Suite(NamedTuple):
    """title: for the list; tiny: whether it may run anywhere."""

    title: str
    tiny: bool = False


SUITES = {
    TINY: Suite("Digits, tiny: Table 3 in a few steps, on drawn digits (a minute)", tiny=True),
    OWN: Suite("Reliability, neighbours and map of the chosen checkpoint (minutes)"),
    DIGITS: Suite("The paper's digits: all tables, three seeds (hours)"),
}


class Progress(NamedTuple):
    """state: "", "running", "done", "cancelled" or "failed"; share: 0 to 1; line: for people; tables: what is measured
    so far."""

    state: str
    title: str = ""
    share: float = 0.0
    line: str = ""
    tables: tuple[Table, ...] = ()


@dataclass
class SuiteRunner:
    """One server's suites. runs: folder of training runs; data: folder of the data packs, or None; who: who asks."""

    runs: Path
    policy: Policy
    data: Path | None
    who: Callable[[], Viewer] = local_viewer
    _owner: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _suite: str = ""
    _output: Path | None = None
    _cancelled: bool = False
    _folder: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def choices(self) -> list[tuple[str, str]]:
        """(title, key) of what may run here."""
        return [(suite.title, key) for key, suite in SUITES.items() if suite.tiny or self._all()]

    def _all(self) -> bool:
        """Whether whoever asks may run what takes hours and reads the server's data."""
        return self.policy == "all" and self.who().paths

    def start(self, key: str, directory: Path) -> None:
        """Start a suite, or go on with it; directory: of the chosen checkpoint. Raises UserError with one line if it
        may not run, lacks its data, or another runs."""
        if key not in SUITES:
            raise UserError("choose a suite from the list.")
        if not SUITES[key].tiny and not self._all():
            raise UserError(OFF)
        if key != TINY and self.data is None:
            raise UserError(
                "this suite needs its data: set DTN_DATA to the folder of the packs (see 'Data' in docs/training.md); "
                "SVHN and MNIST come by python -m dtn_core evaluate digits --download --data DIR."
            )
        with self._lock:
            if self._process and self._process.poll() is None:
                raise UserError("a suite is running on this server. Wait for it, or cancel it.")
            folder = self._temporary()
            words, self._output = self._command(key, directory, folder)
            environment = child_environment(TQDM_DISABLE="1")
            if key == TINY:
                environment.pop("DTN_DATA", None)
            with (folder / "log.txt").open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "dtn_core", "evaluate", *words], stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, env=environment, start_new_session=True,
                )  # fmt: skip
            self._suite, self._cancelled, self._owner = key, False, self.who().id
            atexit.register(self._end)

    def _temporary(self) -> Path:
        if self._folder is None:
            # in the app's own, which its next start clears
            self._folder = tempfile.TemporaryDirectory(prefix="dtn-evidence-", dir=os.environ.get(PLACE))
        return Path(self._folder.name)

    def _command(self, key: str, directory: Path, folder: Path) -> tuple[list[str], Path]:
        """What follows ``evaluate``, and the file it writes."""
        if key == TINY:
            output = folder / "digits.json"
            words = ["digits", "--preset", "digits-tiny", "--suite", "table3", "--seeds", "0", "--limit", "64"]
            return [*words, "--runs", str(folder / "runs"), "-o", str(output)], output
        if key == DIGITS:
            output = self.runs / "digits.json"
            seeds = ",".join(map(str, range(SEEDS)))
            words = ["digits", "--suite", "all", "--seeds", seeds, "--runs", str(self.runs), "-o", str(output)]
            return [*words, "--data", str(self.data)], output
        return ["evidence", str(directory), "--data", str(self.data)], computed_path(directory)

    def cancel(self) -> None:
        """Ask the running suite to stop well; asked again, it ends at once. Raises UserError if it is somebody
        else's."""
        if not self.who().owns(self._owner):
            raise UserError("somebody else has started this suite. Wait for it.")
        self._end()

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL if self._cancelled else signal.SIGINT)
        self._cancelled = True

    def progress(self) -> Progress:
        """How it stands."""
        if self._process is None or self._output is None:
            return Progress("")
        title, found, code = SUITES[self._suite].title, read_json(self._output) or {}, self._process.poll()
        share, tables = self._done(found)
        log = self._log()
        if code is None:
            line = "It stops after this step." if self._cancelled else log
            return Progress("running", title, share, line or "It begins.", tables)
        if code == 0:
            return Progress("done", title, 1.0, "Done.", tables)
        if self._cancelled or code == 130:
            return Progress("cancelled", title, share, "Cancelled. Run it again, and it goes on where it was.", tables)
        return Progress("failed", title, share, log.removeprefix("error: ") or f"It ended with code {code}.", tables)

    def _done(self, found: dict) -> tuple[float, tuple[Table, ...]]:
        if self._suite == OWN:
            return sum(part in found for part in PARTS) / len(PARTS), ()
        rows = found.get("rows") or {}
        count = sum(len(seeds) for seeds in rows.values())
        wanted = sum(row.table == "table3" for row in ROWS) + 1 if self._suite == TINY else SEEDS * len(ROWS)
        try:
            tables = tuple(suite_tables("digits", found)) if rows else ()
        except (LookupError, TypeError, ValueError):
            tables = ()
        return min(1.0, count / wanted), tables

    def _log(self) -> str:
        """The last line that it printed, without paths of this computer."""
        try:
            lines = (self._temporary() / "log.txt").read_text("utf-8", "replace").split("\n")
        except OSError:
            return ""
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return last.replace(str(self._temporary()), "").replace(str(self.runs), "")[:300]
