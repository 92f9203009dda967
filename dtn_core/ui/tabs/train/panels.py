"""The panels beside the form, one class each.

A panel creates its components when it is created, has a key that changes when they are out of date, and returns updates
of its own components only. `watch.Watch` places them on the page.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import gradio as gr

from ....core.errors import UserError
from ....training.runs.status import ALIVE, RunStatus
from ...components import html
from ...components.pictures import ASSETS
from ...components.scripts import component_script
from ...translations import Translations, refresh
from . import exports, views
from .service import TrainService, export_name

Updates = dict[Any, Any]
"""Component → its new value, or a gr.update."""

RefreshAfter = Callable[[Any], None]
"""Updates the panels after an event of gradio."""

Demo = Mapping[str, tuple[Translations[Any], gr.Dropdown]]
"""Id of a tab → its translations and its dropdown of them."""

PLAIN: dict[str, Any] = {"apply_default_css": False}
SMALL: dict[str, Any] = {"size": "sm", "elem_classes": "quiet-button"}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}

CONFIRM = {
    "force": "Force {name} to stop? Progress since its last checkpoint may be lost.",
    "delete": "Delete {name} with all its files? This cannot be undone.",
}

USING = "You can use each checkpoint right away in the tab Emojify or Digits."


class View(NamedTuple):
    """What one viewer sees.

    Attributes:
        runs: all runs, newest first.
        run: the selected one; None without runs.
        other: the run it is compared with, or None.
        pinned: step of the sample to show; None for the newest.
        owned: whether the viewer may change the run.
    """

    runs: Sequence[RunStatus]
    run: RunStatus | None
    other: RunStatus | None = None
    pinned: int | None = None
    owned: bool = True

    @property
    def name(self) -> str:
        """Name of the selected run, or ""."""
        return self.run.name if self.run else ""


class Panel(Protocol):
    """A part of the page.

    Attributes:
        live: whether it changes while a run is training.
        outputs: the components that `update` may return.
    """

    live: bool
    outputs: list[Any]

    def key(self, view: View) -> Any:
        """Return a value that changes when the panel does. Called at every tick, so it must be cheap."""

    def update(self, view: View) -> Updates:
        """Return the updates that bring the panel up to date."""


def answer_of(action: Callable[..., str], *arguments: Any) -> str:
    """Call an action and return its message, or that of its UserError, as HTML."""
    try:
        return html.message(action(*arguments), "agree")
    except UserError as error:
        return html.message(error)


class RunList:
    """The list of runs."""

    live = True

    def __init__(self) -> None:
        self.html = gr.HTML("", js_on_load=component_script("runs", events=["pick"]), elem_id="train-runs", **PLAIN)
        self.outputs = [self.html]

    def key(self, view: View) -> Any:
        """Contains steps as a percentage only, because a long list is costly to update."""
        return [(run.name, run.status, views.percent_done(run), run.notes) for run in view.runs], view.name

    def update(self, view: View) -> Updates:
        return {self.html: views.runs(view.runs, view.name)}


class Status:
    """Progress, metrics, warnings and messages of the run."""

    live = True

    def __init__(self) -> None:
        self.html = gr.HTML(elem_id="train-status", **PLAIN)
        self.outputs = [self.html]

    def key(self, view: View) -> Any:
        run = view.run
        return run.name, run.status, run.updated, run.step, run.reason, len(run.messages), len(run.samples)

    def update(self, view: View) -> Updates:
        return {self.html: views.status(view.run)}


class Controls:
    """Buttons to stop, resume, sample and save; and to force a stop or delete, after a confirmation."""

    live = False

    def __init__(self) -> None:
        with gr.Row(elem_id="train-buttons"):
            self.stop = gr.Button("Stop and save", elem_id="train-stop", **SMALL)
            self.resume = gr.Button("Resume", **SMALL)
            self.sample = gr.Button("Sample now", **SMALL)
            self.save = gr.Button("Save now", **SMALL)
            with gr.Row(elem_id="train-every") as self.every:
                self.interval = gr.Number(label="Sample every", precision=0, elem_id="train-interval")
                self.set_interval = gr.Button("Set", **SMALL)
            self.force = gr.Button("Force stop", elem_id="train-force", **SMALL)
            self.delete = gr.Button("Delete", elem_id="train-delete", **SMALL)
        with gr.Column(visible=False, elem_id="train-sure") as self.sure:
            self.question = gr.HTML(**PLAIN)
            with gr.Row():
                self.yes = gr.Button("Yes", elem_id="train-yes", **SMALL)
                self.no = gr.Button("Cancel", elem_id="train-no", **SMALL)
        self.asked = gr.State(("", ""))
        self.answer = gr.HTML(elem_id="train-controls-answer", **PLAIN)
        self.outputs = [
            self.stop, self.resume, self.sample, self.save, self.every, self.interval, self.force, self.delete,
            self.sure, self.answer,
        ]  # fmt: skip

    def key(self, view: View) -> Any:
        return view.name, view.run.status, view.owned

    def update(self, view: View) -> Updates:
        run = view.run
        alive = view.owned and run.status in ALIVE
        running = dict.fromkeys((self.sample, self.save, self.every, self.force), gr.update(visible=alive))
        return running | {
            self.stop: gr.update(visible=alive, interactive=run.status != "stopping"),
            self.resume: gr.update(visible=view.owned and run.status in ("stopped", "failed", "died")),
            self.delete: gr.update(visible=view.owned and not alive),
            self.sure: gr.update(visible=False),
            self.interval: run.config.sample_every if run.config else None,
            self.answer: "",
        }

    def connect_events(
        self, service: TrainService, chosen: gr.BrowserState, share_device: gr.Checkbox, refresh_after: RefreshAfter
    ) -> None:
        """Attach the handlers.

        Args:
            service: performs the actions.
            chosen: name of the selected run.
            share_device: whether to resume a run even if another one is running.
            refresh_after: updates the panels.
        """

        def on(button: gr.Button, action: Callable[..., str], *inputs: Any) -> None:
            refresh_after(button.click(partial(answer_of, action), [chosen, *inputs], self.answer, **QUIET))

        for button, what in ((self.stop, "stop"), (self.sample, "sample"), (self.save, "save")):
            on(button, partial(service.request, what))
        on(self.resume, service.resume, share_device)
        on(self.set_interval, service.sample_every, self.interval)
        self._connect_confirmation(service, chosen, refresh_after)

    def _connect_confirmation(
        self, service: TrainService, chosen: gr.BrowserState, refresh_after: RefreshAfter
    ) -> None:
        """Attach the confirmation. It applies to the run that was selected when it was shown."""
        actions = {"force": service.force_stop, "delete": service.delete}

        def ask(action: str, name: str) -> tuple[Any, str, tuple[str, str]]:
            return gr.update(visible=True), views.quiet(CONFIRM[action].format(name=name)), (action, name)

        def confirm(asked: tuple[str, str]) -> tuple[Any, str]:
            action, name = asked
            return gr.update(visible=False), answer_of(actions[action], name)

        for button, action in ((self.force, "force"), (self.delete, "delete")):
            button.click(partial(ask, action), chosen, [self.sure, self.question, self.asked], **QUIET)
        refresh_after(self.yes.click(confirm, self.asked, [self.sure, self.answer], **QUIET))
        self.no.click(lambda: gr.update(visible=False), None, self.sure, **QUIET)


class Samples:
    """The newest sample grid, or an earlier one that a viewer has scrubbed to."""

    live = True

    def __init__(self) -> None:
        template = (ASSETS / "samples.html").read_text("utf-8")
        self.grid = gr.HTML(
            None,
            html_template=template,
            js_on_load=component_script("samples", events=["scrub"]),
            elem_id="train-samples",
            **PLAIN,
        )
        self.outputs = [self.grid]

    def key(self, view: View) -> Any:
        other = view.other and (view.other.name, len(view.other.samples))
        return view.name, len(view.run.samples), views.sample_step(view.run, view.pinned), view.pinned is None, other

    def update(self, view: View) -> Updates:
        return {self.grid: views.samples(view.run, view.pinned, view.other)}

    def connect_events(self, pinned: gr.State, refresh_after: RefreshAfter) -> None:
        """Attach the handler. pinned: as in `View`."""

        def scrub(event: gr.EventData) -> int | None:
            return None if event.follow else int(event.step)

        refresh_after(self.grid.scrub(scrub, None, pinned, **QUIET, trigger_mode="always_last"))


class Comparison:
    """The run to compare with."""

    live = False

    def __init__(self) -> None:
        self.other = gr.Dropdown(
            [("nothing", "")], value="", label="Compare with", allow_custom_value=True, elem_id="train-other"
        )
        self.outputs = [self.other]

    def key(self, view: View) -> Any:
        return [run.name for run in view.runs if run.name != view.name]

    def update(self, view: View) -> Updates:
        return {self.other: gr.update(choices=[("nothing", ""), *self.key(view)])}


class Curves:
    """Losses and other metrics of the run, and of the one it is compared with."""

    live = True

    def __init__(self) -> None:
        template = '<div class="curves-place"></div>'
        self.html = gr.HTML(
            "", html_template=template, js_on_load=component_script("curves"), elem_id="train-curves", **PLAIN
        )  # fmt: skip
        self.outputs = [self.html]

    def key(self, view: View) -> Any:
        runs = [run for run in (view.run, view.other) if run]
        return [(run.name, [(name, len(steps), steps[-1:]) for name, (steps, _) in run.curves.items()]) for run in runs]

    def update(self, view: View) -> Updates:
        return {self.html: views.curves_of(view.run, view.other)}


class Log:
    """The last lines that the run's process printed."""

    live = True

    def __init__(self, service: TrainService) -> None:
        self.service = service
        with gr.Accordion("Log", open=False, elem_id="train-log", elem_classes="quiet-fold"):
            self.html = gr.HTML(**PLAIN)
        self.outputs = [self.html]

    def key(self, view: View) -> Any:
        try:
            status = os.stat(view.run.path / "log.txt")
        except OSError:
            return view.name, view.run.status
        return view.name, view.run.status, status.st_mtime_ns, status.st_size

    def update(self, view: View) -> Updates:
        return {self.html: views.log(self.service.log(view.name))}


