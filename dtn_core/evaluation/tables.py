"""The figures of `faces` as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..avatars import styles
from .baselines import BASELINES, CEILING, NEAREST, RANDOM
from .questions import CONFUSION_QUESTIONS, EIGHT, NINE, QUESTIONS, YES_NO
from .schema import AllRight, Cleanliness, Confusion, Measure, Metrics, upgrade


def markdown(figures: Metrics) -> str:
    """The figures as Markdown tables, without those under "drawn"; of an earlier version's, without "measure", the nine
    attributes alone."""
    figures = upgrade(figures)
    if "measure" in figures:
        unasked = styles.STYLES[figures.get("style", "avataaars")].untold
        return "\n".join([*_measure_table(figures["measure"], unasked), "", *_people_table(figures["measure"])])
    kinds = ("dtn", NEAREST, RANDOM)
    lines = ["| AUC / balanced accuracy | DTN | nearest avatar | random avatar |", "|---|---|---|---|"]
    for name in NINE:
        cells = [figures[k]["attributes"][name] for k in kinds]
        lines.append(f"| {name} | " + " | ".join(_pair(c, ".2f") for c in cells) + " |")
    means = " | ".join(f"**{_pair(figures[k], '.3f')}**" for k in kinds)
    lines.append(f"| **mean** | {means} |")
    constancy = " | ".join(f"{figures['f_constancy'][k]:.3f}" for k in kinds)
    lines.append(f"| f-constancy (lower is better) | {constancy} |")
    share = figures["diversity"]["share"]
    lines.append(f"| diversity, share of real avatars' | {share:.2f} | | 1.00 |")
    return "\n".join(lines)


def summary(figures: Metrics) -> str:
    """The short table: of a checkpoint that draws the main figures, else the first of the tables."""
    figures = upgrade(figures)
    if "measure" not in figures:
        return markdown(figures)
    unasked = styles.STYLES[figures.get("style", "avataaars")].untold
    if not figures.get("drawn"):
        return "\n".join(_measure_table(figures["measure"], unasked))
    return "\n".join(_summary(figures["measure"], figures["drawn"], unasked))


def _summary(measure: Measure, drawn: dict[str, Any], unasked: Sequence[str]) -> list[str]:
    rows, right, hits, soft = measure["rows"], drawn["all_right"], drawn["questions"], drawn["soft"]
    name = next(iter(rows)).removesuffix(", drawn")
    painted = [rows[name]] if name in rows else []
    columns = [
        *["painted"] * len(painted),
        "drawn",
        "drawn balanced",
        BASELINES[NEAREST],
        BASELINES[CEILING],
        "f's own reading",
    ]

    def cells_of(judged: Callable[[dict[str, Any]], Any], exact: dict[str, Any]) -> list[Any]:
        """A cell a column: what the judge says of what is painted and of the ceiling, what is known of the others."""
        known = [exact[key] for key in ("drawn", "drawn_balanced", NEAREST)]
        return [*map(judged, painted), *known, judged(rows[CEILING]), exact["f"]]

    lines = [line(f"{right['drawn']['n']} people of CelebA", columns), "|---" * (len(columns) + 1) + "|"]
    shares = cells_of(lambda row: row["all_right"], right)
    lines.append(line(right_words(len(drawn["asked"])), [right_share(cell) for cell in shares]))
    all_judged = (*[name] * len(painted), f"{name}, drawn", f"{name}, drawn balanced", NEAREST, CEILING)
    means = [number(rows[key]["agreement"]["balanced_accuracy"], ".3f") for key in all_judged]
    lines.append(line(f"mean balanced accuracy of the {_many(unasked)}, all by the judge", [*means, ""]))
    of_c, of_f = (number(soft["mean"][who], ".3f") for who in ("c", "f"))
    lines.append(
        line(
            f"mean AUC of {soft['asked']} probabilities, no threshold", [*[""] * len(painted), of_c, of_c, "", "", of_f]
        )
    )
    for question in CONFUSION_QUESTIONS:
        if question in hits["drawn"]:
            cells = cells_of(lambda row, q=question: row["judged"][q], {k: v[question] for k, v in hits.items()})
            lines.append(line(f"{question}: precision (recall)", [_precise(cell) for cell in cells]))
    note = "What is painted, and the ceiling, by the judge; what is drawn, and the nearest avatar, by their parameters."
    return [*lines, "", note]


def _precise(row: Confusion) -> str:
    return f"{number(row['precision'], '.2f')} ({number(row['recall'], '.2f')})"


def _many(unasked: Sequence[str]) -> str:
    """How many of `EIGHT` are asked, in a word."""
    return WORDS[len(EIGHT) - len(_silent(unasked))]


def _silent(unasked: Sequence[str]) -> list[str]:
    """What of `EIGHT` isn't asked."""
    return [name for which, name in EIGHT if all(a in unasked for a in QUESTIONS[which][name])]


def _pair(row: dict[str, float | None], digits: str) -> str:
    return f"{number(row['auc'], digits)} / {number(row['balanced_accuracy'], digits)}"


def number(value: float | None, digits: str) -> str:
    """A figure in a format; a dash where it isn't known."""
    return "—" if value is None else f"{value:{digits}}"


WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight")


def percent(share: float | None) -> str:
    """.123 → 12.3%; a dash where it isn't known."""
    return "—" if share is None else f"{100 * share:.1f}%"


