"""``evaluate evidence``: what no other command measures, written once beside the weights it is of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...core.files import atomic_output
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
    """Compute a checkpoint's reliability, neighbours and map, as far as it has them; numbers only.

    The file is written after each part, so the same call continues where it was stopped.

    Args:
        name: Checkpoint.
        data: Folder of the datasets.
        split: Part of the datasets.
        limit: At most so many pictures of each dataset.
        output: File to write; by default `reading.computed_path`.
        log: Called with a line per part.

    Returns:
        The file.

    Raises:
        UserError: Nothing can be computed of this checkpoint, or of this data.
    """
    directory = checkpoint.find(name)
    path = output or computed_path(directory)
    task = subject(directory, data, split, limit)
    about: dict[str, Any] = {
        "format": FORMAT,
        "checkpoint": directory.name,
        "hash": checkpoint.weights_hash(directory),
        "split": split,
        "seed": 0,
        "limit": limit,
        "data": task.data,
        "n": task.n,
    }
    before = read_json(path) or {}
    is_same = all(before.get(key) == value for key, value in about.items())
    results = {part: before[part] for part in task.parts if part in before} if is_same else {}
    for part, compute_part in task.parts.items():
        if part not in results:
            log(f"{directory.name}: {part}")
            results[part] = compute_part()
            _write(path, {**about, **results})
    log(f"{path}: written" if path.exists() else f"{path}: nothing to write")
    return path


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON with points and bins on one line each."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda row: f"[{' '.join(row[0][1:-1].split())}]", text)
    text = re.sub(r"\],\n\s+\[", "], [", text)
    with atomic_output(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
