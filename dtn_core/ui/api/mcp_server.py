"""The app's tools for programs that speak the Model Context Protocol, at ``/mcp``: what `endpoints` offers, with
pictures as pictures. They look and draw; none of them trains, writes a file or changes anything. mcp describes them by
their type hints, so no ``from __future__ import annotations`` here."""

import logging
from collections.abc import Callable
from typing import Any, Literal

from starlette.routing import BaseRoute

from ... import __version__
from ...avatars.export import MIME, export
from ...avatars.parameters import SPECS, Parameters
from ...core.errors import UserError
from ...core.images import LoadedPicture, load_picture
from ...faces.photos import load_photo
from ...pipeline.digits import DigitTransferrer
from ...pipeline.photo import Transferrer
from ..access.admission import WorkQueue
from ..access.middleware import LARGEST_BODY, TOOLS, caller
from ..components import pictures
from ..components.catalogue import style_info
from ..translations import Translations
from . import endpoints

MISSING = "--mcp needs another package: pip install 'mcp>=2.3,<3'. Or start without it."

_ABOUT = (
    "Turns faces in photos into emoji, draws avatars from their parameters, and writes the digits of house numbers by "
    "hand. Nothing that is sent is stored."
)

_PHOTO = "a picture as a data URL or base64; from the computer that the app runs on, also the path of its file."


def build(
    people: Translations[Transferrer], street: Translations[DigitTransferrer] | None
) -> tuple[list[BaseRoute], Callable[..., Any]]:
    """The routes that serve the tools, and the lifespan that they need. Raises UserError if mcp isn't installed."""
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.server.transport_security import TransportSecuritySettings
        from mcp_types import ImageContent, ToolAnnotations
    except ImportError:
        raise UserError(MISSING) from None

    logging.basicConfig(level=logging.WARNING)  # else mcp has every request logged, and of an error what was sent
    server = MCPServer("dtn-studio", title="DTN Studio", description=_ABOUT, version=__version__)
    harmless = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    queue = WorkQueue(running=2, waiting=14, each=4)  # as many calls run at once as the endpoints answer

    def tool(**about: Any) -> Callable[..., Any]:
        return server.tool(annotations=harmless, structured_output=False, **about)

    async def answer(work: Callable[..., Any], *args: Any) -> Any:
        try:
            return await queue.run(caller(), work, *args)
        except UserError as error:
            raise ToolError(str(error)) from None

    def shown(url: str) -> ImageContent:
        about, _, content = url.partition(";base64,")
        return ImageContent(type="image", data=content, mime_type=about.removeprefix("data:"))

    def redraw(photo: str, style: str, kind: str, size: int) -> list[Any]:
        result, _ = endpoints.redraw(people, _read(photo, load_photo).picture, style, kind, size)
        parts: list[Any] = [f"{len(result.faces)} faces, from left to right."]
        for face in result.faces:
            about = {**endpoints.seen(face), **face.describe()}
            parts += [about, shown(pictures.encode(face.picture(size), None))]
        return parts + [{"refused": endpoints.seen(face)} for face in result.refused]

    @tool(description=f"Redraw every face of a photo as an emoji. photo: {_PHOTO} style: as `styles` names them, or ''")
    async def emojify(
        photo: str, style: str = "", kind: Literal["drawn", "painted"] = "drawn", size: int = 512
    ) -> list[Any]:
        return await answer(redraw, photo, style, kind, size)

    def render(parameters: dict[str, Any], format: str, size: int, background: str) -> list[Any]:
        one = Parameters.from_dict(parameters)
        content = export(one, format, size, background or None)
        text = content.decode() if format == "svg" else shown(pictures.data_url(content, MIME[format]))
        return [one.to_dict(), text]

    @tool(
        description="Draw an avatar from its parameters: style, and of its slots (variants), palettes (colours) and "
        'shapes (shape), see `styles`, what isn\'t to be the first. background: such as "#ffc83d", or transparent.'
    )
    async def draw(
        parameters: dict[str, Any],
        format: Literal["png", "svg", "webp"] = "png",
        size: int = 512,
        background: str = "",
    ) -> list[Any]:
        return await answer(render, parameters, format, size, background)

    @tool(description="What `draw` can draw: styles, their artists and terms, slots, palettes and shapes.")
    async def styles() -> list[Any]:
        return [style_info(style) for style in SPECS]

    def write(picture: str) -> list[Any]:
        result = endpoints.written(street.first(_read(picture, load_picture).picture), street.first)
        return [{name: result[name] for name in ("read", "judged")}, shown(result["made"])]

    if street is not None:

        @tool(description=f"Write the digit of a house number by hand. picture: one digit in its middle; {_PHOTO}")
        async def digits(picture: str) -> list[Any]:
            return await answer(write, picture)

    # who may come in is for `guard` to say
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    served = server.streamable_http_app(
        streamable_http_path=TOOLS, json_response=True, stateless_http=True, max_request_body_size=LARGEST_BODY,
        transport_security=security,
    )  # fmt: skip
    return list(served.routes), lambda app: server.session_manager.run()


def _read(text: str, load: Callable[..., LoadedPicture]) -> LoadedPicture:
    """Read a picture that is given as base64, as a data URL, or, by local programs, as a path. Raises UserError."""
    if "." not in text[:4096] or text.startswith("data:"):  # base64 has no full stop, a file's name has
        return load(pictures.content_of(text))
    if not caller().paths:
        raise UserError("only programs on the app's own computer may name files. Give the picture as base64.")
    return load(text)
