"""Configurations: JSON files and values, --set, and the form of the tab Train."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from dtn_core import config as configs
from dtn_core.ui.tabs.train import fields

from .mutate import HOSTILE, disturbed, json_bytes, mutated, nested, text, value
from .targets import Harm, Target, at_random, by_hand


class Case(NamedTuple):
    """entry: "file", "values", "set" (preset and assignments) or "form" (preset, fields, box)."""

    entry: str
    given: Any


def good(random: Random) -> dict[str, Any]:
    return json.loads(json.dumps(configs.to_dict(random.choice(list(configs.PRESETS.values())))))


def older(random: Random) -> dict[str, Any]:
    """As an earlier version wrote them."""
    values = good(random)
    values["wobble"] = False
    values["kind"] = random.choice(("transfer", "classifier", values["kind"]))
    return values | random.choice(({"task": "faces"}, {"domain": "folder"}, {}))


def assignment(random: Random, preset: str) -> str:
    key = random.choice([*configs.to_dict(configs.PRESETS[preset]), "wobble", ""])
    made = f"{key}={value(random)!s:.300}"
    return (
        mutated(random, made.encode("utf-8", "replace")).decode("utf-8", "replace")
        if random.randrange(4) == 0
        else made
    )


def make(random: Random) -> Case:
    entry, preset = random.choice(("file", "values", "set", "form")), random.choice(list(configs.PRESETS))
    if entry == "file":
        return Case(entry, json_bytes(random, random.choice((good, older))(random)))
    if entry == "values":
        return Case(entry, disturbed(random, random.choice((good, older))(random)))
    if entry == "set":
        return Case(entry, (preset, [assignment(random, preset) for _ in range(random.randint(1, 3))]))
    values = {name: value(random) for name in fields.fields_of(configs.PRESETS[preset]) if random.randrange(4) == 0}
    box = random.choice(
        ("", ", ".join(assignment(random, preset) for _ in range(2)), json.dumps(disturbed(random, {"seed": 1})))
    )
    return Case(entry, (random.choice((preset, preset, str(value(random)))), values, box))


def enter(case: Case, place: Path) -> object:
    if case.entry == "file":
        (place / "own.json").write_bytes(case.given)
        config, _ = configs.find("own.json")
    elif case.entry == "values":
        config = configs.from_dict(case.given)
    elif case.entry == "set":
        config = configs.parse_set(configs.PRESETS[case.given[0]], case.given[1])
    else:
        config = fields.to_config(*case.given)
        fields.task_of(config)
    if configs.from_dict(json.loads(json.dumps(configs.to_dict(config), allow_nan=False))) != config:
        raise Harm(f"isn't the same when it is read again: {config}")
    return config


def cases() -> dict[str, tuple[Case, str]]:
    plain = configs.to_dict(configs.PRESETS["digits-cpu"])
    made: dict[str, tuple[Case, str]] = {
        f"preset {name}": (Case("set", (name, [])), "result") for name in configs.PRESETS
    }
    for i, bad in enumerate(HOSTILE):
        for key in ("kind", "steps", "lr", "encoder", "seed", "device", "keep"):
            made[f"{key}: {i}"] = Case("values", plain | {key: bad}), ""
        made[f"all: {i}"] = Case("file", text(bad)), "error"
        made[f"task: {i}"] = Case("values", {**plain, "kind": "transfer", "task": bad}), ""
        made[f"domain: {i}"] = Case("values", {"domain": bad, "steps": 3}), ""
        made[f"set: {i}"] = Case("set", ("digits-cpu", [f"steps={bad!s:.500}"])), ""
        made[f"form: {i}"] = Case("form", ("digits-cpu", {"steps": bad, "encoder": bad, "seed": bad}, "")), ""
        made[f"box: {i}"] = Case("form", ("digits-cpu", {}, json.dumps({"steps": bad}))), ""
    made["too deep"] = Case("file", b"[" * 200_000), "error"
    made["a deep box"] = Case("form", ("digits-cpu", {}, '{"a":' * 5000)), "error"
    made["deep values"] = Case("values", plain | {"steps": nested(900)}), "error"
    made["other letters"] = Case("file", b"\xff\xfe{\0}\0"), "error"
    made["a number of 5,000 digits"] = Case("file", b'{"kind": "digits", "steps": ' + b"9" * 5000 + b"}"), "error"
    return made


DOOR = Target("configs", make, enter, cases)

test_by_hand = by_hand(DOOR)
test_at_random = at_random(DOOR, 300)
