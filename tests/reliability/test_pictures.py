"""Pictures: files, uploads as data URLs, entries of a user's folders, live frames, and painted emoji that come back."""

from __future__ import annotations

import base64
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from dtn_core.core import images
from dtn_core.data import folders
from dtn_core.pipeline.live import protocol
from dtn_core.ui.components import pictures
from dtn_core.ui.tabs import batch

from .made_pictures import attacks, seeds
from .mutate import mutated
from .targets import Harm, Target, at_random, by_hand

ENTRIES = ("bytes", "file", "data url", "square", "frame", "painted")


class Case(NamedTuple):
    data: bytes
    entry: str = "bytes"


def make(random: Random) -> Case:
    good = list(seeds().values())
    return Case(mutated(random, random.choice(good), good), random.choice((*ENTRIES[:1] * 4, *ENTRIES)))


def enter(case: Case, place: Path) -> object:
    data, entry = case
    if entry == "bytes":
        picture = images.load(data)
    elif entry == "file":
        (place / "a.jpg").write_bytes(data)
        picture = images.load(place / "a.jpg")
    elif entry == "data url":
        picture = pictures.decode(f"data:image/png;base64,{base64.b64encode(data).decode()}")
    elif entry == "square":
        picture = folders._square(data, 16, True, None)[..., :3]
    elif entry == "frame":
        picture = protocol.decode(data)
    else:
        picture = batch._painted(f"data:image/png;base64,{base64.b64encode(data).decode()}")[..., :3]
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise Harm(f"no picture: {picture.dtype} {picture.shape}")
    return picture.shape


def cases() -> dict[str, tuple[Case, str]]:
    made = {name: (Case(data), ends) for name, (data, ends) in attacks().items()}
    made |= {f"good {name}": (Case(data), "result") for name, data in seeds().items()}
    for entry in ENTRIES[2:]:
        made |= {
            f"{name}, {entry}": (Case(data, entry), "") for name, (data, _) in attacks().items() if len(data) < 9000
        }
    return made


DOOR = Target("pictures", make, enter, cases)

test_by_hand = by_hand(DOOR)
test_at_random = at_random(DOOR, 400)
