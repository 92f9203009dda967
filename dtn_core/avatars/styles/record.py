"""What a style of emoji is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...core.types import Image
from ..attributes import Attributes, Avatar, Rates


@dataclass(frozen=True)
class StyleRecord:
    """A target domain t of the task "faces".

    name: as in settings; title, credit: what the app and the cards say; judge: checkpoint that reads its attributes;
    untold: of `networks.judge.JUDGED`, what it can't show or its pack doesn't tell; sample: the avatar of a seed, where
    an engine draws the style (its slots: `avatars.parameters.SPECS`); further: kind of top → tops that c may choose
    beside those of `sample`; pack: all pictures (N, 64, 64, 4) uint8 RGBA and their labels from a data folder, where
    there are so many and no more; pack_files: what it reads there.
    """

    name: str
    title: str
    credit: str
    judge: str
    untold: tuple[str, ...] = ()
    sample: Callable[[int, Rates], Avatar] | None = None
    further: dict[str, tuple[str, ...]] | None = None
    pack: Callable[[Path], tuple[Image, list[Attributes]]] | None = None
    pack_files: tuple[str, ...] = ()
