"""Fairness: what is invented, and the colour of the skin, by sex and by UTKFace's groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import colors
from ...core.types import Image
from ..measures import mean
from ..questions import Members, Truth, members
from .depicted_attributes import Answers

INVENTED_QUESTIONS = ("glasses", "hat", "beard")
"""What shouldn't be drawn on those who don't wear it."""

MIN_PEOPLE = 50
"""Smaller groups are left out when groups are compared."""


def axes_of(truth: Truth) -> dict[str, Members]:
    """Return axis → groups: sex and, for UTKFace, group, and both together."""
    axes = members(truth)
    if "group" not in axes:
        return axes
    groups, sexes = axes["group"], axes["sex"]
    both = {}
    for group, in_group in groups.items():
        for sex, of_sex in sexes.items():
            both[f"{group}, {sex}"] = in_group & of_sex
    return {"group": groups, "sex": sexes, "group_and_sex": both}


def group_shares(drawn: NDArray[np.bool_], among: NDArray[np.bool_], groups: Members) -> dict[str, Any]:
    """Compare groups by the share of their people with something drawn.

    Args:
        drawn: (N,) whether it is drawn.
        among: (N,) mask of the people who count.
        groups: Group → (N,) mask.

    Returns:
        The share of each group; of those with at least `MIN_PEOPLE`, the highest, lowest and mean share, and the ratio
        of the highest to both (None if that is 0).
    """
    rows = {}
    for name, mask in groups.items():
        counted = mask & among
        share = mean([drawn[counted].mean()]) if counted.any() else None
        rows[name] = {"n": int(counted.sum()), "share": share}
    shares = [row["share"] for row in rows.values() if row["n"] >= MIN_PEOPLE]
    if not shares:
        nothing = dict.fromkeys(("highest", "lowest", "mean", "highest_to_mean", "highest_to_lowest"))
        return {"groups": rows, **nothing}
    highest, lowest, average = max(shares), min(shares), float(np.mean(shares))
    return {
        "groups": rows,
        "highest": highest,
        "lowest": lowest,
        "mean": mean([average]),
        "highest_to_mean": round(highest / average, 2) if average else None,
        "highest_to_lowest": round(highest / lowest, 2) if lowest else None,
    }


def drawn_by_group(truth: Truth, answers: Answers, read: Answers) -> dict[str, Any]:
    """Return, for each of `INVENTED_QUESTIONS` and each axis, `group_shares` of

    - drawn: everybody with it drawn;
    - read: everybody with it in f's reading of the photo;
    - invented: those with it drawn, of the people on whom f sees none;
    - against_labels: the same, of the people without it by their labels, where there are labels.

    Only beards are asked of group and sex together.
    """
    everybody = np.ones(len(answers.hair), bool)
    rows = {}
    for name in INVENTED_QUESTIONS:
        if name not in answers.yes:
            continue
        drawn, in_photo = answers.yes[name] == 1, read.yes[name] == 1
        measures = {"drawn": (drawn, everybody), "read": (in_photo, everybody), "invented": (drawn, ~in_photo)}
        if name in truth:
            measures["against_labels"] = (drawn, truth[name] == 0)
        axes = axes_of(truth)
        if name != "beard":
            axes.pop("group_and_sex", None)
        rows[name] = {
            axis: {measure: group_shares(*masks, groups) for measure, masks in measures.items()}
            for axis, groups in axes.items()
        }
    return rows


def cheek_colors(crops: Iterable[Image]) -> NDArray[np.float32]:
    """Return the colours of the cheeks of N head crops in CIELAB, (N, 3)."""
    return np.stack([colors.cheek(crop) for crop in crops])


def skin_errors(
    skins: NDArray[np.float32], photographed: NDArray[np.float32], groups: Members
) -> dict[str, dict[str, Any]]:
    """Compare (N, 3) drawn skins with the cheeks in the photos, in CIELAB.

    Returns:
        Group, and all → lightness: mean absolute difference of L*; lighter: mean signed one; distance: mean ΔE (1976).
    """
    difference = skins - photographed
    rows = {}
    for name, mask in {"all": np.ones(len(skins), bool), **groups}.items():
        rows[name] = {
            "lightness": _rounded_mean(np.abs(difference[mask, 0])),
            "lighter": _rounded_mean(difference[mask, 0]),
            "distance": _rounded_mean(np.linalg.norm(difference[mask], axis=1)),
            "n": int(mask.sum()),
        }
    return rows


def _rounded_mean(values: NDArray[np.floating]) -> float | None:
    return round(float(values.mean()), 2) if len(values) else None
