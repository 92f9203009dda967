"""The tab *Train*: choose a task, check, start; then watch, sample, stop, resume, compare, take away. Trainings are
processes of their own that only share files with this page: it may be closed, and any number of people may look."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from ....core.errors import UserError
from ...components import html
from ...components.pictures import ASSETS
from .form import FormPanel
from .panels import Demo
from .service import OFF, TrainService
from .watch import Watch

CSS = (ASSETS / "train.css").read_text("utf-8")

LEAD = """<p class="lead">Train a translation of your own. It runs in the background on the computer that runs this app,
and goes on when this page is closed; come back at any time, and everything is here again.
<a class="to-live" href="#train-live">See the trainings ↓</a></p>"""

GUEST = """<p class="message hint">Others use this server too: one training runs at a time, your runs are yours alone to
change, and are deleted a day after their end. Pictures come as a zip.</p>"""

TINY = """<p class="message hint">Others use this server too: only small try-outs are allowed here, and only their
weights, learning rates and seed can be changed. Run the app on your own computer for real ones.</p>"""


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
    with gr.Column(visible=False) as closed:
        explain()
    with gr.Column() as opened:
        gr.HTML(LEAD + TINY * service.tiny, apply_default_css=False)
        guest = gr.HTML(GUEST, visible=False, apply_default_css=False)
        with gr.Row(equal_height=False, elem_id="train"):
            with gr.Column(scale=5, min_width=320, elem_id="train-form"):
                form = FormPanel(service, remembered.form)
            with gr.Column(scale=8, min_width=320, elem_id="train-live"):
                watch = Watch(service, remembered.run)
    form.wire(watch)
    watch.wire(form.beside, tabs, demo)

    def open_page(saved: dict[str, Any], *viewer: Any) -> dict[Any, Any]:
        try:
            who = service.allow()
        except UserError:  # allowed to others
            return {closed: gr.update(visible=True), opened: gr.update(visible=False)}
        looked = watch.look(*viewer[:-1], {})
        return form.restore(saved) | looked | {guest: gr.update(visible=not (who.is_local or service.tiny))}

    outputs = [closed, opened, guest, *form.outputs, *watch.all_outputs()]
    page.load(
        open_page, [remembered.form, *watch.viewer], outputs, api_visibility="private", show_progress="hidden"
    )  # fmt: skip
