"""The app: a page of tabs over one shared Transferrer each."""

from __future__ import annotations

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
from .access import guest_policy
from .access.middleware import TOOLS, AccessMiddleware, caller, malformed
from .access.policy import AccessPolicy
from .access.rate_limits import RateLimiter
from .access.uploads import LARGEST
from .api import mcp_server
from .api.live_socket import Live
from .api.video_socket import Videos
from .components import theme
from .gradio_internals import (
    configure_server,
    disable_page_snapshots,
    limit_queue,
    limit_unread_answers,
    refuse_remote_files,
    set_queue_poll_interval,
    set_visibility_on_select,
)
from .tabs import digits, emojify
from .tabs.evidence import tab as evidence
from .tabs.evidence.checkpoints import Checkpoints
from .tabs.evidence.suites import SuiteRunner
from .tabs.train import tab as train
from .tabs.train.service import TrainService
from .translations import Translations, refresh_choices

TITLE = "DTN Studio · Faces to emoji, house numbers to handwriting"

CLOSED = AccessPolicy(training="off")

WORDS = {"audio.record": "Start"}
"""gradio's webcam button says "Record"; nothing is recorded here."""


QUEUE = 100
"""Calls that wait at most, of all viewers; more are told that the app is busy."""

SESSIONS = 1000
"""Callers of whom gradio remembers what they have looked at; whoever was here longest ago is forgotten first."""

PASSING, A_WHILE = 3600, 600
"""Seconds that gradio's copies of files (zips on their way to or from a viewer) are kept, and between two looks."""

MAX_MESSAGE = (4 << 20) + 1024
"""Bytes of a WebSocket message at most: a frame of live video with its header. Videos come in smaller parts."""


class Page(NamedTuple):
    """The page; routes: what is served beside it; lifespan: what the tools of --mcp need."""

    demo: gr.Blocks
    routes: list[BaseRoute]
    lifespan: Callable[..., Any] | None = None


def build_app(
    faces: Transferrer,
    numbers: DigitTransferrer | UserError,
    runs: Path = Path("runs"),
    policy: AccessPolicy = CLOSED,
    mcp: bool = False,
) -> Page:
    """The whole page, and what is served beside it. The transferrers are shared by all viewers; they keep nothing of a
    picture. numbers: where there is none, the error that says why; the tab then shows it. runs: folder of training
    runs; policy: who may do what; mcp: serve the tools of `mcp_server` too. The page is made for somebody who may see
    no run; it learns whose it is when it is opened. Raises UserError if the tools can't be served."""
    service = TrainService(runs, policy.at_most, caller, RateLimiter())
    seen = runs if policy.at_most == "all" else None
    people = Translations(
        faces, ("heads", "pictures"), partial(Transferrer.from_checkpoint, device=str(faces.device)), seen, service.sees
    )
    street = None
    if not isinstance(numbers, UserError):
        street = Translations(numbers, ("digits",), partial(_with_judge, numbers), seen, service.sees)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=(A_WHILE, PASSING)) as demo:
        gr.HTML(theme.HEADER, apply_default_css=False)
        remembered, lists = train.memory(), {}
        with gr.Tabs(elem_classes="pages") as tabs:
            with gr.Tab("Emojify", id="emojify") as tab:
                style, camera = emojify.fill(people)
                lists["emojify"] = people, style
                _keep_fresh(tab, people, style, always=False)
                _keep_fresh(demo, people, style, always=False)
                set_visibility_on_select(tab, camera)
            with gr.Tab("Digits", id="digits") as tab:
                set_visibility_on_select(tab, camera, False)
                if street is None:
                    digits.explain(numbers)
                else:
                    lists["digits"] = street, digits.fill(street)
                    _keep_fresh(tab, *lists["digits"])
            with gr.Tab("Evidence", id="evidence") as tab:
                set_visibility_on_select(tab, camera, False)
                data = evidence.data_folder(policy.at_most)
                known = Checkpoints(people, street, seen, data, caller, service.sees)
                evidence.fill(tab, known, SuiteRunner(runs, policy.at_most, data, caller), style)
            with gr.Tab("Train", id="train") as tab:
                set_visibility_on_select(tab, camera, False)
                train.fill(service, demo, remembered, tabs, lists)
        gr.HTML(theme.PRIVACY, apply_default_css=False)
        ready = cache(lambda: emojify.warm_up(faces))
        demo.load(ready, api_visibility="private", show_progress="hidden")
        demo.load(None, js=(theme.ASSETS / "tabs.js").read_text("utf-8"), api_visibility="private")
    demo.queue(max_size=QUEUE, api_open=False)  # nobody gets past the queue
    set_queue_poll_interval(demo)
    limit_queue(demo)
    limit_unread_answers(demo)
    disable_page_snapshots()
    refuse_remote_files()
    guest_policy.start_cleanup(service)
    tools, lifespan = mcp_server.build(people, street) if mcp else ([], None)
    return Page(demo, [*Live(people).routes(), *Videos(people).routes(), *tools], lifespan)


