"""Raw HTTP: paths that lead out, methods and lengths that aren't so, uploads, bodies of anything."""

from __future__ import annotations

import re
import socket
from functools import cache
from pathlib import Path
from random import Random
from urllib.parse import quote, urlsplit

import pytest

from .made_server import check, server
from .mutate import EDGES, HOSTILE, TOKENS, mutated
from .targets import SECRET, Harm, Target, at_random, by_hand

JSON = b'{"data": ["x"], "session_hash": "abcdefgh", "fn_index": 3}'
WAYS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "")


@cache
def paths() -> list[str]:
    """Those that are served, and those that have been attacked elsewhere."""
    secret = f"{server().home}/secret.txt"
    api = (
        "info",
        "config",
        "queue/join",
        "queue/data?session_hash=x",
        "run/draw",
        "api/predict",
        "call/draw",
        "upload",
    )
    api = (*api, "upload_progress?upload_id=1", "component_server", "reset", "heartbeat/x", "app_id", "startup-events")
    files = (
        secret,
        "/etc/passwd",
        "..%2f..%2fsecret.txt",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "C:\\x",
        "\\\\host\\x",
    )
    routes = (
        "gradio_api/file=",
        "file=",
        "gradio_api/proxy=",
        "static/",
        "assets/",
        "theme/",
        "custom_component/x/y/z/",
    )
    made = [f"/gradio_api/{name}" for name in api] + [f"/{route}{file}" for route in routes for file in files]
    made += [
        "/",
        "/live",
        "/live/ws",
        "/live/video",
        "/live/frame?session=abcdefgh",
        "/live/frame?session=../../x",
        "/login",
    ]
    made += [f"/live/frame?session={quote(str(bad).encode('utf-8', 'replace')[:200])}" for bad in HOSTILE]
    return made + [
        f"/../..{secret}",
        f"//{secret}",
        "/%2e%2e/%2e%2e/secret.txt",
        "/..;/",
        "*",
        "http://example.com/",
        "/%00",
        "/%ff",
    ]


def request(way: str, path: str, body: bytes = b"", kind: str = "application/json", length: object = None) -> bytes:
    result = len(body) if length is None else length
    head = f"{way} {path} HTTP/1.1\r\nHost: {urlsplit(server().url).netloc}\r\nConnection: close\r\n"
    head += f"Content-Type: {kind}\r\nContent-Length: {result}\r\n" if body or length is not None else ""
    return head.encode("utf-8", "replace") + b"\r\n" + body


def make(random: Random) -> bytes:
    path = random.choice(paths())
    if random.randrange(3) == 0:
        path = mutated(random, path.encode()).decode("latin1")
    way = random.choice((*WAYS[:2] * 4, *WAYS))
    body = mutated(random, JSON) if way not in ("GET", "HEAD") else b""
    kind = random.choice(
        ("application/json", "application/json", "multipart/form-data; boundary=x", "image/jpeg", "\x7f")
    )
    length = random.choice((None, None, None, None, *EDGES, -1, "x", "0x10"))
    made = request(way, path.replace("\r", "").replace("\n", "") if random.randrange(4) else path, body, kind, length)
    return mutated(random, made, TOKENS) if random.randrange(4) == 0 else made


def enter(data: bytes, place: Path) -> object:
    address = urlsplit(server().url)
    try:
        with socket.create_connection((address.hostname, address.port), timeout=20) as line:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            answer = b""
            while len(answer) < 1 << 20 and (piece := line.recv(65536)):
                answer += piece
    except TimeoutError:
        raise
    except OSError:  # it may hang up on what is no HTTP, even before all was sent
        answer = b""
    finally:
        check()
    if SECRET.encode() in answer or b"root:x:0" in answer:
        raise Harm("gives a file away")
    status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    if status and status[1][:1] == b"5" and b"/gradio_api/" not in data.split(b"\r\n")[0]:
        raise Harm(f"status {status[1].decode()}: {answer[-200:]!r}")
    return status and int(status[1])


def cases() -> dict[str, tuple[bytes, str]]:
    made = {f"GET {path}": (request("GET", path), "result") for path in paths()}
    made |= {f"POST {path}": (request("POST", path, JSON), "result") for path in paths()}
    part = b"--x\r\nContent-Disposition: form-data; name=files; filename=%s\r\n\r\nabc\r\n--x--\r\n"
    for name in (b'"../../../x.txt"', b'"/etc/x.txt"', b'""', b'"' + b"a" * 9000 + b'"'):
        upload = request("POST", "/gradio_api/upload", part % name, "multipart/form-data; boundary=x")
        made[f"an upload called {name[:40]!r}"] = upload, "result"
    made["a header without end"] = request("GET", "/").replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 200_000), "result"
    made["10,000 headers"] = request("GET", "/").replace(b"\r\n\r\n", b"\r\nX: a" * 10_000 + b"\r\n\r\n"), "result"
    made["two lengths"] = (
        request("POST", "/live/frame?session=abcdefgh", b"abc") + b"GET /etc HTTP/1.1\r\n\r\n",
        "result",
    )
    made["a path without end"] = request("GET", "/" + "a" * 60_000), "result"
    made["a frame that ends too soon"] = request("POST", "/live/frame?session=abcdefgh", b"abc", length=900), "result"
    made["a call that ends too soon"] = request("POST", "/gradio_api/queue/join", JSON, length=900), "result"
    made["a call that is no text"] = request("POST", "/gradio_api/queue/join", b"\x80\xff"), "result"
    made["deep JSON"] = request("POST", "/gradio_api/run/draw", b"[" * 100_000), "result"
    made["a deep call"] = request("POST", "/gradio_api/queue/join", b'{"data":' + b"[" * 100_000), "result"
    return made


pytestmark = pytest.mark.usefixtures("started_server")

DOOR = Target("paths", make, enter, cases)

test_by_hand = by_hand(DOOR)
test_at_random = at_random(DOOR, 60)
