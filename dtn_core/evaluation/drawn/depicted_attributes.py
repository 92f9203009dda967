"""What an avatar shows, read from its parameters: exact, without a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...avatars.attributes import SKINS, Attributes
from ...avatars.choose import (
    EXPRESSION_ATTRIBUTES,
    HAIR_ATTRIBUTES,
    QUESTIONS,
    Question,
    hair_probabilities,
    question_probability,
)
from ...avatars.parameters import HAIR_COLOURS, SPECS, Parameters
from ...core.colors import to_lab, to_rgb
from ..questions import YES_NO


class DepictedAttributes(NamedTuple):
    """What one avatar shows; None if the style can't show it, or it is hidden.

    Attributes:
        glasses: Whether it wears glasses.
        bald: Whether it is bald; hidden by a hat.
        hat: Whether it wears a hat.
        beard: Whether it has a beard or moustache.
        male: Presentation; open without a beard or hair that is long or short.
        smiling: Whether it smiles.
        mouth_open: Whether its mouth is open.
        hair: Name of the hair colour, of `HAIR_COLOURS`; hidden by a hat.
        skin: Index of the nearest colour of the palette, 0 the palest.
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
    """Answers of N pictures.

    Attributes:
        yes: Question → (N,) of 1, 0, or NaN where it is open.
        hair: (N,) hair colours, "" where none is visible.
    """

    yes: dict[str, NDArray[np.float32]]
    hair: NDArray[np.str_]


def of_parameters(p: Parameters) -> DepictedAttributes:
    """Return what an avatar with these parameters shows."""
    known = {name: _answer(p, question) for name, question in QUESTIONS[p.style].items()}
    covers_hair = bool(known.get("bald") or known.get("hat"))
    if known.get("beard"):
        known["male"] = True
    elif covers_hair:
        known["male"] = None
    mouth = p.kind_of("mouth")
    return DepictedAttributes(
        **{name: known.get(name) for name in YES_NO},
        smiling=mouth in ("smile", "laugh"),
        mouth_open=mouth in ("laugh", "open"),
        hair=None if covers_hair else hair_name(p.colours["hair"]),
        skin=_nearest_color(p.colours["skin"], SPECS[p.style].colours["skin"]),
    )


def of_attributes(a: Attributes) -> DepictedAttributes:
    """Return what a rendered avatar shows, by its labels."""
    return DepictedAttributes(
        glasses=a.glasses,
        bald=a.bald,
        hat=a.hat,
        beard=a.beard,
        male=a.male,
        smiling=a.smiling,
        mouth_open=None,
        hair=a.hair,
        skin=list(SKINS).index(a.skin),
    )


def hair_name(code: str) -> str:
    """Return the name of a hair colour: that of the artists' colour nearest to it in CIELAB."""
    names = {shade: name for name, shades in HAIR_COLOURS.items() for shade in shades}
    return list(names.values())[_nearest_color(code, tuple(names))]


def _answer(p: Parameters, question: Question) -> bool | None:
    for side, answer in ((question.yes, True), (question.no, False)):
        ((slot, kinds),) = side.items()
        if p.kind_of(slot) in kinds:
            return answer
    return None


def _nearest_color(code: str, palette: Sequence[str]) -> int:
    lab = to_lab(np.array([to_rgb(c) for c in (code, *palette)]))
    return int(np.linalg.norm(lab[1:] - lab[0], axis=1).argmin())


def supported_questions(style: str) -> list[str]:
    """Return those of `YES_NO` that a style can show."""
    return [name for name in YES_NO if name in QUESTIONS[style]]


def answers_of(style: str, depicted: Sequence[DepictedAttributes], male: NDArray[np.bool_] | None = None) -> Answers:
    """Return the answers of N avatars of a style. What is hidden counts as absent.

    Args:
        style: The style.
        depicted: What each of the N avatars shows.
        male: (N,) c's decision for avatars whose presentation is open; None leaves it open.
    """
    n = len(depicted)
    yes = {}
    for name in (*supported_questions(style), *EXPRESSION_ATTRIBUTES):
        default = np.zeros(n)
        if name == "male":
            default = np.full(n, np.nan) if male is None else male
        values = [getattr(avatar, name) for avatar in depicted]
        yes[name] = np.array([hidden if v is None else v for v, hidden in zip(values, default)], np.float32)
    return Answers(yes, np.array([avatar.hair or "" for avatar in depicted], str))


def answers_of_f(style: str, attributes: Mapping[str, NDArray[np.float64]]) -> Answers:
    """Return the answers of f's own reading of N photos: yes above one half, and the likeliest hair colour.

    Args:
        style: Whose questions to answer.
        attributes: Attribute → (N,) probability.
    """
    yes = {
        name: question_probability(attributes, QUESTIONS[style][name].f_attributes) > 0.5
        for name in supported_questions(style)
    }
    yes |= {name: attributes[attribute] > 0.5 for name, attribute in EXPRESSION_ATTRIBUTES.items()}
    hair = np.array(list(HAIR_ATTRIBUTES))[hair_probabilities(attributes).argmax(1)]
    return Answers({name: values.astype(np.float32) for name, values in yes.items()}, hair)
