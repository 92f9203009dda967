"""Requests from other sites, cookies, and limits on bodies and WebSocket messages."""

from __future__ import annotations

import contextlib
import re
import socket
from contextlib import closing

import anyio
import httpx
import pytest
from serving import serve
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from dtn_core.pipeline.live import protocol
from dtn_core.ui import app as application
from dtn_core.ui.access import bodies, origin
from dtn_core.ui.access.bodies import BodiesInFlight
from dtn_core.ui.access.middleware import AccessMiddleware, malformed
from dtn_core.ui.access.policy import AccessPolicy
from dtn_core.ui.access.rate_limits import RateLimiter
from dtn_core.ui.access.refusals import RefusedError
from dtn_core.ui.api import video_socket

HOST = "studio.example.org"
HTTPS = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}
JOIN = "/gradio_api/queue/join"


@pytest.fixture(scope="module")
def closed(drawing_checkpoint, tmp_path_factory):
    """A public app with a password."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DTN_TRAINING", "DTN_AUTH", "SPACE_ID", "FORWARDED_ALLOW_IPS"):
            patch.delenv(name, raising=False)
        home = tmp_path_factory.mktemp("home")
        flags = {"auth": ("ann", "secret"), "DTN_AUTH": "ann:secret\nbob:secret"}
        with serve(drawing_checkpoint, home, "--host", "0.0.0.0", **flags) as server:
            yield server


def log_in(server, headers, user="ann"):
    """The Set-Cookie headers of a login."""
    answer = httpx.post(f"{server.url}/login", data={"username": user, "password": "secret"}, headers=headers)
    assert answer.status_code == 200
    return answer.headers.get_list("set-cookie")


@pytest.fixture(scope="module")
def cookie(closed):
    """The Cookie header of somebody who is logged in over HTTPS."""
    (header,) = log_in(closed, HTTPS)
    return header.partition(";")[0]


class Ask:
    """Calls an `AccessMiddleware` in this process, with an app behind it that answers whose request it was."""

    def __init__(self, handler=None, **policy):
        async def whose(request):
            await request.body()
            viewer = request.scope["dtn.viewer"]
            return JSONResponse({"id": viewer.id, "address": viewer.address})

        routes = [Route(path, handler or whose, methods=["GET", "POST"]) for path in ("/", JOIN)]
        guard = Middleware(AccessMiddleware, policy=AccessPolicy(True, **policy), rates=RateLimiter())
        self.app = Starlette(routes=routes, middleware=[guard], exception_handlers={ClientDisconnect: malformed})

    def get(self, **headers):
        async def send():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})

        return anyio.run(send)

    def post(self, receive):
        """The statuses of the answers to a request with this `receive`, which announces a body of 1,000 bytes."""
        statuses = []

        async def send(message):
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        headers = [(b"host", HOST.encode()), (b"content-length", b"1000")]
        scope = {"type": "http", "method": "POST", "path": JOIN, "query_string": b"", "headers": headers}

        async def call():
            with anyio.fail_after(60):
                await self.app({**scope, "client": ("198.51.100.1", 1)}, receive, send)

        anyio.run(call)
        return statuses


# ── other sites ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("page", "host", "proto", "own"),
    [
        ("http://a.org", "a.org", "", True), ("https://a.org", "a.org", "https", True),
        ("https://a.org", "a.org", "", True),  # a proxy that doesn't say which protocol the browser uses
        ("http://A.org", "a.ORG", "", True), ("http://a.org:80", "a.org", "", True),
        ("http://a.org", "a.org:80", "", True), ("https://a.org", "a.org:443", "https", True),
        ("http://a.org:7860", "a.org:7860", "", True), ("http://[::1]:7860", "[::1]:7860", "", True),
        ("null", "a.org", "", False), ("", "a.org", "", False), ("null", "null", "", False), ("", "", "", False),
        ("http://a.org:7861", "a.org:7860", "", False), ("http://a.org", "a.org:443", "", False),
        ("http://b.a.org", "a.org", "", False), ("http://a.org.evil.org", "a.org", "", False),
        ("http://a.org", "a.org", "https", False), ("http://a.org:x", "a.org:x", "", False),
        ("chrome-extension://a.org", "a.org", "", False),
    ],
)  # fmt: skip
def test_the_origin_must_name_the_host(page, host, proto, own):
    headers = {"origin": page, "host": host, "x-forwarded-proto": proto}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert origin.is_own_page(HTTPConnection({"type": "http", "path": "/", "headers": raw})) is own


CALLS = (
    ("GET", "/config"), ("GET", "/gradio_api/info"), ("GET", "/logout"), ("POST", "/login"), ("POST", JOIN),
    ("GET", "/gradio_api/queue/data?session_hash=x"), ("POST", "/gradio_api/run/predict"),
    ("GET", "/gradio_api/file=/etc/passwd"), ("POST", "/live/frame?session=12345678"),
)  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example", "X-Forwarded-Host": "elsewhere.example"},
        {"Origin": "https://other.example.org"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_other_sites_can_neither_read_nor_change_what_an_account_has(closed, cookie, headers):
    headers = {**HTTPS, "Cookie": cookie, **headers}
    for method, path in CALLS:
        answer = httpx.request(method, closed.url + path, headers=headers, content=b"{}")
        assert answer.status_code == 403, path
        assert not [name for name in answer.headers if name.startswith("access-control")]
    for path in ("/live/ws", "/live/video"):
        with pytest.raises(InvalidStatus), websocket(closed, cookie, path, headers):
            pass
    assert httpx.get(f"{closed.url}/config", headers={**HTTPS, "Cookie": cookie}).status_code == 200


def websocket(server, cookie, path="/live/ws", headers=HTTPS):
    headers = {name: value for name, value in headers.items() if name != "Host"}
    return connect(f"ws://{HOST}{path}", sock=tcp(server), additional_headers={**headers, "Cookie": cookie})


def tcp(server):
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 60)


def test_links_from_other_sites_open_the_pages(closed, cookie):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    for destination in ("document", "iframe"):
        for path in ("/", "/?__theme=dark", "/live"):
            headers = {**HTTPS, "Cookie": cookie, **link, "Sec-Fetch-Dest": destination}
            assert httpx.get(closed.url + path, headers=headers).status_code == 200
            assert httpx.post(closed.url + path, headers=headers, content=b"").status_code == 403


def test_the_apps_own_page_may_do_everything(closed, cookie):
    own = {**HTTPS, "Cookie": cookie, "Origin": f"https://{HOST}", "Sec-Fetch-Site": "same-origin"}
    answer = httpx.get(f"{closed.url}/config", headers=own)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert httpx.post(f"{closed.url}/gradio_api/call/v2/styles", headers=own, json={}).status_code == 200
    with websocket(closed, cookie, headers={**HTTPS, "Sec-Fetch-Site": "same-origin"}) as live:
        live.send("{")
        assert "error" in live.recv()


@pytest.mark.parametrize(("page", "status"), [("https://elsewhere.example", 403), (f"https://{HOST}", 405)])
def test_preflight_requests_are_refused(closed, cookie, page, status):
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-forwarded-host"}
    for path in ("/config", JOIN, "/gradio_api/upload", "/live/frame", "/"):
        answer = httpx.options(closed.url + path, headers={**HTTPS, "Cookie": cookie, "Origin": page, **asks})
        assert answer.status_code == status
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_other_sites_cannot_show_the_app_in_a_frame(closed, monkeypatch):
    for path in ("/", "/live", "/config", "/nowhere"):
        headers = httpx.get(closed.url + path).headers
        assert headers["content-security-policy"] == "frame-ancestors 'self'"
        assert headers["x-frame-options"] == "SAMEORIGIN"
    monkeypatch.setenv("SPACE_ID", "ann/studio")
    headers = Ask().get().headers
    assert "frame-ancestors 'self' https://huggingface.co " in headers["content-security-policy"]
    assert "x-frame-options" not in headers


# ── cookies ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_login_cookies_over_https(closed):
    (header,) = log_in(closed, HTTPS, "bob")  # whose logins all end below
    pair, *attributes = header.split("; ")
    assert re.fullmatch(r"__Host-access-token-(?!unsecure)[\w-]+=[\w-]+", pair)
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]

    def status(cookie, headers=HTTPS):
        return httpx.get(f"{closed.url}/config", headers={**headers, "Cookie": cookie}).status_code

    assert status(f"other=1; {pair}") == 200
    planted = pair.removeprefix("__Host-")  # as a sibling domain could set it
    assert status(planted) == 401
    assert status(planted.replace("access-token-", "access-token-unsecure-")) == 401
    assert status(pair, {"Host": HOST}) == 401  # a browser doesn't send it over HTTP
    answer = httpx.get(f"{closed.url}/logout", headers={**HTTPS, "Cookie": pair})
    (header,) = answer.headers.get_list("set-cookie")
    assert header.startswith(pair.partition("=")[0] + '="";')
    assert "Max-Age=0" in header
    assert header.endswith("Path=/; HttpOnly; Secure; SameSite=Lax")
    assert status(pair) == 401


def test_login_cookies_over_http(closed):
    (header,) = log_in(closed, {})
    pair, *attributes = header.split("; ")
    assert pair.startswith("access-token-unsecure-")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax"]
    assert httpx.get(f"{closed.url}/config", headers={"Cookie": pair}).status_code == 200


SECRET = "s" * 32


@pytest.mark.parametrize(
    ("proto", "sent", "accepted"),
    [
        ("http", f"dtn-viewer={SECRET}", True), ("https", f"__Host-dtn-viewer={SECRET}", True),
        ("https", f"a=b;__Host-dtn-viewer={SECRET} ; c=d", True), ("https", f"dtn-viewer={SECRET}", False),
        ("https", f"\xa0dtn-viewer={SECRET}", False), ("https", f"\x85__Host-dtn-viewer={SECRET}", False),
        ("https", f"__host-dtn-viewer={SECRET}", False), ("http", f"__Host-dtn-viewer={SECRET}", False),
        ("https", f"__Host-dtn-viewer-2={SECRET}", False),
    ],
)  # fmt: skip
def test_which_cookie_identifies_a_browser(proto, sent, accepted):
    answer = Ask().get(Cookie=sent.encode("latin-1"), X_Forwarded_Proto=proto)
    assert answer.json()["id"].startswith("session:") is accepted
    assert ("set-cookie" in answer.headers) is not accepted


@pytest.mark.parametrize(
    ("proto", "space", "name", "end"),
    [
        ("http", "", "dtn-viewer", "HttpOnly; SameSite=Lax"),
        ("https", "", "__Host-dtn-viewer", "HttpOnly; Secure; SameSite=Lax"),
        ("https", "ann/studio", "__Host-dtn-viewer", "HttpOnly; Secure; SameSite=None; Partitioned"),
    ],
)
def test_the_cookie_of_a_new_browser(monkeypatch, proto, space, name, end):
    monkeypatch.setenv("SPACE_ID", space)
    header = Ask().get(X_Forwarded_Proto=proto).headers["set-cookie"]
    assert re.fullmatch(rf"{name}=[\w-]{{32}}; Max-Age=31536000; Path=/; {end}", header)


# ── the client's address on a Space ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        (["8.8.4.4"], "8.8.4.4"), (["1.1.1.1, 8.8.4.4"], "8.8.4.4"), (["1.1.1.1", "8.8.4.4"], "8.8.4.4"),
        (["1.1.1.1, 8.8.4.4, 10.0.1.2"], "8.8.4.4"), (["1.1.1.1, 8.8.4.4, nonsense"], "nonsense"),
        (["10.0.1.3, 10.0.1.2"], "10.0.1.2"), ([], "192.0.2.1"),
        (["2a00:1450:4001:81b::200e"], "2a00:1450:4001:81b::/64"),
    ],
)  # fmt: skip
def test_on_a_space_the_address_is_the_one_that_its_proxy_added(monkeypatch, headers, address):
    monkeypatch.setenv("SPACE_ID", "ann/studio")
    raw = [(b"x-forwarded-for", value.encode()) for value in headers]
    connection = HTTPConnection({"type": "http", "client": ("192.0.2.1", 1), "headers": raw})
    assert origin.client_address(connection) == address


# ── bodies and messages ──────────────────────────────────────────────────────────────────────────────────────


def test_websocket_messages_are_not_compressed(closed, cookie):
    with websocket(closed, cookie) as live:
        assert "sec-websocket-extensions" in live.request.headers  # the client offers it
        assert "sec-websocket-extensions" not in live.response.headers


def test_large_websocket_messages_close_the_connection(closed, cookie):
    with websocket(closed, cookie) as live:
        live.send(bytes(4 + protocol.MAX_MESSAGE_BYTES))
        assert "must be a JPEG" in live.recv()
        with contextlib.suppress(ConnectionClosed):  # before all of it is sent
            live.send(bytes(5 << 20))
        with pytest.raises(ConnectionClosed) as closed_by_server:
            live.recv()
        received = closed_by_server.value.rcvd  # None if the connection was reset while the message was being sent
        assert received is None or received.code == 1009
    assert video_socket.BLOCK < application.MAX_MESSAGE


def announce(server, cookie, address, length):
    """Open a request with a body of this length, and send nothing of it; the connection, and the answer's status."""
    connection = tcp(server)
    lines = [f"POST {JOIN} HTTP/1.1", f"Host: {HOST}", "X-Forwarded-Proto: https", f"X-Forwarded-For: {address}"]
    lines += [f"Cookie: {cookie}", f"Content-Length: {length}", "Expect: 100-continue", "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection, int(connection.recv(4096).split()[1])


def test_bodies_in_flight_are_limited(closed, cookie):
    length = 3 * bodies.MAX_IN_FLIGHT_EACH // 4
    first, status = announce(closed, cookie, "198.51.100.2", length)
    with closing(first):
        assert status == 100  # it is being read
        second, status = announce(closed, cookie, "198.51.100.2", length)
        second.close()
        assert status == 429
        other, status = announce(closed, cookie, "198.51.100.3", length)
        other.close()
        assert status == 100
    status = None
    while status != 100:  # until the first request's end is noticed
        again, status = announce(closed, cookie, "198.51.100.2", length)
        again.close()


def test_bodies_of_all_addresses_are_limited():
    in_flight, each = BodiesInFlight(), bodies.MAX_IN_FLIGHT_EACH
    count = bodies.MAX_IN_FLIGHT // each
    held = [in_flight.reserve(str(number), each) for number in range(count)]
    for one in held:
        one.__enter__()
    with pytest.raises(RefusedError, match="busy, try again") as refused, in_flight.reserve("another", 1):
        pass
    assert refused.value.status == 503
    held[0].__exit__(None, None, None)
    with in_flight.reserve("another", each):
        pass


async def stalls():
    """A body of which one byte arrives."""
    if not stalls.sent:
        stalls.sent = True
        return {"type": "http.request", "body": b"{", "more_body": True}
    return await anyio.sleep_forever()


def test_a_body_that_stalls_is_answered_with_408(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.0)
    stalls.sent = False
    assert Ask().post(stalls) == [408]


def test_a_body_that_arrives_at_the_minimum_rate_is_accepted(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.0)
    monkeypatch.setattr(bodies, "BODY_RATE", 1e-3)  # the first byte allows for a thousand seconds
    parts = iter([(b"{", True), (b"}", False)])

    async def arrives():
        body, more = next(parts)
        if not more:
            await anyio.sleep(0)  # where it would be cancelled
        return {"type": "http.request", "body": body, "more_body": more}

    assert Ask().post(arrives) == [200]


def test_a_complete_body_has_no_deadline(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.0)
    messages = iter([{"type": "http.request", "body": b"{}", "more_body": False}, {"type": "http.disconnect"}])

    async def receive():
        message = next(messages)
        if message["type"] == "http.disconnect":
            await anyio.sleep(0)
        return message

    async def streams(request: Request):
        await request.body()
        assert (await request.receive())["type"] == "http.disconnect"
        return JSONResponse({})

    assert Ask(streams).post(receive) == [200]
