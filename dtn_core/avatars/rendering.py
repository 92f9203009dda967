"""Sample and render avatars of a style: the pictures of the domain t."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config import Style
from ..core.errors import UserError
from ..core.progress import track
from ..core.types import Image
from . import engine
from .attributes import BALANCED_RATES, PORTRAIT_RATES, Attributes, Rates, SampledAvatar
from .parameters import Parameters
from .skin import skin_colour
from .styles import DRAWINGS, PACKS, STYLES

HELD_OUT = 200
"""Number of pictures at the end of a pack that no network is trained on."""


def sample(seed: int, rates: Rates = PORTRAIT_RATES, style: str = "avataaars") -> SampledAvatar:
    """Sample a labelled avatar. The same (seed, rates, style) always gives the same avatar."""
    return DRAWINGS[style].sample(seed, rates)


def sample_parameters(style: str, first: int, count: int, seed: int = 0) -> list[Parameters]:
    """Sample training data for c: rare attributes are frequent, and skins have any lightness.

    Args:
        style: Name of a drawn style.
        first: Seed of the first avatar.
        count: Number of avatars, with consecutive seeds.
        seed: Of the further variants and of the skins.
    """
    rng = np.random.default_rng([seed, 0xC])
    avatars = []
    for i in range(first, first + count):
        drawn = engine.parameters_of(style, sample(i, BALANCED_RATES, style).options)
        variants = dict(drawn.variants)
        colours = dict(drawn.colours)
        further = DRAWINGS[style].further_tops.get(drawn.kind_of("top") or "", ())
        if further and rng.random() < 0.1:
            variants["top"] = str(rng.choice(further))
        a, b = rng.uniform(25, 92, 2)
        lightness = a if rng.random() < 0.5 else max(a, b)
        colours["skin"] = skin_colour(style, lightness)
        avatars.append(Parameters(style, variants, colours))
    return avatars


def render(avatar: SampledAvatar, size: int = 64) -> Image:
    """Rasterise a sampled avatar: (size, size, 4) uint8 RGBA, straight alpha, transparent background."""
    view = engine.frame(avatar.style, "head")
    return engine.raster(engine.compose(avatar.style, avatar.options, view), size)


def render_many(
    seeds: Iterable[int], sizes: tuple[int, ...] = (64,), rates: Rates = PORTRAIT_RATES, style: str = "avataaars"
) -> tuple[Image, ...]:
    """Render many avatars: for each size an (N, size, size, 4) uint8 array.

    Sequential, about 2.5 ms each: neither DiceBear nor resvg releases the GIL, so threads gain nothing, and worker
    processes would run the caller's script again if it has no ``__main__`` guard.
    """
    avatars = [sample(int(seed), rates, style) for seed in seeds]
    return tuple(np.stack([render(avatar, size) for avatar in track(avatars, "drawing avatars")]) for size in sizes)


def draw_heads(avatars: Iterable[Parameters]) -> Image:
    """Draw avatars: (N, 64, 64, 4) uint8 RGBA head crops, straight alpha."""
    return np.stack([engine.image(one, 64, "head") for one in track(list(avatars), "drawing avatars")])


class LabelledPictures(NamedTuple):
    """Labelled pictures of a style.

    Attributes:
        pictures: (N, 64, 64, 4) uint8 RGBA, straight alpha.
        attributes: N exact labels; only judges are trained on them.
    """

    pictures: Image
    attributes: list[Attributes]

    def part(self, start: int, stop: int | None = None) -> LabelledPictures:
        """A slice of pictures and labels."""
        return LabelledPictures(self.pictures[start:stop], self.attributes[start:stop])


def draw(
    style: Style, seeds: Sequence[int], data: Path | None = None, rates: Rates = PORTRAIT_RATES
) -> LabelledPictures:
    """Draw or load the pictures of a style that have these seeds.

    A drawn style has a picture for every seed. In a pack, seed i is picture i and seeds past its end are skipped, so
    the result may have fewer pictures than seeds.

    Raises:
        UserError: The style's pack is missing.
    """
    if style not in PACKS:
        (pictures,) = render_many(seeds, (64,), rates, style=style)
        return LabelledPictures(pictures, [sample(seed, rates, style).attributes for seed in seeds])
    pack = _load_pack(style, data)
    available = [seed for seed in seeds if seed < len(pack.pictures)]
    return LabelledPictures(pack.pictures[available], [pack.attributes[i] for i in available])


def split_pack(style: Style, data: Path | None) -> tuple[LabelledPictures, LabelledPictures]:
    """Split a pack into training and held-out pictures: the last `HELD_OUT`, or half of a small pack.

    Raises:
        UserError: The style's pack is missing.
    """
    pack = _load_pack(style, data)
    count = len(pack.pictures)
    cut = count - min(HELD_OUT, count // 2)
    return pack.part(0, cut), pack.part(cut)


def _load_pack(style: Style, data: Path | None) -> LabelledPictures:
    if data is None:
        raise UserError(
            f"style {style} comes from a pack: pass --data DIR or set DTN_DATA (see 'Data' in docs/training.md)."
        )
    return LabelledPictures(*STYLES[style].pack(data))
