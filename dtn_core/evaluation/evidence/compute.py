"""``evaluate evidence``: what no other command measures, written once beside the weights it is of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...core.files import replacing
from ...data.portraits import Split
from ...networks import checkpoint
from .reading import computed_path
from .results import FORMAT, read_json
from .subjects import subject


def compute(
    name: str,
    data: Path | None,
    split: Split = "test",
    limit: int | None = None,
    output: Path | None = None,
    log: Callable[[str], None] = print,
) -> Path:
    """Compute a checkpoint's reliability, neighbours and map, as far as it has them; numbers only. The file, by default
    `reading.computed_path`, is written after each part, so that the same call goes on where it was stopped. Raises
    UserError for a checkpoint or data with which nothing can be computed."""
    directory = checkpoint.find(name)
    path = output or computed_path(directory)
    about: dict[str, Any] = {
        "format": FORMAT, "checkpoint": directory.name, "hash": checkpoint.weights_hash(directory), "split": split,
        "seed": 0, "limit": limit,
    }  # fmt: skip
    found = subject(directory, data, split, limit)
    about |= {"data": found.data, "n": found.n}
    before = read_json(path) or {}
    same = all(before.get(key) == value for key, value in about.items())
    done = {part: before[part] for part in found.parts if part in before} if same else {}
    for part, make in found.parts.items():
        if part not in done:
            log(f"{directory.name}: {part}")
            done[part] = make()
            _write(path, {**about, **done})
    log(f"{path}: written" if path.exists() else f"{path}: nothing to write")
    return path


def _write(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda row: f"[{' '.join(row[0][1:-1].split())}]", text)
    text = re.sub(r"\],\n\s+\[", "], [", text)  # points and bins in one line
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
