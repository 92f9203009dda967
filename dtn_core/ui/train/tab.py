"""The tab *Train*: choose a task, check, start; then watch, sample, stop, resume, compare, take away. Trainings are
processes of their own that only share files with this page: it may be closed, and any number of people may look."""

from __future__ import annotations

import ipaddress
import os
from typing import Any, get_args

import gradio as gr

from ...errors import UserError
from .. import html
from ..pictures import ASSETS
from . import form as form_side
from . import watch as watch_side
from .service import OFF, Policy, TrainService, devices

CSS = (ASSETS / "train.css").read_text("utf-8")

LEAD = """<p class="lead">Train a translation of your own. It runs in the background on the computer that runs this app,
and goes on when this page is closed; come back at any time, and everything is here again.
<a class="to-live" href="#train-live">See the trainings ↓</a></p>"""

TINY = """<p class="message hint">Others use this server too: only small try-outs are allowed here, and only their
weights, learning rates and seed can be changed. Run the app on your own computer for real ones.</p>"""


def policy(public: bool) -> Policy:
    """Which trainings this server allows: what the environment's DTN_TRAINING says, else all on a private address and
    none on a public one. Raises UserError for another word."""
    said = os.environ.get("DTN_TRAINING", "").strip()
    if said and said not in get_args(Policy):
        raise UserError(f"DTN_TRAINING={said}: write all, tiny or off.")
    return said or ("off" if public else "all")  # type: ignore[return-value]


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


def memory() -> gr.BrowserState:
    """What the browser remembers: the run that is watched. To be made outside of all tabs, since what is in a tab only
    lives once that is opened."""
    return gr.BrowserState("", storage_key="dtn-studio-run", secret="a run's name is no secret")


def fill(service: TrainService, demo: gr.Blocks, chosen: gr.BrowserState) -> None:
    """Fill the tab, inside a gr.Tab of demo. With the policy "off" it says so, and has no handlers at all. chosen: see
    `memory`."""
    if service.policy == "off":
        explain()
        return
    gr.HTML(LEAD + TINY * service.tiny, apply_default_css=False)
    with gr.Row(equal_height=False, elem_id="train"):
        with gr.Column(scale=5, min_width=320, elem_id="train-form"):
            form = form_side.make(service)
        with gr.Column(scale=8, min_width=320, elem_id="train-live"):
            watch = watch_side.make(chosen)
    form_side.wire(service, form, watch)
    watch_side.wire(service, watch, form.beside)
    attached = [form.device, form.fields["encoder"], *watch.outputs()]

    def attach(task: str, *looked: Any) -> list[Any]:
        choices = (gr.update(choices=devices()), gr.update(choices=service.encoders(task)))
        return [*choices, *watch_side.look(service, *looked, {})]

    demo.load(
        attach, [form.task, *watch.inputs()[:-1]], attached, api_visibility="private", show_progress="hidden"
    )  # fmt: skip
