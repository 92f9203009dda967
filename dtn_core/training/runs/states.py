"""States to resume from, as safetensors: trees of dictionaries, lists, tensors and plain values. No pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...core.errors import UserError, reason_of
from ...core.files import parse_json, temporary_directory


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a state, whole or not at all. Raises OSError or SafetensorError."""
    tensors: dict[str, Tensor] = {}
    plain = _flatten(state, "", tensors)
    with temporary_directory(path) as folder:  # save_file leaves files of its own where it is killed
        save_file(tensors, folder / path.name, metadata={"plain": json.dumps(plain)})
        os.replace(folder / path.name, path)


def read(path: Path) -> dict[str, Any]:
    """The inverse of `write`. Raises UserError with one line if the file is damaged."""
    try:
        with safe_open(path, "pt") as file:
            return _unflatten(parse_json(file.metadata()["plain"]), file)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged ({reason_of(error)}).") from None


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
