"""The JSON of results/ and beside checkpoints, which the tab Evidence shows."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from dtn_core.evaluation.evidence import results
from dtn_core.evaluation.evidence.schema import validated
from dtn_core.ui.tabs.evidence import charts, views

from .mutate import FEW, HOSTILE, json_bytes, text
from .targets import Harm, Target, at_random, by_hand


class Case(NamedTuple):
    name: str
    data: bytes


@cache
def good() -> dict[str, bytes]:
    """File in results/ → its content."""
    found = [*results.RESULTS.glob("*.json"), *results.RESULTS.glob("evidence/emoji.json")]
    return {str(path.relative_to(results.RESULTS)): path.read_bytes() for path in found}


def make(random: Random) -> Case:
    name = random.choice(sorted(good()))
    return Case(name, json_bytes(random, json.loads(good()[name])))


def enter(case: Case, place: Path) -> object:
    folder = place / "results"
    (folder / "evidence").mkdir(parents=True)
    (folder / case.name).write_bytes(case.data)
    shown = views.suites(results.suites(folder)) + views.table(results.overview(folder))
    if case.name.startswith("evidence") and (found := validated(results.read_json(folder / case.name))):
        shown += charts.reliability(found, found, ["a", "b"]) + charts.by_group(found) + charts.chart_of_f(found, "a")
        shown += str(charts.errors(found))
        if near := found.get("neighbours"):
            shown += views.table(views.copying_table(near))
    if "<script" in shown or "<svg onload" in shown:
        raise Harm("isn't escaped")
    return len(shown)


def cases() -> dict[str, tuple[Case, str]]:
    made = {name: (Case(name, data), "result") for name, data in good().items()}
    for name, data in good().items():
        report = json.loads(data)
        for i, bad in enumerate(FEW):
            made[f"{name}: {i}"] = Case(name, text(bad)), "result"
            for key in report:
                made[f"{name}, {key}: {i}"] = Case(name, text(report | {key: bad})), "result"
    for i, bad in enumerate(HOSTILE):
        made[f"another: {i}"] = Case("other.json", text({"a": bad, "b": {"c": {"d": bad}, "e": {"d": 1}}})), "result"
    made["too deep"] = Case("live.json", b'{"a":' * 100_000), "result"
    made["deep"] = Case("live.json", b'{"a":' * 400 + b"1" + b"}" * 400), "result"
    emoji = json.loads(good()["evidence/emoji.json"])
    points = {"explained": [0.5, 0.2], "points": {"t": [[0, 0]], "s": []}}
    for i, bad in enumerate(FEW):
        for key in ("method", "explained", "points"):
            one = text(emoji | {"map": {"method": "PCA", **points, key: bad}})
            made[f"map, {key}: {i}"] = Case("evidence/emoji.json", one), "result"
    no_points = text(emoji | {"map": {"method": "PCA", "explained": [0.5], "points": {}}})
    made["a map of nothing"] = Case("evidence/emoji.json", no_points), "result"
    made["a name that is a tag"] = Case("<script>.json", b'{"<script>": {"a": {"b": 1}, "c": {"b": 2}}}'), "result"
    return made


DOOR = Target("results", make, enter, cases)

test_by_hand = by_hand(DOOR, every=2)
test_at_random = at_random(DOOR, 150)
