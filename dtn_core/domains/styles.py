"""The styles that faces can be translated to: every target domain t of the task "faces"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from ..config import Style
from ..errors import UserError
from ..types import Image
from . import avatars
from .avatars import PEOPLE, Attributes, Rates, VectorStyle
from .cartoons import cartoons

TITLES = {"avataaars": "Avataaars", "toon-head": "ToonHead", "cartoon-set": "Cartoon Set"}
"""As people call them."""

CREDITS = {
    "avataaars": "avataaars by Pablo Stanley, free for personal and commercial use, drawn by DiceBear",
    "toon-head": "ToonHead by Johan Melin, CC BY 4.0, drawn by DiceBear",
    "cartoon-set": "Cartoon Set by Google LLC, CC BY 4.0",
}
"""Whose hand each style is: cards and the app say so."""


PACKS = tuple(style for style in get_args(Style) if style not in get_args(VectorStyle))
"""Styles of which there are so many pictures and no more: their last `HELD_OUT` are learnt by nobody."""

HELD_OUT = 200

UNTOLD: dict[Style, tuple[str, ...]] = {
    "avataaars": (),
    "toon-head": ("glasses", "hat"),
    "cartoon-set": ("hat", "beard", "male", "smiling", "dark_skin"),
}
"""Of what a judge may be asked (`networks.judge.JUDGED`), what a style can't show or its pack doesn't tell."""


class Drawn(NamedTuple):
    """pictures: (N, 64, 64, 4) uint8 RGBA; attributes: exact labels, for judges alone."""

    pictures: Image
    attributes: list[Attributes]

    def part(self, start: int, stop: int | None = None) -> Drawn:
        """Those from start up to stop."""
        return Drawn(self.pictures[start:stop], self.attributes[start:stop])


def draw(style: Style, seeds: Sequence[int], data: Path | None = None, rates: Rates = PEOPLE) -> Drawn:
    """The pictures of a style with these seeds. Drawn styles have one for every seed; of a set that comes as a pack,
    seed i is its picture i, and seeds beyond its end have none, so that fewer may come than are asked for.

    Raises UserError if the style's pack is missing.
    """
    if style in get_args(VectorStyle):
        (pictures,) = avatars.render_many(seeds, (64,), rates, style=style)
        return Drawn(pictures, [avatars.sample(seed, rates, style).attributes for seed in seeds])
    pictures, told = _pack(style, data)
    here = [seed for seed in seeds if seed < len(pictures)]
    return Drawn(pictures[here], [told[i] for i in here])


def parts(style: Style, data: Path | None) -> tuple[Drawn, Drawn]:
    """The pictures of a style in `PACKS`: those to learn from, and the held-out ones: the last `HELD_OUT`, or half
    where there are fewer than twice as many. Raises UserError as `draw`."""
    drawn = _pack(style, data)
    cut = len(drawn.pictures) - min(HELD_OUT, len(drawn.pictures) // 2)
    return drawn.part(0, cut), drawn.part(cut)


def _pack(style: Style, data: Path | None) -> Drawn:
    if data is None:
        raise UserError(
            f"style {style} comes from a pack: pass --data DIR or set DTN_DATA (see 'Data' in docs/training.md)."
        )
    return Drawn(*cartoons(data))
