"""Seeded, labelled vector avatars of plausible people, whatever their style: rates, labels, rendering.

Drawn by DiceBear and rasterised by resvg at any size. Head and hair are in frame and the eyes stand where `faces.align`
puts those of people (`types.HEAD_EYE_DISTANCE`, `types.HEAD_EYE_HEIGHT`). The same seed and rates give the same avatar
everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import UserError
from ..core.types import Image
from . import engine
from .parameters import DrawnStyle

HAT_COLOURS = ("#262e33", "#5199e4", "#25557c", "#929598", "#3c4f5c", "#ff5c5c", "#ffffff")
SKINS = {"pale": "#ffdbb4", "light": "#edb98a", "tan": "#d08b5b", "brown": "#ae5d29", "dark": "#614335"}


@dataclass(frozen=True)
class Rates:
    """How often an attribute is drawn; a GAN copies these. Defaults are near those of portrait photographs."""

    women: float = 0.55
    """Share drawn with feminine presentation: long hair and no beard."""
    glasses: float = 0.12
    """Share wearing glasses of any kind."""
    dark_glasses: float = 0.25
    """Of those, the share with dark lenses."""
    hat: float = 0.06
    """Share wearing a hat, a turban or a scarf."""
    bald: float = 0.10
    """Share of men without hair on the top of the head."""
    beard: float = 0.40
    """Share of men with a beard or a moustache."""
    smile: float = 0.55
    """Share smiling."""
    neutral_hair: float = 0.04
    """Share with a haircut that says nothing of presentation."""
    hair: tuple[float, float, float, float, float] = (0.16, 0.42, 0.27, 0.05, 0.10)
    """Black, brown, blond, red, grey, for pale and light skins; sums to 1."""
    hair_of_darker: tuple[float, float, float, float, float] = (0.66, 0.24, 0.02, 0.0, 0.08)
    """The same for tan, brown and dark skins, where people's hair is seldom fair; sums to 1."""
    skin: tuple[float, float, float, float, float] = (0.22, 0.43, 0.15, 0.12, 0.08)
    """Pale, light, tan, brown, dark; sums to 1."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            for share in value if isinstance(value, tuple) else (value,):
                if not 0 <= share <= 1:
                    raise UserError(f"rates.{f.name} must lie between 0 and 1, not {share}.")
        for name in ("hair", "hair_of_darker", "skin"):
            if abs(sum(getattr(self, name)) - 1) > 1e-6:
                raise UserError(f"rates.{name} must sum to 1, not {sum(getattr(self, name)):.3f}.")


PEOPLE = Rates()
"""The default: near the rates of people in portrait photographs."""

RICH = Rates(glasses=0.18, hat=0.12, bald=0.2, beard=0.42, hair=(0.17, 0.38, 0.26, 0.04, 0.15),
             hair_of_darker=(0.62, 0.22, 0.02, 0.0, 0.14), skin=(0.22, 0.36, 0.16, 0.14, 0.12))  # fmt: skip
"""What is rare among people made less so: for t, of which g learns nothing that it sees too seldom."""

BALANCED = Rates(women=0.45, glasses=0.4, dark_glasses=0.3, hat=0.18, bald=0.3, beard=0.5, smile=0.5,
                 neutral_hair=0.05, hair=(0.24, 0.24, 0.22, 0.08, 0.22),
                 hair_of_darker=(0.24, 0.24, 0.22, 0.08, 0.22), skin=(0.2,) * 5)  # fmt: skip
"""Rare attributes made common: for training and testing a judge, not for t."""


class Attributes(NamedTuple):
    """Exact labels of an avatar. None: the drawing doesn't say (hair under a hat, say), or its style can't."""

    glasses: bool | None
    bald: bool | None
    hat: bool | None
    beard: bool
    male: bool | None
    smiling: bool
    hair: str | None
    skin: str


@dataclass(frozen=True)
class Avatar:
    """A seeded drawing and what it shows. options: DiceBear's, each pinned to one value."""

    seed: int
    attributes: Attributes
    options: dict[str, Any]
    style: DrawnStyle = "avataaars"


def chances(rng: np.random.Generator) -> tuple[Callable[[float], bool], Callable[..., Any]]:
    """Yes with a probability; one of several values, with probabilities where they aren't the same for all."""

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    def pick(values: Iterable[Any], p: Iterable[float] | None = None) -> Any:
        values = tuple(values)
        return values[int(rng.choice(len(values), p=None if p is None else np.asarray(tuple(p))))]

    return chance, pick


def render(avatar: Avatar, size: int = 64) -> Image:
    """Rasterise: (size, size, 4) uint8 RGBA, straight alpha, transparent around the head and shoulders."""
    return engine.raster(engine.compose(avatar.style, avatar.options, engine.frame(avatar.style, "head")), size)
