"""Types of metrics.json of a face translation. None means that a figure is unknown."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Accuracy(TypedDict):
    """Accuracy of one question, or means of several."""

    auc: float | None
    balanced_accuracy: float | None


class QuestionAccuracy(Accuracy):
    """Accuracy of one question.

    Attributes:
        positives: How many of n labels are yes.
        n: How many labels.
    """

    positives: int
    n: int


class Agreement(Accuracy):
    """Means over the eight questions, and each of them."""

    questions: dict[str, QuestionAccuracy]


class NineAgreement(Accuracy):
    """Means over the nine attributes of the first table, and each of them."""

    attributes: dict[str, Accuracy]


class AllRight(TypedDict):
    """Shares of photos with every answer right.

    Attributes:
        with_hair: Share, the hair colour included.
        without_hair: Share without the hair colour.
        n: How many photos.
        hair_asked: How many of them have a labelled hair colour.
    """

    with_hair: float | None
    without_hair: float | None
    n: int
    hair_asked: int


class Confusion(TypedDict):
    """Confusion of a yes-no question.

    Attributes:
        precision: Share of the drawn that are labelled.
        recall: Share of the labelled that are drawn.
        balanced_accuracy: Mean of the recalls of yes and no.
        labelled: How many of n are yes by the label.
        drawn: How many of n are yes in the picture.
        n: How many photos.
    """

    precision: float | None
    recall: float | None
    balanced_accuracy: float | None
    labelled: int
    drawn: int
    n: int


class GroupAgreement(TypedDict):
    """Agreement of one group.

    Attributes:
        n: How many people.
        agreement: Of the group.
        same_labels: Of everybody, over the same labels.
    """

    n: int
    agreement: float | None
    same_labels: float | None


class AxisAgreement(TypedDict):
    """The groups of one axis.

    Attributes:
        set: Dataset.
        groups: Group → agreement.
        average: Mean over the groups.
        largest_gap: Group and gap of the worst group.
    """

    set: str
    groups: dict[str, GroupAgreement]
    average: float | None
    largest_gap: dict[str, Any] | None


class Retrieval(TypedDict):
    """Ranks of the correct photo; 1 is best.

    Attributes:
        median_rank: Median over the queries.
        share: Median rank divided by the number of photos.
        rank_1: Share of queries with rank 1.
        rank_5: Share of queries with rank 5 or better.
    """

    median_rank: float
    share: float
    rank_1: float
    rank_5: float


class Cleanliness(TypedDict):
    """How far generated pictures are from rendered avatars.

    Attributes:
        kid: Kernel inception distance, mean over subsets.
        kid_std: Its deviation.
        c2st: Classifier two-sample test: share of generated pictures taken for rendered; .5 if it can't tell.
        c2st_rendered: Share of rendered pictures that it recognises.
    """

    kid: float | None
    kid_std: float | None
    c2st: float | None
    c2st_rendered: float | None


class Flatness(TypedDict):
    """How flat the areas of colour are, see `cleanliness.flatness`.

    Attributes:
        flatness: Share of pixels near one of ten colours of the picture.
        residual: Mean ΔE76 from it.
    """

    flatness: float
    residual: float


class Figures(TypedDict):
    """What can be measured of any translation's pictures."""

    agreement: Agreement
    all_right: AllRight
    judged: dict[str, Confusion]
    people: dict[str, AxisAgreement]
    retrieval: Retrieval | None
    cleanliness: Cleanliness
    flatness: NotRequired[Flatness]
    diversity: float
    diversity_share: float
    dlib_constancy: float


class Row(Figures):
    """A translation's figures with their provenance.

    Attributes:
        predictor: Hash of c, if drawn.
        point: Operating point, if drawn.
    """

    f_constancy: float
    hash: str | None
    emphasis: float | None
    dlib_is_in_f: bool
    predictor: NotRequired[str]
    point: NotRequired[str]


class Measure(TypedDict):
    """All translations side by side.

    Attributes:
        n: Photos of each dataset and in the gallery.
        pairs_without_a_face: People left out because no face was detected.
        avatars_compared_with: How many avatars cleanliness is compared with.
        rows: Translation or baseline → figures.
        real_avatars: Cleanliness and flatness of other rendered avatars.
        photo_itself: Retrieval by the photo in place of its emoji.
        chance: Retrieval by guessing.
    """

    n: dict[str, int]
    pairs_without_a_face: int | None
    avatars_compared_with: int
    rows: dict[str, Row]
    real_avatars: dict[str, Cleanliness | Flatness]
    photo_itself: Retrieval | None
    chance: Retrieval | None


class Metrics(TypedDict):
    """metrics.json.

    Attributes:
        dtn, nearest_avatar, random_avatar: Agreement on the nine attributes.
        measure: All translations side by side.
        drawn: Figures of what c draws, see `drawn.measure`.
    """

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


RENAMED_KEYS = {"taken_for_rendered": "c2st", "rendered_recognised": "c2st_rendered"}


def upgrade(figures: Any) -> Any:
    """Rename the keys of figures that an earlier version wrote."""
    if isinstance(figures, dict):
        return {RENAMED_KEYS.get(key, key): upgrade(value) for key, value in figures.items()}
    return figures
