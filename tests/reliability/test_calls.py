"""The app's functions, called as programs call them: the endpoints, what the page's components ask of the server, and
every handler of the page, with whatever somebody sends."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest
from calling import Caller

from dtn_core.ui.tabs.evidence.suites import TINY

from .made_pictures import attacks, seeds
from .made_server import GRADIOS, check, server
from .mutate import FEW, HOSTILE, disturbed, mutated, text, value
from .targets import Harm, Target, at_random, by_hand
from .test_avatars import asked, good


class Case(NamedTuple):
    """name: of an endpoint; "handler" with its number among the page's; or "component" with a function's name."""

    name: str
    data: Any
    which: Any = None


class _Loose(httpx.Client):
    """Sends what JSON hasn't, too: NaN, half a character, numbers without end."""

    def post(self, url: str, *, json: Any = None, **more: Any) -> httpx.Response:
        return super().post(url, content=text(json), headers={"content-type": "application/json"}, **more)


@cache
def caller() -> Caller:
    made = Caller(server().url)
    made.http = _Loose(base_url=made.http.base_url, cookies=made.http.cookies, timeout=60)
    return made


def url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def arguments(random: Random, name: str) -> list[Any]:
    """Of an endpoint, when all is well."""
    picture = url(mutated(random, random.choice(list(seeds().values()))))
    if name == "emojify":
        return [picture, False, random.choice(("", "toon-head")), "drawn", 64]
    return {"draw": [good(random), "svg", 64, ""], "styles": [], "digits": [picture]}[name]


def make(random: Random) -> Case:
    way = random.randrange(3)
    if way == 0:
        name = random.choice(("emojify", "draw", "draw", "styles", "digits"))
        data = arguments(random, name)
        return Case(name, disturbed(random, data) if data and random.randrange(4) else data)
    if way == 1:
        handler = random.choice([h for h in caller().handlers if h["backend_fn"] and "stream" not in str(h["targets"])])
        count = len(handler["inputs"]) + random.choice((0, 0, 0, 0, 1, -1))
        data = caller().given(handler) if random.randrange(2) else [value(random) for _ in range(max(0, count))]
        data = disturbed(random, data) if random.randrange(2) else data
        data = ["" if one == TINY else one for one in data] if isinstance(data, list) else data  # it computes a minute
        return Case("handler", data, caller().handlers.index(handler))
    name = random.choice(("describe", "preview", "draw", "more", "carry_over", "write", "read", "pack", "redraw", "x"))
    given = asked(random, name) if name not in ("redraw", "x") else {"photo": url(seeds()["png"]), "kind": "drawn"}
    return Case("component", disturbed(random, given), name)


def enter(case: Case, place: Path) -> object:
    me = caller()
    try:
        if case.name == "handler":
            answer = me.run(me.handlers[case.which], *_list(case.data))
        elif case.name == "component":
            parts = [number for number, part in me.parts.items() if case.which in str(part.get("server_fns", part))]
            body = {"data": case.data, "fn_name": case.which, "session_hash": me.session}
            body |= {"component_id": parts[0] if parts else 1}
            answer = me.http.post("/gradio_api/component_server", json=body).text
        else:
            handler = next(h for h in me.handlers if h["api_name"] == case.name)
            answer = me.run(handler, *_list(case.data))
    except httpx.TransportError as error:
        if GRADIOS in check():
            return "no answer"
        raise Harm(f"no answer: {type(error).__name__}: {error}") from None
    finally:
        check()
    return answer


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [data]


def cases() -> dict[str, tuple[Case, str]]:
    server()
    fine = Random(0)
    made: dict[str, tuple[Case, str]] = {}
    for name in ("emojify", "draw", "digits"):
        data = arguments(fine, name)
        for at in range(len(data)):
            for i, bad in enumerate(FEW):
                made[f"{name}, {at}: {i}"] = Case(name, [*data[:at], bad, *data[at + 1 :]]), ""
    for name, (data, _) in attacks().items():
        if len(data) < 9000:
            made[f"a picture: {name}"] = Case("emojify", [url(data), False, "", "drawn", 64]), ""
    for i, bad in enumerate(HOSTILE):
        made[f"style: {i}"] = Case("emojify", [url(seeds()["png"]), False, bad, "drawn", 64]), ""
        made[f"redraw: {i}"] = Case("component", {"photo": bad, "style": bad, "kind": bad}, "redraw"), ""
    return made


pytestmark = pytest.mark.usefixtures("started_server")

DOOR = Target("calls", make, enter, cases)

test_by_hand = by_hand(DOOR, every=3)
test_at_random = at_random(DOOR, 40)
