"""The guard at the app's door: every request and every WebSocket passes it before anything else sees them. It tells who
calls, and refuses other sites' pages, callers without a password where one is wanted, what the app doesn't serve, and
too much at a time."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import secrets
from collections import Counter
from contextvars import ContextVar
from urllib.parse import urlsplit

import anyio
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from ..gradio_internals import logged_in, request_of_call
from .policy import ANONYMOUS, UNKNOWN, AccessPolicy, Viewer, digest, is_local_request
from .rate_limits import BUSY, RateLimiter

LARGEST_BODY = 128 << 20
"""Bytes of a request at most, uploads aside: a photo as base64, and what was edited on it."""

PATIENCE = 30
"""Seconds that the body of a refused request may take."""

SOCKETS = 8
"""Live sessions and videos of one address at a time, of those who aren't at this computer."""

GUESSES = 10, 60
"""Passwords that an address may try, and in how many seconds as many again."""

TOOLS = "/mcp"
"""Where `mcp_server` serves."""

COOKIE = "dtn-viewer"
"""Whose the runs are that somebody starts without an account; pages can't read it."""

_PUBLIC = r"config/?|login/?|logout|assets/.*|static/.*|svelte/.*|theme\.css|favicon\.ico|robots\.txt|manifest\.json"
_API = r"info/?|openapi\.json|queue/\w+|(?:run|api|call)/.*|cancel|reset/?|upload|upload_progress|component_server/?"
OPEN = re.compile(
    rf"/(?:|{_PUBLIC}|live(?:/.*)?|{TOOLS[1:]}|gradio_api/(?:{_API}|user/?|login_check/?|app_id/?|startup-events|theme\.css"
    r"|heartbeat/.*|stream/.*|file=(?!\w+:).*))"
)
"""What is served at all. gradio has more: pages of its own making that write sessions to the disk, fetch addresses for
the caller, or tell how much the app is used."""

BEFORE_LOGIN = re.compile(rf"/(?:|{_PUBLIC}|gradio_api/(?:user/?|login_check/?|app_id/?|startup-events|theme\.css))")
"""What is served without a password where one is wanted: the page that asks for it."""

MALFORMED = "The request isn't what this address takes. See docs/api.md."

_CALLER: ContextVar[Viewer] = ContextVar("caller", default=ANONYMOUS)


def caller() -> Viewer:
    """Whose call is being answered: in a handler of gradio, a route or a WebSocket. Elsewhere, `ANONYMOUS`."""
    request, session = request_of_call()
    if request is None:
        return _CALLER.get()
    viewer: Viewer = request.scope.get("dtn.viewer", ANONYMOUS)
    if viewer.id == UNKNOWN and session:  # a program without cookies; the name of its session is as good as a secret
        return viewer._replace(id=f"session:{digest(session)}")
    return viewer


def is_own_page(connection: HTTPConnection) -> bool:
    """Whether a request comes from a page of this app, or from a program: other sites' pages may not use it."""
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    hosts = {connection.headers.get(name, "") for name in ("host", "x-forwarded-host")}
    return urlsplit(origin).netloc in hosts - {""}


