"""The head of the app's page: its description for link previews, and the modules that the browser loads early."""

from __future__ import annotations

import re
from html import escape

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access.origin import route_path
from .components.scripts import MODULES

TITLE = "DTN Studio"
DESCRIPTION = "Turn your face into an emoji: drop a photo, edit, download. Or go live with your webcam."

_PREVIEW_TAG = re.compile(rb'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>')


def head() -> str:
    """Return the tags that replace gradio's own link preview."""
    properties = {"og:title": TITLE, "og:description": DESCRIPTION, "og:type": "website"}
    tags = [f'<meta property="{name}" content="{escape(text)}">' for name, text in properties.items()]
    tags += ['<meta name="twitter:card" content="summary_large_image">']
    tags += [f'<link rel="modulepreload" href="modules/{path.name}">' for path in sorted(MODULES.glob("*.js"))]
    return "\n".join(tags)


class IndexPage:
    """ASGI middleware that replaces the link preview in the page that gradio serves, and preloads our modules.

    Without the preload, a component would ignore clicks until its module has arrived.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._head = head().encode()

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
                content = self._with_head(content)
                headers["content-length"] = str(len(content))
            await send(start)
            await send({"type": "http.response.body", "body": content})

        await self._app(scope, receive, collect)

    def _with_head(self, content: bytes) -> bytes:
        first, tag, rest = content.partition(b"<script")
        return _PREVIEW_TAG.sub(b"", first) + self._head + tag + rest
