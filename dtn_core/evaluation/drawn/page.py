"""The figures of drawn avatars as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..baselines import BASELINES
from ..tables import kid, line, number, percent, right_share, right_words

NAMES = {"drawn": "drawn", "drawn_balanced": "drawn balanced", "f": "f's own reading", **BASELINES}


def markdown(drawn: dict[str, Any]) -> str:
    """All tables; drawn: what `measure` makes."""
    parts = (_right, _questions, _given, _skin, _light, _rest)
    return "\n\n".join("\n".join(part(drawn)) for part in parts)


def _head(title: str, columns: Sequence[str]) -> list[str]:
    return [line(title, columns), "|---" * (len(columns) + 1) + "|"]


def _right(drawn: dict[str, Any]) -> list[str]:
    figures = drawn["all_right"]
    some = figures["drawn"]
    title = f"{right_words(len(drawn['asked']))}, by the parameters"
    lines = _head(title, [NAMES[name] for name in figures])
    row = f"of {some['n']} people in CelebA, the hair of {some['hair_asked']}"
    return [*lines, line(row, [right_share(cell) for cell in figures.values()])]


def _questions(drawn: dict[str, Any]) -> list[str]:
    """Precision, recall and balanced accuracy by the parameters; AUC by the probabilities."""
    hard, soft = drawn["questions"], drawn["soft"]
    lines = _head(
        "precision / recall / balanced accuracy (drawn)",
        ["labelled", *(NAMES[name] for name in hard), "AUC of c", "AUC of f's own reading"],
    )
    for name, first in hard["drawn"].items():
        cells = [_hits(rows[name]) for rows in hard.values()]
        areas = [number(soft["questions"][name][who], ".3f") for who in ("c", "f")]
        lines.append(line(name, [f"{first['labelled']} of {first['n']}", *cells, *areas]))
    dark = soft["questions"]["dark_skin"]
    areas = [number(dark[who], ".3f") for who in ("c", "f")]
    lines.append(line("dark_skin (UTKFace)", [f"{dark['positives']} of {dark['n']}", *[""] * len(hard), *areas]))
    means = [f"**{number(soft['mean'][who], '.3f')}**" for who in ("c", "f")]
    title = f"**mean of the {soft['asked']} that an avatar shows, without expressions**"
    return [*lines, line(title, ["", *[""] * len(hard), *means])]


def _hits(row: dict[str, Any]) -> str:
    figures = (number(row[key], ".2f") for key in ("precision", "recall", "balanced_accuracy"))
    return f"{' / '.join(figures)} ({row['drawn']})"


def _given(drawn: dict[str, Any]) -> list[str]:
    """What is drawn on whom, in shares of a group: drawn / drawn balanced."""
    points = list(drawn["people"].values())
    groups = list(points[0]["utkface"]["beard"]["group"]["drawn"]["groups"])
    columns = [*groups, "female", "male", "groups: highest to mean", "highest to lowest"]
    lines = _head(" / ".join(NAMES[name] for name in drawn["people"]), columns)
    for question, axes in points[0]["utkface"].items():
        for what in ("drawn", "read", "invented"):
            by_group, by_sex = ([p["utkface"][question][axis][what] for p in points] for axis in ("group", "sex"))
            ratios = [_both(by_group, key, ".1f") for key in ("highest_to_mean", "highest_to_lowest")]
            cells = [_shares(by_group, g) for g in groups] + [_shares(by_sex, sex) for sex in ("female", "male")]
            lines.append(line(f"{question} {what}", [*cells, *ratios]))
        for sex in ("female", "male") if "group_and_sex" in axes else ():
            figures = [p["utkface"][question]["group_and_sex"]["invented"] for p in points]
            lines.append(
                line(f"{question} invented, {sex}", [*(_shares(figures, f"{g}, {sex}") for g in groups), *[""] * 4])
            )
        figures = [p["celeba"][question]["sex"]["against_labels"] for p in points]
        cells = [_shares(figures, sex) for sex in ("female", "male")]
        lines.append(line(f"{question} against the label (CelebA)", [*[""] * len(groups), *cells, "", ""]))
    note = (
        "Shares of the people of a group. read: what f sees in the photo; invented: of those on whom f sees none; "
        "against the label: of those who have none. Ratios are of groups with 50 people and more."
    )
    return [*lines, "", note]


def _shares(figures: Sequence[dict[str, Any]], group: str) -> str:
    return _once([percent(t["groups"][group]["share"]) for t in figures])


def _both(figures: Sequence[dict[str, Any]], key: str, digits: str) -> str:
    return _once([number(t[key], digits) for t in figures])


def _once(cells: Sequence[str]) -> str:
    """a / b, or a where they are the same."""
    return " / ".join(dict.fromkeys(cells))


def _skin(drawn: dict[str, Any]) -> list[str]:
    groups = drawn["skin"]["drawn"]
    lines = _head(
        "skin against the photo's cheek (UTKFace): mean absolute ΔL* (signed), ΔE",
        [f"{name} ({figures['n']})" for name, figures in groups.items()],
    )
    for who, figures in drawn["skin"].items():
        lines.append(line({"painted": "painted, its cheek"}.get(who, who), [_apart(row) for row in figures.values()]))
    thirds = drawn["brown_skin"]
    for name, title in (("darkest", "darkest third"), ("brightest", "brightest third"), ("all", "all photos")):
        cells = [f"{percent(t['share'])} of {t['n']}" for t in thirds[name].values()]
        lines.append(line(f"drawn brown or dark, {title}", ["", *cells]))
    return lines


def _apart(skin: dict[str, Any]) -> str:
    return f"{number(skin['lightness'], '.1f')} ({number(skin['lighter'], '+.1f')}), {number(skin['distance'], '.1f')}"


def _light(drawn: dict[str, Any]) -> list[str]:
    light = drawn["light"]
    lines = _head(
        f"{light['n']} portraits in other light", ["drawn skin, range of L*", "painted cheek", "an answer changes"]
    )
    for name, title in (("gains", "five exposures"), ("all", "and three colours of light")):
        figures = light[name]
        lightness = (number(figures[who], ".1f") for who in ("drawn_skin", "painted_cheek"))
        cells = [*lightness, percent(figures["answers_change"])]
        lines.append(line(title, cells))
    return lines


def _rest(drawn: dict[str, Any]) -> list[str]:
    clean, same, ms = drawn["cleanliness"], drawn["same_person"], drawn["ms"]
    lines = _head("beside avatars with the same attributes", [*(NAMES[name] for name in clean), "real avatars"])
    columns = [*clean.values(), clean["drawn"]["real"]]
    lines += [
        line("KID × 1000", [kid(figures) for figures in columns]),
        line("C2ST: share taken for rendered (.5: indistinguishable)", [number(t["c2st"], ".2f") for t in columns]),
        line(
            "drawings whose attributes one of them has",
            [*(percent(figures["matched"]) for figures in clean.values()), ""],
        ),
        "",
    ]
    if same:
        figures = [f"{number(same[who], '.3f')} by {what}" for who, what in _ALIKE.items()]
        lines.append(f"The same person against others, AUC of {same['same']} pairs of photos: {', '.join(figures)}.")
    time = f"{ms['both']:.1f} ms ({ms['choice']:.1f} for the choice, {ms['picture']:.1f} for resvg's 256 px)"
    lines.append(f"c and the engine take {time} beyond f: medians of {ms['n']} on one thread.")
    lines.append(f"c: {drawn['drawer']}.")
    return lines


_ALIKE = {
    "probabilities": "c's probabilities",
    "parameters": "the parameters drawn",
    "f": "f's features of the photos",
}
