"""Labels of sampled avatars, and how often each attribute is sampled; the same for all styles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import UserError

HAT_COLOURS = ("#262e33", "#5199e4", "#25557c", "#929598", "#3c4f5c", "#ff5c5c", "#ffffff")
SKINS = {"pale": "#ffdbb4", "light": "#edb98a", "tan": "#d08b5b", "brown": "#ae5d29", "dark": "#614335"}


@dataclass(frozen=True)
class Rates:
    """How often each attribute is sampled; a GAN reproduces these rates. Defaults are near portrait photographs."""

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
    """Share with a haircut that is neither feminine nor masculine."""
    hair: tuple[float, float, float, float, float] = (0.16, 0.42, 0.27, 0.05, 0.10)
    """Black, brown, blond, red, grey, for pale and light skins; sums to 1."""
    hair_of_darker: tuple[float, float, float, float, float] = (0.66, 0.24, 0.02, 0.0, 0.08)
    """The same for tan, brown and dark skins, where people's hair is seldom fair; sums to 1."""
    skin: tuple[float, float, float, float, float] = (0.22, 0.43, 0.15, 0.12, 0.08)
    """Pale, light, tan, brown, dark; sums to 1."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            for share in value if isinstance(value, tuple) else (value,):
                if not 0 <= share <= 1:
                    raise UserError(f"rates.{field.name} must lie between 0 and 1, not {share}.")
        for name in ("hair", "hair_of_darker", "skin"):
            if abs(sum(getattr(self, name)) - 1) > 1e-6:
                raise UserError(f"rates.{name} must sum to 1, not {sum(getattr(self, name)):.3f}.")


PORTRAIT_RATES = Rates()
"""The default: near the rates in portrait photographs."""

ENRICHED_RATES = Rates(glasses=0.18, hat=0.12, bald=0.2, beard=0.42, hair=(0.17, 0.38, 0.26, 0.04, 0.15),
             hair_of_darker=(0.62, 0.22, 0.02, 0.0, 0.14), skin=(0.22, 0.36, 0.16, 0.14, 0.12))  # fmt: skip
"""Rare attributes are less rare: for t, since g doesn't learn what it sees too seldom."""

BALANCED_RATES = Rates(women=0.45, glasses=0.4, dark_glasses=0.3, hat=0.18, bald=0.3, beard=0.5, smile=0.5,
                 neutral_hair=0.05, hair=(0.24, 0.24, 0.22, 0.08, 0.22),
                 hair_of_darker=(0.24, 0.24, 0.22, 0.08, 0.22), skin=(0.2,) * 5)  # fmt: skip
"""Rare attributes are common: for training and testing a judge, not for t."""


class Attributes(NamedTuple):
    """Exact labels of an avatar; None if the drawing hides the attribute (hair under a hat) or its style lacks it."""

    glasses: bool | None
    bald: bool | None
    hat: bool | None
    beard: bool
    male: bool | None
    smiling: bool
    hair: str | None
    skin: str


@dataclass(frozen=True)
class SampledAvatar:
    """A sampled avatar.

    Attributes:
        seed: The seed it was sampled with.
        attributes: Its labels.
        options: DiceBear's options, each fixed to one value.
        style: Name of its style.
    """

    seed: int
    attributes: Attributes
    options: dict[str, Any]
    style: str = "avataaars"


def make_samplers(rng: np.random.Generator) -> tuple[Callable[[float], bool], Callable[..., Any]]:
    """Return two samplers: a Bernoulli trial, and a choice among values with optional probabilities."""

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    def pick(values: Iterable[Any], p: Iterable[float] | None = None) -> Any:
        values = tuple(values)
        return values[int(rng.choice(len(values), p=None if p is None else np.asarray(tuple(p))))]

    return chance, pick
