"""Workarounds that depend on gradio's private API, each with its reason. Review this module when gradio is upgraded.

No other module touches gradio's private API. The CSS in assets/ depends on gradio's class names as well.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
import weakref
from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple
from urllib.parse import unquote

import gradio as gr
from gradio import http_server, processing_utils
from gradio.components.image import ImageData
from gradio.context import LocalContext
from gradio.queueing import Event, Queue
from gradio.route_utils import CustomCORSMiddleware
from gradio.server_messages import EventMessage, ProcessCompletedMessage, ProcessGeneratingMessage
from gradio.state_holder import SessionState
from gradio.utils import LRUCache, error_payload
from starlette.requests import HTTPConnection
from uvicorn import Config

from ..core.errors import UserError
from ..core.types import Image
from .access.rate_limits import BUSY
from .components.pictures import decode, encode

SECONDARY_LISTENER: dict[str, Any] = {
    "trigger_mode": "multiple",
    "api_visibility": "private",
    "show_progress": "hidden",
}
"""Options of an additional listener on an event that already has one. Only one listener of an event may use the trigger
mode "always_last", which is the default of "change": to run such a listener again, gradio's page dispatches the whole
event again, so two of them trigger each other forever."""

MAX_FRAME = 9_000_000
"""Maximum number of pixels of a webcam frame: 4K."""

MAX_QUEUED_BYTES = 1 << 30
"""Maximum size of the bodies of all calls that wait or run. gradio limits their number only."""

UNREAD_SECONDS = 60
"""How long an answer waits for its client."""

UNREAD_BYTES = 256 << 20
"""Maximum size of all answers that wait for their clients."""

UNREAD_MESSAGES = 500
"""Maximum number of messages that wait for one session. A client that reads its stream never has more than a few."""

UNREAD_SESSIONS = 10_000
"""Number of sessions for which gradio remembers the ids of unread answers."""

UNREAD_DROPPED = "The answer was dropped because it was not fetched in time. Send the request again."

UNREAD_FULL = "Too many messages are waiting for this session. Fetch them first: GET /gradio_api/queue/data."

REMOTE_FILE = "Addresses of files are not fetched. Upload the file instead."

NOT_UPLOADED = "This file was not uploaded to this app. Upload it first."

_ADDRESS = re.compile(r"[\s\x00-\x20]*(?:[a-z][a-z0-9+.-]+:|[/\\]{2})", re.IGNORECASE)
"""A scheme of two letters or more (one letter is a drive on Windows), or two slashes: a host without a scheme."""


def image(**options: Any) -> gr.Image:
    """Create a gr.Image whose values are data URLs. The original writes every picture to a folder on the disk.

    The methods are replaced on the instance because gradio writes a .pyi file beside every subclass. Handlers must not
    return a gr.update for the component: gradio would then create it again with the original methods.
    """
    component = gr.Image(**options)
    component.preprocess = _from_payload
    component.postprocess = _to_payload
    return component


def _from_payload(payload: ImageData | None) -> Image | None:
    if payload is None:
        return None
    try:
        return decode(payload.url or "", max_pixels=MAX_FRAME)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _to_payload(picture: Image | None) -> ImageData | None:
    if picture is None:
        return None
    return ImageData(url=encode(picture), orig_name="emoji.png" if picture.shape[2] == 4 else "emoji.jpg")


def radio(values: Sequence[str], **options: Any) -> gr.Radio:
    """Create a gr.Radio that accepts any of `values`, whichever of them the page offers at the moment.

    The page changes the choices with `js` alone. The original refuses values that are not among the choices that the
    server sent last, even if the value was sent before these choices arrived. Unknown values become `values[0]`.
    """
    component = gr.Radio(**options)
    component.preprocess = lambda payload: payload if payload in values else values[0]
    return component


def set_visibility_on_select(tab: gr.Tab, component: gr.components.Component, visible: bool = True) -> None:
    """Show or hide a component when a tab is selected.

    The browser does it alone, with the message that gr.update would send, so that this works with `image` too. A hidden
    webcam leaves the page: it stops sending, and the browser releases the camera.
    """
    script = f"() => ({{__type__: 'update', visible: {str(visible).lower()}}})"
    tab.select(None, None, component, js=script, api_visibility="private", show_progress="hidden")


def set_queue_poll_interval(demo: gr.Blocks, seconds: float = 0.01) -> None:
    """Set how often the idle queue looks for new events. The default of one millisecond uses a tenth of a CPU core."""
    demo._queue.sleep_when_free = seconds


def disable_page_snapshots() -> None:
    """Keep no copy of the page for each session.

    gradio keeps one with all values, including photos, for deep links, which this app does not serve. A copy takes half
    a megabyte and a tenth of a second, and up to ten thousand of them are never freed.
    """

    def init(state: SessionState, blocks: gr.Blocks) -> None:
        state.blocks_config = copy(blocks.default_config)
        state.config_values = {}
        state.state_data = {}
        state._state_ttl = {}
        state.is_closed = False
        state.STATE_TTL_WHEN_CLOSED = 3600

    def set_item(state: SessionState, key: int, value: Any) -> None:
        original(state, key, value)
        state.config_values.clear()

    if SessionState.__init__.__module__ != __name__:
        original = SessionState.__setitem__
        SessionState.__init__ = init
        SessionState.__setitem__ = set_item
        SessionState._update_config = SessionState._update_value_in_config = lambda *_: None


def refuse_remote_files() -> None:
    """Refuse files that a caller names by address. gradio downloads them, whatever their size, and stores them.

    The values of every handler pass `async_move_files_to_cache`, which is where addresses are refused. Replacing the
    download functions too covers addresses that get into an answer in another way.
    """
    original = processing_utils.async_move_files_to_cache
    if original.__module__ == __name__:
        return

    async def move_files(data: Any, block: Any, postprocess: bool = False, **options: Any) -> Any:
        if postprocess:
            return await original(data, block, postprocess=True, **options)
        try:
            _check_files(data)
            return await original(data, block, **options)
        except gr.Error:
            raise
        except Exception:  # a path outside the upload folder, or a malformed file: gradio would print a traceback
            raise gr.Error(NOT_UPLOADED, print_exception=False) from None

    processing_utils.async_move_files_to_cache = move_files
    processing_utils.async_ssrf_protected_download = _refuse_download
    processing_utils.async_ssrf_protected_get = _refuse_download


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


def _check_files(value: Any) -> None:
    """Raise gr.Error if a file anywhere in the value has an address instead of a path."""
    if isinstance(value, list | tuple):
        for item in value:
            _check_files(item)
    if not isinstance(value, dict):
        return
    if "meta" in value:
        path = value.get("path")
        url = value.get("url")
        if _is_address(path) or (_is_address(url) and not _is_data_url(url) and not _is_upload_url(url, path)):
            _refuse_download()
    for item in value.values():
        _check_files(item)


def _is_address(text: Any) -> bool:
    return isinstance(text, str) and _ADDRESS.match(text) is not None


def _is_data_url(url: str) -> bool:
    return url.startswith("data:")


def _is_upload_url(url: str, path: Any) -> bool:
    """Whether this is the address that gradio's page adds to the path of an upload. gradio replaces it by its own."""
    return isinstance(path, str) and unquote(url).endswith(f"/gradio_api/file={path}")


