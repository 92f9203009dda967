"""The emoji domain t: seeded, labelled vector avatars of plausible people.

Drawn by DiceBear's ``avataaars`` style (Pablo Stanley, free for personal and commercial use) and rasterised by
resvg at any size. Head and hair are in frame and the eyes stand where `faces.align` puts those of people
(`types.HEAD_EYE_DISTANCE`, `types.HEAD_EYE_HEIGHT`). The same seed and rates give the same avatar everywhere.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as PILImage

from ..types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT, Image

LONG_HAIR = (
    "bigHair", "bob", "bun", "curly", "longButNotTooLong", "miaWallace", "straight01", "straight02",
    "straightAndStrand",
)  # fmt: skip
SHORT_HAIR = (
    "dreads01", "frizzle", "shaggy", "shortCurly", "shortFlat", "shortRound", "shortWaved", "theCaesar",
    "theCaesarAndSidePart",
)  # fmt: skip
NEUTRAL_HAIR = ("fro", "dreads")
HATS = ("hat", "winterHat1", "winterHat02", "winterHat03", "turban", "hijab")
BEARDS = ("beardLight", "beardMedium", "beardMajestic", "moustacheFancy", "moustacheMagnum")
CLEAR_GLASSES = ("prescription01", "prescription02", "round")
DARK_GLASSES = ("sunglasses", "wayfarers")
HAIR_COLOURS = {
    "black": ("#2c1b18",),
    "brown": ("#4a312c", "#724133", "#a55728"),
    "blond": ("#b58143", "#d6b370", "#ecdcbf"),
    "red": ("#c93305",),
    "grey": ("#e8e1e1", "#b9b4b1"),
}
SKINS = {"pale": "#ffdbb4", "light": "#edb98a", "tan": "#d08b5b", "brown": "#ae5d29", "dark": "#614335"}

# The eyes on the 280-unit canvas, measured on a render; tests/domains/test_avatars.py measures them again.
_EYES_X, _EYES_Y, _EYES_APART = 139.9, 111.9, 52.0


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
                    raise ValueError(f"rates.{f.name} must lie between 0 and 1, not {share}.")
        for name in ("hair", "hair_of_darker", "skin"):
            if abs(sum(getattr(self, name)) - 1) > 1e-6:
                raise ValueError(f"rates.{name} must sum to 1, not {sum(getattr(self, name)):.3f}.")


PEOPLE = Rates()
"""The default: near the rates of people in portrait photographs."""

BALANCED = Rates(women=0.45, glasses=0.4, dark_glasses=0.3, hat=0.18, bald=0.3, beard=0.5, smile=0.5,
                 neutral_hair=0.05, hair=(0.24, 0.24, 0.22, 0.08, 0.22),
                 hair_of_darker=(0.24, 0.24, 0.22, 0.08, 0.22), skin=(0.2,) * 5)  # fmt: skip
"""Rare attributes made common: for training and testing a judge, not for t."""


class Attributes(NamedTuple):
    """Exact labels of an avatar. None: the drawing doesn't say (hair under a hat, say)."""

    glasses: bool
    bald: bool | None
    hat: bool
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


