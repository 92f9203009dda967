"""Benchmarks: how long things take, and what switches are worth."""

import json
from pathlib import Path


def save(report: dict, path: Path) -> None:
    """A report as a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
