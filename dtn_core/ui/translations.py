"""The translations a tab offers: those that are shipped, and the checkpoints of training runs. The browser knows them
by keys ("cartoon-set", "00003-faces/000500"), never by paths."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import gradio as gr

from ..avatars.styles import SCREEN_PRINT, SHOWN
from ..config import upgrade
from ..core.errors import UserError
from ..networks import checkpoint
from ..networks.checkpoint import SHIPPED

T = TypeVar("T")

EXPERIMENTAL = ("cartoon-set", "screen-print")
"""Styles whose emoji aren't good enough yet, as the list says."""

IN_MEMORY = 4
"""So many checkpoints besides the first stay loaded."""

_KEY = re.compile(r"(?P<run>\d[^/\\]*)/(?P<step>export|\d+)")


class Translations(Generic[T]):
    """Translations by their key. first: the one the app was started with, under the key ""; sees: the kinds of pictures
    that fit the tab (config.json's "sees"); load: makes one from its directory, UserError if it can't; runs: folder of
    training runs, or None where those are not to be seen; shown: whether whoever asks may see a run by its name."""

    def __init__(
        self,
        first: T,
        sees: Sequence[str],
        load: Callable[[str], T],
        runs: Path | None,
        shown: Callable[[str], bool] = lambda run: True,
    ) -> None:
        self.first, self.sees, self.load, self.runs, self.shown = first, sees, load, runs, shown
        self.loaded: OrderedDict[tuple[str, int], T] = OrderedDict()
        self.lock = Lock()
        self._infos: dict[Path, tuple[int, dict[str, Any] | None]] = {}

    def choices(self, chosen: str | None = None) -> list[tuple[str, str]]:
        """(label, key) of all there are now: the shipped ones, then of every run its newest checkpoint, the newest run
        first. chosen: a key that is listed as well, so that an older checkpoint of a run can stay chosen."""
        first = self.first.checkpoint
        found = [(_title(first.info, first.name, f" · {first.hash}"), "")]
        for name in self.shipped():
            if name != first.name:
                found.append((_title(self._info(SHIPPED / name), name), name))
        for run in sorted(self.runs.glob("[0-9]*"), reverse=True) if self.runs else ():
            newest = (run / "export", *sorted(run.glob("exports/[0-9]*"), reverse=True))
            keys = [f"{run.name}/{directory.name}" for directory in newest if self._info(directory)]
            keys = keys if keys and self.shown(run.name) else []
            found += [(self._label(key), key) for key in keys if key in (*keys[:1], chosen)]
        return found

    def info(self, name: str) -> dict[str, Any]:
        """config.json of a shipped translation."""
        return self._info(SHIPPED / name) or {}

    def shipped(self) -> list[str]:
        """Names of the shipped translations that fit the tab."""
        names = sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))
        return [name for name in names if self._info(SHIPPED / name)]

    def get(self, key: str | None) -> T:
        """The translation of a key. Raises UserError if there is none (any more), or if it can't be loaded."""
        if not key:
            return self.first
        directory = self._directory(key)
        if directory is None or not self._info(directory):
            raise UserError("this checkpoint is gone. Choose another one from the list.")
        version = key, self._infos[directory][0]
        with self.lock:
            if version not in self.loaded:
                try:
                    self.loaded[version] = self.load(str(directory))
                except UserError as error:
                    raise error.about(key) from None
                while len(self.loaded) > IN_MEMORY:
                    self.loaded.popitem(last=False)
            self.loaded.move_to_end(version)
            return self.loaded[version]

    def _directory(self, key: str) -> Path | None:
        if not isinstance(key, str):
            return None
        if self.runs and (parts := _KEY.fullmatch(key)):
            run = self.runs / parts["run"]
            if not self.shown(run.name):
                return None
            return run / "export" if parts["step"] == "export" else run / "exports" / parts["step"]
        return SHIPPED / key if re.fullmatch(r"[\w-]+", key) else None

    def _info(self, directory: Path) -> dict[str, Any] | None:
        """config.json of a translation that fits the tab, else None. Read again only when the file has changed: live
        video asks at every frame."""
        try:
            modified = (directory / "config.json").stat().st_mtime_ns
        except OSError:
            return None
        if self._infos.get(directory, (None,))[0] != modified:
            try:
                info = checkpoint.read_config(directory)
                fits = info.get("kind") in checkpoint.TRANSLATIONS and checkpoint.input_domain(info) in self.sees
            except UserError:
                fits = False
            self._infos[directory] = modified, info if fits else None
        return self._infos[directory][1]

    def _label(self, key: str) -> str:
        run, _, name = key.partition("/")
        step = self._info(self._directory(key)).get("trained", {}).get("step")
        step = int(name) if name.isdigit() else step
        return f"{run} · step {step:,}" if isinstance(step, int) else run


def style_of(info: dict) -> str | None:
    """The style of `domains.styles` that a translation with this config.json makes; None for digits, own folders and
    own style pictures."""
    trained = upgrade(info.get("trained", {}))
    if trained.get("kind") == "style":
        return None if trained.get("picture") else SCREEN_PRINT.name
    return trained.get("style") if trained.get("kind") in ("faces", "avatar") else None


def _title(info: dict, name: str, more: str = "") -> str:
    """A shipped translation's name, and its style's before it where it has one; else more after it."""
    style = style_of(info)
    doubt = " (experimental)" if style in EXPERIMENTAL else ""
    return f"{SHOWN[style].title}{doubt} · {name}" if style in SHOWN else f"{name}{more}"


def dropdown(
    translations: Translations, label: str = "Translation", always: bool = True, **options: object
) -> gr.Dropdown:
    """A list of the translations. It grows while the page is open: bring it up to date with `refresh`. always: whether
    it is seen without checkpoints of training runs, too."""
    choices = translations.choices()
    return gr.Dropdown(
        choices, value="", label=label, filterable=False, elem_classes="translation",
        visible=always or _has_runs(choices), **options,
    )  # fmt: skip


def refresh(translations: Translations, key: str | None, always: bool = True) -> dict:
    """The list as it is now, see `dropdown`; what was chosen stays, if it is still there."""
    choices = translations.choices(key)
    value = key if key in (known for _, known in choices) else ""
    return gr.update(choices=choices, value=value, visible=always or _has_runs(choices))


def refresh_choices(translations: Translations, key: str | None, always: bool = True) -> dict:
    """As `refresh`, but the answer sets no value while the choice is still listed: the viewer may have chosen another
    one before the answer arrives."""
    update = refresh(translations, key, always)
    if update["value"] == (key or ""):
        del update["value"]
    return update


def _has_runs(choices: Sequence[tuple[str, str]]) -> bool:
    return any("/" in key for _, key in choices)
