"""The app: builds the page of tabs, whose viewers share the loaded networks, and serves it."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from fastapi.exceptions import RequestValidationError
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from ..core.errors import UserError
from ..pipeline import model
from ..pipeline.digits import DigitTransferrer
from ..pipeline.photo import Transferrer
from ..training.runs.listing import recent_crash_lines, unwritable_folder_lines
from . import index_page
from .access import guest_policy
from .access import policy as access
from .access.middleware import TOOLS, AccessMiddleware, caller, malformed
from .access.policy import AccessPolicy
from .access.rate_limits import RateLimiter
from .access.uploads import MAX_BYTES
from .api import mcp_server
from .api.live_socket import Live
from .api.video_socket import Videos
from .components import scripts, theme
from .components.scripts import page_script
from .gradio_internals import (
    configure_server,
    disable_page_snapshots,
    limit_queue,
    limit_unread_answers,
    refuse_remote_files,
    set_queue_poll_interval,
    set_visibility_on_select,
)
from .index_page import IndexPage
from .scratch import temporary_files
from .tabs import digits, emojify
from .tabs.evidence import tab as evidence
from .tabs.evidence.checkpoints import Checkpoints
from .tabs.evidence.suites import SuiteRunner
from .tabs.train import tab as train
from .tabs.train.service import TrainService
from .translations import Translations, refresh_choices

TITLE = "DTN Studio · Turn your face into an emoji"

CLOSED = AccessPolicy(training="off")

WORDS = {"audio.record": "Start"}
"""Replaced labels of gradio: its webcam button says "Record", but nothing is recorded here."""

QUEUE = 100
"""Maximum number of waiting calls of all viewers; further calls are refused as busy."""

MAX_SESSIONS = 1000
"""Sessions whose gr.State values are kept; the least recently active one is dropped first."""

MAX_FILE_AGE_SECONDS = 3600
"""Age at which gradio deletes its copies of files: zips on their way to or from a viewer."""

FILE_CLEANUP_SECONDS = 600
"""Interval between two such cleanups."""

MAX_MESSAGE = (4 << 20) + 1024
"""Maximum bytes of a WebSocket message: a frame of live video with its header. Videos are sent in smaller parts."""


class Page(NamedTuple):
    """What `launch` serves.

    Attributes:
        demo: the page.
        routes: served beside the page.
        lifespan: context manager that the MCP tools need, or None.
    """

    demo: gr.Blocks
    routes: list[BaseRoute]
    lifespan: Callable[..., Any] | None = None


def serve(flags: argparse.Namespace) -> None:
    """Load the checkpoints and serve the app until it is interrupted.

    Without digit checkpoints the app starts as well, and their tab says why it is empty.

    Args:
        flags: as `flags.parse_flags` returns them.

    Raises:
        UserError: if a flag is invalid, the face checkpoint can't be loaded, or the port is taken.
    """
    policy = AccessPolicy(
        public=flags.behind_proxy or access.is_public(flags.host, flags.share),
        training=access.parse_training(flags.training),
        paths=flags.server_paths,
        accounts=access.accounts(flags.auth, flags.auth_file),
    )
    faces = Transferrer.from_pretrained(flags.checkpoint, device=flags.device)
    try:
        numbers = DigitTransferrer.from_pretrained(flags.digits, device=flags.device, judge=flags.judge)
    except UserError as error:
        numbers = error
    runs = Path(flags.runs)
    with temporary_files():
        page = build_app(faces, numbers, runs, policy, flags.mcp)
        warnings = [*unwritable_folder_lines(runs), *recent_crash_lines(runs)]
        launch(page, flags.host, flags.port, share=flags.share, policy=policy, warnings=warnings)


def build_app(
    faces: Transferrer,
    numbers: DigitTransferrer | UserError,
    runs: Path = Path("runs"),
    policy: AccessPolicy = CLOSED,
    mcp: bool = False,
) -> Page:
    """Build the page and the routes beside it.

    The page is built for a viewer who may see no run; what a viewer may see is added when they open it.

    Args:
        faces: shared by all viewers; keeps nothing of a picture.
        numbers: likewise for digits, or the error that says why there are none.
        runs: folder of training runs.
        policy: what viewers may do.
        mcp: also serve the tools of `mcp_server`.

    Raises:
        UserError: if the tools can't be served.
    """
    service = TrainService(runs, policy.max_training, caller, RateLimiter())
    visible_runs = runs if policy.max_training == "all" else None
    load_faces = partial(Transferrer.from_checkpoint, device=str(faces.device))
    people = Translations(faces, ("heads", "pictures"), load_faces, visible_runs, service.may_see)
    street = None
    if not isinstance(numbers, UserError):
        street = Translations(numbers, ("digits",), partial(_with_judge, numbers), visible_runs, service.may_see)
    with gr.Blocks(
        title=TITLE,
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(FILE_CLEANUP_SECONDS, MAX_FILE_AGE_SECONDS),
    ) as demo:
        gr.HTML(theme.HEADER, apply_default_css=False)
        remembered = train.memory()
        dropdowns: dict[str, tuple[Translations, gr.Dropdown]] = {}
        with gr.Tabs(elem_classes="pages") as tabs:
            with gr.Tab("Emojify", id="emojify", elem_id="emojify") as tab:
                style, camera = emojify.fill(people)
                dropdowns["emojify"] = people, style
                _keep_fresh(tab, people, style, always=False)
                _keep_fresh(demo, people, style, always=False)
                set_visibility_on_select(tab, camera)
            with gr.Tab("Digits", id="digits") as tab:
                set_visibility_on_select(tab, camera, False)
                if street is None:
                    digits.explain(numbers)
                else:
                    dropdowns["digits"] = street, digits.fill(street)
                    _keep_fresh(tab, *dropdowns["digits"])
            with gr.Tab("Evidence", id="evidence") as tab:
                set_visibility_on_select(tab, camera, False)
                data = evidence.data_folder(policy.max_training)
                checkpoints = Checkpoints(people, street, visible_runs, data, caller, service.may_see)
                evidence.fill(tab, checkpoints, SuiteRunner(runs, policy.max_training, data, caller), style)
            with gr.Tab("Train", id="train") as tab:
                set_visibility_on_select(tab, camera, False)
                train.fill(service, demo, remembered, tabs, dropdowns)
        gr.HTML(theme.PRIVACY, apply_default_css=False)
        warm_up_once = cache(lambda: emojify.warm_up(faces))
        demo.load(warm_up_once, api_visibility="private", show_progress="hidden")
        demo.load(None, js=page_script("page"), api_visibility="private")
    _limit_gradio(demo)
    guest_policy.start_cleanup(service)
    tools, lifespan = mcp_server.build(people, street) if mcp else ([], None)
    return Page(
        demo, [*scripts.ROUTES, *index_page.ROUTES, *Live(people).routes(), *Videos(people).routes(), *tools], lifespan
    )


def _limit_gradio(demo: gr.Blocks) -> None:
    """Bound what gradio queues, keeps and fetches."""
    demo.queue(max_size=QUEUE, api_open=False)  # no call bypasses the queue
    set_queue_poll_interval(demo)
    limit_queue(demo)
    limit_unread_answers(demo)
    disable_page_snapshots()
    refuse_remote_files()


def _with_judge(numbers: DigitTransferrer, directory: str) -> DigitTransferrer:
    """Load another translation of digits, with the same judge."""
    return DigitTransferrer(model.load(directory, numbers.device), numbers.judge, numbers.device)


def _keep_fresh(tab: gr.Tab | gr.Blocks, translations: Translations, chosen: gr.Dropdown, always: bool = True) -> None:
    """Update a dropdown of translations whenever its tab, or the page, is opened. always: see `refresh_choices`."""
    on_open = tab.select if isinstance(tab, gr.Tab) else tab.load
    on_open(
        partial(refresh_choices, translations, always=always),
        chosen,
        chosen,
        api_visibility="private",
        show_progress="hidden",
    )


def launch(
    page: Page,
    host: str | None = None,
    port: int | None = None,
    share: bool = False,
    policy: AccessPolicy = CLOSED,
    warnings: Sequence[str] = (),
) -> None:
    """Serve until interrupted.

    Args:
        page: as `build_app` returns it.
        host: address to listen on; None for all addresses on a Hugging Face Space, else for this computer only.
        port: None for the first free one that gradio finds.
        share: also serve at a public gradio.live address.
        policy: what viewers may do.
        warnings: lines to print at the start.

    Raises:
        UserError: if the port is taken or not allowed.
    """
    demo = page.demo
    host = host or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")
    max_guest_upload = guest_policy.MAX_UPLOAD if policy.training == "all" else 0
    middleware = Middleware(AccessMiddleware, policy=policy, rates=RateLimiter(), max_upload_bytes=max_guest_upload)
    max_upload = 1  # pictures are sent in memory: gradio must not store them in its folder
    if policy.max_training == "all":
        max_upload = max_guest_upload if policy.public else MAX_BYTES
    # a small compressed message may expand to hundreds of times its size
    configure_server(ws_per_message_deflate=False, ws_max_size=MAX_MESSAGE)
    try:
        demo.launch(
            server_name=host, server_port=port, share=share, run_history=False, ssr_mode=False, quiet=True,
            theme=theme.theme(), css=theme.CSS + train.CSS + evidence.CSS, favicon_path=theme.ASSETS / "favicon.svg",
            footer_links=["api"], prevent_thread_lock=True, i18n=gr.I18n(en=WORDS), max_file_size=max_upload,
            auth=list(policy.accounts) or None, enable_monitoring=False, mcp_server=False, strict_cors=True,
            state_session_capacity=MAX_SESSIONS,
            _frontend=False,  # on a busy machine, gradio's request to its own page may take longer than its 3 s
            # one harmless file, because gradio replaces an empty list by a variable of the environment
            allowed_paths=[str(theme.ASSETS / "favicon.svg")],
            app_kwargs={
                "routes": page.routes, "middleware": [middleware, Middleware(IndexPage)], "lifespan": page.lifespan,
                "exception_handlers": dict.fromkeys((RequestValidationError, ClientDisconnect), malformed),
            },
        )  # fmt: skip
    except (OSError, OverflowError):
        raise UserError(f"{host}:{port} is in use or not allowed. Choose another --port (or --host).") from None
    addresses = ", ".join(_addresses(demo, host))
    lines = [f"DTN Studio listens on {addresses}", *policy.startup_lines(), *warnings]
    if page.lifespan:
        lines.append(f"Tools for agents (MCP, streamable HTTP): {demo.local_url.rstrip('/')}{TOOLS}")
    print(*lines, sep="\n", flush=True)
    demo.block_thread()


def _addresses(demo: gr.Blocks, host: str) -> list[str]:
    """Return the URLs of the app: the local one first, then those for other computers."""
    urls = [demo.local_url]
    if host in ("0.0.0.0", "::"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing; selects the network interface
                name = probe.getsockname()[0]
            except OSError:
                name = socket.gethostname()
        urls.append(f"http://{name}:{demo.server_port}/")
    return urls + [demo.share_url] * bool(demo.share_url)