def _refuse_download(*_: Any, **__: Any) -> Any:
    raise gr.Error(REMOTE_FILE, print_exception=False)


def limit_queue(demo: gr.Blocks) -> None:
    """Refuse events of sessions that do not read their messages, and events that make the queue too large in bytes.

    Callers get a plain message that the queue is full; gradio's own message addresses the developer.
    """
    queue = demo._queue
    push = queue.push

    async def limited_push(body: Any, request: HTTPConnection, username: str | None) -> tuple[bool, Any, str]:
        messages = queue.pending_messages_per_session.get(body.session_hash)
        if messages is not None and messages.qsize() >= UNREAD_MESSAGES:
            return False, UNREAD_FULL, "error"
        queued = sum(_body_length(event.request) for event in queue.event_ids_to_events.values())
        if queued + _body_length(request) > MAX_QUEUED_BYTES:
            return False, BUSY, "queue_full"
        success, answer, state = await push(body, request, username)
        if state == "queue_full":
            answer = BUSY
        return success, answer, state

    queue.push = limited_push


def _body_length(request: HTTPConnection) -> int:
    return int(request.headers.get("content-length", 0))


def limit_unread_answers(demo: gr.Blocks) -> None:
    """Drop answers that their clients do not fetch. gradio keeps them until 2000 newer sessions have come.

    An answer is replaced by an error message after `UNREAD_SECONDS`, or when it is the oldest and all of them hold more
    than `UNREAD_BYTES`.
    """
    queue = demo._queue
    queue.send_message = _UnreadAnswers(queue).send
    queue.pending_event_ids_session = LRUCache(UNREAD_SESSIONS)


