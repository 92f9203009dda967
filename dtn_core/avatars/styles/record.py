"""The records that describe a style. They hold data only: a style's own file fills them in, other modules read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ...core.types import Image
from ..attributes import Attributes, Rates, SampledAvatar

NONE = ""
"""The variant of an optional slot that draws nothing."""

HAIR_COLOURS = {
    "black": ("#2c1b18",),
    "brown": ("#4a312c", "#724133", "#a55728"),
    "blond": ("#b58143", "#d6b370", "#ecdcbf"),
    "red": ("#c93305",),
    "grey": ("#e8e1e1", "#b9b4b1"),
}
"""Common name of a hair colour → the artists' colours of that name."""

ALL_HAIR_COLOURS = tuple(code for codes in HAIR_COLOURS.values() for code in codes)

Variants = tuple[str, ...]
Kinds = dict[str, dict[str, Variants]]


class Spec(NamedTuple):
    """What the drawing engine of a style can draw. Lengths are in units of the style's canvas.

    Attributes:
        slots: Name → variants; `NONE` is among the variants of an optional slot.
        layers: Drawing order of the slots and of the fixed parts.
        colours: Name → the artist's palette. Any other colour is valid, too.
        options: Colour name → the name of DiceBear's option.
        eyes: x and y of the midpoint between the eyes, and their distance, measured on a render. For a turned head, as
            they would be from the front.
        canvas: Side of the canvas.
        bust_scale: Scale of the bust relative to the face that it covers.
        kinds: Slot → kind ("hat", "beard") → the variants of that kind.
        follows: Layer that is no slot → the slot that selects its variant, and further slots that must not be empty.
    """

    slots: dict[str, Variants]
    layers: tuple[str, ...]
    colours: dict[str, tuple[str, ...]]
    options: dict[str, str]
    eyes: tuple[float, float, float]
    canvas: float
    bust_scale: float
    kinds: Kinds
    follows: dict[str, tuple[str, ...]] = {}

    def choices(self, head: str) -> tuple[str, ...]:
        """The variants of a slot, or the palette of "colour:NAME"; empty for an unknown name."""
        if head.startswith("colour:"):
            return self.colours.get(head.removeprefix("colour:"), ())
        return self.slots.get(head, ())

    @property
    def bust(self) -> tuple[float, float, float]:
        """left, top and side of the bust view: the whole canvas, and some room above it for tall hats."""
        room = 0.06 * self.canvas
        return -room / 2, -room, self.canvas + room


class Question(NamedTuple):
    """A yes/no attribute, such as "glasses", as a style can show it.

    Attributes:
        yes: The slot → the kinds that mean yes.
        no: The same slot → the kinds that mean no. c's log-odds compare the two.
        f_attributes: f's attributes that answer it, with "-" before an attribute of the opposite meaning. The largest
            probability counts.
    """

    yes: dict[str, tuple[str, ...]]
    no: dict[str, tuple[str, ...]]
    f_attributes: tuple[str, ...]


class Change(NamedTuple):
    """What a shape of +1 does to some layers; -1 does the opposite.

    Attributes:
        layers: The layers that change.
        centre: The fixed point on the canvas.
        scale: Relative growth in x and y.
        up: Upward shift in units of the canvas.
    """

    layers: tuple[str, ...]
    centre: tuple[float, float]
    scale: tuple[float, float] = (0.0, 0.0)
    up: float = 0.0


class Rig(NamedTuple):
    """How a style is animated, in units of its canvas.

    Attributes:
        depths: Layer → its distance in front of the axis of head rotation, in eye distances; other layers don't move.
        pivots: Layer → a point. For eyes and eyebrows: x separates left from right, and lids close towards y. For
            mouths: the middle of the upper lip.
        closed_eyes: Variants with both eyes closed.
        winking_eyes: Variants with one eye closed.
        blink: The variant that a blink draws.
        mouths: "smile", "laugh" and "open" → variant.
    """

    depths: dict[str, float]
    pivots: dict[str, tuple[float, float]]
    closed_eyes: Variants
    winking_eyes: Variants
    blink: str
    mouths: dict[str, str]


@dataclass(frozen=True)
class Drawing:
    """How an artist's engine draws a style, and what c may choose of it.

    Attributes:
        sample: (seed, rates) → a random, labelled avatar.
        spec: Slots, colours and layout.
        questions: Name → question that c and f answer.
        reserved: Head → choices for people only. c must not guess a creed or a mood, or invent rare haircuts, hats and
            jewellery; and a white hat is invisible on a white background.
        haircuts: "long" or "short" → what f reads of the hair ("Bangs", "Wavy_Hair", or "" for neither) → variants.
            Drawings alone teach c little of it, and it is what people are recognised by.
        stubble: Beards that are short stubble.
        laughing_eyes: Variants of eyes for smiling faces only.
        shapes: Name → change, by a number in [-1, 1]. Limits are small enough to preserve the artist's line. Hair has
            no volume shape: short hair lies close to the skull, and less of it would bare the skull.
        rig: How the drawing moves.
        expressions: Name → variants of mouth, eyes and eyebrows.
        roles: Meaning that other styles share ("hair", "glasses") → the slots with that meaning.
        plain: Slot → variant of a plain figure, on which outlines are measured, where it isn't the first or `NONE`.
        further_tops: Kind of top → variants that c may choose in addition to those of `sample`.
        prepare: Changes DiceBear's definition before use.
    """

    sample: Callable[[int, Rates], SampledAvatar]
    spec: Spec
    questions: dict[str, Question]
    reserved: dict[str, Variants]
    haircuts: Kinds
    laughing_eyes: Variants
    shapes: dict[str, Change]
    rig: Rig
    expressions: dict[str, tuple[str, str, str]]
    roles: dict[str, tuple[str, ...]]
    stubble: Variants = ()
    plain: Mapping[str, str] = field(default_factory=dict)
    further_tops: Mapping[str, Variants] = field(default_factory=dict)
    prepare: Callable[[dict[str, Any]], dict[str, Any]] | None = None


@dataclass(frozen=True)
class StyleRecord:
    """A target domain t of the task "faces".

    Attributes:
        name: As in settings.
        title: What the app and the model cards call it.
        credit: Artist and licence.
        judge: Checkpoint of the classifier of its attributes.
        unlabelled: Attributes of `networks.judge.JUDGED` that the style can't show or the pack has no labels for.
        drawing: For styles that are drawn from parameters.
        pack: For styles with a fixed set of pictures: data folder → (N, 64, 64, 4) uint8 RGBA, and N labels.
        pack_files: Names of the files that `pack` reads.
    """

    name: str
    title: str
    credit: str
    judge: str
    unlabelled: tuple[str, ...] = ()
    drawing: Drawing | None = None
    pack: Callable[[Path], tuple[Image, list[Attributes]]] | None = None
    pack_files: tuple[str, ...] = ()
