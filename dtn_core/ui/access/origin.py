"""Which site a request comes from, which client sent it, and which sites may show the app in a frame."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

PAGES = "/", "/live"
"""Paths that other sites may link to."""

_PORTS = {"http": 80, "https": 443}


def route_path(scope: Scope) -> str:
    """The path of a request within the app, also where a proxy serves the app under a path of its own."""
    return scope["path"].removeprefix(scope.get("root_path", "")) or "/"


def is_https(scope: Scope) -> bool:
    """Whether the browser uses HTTPS, to this server or to a proxy in front of it.

    The proxy's header is believed from every peer: pages of other sites can't set it, and clients that set it
    themselves get stricter rules only.
    """
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "")
    return scope.get("scheme") in ("https", "wss") or forwarded.partition(",")[0].strip() == "https"


def is_own_page(connection: HTTPConnection) -> bool:
    """Whether a request comes from a page of this app or from a program, not from a page of another site.

    The ``Origin`` must name the ``Host``, never an ``X-Forwarded-Host``, which a page may choose. Since browsers send
    no ``Origin`` with some GET requests, ``Sec-Fetch-Site`` must not name another site either; links to the pages of
    the app are the exception.
    """
    origin = connection.headers.get("origin")
    if origin is not None and not _names_host(origin, connection):
        return False
    site = connection.headers.get("sec-fetch-site", "none")
    return site in ("same-origin", "none") or _is_link(connection)


def _names_host(origin: str, connection: HTTPConnection) -> bool:
    scheme = origin.partition("://")[0].lower()
    if scheme not in _PORTS or (scheme == "http" and is_https(connection.scope)):
        return False
    host = connection.headers.get("host", "")
    try:
        return _host_and_port(origin) == _host_and_port(f"{scheme}://{host}")
    except ValueError:
        return False


def _host_and_port(url: str) -> tuple[str | None, int]:
    parts = urlsplit(url)
    return parts.hostname, parts.port or _PORTS[parts.scheme]


def _is_link(connection: HTTPConnection) -> bool:
    """Whether a browser opens a page of the app, in a tab or in a frame."""
    scope = connection.scope
    navigates = connection.headers.get("sec-fetch-mode") == "navigate"
    return navigates and scope.get("method") in ("GET", "HEAD") and route_path(scope) in PAGES


def frame_headers() -> list[tuple[bytes, bytes]]:
    """Headers that forbid other sites to show the app in a frame. On a Space, Hugging Face's own sites may."""
    if os.environ.get("SPACE_ID"):
        hosts = "'self' https://huggingface.co https://*.huggingface.co https://*.hf.space"
        return [(b"content-security-policy", f"frame-ancestors {hosts}".encode())]
    return [(b"content-security-policy", b"frame-ancestors 'self'"), (b"x-frame-options", b"SAMEORIGIN")]


def peer_address(connection: HTTPConnection) -> str:
    """The address that a request comes from; a proxy on this computer is already replaced by its client."""
    return connection.client.host if connection.client else ""


def client_address(connection: HTTPConnection) -> str:
    """The address that rates are counted for; of an IPv6 address its network."""
    peer = peer_address(connection)
    if os.environ.get("SPACE_ID"):
        peer = _forwarded_for(connection.headers.getlist("x-forwarded-for")) or peer
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer[:64]
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else peer


def _forwarded_for(headers: list[str]) -> str:
    """The client that the Space's proxy names. Proxies append: the last public address was written by the outermost
    proxy, those before it by the client itself, and private ones after it by proxies in between."""
    entries = [entry.strip() for entry in ",".join(headers).split(",")]
    for entry in reversed(entries):
        try:
            if not ipaddress.ip_address(entry).is_private:
                return entry
        except ValueError:
            break
    return entries[-1]
