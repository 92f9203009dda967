"""The JSON of results/ and beside checkpoints, which the tab Evidence shows."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from dtn_core.evidence import results
from dtn_core.ui.evidence import views

from .doors import Door, Harm, at_random, by_hand
from .mutate import FEW, HOSTILE, json_bytes, text


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
    made["a name that is a tag"] = Case("<script>.json", b'{"<script>": {"a": {"b": 1}, "c": {"b": 2}}}'), "result"
    return made


DOOR = Door("results", make, enter, cases)

test_by_hand = by_hand(DOOR)
test_at_random = at_random(DOOR, 150)
