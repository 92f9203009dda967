"""Which translations a tab offers: those that are shipped, and every checkpoint of every run once it is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import gradio as gr

from .. import checkpoint
from ..checkpoint import SHIPPED
from ..domains.styles import TITLES
from ..errors import UserError

T = TypeVar("T")

EXPERIMENTAL = ("toon-head", "cartoon-set")
"""Styles whose emoji aren't good enough yet, as the list says."""

KEPT = 4
"""So many checkpoints besides the first stay in memory."""


class Translations(Generic[T]):
    """Translations by their path. first: the one the app was started with, under the value ""; sees: the kinds of
    pictures that fit the tab (config.json's "sees"); load: makes one from its directory, UserError if it can't; runs:
    folder of training runs, or None where those are not to be seen."""

    def __init__(self, first: T, sees: Sequence[str], load: Callable[[str], T], runs: Path | None) -> None:
        self.first, self.sees, self.load, self.runs = first, sees, load, runs
        self.kept: OrderedDict[tuple[str, int], T] = OrderedDict()
        self.lock = Lock()

    def choices(self) -> list[tuple[str, str]]:
        """(words, value) of all there are now, the newest run first."""
        first = self.first.checkpoint
        found = [(_titled(first.info, f"{first.name} · {first.hash}"), "")]
        for directory in sorted(p.parent for p in SHIPPED.glob("*/config.json")):
            if self._fits(directory) and directory.name != first.name:
                found.append((_titled(checkpoint.read_config(directory), directory.name), str(directory)))
        for run in sorted(self.runs.glob("[0-9]*"), reverse=True) if self.runs else ():
            for directory in (run / "export", *sorted(run.glob("exports/[0-9]*"), reverse=True)):
                if self._fits(directory):
                    found.append((f"{run.name} · {_step(directory)}", str(directory)))
        return found

    def get(self, value: str | None) -> T:
        """The translation of a value of `choices`. Raises UserError if there is none any more, or another is meant."""
        if not value:
            return self.first
        if value not in (known for _, known in self.choices()):
            raise UserError("this checkpoint is gone. Choose another one from the list.")
        key = value, (Path(value) / "config.json").stat().st_mtime_ns
        with self.lock:
            if key not in self.kept:
                self.kept[key] = self.load(value)
                while len(self.kept) > KEPT:
                    self.kept.popitem(last=False)
            self.kept.move_to_end(key)
            return self.kept[key]

    def _fits(self, directory: Path) -> bool:
        try:
            info = checkpoint.read_config(directory)
        except UserError:
            return False
        return info.get("kind") == "transfer" and checkpoint.sees(info) in self.sees


def style_of(info: dict) -> str | None:
    """The style of `domains.styles` that a translation with this config.json makes; None for digits and own folders."""
    trained = info.get("trained", {})
    return trained.get("style") if trained.get("task") == "faces" else None


def _titled(info: dict, name: str) -> str:
    """A shipped translation's name, and its style's before it where it has one."""
    style = style_of(info)
    doubt = " (experimental)" if style in EXPERIMENTAL else ""
    return f"{TITLES[style]}{doubt} · {name}" if style in TITLES else name


def _step(directory: Path) -> str:
    if directory.name != "export":
        return f"step {int(directory.name):,}"
    step = checkpoint.read_config(directory).get("trained", {}).get("step")
    return f"finished, step {step:,}" if isinstance(step, int) else "finished"


def dropdown(translations: Translations, label: str = "Translation", **options: object) -> gr.Dropdown:
    """A list of the translations. It grows while the page is open: bring it up to date with `refresh`."""
    return gr.Dropdown(
        translations.choices(), value="", label=label, filterable=False, elem_classes="translation", **options
    )


def refresh(translations: Translations, value: str | None) -> dict:
    """The list as it is now; what was chosen stays, if it is still there."""
    choices = translations.choices()
    return gr.update(choices=choices, value=value if value in (known for _, known in choices) else "")
