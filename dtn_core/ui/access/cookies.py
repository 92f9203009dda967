"""The app's cookies: one that recognizes a browser without an account, and gradio's login cookies.

Over HTTPS their names begin with ``__Host-``. A browser accepts such a cookie only from this host itself, for all its
paths and over HTTPS, so that a sibling domain can't plant one. Inside the app they have their plain names.
"""

from __future__ import annotations

import os

VIEWER_COOKIE = "dtn-viewer"
"""Identifies a browser without an account, which owns the runs it starts; scripts can't read it."""

YEAR = 365 * 24 * 3600

_PREFIX = b"__Host-"
_LOGIN = b"access-token-"
_LOGIN_OVER_HTTP = b"access-token-unsecure-"

Headers = list[tuple[bytes, bytes]]


def read_cookies(headers: Headers) -> Headers:
    """The headers of a request over HTTPS with the app's prefixed cookies renamed and all other cookies removed."""
    return [(name, _own_cookies(value) if name == b"cookie" else value) for name, value in headers]


def _own_cookies(value: bytes) -> bytes:
    names = _PREFIX + VIEWER_COOKIE.encode() + b"=", _PREFIX + _LOGIN
    pairs = (pair.strip(b" \t") for pair in value.split(b";"))
    return b"; ".join(pair.removeprefix(_PREFIX) for pair in pairs if pair.startswith(names))


def viewer_cookie(value: str, https: bool) -> tuple[bytes, bytes]:
    """The header that gives a browser its `VIEWER_COOKIE`."""
    pair = f"{VIEWER_COOKIE}={value}".encode()
    return b"set-cookie", _set_cookie(pair, [b"Max-Age=%d" % YEAR], https)


def protect_login(headers: Headers, https: bool) -> Headers:
    """The headers of a response with gradio's login cookies made to be sent to this site alone.

    gradio sets each twice, for HTTPS and for HTTP: the one that doesn't fit is left out.
    """
    return [header for header in (_protect(name, value, https) for name, value in headers) if header]


def _protect(name: bytes, value: bytes, https: bool) -> tuple[bytes, bytes] | None:
    if name != b"set-cookie" or not value.startswith(_LOGIN):
        return name, value
    if value.startswith(_LOGIN_OVER_HTTP) == https:
        return None
    pair, *attributes = value.split(b"; ")
    lifetime = [attribute for attribute in attributes if attribute.lower().startswith((b"max-age=", b"expires="))]
    return name, _set_cookie(pair, lifetime, https)


def _set_cookie(pair: bytes, lifetime: list[bytes], https: bool) -> bytes:
    attributes = [*lifetime, b"Path=/", b"HttpOnly"]
    if not https:
        return b"; ".join([pair, *attributes, b"SameSite=Lax"])
    if os.environ.get("SPACE_ID"):
        # huggingface.co shows a Space in a frame, where browsers neither store nor send SameSite=Lax cookies
        return b"; ".join([_PREFIX + pair, *attributes, b"Secure", b"SameSite=None", b"Partitioned"])
    return b"; ".join([_PREFIX + pair, *attributes, b"Secure", b"SameSite=Lax"])
