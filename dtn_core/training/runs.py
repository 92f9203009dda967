"""Run directories: numbered, never overwritten, readable while they grow.

``runs/00003-faces-cpu/`` holds config.json, events.jsonl, samples/000500.png, checkpoints/last.safetensors
(and best.safetensors), export/ (the checkpoint to use), control/ (an empty file ``stop`` in it ends the run well)
and lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .. import config as configs
from .. import images
from ..events import Event, Stamped, encode
from ..types import Image


@dataclass
class Run:
    """A run directory opened for writing; only one process can hold it."""

    path: Path
    config: configs.Config
    _lock: TextIO | None = field(default=None, repr=False)

    @classmethod
    def create(cls, runs: Path, name: str, config: configs.Config) -> Run:
        """Make the next numbered directory. Raises ValueError if the folder can't be written."""
        try:
            runs.mkdir(parents=True, exist_ok=True)
            number = max((int(p.name[:5]) for p in runs.iterdir() if p.name[:5].isdigit()), default=0)
            while True:
                number += 1
                path = runs / f"{number:05d}-{name}"
                try:
                    path.mkdir()
                    break
                except FileExistsError:
                    continue
            for part in ("samples", "checkpoints", "control"):
                (path / part).mkdir()
            (path / "config.json").write_text(json.dumps(configs.to_dict(config), indent=1) + "\n")
        except OSError as error:
            raise ValueError(f"{runs}: cannot be written ({error.strerror}). Choose another with --runs.") from None
        return cls(path, config)._locked()

    @classmethod
    def reopen(cls, path: Path) -> Run:
        """Open an existing run to go on with it. Raises ValueError if it isn't one, or is running now."""
        try:
            config = configs.from_dict(json.loads((path / "config.json").read_text()))
        except (OSError, json.JSONDecodeError) as error:
            raise ValueError(f"{path}: not a run directory ({error}).") from None
        run = cls(path, config)._locked()
        (path / "control" / "stop").unlink(missing_ok=True)
        return run

    def _locked(self) -> Run:
        self._lock = (self.path / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{self.path}: is being trained by another process. Stop that first.") from None
        return self

    def tell(self, event: Event) -> None:
        """Append an event, at once."""
        with (self.path / "events.jsonl").open("a") as file:
            file.write(encode(Stamped(event)) + "\n")

    def asked_to_stop(self) -> bool:
        """Whether somebody put a file ``stop`` into control/."""
        return (self.path / "control" / "stop").exists()

    def save_sample(self, step: int, image: Image) -> str:
        """Write a sample grid; returns its path relative to the run."""
        name = f"samples/{step:06d}.png"
        images.save(self.path / name, image)
        return name

    def save_state(self, state: dict[str, Any], name: str = "last") -> None:
        """Write checkpoints/<name>.safetensors, whole or not at all."""
        tensors: dict[str, Tensor] = {}
        plain = _flatten(state, "", tensors)
        path = self.path / "checkpoints" / f"{name}.safetensors"
        temporary = path.with_suffix(".tmp")
        save_file(tensors, temporary, metadata={"plain": json.dumps(plain)})
        os.replace(temporary, path)

    def load_state(self, name: str = "last") -> dict[str, Any] | None:
        """What `save_state` wrote, or None if there is nothing yet. Raises ValueError if it is damaged."""
        path = self.path / "checkpoints" / f"{name}.safetensors"
        if not path.exists():
            return None
        try:
            with safe_open(path, "pt") as file:
                return _unflatten(json.loads(file.metadata()["plain"]), file)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: damaged ({error}). Start a new run.") from None


def _flatten(node: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Move the tensors of a tree into a flat dictionary; the tree keeps their names."""
    if isinstance(node, Tensor):
        tensors[name] = node.detach().cpu().contiguous().clone()
        return {"__tensor__": name}
    if isinstance(node, dict):
        # Optimizers use integer keys, which JSON hasn't: pairs keep them.
        return {"__pairs__": [[k, _flatten(v, f"{name}/{k}", tensors)] for k, v in node.items()]}
    if isinstance(node, list | tuple):
        return [_flatten(v, f"{name}/{i}", tensors) for i, v in enumerate(node)]
    if isinstance(node, bool | int | float | str) or node is None:
        return node
    raise TypeError(f"{name}: can't be stored: {type(node).__name__}")


def _unflatten(node: Any, file: Any) -> Any:
    if isinstance(node, dict):
        if "__tensor__" in node:
            return file.get_tensor(node["__tensor__"])
        return {k: _unflatten(v, file) for k, v in node["__pairs__"]}
    if isinstance(node, list):
        return [_unflatten(v, file) for v in node]
    return node
