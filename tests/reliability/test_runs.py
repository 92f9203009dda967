"""Run directories, as somebody else may have left them: settings, events, locks, notes, logs, exports."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from made_runs import make_run

from dtn_core.config import PRESETS, to_dict
from dtn_core.core.errors import UserError
from dtn_core.evaluation.evidence import reading
from dtn_core.training.card import model_card
from dtn_core.training.runs import launcher, listing, status
from dtn_core.training.runs.store import Run
from dtn_core.ui.tabs.train import views
from dtn_core.ui.tabs.train.service import TrainService

from .mutate import FEW, TOKENS, disturbed, json_bytes, mutated, text, value
from .targets import SECRET, Harm, Target, at_random, by_hand, check_line

Case = dict[str, bytes | str]
"""Path in the run → content in place of the good one; "": a note to write."""


@cache
def good() -> dict[str, bytes]:
    """The files of a run that ended well."""
    with TemporaryDirectory() as folder:
        run = make_run(Path(folder), "00001-a", step=60, steps=60, exports=(30,), notes="a note", message="a line")
        (run / "run.json").write_text(json.dumps({"version": 1, "data": None, "preset": "folders-tiny"}))
        (run / "lock").write_text("123456\n1700000000.0\n")
        return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def events(random: Random) -> bytes:
    """Lines, some of them disturbed, left out, twice, or in another order."""
    lines = [json.loads(line) for line in good()["events.jsonl"].splitlines()]
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(lines))
        way = random.randrange(5)
        if way == 0:
            lines.insert(at, value(random))
        elif way == 1:
            lines.insert(at, random.choice(lines))
        elif way == 2:
            del lines[at]
        else:
            lines[at] = disturbed(random, lines[at])
    made = b"".join(text(line) + b"\n" for line in lines)
    return mutated(random, made, TOKENS) if random.randrange(5) == 0 else made


def make(random: Random) -> Case:
    changed: Case = {}
    for _ in range(random.randint(1, 2)):
        name = random.choice(("events.jsonl", "events.jsonl", "events.jsonl", *good(), ""))
        if name == "":
            changed[name] = str(value(random)) * random.choice((1, 3, 9000))
        elif name == "events.jsonl":
            changed[name] = events(random)
        elif name.endswith(".json"):
            changed[name] = json_bytes(random, json.loads(good()[name]))
        else:
            changed[name] = mutated(random, good()[name], list(good().values()))
    return changed


def enter(case: Case, place: Path) -> object:
    """Everything that looks at a run. Reading never raises; what is asked of it may be refused."""
    path = place / "runs" / "00001-a"
    for name, content in (good() | case).items():
        if name:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    (path / "control").mkdir()
    service = TrainService(place / "runs", "all")
    (run,) = service.list()
    check(run, path, brief=True)
    run = service.poll(run.name)
    check(run, path)
    shown = [views.runs([run], run.name), views.status(run), views.curves_of(run, run), json.dumps(views.samples(run))]
    shown += [views.log(service.log(run.name)), model_card(run, path / "export")]
    if SECRET in "".join(shown) or "dGhlIGNhbmFyeSBzaW5nc" in "".join(shown):
        raise Harm("shows a file outside of the run")
    wrong = [line for line in shown[:-1] if "<script" in line or "<svg onload" in line]
    if wrong:
        raise Harm(f"isn't escaped: {wrong[0][:200]}")
    for action in (
        lambda: [
            service.zip_export(run.name, name, place / "zips")
            for _, p in run.exports
            for name in [service_name(run, p)]
        ],
        lambda: reading.read(path / "export"),
        lambda: service.note(run.name, str(case.get("", "a note"))),
        lambda: Run.reopen(path, sign=False).release(),
        lambda: launcher.delete(path),
    ):
        try:
            action()
        except UserError as error:
            check_line(str(error))
    return run.status


def service_name(run: status.RunStatus, path: Path) -> str:
    from dtn_core.ui.tabs.train.service import export_name

    return export_name(run, path)


def check(run: status.RunStatus, path: Path, brief: bool = False) -> None:
    """What the command `runs` prints, and what the tab counts on."""
    json.dumps(listing.to_json(run), allow_nan=False)
    listing.table([run])
    for step, sample in run.samples:
        if not isinstance(step, int) or not sample.resolve().is_relative_to(path.resolve()):
            raise Harm(f"a sample elsewhere: {sample}")
    if status.read_status(path, run, brief).step != run.step:
        raise Harm("another status when it is read on")


def cases() -> dict[str, tuple[Case, str]]:
    lines = good()["events.jsonl"].splitlines()
    kinds = {json.loads(line)["event"]: json.loads(line) for line in lines}
    made: dict[str, tuple[Case, str]] = {"good": ({}, "result")}
    for kind, entry in kinds.items():
        for key in entry:
            for i, bad in enumerate(FEW):
                line = text(entry | {key: bad})
                made[f"{kind}, {key}: {i}"] = (
                    {"events.jsonl": b"\n".join([*lines[:3], line, *lines[3:], b""])},
                    "result",
                )
    for i, bad in enumerate(FEW):
        stepped = kinds["Stepped"]
        line = text({**stepped, "losses": {**stepped["losses"], "g": bad}})
        made[f"a loss: {i}"] = {"events.jsonl": b"\n".join([*lines, line, line, b""])}, "result"
        for name in ("config.json", "run.json", "export/config.json"):
            made[f"{name}: {i}"] = {name: text(bad)}, "result"
        trained = {
            "format": 1,
            "kind": "transfer",
            "encoder": {"name": "digits"},
            "trained": {"step": bad, "data": bad},
        }
        made[f"trained: {i}"] = {"export/config.json": text(trained)}, "result"
        made[f"version: {i}"] = {"run.json": text({"version": bad, "data": bad})}, "result"
        made[f"a note: {i}"] = {"": bad}, "result"
    secret = {**kinds["Sampled"], "path": "../../../secret.txt"}
    long = {**kinds["Noted"], "message": "x" * 20_000_000}
    wide = {**kinds["Stepped"], "losses": {f"l{i}": 0.1 for i in range(3000)}}
    grid = good()["samples/000060.png"]
    tall = grid[:20] + (4 * 34 * 30_000_000 + 2).to_bytes(4, "big") + grid[24:]
    made |= {
        "a sample outside": ({"events.jsonl": text(secret) + b"\n"}, "result"),
        "a line of 20 MB": ({"events.jsonl": b"\n".join([*lines, text(long), b""])}, "result"),
        "3,000 losses": ({"events.jsonl": b"\n".join([*lines, *[text(wide)] * 3, b""])}, "result"),
        "no end of line": ({"events.jsonl": b"x" * 5_000_000}, "result"),
        "deep": ({"events.jsonl": b"[" * 300_000 + b"\n" + b'{"a":' * 100_000 + b"\n"}, "result"),
        "deep settings": ({"config.json": b'{"a":' * 100_000}, "result"),
        "deep exports": ({"export/config.json": b"[" * 100_000, "run.json": b"[" * 100_000}, "result"),
        "other settings": ({"config.json": text(to_dict(PRESETS["upscaler"]))}, "result"),
        "a log of digits": ({"log.txt": b"9" * 200_000, "events.jsonl": lines[0] + b"\n"}, "result"),
        "a log of bars": ({"log.txt": b"1%|" * 80_000, "events.jsonl": lines[0] + b"\n"}, "result"),
        "a sample of four billion rows": ({"samples/000060.png": tall}, "result"),
        "a long log": ({"log.txt": b"\x1b[31m\r" * 3_000_000}, "result"),
        "a lock of numbers": ({"lock": b"9" * 6000 + b"\n" + b"1e999\n"}, "result"),
        "a note without end": ({"": "x" * 1_000_000}, "result"),
    }
    return made


DOOR = Target("runs", make, enter, cases)

test_by_hand = by_hand(DOOR, every=2)
test_at_random = at_random(DOOR, 150)
