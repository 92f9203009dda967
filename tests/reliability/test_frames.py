"""The WebSockets: /live/ws with frames and options of any kind, /live/video with a page that lies about its file."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from .made_pictures import attacks, saved, scans, seeds, shapes
from .made_server import check, server
from .mutate import HOSTILE, disturbed, json_bytes, mutated, text
from .targets import Harm, Target, at_random, by_hand, check_line
from .test_avatars import good
from .test_videos import seeds as videos

ANSWERED = 20.0
"""Seconds within which a message is answered."""


class Case(NamedTuple):
    """path: "/live/ws" or "/live/video"; messages: sent one after the other, text or binary; file: what the page gives
    for every read, None: wrong lengths."""

    path: str
    messages: tuple[str | bytes, ...]
    file: bytes | None = b""


def options(random: Random) -> dict[str, Any]:
    edits = {"1": {"parameters": good(random), "edited": ["eyes"]}}
    return {"style": random.choice(("", "emoji", "toon-head")), "lock": True, "edits": edits, "reset": False}


def frame(data: bytes, number: int = 1) -> bytes:
    return struct.pack("<I", number) + data


def message(random: Random) -> str | bytes:
    if random.randrange(2):
        jpegs = [seeds()[name] for name in ("jpeg", "progressive jpeg", "grey jpeg", "cmyk jpeg", "png", "webp")]
        return frame(mutated(random, random.choice(jpegs), jpegs), random.randrange(1 << 32))[random.randrange(2) * 2 :]
    return json_bytes(random, options(random)).decode("utf-8", "replace")


def make(random: Random) -> Case:
    if random.randrange(3):
        return Case("/live/ws", tuple(message(random) for _ in range(random.randint(1, 3))))
    data = mutated(random, random.choice(list(videos().values())))
    wanted = {"style": "", "kind": "drawn", "mode": "paste", "background": "#ffffff", "size": len(data)}
    wanted = disturbed(random, wanted) if random.randrange(2) else wanted
    first = text(wanted).decode() if random.randrange(10) else mutated(random, text(wanted))
    return Case("/live/video", (first,), None if random.randrange(8) == 0 else data)


def enter(case: Case, place: Path) -> object:
    address = server().url.replace("http://", "ws://") + case.path
    answers = []
    try:
        with connect(address, max_size=None, open_timeout=ANSWERED, close_timeout=2) as socket:
            for one in case.messages:
                socket.send(one)
                answers.append(_heard(socket, case, isinstance(one, bytes)))
    except ConnectionClosed as closed:
        answers.append(closed.rcvd.code if closed.rcvd else "closed")
    except (TimeoutError, InvalidHandshake, OSError) as error:
        raise Harm(f"no answer: {type(error).__name__}: {error}") from None
    finally:
        check()
    return answers


def _heard(socket: Any, case: Case, is_frame: bool) -> Any:
    """The answer to a message. Options that are taken have none: the next frame shows them."""
    if case.path == "/live/ws":
        try:
            output = json.loads(socket.recv(timeout=ANSWERED if is_frame else 0.1))
        except TimeoutError:
            if is_frame:
                raise
            return None
        if "error" in output:
            check_line(output["error"])
        return sorted(output)
    while True:
        output = socket.recv(timeout=ANSWERED)
        if isinstance(output, bytes):
            continue
        values = json.loads(output)
        if "read" in values:
            offset, length = values["read"]
            socket.send(b"short" if case.file is None else case.file[offset : offset + length])
        elif "error" in values:
            check_line(values["error"])
            return "error"
        elif "done" in values:
            return "done"


def cases() -> dict[str, tuple[Case, str]]:
    server()
    made: dict[str, tuple[Case, str]] = {}
    for i, bad in enumerate(HOSTILE):
        for name in ("style", "lock", "edits", "reset", "resend"):
            made[f"{name}: {i}"] = Case("/live/ws", (text({name: bad}).decode(), frame(seeds()["jpeg"]))), "result"
        wanted = {"style": "", "kind": "drawn", "mode": "paste", "size": 100}
        for name in ("style", "kind", "mode", "background", "size") if i % 4 == 0 else ():
            made[f"video, {name}: {i}"] = (
                Case("/live/video", (text(wanted | {name: bad}).decode(),), bytes(100)),
                "result",
            )
    for name, (data, _) in attacks().items():
        if len(data) < 60_000:
            made[f"frame: {name}"] = Case("/live/ws", (frame(data),)), "result"
    made |= {
        "no header": (Case("/live/ws", (b"\1\2",)), "result"),
        "many scans": (Case("/live/ws", (frame(scans(1500, 1000)),)), "result"),
        "a giant": (Case("/live/ws", (bytes(30_000_000),)), "result"),
        "a large frame": (Case("/live/ws", (frame(saved(shapes(1920, 1920), "JPEG")),)), "result"),
        "deep options": (Case("/live/ws", ("[" * 200_000, frame(b""))), "result"),
        "video in binary": (Case("/live/video", (b"\0" * 50,)), "result"),
        "a page that gives too little": (Case("/live/video", ('{"size": 5000}',), None), "result"),
        "a huge video, it claims": (Case("/live/video", (f'{{"size": {1 << 52}}}',), bytes(1 << 20)), "result"),
    }
    return made


pytestmark = pytest.mark.usefixtures("started_server")

DOOR = Target("frames", make, enter, cases)

test_by_hand = by_hand(DOOR, every=3)
test_at_random = at_random(DOOR, 30)
