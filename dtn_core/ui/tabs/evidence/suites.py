"""Evaluation suites that the tab *Evidence* runs: commands of ``python -m dtn_core evaluate`` as processes.

One suite runs at a time on a server. It can be cancelled, and continues from its output later.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ....core.errors import UserError
from ....core.files import child_environment
from ....core.processes import interrupt, start_in_background
from ....evaluation.evidence.reading import computed_path
from ....evaluation.evidence.results import read_json, suite_tables
from ....evaluation.evidence.tables import Table
from ....evaluation.experiments.paper import ROWS
from ...access.policy import Policy, Viewer, local_viewer
from ...access.redaction import redact_values
from ...scratch import PLACE
from ..train.service import OFF

TINY, DIGITS, OWN = "digits-tiny", "digits", "evidence"
PARTS = ("reliability", "neighbours", "map")
SEEDS = 3


class Suite(NamedTuple):
    """A suite.

    Attributes:
        title: label in the list.
        tiny: whether it is short and needs no data, so that viewers who may start tiny trainings may run it.
    """

    title: str
    tiny: bool = False


SUITES = {
    TINY: Suite("Digits, tiny: Table 3 with a few training steps, on drawn digits (a minute)", tiny=True),
    OWN: Suite("Reliability, neighbours and map of the selected checkpoint (minutes)"),
    DIGITS: Suite("The paper's digits: all tables, three seeds (hours)"),
}


class Progress(NamedTuple):
    """The progress of a suite.

    Attributes:
        state: "" (none has run), "running", "done", "cancelled" or "failed".
        title: of the suite.
        share: 0 to 1.
        line: message for the page.
        tables: figures so far.
    """

    state: str
    title: str = ""
    share: float = 0.0
    line: str = ""
    tables: tuple[Table, ...] = ()


@dataclass
class SuiteRunner:
    """Runs the suites of one server.

    Attributes:
        runs: folder of training runs.
        policy: the most that any viewer may train.
        data: folder of the data packs, or None.
        who: returns the current viewer.
    """

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
        """Return (title, key) of the suites to list for the current viewer."""
        return [(suite.title, key) for key, suite in SUITES.items() if suite.tiny or self._may_run_all()]

    def _may_run_all(self) -> bool:
        """Whether the current viewer may run suites that take hours and read the server's data."""
        return self.policy == "all" and self.who().paths

    def _may_run(self, suite: Suite) -> bool:
        viewer = self.who()
        return self._may_run_all() or (suite.tiny and (viewer.is_local or viewer.training != "off"))

    def start(self, key: str, directory: Path) -> None:
        """Start or resume a suite.

        Args:
            key: of `SUITES`.
            directory: of the checkpoint to measure.

        Raises:
            UserError: if the viewer may not run it, its data is missing, or another suite is running.
        """
        if key not in SUITES:
            raise UserError("choose a suite from the list.")
        if not self._may_run(SUITES[key]):
            raise UserError(OFF)
        if key != TINY and self.data is None:
            raise UserError(
                "this suite needs its data: set DTN_DATA to the folder of the packs (see 'Data' in docs/training.md); "
                "to download SVHN and MNIST: python -m dtn_core evaluate digits --download --data DIR."
            )
        with self._lock:
            if self._process and self._process.poll() is None:
                raise UserError("a suite is running on this server. Wait for it or cancel it.")
            folder = self._temporary()
            words, self._output = self._command(key, directory, folder)
            environment = child_environment(TQDM_DISABLE="1")
            if key == TINY:
                environment.pop("DTN_DATA", None)
            with (folder / "log.txt").open("wb") as log:
                command = [sys.executable, "-m", "dtn_core", "evaluate", *words]
                self._process = start_in_background(command, log, environment)
            self._suite = key
            self._cancelled = False
            self._owner = self.who().id
            atexit.register(self._end)

    def _temporary(self) -> Path:
        if self._folder is None:
            # inside the app's temporary folder, which its next start clears
            self._folder = tempfile.TemporaryDirectory(prefix="dtn-evidence-", dir=os.environ.get(PLACE))
        return Path(self._folder.name)

    def _command(self, key: str, directory: Path, folder: Path) -> tuple[list[str], Path]:
        """Return the arguments of ``evaluate``, and the file that it writes."""
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
        """Interrupt the running suite; a second call kills it. Raises UserError if somebody else has started it."""
        if not self.who().owns(self._owner):
            raise UserError("somebody else started this suite. Wait for it.")
        self._end()

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._cancelled:
                process.kill()
            else:
                interrupt(process)
        self._cancelled = True

    def progress(self) -> Progress:
        """Return the progress, without the server's folders for viewers who may not name paths."""
        progress = self._progress()
        return progress if self.who().paths else redact_values(progress, self.runs)

    def _progress(self) -> Progress:
        if self._process is None or self._output is None:
            return Progress("")
        title = SUITES[self._suite].title
        code = self._process.poll()
        share, tables = self._results(read_json(self._output) or {})
        log = self._log()
        if code is None:
            line = "It will stop after this step." if self._cancelled else log
            return Progress("running", title, share, line or "Starting …", tables)
        if code == 0:
            return Progress("done", title, 1.0, "Done.", tables)
        if self._cancelled or code == 130:
            return Progress("cancelled", title, share, "Cancelled. Run it again to resume.", tables)
        return Progress("failed", title, share, log.removeprefix("error: ") or f"It exited with code {code}.", tables)

    def _results(self, output: dict) -> tuple[float, tuple[Table, ...]]:
        """Return the share of the suite that is done, and its tables so far."""
        if self._suite == OWN:
            return sum(part in output for part in PARTS) / len(PARTS), ()
        rows = output.get("rows") or {}
        count = sum(len(seeds) for seeds in rows.values())
        wanted = sum(row.table == "table3" for row in ROWS) + 1 if self._suite == TINY else SEEDS * len(ROWS)
        try:
            tables = tuple(suite_tables("digits", output)) if rows else ()
        except (LookupError, TypeError, ValueError):
            tables = ()
        return min(1.0, count / wanted), tables

    def _log(self) -> str:
        """Return the last line of its output, without the folders of suites and runs."""
        try:
            lines = (self._temporary() / "log.txt").read_text("utf-8", "replace").split("\n")
        except OSError:
            return ""
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return last.replace(str(self._temporary()), "").replace(str(self.runs), "")[:300]
