"""The tab *Train*: choose a task, check, start; then watch, sample, stop, resume, compare and download.

Trainings are processes that share only files with the page: they continue when it is closed, and any number of viewers
may watch them.
"""

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

LEAD = """<p class="lead">Train your own model. It runs on the computer that runs this app, and keeps running if you
close this page.
<a class="to-live" href="#train-live">See the runs ↓</a></p>"""

GUEST = """<p class="message hint">You share this server with others: only one training runs at a time. Only you can
change your runs; they are deleted a day after they end. Upload pictures as a zip.</p>"""

TINY = """<p class="message hint">You share this server with others: only short test runs are allowed here, and only
their weights, learning rates and seed can be changed. Run the app on your own computer for full trainings.</p>"""


def explain() -> None:
    """Fill the tab where training is off. Reads no run."""
    gr.HTML(html.message(OFF, "hint"), apply_default_css=False, elem_id="training-off")


class Memory(NamedTuple):
    """What the browser remembers.

    Attributes:
        run: name of the selected run.
        form: values of the form, see `form.FormPanel.remember`.
    """

    run: gr.BrowserState
    form: gr.BrowserState


def memory() -> Memory:
    """Create the states. Must be called outside all tabs, whose contents load only once they are opened."""
    # encrypts the stored values; it needn't be secret, and changing it discards what browsers have stored
    options = {"secret": "what a viewer chose is no secret to that viewer"}
    return Memory(
        gr.BrowserState("", storage_key="dtn-studio-run", **options),
        gr.BrowserState({}, storage_key="dtn-studio-form", **options),
    )


def fill(service: TrainService, page: gr.Blocks, remembered: Memory, tabs: gr.Tabs, demo: Demo) -> None:
    """Fill the tab. With the policy "off" it says so and has no handlers. Must be called inside a gr.Tab.

    Args:
        service: the trainings.
        page: the whole page.
        remembered: as `memory` returns it.
        tabs: the page's tabs.
        demo: the dropdowns of translations in other tabs.
    """
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
    form.connect_events(watch)
    watch.connect_events(form.share_device, tabs, demo)

    def open_page(saved: dict[str, Any], *viewer: Any) -> dict[Any, Any]:
        try:
            who = service.allow()
        except UserError:  # only other viewers may train
            return {closed: gr.update(visible=True), opened: gr.update(visible=False)}
        refreshed = watch.refresh_all(*viewer[:-1], {})  # a reloaded page has seen nothing
        return form.restore(saved) | refreshed | {guest: gr.update(visible=not (who.is_local or service.tiny))}

    outputs = [closed, opened, guest, *form.outputs, *watch.all_outputs()]
    page.load(
        open_page, [remembered.form, *watch.viewer], outputs, api_visibility="private", show_progress="hidden"
    )  # fmt: skip
