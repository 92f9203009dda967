"""Checkpoints: folders with lies in config.json, weights that aren't what they should be, and pickles under another
name; and the JSON beside them that the tab Evidence shows."""

from __future__ import annotations

import json
import pickle
import struct
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import torch
from conftest import write_checkpoint
from safetensors.torch import load, save

from dtn_core.evaluation.evidence import reading
from dtn_core.networks import checkpoint
from dtn_core.pipeline import model
from dtn_core.pipeline.photo import Transferrer
from dtn_core.training.runs import states
from dtn_core.ui.tabs.evidence import views
from dtn_core.ui.translations import Translations

from .mutate import EDGES, FEW, HOSTILE, json_bytes, mutated, text
from .targets import Target, at_random, by_hand

Case = dict[str, bytes]
"""File in the checkpoint → content in place of the good one; b"": it is missing."""


@cache
def good() -> dict[str, bytes]:
    """A tiny translation that draws and paints, with figures."""
    with TemporaryDirectory() as folder:
        made = write_checkpoint(Path(folder) / "c", draws=True)
        files = {path.name: path.read_bytes() for path in made.iterdir()}
    shipped = checkpoint.SHIPPED
    files["metrics.json"] = (shipped / "emoji" / "metrics.json").read_bytes()
    files["evidence.json"] = (shipped.parent / "results" / "evidence" / "emoji.json").read_bytes()
    return files


def weights(random: Random, data: bytes) -> bytes:
    """Another shape, type or number, a tensor more or less, or a header that lies."""
    tensors, way = load(data), random.randrange(7)
    name = random.choice(sorted(tensors))
    if way == 0:
        tensors[name] = tensors[name][..., :-1].contiguous() if tensors[name].ndim else tensors[name][None]
    elif way == 1:
        bad = random.choice((float("nan"), float("inf"), 6e4))
        tensors[name] = torch.full_like(tensors[name], bad) if tensors[name].is_floating_point() else tensors[name] - 9
    elif way == 2:
        del tensors[name]
    elif way == 3:
        tensors[random.choice(("", "x", "../x", "f.0.weight"))] = torch.zeros(random.choice((0, 3)))
    elif way == 4:
        tensors[name] = tensors[name].to(random.choice((torch.int64, torch.bool, torch.float64, torch.bfloat16)))
    elif way == 5:
        return struct.pack("<Q", random.choice(EDGES)) + data[8:]
    else:
        return mutated(random, data)
    return save(tensors)


def make(random: Random) -> Case:
    name = random.choice(("config.json", "config.json", *good()))
    if random.randrange(30) == 0:
        return {name: b""}
    if name.endswith(".json"):
        return {name: json_bytes(random, json.loads(good()[name]))}
    if name.endswith(".safetensors"):
        return {name: weights(random, good()[name])}
    return {name: mutated(random, good()[name])}


def enter(case: Case, place: Path) -> object:
    """What is told of it, whatever is wrong; and what it makes of a picture, if it can be loaded."""
    path = place / "c"
    path.mkdir()
    for name, content in (good() | case).items():
        if content or name not in case:
            (path / name).write_bytes(content)
    Translations(None, ("heads",), None, None)._info(path)
    found = reading.read(path)
    json.dumps(found.to_dict())
    shown = [
        views.figures(found, found),
        views.reliability(found, None),
        views.copying(found),
        views.downloads(found, None),
    ]
    if "state.safetensors" in case:
        return states.read(path / "state.safetensors")
    transferrer = Transferrer(model.load(path), "cpu")
    made = transferrer.transfer(torch.zeros(1, 3, 64, 64))
    if not made.isfinite().all():
        raise AssertionError("it makes pictures of NaN")
    if transferrer.draws:
        transferrer.checkpoint.predictor(torch.zeros(1, 3, 64, 64))
    return len(shown)


class _Program:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("a pickle was opened",)


def cases() -> dict[str, tuple[Case, str]]:
    info, stems = json.loads(good()["config.json"]), [name for name in good() if name.endswith(".safetensors")]
    pickled = pickle.dumps(_Program())
    with TemporaryDirectory() as folder:
        torch.save({"weight": torch.zeros(3)}, Path(folder) / "a.pt")
        saved = (Path(folder) / "a.pt").read_bytes()
    claim = b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}'.ljust(100)
    claim = struct.pack("<Q", len(claim)) + claim
    made: dict[str, tuple[Case, str]] = {"good": ({}, "result")}
    for name in stems:
        nan = {key: one * float("nan") for key, one in load(good()[name]).items()}
        made |= {
            f"{name} is a pickle": ({name: pickled}, "error"),
            f"{name} is of torch.save": ({name: saved}, "error"),
            f"{name} is missing": ({name: b""}, "error"),
            f"{name} has no numbers": ({name: save(nan)}, "error"),
            f"{name} has a huge header": ({name: struct.pack("<Q", 2**62) + b"{}"}, "error"),
            f"{name} claims 4 GB": ({name: claim}, "error"),
        }
    huge = {
        "generator": ("base", "channels", "features"),
        "encoder": ("width", "hidden"),
        "upscaler": ("width", "depth"),
    }
    for part, keys in huge.items():
        for key in keys:
            for count in (10**5, 10**9, 10**15, -1, 0):
                made[f"{part} with {key} {count}"] = (
                    {"config.json": text(info | {part: {**info[part], key: count}})},
                    "error",
                )
    for i, bad in enumerate(HOSTILE):
        made[f"all: {i}"] = {"config.json": text(bad)}, "error"
        made[f"metrics: {i}"] = {"metrics.json": text(bad)}, "result"
        made[f"evidence: {i}"] = {"evidence.json": text(bad)}, "result"
        for key in info:
            made[f"{key}: {i}"] = {"config.json": text(info | {key: bad})}, ""
    for part in ("encoder", "generator", "avatar"):
        for key in info[part]:
            for i, bad in enumerate(FEW):
                made[f"{part}, {key}: {i}"] = {"config.json": text(info | {part: {**info[part], key: bad}})}, ""
    for name, parts in (("no parts", [{"name": "side-by-side"}] * 3), ("many parts", [info["encoder"]] * 1000)):
        made[name] = {"config.json": text(info | {"encoder": {"name": "side-by-side", "parts": parts}})}, "error"
    made["too deep"] = {"config.json": b"[" * 200_000}, "error"
    made["a state that is a pickle"] = {"state.safetensors": pickled}, "error"
    return made


DOOR = Target("checkpoints", make, enter, cases)

test_by_hand = by_hand(DOOR, every=4)
test_at_random = at_random(DOOR, 100)
