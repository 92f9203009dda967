"""Are the answers right? Reference CelebA's labels and, for dark skin, UTKFace's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...avatars.choose import EXPRESSIONS, HAIR_READS, QUESTIONS, reading
from ...core.metrics import auc
from ...data.portraits import UNKNOWN
from ..measures import confusion, mean
from ..questions import Truth, hair_label
from .depicted_attributes import Answers, asked
from .predictions import Portrayed


def questions(truth: Truth, answers: Answers) -> dict[str, Any]:
    """How right every question is answered: yes or no on all photos; a colour of hair on those of which it is asked
    (`hair_label`), where a hat or a bald head is an answer of no colour."""
    wanted = hair_label(truth)
    here = wanted != ""
    rows = {name: confusion(truth[name] == 1, yes == 1) for name, yes in answers.yes.items()}
    return rows | {f"hair_{name}": confusion(wanted[here] == name, answers.hair[here] == name) for name in HAIR_READS}


def soft(truth: dict[str, Truth], celeba: Portrayed, utkface: Portrayed) -> dict[str, Any]:
    """AUC of c's probabilities, which need no threshold, and of f's own reading of the same photos. Dark skin is asked
    of the drawing's lightness. Expressions are f's reading, so both have the same; the mean is without them."""
    style, labels = celeba.predictor.style, truth["celeba"]
    answers = {}
    for name in asked(style):
        answers[name] = labels[name], celeba.chances[name], reading(celeba.attributes, QUESTIONS[style][name].reads)
    for name, attribute in HAIR_READS.items():
        answers[f"hair_{name}"] = labels[f"hair_{name}"], celeba.chances[f"hair:{name}"], celeba.attributes[attribute]
    dark = utkface.attributes["race_Black"] + utkface.attributes["race_Indian"]
    answers["dark_skin"] = truth["utkface"]["dark_skin"], -utkface.skin()[:, 0], dark
    rows = {name: _aucs(*triple) for name, triple in answers.items()}
    means = {who: mean([row[who] for row in rows.values()]) for who in ("c", "f")}
    for name, attribute in EXPRESSIONS.items():
        rows[name] = _aucs(labels[name], celeba.attributes[attribute], celeba.attributes[attribute])
    return {"mean": means, "asked": len(answers), "questions": rows}


def _aucs(labels: NDArray[np.float32], c: ArrayLike, f: ArrayLike) -> dict[str, Any]:
    known = labels != UNKNOWN
    y = labels[known]
    figures = {who: mean([auc(y, np.asarray(scores)[known])]) for who, scores in (("c", c), ("f", f))}
    return {**figures, "positives": int(y.sum()), "n": len(y)}
