"""What is asked of emoji of faces, the labels that answer it, and how well a translation's answers agree with them.

A style is asked only what it can show and its pack tells (`styles.UNTOLD`), so means of different styles can't be
compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..domains.portraits import UNKNOWN, Portraits
from ..metrics import auc, balanced_accuracy
from ..networks.judge import JUDGED

TOLD = {
    "glasses": "Eyeglasses", "bald": "Bald", "hat": "Wearing_Hat", "beard": "No_Beard", "male": "Male",
    "hair_black": "Black_Hair", "hair_brown": "Brown_Hair", "hair_blond": "Blond_Hair", "hair_grey": "Gray_Hair",
}  # fmt: skip
"""Judged attribute → CelebA's. No_Beard is turned round."""

EXPRESSIONS = {"smiling": "Smiling", "mouth_open": "Mouth_Slightly_Open"}
"""Asked of drawn avatars, whose mouth is told by their parameters."""

LABELS = (*TOLD.values(), "Mustache", *EXPRESSIONS.values())
"""CelebA's attributes that are read."""

YES_NO = ("glasses", "bald", "hat", "beard", "male")
"""The questions that a photo's answers are all right of, or aren't; beside them the colour of the hair."""

COLOURS = ("black", "brown", "blond", "grey")
HAIR = tuple(f"hair_{colour}" for colour in COLOURS)

QUESTIONS = {
    "celeba": {**{name: (name,) for name in YES_NO}, "hair": HAIR},
    "utkface": {name: (name,) for name in ("dark_skin", "old", "male")},
}
"""Set → what is asked of G(x) there → the attributes whose mean answers it."""

EIGHT = (*(("celeba", name) for name in QUESTIONS["celeba"]), ("utkface", "dark_skin"), ("utkface", "old"))
"""The questions whose mean balanced accuracy is the one number of a translation."""

HITS = ("glasses", "hat", "beard", "smiling")
"""What is said of somebody should be true: asked how precisely, in the short table."""

GROUPS = ("White", "Black", "Asian", "Indian", "others")
"""UTKFace's, in the order of its numbers. dark_skin: Black and Indian against White and Asian; others are left out."""

AGES = {"0-12": 0, "13-29": 13, "30-44": 30, "45-59": 45, "60+": 60}
"""Band → its first year. old: the last band; G(x) says so by grey hair or a bald head."""

FEWEST = 5
"""A label that fewer people of a group have says nothing of the group."""

Truth = dict[str, NDArray[np.float32]]
"""Attribute → (N,) of 0, 1 or `UNKNOWN`; or its scores, above 0 meaning yes, without those that can't be asked."""


def celeba_truth(photos: Portraits) -> Truth:
    """CelebA's labels (`LABELS`) as the judge names them. beard: a beard or a moustache, as in the avatars; only_beard:
    as the first table has it."""
    columns = dict(zip(LABELS, photos.labels.T))
    truth = {name: columns[label].copy() for name, label in {**TOLD, **EXPRESSIONS}.items()}
    truth["only_beard"] = 1 - columns["No_Beard"]
    truth["beard"] = np.maximum(truth["only_beard"], columns["Mustache"])
    return truth


def utkface_truth(names: Sequence[str]) -> Truth:
    """Labels from file names ``age_sex_group_…``, and among them the numbers themselves: age, group."""
    age, sex, group = np.array([[int(v) for v in name.split("_")[:3]] for name in names], np.float32).T
    dark = np.where(group >= len(GROUPS) - 1, UNKNOWN, np.isin(group, (1, 3))).astype(np.float32)
    old = (age >= AGES["60+"]).astype(np.float32)
    return {"dark_skin": dark, "old": old, "male": (sex == 0).astype(np.float32), "age": age, "group": group}


def scores(logits: Tensor, untold: Sequence[str] = ()) -> Truth:
    """(N, len(JUDGED)) logits of the judge → each attribute's but the untold ones', and old: the surer of grey hair and
    a bald head."""
    said = dict(zip(JUDGED, logits.numpy().T))
    told = {name: values for name, values in said.items() if name not in untold}
    return {**told, "old": np.maximum(said["hair_grey"], said["bald"])}


def answers(truth: dict[str, Truth], said: dict[str, Truth]) -> dict[str, Any]:
    """AUC and balanced accuracy of `EIGHT` questions and their means. None where only one class is there or nothing is
    said; the means are over what is known."""
    rows: dict[str, Any] = {}
    for which, question in EIGHT:
        attributes = QUESTIONS[which][question]
        both = []
        for a in attributes:
            known = truth[which][a] != UNKNOWN
            y = truth[which][a][known]
            figures: tuple[float | None, float | None] = (None, None)
            if a in said[which]:
                s = said[which][a][known]
                figures = (auc(y, s), balanced_accuracy(y, s > 0))
            both.append((*figures, int(y.sum()), len(y)))
        rows[question] = {
            "auc": mean([b[0] for b in both]),
            "balanced_accuracy": mean([b[1] for b in both]),
            "positives": sum(b[2] for b in both),
            "n": both[0][3],
        }
    means = {k: mean([row[k] for row in rows.values()]) for k in ("auc", "balanced_accuracy")}
    return {**means, "questions": rows}


def hair_label(truth: Truth) -> NDArray[np.str_]:
    """(N,) the colour that a photo's hair should have, "" where it isn't asked: none or several of the four are
    labelled; or the photo is labelled bald or with a hat, when an avatar needn't show any hair."""
    labelled = np.stack([truth[name] == 1 for name in HAIR], 1)
    asked = (labelled.sum(1) == 1) & (truth["bald"] != 1) & (truth["hat"] != 1)
    return np.where(asked, np.array(COLOURS)[labelled.argmax(1)], "")


