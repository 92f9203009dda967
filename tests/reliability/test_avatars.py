"""Avatars: parameters from JSON files and programs, the drawings made of them, and what the page's editor asks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from xml.etree import ElementTree

from dtn_core.avatars import engine, export
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.ui.tabs import editor
from dtn_core.ui.tabs.batch import make_pack_handler

from .mutate import HOSTILE, disturbed, json_bytes, nested, text, value
from .targets import Harm, Target, at_random, by_hand, check_line

ASKED = {
    function.__name__: function
    for function in (
        editor.describe, editor.preview, editor.draw, editor.more, editor.carry_over, editor.write, editor.read,
        editor.pack, make_pack_handler(None),
    )
}  # fmt: skip
"""What the page may call. No painted emoji here: they name a translation."""


class Case(NamedTuple):
    """entry: "json" (a file's content), "edits" (of the page's editor), or a function of `ASKED`."""

    entry: str
    given: Any
    size: Any = 64


def good(random: Random) -> dict[str, Any]:
    style = random.choice(list(SPECS))
    spec = SPECS[style]
    variants = {slot: random.choice(spec.slots[slot]) for slot in spec.slots if random.randrange(2)}
    colours = {name: f"#{random.randrange(1 << 24):06x}" for name in spec.colours if random.randrange(2)}
    return {
        "style": style,
        "variants": variants,
        "colours": colours,
        "shape": {"face width": 0.5} if random.randrange(4) == 0 else {},
    }


def asked(random: Random, name: str) -> dict[str, Any]:
    """What the page sends to a function when all is well."""
    one = good(random)
    spec = SPECS[one["style"]]
    likely = {slot: {variants[0]: 0.5, variants[-1]: 0.5} for slot, variants in spec.slots.items()}
    return {
        "describe": {"style": one["style"]},
        "preview": {"style": one["style"], "slot": next(iter(spec.slots))},
        "draw": {"parameters": one},
        "more": {"parameters": one, "likely": likely, "keep": ["eyes"], "seed": 3},
        "carry_over": {"edited": ["eyes", "colour:hair"], "source": one, "target": good(random)},
        "write": {"parameters": one, "format": random.choice(export.FORMATS), "size": 64, "background": None},
        "read": {"text": json.dumps(one)},
        "pack": {
            "avatars": [{"name": "a", "parameters": one}],
            "size": 64,
            "emoji": [{"name": "a", "parameters": one}],
        },
    }[name]


def make(random: Random) -> Case:
    entry = random.choice(("json", "json", "edits", *ASKED))
    if entry == "json":
        return Case(entry, json_bytes(random, good(random)), random.choice((16, 64, *HOSTILE[:14])))
    if entry == "edits":
        face = {"parameters": good(random), "edited": ["eyes"], "box": [1, 2, 3, 4]}
        return Case(entry, json_bytes(random, {"faces": [face]}).decode("utf-8", "replace"))
    return Case(entry, disturbed(random, asked(random, entry)) if random.randrange(20) else value(random))


def enter(case: Case, place: Path) -> object:
    if case.entry == "json":
        parameters = Parameters.from_json(case.given.decode("utf-8", "replace"))
        for view in ("bust", "head", "face"):
            check_svg(engine.svg(parameters, view), parameters.style)
        engine.image(parameters, case.size)
        return [len(export.export(parameters, format, 64, "#ffffff")) for format in export.FORMATS]
    if case.entry == "edits":
        return len(editor.edits(case.given))
    answer = ASKED[case.entry](case.given)
    json.dumps(answer, allow_nan=False).encode()
    if "error" in answer:
        check_line(answer["error"])
    if "svg" in answer:
        check_svg(answer["svg"], answer["parameters"]["style"])
    return answer


def check_svg(drawn: str, style: str) -> None:
    """Well-formed, and nothing in it that runs or fetches."""
    ElementTree.fromstring(drawn)
    about = drawn[: drawn.index("<metadata")] + drawn[drawn.index("</metadata>") :]
    if found := re.search(
        r"<script|<foreignObject|<image|\son\w+=|javascript:|href=\"(?!#)|url\((?!#)|<!ENTITY", about
    ):
        raise Harm(f"{style} holds {found[0]!r}")


def cases() -> dict[str, tuple[Case, str]]:
    avatar = {"style": "avataaars"}
    with_one = {
        "style": lambda bad: {"style": bad},
        "a variant": lambda bad: avatar | {"variants": {"eyes": bad}},
        "a colour": lambda bad: avatar | {"colours": {"hair": bad}},
        "a shape": lambda bad: avatar | {"shape": {"face width": bad}},
        "variants": lambda bad: avatar | {"variants": bad},
    }
    made: dict[str, tuple[Case, str]] = {"plain": (Case("json", text(avatar)), "result")}
    for name, put in with_one.items():
        for i, bad in enumerate(HOSTILE):
            made[f"{name}: {i}"] = Case("json", text(put(bad))), ""
            made[f"{name}, drawn: {i}"] = Case("draw", {"parameters": put(bad)}), ""
    for name in ASKED:
        for i, bad in enumerate(HOSTILE):
            made[f"{name}: {i}"] = Case(name, bad), "result"
            for key in asked(Random(0), name):
                made[f"{name}, {key}: {i}"] = Case(name, asked(Random(0), name) | {key: bad}), "result"
    for i, bad in enumerate(HOSTILE):
        box = {"parameters": avatar, "edited": bad, "box": [1, 2, 3, bad]}
        made[f"an edit: {i}"] = Case("edits", text({"faces": [box]}).decode()), "result"
        made[f"a size: {i}"] = Case("json", text(avatar), bad), ""
        made[f"a painted emoji: {i}"] = Case("pack", {"emoji": [{"name": bad, "png": bad, "style": ""}]}), "result"
    made["too deep"] = Case("json", b"[" * 90_000), "error"
    made["too long"] = Case("json", b" " * 200_000), "error"
    made["edits too deep"] = Case("edits", "[" * 200_000), "result"
    made["deep parameters"] = Case("draw", {"parameters": nested(900)}), "result"
    return made


DOOR = Target("avatars", make, enter, cases)

test_by_hand = by_hand(DOOR, every=3)
test_at_random = at_random(DOOR, 200)