def line(title: str, cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return f"| {title} | " + " | ".join(cells) + " |"


def _measure_table(measure: Measure, unasked: Sequence[str]) -> list[str]:
    """A column for each translation; the last is what the figure is without one."""
    rows, n, real = list(measure["rows"].values()), measure["n"], measure["real_avatars"]["cleanliness"]
    columns = [*(_title(name, measure["rows"]) for name in measure["rows"]), "reference"]
    lines = [line("AUC / balanced accuracy", columns), "|---" * (len(columns) + 1) + "|"]
    for which, name in EIGHT:
        cells = [row["agreement"]["questions"][name] for row in rows]
        title = f"{name} ({'UTKFace' if which == 'utkface' else 'CelebA'}, {cells[0]['positives']} of {cells[0]['n']})"
        lines.append(line(title, [*(_pair(c, ".2f") for c in cells), ""]))
    silent = _silent(unasked)
    lines.append(
        line(f"**mean of the {_many(unasked)}**", [*(f"**{_pair(r['agreement'], '.3f')}**" for r in rows), ".5 / .5"])
    )
    if all("all_right" in row for row in rows):
        lines.append(_right_line([row["all_right"] for row in rows], unasked))
    if measure["chance"]:
        found = [*(row["retrieval"] for row in rows), measure["chance"]]
        lines += [
            line(
                f"median rank of {n['pairs']} people among {n['gallery']} photos",
                [f"{c['median_rank']:g} ({100 * c['share']:.1f}%)" for c in found],
            ),
            line("found first / in five", [f"{100 * c['rank_1']:.1f}% / {100 * c['rank_5']:.1f}%" for c in found]),
        ]
    clean = [*(row["cleanliness"] for row in rows), real]
    lines += [
        line("KID × 1000 to held-out avatars", [kid(c) for c in clean]),
        line("C2ST: share taken for rendered (.5: indistinguishable)", [number(c["c2st"], ".2f") for c in clean]),
        line("diversity, share of real avatars'", [*(f"{row['diversity_share']:.2f}" for row in rows), "1.00"]),
        line("f-constancy, f of the checkpoint", [*(f"{row['f_constancy']:.3f}" for row in rows), ""]),
        line("constancy of dlib's embedding", [*(f"{row['dlib_constancy']:.3f}" for row in rows), ""]),
    ]
    photo = measure["photo_itself"]
    notes = [
        "Reference: chance, and other real avatars. Baselines' f is the first checkpoint's. KID and what tells "
        "rendered from generated look through the judge's layers; ranks are by dlib's embedding."
    ]
    if silent:
        notes.append(f"Not asked, since the style can't show it or its pack doesn't tell: {', '.join(silent)}.")
    if photo:
        found = f"median rank {photo['median_rank']:g}, first {100 * photo['rank_1']:.1f}%"
        notes.append(f"The photo itself, in place of its emoji: {found}.")
    if any(row["dlib_is_in_f"] for row in rows):
        notes.append("A checkpoint's f holds dlib's embedding: its ranks and its dlib constancy aren't independent.")
    return [*lines, "", " ".join(notes)]


def _title(name: str, rows: Collection[str]) -> str:
    """A column's; a checkpoint that draws, too, paints in its own."""
    return f"{name}, painted" if f"{name}, drawn" in rows else BASELINES.get(name, name)


def _right_line(shares: Sequence[AllRight], unasked: Sequence[str]) -> str:
    """Of how many people everything that is asked is right, by the judge."""
    title = f"{right_words(len(set(YES_NO) - set(unasked)))}, by the judge, of {shares[0]['n']}"
    return line(title, [*(right_share(s) for s in shares), ""])


def right_words(asked: int) -> str:
    """So many questions of yes or no, and the hair."""
    return f"{WORDS[asked + 1]} right ({WORDS[asked]} without hair)"


def right_share(shares: AllRight) -> str:
    """Two shares of people as percents: everything right; everything but the hair."""
    return f"{percent(shares['with_hair'])} ({percent(shares['without_hair'])})"


def kid(row: Cleanliness) -> str:
    """Mean ± deviation of KID, in thousandths."""
    return "—" if row["kid"] is None else f"{1000 * row['kid']:.1f} ± {1000 * row['kid_std']:.1f}"


def _people_table(measure: Measure) -> list[str]:
    """Agreement by group, and beside it what everybody with the same labels gets; checkpoints only."""
    rows = {name: row["people"] for name, row in measure["rows"].items() if row["hash"]}
    titles = [_title(name, rows) for name in rows]
    lines = [line("agreement (same labels, everybody)", ["n", *titles]), "|---" * (len(rows) + 2) + "|"]
    for axis, figures in next(iter(rows.values())).items():
        for group, cell in figures["groups"].items():
            cells = [people[axis]["groups"][group] for people in rows.values()]
            both = [f"{number(c['agreement'], '.3f')} ({number(c['same_labels'], '.3f')})" for c in cells]
            lines.append(line(f"{axis}: {group}", [str(cell["n"]), *both]))
        gaps = [people[axis]["largest_gap"] for people in rows.values()]
        told_gaps = [f"**{g['gap']:.3f}** ({g['group']})" if g else "—" for g in gaps]
        lines.append(line(f"{axis}: largest gap below the average", ["", *told_gaps]))
    return lines
