"""Accuracy of the answers. Reference: CelebA's labels and, for dark skin, UTKFace's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...avatars.choose import EXPRESSION_ATTRIBUTES, HAIR_ATTRIBUTES, QUESTIONS, question_probability
from ...core.metrics import auc
from ...data.portraits import UNKNOWN
from ..measures import confusion, mean
from ..questions import Truth, hair_label
from .depicted_attributes import Answers, supported_questions
from .predictions import AvatarPredictions


def question_confusions(truth: Truth, answers: Answers) -> dict[str, Any]:
    """Return `confusion` of every question.

    Yes-no questions are asked of all photos; a hair colour of those with a `hair_label`, where a hat or a bald head
    answers with no colour.
    """
    labels = hair_label(truth)
    is_asked = labels != ""
    rows = {name: confusion(truth[name] == 1, yes == 1) for name, yes in answers.yes.items()}
    for name in HAIR_ATTRIBUTES:
        rows[f"hair_{name}"] = confusion(labels[is_asked] == name, answers.hair[is_asked] == name)
    return rows


def probability_aucs(truth: dict[str, Truth], celeba: AvatarPredictions, utkface: AvatarPredictions) -> dict[str, Any]:
    """Return the AUC of c's probabilities, which needs no threshold, and of f's own reading of the same photos.

    Dark skin is read from the drawing's lightness. Expressions are f's reading, so both have the same figure and the
    mean leaves them out.
    """
    style, labels = celeba.predictor.style, truth["celeba"]
    rows = {}
    for name in supported_questions(style):
        f = question_probability(celeba.attributes, QUESTIONS[style][name].f_attributes)
        rows[name] = _aucs(labels[name], celeba.chances[name], f)
    for name, attribute in HAIR_ATTRIBUTES.items():
        key = f"hair_{name}"
        rows[key] = _aucs(labels[key], celeba.chances[f"hair:{name}"], celeba.attributes[attribute])
    dark = utkface.attributes["race_Black"] + utkface.attributes["race_Indian"]
    rows["dark_skin"] = _aucs(truth["utkface"]["dark_skin"], -utkface.skin()[:, 0], dark)
    means = {reader: mean([row[reader] for row in rows.values()]) for reader in ("c", "f")}
    asked = len(rows)
    for name, attribute in EXPRESSION_ATTRIBUTES.items():
        rows[name] = _aucs(labels[name], celeba.attributes[attribute], celeba.attributes[attribute])
    return {"mean": means, "asked": asked, "questions": rows}


def _aucs(labels: NDArray[np.float32], c: ArrayLike, f: ArrayLike) -> dict[str, Any]:
    known = labels != UNKNOWN
    y = labels[known]
    return {
        "c": mean([auc(y, np.asarray(c)[known])]),
        "f": mean([auc(y, np.asarray(f)[known])]),
        "positives": int(y.sum()),
        "n": len(y),
    }
