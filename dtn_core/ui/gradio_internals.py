"""What the app uses of gradio beyond its documented interface, each with its reason: look here when gradio is updated.
The CSS in assets/ names gradio's own classes too."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import gradio as gr
from gradio import http_server
from gradio.components.image import ImageData
from gradio.context import LocalContext
from gradio.route_utils import CustomCORSMiddleware
from gradio.state_holder import SessionState
from starlette.requests import HTTPConnection
from uvicorn import Config

from ..errors import UserError
from ..types import Image
from .access.rate_limits import BUSY
from .pictures import decode, encode

ALONGSIDE: dict[str, Any] = {"trigger_mode": "multiple", "api_visibility": "private", "show_progress": "hidden"}
"""Options of a handler beside another of the same event. Of "always_last", the mode of "change" unless told otherwise,
an event may have one only: to run one such handler once more, gradio's page raises the whole event again, and two of
them call each other for ever."""


def image(**options: Any) -> gr.Image:
    """A gr.Image that takes and gives data URLs only: gradio's own writes every picture into a folder on the disk.

    Its methods are replaced on the instance, since gradio writes a .pyi file beside every subclass. Never answer with a
    gr.update for it: gradio would build it anew, with its own methods.
    """
    component = gr.Image(**options)
    component.preprocess = _from_payload
    component.postprocess = _to_payload
    return component


def _from_payload(payload: ImageData | None) -> Image | None:
    if payload is None:
        return None
    try:
        return decode(payload.url or "")
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _to_payload(picture: Image | None) -> ImageData | None:
    if picture is None:
        return None
    return ImageData(url=encode(picture), orig_name="emoji.png" if picture.shape[2] == 4 else "emoji.jpg")


def radio(values: Sequence[str], **options: Any) -> gr.Radio:
    """A gr.Radio that takes these values, whichever of them the page offers now; the page's choices change by `js`
    alone. gradio's own refuses what isn't among the choices it sent last, even if it came on its way before them."""
    component = gr.Radio(**options)
    component.preprocess = lambda payload: payload if payload in values else values[0]
    return component


def show_when_opened(tab: gr.Tab, component: gr.components.Component, visible: bool = True) -> None:
    """Show a component when a tab is opened, or take it out of the page. The browser does it alone, by the message that
    gr.update would send, so that this works with `image` too. A webcam that leaves the page stops sending, and the
    browser releases the camera."""
    script = f"() => ({{__type__: 'update', visible: {str(visible).lower()}}})"
    tab.select(None, None, component, js=script, api_visibility="private", show_progress="hidden")


def sleep_when_free(demo: gr.Blocks, seconds: float = 0.01) -> None:
    """How long gradio's queue sleeps while nothing is asked; its own millisecond takes a tenth of a core from those who
    train."""
    demo._queue.sleep_when_free = seconds


def keep_no_pages() -> None:
    """gradio keeps of every caller, ten thousand of them, a copy of the whole page with what it holds, photos too, for
    links into pages that this app doesn't offer: half a megabyte and a tenth of a second each, never given back."""

    def begin(state: SessionState, blocks: gr.Blocks) -> None:
        state.blocks_config = copy(blocks.default_config)
        state.config_values, state.state_data, state._state_ttl = {}, {}, {}
        state.is_closed, state.STATE_TTL_WHEN_CLOSED = False, 3600

    def put(state: SessionState, key: int, value: Any) -> None:
        put_and_copy(state, key, value)
        state.config_values.clear()

    if SessionState.__init__.__module__ != __name__:
        put_and_copy = SessionState.__setitem__
        SessionState.__init__, SessionState.__setitem__ = begin, put
        SessionState._update_config = SessionState._update_value_in_config = lambda *_: None


def say_busy(demo: gr.Blocks) -> None:
    """What a caller is told where the queue is full; gradio's own words are for whoever runs it."""
    push = demo._queue.push

    async def pushing(*arguments: Any, **named: Any) -> tuple[bool, Any, str]:
        done, said, how = await push(*arguments, **named)
        return done, BUSY if how == "queue_full" else said, how

    demo._queue.push = pushing


class _Server(http_server.Server):
    """gradio's server without its CORS layer and with our settings of uvicorn."""

    options: dict[str, Any] = {}

    def __init__(self, config: Config, *arguments: Any, **named: Any) -> None:
        app = config.app
        app.user_middleware = [layer for layer in app.user_middleware if layer.cls is not CustomCORSMiddleware]
        for name, value in self.options.items():
            getattr(config, name)  # raises AttributeError for a setting that uvicorn doesn't have
            setattr(config, name, value)
        super().__init__(config, *arguments, **named)


def configure_server(**options: Any) -> None:
    """Set options of uvicorn, which `launch` doesn't pass on, and remove gradio's CORS layer.

    The layer runs before any middleware of the app's own. It lets every site call an app that isn't on localhost, with
    the cookies of the site's visitors.
    """
    _Server.options = options
    http_server.Server = _Server


def request_of_call() -> tuple[HTTPConnection | None, str]:
    """The request that the running handler answers, and the name of its session; None outside of handlers. gradio hands
    it to handlers that ask for it in their signature; here it is wanted below them, by whoever decides what the caller
    may do, so that no handler can forget it."""
    request = LocalContext.request.get(None)
    if request is None:
        return None, ""
    session = getattr(request, "session_hash", None) if isinstance(request, gr.Request) else None
    return getattr(request, "request", request), session or ""


def logged_in(connection: HTTPConnection) -> str | None:
    """Who has logged in, by gradio's cookie; None for nobody. gradio asks this itself of its own routes alone, not of
    those beside it."""
    app = connection.scope["app"]
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    token = next((connection.cookies[name] for name in names if name in connection.cookies), None)
    return app.tokens.get(token)
