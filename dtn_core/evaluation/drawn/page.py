"""The figures of drawn avatars as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..baselines import BASELINES
from ..table import Table, number, percent, to_markdown
from ..tables import all_right_cell, all_right_title, kid_cell

NAMES = {"drawn": "drawn", "drawn_balanced": "drawn balanced", "f": "f's own reading", **BASELINES}
SAME_PERSON_READERS = {
    "probabilities": "c's probabilities",
    "parameters": "the parameters drawn",
    "f": "f's features of the photos",
}
SEXES = ("female", "male")
Row = tuple[str, ...]


def markdown(drawn: dict[str, Any]) -> str:
    """Render `tables` as Markdown."""
    return to_markdown(tables(drawn))


def tables(drawn: dict[str, Any]) -> list[Table]:
    """Return all tables of what `measure` returned."""
    parts = (_all_right, _questions, _people, _skin, _light, _comparison)
    return [part(drawn) for part in parts]


def _all_right(drawn: dict[str, Any]) -> Table:
    figures = drawn["all_right"]
    first = figures["drawn"]
    title = f"{all_right_title(len(drawn['asked']))}, by the parameters"
    row = (
        f"of {first['n']} people in CelebA, the hair of {first['hair_asked']}",
        *map(all_right_cell, figures.values()),
    )
    return Table(title, tuple(NAMES[name] for name in figures), (row,))


def _questions(drawn: dict[str, Any]) -> Table:
    """Precision, recall and balanced accuracy by the parameters; AUC by the probabilities."""
    hard, soft = drawn["questions"], drawn["soft"]
    blank = [""] * len(hard)
    rows = []
    for name, first in hard["drawn"].items():
        cells = [_confusion_cell(answers[name]) for answers in hard.values()]
        rows.append((name, f"{first['labelled']} of {first['n']}", *cells, *_auc_cells(soft["questions"][name])))
    dark = soft["questions"]["dark_skin"]
    rows.append(("dark_skin (UTKFace)", f"{dark['positives']} of {dark['n']}", *blank, *_auc_cells(dark)))
    title = f"**mean of the {soft['asked']} that an avatar shows, without expressions**"
    rows.append((title, "", *blank, *(f"**{cell}**" for cell in _auc_cells(soft["mean"]))))
    return Table(
        "precision / recall / balanced accuracy (drawn)",
        ("labelled", *(NAMES[name] for name in hard), "AUC of c", "AUC of f's own reading"),
        tuple(rows),
    )


def _auc_cells(row: dict[str, float | None]) -> list[str]:
    return [number(row[reader], ".3f") for reader in ("c", "f")]


def _confusion_cell(row: dict[str, Any]) -> str:
    figures = (number(row[key], ".2f") for key in ("precision", "recall", "balanced_accuracy"))
    return f"{' / '.join(figures)} ({row['drawn']})"


def _people(drawn: dict[str, Any]) -> Table:
    """What is drawn on whom, in shares of a group: drawn / drawn balanced."""
    points = list(drawn["people"].values())
    groups = list(points[0]["utkface"]["beard"]["group"]["drawn"]["groups"])
    rows = [row for question in points[0]["utkface"] for row in _people_rows(points, question, groups)]
    return Table(
        " / ".join(NAMES[name] for name in drawn["people"]),
        (*groups, *SEXES, "groups: highest to mean", "highest to lowest"),
        tuple(rows),
        note="Shares of the people of a group. read: what f sees in the photo; invented: of those on whom f sees none; "
        "against the label: of those who have none. Ratios are of groups with 50 people and more.",
    )


def _people_rows(points: Sequence[dict[str, Any]], question: str, groups: Sequence[str]) -> list[Row]:
    utkface = [point["utkface"][question] for point in points]
    rows = []
    for what in ("drawn", "read", "invented"):
        by_group = [axes["group"][what] for axes in utkface]
        by_sex = [axes["sex"][what] for axes in utkface]
        shares = [_share_cell(by_group, group) for group in groups] + [_share_cell(by_sex, sex) for sex in SEXES]
        ratios = [
            _distinct([number(figures[key], ".1f") for figures in by_group])
            for key in ("highest_to_mean", "highest_to_lowest")
        ]
        rows.append((f"{question} {what}", *shares, *ratios))
    if "group_and_sex" in utkface[0]:
        both = [axes["group_and_sex"]["invented"] for axes in utkface]
        for sex in SEXES:
            shares = [_share_cell(both, f"{group}, {sex}") for group in groups]
            rows.append((f"{question} invented, {sex}", *shares, *[""] * 4))
    labelled = [point["celeba"][question]["sex"]["against_labels"] for point in points]
    shares = [_share_cell(labelled, sex) for sex in SEXES]
    rows.append((f"{question} against the label (CelebA)", *[""] * len(groups), *shares, "", ""))
    return rows


def _share_cell(figures: Sequence[dict[str, Any]], group: str) -> str:
    return _distinct([percent(one["groups"][group]["share"]) for one in figures])


def _distinct(cells: Sequence[str]) -> str:
    """Join cells by a slash, equal ones once."""
    return " / ".join(dict.fromkeys(cells))


def _skin(drawn: dict[str, Any]) -> Table:
    groups = drawn["skin"]["drawn"]
    titles = {"painted": "painted, its cheek"}
    rows = [(titles.get(name, name), *map(_skin_cell, row.values())) for name, row in drawn["skin"].items()]
    thirds = {"darkest": "darkest third", "brightest": "brightest third", "all": "all photos"}
    for name, title in thirds.items():
        cells = [f"{percent(group['share'])} of {group['n']}" for group in drawn["brown_skin"][name].values()]
        rows.append((f"drawn brown or dark, {title}", "", *cells))
    return Table(
        "skin against the photo's cheek (UTKFace): mean absolute ΔL* (signed), ΔE",
        tuple(f"{name} ({figures['n']})" for name, figures in groups.items()),
        tuple(rows),
    )


def _skin_cell(skin: dict[str, Any]) -> str:
    return f"{number(skin['lightness'], '.1f')} ({number(skin['lighter'], '+.1f')}), {number(skin['distance'], '.1f')}"


def _light(drawn: dict[str, Any]) -> Table:
    light = drawn["light"]
    rows = []
    for name, title in (("gains", "five exposures"), ("all", "and three colours of light")):
        figures = light[name]
        ranges = (number(figures[key], ".1f") for key in ("drawn_skin", "painted_cheek"))
        rows.append((title, *ranges, percent(figures["answers_change"])))
    columns = ("drawn skin, range of L*", "painted cheek", "an answer changes")
    return Table(f"{light['n']} portraits in other light", columns, tuple(rows))


def _comparison(drawn: dict[str, Any]) -> Table:
    """Cleanliness against avatars with the same attributes; the note has identity, time and c's hash."""
    clean = drawn["cleanliness"]
    columns = [*clean.values(), clean["drawn"]["real"]]
    matched = (percent(figures["matched"]) for figures in clean.values())
    rows = (
        ("KID × 1000", *map(kid_cell, columns)),
        ("C2ST: share taken for rendered (.5: indistinguishable)", *(number(t["c2st"], ".2f") for t in columns)),
        ("drawings whose attributes one of them has", *matched, ""),
    )
    titles = (*(NAMES[name] for name in clean), "real avatars")
    return Table("beside avatars with the same attributes", titles, rows, note="\n".join(_closing_lines(drawn)))


def _closing_lines(drawn: dict[str, Any]) -> list[str]:
    same, ms = drawn["same_person"], drawn["ms"]
    lines = []
    if same:
        figures = [f"{number(same[key], '.3f')} by {title}" for key, title in SAME_PERSON_READERS.items()]
        lines.append(f"The same person against others, AUC of {same['same']} pairs of photos: {', '.join(figures)}.")
    time = f"{ms['both']:.1f} ms ({ms['choice']:.1f} for the choice, {ms['picture']:.1f} for resvg's 256 px)"
    lines.append(f"c and the engine take {time} beyond f: medians of {ms['n']} on one thread.")
    lines.append(f"c: {drawn['drawer']}.")
    return lines