def all_right(truth: Truth, yes: Mapping[str, NDArray[np.float32]], hair: NDArray[np.str_]) -> dict[str, Any]:
    """Shares of photos of which everything is answered right: with_hair, without_hair (of `YES_NO` alone).

    yes: those of `YES_NO` that can be shown → (N,) of 1, 0 or NaN, which says nothing and is never right; hair: (N,)
    of `COLOURS`, "" where none is shown, which is wrong if a colour is asked for (`hair_label`).
    """
    wanted = hair_label(truth)
    five = np.all([answers == truth[name] for name, answers in yes.items() if name in YES_NO], axis=0)
    return {
        "with_hair": mean([(five & ((wanted == "") | (hair == wanted))).mean()]),
        "without_hair": mean([five.mean()]),
        "n": len(five),
        "hair_asked": int((wanted != "").sum()),
    }


def judged_right(truth: Truth, said: Truth) -> dict[str, Any]:
    """`all_right` of the judge's scores of pictures in the photos' places: yes above 0, the hair its likeliest."""
    yes = {name: (said[name] > 0).astype(np.float32) for name in YES_NO if name in said}
    return all_right(truth, yes, np.array(COLOURS)[np.stack([said[name] for name in HAIR], 1).argmax(1)])


def hits(labels: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> dict[str, Any]:
    """precision: of what is drawn, the share that is labelled; recall: of what is labelled, the share that is drawn;
    labelled, drawn, n: how many. None of nothing."""
    both = float((labels & drawn).sum())
    return {
        "precision": mean([both / drawn.sum()]) if drawn.any() else None,
        "recall": mean([both / labels.sum()]) if labels.any() else None,
        "balanced_accuracy": mean([balanced_accuracy(labels, drawn)]),
        "labelled": int(labels.sum()),
        "drawn": int(drawn.sum()),
        "n": len(labels),
    }


def judged_hits(truth: Truth, said: Truth) -> dict[str, Any]:
    """`hits` of the judge's scores, where it can be asked: yes above 0."""
    return {name: hits(truth[name] == 1, said[name] > 0) for name in HITS if name in said}


def by_people(truth: dict[str, Truth], said: dict[str, Truth]) -> dict[str, Any]:
    """How well a translation shows the people of each group: sex (CelebA), UTKFace's groups, age.

    agreement: the mean, over what is asked of the set, of the share judged right, mean over the labels (yes, no) that
    at least `FEWEST` of the group have; same_labels: what everybody with these labels gets, so their difference isn't
    for a label's being hard; average: of the groups; largest_gap: how far the worst group falls below it.
    """
    male, age, group = truth["celeba"]["male"], truth["utkface"]["age"], truth["utkface"]["group"]
    edges = [*AGES.values(), np.inf]
    axes = {
        "sex": ("celeba", {"female": male == 0, "male": male == 1}),
        "group": ("utkface", {name: group == i for i, name in enumerate(GROUPS)}),
        "age": ("utkface", {name: (age >= a) & (age < b) for name, a, b in zip(AGES, edges, edges[1:])}),
    }
    result: dict[str, Any] = {}
    for axis, (which, members) in axes.items():
        groups = {name: _group(truth[which], said[which], QUESTIONS[which], who) for name, who in members.items()}
        known = {name: g["agreement"] for name, g in groups.items() if g["agreement"] is not None}
        average = mean(list(known.values()))
        worst = min(known, key=known.__getitem__, default=None)
        gap = {"group": worst, "gap": round(average - known[worst], 4)} if worst else None
        result[axis] = {"set": which, "groups": groups, "average": average, "largest_gap": gap}
    return result


def _group(truth: Truth, said: Truth, questions: dict[str, tuple[str, ...]], who: NDArray[np.bool_]) -> dict[str, Any]:
    theirs, everyones = [], []
    for attributes in questions.values():
        answers = []
        for a in (a for a in attributes if a in said):
            cells = [(truth[a] == label, (said[a] > 0) == label) for label in (0, 1)]
            told = [
                (right[mask & who].mean(), right[mask].mean()) for mask, right in cells if (mask & who).sum() >= FEWEST
            ]
            if told:
                answers.append(np.mean(told, axis=0))
        if answers:
            mine, all_of_them = np.mean(answers, axis=0)
            theirs.append(float(mine))
            everyones.append(float(all_of_them))
    return {"n": int(who.sum()), "agreement": mean(theirs), "same_labels": mean(everyones)}


def mean(values: Sequence[float | None]) -> float | None:
    """Of the values that are known, rounded; None of none."""
    known = [v for v in values if v is not None and np.isfinite(v)]
    return round(float(np.mean(known)), 4) if known else None


def positives(labels: NDArray[np.float32]) -> dict[str, int]:
    """How many of (N, len(TOLD)) labels are yes, by attribute."""
    return {name: int(labels[:, i].sum()) for i, name in enumerate(TOLD)}


def agreement(labels: NDArray[np.float32], judged: Tensor, untold: Sequence[str] = ()) -> dict[str, Any]:
    """AUC and balanced accuracy of the judge's (N, len(JUDGED)) logits against (N, len(TOLD)) labels, each
    attribute and their means; None for untold ones and where only one class is there."""
    rows: dict[str, dict[str, float | None]] = {}
    for i, name in enumerate(TOLD):
        if name in untold:
            rows[name] = {"auc": None, "balanced_accuracy": None}
            continue
        s = judged[:, JUDGED.index(name)].numpy()
        rows[name] = {
            "auc": mean([auc(labels[:, i], s)]),
            "balanced_accuracy": mean([balanced_accuracy(labels[:, i], s > 0)]),
        }
    means = {k: mean([row[k] for row in rows.values()]) for k in ("auc", "balanced_accuracy")}
    return {**means, "attributes": rows}