class Exports:
    """The run's checkpoints, to use in the demo or to download."""

    live = False

    def __init__(self) -> None:
        with gr.Column(elem_id="train-exports") as self.box:
            gr.HTML(f"<h3>Checkpoints</h3>{views.quiet(USING)}", **PLAIN)
            self.choice = gr.Dropdown(
                [], label="Checkpoint", show_label=False, allow_custom_value=True, elem_id="train-export"
            )
            with gr.Row():
                self.use = gr.Button("Use in the demo", elem_id="train-use", **SMALL)
                self.zip = gr.Button("Download as zip", elem_id="train-zip", **SMALL)
                self.file = gr.DownloadButton("zip", visible="hidden", elem_id="train-file")
            self.answer = gr.HTML(elem_id="train-used", **PLAIN)
        self.outputs = [self.box, self.choice, self.answer]

    def key(self, view: View) -> Any:
        return view.name, [export_name(view.run, path) for _, path in view.run.exports]

    def update(self, view: View) -> Updates:
        _, names = self.key(view)
        choice = gr.update(choices=names, value=names[-1] if names else None)
        return {self.box: gr.update(visible=bool(names)), self.choice: choice, self.answer: ""}

    def connect_events(self, service: TrainService, chosen: gr.BrowserState, tabs: gr.Tabs, demo: Demo) -> None:
        """Attach the handlers.

        Args:
            service: provides the checkpoints.
            chosen: name of the selected run.
            tabs: the page's tabs.
            demo: the tabs in which checkpoints can be used.
        """

        def use(name: str, choice: str | None) -> Updates:
            try:
                tab, key = service.in_demo(name, choice)
                if tab not in demo:
                    raise UserError("the tab Digits is not available here. Download the checkpoint instead.")
            except UserError as error:
                return {self.answer: html.message(error)}
            translations, dropdown = demo[tab]
            gr.Info(views.in_use(service.poll(name)), title="In use")
            return {self.answer: "", tabs: gr.Tabs(selected=tab), dropdown: refresh(translations, key)}

        def write_zip(name: str, choice: str | None) -> tuple[str | None, str]:
            try:
                path = service.zip_export(name, choice, exports.new_folder(Path(self.file.GRADIO_CACHE)))
            except UserError as error:
                return None, html.message(error)
            return str(path), html.message(views.exported(path), "agree")

        inputs = [chosen, self.choice]
        outputs = [self.answer, tabs, *(dropdown for _, dropdown in demo.values())]
        used = self.use.click(use, inputs, outputs, api_visibility="private", show_progress="hidden")
        used.then(None, None, None, js="() => scrollTo(0, 0)", api_visibility="private")
        written = self.zip.click(write_zip, inputs, [self.file, self.answer], api_visibility="private")
        written.then(None, self.file, None, js=CLICK_DOWNLOAD, api_visibility="private")


CLICK_DOWNLOAD = "(file) => { if (file) setTimeout(() => document.querySelector('#train-file').click(), 100); }"
"""Clicks the hidden download button of the zip."""


class Notes:
    """The owner's notes about the run."""

    live = False

    def __init__(self) -> None:
        with gr.Column(elem_id="train-notes") as self.box:
            self.text = gr.Textbox(label="Notes", lines=2, placeholder="What you tried and how it went")
            self.save = gr.Button("Save the note", **SMALL)
            self.answer = gr.HTML(elem_id="train-noted", **PLAIN)
        self.outputs = [self.box, self.text, self.answer]

    def key(self, view: View) -> Any:
        return view.name, view.owned

    def update(self, view: View) -> Updates:
        return {self.box: gr.update(visible=view.owned), self.text: view.run.notes, self.answer: ""}

    def connect_events(self, service: TrainService, chosen: gr.BrowserState, refresh_after: RefreshAfter) -> None:
        refresh_after(self.save.click(partial(answer_of, service.note), [chosen, self.text], self.answer, **QUIET))
