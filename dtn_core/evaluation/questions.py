"""Questions about emoji of faces, the labels that answer them, and the judge's scores.

A style is asked only about what it can show and its pack has labels for (`StyleRecord.unlabelled`), so means of
different styles can't be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..avatars.choose import EXPRESSION_ATTRIBUTES
from ..data.portraits import UNKNOWN, Portraits
from ..networks.judge import JUDGE_ATTRIBUTES

NINE = {
    "glasses": "Eyeglasses", "bald": "Bald", "hat": "Wearing_Hat", "beard": "No_Beard", "male": "Male",
    "hair_black": "Black_Hair", "hair_brown": "Brown_Hair", "hair_blond": "Blond_Hair", "hair_grey": "Gray_Hair",
}  # fmt: skip
"""Judged attribute → CelebA's. No_Beard is turned round."""

LABELS = (*NINE.values(), "Mustache", *EXPRESSION_ATTRIBUTES.values())
"""CelebA's attributes that are read."""

YES_NO = ("glasses", "bald", "hat", "beard", "male")
"""Yes-no questions that count when all answers of a photo must be right, with the hair colour."""

COLOURS = ("black", "brown", "blond", "grey")
HAIR = tuple(f"hair_{colour}" for colour in COLOURS)

QUESTIONS = {
    "celeba": {**{name: (name,) for name in YES_NO}, "hair": HAIR},
    "utkface": {name: (name,) for name in ("dark_skin", "old", "male")},
}
"""Dataset → question → the attributes whose mean accuracy answers it."""

EIGHT = (*(("celeba", name) for name in QUESTIONS["celeba"]), ("utkface", "dark_skin"), ("utkface", "old"))
"""The questions whose mean balanced accuracy is the one number of a translation."""

CONFUSION_QUESTIONS = ("glasses", "hat", "beard", "smiling")
"""Questions whose precision is in the summary: nothing should be attributed to a person wrongly."""

GROUPS = ("White", "Black", "Asian", "Indian", "others")
"""UTKFace's, in the order of its numbers. dark_skin: Black and Indian against White and Asian; others are left out."""

AGES = {"0-12": 0, "13-29": 13, "30-44": 30, "45-59": 45, "60+": 60}
"""Band → its first year. old: the last band; G(x) says so by grey hair or a bald head."""

MIN_LABELS = 5
"""A label that fewer people of a group have is left out of the group's agreement."""

Truth = dict[str, NDArray[np.float32]]
"""Attribute → (N,) of 0, 1 or `UNKNOWN`; or its scores, above 0 meaning yes, without those that can't be asked."""


Members = dict[str, NDArray[np.bool_]]
"""Group → (N,) mask of its members."""


def members(truth: Truth) -> dict[str, Members]:
    """Return axis → groups: sex and, for UTKFace, group and age."""
    axes = {"sex": {"female": truth["male"] == 0, "male": truth["male"] == 1}}
    if "group" in truth:
        axes["group"] = {name: truth["group"] == i for i, name in enumerate(GROUPS)}
    if "age" in truth:
        edges = [*AGES.values(), np.inf]
        age = truth["age"]
        axes["age"] = {name: (age >= a) & (age < b) for name, a, b in zip(AGES, edges, edges[1:])}
    return axes


def celeba_truth(photos: Portraits) -> Truth:
    """CelebA's labels (`LABELS`) as the judge names them. beard: a beard or a moustache, as in the avatars; only_beard:
    as the first table has it."""
    columns = dict(zip(LABELS, photos.labels.T))
    truth = {name: columns[label].copy() for name, label in {**NINE, **EXPRESSION_ATTRIBUTES}.items()}
    truth["only_beard"] = 1 - columns["No_Beard"]
    truth["beard"] = np.maximum(truth["only_beard"], columns["Mustache"])
    return truth


def utkface_truth(names: Sequence[str]) -> Truth:
    """Labels from file names ``age_sex_group_…``, and among them the numbers themselves: age, group."""
    age, sex, group = np.array([[int(v) for v in name.split("_")[:3]] for name in names], np.float32).T
    dark = np.where(group >= len(GROUPS) - 1, UNKNOWN, np.isin(group, (1, 3))).astype(np.float32)
    old = (age >= AGES["60+"]).astype(np.float32)
    return {"dark_skin": dark, "old": old, "male": (sex == 0).astype(np.float32), "age": age, "group": group}


def judge_scores(logits: Tensor, unasked: Sequence[str] = ()) -> Truth:
    """(N, len(JUDGED)) logits of the judge → each attribute's scores without the unasked, and old: the higher of grey
    hair and a bald head."""
    logits_of = dict(zip(JUDGE_ATTRIBUTES, logits.numpy().T))
    asked = {name: values for name, values in logits_of.items() if name not in unasked}
    return {**asked, "old": np.maximum(logits_of["hair_grey"], logits_of["bald"])}


def hair_label(truth: Truth) -> NDArray[np.str_]:
    """(N,) the colour that a photo's hair should have, "" where it isn't asked: none or several of the four are
    labelled; or the photo is labelled bald or with a hat, when an avatar needn't show any hair."""
    labelled = np.stack([truth[name] == 1 for name in HAIR], 1)
    asked = (labelled.sum(1) == 1) & (truth["bald"] != 1) & (truth["hat"] != 1)
    return np.where(asked, np.array(COLOURS)[labelled.argmax(1)], "")