def sample(seed: int, rates: Rates = PEOPLE) -> Avatar:
    """Draw the attributes of one avatar. The same (seed, rates) always gives the same avatar."""
    rng = np.random.default_rng([seed, 0xE0])

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    def pick(values: Iterable[Any], p: Iterable[float] | None = None) -> Any:
        values = tuple(values)
        return values[int(rng.choice(len(values), p=None if p is None else np.asarray(tuple(p))))]

    woman, hat = chance(rates.women), chance(rates.hat)
    skin = pick(SKINS, rates.skin)
    darker = skin in ("tan", "brown", "dark")
    hair = pick(HAIR_COLOURS, rates.hair_of_darker if darker else rates.hair)
    bald = not woman and not hat and chance(rates.bald)
    beard = not woman and chance(rates.beard)
    neutral = not bald and not hat and chance(rates.neutral_hair)
    glasses, smiling = chance(rates.glasses), chance(rates.smile)
    # Auburn on brown skin would hide the hairline.
    hair_hex = HAIR_COLOURS["brown"][0] if darker and hair == "brown" else pick(HAIR_COLOURS[hair])

    if hat:
        top = pick([h for h in HATS if h != ("turban" if woman else "hijab")])
    elif bald:
        top = pick(("", "sides"))
    else:
        top = pick(NEUTRAL_HAIR if neutral else LONG_HAIR if woman else SHORT_HAIR)
    if beard:
        male: bool | None = True
    else:
        male = None if hat or neutral else not woman
    attributes = Attributes(
        glasses, None if hat else bald, hat, beard, male, smiling, None if hat or bald else hair, skin
    )
    options: dict[str, Any] = {
        "seed": str(seed),
        "skinColor": [SKINS[skin]],
        "topProbability": 100 if top else 0,
        "hairColor": [hair_hex],
        "hatColor": [pick(("#262e33", "#5199e4", "#25557c", "#929598", "#3c4f5c", "#ff5c5c", "#ffffff"))],
        "facialHairProbability": 100 if beard else 0,
        "facialHairVariant": [pick(BEARDS, (0.3, 0.35, 0.15, 0.1, 0.1))],
        "facialHairColor": [hair_hex],
        "accessoriesProbability": 100 if glasses else 0,
        "accessoriesVariant": [pick(DARK_GLASSES if chance(rates.dark_glasses) else CLEAR_GLASSES)],
        "accessoriesColor": [pick(("#262e33", "#3c4f5c", "#25557c"))],
        "eyesVariant": [pick(("default", "happy"), (0.9, 0.1))],
        "eyebrowsVariant": [pick(("default", "defaultNatural", "flatNatural", "raisedExcitedNatural"))],
        "mouthVariant": [pick(("smile", "twinkle"), (0.7, 0.3)) if smiling else pick(("default", "serious"))],
        "clothesVariant": [pick(("shirtCrewNeck", "shirtVNeck", "shirtScoopNeck", "blazerAndShirt", "hoodie"))],
        "clothesColor": [pick(("#262e33", "#65c9ff", "#5199e4", "#25557c", "#929598", "#3c4f5c", "#ff5c5c"))],
    }
    if top:
        options["topVariant"] = [top]
    return Avatar(seed, attributes, options)


@cache
def _style() -> Any:
    from dicebear import Style

    return Style(json.loads(files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")))


def render(avatar: Avatar, size: int = 64) -> Image:
    """Rasterise: (size, size, 4) uint8 RGBA, straight alpha, transparent around the head and shoulders."""
    import resvg_py
    from dicebear import Avatar as Drawing

    side = _EYES_APART / HEAD_EYE_DISTANCE
    left, top = _EYES_X - side / 2, _EYES_Y - side * HEAD_EYE_HEIGHT
    svg = Drawing(_style(), avatar.options).to_string()
    svg = re.sub(r'viewBox="[^"]*"', f'viewBox="{left:g} {top:g} {side:g} {side:g}"', svg, count=1)
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    return np.array(PILImage.open(io.BytesIO(bytes(png))).convert("RGBA"))


def _render_seed(job: tuple[int, Rates, tuple[int, ...]]) -> tuple[Image, ...]:
    seed, rates, sizes = job
    return tuple(render(sample(seed, rates), size) for size in sizes)


def render_many(
    seeds: Iterable[int], sizes: tuple[int, ...] = (64,), rates: Rates = PEOPLE, workers: int = 2
) -> tuple[Image, ...]:
    """Render many avatars on several processes: for each size an (N, size, size, 4) uint8 array."""
    jobs = [(int(seed), rates, tuple(sizes)) for seed in seeds]
    if workers > 1 and len(jobs) > 64:
        import multiprocessing

        # "spawn": forking a process that has used torch's threads can hang.
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            drawn = list(pool.map(_render_seed, jobs, chunksize=64))
    else:
        drawn = [_render_seed(job) for job in jobs]
    return tuple(np.stack([d[i] for d in drawn]) for i in range(len(sizes)))