class RefusedError(Exception):
    """status: of HTTP; the text is for people."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class AccessMiddleware:
    """As ASGI middleware. largest: bytes of an upload of somebody who isn't at this computer, 0 for none."""

    def __init__(self, app: ASGIApp, policy: AccessPolicy, rates: RateLimiter, largest: int = 0) -> None:
        self._app, self._policy, self._rates, self._largest = app, policy, rates, largest
        self._sockets: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        try:
            user = self._user(connection, path)
            viewer, cookie = self._viewer(connection, user)
            scope["dtn.viewer"] = viewer
            _CALLER.set(viewer)
            self._check(connection, path, viewer, user)
        except RefusedError as refused:
            await _refuse(scope, receive, send, refused)
            return
        if scope["type"] == "websocket":
            await self._socket(viewer, scope, receive, send)
        else:
            await self._app(scope, receive, _with_cookie(send, cookie) if cookie and path == "/" else send)

    def _user(self, connection: HTTPConnection, path: str) -> str | None:
        """Whose account calls: by the page's cookie; at `TOOLS` by a password that comes along (HTTP Basic), as agents
        have no page to log in. Raises RefusedError for who guesses."""
        if not self._policy.accounts:
            return None
        if path != TOOLS:
            return logged_in(connection)
        scheme, _, coded = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        address = _address(connection)
        if not self._rates.take("login", address, *GUESSES):
            raise RefusedError(429, BUSY)
        try:
            given = base64.b64decode(coded)
        except ValueError:
            return None
        for user, password in self._policy.accounts:
            if secrets.compare_digest(given, f"{user}:{password}".encode()):
                self._rates.take("login", address, *GUESSES, cost=-1)  # it was no guess
                return user
        return None

    def _viewer(self, connection: HTTPConnection, user: str | None) -> tuple[Viewer, str]:
        """Who calls, and the cookie to give them, or ""."""
        local = is_local_request(_peer(connection), connection.scope.get("http_version", ""), connection.headers)
        who, cookie = UNKNOWN, ""
        known = connection.cookies.get(COOKIE, "")
        if self._policy.accounts:
            who = f"account:{digest(user)}" if user else UNKNOWN
        elif re.fullmatch(r"[\w-]{22,64}", known):
            who = f"session:{digest(known)}"
        else:
            cookie = secrets.token_urlsafe(24)
        viewer = self._policy.viewer(local, who, _address(connection))
        return viewer, "" if viewer.is_local else cookie

    def _check(self, connection: HTTPConnection, path: str, viewer: Viewer, user: str | None) -> None:
        """Raise RefusedError for what may not pass."""
        method = connection.scope.get("method", "GET")
        if not is_own_page(connection):
            raise RefusedError(403, "This comes from a page of another site. A proxy must pass the name on: Host.")
        if not OPEN.fullmatch(path):
            raise RefusedError(404, "Not found")
        if self._policy.accounts and not user and not BEFORE_LOGIN.fullmatch(path):
            raise RefusedError(401, "Not authenticated")
        if method == "POST" and path.startswith("/login") and not self._rates.take("login", viewer.address, *GUESSES):
            raise RefusedError(429, BUSY)
        if method in ("POST", "PUT", "PATCH"):
            self._check_body(connection, path, viewer)
        if not viewer.is_local:
            self._check_rate(path, method, viewer)

    def _check_rate(self, path: str, method: str, viewer: Viewer) -> None:
        """What costs work is counted for each address: the queue and what goes past it, sockets, and all calls."""
        takes = self._rates.take
        work = re.match(r"/(?:gradio_api/(?:queue/join|api|run|call|component_server|upload)|live/|mcp$)", path)
        if not takes("all", viewer.address, 600, 10) or (
            work and method != "GET" and not takes("work", viewer.address, 300, 10)
        ):
            raise RefusedError(429, BUSY)

    def _check_body(self, connection: HTTPConnection, path: str, viewer: Viewer) -> None:
        length = connection.headers.get("content-length", "")
        if "transfer-encoding" in connection.headers or not length.isdecimal():
            raise RefusedError(411, "A request tells its length: Content-Length.")
        if not path.startswith("/gradio_api/upload"):
            if int(length) > LARGEST_BODY:
                raise RefusedError(413, f"A request holds at most {LARGEST_BODY >> 20} MB.")
            return
        if viewer.training != "all":
            raise RefusedError(403, "Uploads are not allowed here.")
        if viewer.is_local:
            return
        if int(length) > self._largest + 65536:  # what is around the file
            raise RefusedError(413, f"An upload holds at most {self._largest >> 20} MB.")
        for who, share in ((viewer.address, 4), ("everybody", 16)):
            if not self._rates.take("bytes", who, share * self._largest, 86400, int(length)):
                raise RefusedError(429, BUSY)

    async def _socket(self, viewer: Viewer, scope: Scope, receive: Receive, send: Send) -> None:
        if not viewer.is_local and self._sockets[viewer.address] >= SOCKETS:
            socket = WebSocket(scope, receive, send)
            await socket.accept()
            await socket.send_json({"error": BUSY.capitalize(), "code": "busy"})
            await socket.close(1013)
            return
        self._sockets[viewer.address] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets[viewer.address] -= 1
            if not self._sockets[viewer.address]:
                del self._sockets[viewer.address]


async def malformed(request: Request, error: Exception) -> Response:
    """What gradio's routes can't take, or what didn't arrive whole. FastAPI's own answer repeats the body, and fails
    where that isn't text."""
    return JSONResponse({"detail": MALFORMED, "error": MALFORMED}, 422)


def _peer(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def _address(connection: HTTPConnection) -> str:
    """Where a call comes from, of IPv6 the network. A proxy on this computer is looked through by the server (uvicorn);
    on a Space all calls come by its proxy, which names the caller."""
    peer = _peer(connection)
    if os.environ.get("SPACE_ID"):
        peer = connection.headers.get("x-forwarded-for", peer).split(",")[0].strip()
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer[:64]
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else peer


def _with_cookie(send: Send, value: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            cookie = f"{COOKIE}={value}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
            message["headers"] = [*message.get("headers", []), (b"set-cookie", cookie.encode())]
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: RefusedError) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).close(1008)
        return
    if refused.status not in (411, 413):  # whose bodies are not to be waited for
        await _read_out(receive)
    # gradio's page reads "detail" or "error", programs either
    answer = JSONResponse({"detail": str(refused), "error": str(refused)}, refused.status)
    await answer(scope, receive, send)


async def _read_out(receive: Receive) -> None:
    """Let a body arrive, up to what is allowed: a proxy that is still sending one takes an answer for a broken
    connection, and tells its caller 502."""
    left, more = LARGEST_BODY, True
    with anyio.move_on_after(PATIENCE):
        while more and left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            more = message.get("more_body", False)
