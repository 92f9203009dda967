"""Agreement of the answers read from emoji with the photos' labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..core.metrics import auc, balanced_accuracy
from ..data.portraits import UNKNOWN
from ..networks.judge import JUDGE_ATTRIBUTES
from .questions import (
    COLOURS,
    CONFUSION_QUESTIONS,
    EIGHT,
    HAIR,
    MIN_LABELS,
    NINE,
    QUESTIONS,
    YES_NO,
    Truth,
    hair_label,
    members,
)
from .schema import (
    Accuracy,
    Agreement,
    AllRight,
    AxisAgreement,
    Confusion,
    GroupAgreement,
    NineAgreement,
    QuestionAccuracy,
)


def question_accuracy(truth: dict[str, Truth], scores: dict[str, Truth]) -> Agreement:
    """Compute AUC and balanced accuracy of the `EIGHT` questions, and their means over what is known.

    A figure is None if all labels are of one class or there are no scores.
    """
    rows: dict[str, QuestionAccuracy] = {}
    for which, question in EIGHT:
        attributes = QUESTIONS[which][question]
        both = []
        for a in attributes:
            known = truth[which][a] != UNKNOWN
            y = truth[which][a][known]
            figures: tuple[float | None, float | None] = (None, None)
            if a in scores[which]:
                s = scores[which][a][known]
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


def all_right(truth: Truth, yes: Mapping[str, NDArray[np.float32]], hair: NDArray[np.str_]) -> AllRight:
    """Shares of photos of which everything is answered right: with_hair, without_hair (of `YES_NO` alone).

    yes: those of `YES_NO` that can be shown → (N,) of 1, 0 or NaN, which says nothing and is never right; hair: (N,)
    of `COLOURS`, "" where none is shown, which is wrong if a colour is asked for (`hair_label`).
    """
    wanted = hair_label(truth)
    yes_no_right = np.all([answers == truth[name] for name, answers in yes.items() if name in YES_NO], axis=0)
    return {
        "with_hair": mean([(yes_no_right & ((wanted == "") | (hair == wanted))).mean()]),
        "without_hair": mean([yes_no_right.mean()]),
        "n": len(yes_no_right),
        "hair_asked": int((wanted != "").sum()),
    }


def judge_all_right(truth: Truth, scores: Truth) -> AllRight:
    """`all_right` of the judge's scores of pictures in the photos' places: yes above 0, the hair its likeliest."""
    yes = {name: (scores[name] > 0).astype(np.float32) for name in YES_NO if name in scores}
    return all_right(truth, yes, np.array(COLOURS)[np.stack([scores[name] for name in HAIR], 1).argmax(1)])


def confusion(labels: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> Confusion:
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


def judge_confusion(truth: Truth, scores: Truth) -> dict[str, Confusion]:
    """`confusion` of the judge's scores, where it can be asked: yes above 0."""
    return {name: confusion(truth[name] == 1, scores[name] > 0) for name in CONFUSION_QUESTIONS if name in scores}


def by_people(truth: dict[str, Truth], scores: dict[str, Truth]) -> dict[str, AxisAgreement]:
    """Measure how well a translation shows the people of each group: sex (CelebA), UTKFace's groups, age.

    Returns:
        Axis → agreement of each group: the share of correct answers, averaged over the labels (yes, no) that at least
        `MIN_LABELS` of the group have and over the questions. same_labels: that of everybody with the same labels, so
        that a difference isn't due to a label's difficulty. largest_gap: how far the worst group is below the average.
    """
    result: dict[str, AxisAgreement] = {}
    for axis, which in {"sex": "celeba", "group": "utkface", "age": "utkface"}.items():
        people = members(truth[which])[axis]
        groups = {name: _group(truth[which], scores[which], QUESTIONS[which], who) for name, who in people.items()}
        known = {name: g["agreement"] for name, g in groups.items() if g["agreement"] is not None}
        average = mean(list(known.values()))
        worst = min(known, key=known.__getitem__, default=None)
        gap = {"group": worst, "gap": round(average - known[worst], 4)} if worst else None
        result[axis] = {"set": which, "groups": groups, "average": average, "largest_gap": gap}
    return result


def _group(
    truth: Truth, scores: Truth, questions: dict[str, tuple[str, ...]], who: NDArray[np.bool_]
) -> GroupAgreement:
    theirs, everyones = [], []
    for attributes in questions.values():
        answers = []
        for attribute in attributes:
            if attribute not in scores:
                continue
            accuracies = []
            for label in (0, 1):
                has_label = truth[attribute] == label
                right = (scores[attribute] > 0) == label
                if (has_label & who).sum() >= MIN_LABELS:
                    accuracies.append((right[has_label & who].mean(), right[has_label].mean()))
            if accuracies:
                answers.append(np.mean(accuracies, axis=0))
        if answers:
            mine, all_of_them = np.mean(answers, axis=0)
            theirs.append(float(mine))
            everyones.append(float(all_of_them))
    return {"n": int(who.sum()), "agreement": mean(theirs), "same_labels": mean(everyones)}


def mean(values: Sequence[float | None]) -> float | None:
    """Return the rounded mean of the known values; None without any."""
    known = [v for v in values if v is not None and np.isfinite(v)]
    return round(float(np.mean(known)), 4) if known else None


def positives(labels: NDArray[np.float32]) -> dict[str, int]:
    """Count the yes labels of each attribute of (N, len(NINE))."""
    return {name: int(labels[:, i].sum()) for i, name in enumerate(NINE)}


def agreement(labels: NDArray[np.float32], judged: Tensor, unasked: Sequence[str] = ()) -> NineAgreement:
    """AUC and balanced accuracy of the judge's (N, len(JUDGED)) logits against (N, len(NINE)) labels, each
    attribute and their means; None for unasked ones and where only one class is there."""
    rows: dict[str, Accuracy] = {}
    for i, name in enumerate(NINE):
        if name in unasked:
            rows[name] = {"auc": None, "balanced_accuracy": None}
            continue
        s = judged[:, JUDGE_ATTRIBUTES.index(name)].numpy()
        rows[name] = {
            "auc": mean([auc(labels[:, i], s)]),
            "balanced_accuracy": mean([balanced_accuracy(labels[:, i], s > 0)]),
        }
    means = {k: mean([row[k] for row in rows.values()]) for k in ("auc", "balanced_accuracy")}
    return {**means, "attributes": rows}
