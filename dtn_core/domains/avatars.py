"""The emoji domain t: seeded, labelled vector avatars of plausible people.

Drawn by DiceBear in one of two styles, ``avataaars`` (Pablo Stanley, free for personal and commercial use) or
``toon-head`` (Johan Melin, CC BY 4.0), and rasterised by resvg at any size. Head and hair are in frame and the eyes
stand where `faces.align` puts those of people (`types.HEAD_EYE_DISTANCE`, `types.HEAD_EYE_HEIGHT`). The same seed and
rates give the same avatar everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from ..avatars import engine
from ..avatars.parameters import HAIR_COLOURS, DrawnStyle, Parameters
from ..avatars.skin import skin_colour
from ..errors import UserError
from ..types import Image

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
HAT_COLOURS = ("#262e33", "#5199e4", "#25557c", "#929598", "#3c4f5c", "#ff5c5c", "#ffffff")
SKINS = {"pale": "#ffdbb4", "light": "#edb98a", "tan": "#d08b5b", "brown": "#ae5d29", "dark": "#614335"}

TOON_SKINS = {"pale": "#f1c3a5", "light": "#dba98c", "tan": "#c68e7a", "brown": "#a36b4f", "dark": "#5c3829"}
TOON_BEARDS = ("fullBeard", "longBeard", "chinMoustache", "chin", "moustacheTwirl")

VectorStyle = DrawnStyle
"""Styles that are drawn; `domains.styles` knows all."""


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
    style: VectorStyle = "avataaars"


def sample(seed: int, rates: Rates = PEOPLE, style: VectorStyle = "avataaars") -> Avatar:
    """Draw the attributes of one avatar. The same (seed, rates, style) always gives the same avatar."""
    if style == "toon-head":
        return _toon(seed, rates)
    chance, pick = chances(np.random.default_rng([seed, 0xE0]))
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
        "hatColor": [pick(HAT_COLOURS)],
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


FURTHER = {"long": ("curvy",)}
"""Tops that c may choose beside those above; the rest of `SPECS` is for people to choose."""


def sample_parameters(style: VectorStyle, first: int, count: int, seed: int = 0) -> list[Parameters]:
    """Avatars (seeds from first on) among which c chooses: rare attributes are common, some tops are of `FURTHER`, and
    the skin has any lightness."""
    rng, made = np.random.default_rng([seed, 0xC]), []
    for i in range(first, first + count):
        drawn = engine.parameters_of(style, sample(i, BALANCED, style).options)
        variants, colours = dict(drawn.variants), dict(drawn.colours)
        more = FURTHER.get(drawn.shows("top") or "", ())
        if more and rng.random() < 0.1:
            variants["top"] = str(rng.choice(more))
        a, b = rng.uniform(25, 92, 2)
        colours["skin"] = skin_colour(style, a if rng.random() < 0.5 else max(a, b))
        made.append(Parameters(style, variants, colours))
    return made


def chances(rng: np.random.Generator) -> tuple[Callable[[float], bool], Callable[..., Any]]:
    """Yes with a probability; one of several values, with probabilities where they aren't the same for all."""

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    def pick(values: Iterable[Any], p: Iterable[float] | None = None) -> Any:
        values = tuple(values)
        return values[int(rng.choice(len(values), p=None if p is None else np.asarray(tuple(p))))]

    return chance, pick


def _toon(seed: int, rates: Rates) -> Avatar:
    """`sample` for toon-head, which has neither glasses nor hats."""
    chance, pick = chances(np.random.default_rng([seed, 0x700]))
    woman, skin = chance(rates.women), pick(SKINS, rates.skin)
    darker = skin in ("tan", "brown", "dark")
    hair = pick(HAIR_COLOURS, rates.hair_of_darker if darker else rates.hair)
    bald, beard = not woman and chance(rates.bald), not woman and chance(rates.beard)
    neutral, smiling = not bald and chance(rates.neutral_hair), chance(rates.smile)
    hair_hex = HAIR_COLOURS["brown"][0] if darker and hair == "brown" else pick(HAIR_COLOURS[hair])
    if neutral:
        front, rear = "sideComed", "neckHigh"
    elif woman:
        front = pick(("bun", "sideComed"))
        rear = pick(("longStraight", "longWavy", "neckHigh", "shoulderHigh") + (("",) if front == "bun" else ()))
    else:
        front, rear = "" if bald else pick(("sideComed", "spiky", "undercut")), ""
    male = True if beard else None if neutral else not woman
    attributes = Attributes(None, bald, None, beard, male, smiling, None if bald else hair, skin)
    options: dict[str, Any] = {
        "seed": str(seed),
        "skinColor": [TOON_SKINS[skin]],
        "hairProbability": 100 if front else 0,
        "rearHairProbability": 100 if rear else 0,
        "hairColor": [hair_hex],
        "beardProbability": 100 if beard else 0,
        "beardVariant": [pick(TOON_BEARDS, (0.45, 0.2, 0.15, 0.1, 0.1))],
        "eyesVariant": [pick(("wide", "happy"), (0.8, 0.2))],
        "eyebrowsVariant": [pick(("neutral", "happy", "raised"))],
        "mouthVariant": [pick(("smile", "laugh"), (0.6, 0.4)) if smiling else pick(("sad", "agape"), (0.75, 0.25))],
        "clothesVariant": [pick(("openJacket", "shirt", "tShirt", "turtleNeck"))],
        "clothesColor": [pick(("#151613", "#0b3286", "#545454", "#147f3c", "#b11f1f", "#e8e9e6", "#731ac3"))],
    }
    if front:
        options["hairVariant"] = [front]
    if rear:
        options["rearHairVariant"] = [rear]
    return Avatar(seed, attributes, options, "toon-head")


def render(avatar: Avatar, size: int = 64) -> Image:
    """Rasterise: (size, size, 4) uint8 RGBA, straight alpha, transparent around the head and shoulders."""
    return engine.raster(engine.compose(avatar.style, avatar.options, engine.frame(avatar.style, "head")), size)


def _render_seed(job: tuple[int, Rates, tuple[int, ...], VectorStyle]) -> tuple[Image, ...]:
    seed, rates, sizes, style = job
    avatar = sample(seed, rates, style)
    return tuple(render(avatar, size) for size in sizes)


def render_many(
    seeds: Iterable[int],
    sizes: tuple[int, ...] = (64,),
    rates: Rates = PEOPLE,
    workers: int = 2,
    style: VectorStyle = "avataaars",
) -> tuple[Image, ...]:
    """Render many avatars on several processes: for each size an (N, size, size, 4) uint8 array."""
    drawn = parallel(_render_seed, [(int(seed), rates, tuple(sizes), style) for seed in seeds], workers)
    return tuple(np.stack([d[i] for d in drawn]) for i in range(len(sizes)))


def parallel(draw: Callable[[Any], Any], jobs: list[Any], workers: int = 2) -> list[Any]:
    """draw of every job, on several processes where there are many."""
    if workers <= 1 or len(jobs) <= 64:
        return [draw(job) for job in jobs]
    import multiprocessing

    # "spawn": forking a process that has used torch's threads can hang.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(draw, jobs, chunksize=64))
