"""The head of the app's page: its description for link previews, and the modules that the browser loads early."""

from __future__ import annotations

import re
from html import escape

from starlette.datastructures import URL, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.files import distribution_folder
from .access.origin import is_https, route_path
from .components.scripts import MODULES

TITLE = "DTN Studio"
HEADLINE = "Turn your face into an emoji"
DESCRIPTION = "Drop a photo, edit, download. Or go live with your webcam."
PICTURE = distribution_folder("assets") / "preview.png"

_PREVIEW_TAG = re.compile(rb'\s*<meta\s+(?:property="og:|name="(?:twitter:|description"))[^>]*>')


def head(address: str) -> str:
    """Return the tags that replace gradio's own link preview. address: of the page, with a slash at its end."""
    picture = f"{address}{PICTURE.name}"
    properties = {
        "og:type": "website", "og:site_name": TITLE, "og:title": HEADLINE, "og:description": DESCRIPTION,
        "og:image": picture, "og:image:width": "1200", "og:image:height": "630",
    }  # fmt: skip
    names = {
        "description": DESCRIPTION, "twitter:card": "summary_large_image", "twitter:title": HEADLINE,
        "twitter:description": DESCRIPTION, "twitter:image": picture,
    }  # fmt: skip
    tags = [f'<meta property="{name}" content="{escape(text)}">' for name, text in properties.items()]
    tags += [f'<meta name="{name}" content="{escape(text)}">' for name, text in names.items()]
    tags += [f'<link rel="modulepreload" href="modules/{path.name}">' for path in sorted(MODULES.glob("*.js"))]
    return "\n".join(tags)


class IndexPage:
    """ASGI middleware that replaces the link preview in the page that gradio serves, and preloads our modules.

    Without the preload, a component would ignore clicks until its module has arrived.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or route_path(scope) != "/":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            headers = MutableHeaders(raw=start["headers"])
            content = bytes(body)
            if headers.get("content-type", "").startswith("text/html"):
                content = _with_head(content, head(_address(scope)))
                headers["content-length"] = str(len(content))
            await send(start)
            await send({"type": "http.response.body", "body": content})

        await self._app(scope, receive, collect)


def _address(scope: Scope) -> str:
    """Return the address of the app as the browser knows it, with a slash at its end."""
    path = scope.get("root_path", "").rstrip("/") + "/"
    return str(URL(scope=scope).replace(scheme="https" if is_https(scope) else "http", path=path, query=""))


def _with_head(content: bytes, tags: str) -> bytes:
    first, tag, rest = content.partition(b"<script")
    return _PREVIEW_TAG.sub(b"", first) + tags.encode() + tag + rest


async def _serve_picture(_: Request) -> FileResponse:
    return FileResponse(PICTURE, media_type="image/png", headers={"Cache-Control": "max-age=86400"})


ROUTES = [Route(f"/{PICTURE.name}", _serve_picture)]
"""The route of the link preview's picture."""
