"""The middleware that every request and every WebSocket passes first.

It identifies the caller, and refuses pages of other sites, callers without a password where one is required, paths that
the app doesn't serve, and too many requests.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections import Counter
from contextvars import ContextVar

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from ..gradio_internals import current_request, logged_in_user
from .bodies import BodiesInFlight, TimedBody
from .cookies import VIEWER_COOKIE as COOKIE
from .cookies import protect_login, read_cookies, viewer_cookie
from .origin import client_address, frame_headers, is_https, is_own_page, peer_address, route_path
from .policy import ANONYMOUS, UNKNOWN, AccessPolicy, Viewer, digest, is_local_request
from .rate_limits import BUSY, RateLimiter
from .refusals import LARGEST_BODY, RefusedError, refuse

SOCKETS = 8
"""Live sessions and videos of one address at a time, of those who aren't at this computer."""

GUESSES = 10, 60
"""Passwords that an address may try, and in how many seconds as many again."""

TOOLS = "/mcp"
"""Where `mcp_server` serves."""

UPLOADS = "/gradio_api/upload"
"""Where gradio takes files, which it writes to the disk as they arrive."""

_PUBLIC = (
    r"config/?|login/?|logout|assets/.*|modules/[\w-]+\.js|static/.*|svelte/.*|theme\.css|favicon\.ico|robots\.txt"
    r"|manifest\.json"
)
_API = r"info/?|openapi\.json|queue/\w+|(?:run|api|call)/.*|cancel|reset/?|upload|upload_progress|component_server/?"
OPEN = re.compile(
    rf"/(?:|{_PUBLIC}|live(?:/.*)?|{TOOLS[1:]}|gradio_api/(?:{_API}|user/?|login_check/?|app_id/?|startup-events|theme\.css"
    r"|heartbeat/.*|stream/.*|file=(?!\w+:).*))"
)
"""The paths that are served. gradio has more: pages that write sessions to the disk, fetch addresses for the caller, or
report how the app is used."""

BEFORE_LOGIN = re.compile(rf"/(?:|{_PUBLIC}|gradio_api/(?:user/?|login_check/?|app_id/?|startup-events|theme\.css))")
"""The paths that are served without a required password: the login page."""

BODY_METHODS = "POST", "PUT", "PATCH"

MALFORMED = "The request isn't what this address takes. See docs/api.md."

_CALLER: ContextVar[Viewer] = ContextVar("caller", default=ANONYMOUS)


def caller() -> Viewer:
    """Return the viewer of the current gradio handler, route or WebSocket; elsewhere `ANONYMOUS`."""
    request, session = current_request()
    if request is None:
        return _CALLER.get()
    viewer: Viewer = request.scope.get("dtn.viewer", ANONYMOUS)
    if viewer.id == UNKNOWN and session:  # a program without cookies; the name of its session is as good as a secret
        return viewer._replace(id=f"session:{digest(session)}")
    return viewer


class AccessMiddleware:
    """ASGI middleware that lets only permitted requests through.

    Args:
        app: The app behind it.
        policy: Who may do what.
        rates: Counts the requests of each address.
        max_upload_bytes: Bytes of an upload of a remote user, 0 for none.
    """

    def __init__(self, app: ASGIApp, policy: AccessPolicy, rates: RateLimiter, max_upload_bytes: int = 0) -> None:
        self._app, self._policy, self._rates, self._max_upload_bytes = app, policy, rates, max_upload_bytes
        self._sockets: Counter[str] = Counter()
        self._bodies = BodiesInFlight()
        self._frame_headers = frame_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        https = is_https(scope)
        if https:
            scope["headers"] = read_cookies(scope["headers"])
        connection = HTTPConnection(scope)
        path = route_path(scope)
        added = [*self._frame_headers]
        send = _with_headers(send, added, https)
        try:
            user = self._user(connection, path)
            viewer, new = self._viewer(connection, user)
            scope["dtn.viewer"] = viewer
            _CALLER.set(viewer)
            self._check(connection, path, viewer, user)
            if new and path == "/":
                added.append(viewer_cookie(new, https))
            if scope["type"] == "websocket":
                await self._socket(viewer, scope, receive, send)
            else:
                await self._request(connection, path, viewer, receive, send)
        except RefusedError as refused:
            await refuse(scope, receive, send, refused)

    def _user(self, connection: HTTPConnection, path: str) -> str | None:
        """Return the account of the caller, or None.

        The page sends a cookie. At `TOOLS` the password comes with the request (HTTP Basic), since agents have no page
        to log in. Raises RefusedError after too many wrong passwords.
        """
        if not self._policy.accounts:
            return None
        if path != TOOLS:
            return logged_in_user(connection)
        scheme, _, coded = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        address = client_address(connection)
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
        """Return the caller, and the value of the cookie to set, or ""."""
        local = is_local_request(peer_address(connection), connection.scope.get("http_version", ""), connection.headers)
        who, cookie = UNKNOWN, ""
        known = connection.cookies.get(COOKIE, "")
        if self._policy.accounts:
            who = f"account:{digest(user)}" if user else UNKNOWN
        elif re.fullmatch(r"[\w-]{22,64}", known):
            who = f"session:{digest(known)}"
        else:
            cookie = secrets.token_urlsafe(24)
        viewer = self._policy.viewer(local, who, client_address(connection))
        return viewer, "" if viewer.is_local else cookie

    def _check(self, connection: HTTPConnection, path: str, viewer: Viewer, user: str | None) -> None:
        """Raise RefusedError for what may not pass."""
        method = connection.scope.get("method", "GET")
        if not is_own_page(connection):
            raise RefusedError(403, "This request comes from a page of another site. A proxy must pass on Host.")
        if method == "OPTIONS":  # browsers send it for requests of other sites' pages only
            raise RefusedError(405, "Method not allowed")
        if not OPEN.fullmatch(path):
            raise RefusedError(404, "Not found")
        if self._policy.accounts and not user and not BEFORE_LOGIN.fullmatch(path):
            raise RefusedError(401, "Not authenticated")
        if method == "POST" and path.startswith("/login") and not self._rates.take("login", viewer.address, *GUESSES):
            raise RefusedError(429, BUSY)
        if method in BODY_METHODS:
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
        if not path.startswith(UPLOADS):
            if int(length) > LARGEST_BODY:
                raise RefusedError(413, f"A request holds at most {LARGEST_BODY >> 20} MB.")
            return
        if viewer.training != "all":
            raise RefusedError(403, "Uploads are not allowed here.")
        if viewer.is_local:
            return
        if int(length) > self._max_upload_bytes + 65536:  # what is around the file
            raise RefusedError(413, f"An upload holds at most {self._max_upload_bytes >> 20} MB.")
        for who, share in ((viewer.address, 4), ("everybody", 16)):
            if not self._rates.take("bytes", who, share * self._max_upload_bytes, 86400, int(length)):
                raise RefusedError(429, BUSY)

    async def _request(
        self, connection: HTTPConnection, path: str, viewer: Viewer, receive: Receive, send: Send
    ) -> None:
        scope = connection.scope
        if scope["method"] not in BODY_METHODS:
            await self._app(scope, receive, send)
            return
        in_memory = not viewer.is_local and not path.startswith(UPLOADS)
        length = int(connection.headers["content-length"]) if in_memory else 0
        with self._bodies.reserve(viewer.address, length):
            body = TimedBody(scope, receive, send)
            await self._app(scope, body.receive, body.send)

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


def _with_headers(send: Send, added: list[tuple[bytes, bytes]], https: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*protect_login(list(message.get("headers", [])), https), *added]
        await send(message)

    return sending
