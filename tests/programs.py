"""Programs that tests run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


def find(*names: str) -> str | None:
    """The first of these programs that is installed.

    Looks beside this Python first, where pip puts programs: its environment may not be activated. Then on PATH, then
    where systems keep servers.
    """
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin"])
    found = (shutil.which(name, path=folders) for name in names)
    return next(filter(None, found), None)


def find_or_skip(name: str, remedy: str) -> str:
    """As `find`; skips the test where the program is missing."""
    return find(name) or pytest.skip(f"{name} is not installed ({remedy})")
