"""The tools for agents, by the protocol's own client against the running app; who may name files; and without mcp."""

import asyncio
import base64
import builtins
import io
import json

import pytest
from mcp import Client
from PIL import Image
from serving import BLANK

from dtn_core.core.errors import UserError
from dtn_core.core.images import load_picture
from dtn_core.ui.access.policy import ANONYMOUS, Viewer
from dtn_core.ui.api import mcp_server


@pytest.fixture(scope="module")
def server(shared_server):
    return shared_server


@pytest.fixture
def use(server):
    """Call a tool, or list them all."""

    async def used(name, arguments):
        async with Client(f"{server.url}/mcp") as tools:
            return await (tools.call_tool(name, arguments) if name else tools.list_tools())

    return lambda name="", **arguments: asyncio.run(used(name, arguments))


def test_there_are_safe_tools_only(use, server):
    tools = use().tools
    assert {tool.name for tool in tools} == {"emojify", "draw", "styles", "digits"}
    for tool in tools:
        assert tool.annotations.read_only_hint
        assert not tool.annotations.open_world_hint
        assert tool.description
    assert f"{server.url}/mcp" in server.log()


def test_a_face_becomes_a_picture_and_its_parameters(use, hopper_path, server):
    before = server.files()
    for photo in (str(hopper_path), base64.b64encode(hopper_path.read_bytes()).decode()):
        answer = use("emojify", photo=photo, size=300)
        assert not answer.is_error
        output, about, picture = answer.content
        assert output.text.startswith("1 faces")
        assert json.loads(about.text)["parameters"]["style"] == "avataaars"
        with Image.open(io.BytesIO(base64.b64decode(picture.data))) as shown:
            assert (shown.size, shown.mode, picture.mime_type) == ((300, 300), "RGBA", "image/png")
    assert server.files() == before
    assert "hopper" not in server.log()


def test_parameters_are_drawn(use):
    styles = {json.loads(part.text)["name"]: json.loads(part.text) for part in use("styles").content}
    hair = next(slot for slot in styles["toon-head"]["slots"] if slot["name"] == "hair")["variants"][-1]
    wanted = {"style": "toon-head", "variants": {"hair": hair}}
    parameters, drawn = use("draw", parameters=wanted, format="svg").content
    assert json.loads(parameters.text)["variants"]["hair"] == hair
    assert drawn.text.startswith("<svg")
    _, drawn = use("draw", parameters=wanted, format="webp", size=64).content
    with Image.open(io.BytesIO(base64.b64decode(drawn.data))) as shown:
        assert (shown.size, drawn.mime_type) == ((64, 64), "image/webp")


@pytest.mark.parametrize(
    ("tool", "arguments", "line"),
    [
        ("emojify", {"photo": "eA=="}, "not a picture that can be read"),
        ("emojify", {"photo": "/nowhere/a.jpg"}, "no such file"),
        ("emojify", {"photo": BLANK, "style": "../x"}, "there is no such style"),
        ("draw", {"parameters": {"style": "nobody"}}, "nobody"),
        ("draw", {"parameters": {"style": "toon-head"}, "size": 9}, "between 16 and 4096"),
        ("digits", {"picture": "?"}, "did not arrive whole"),
    ],
)
def test_errors_are_one_line(use, tool, arguments, line):
    answer = use(tool, **arguments)
    assert answer.is_error
    (output,) = answer.content
    assert line in output.text
    assert "\n" not in output.text


@pytest.mark.parametrize(("viewer", "may"), [(Viewer(), True), (ANONYMOUS, False), (Viewer("a", "all", False), False)])
def test_only_programs_here_name_files(monkeypatch, hopper_path, viewer, may):
    monkeypatch.setattr(mcp_server, "caller", lambda: viewer)
    if may:
        assert mcp_server._read(str(hopper_path), load_picture).picture.ndim == 3
    else:
        with pytest.raises(UserError, match="Give the picture as base64"):
            mcp_server._read(str(hopper_path), load_picture)


def test_callers_through_a_proxy_cannot_name_files(server, hopper_path):
    import httpx

    call = {"name": "emojify", "arguments": {"photo": str(hopper_path)}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    headers = {"X-Forwarded-For": "198.51.100.7", "Accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{server.url}/mcp", json=body, headers=headers, timeout=60)
    assert "Give the picture as base64" in answer.text
    answer = httpx.post(f"{server.url}/mcp", json=body, headers=headers | {"Origin": "https://example.com"}, timeout=60)
    assert answer.status_code == 403


def test_missing_mcp_is_reported(monkeypatch):
    imported = builtins.__import__

    def without(name, *more):
        if name.partition(".")[0] in ("mcp", "mcp_types"):
            raise ImportError(name)
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match="pip install 'mcp"):
        mcp_server.build(None, None)
