"""Removes the server's folders from data sent to viewers who may not name paths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path, PurePath
from typing import Any, TypeVar

T = TypeVar("T")

_FOLDERS = re.compile(r"(?<![\w.:/<])/(?:[^\s/:'\",]+/)+")

_LEADING_SLASH = re.compile(r"(?<![\w.:/<])/(?=[\w.~])")


def redact_values(value: T, runs: Path) -> T:
    """Return a copy of nested values in which no string contains an absolute path of the server.

    Args:
        value: strings, numbers, lists, tuples, mappings and dataclasses of them.
        runs: folder of the training runs; paths inside it become relative to it in texts.
    """
    if isinstance(value, str):
        return _redact_string(value, runs)
    if isinstance(value, Mapping):
        return {redact_values(key, runs): redact_values(item, runs) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_values(item, runs) for item in value]
    if isinstance(value, tuple):
        items = [redact_values(item, runs) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if is_dataclass(value):
        return replace(
            value, **{field.name: redact_values(getattr(value, field.name), runs) for field in fields(value)}
        )
    return value


def remove_folders(text: str, runs: Path) -> str:
    """Return a text with absolute paths in it shortened.

    Args:
        text: any text, such as a log.
        runs: folder of the training runs; paths inside it become relative to it, others keep their last part only.
    """
    return _FOLDERS.sub("", text.replace(f"{runs.absolute()}/", ""))


def absolute_paths(value: Any) -> Iterator[str]:
    """Yield the strings in nested JSON values that are an absolute path."""
    if isinstance(value, str):
        if _is_path(value):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from absolute_paths(item)
    elif isinstance(value, list):
        for item in value:
            yield from absolute_paths(item)


def _is_path(text: str) -> bool:
    """Whether a string is an absolute path, which may have spaces, and not a message that begins with one."""
    return PurePath(text).is_absolute() and ": " not in text


def _redact_string(text: str, runs: Path) -> str:
    if _is_path(text):
        return PurePath(text).name
    return _LEADING_SLASH.sub("", remove_folders(text, runs))
