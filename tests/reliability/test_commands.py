"""Command lines: `python -m dtn_core` with words that make no sense, and files of any kind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from functools import cache
from pathlib import Path
from random import Random

from conftest import write_checkpoint

from dtn_core import cli

from .made_pictures import saved, seeds, shapes
from .mutate import HOSTILE, mutated, value
from .targets import Harm, Target, at_random, by_hand, check_line

WORDS = {
    "emojify": ("-o", "--output", "--checkpoint", "--mode", "--background", "--painted", "--size",
        "--parameters", "--jobs"),
    "draw": ("-o", "--output", "--size", "--background", "--view"),
    "digits": ("-o", "--output", "--checkpoint", "--judge", "--size", "--jobs"),
    "train": ("--set", "--runs", "--resume", "--feature-cache", "--tracker"),
    "runs": ("--runs",),
    "join": ("-o", "--output"),
    "gallery": ("-o",),
    "evaluate": ("--checkpoint", "--data", "-o"),
}  # fmt: skip
"""Command → options. Left out are words that make a good line of a training or a download."""

FILES = (
    "a.png",
    "b.jpg",
    "c.zip",
    "d.mp4",
    "e.json",
    "folder",
    "c",
    "nothing.png",
    "out.png",
    "out",
    "out.mp4",
    "-",
    "",
)


@cache
def _files() -> dict[str, bytes]:
    good = seeds()
    avatar = json.dumps({"style": "avataaars", "variants": {"eyes": "happy"}}).encode()
    made = {
        "a.png": good["png"],
        "b.jpg": good["jpeg"],
        "c.zip": b"PK\3\4",
        "d.mp4": b"\0\0\0\x18ftypisom",
        "e.json": avatar,
    }
    return made | {"folder/a.png": saved(shapes(40, 40), "PNG")}


@cache
def _checkpoint() -> Path:
    from tempfile import mkdtemp

    return write_checkpoint(Path(mkdtemp(prefix="targets-checkpoint-")) / "c", draws=True)


Case = tuple[list[str], str]
"""Words, and the content of e.json."""


def make(random: Random) -> Case:
    command = random.choice((*list(WORDS) * 6, "", "help", "--help", str(value(random))))
    words = [command]
    for _ in range(random.randint(0, 6)):
        option = random.choice((*WORDS.get(command, ("--x",)), "", ""))
        words += [option] if option and random.randrange(4) else []
        words.append(random.choice((*FILES, *FILES, str(random.choice(HOSTILE)), "64", "0", "paste", "alone")))
    if random.randrange(3) == 0:
        words.append("--json")
    return words, mutated(random, _files()["e.json"]).decode("latin1") if random.randrange(2) else ""


def is_safe(words: list[str]) -> bool:
    """Not a line that works for minutes, or that writes where an absolute path leads."""
    works = {"gallery", "evaluate"} & set(words[:1]) or (words[0] == "train" and "-" not in words)
    return not any(word.startswith(("/", "~")) or ".." in word for word in words) and not works


def _word(text: str) -> str:
    """As a shell can give it."""
    return os.fsdecode(text.encode("utf-8", "surrogatepass").replace(b"\0", b""))


def enter(case: Case, place: Path) -> object:
    words, content = [_word(word) for word in case[0]] or [""], case[1]
    for name, data in _files().items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(data)
    if content:
        (place / "e.json").write_bytes(content.encode("latin1"))
    if not is_safe(words):
        words = [words[0], "--nothing", *words[1:]]  # it is only read
    elif words[0] == "emojify":
        words = [*words, "--checkpoint", str(_checkpoint()), "--device", "cpu"]
    out, err, sys.stdin = io.StringIO(), io.StringIO(), io.StringIO(content)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(words)
        except SystemExit as end:  # --help
            code = end.code or 0
    if code not in (0, 2):
        raise Harm(f"exit code {code}")
    for line in err.getvalue().splitlines():
        if "Traceback" in line:
            raise Harm("a traceback")
    if code == 2:
        check_line(err.getvalue().splitlines()[0] if err.getvalue().splitlines() else "")
    if "--json" in words and "--help" not in words and "-h" not in words:
        json.loads(out.getvalue())
    return code


def cases() -> dict[str, tuple[Case, str]]:
    made: dict[str, tuple[Case, str]] = {"nothing": (([], ""), "result")}
    for i, bad in enumerate(HOSTILE):
        for command in WORDS:
            made[f"{command}: {i}"] = (([command, str(bad), "-o", "out.png"], ""), "result")
        made[f"emojify -o: {i}"] = ((["emojify", "a.png", "-o", f"{bad}.png"], ""), "result")
        made[f"draw -o: {i}"] = ((["draw", "e.json", "-o", f"{bad}"], ""), "result")
        made[f"draw --size: {i}"] = ((["draw", "e.json", "-o", "a.svg", "--size", str(bad)], ""), "result")
        made[f"draw --background: {i}"] = ((["draw", "e.json", "-o", "a.svg", "--background", str(bad)], ""), "result")
        made[f"--set: {i}"] = ((["train", "-", "--set", str(bad)], ""), "result")
        made[f"runs: {i}"] = ((["runs", "--runs", str(bad), "--json"], ""), "result")
    made["1,000 words"] = ((["emojify", *["a.png"] * 1000, "-o", "out.png"], ""), "result")
    return made


DOOR = Target("commands", make, enter, cases, paths=True)

test_by_hand = by_hand(DOOR, every=3)
test_at_random = at_random(DOOR, 120)
