"""Drawn example faces for the app: few portraits are in the public domain (`portraits.free`)."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..avatars import engine
from ..core.images import composite_over
from ..core.types import Image

BACKGROUND = (226, 232, 238)
"""Background colour of the drawings, RGB."""

STYLES = {
    "micah": (360, "Avatar Illustration System by Micah Lanier, CC BY 4.0, drawn by DiceBear"),
    "open-peeps": (704, "Open Peeps by Pablo Stanley, CC0, drawn by DiceBear"),
}
"""DiceBear's style → side of its canvas, and its credit."""


class Example(NamedTuple):
    """An example: picture, (512, 512, 3) RGB; credit, the artist and the licence."""

    picture: Image
    credit: str


def _micah(seed: int, hair: str, colour: str, skin: str, mouth: str = "laughing", **more: Any) -> tuple[str, dict]:
    """DiceBear's options; those that aren't given follow from the seed."""
    defaults = {"glassesProbability": 0, "facialHairProbability": 0, "hairProbability": 100}
    options = {"hairVariant": [hair], "hairColor": [colour], "baseColor": [skin], "mouthVariant": [mouth]}
    return "micah", {"seed": str(seed), **defaults, **options, "facialHairColor": [colour], **more}


def _glasses(colour: str) -> dict[str, Any]:
    return {"glassesVariant": ["round"], "glassesColor": [colour], "glassesProbability": 100}


_PLAIN = {"eyebrowsVariant": ["up"], "eyebrowsColor": ["#262e33"], "noseVariant": ["curve"], "earringsProbability": 0}

PEOPLE: dict[str, tuple[str, dict[str, Any]]] = {
    "beard and glasses": _micah(
        0, "fonze", "#4a312c", "#edb98a", **_PLAIN, **_glasses("#262e33"), eyesVariant=["smiling"],
        eyeShadowColor=["#edb98a"], shirtVariant=["collared"], shirtColor=["#5199e4"],
        facialHairProbability=100, facialHairVariant=["scruff"],
    ),
    "bob": _micah(
        0, "pixie", "#2c1b18", "#8d5a3b", **_PLAIN, eyesVariant=["eyesShadow"], eyeShadowColor=["#8d5a3b"],
        shirtVariant=["crew"], shirtColor=["#f4d150"],
    ),
    "hat": (
        "open-peeps",
        {
            "seed": "101", "headVariant": ["hatHip"], "headContrastColor": ["#5199e4"], "skinColor": ["#ffdbb4"],
            "facialHairProbability": 100, "facialHairVariant": ["moustache4"], "accessoriesProbability": 0,
            "expressionVariant": ["smile"], "maskProbability": 0, "clothingColor": ["#8fa7df"],
        },
    ),
    "grey hair": _micah(36, "full", "#ece5e5", "#b2612d", **_glasses("#262e33")),
    "turban": _micah(106, "turban", "#262e33", "#b66531", **_glasses("#3c4f5c")),
    "bald": _micah(10, "dougFunny", "#533a35", "#644638", "pucker"),
}  # fmt: skip
"""Name → DiceBear's style and its options. Chosen among many: detectors find few drawn faces, and f reads the skin of
some darker than it is drawn."""


@cache
def drawn() -> dict[str, Example]:
    """Diverse faces that the shipped checkpoints detect and classify correctly."""
    examples = {}
    for name, (style, options) in PEOPLE.items():
        side, credit = STYLES[style]
        rgba = engine.raster(engine.compose(style, options, (0, 0, side)), 512)
        examples[name] = Example(composite_over(rgba, BACKGROUND), credit)
    return examples
