"""For whom is it worse? What is invented, and the colour of the skin, by sex and by UTKFace's groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import colors as colours
from ...core.types import Image
from ..measures import mean
from ..questions import Members, Truth, members
from .depicted_attributes import Answers

ASKED = ("glasses", "hat", "beard")
"""What nobody wants to be given who doesn't wear it."""

FEWEST = 50
"""Groups of fewer people don't count when groups are compared."""


def axes_of(truth: Truth) -> dict[str, Members]:
    """Axis → its groups: sex and, of UTKFace, group, and both together."""
    axes = members(truth)
    if "group" not in axes:
        return axes
    groups, sexes = axes["group"], axes["sex"]
    both = {f"{name}, {sex}": who & hers for name, who in groups.items() for sex, hers in sexes.items()}
    return {"group": groups, "sex": sexes, "group_and_sex": both}


def shares(drawn: NDArray[np.bool_], among: NDArray[np.bool_], groups: Members) -> dict[str, Any]:
    """Of the people of each group who are among those meant, the share with something drawn. Over the groups with
    `FEWEST` of them: highest, lowest and mean share, and how many times the highest is of the others (None: of 0)."""
    rows = {}
    for name, who in groups.items():
        meant = who & among
        rows[name] = {"n": int(meant.sum()), "share": mean([drawn[meant].mean()]) if meant.any() else None}
    known = [row["share"] for row in rows.values() if row["n"] >= FEWEST]
    highest, lowest, middle = (max(known), min(known), float(np.mean(known))) if known else (None, None, None)
    return {
        "groups": rows,
        "highest": highest,
        "lowest": lowest,
        "mean": mean([middle]),
        "highest_to_mean": round(highest / middle, 2) if middle else None,
        "highest_to_lowest": round(highest / lowest, 2) if lowest else None,
    }


def given(truth: Truth, answers: Answers, read: Answers) -> dict[str, Any]:
    """Question → what is drawn on whom. drawn: the share of everybody; read: the same of what f reads in the photos;
    invented: of those on whom f's own reading sees none, the share who are drawn with it; against_labels: of those
    who by the label have none, where there are labels. Beards are asked of group and sex together, too."""
    everybody = np.ones(len(answers.hair), bool)
    rows = {}
    for name in (name for name in ASKED if name in answers.yes):
        axes = {k: v for k, v in axes_of(truth).items() if name == "beard" or k != "group_and_sex"}
        drawn, seen = answers.yes[name] == 1, read.yes[name] == 1
        measures = {"drawn": (drawn, everybody), "read": (seen, everybody), "invented": (drawn, ~seen)}
        if name in truth:
            measures["against_labels"] = drawn, truth[name] == 0
        rows[name] = {
            axis: {what: shares(*pair, groups) for what, pair in measures.items()} for axis, groups in axes.items()
        }
    return rows


def cheeks(crops: Iterable[Image]) -> NDArray[np.float32]:
    """(N, 3) the cheeks of head crops in CIELAB."""
    return np.stack([colours.cheek(crop) for crop in crops])


def skin_errors(
    skins: NDArray[np.float32], photographed: NDArray[np.float32], groups: Members
) -> dict[str, dict[str, Any]]:
    """Group, and all → how far (N, 3) skins are from the cheeks in the photos, in CIELAB: lightness, the mean absolute
    difference of L*; lighter: the mean signed one; distance: the mean ΔE (1976)."""
    apart = skins - photographed
    rows = {}
    for name, who in {"all": np.ones(len(skins), bool), **groups}.items():
        difference = apart[who]
        rows[name] = {
            "lightness": _tenth(np.abs(difference[:, 0])),
            "lighter": _tenth(difference[:, 0]),
            "distance": _tenth(np.linalg.norm(difference, axis=1)),
            "n": int(who.sum()),
        }
    return rows


def _tenth(values: NDArray[np.floating]) -> float | None:
    return round(float(values.mean()), 2) if len(values) else None
