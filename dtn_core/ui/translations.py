"""The translations that a tab offers: shipped checkpoints, and those of training runs.

The browser refers to them by keys ("cartoon-set", "00003-faces/000500"), never by paths.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import gradio as gr

from ..avatars.styles import LISTED_STYLES, SCREEN_PRINT
from ..config import upgrade
from ..core.errors import UserError
from ..networks import checkpoint
from ..networks.checkpoint import SHIPPED

T = TypeVar("T")

EXPERIMENTAL = ("cartoon-set", "screen-print")
"""Styles whose emoji aren't good enough yet; the list marks them."""

IN_MEMORY = 4
"""Maximum number of loaded checkpoints besides the first."""

_KEY = re.compile(r"(?P<run>\d[^/\\]*)/(?P<step>export|\d+)")


class Translations(Generic[T]):
    """Translations by their key, loaded when they are first used.

    Attributes:
        first: the one that the app was started with; its key is "".
        input_domains: kinds of input pictures of the tab ("sees" in config.json).
        load: loads a translation from its directory; raises UserError if it can't.
        runs: folder of training runs; None if they aren't offered.
        may_see_run: whether the current viewer may see a run, by its name.
        loaded: (key, time of its config.json) → translation, least recently used first.
    """

    def __init__(
        self,
        first: T,
        input_domains: Sequence[str],
        load: Callable[[str], T],
        runs: Path | None,
        may_see_run: Callable[[str], bool] = lambda run: True,
    ) -> None:
        self.first = first
        self.input_domains = input_domains
        self.load = load
        self.runs = runs
        self.may_see_run = may_see_run
        self.loaded: OrderedDict[tuple[str, int], T] = OrderedDict()
        self.lock = Lock()
        self._infos: dict[Path, tuple[int, dict[str, Any] | None]] = {}

    def choices(self, chosen: str | None = None) -> list[tuple[str, str]]:
        """Return (label, key) of the shipped translations, then of the newest checkpoint of each run, newest run first.

        Args:
            chosen: a key to list as well, so that an older checkpoint of a run can stay selected.
        """
        first = self.first.checkpoint
        choices = [(_title(first.info, first.name, f" · {first.hash}"), "")]
        for name in self.shipped():
            if name != first.name:
                choices.append((_title(self._info(SHIPPED / name), name), name))
        for run in sorted(self.runs.glob("[0-9]*"), reverse=True) if self.runs else ():
            directories = (run / "export", *sorted(run.glob("exports/[0-9]*"), reverse=True))
            keys = [f"{run.name}/{directory.name}" for directory in directories if self._info(directory)]
            if keys and self.may_see_run(run.name):
                newest = keys[0]
                choices += [(self._label(key), key) for key in keys if key in (newest, chosen)]
        return choices

    def info(self, name: str) -> dict[str, Any]:
        """Return config.json of a shipped translation; {} if it doesn't fit the tab."""
        return self._info(SHIPPED / name) or {}

    def shipped(self) -> list[str]:
        """Return the names of the shipped translations that fit the tab."""
        names = sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))
        return [name for name in names if self._info(SHIPPED / name)]

    def get(self, key: str | None) -> T:
        """Return the translation of a key. Raises UserError if it doesn't exist (any more) or can't be loaded."""
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
                    raise error.with_subject(key) from None
                while len(self.loaded) > IN_MEMORY:
                    self.loaded.popitem(last=False)
            self.loaded.move_to_end(version)
            return self.loaded[version]

    def _directory(self, key: str) -> Path | None:
        if not isinstance(key, str):
            return None
        if self.runs and (parts := _KEY.fullmatch(key)):
            run = self.runs / parts["run"]
            if not self.may_see_run(run.name):
                return None
            return run / "export" if parts["step"] == "export" else run / "exports" / parts["step"]
        return SHIPPED / key if re.fullmatch(r"[\w-]+", key) else None

    def _info(self, directory: Path) -> dict[str, Any] | None:
        """Return config.json of a translation if it fits the tab, else None.

        It is read again only if it has changed, because live video asks for it at every frame.
        """
        try:
            modified = (directory / "config.json").stat().st_mtime_ns
        except OSError:
            return None
        if self._infos.get(directory, (None,))[0] != modified:
            try:
                info = checkpoint.read_config(directory)
                fits = (
                    info.get("kind") in checkpoint.TRANSLATIONS and checkpoint.input_domain(info) in self.input_domains
                )
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
    """Return the style in `avatars.styles` of a translation with this config.json.

    None for digits, and for the user's own folders and style pictures.
    """
    trained = upgrade(info.get("trained", {}))
    if trained.get("kind") == "style":
        return None if trained.get("picture") else SCREEN_PRINT.name
    return trained.get("style") if trained.get("kind") in ("faces", "avatar") else None


def _title(info: dict, name: str, more: str = "") -> str:
    """Return the label of a shipped translation. more: appended to the name if it has no style."""
    style = style_of(info)
    if style not in LISTED_STYLES:
        return f"{name}{more}"
    suffix = " (experimental)" if style in EXPERIMENTAL else ""
    return f"{LISTED_STYLES[style].title}{suffix} · {name}"


def dropdown(
    translations: Translations, label: str = "Translation", always: bool = True, **options: object
) -> gr.Dropdown:
    """Create a dropdown of the translations. New ones appear while the page is open, see `refresh`.

    Args:
        translations: to choose from.
        label: of the dropdown.
        always: show it even if there are no checkpoints of training runs.
        options: of gr.Dropdown.
    """
    choices = translations.choices()
    return gr.Dropdown(
        choices, value="", label=label, filterable=False, elem_classes="translation",
        visible=always or _has_runs(choices), **options,
    )  # fmt: skip


def refresh(translations: Translations, key: str | None, always: bool = True) -> dict:
    """Return an update of the `dropdown`. The choice stays if it is still listed."""
    choices = translations.choices(key)
    value = key if any(key == listed for _, listed in choices) else ""
    return gr.update(choices=choices, value=value, visible=always or _has_runs(choices))


def refresh_choices(translations: Translations, key: str | None, always: bool = True) -> dict:
    """As `refresh`, but set no value while the choice is still listed.

    The viewer may have chosen another one before the update arrives.
    """
    update = refresh(translations, key, always)
    if update["value"] == (key or ""):
        del update["value"]
    return update


def _has_runs(choices: Sequence[tuple[str, str]]) -> bool:
    return any("/" in key for _, key in choices)
