"""The figures of a translation of faces, as metrics.json holds them and `tables` reads them. None: not known."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Accuracy(TypedDict):
    """Of one question, or means of several."""

    auc: float | None
    balanced_accuracy: float | None


class QuestionAccuracy(Accuracy):
    """positives: how many of n labels are yes."""

    positives: int
    n: int


class Agreement(Accuracy):
    """Means over the eight questions, and each of them."""

    questions: dict[str, QuestionAccuracy]


class NineAgreement(Accuracy):
    """Means over the nine attributes of the first table, and each of them."""

    attributes: dict[str, Accuracy]


class AllRight(TypedDict):
    """Shares of n photos of which every answer is right, with the hair's colour and without; hair_asked: of how many
    it is asked."""

    with_hair: float | None
    without_hair: float | None
    n: int
    hair_asked: int


class Confusion(TypedDict):
    """labelled, drawn: how many of n are yes by the label, and in the picture."""

    precision: float | None
    recall: float | None
    balanced_accuracy: float | None
    labelled: int
    drawn: int
    n: int


class GroupAgreement(TypedDict):
    """agreement: of the group; same_labels: of everybody with the labels that the group has."""

    n: int
    agreement: float | None
    same_labels: float | None


class AxisAgreement(TypedDict):
    """The groups of one axis. set: whose photos; average: of the groups; largest_gap: {group, gap} of the worst."""

    set: str
    groups: dict[str, GroupAgreement]
    average: float | None
    largest_gap: dict[str, Any] | None


class Retrieval(TypedDict):
    """Ranks of the right photo; 1 is best. share: the median's, of all photos; rank_1, rank_5: shares of queries."""

    median_rank: float
    share: float
    rank_1: float
    rank_5: float


class Cleanliness(TypedDict):
    """kid, kid_std: kernel inception distance to rendered avatars; c2st: the classifier two-sample test, the share of
    generated pictures that the classifier takes for rendered, .5 where it can't tell; c2st_rendered: the share of
    rendered ones that it recognises."""

    kid: float | None
    kid_std: float | None
    c2st: float | None
    c2st_rendered: float | None


class Figures(TypedDict):
    """What can be measured of any translation's pictures."""

    agreement: Agreement
    all_right: AllRight
    judged: dict[str, Confusion]
    people: dict[str, AxisAgreement]
    retrieval: Retrieval | None
    cleanliness: Cleanliness
    diversity: float
    diversity_share: float
    dlib_constancy: float


class Row(Figures):
    """A translation's figures and where they come from. predictor, point: of one that is drawn."""

    f_constancy: float
    hash: str | None
    emphasis: float | None
    dlib_is_in_f: bool
    predictor: NotRequired[str]
    point: NotRequired[str]


class Measure(TypedDict):
    """All translations side by side. n: photos of each set and in the gallery; photo_itself, chance: retrieval by the
    photo in place of its emoji, and by guessing."""

    n: dict[str, int]
    pairs_without_a_face: int | None
    avatars_compared_with: int
    rows: dict[str, Row]
    real_avatars: dict[str, Cleanliness]
    photo_itself: Retrieval | None
    chance: Retrieval | None


class Metrics(TypedDict):
    """metrics.json. dtn, nearest_avatar, random_avatar: the nine attributes alone; drawn: of what c draws, see
    `drawn.measure`."""

    checkpoint: str
    style: str
    hash: str
    emphasis: float
    judge_hash: str
    judge_balanced_accuracy_on_held_out_avatars: dict[str, float]
    data: dict[str, Any]
    seed: int
    avatar_pool: int
    dtn: NineAgreement
    nearest_avatar: NineAgreement
    random_avatar: NineAgreement
    diversity: dict[str, float]
    f_constancy: dict[str, float]
    measure: NotRequired[Measure]
    drawn: NotRequired[dict[str, Any] | None]


_RENAMED = {"taken_for_rendered": "c2st", "rendered_recognised": "c2st_rendered"}


def upgrade(figures: Any) -> Any:
    """Figures written by an earlier version with the names of this one."""
    if isinstance(figures, dict):
        return {_RENAMED.get(key, key): upgrade(value) for key, value in figures.items()}
    return figures