class _Unread(NamedTuple):
    """An answer in the queue. Weak, so that it is freed as soon as it is sent.

    Attributes:
        answer: the message.
        session: the session it waits for.
        size: bytes in memory.
    """

    answer: weakref.ref[EventMessage]
    session: str
    size: int


class _UnreadAnswers:
    """The answers that wait in a queue, over all sessions."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._send = queue.send_message
        self._keys = itertools.count()
        self._unread: dict[int, _Unread] = {}  # the oldest first

    def send(self, event: Event, message: EventMessage) -> None:
        """Put a message into the queue of an event's session, in place of `Queue.send_message`."""
        if event.session_hash not in self._queue.pending_messages_per_session:  # forgotten for newer sessions
            return
        self._send(event, message)
        if not event.alive or not isinstance(message, ProcessCompletedMessage | ProcessGeneratingMessage):
            return
        key = next(self._keys)
        answer = weakref.ref(message, lambda _: self._unread.pop(key, None))
        self._unread[key] = _Unread(answer, event.session_hash, _size(message.output))
        asyncio.get_running_loop().call_later(UNREAD_SECONDS, self._drop, key)
        while sum(unread.size for unread in list(self._unread.values())) > UNREAD_BYTES:
            self._drop(next(iter(self._unread)))

    def _drop(self, key: int) -> None:
        """Drop an answer, and what the queue said before about the same event. Does nothing if the answer was read."""
        unread = self._unread.pop(key, None)
        answer = unread.answer() if unread else None
        if answer is None:
            return
        final = isinstance(answer, ProcessCompletedMessage)
        messages = self._queue.pending_messages_per_session.get(unread.session, asyncio.Queue())
        for message in [messages.get_nowait() for _ in range(messages.qsize())]:
            stale = message.event_id == answer.event_id if final else message is answer
            if not stale or (final and message is answer):
                messages.put_nowait(message)
        answer.success = False
        answer.output = error_payload(gr.Error(UNREAD_DROPPED), show_error=True)


def _size(value: Any) -> int:
    """Return the bytes that a JSON value takes in memory."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return sys.getsizeof(value)


def current_request() -> tuple[HTTPConnection | None, str]:
    """Return the request that the running handler answers, and the hash of its session; (None, "") outside handlers.

    gradio passes the request only to handlers that declare it. The access checks below the handlers read it here, so
    that no handler can forget to pass it on.
    """
    request = LocalContext.request.get(None)
    if request is None:
        return None, ""
    session = getattr(request, "session_hash", None) if isinstance(request, gr.Request) else None
    return getattr(request, "request", request), session or ""


def logged_in_user(connection: HTTPConnection) -> str | None:
    """Return the user name that belongs to gradio's login cookie, or None.

    gradio checks the cookie for its own routes only, not for those that the app adds.
    """
    app = connection.scope["app"]
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    token = next((connection.cookies[name] for name in names if name in connection.cookies), None)
    return app.tokens.get(token)
