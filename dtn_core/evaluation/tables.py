"""The figures of `faces` as tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..avatars import styles
from .baselines import BASELINES, CEILING, NEAREST, RANDOM
from .questions import CONFUSION_QUESTIONS, EIGHT, NINE, QUESTIONS, YES_NO
from .schema import AllRight, Cleanliness, Confusion, Measure, Metrics, upgrade
from .table import Table, number, percent, to_markdown

NUMBER_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight")


def markdown(figures: Metrics) -> str:
    """Render `measure_tables` as Markdown."""
    return to_markdown(measure_tables(figures))


def summary(figures: Metrics) -> str:
    """Render `summary_table` as Markdown."""
    return to_markdown([summary_table(figures)])


def measure_tables(figures: Metrics) -> list[Table]:
    """Return all tables but those of figures["drawn"]; figures of version 0.1 have the nine attributes only."""
    figures = upgrade(figures)
    if "measure" not in figures:
        return [_nine_attributes(figures)]
    return [_measure_table(figures["measure"], _unasked(figures)), _groups_table(figures["measure"])]


def summary_table(figures: Metrics) -> Table:
    """Return the main figures of a checkpoint that draws; of any other, the first of `measure_tables`."""
    figures = upgrade(figures)
    if "measure" not in figures or not figures.get("drawn"):
        return measure_tables(figures)[0]
    return _summary(figures["measure"], figures["drawn"], _unasked(figures))


def all_right_title(questions: int) -> str:
    """Return the row title for so many yes-no questions and the hair colour."""
    return f"{NUMBER_WORDS[questions + 1]} right ({NUMBER_WORDS[questions]} without hair)"


def all_right_cell(shares: AllRight) -> str:
    """Format the shares of people with every answer right: with the hair colour (without it)."""
    return f"{percent(shares['with_hair'])} ({percent(shares['without_hair'])})"


def kid_cell(row: Cleanliness) -> str:
    """Format mean ± deviation of KID, in thousandths."""
    return "—" if row["kid"] is None else f"{1000 * row['kid']:.1f} ± {1000 * row['kid_std']:.1f}"


def _unasked(figures: Metrics) -> Sequence[str]:
    """Return the attributes that the style's avatars can't be asked for."""
    return styles.STYLES[figures.get("style", "avataaars")].unlabelled


def _nine_attributes(figures: Metrics) -> Table:
    kinds = ("dtn", NEAREST, RANDOM)
    rows = [(name, *(_auc_cell(figures[kind]["attributes"][name], ".2f") for kind in kinds)) for name in NINE]
    rows.append(("**mean**", *(f"**{_auc_cell(figures[kind], '.3f')}**" for kind in kinds)))
    rows.append(("f-constancy (lower is better)", *(f"{figures['f_constancy'][kind]:.3f}" for kind in kinds)))
    rows.append(("diversity, share of real avatars'", f"{figures['diversity']['share']:.2f}", "", "1.00"))
    return Table("AUC / balanced accuracy", ("DTN", "nearest avatar", "random avatar"), tuple(rows))


def _summary(measure: Measure, drawn: dict[str, Any], unasked: Sequence[str]) -> Table:
    rows, soft = measure["rows"], drawn["soft"]
    name = next(iter(rows)).removesuffix(", drawn")
    painted = [rows[name]] if name in rows else []
    before = [""] * len(painted)

    def cells_of(judged: Callable[[dict[str, Any]], Any], exact: dict[str, Any]) -> list[Any]:
        """Collect a value per column: judged from pictures for what is painted and the ceiling, else exact."""
        known = [exact[key] for key in ("drawn", "drawn_balanced", NEAREST)]
        return [*map(judged, painted), *known, judged(rows[CEILING]), exact["f"]]

    all_right = cells_of(lambda row: row["all_right"], drawn["all_right"])
    judged_names = [name] * len(painted) + [f"{name}, drawn", f"{name}, drawn balanced", NEAREST, CEILING]
    accuracies = [number(rows[key]["agreement"]["balanced_accuracy"], ".3f") for key in judged_names]
    auc_c, auc_f = (number(soft["mean"][reader], ".3f") for reader in ("c", "f"))
    lines = [
        (all_right_title(len(drawn["asked"])), *map(all_right_cell, all_right)),
        (f"mean balanced accuracy of the {_count_asked(unasked)}, all by the judge", *accuracies, ""),
        (f"mean AUC of {soft['asked']} probabilities, no threshold", *before, auc_c, auc_c, "", "", auc_f),
    ]
    for question in CONFUSION_QUESTIONS:
        if question in drawn["questions"]["drawn"]:
            exact = {key: rows_of_key[question] for key, rows_of_key in drawn["questions"].items()}
            cells = cells_of(lambda row, q=question: row["judged"][q], exact)
            lines.append((f"{question}: precision (recall)", *map(_precision_cell, cells)))
    columns = ("drawn", "drawn balanced", BASELINES[NEAREST], BASELINES[CEILING], "f's own reading")
    return Table(
        f"{drawn['all_right']['drawn']['n']} people of CelebA",
        (*["painted"] * len(painted), *columns),
        tuple(lines),
        note="What is painted, and the ceiling, by the judge; what is drawn, and the nearest avatar, by their "
        "parameters.",
    )


def _precision_cell(row: Confusion) -> str:
    return f"{number(row['precision'], '.2f')} ({number(row['recall'], '.2f')})"


def _auc_cell(row: dict[str, float | None], spec: str) -> str:
    return f"{number(row['auc'], spec)} / {number(row['balanced_accuracy'], spec)}"


def _count_asked(unasked: Sequence[str]) -> str:
    """Return in words how many of `EIGHT` are asked."""
    return NUMBER_WORDS[len(EIGHT) - len(_questions_not_asked(unasked))]


def _questions_not_asked(unasked: Sequence[str]) -> list[str]:
    """Return those of `EIGHT` whose attributes are all unasked."""
    return [name for dataset, name in EIGHT if all(a in unasked for a in QUESTIONS[dataset][name])]


def _measure_table(measure: Measure, unasked: Sequence[str]) -> Table:
    """Return a column per translation; the last column is the figure without a translation."""
    rows = list(measure["rows"].values())
    lines = [_question_row(dataset, name, rows) for dataset, name in EIGHT]
    means = (f"**{_auc_cell(row['agreement'], '.3f')}**" for row in rows)
    lines.append((f"**mean of the {_count_asked(unasked)}**", *means, ".5 / .5"))
    if all("all_right" in row for row in rows):
        title = all_right_title(len(set(YES_NO) - set(unasked)))
        shares = [row["all_right"] for row in rows]
        lines.append((f"{title}, by the judge, of {shares[0]['n']}", *map(all_right_cell, shares), ""))
    if measure["chance"]:
        lines += _retrieval_rows(measure)
    clean = [*(row["cleanliness"] for row in rows), measure["real_avatars"]["cleanliness"]]
    lines += [
        ("KID × 1000 to held-out avatars", *map(kid_cell, clean)),
        ("C2ST: share taken for rendered (.5: indistinguishable)", *(number(c["c2st"], ".2f") for c in clean)),
        ("diversity, share of real avatars'", *(f"{row['diversity_share']:.2f}" for row in rows), "1.00"),
        ("f-constancy, f of the checkpoint", *(f"{row['f_constancy']:.3f}" for row in rows), ""),
        ("constancy of dlib's embedding", *(f"{row['dlib_constancy']:.3f}" for row in rows), ""),
    ]
    flat = [*(row.get("flatness") for row in rows), measure["real_avatars"].get("flatness")]
    if all(flat):  # older files have none
        title = "pixels within ΔE 4 of one of ten colours (mean ΔE)"
        lines.append((title, *(f"{cell['flatness']:.3f} ({cell['residual']:.2f})" for cell in flat)))
    columns = (*(_column_title(name, measure["rows"]) for name in measure["rows"]), "reference")
    return Table("AUC / balanced accuracy", columns, tuple(lines), note=_measure_note(measure, unasked))


def _question_row(dataset: str, name: str, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    cells = [row["agreement"]["questions"][name] for row in rows]
    dataset_title = "UTKFace" if dataset == "utkface" else "CelebA"
    title = f"{name} ({dataset_title}, {cells[0]['positives']} of {cells[0]['n']})"
    return (title, *(_auc_cell(cell, ".2f") for cell in cells), "")


def _retrieval_rows(measure: Measure) -> list[tuple[str, ...]]:
    n = measure["n"]
    cells = [*(row["retrieval"] for row in measure["rows"].values()), measure["chance"]]
    return [
        (
            f"median rank of {n['pairs']} people among {n['gallery']} photos",
            *(f"{cell['median_rank']:g} ({100 * cell['share']:.1f}%)" for cell in cells),
        ),
        (
            "found first / in five",
            *(f"{100 * cell['rank_1']:.1f}% / {100 * cell['rank_5']:.1f}%" for cell in cells),
        ),
    ]


def _measure_note(measure: Measure, unasked: Sequence[str]) -> str:
    notes = [
        "Reference: chance, and other real avatars. Baselines' f is the first checkpoint's. KID and what tells "
        "rendered from generated look through the judge's layers; ranks are by dlib's embedding."
    ]
    not_asked = _questions_not_asked(unasked)
    if not_asked:
        notes.append(f"Not asked, since the style can't show it or its pack doesn't tell: {', '.join(not_asked)}.")
    photo = measure["photo_itself"]
    if photo:
        ranks = f"median rank {photo['median_rank']:g}, first {100 * photo['rank_1']:.1f}%"
        notes.append(f"The photo itself, in place of its emoji: {ranks}.")
    if any(row["dlib_is_in_f"] for row in measure["rows"].values()):
        notes.append("A checkpoint's f holds dlib's embedding: its ranks and its dlib constancy aren't independent.")
    return " ".join(notes)


def _column_title(name: str, rows: Collection[str]) -> str:
    """Return a column's title; a checkpoint that also draws is "painted" in its own column."""
    return f"{name}, painted" if f"{name}, drawn" in rows else BASELINES.get(name, name)


def _groups_table(measure: Measure) -> Table:
    """Return agreement by group and, in brackets, for everybody with the same labels; checkpoints only."""
    rows = {name: row["people"] for name, row in measure["rows"].items() if row["hash"]}
    lines = []
    for axis, figures in next(iter(rows.values())).items():
        for group, first in figures["groups"].items():
            cells = [people[axis]["groups"][group] for people in rows.values()]
            both = (f"{number(c['agreement'], '.3f')} ({number(c['same_labels'], '.3f')})" for c in cells)
            lines.append((f"{axis}: {group}", str(first["n"]), *both))
        gaps = [people[axis]["largest_gap"] for people in rows.values()]
        gap_cells = (f"**{gap['gap']:.3f}** ({gap['group']})" if gap else "—" for gap in gaps)
        lines.append((f"{axis}: largest gap below the average", "", *gap_cells))
    columns = ("n", *(_column_title(name, rows) for name in rows))
    return Table("agreement (same labels, everybody)", columns, tuple(lines))
