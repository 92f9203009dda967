"""The encoders f that the form offers."""

from __future__ import annotations

from pathlib import Path

from ....config import upgrade
from ....core.errors import UserError
from ....networks import checkpoint


def shipped_encoders(task: str) -> list[tuple[str, str]]:
    """Return (label, name) of each f that fits a task and comes with the app or its packages."""
    shipped = [path for path in sorted(checkpoint.SHIPPED.glob("*/")) if fits_task(path, task)]
    choices = [(f"{path.name} ({_reads(path)})", path.name) for path in shipped]
    return choices if task == "digits" else [*choices, ("dlib (the paper’s f for faces)", "dlib")]


def fits_task(path: Path, task: str) -> bool:
    """Whether a checkpoint's f fits a task: digits need one that reads digits, faces one that doesn't."""
    reads = _reads(path)
    if not reads:
        return False
    if task in ("faces", "style"):
        return reads != "reads digits"
    return task != "digits" or reads == "reads digits"


def _reads(path: Path) -> str:
    """Return what the f in a checkpoint reads, as a label; "" if it has no f."""
    try:
        info = checkpoint.read_config(path)
        name, trained = info["encoder"]["name"], info.get("trained") or {}
        if upgrade(trained).get("kind") == "folder-classifier":
            return "reads your classes"
    except (UserError, LookupError, TypeError, AttributeError):
        return ""
    return "reads digits" if name.startswith("digits") else "reads faces"