def _with_judge(numbers: DigitTransferrer, directory: str) -> DigitTransferrer:
    """Another translation of digits, read by the same judge."""
    return DigitTransferrer(model.load(directory, numbers.device), numbers.judge, numbers.device)


def _keep_fresh(tab: gr.Tab | gr.Blocks, translations: Translations, chosen: gr.Dropdown, always: bool = True) -> None:
    """Update a list of translations whenever its tab, or the page, is opened; always: see `refresh_choices`."""
    opened = tab.select if isinstance(tab, gr.Tab) else tab.load
    opened(
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
    news: Sequence[str] = (),
) -> None:
    """Serve until interrupted. Without a host: everywhere on a Hugging Face Space, else this machine only. policy: who
    may do what; news: lines to print at the start.

    Raises UserError with one line if the port is taken or may not be used.
    """
    demo = page.demo
    host = host or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")
    others = guest_policy.MAX_UPLOAD if policy.training == "all" else 0
    guard = Middleware(AccessMiddleware, policy=policy, rates=RateLimiter(), largest=others)
    # pictures of the demo travel in memory: gradio must not take them into its folder
    largest = (others if policy.public else LARGEST) if policy.at_most == "all" else 1
    # a small compressed message may expand to hundreds of times its size
    configure_server(ws_per_message_deflate=False, ws_max_size=MAX_MESSAGE)
    try:
        demo.launch(
            server_name=host, server_port=port, share=share, run_history=False, ssr_mode=False, quiet=True,
            theme=theme.theme(), css=theme.CSS + train.CSS + evidence.CSS, favicon_path=theme.ASSETS / "favicon.svg",
            footer_links=["api"], prevent_thread_lock=True, i18n=gr.I18n(en=WORDS), max_file_size=largest,
            auth=list(policy.accounts) or None, enable_monitoring=False, mcp_server=False, strict_cors=True,
            state_session_capacity=SESSIONS,
            # one file that anybody may see, since an empty list would leave it to the environment
            allowed_paths=[str(theme.ASSETS / "favicon.svg")],
            app_kwargs={
                "routes": page.routes, "middleware": [guard], "lifespan": page.lifespan,
                "exception_handlers": dict.fromkeys((RequestValidationError, ClientDisconnect), malformed),
            },
        )  # fmt: skip
    except (OSError, OverflowError):
        raise UserError(f"{host}:{port} is in use or not allowed. Choose another --port (or --host).") from None
    lines = [f"DTN Studio listens on {', '.join(_addresses(demo, host))}", *policy.startup_lines(), *news]
    if page.lifespan:
        lines.append(f"Tools for agents (MCP, streamable HTTP): {demo.local_url.rstrip('/')}{TOOLS}")
    print(*lines, sep="\n", flush=True)
    demo.block_thread()


def _addresses(demo: gr.Blocks, host: str) -> list[str]:
    """Where the app can be reached: by the people at this computer first, then by others."""
    urls = [demo.local_url]
    if host in ("0.0.0.0", "::"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing; chooses the address by which the network is reached
                name = probe.getsockname()[0]
            except OSError:
                name = socket.gethostname()
        urls.append(f"http://{name}:{demo.server_port}/")
    return urls + [demo.share_url] * bool(demo.share_url)
