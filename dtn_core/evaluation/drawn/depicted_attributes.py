"""What an avatar shows, read from its parameters: exact, with no judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...avatars.attributes import SKINS, Attributes
from ...avatars.choose import EXPRESSIONS, HAIR_READS, QUESTIONS, Question, hair_reading, reading
from ...avatars.parameters import HAIR_COLOURS, SPECS, Parameters
from ...core.colors import to_lab, to_rgb
from ..questions import YES_NO


class Shown(NamedTuple):
    """None: the style can't show it, or it is hidden: whether a head under a hat is bald, the hair of a bald head, and
    the presentation (male) of who has neither a beard nor hair that is long or short.

    hair: of `HAIR_COLOURS`; skin: place of the palette's nearest, 0 the palest.
    """

    glasses: bool | None
    bald: bool | None
    hat: bool | None
    beard: bool | None
    male: bool | None
    smiling: bool | None
    mouth_open: bool | None
    hair: str | None
    skin: int


class Answers(NamedTuple):
    """yes: question → (N,) of 1, 0, or NaN where nothing is said; hair: (N,) colours, "" where none is shown."""

    yes: dict[str, NDArray[np.float32]]
    hair: NDArray[np.str_]


def of_parameters(p: Parameters) -> Shown:
    """What a drawing shows."""
    known = {name: _answer(p, question) for name, question in QUESTIONS[p.style].items()}
    bald, hat, beard = (known.get(name) for name in ("bald", "hat", "beard"))
    if beard or bald or hat:
        known["male"] = True if beard else None
    mouth = p.kind_of("mouth")
    return Shown(
        *(known.get(name) for name in YES_NO),
        smiling=mouth in ("smile", "laugh"),
        mouth_open=mouth in ("laugh", "open"),
        hair=None if bald or hat else hair_name(p.colours["hair"]),
        skin=_nearest(p.colours["skin"], SPECS[p.style].colours["skin"]),
    )


def of_attributes(a: Attributes) -> Shown:
    """What an avatar of `domains.avatars` shows, by its labels."""
    return Shown(a.glasses, a.bald, a.hat, a.beard, a.male, a.smiling, None, a.hair, list(SKINS).index(a.skin))


def hair_name(code: str) -> str:
    """What people call this colour of hair: the name of the artists' colour that is nearest in CIELAB."""
    codes = {shade: name for name, shades in HAIR_COLOURS.items() for shade in shades}
    return list(codes.values())[_nearest(code, tuple(codes))]


def _answer(p: Parameters, question: Question) -> bool | None:
    for side, answer in ((question.yes, True), (question.no, False)):
        ((slot, kinds),) = side.items()
        if p.kind_of(slot) in kinds:
            return answer
    return None


def _nearest(code: str, palette: Sequence[str]) -> int:
    lab = to_lab(np.array([to_rgb(c) for c in (code, *palette)]))
    return int(np.linalg.norm(lab[1:] - lab[0], axis=1).argmin())


def asked(style: str) -> list[str]:
    """Of `YES_NO` what a style can show."""
    return [name for name in YES_NO if name in QUESTIONS[style]]


def answers(style: str, shown: Sequence[Shown], male: NDArray[np.bool_] | None = None) -> Answers:
    """What N drawings of a style answer. male: (N,) as whom c took those whose drawing leaves it open; None: it stays
    open. What is hidden otherwise, isn't there."""
    yes = {}
    for name in (*asked(style), *EXPRESSIONS):
        told = [getattr(s, name) for s in shown]
        hidden = np.zeros(len(shown)) if name != "male" else np.full(len(shown), np.nan) if male is None else male
        yes[name] = np.array([h if t is None else t for t, h in zip(told, hidden)], np.float32)
    return Answers(yes, np.array([s.hair or "" for s in shown], str))


def read(style: str, attributes: Mapping[str, NDArray[np.float64]]) -> Answers:
    """What f's own reading of N photos answers, no drawing between: yes from a probability of one half on, and the
    likeliest colour of hair. attributes: attribute → (N,) probability."""
    yes = {name: reading(attributes, QUESTIONS[style][name].reads) > 0.5 for name in asked(style)}
    yes |= {name: attributes[attribute] > 0.5 for name, attribute in EXPRESSIONS.items()}
    hair = np.array(list(HAIR_READS))[hair_reading(attributes).argmax(1)]
    return Answers({name: values.astype(np.float32) for name, values in yes.items()}, hair)
