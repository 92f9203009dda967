"""The tab *Train*: choose a task, check, start; then watch, sample, stop, resume, compare, take away. Trainings are
processes of their own that only share files with this page: it may be closed, and any number of people may look."""

from __future__ import annotations

import ipaddress
import os
from typing import Any, NamedTuple, get_args

import gradio as gr

from ...errors import UserError
from .. import html
from ..pictures import ASSETS
from .form import FormPanel
from .panels import Demo
from .service import OFF, Policy, TrainService
from .watch import Watch

CSS = (ASSETS / "train.css").read_text("utf-8")

LEAD = """<p class="lead">Train a translation of your own. It runs in the background on the computer that runs this app,
and goes on when this page is closed; come back at any time, and everything is here again.
<a class="to-live" href="#train-live">See the trainings ↓</a></p>"""

TINY = """<p class="message hint">Others use this server too: only small try-outs are allowed here, and only their
weights, learning rates and seed can be changed. Run the app on your own computer for real ones.</p>"""


def policy(public: bool) -> Policy:
    """Which trainings this server allows: DTN_TRAINING in the environment, else all on a private address and
    none on a public one. Raises UserError for another word."""
    word = os.environ.get("DTN_TRAINING", "").strip()
    if word and word not in get_args(Policy):
        raise UserError(f"DTN_TRAINING={word}: write all, tiny or off.")
    return word or ("off" if public else "all")  # type: ignore[return-value]


def is_public(host: str | None, share: bool = False) -> bool:
    """Whether others than the people at this computer can reach the app."""
    if share or os.environ.get("SPACE_ID"):
        return True
    try:
        return not ipaddress.ip_address(host or "127.0.0.1").is_loopback
    except ValueError:
        return host != "localhost"


def explain() -> None:
    """Fill the tab where training is off: nothing of the runs is read."""
    gr.HTML(html.message(OFF, "hint"), apply_default_css=False, elem_id="training-off")


class Memory(NamedTuple):
    """What the browser remembers: the run that is watched, and what the form holds (`form.Form.remember`)."""

    run: gr.BrowserState
    form: gr.BrowserState


def memory() -> Memory:
    """To be made outside of all tabs, since what is in a tab only lives once that is opened."""
    known = {"secret": "what a viewer chose is no secret to that viewer"}
    return Memory(
        gr.BrowserState("", storage_key="dtn-studio-run", **known),
        gr.BrowserState({}, storage_key="dtn-studio-form", **known),
    )


def fill(service: TrainService, page: gr.Blocks, remembered: Memory, tabs: gr.Tabs, demo: Demo) -> None:
    """Fill the tab, inside a gr.Tab of a page. With the policy "off" it says so, and has no handlers at all. tabs,
    demo: the page's tabs, and the lists of translations in them."""
    if service.policy == "off":
        explain()
        return
    gr.HTML(LEAD + TINY * service.tiny, apply_default_css=False)
    with gr.Row(equal_height=False, elem_id="train"):
        with gr.Column(scale=5, min_width=320, elem_id="train-form"):
            form = FormPanel(service, remembered.form)
        with gr.Column(scale=8, min_width=320, elem_id="train-live"):
            watch = Watch(service, remembered.run)
    form.wire(watch)
    watch.wire(form.beside, tabs, demo)

    def open_page(saved: dict[str, Any], *viewer: Any) -> dict[Any, Any]:
        looked = watch.look(*viewer[:-1], {})
        return form.restore(saved) | looked

    page.load(
        open_page, [remembered.form, *watch.viewer], [*form.outputs, *watch.all_outputs()], api_visibility="private",
        show_progress="hidden",
    )  # fmt: skip
