"""The styles that faces can be translated to. A further one is a file here, and a line in `STYLES`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...config import Style
from ...core.errors import UserError
from ...core.types import Image
from .. import engine
from ..attributes import BALANCED, PEOPLE, Attributes, Avatar, Rates, render
from ..parameters import DrawnStyle, Parameters
from ..skin import skin_colour
from . import avataaars, cartoon_set, lorelei, toon_head
from .record import StyleRecord

STYLES = {style.name: style for style in (avataaars.STYLE, toon_head.STYLE, lorelei.STYLE, cartoon_set.STYLE)}

SCREEN_PRINT = StyleRecord(
    "screen-print", "Screen print", "Photos printed in five inks of a picture of our own", judge=""
)
"""What `StyleTransfer` makes with our style picture; it isn't a domain of the task "faces"."""

SHOWN = {**STYLES, SCREEN_PRINT.name: SCREEN_PRINT}
"""What the app may have to name."""

PACKS = tuple(name for name, style in STYLES.items() if style.pack)
"""Styles of which there are so many pictures and no more: their last `HELD_OUT` are learnt by nobody."""

HELD_OUT = 200


def sample(seed: int, rates: Rates = PEOPLE, style: DrawnStyle = "avataaars") -> Avatar:
    """The avatar of a seed, drawn and labelled. The same (seed, rates, style) always gives the same avatar."""
    return STYLES[style].sample(seed, rates)


def sample_parameters(style: DrawnStyle, first: int, count: int, seed: int = 0) -> list[Parameters]:
    """Avatars (seeds from first on) among which c chooses: rare attributes are common, the skin has any lightness."""
    rng, made = np.random.default_rng([seed, 0xC]), []
    for i in range(first, first + count):
        drawn = engine.parameters_of(style, sample(i, BALANCED, style).options)
        variants, colours = dict(drawn.variants), dict(drawn.colours)
        more = (STYLES[style].further or {}).get(drawn.kind_of("top") or "", ())
        if more and rng.random() < 0.1:
            variants["top"] = str(rng.choice(more))
        a, b = rng.uniform(25, 92, 2)
        colours["skin"] = skin_colour(style, a if rng.random() < 0.5 else max(a, b))
        made.append(Parameters(style, variants, colours))
    return made


def draw_heads(many: Iterable[Parameters]) -> Image:
    """Draw avatars: (N, 64, 64, 4) uint8 RGBA head crops, straight alpha."""
    return np.stack([engine.image(parameters, 64, "head") for parameters in many])


def render_many(
    seeds: Iterable[int],
    sizes: tuple[int, ...] = (64,),
    rates: Rates = PEOPLE,
    style: DrawnStyle = "avataaars",
) -> tuple[Image, ...]:
    """Render many avatars: for each size an (N, size, size, 4) uint8 array.

    One after the other, about 2.5 ms each: neither DiceBear nor resvg releases the GIL, so threads gain nothing, and
    worker processes would run the caller's script again where it has no ``__main__`` guard.
    """
    drawn = [sample(int(seed), rates, style) for seed in seeds]
    return tuple(np.stack([render(avatar, size) for avatar in drawn]) for size in sizes)


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
    if style not in PACKS:
        (pictures,) = render_many(seeds, (64,), rates, style=style)
        return Drawn(pictures, [sample(seed, rates, style).attributes for seed in seeds])
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
    return Drawn(*STYLES[style].pack(data))
