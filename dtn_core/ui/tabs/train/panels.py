"""The panels beside the form, a class a concern: each makes its components where it is made, knows by its key when they
are out of date, and answers with the updates of its own components alone. `watch.Watch` puts them on the page."""

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
from ...translations import Translations, refresh
from . import exports, views
from .service import TrainService, export_name

Updates = dict[Any, Any]
"""Component → its new value, or a gr.update."""

Follow = Callable[[Any], None]
"""Shows what an event of gradio has changed, once it is through."""

Demo = Mapping[str, tuple[Translations[Any], gr.Dropdown]]
"""Id of a tab → its translations and the list of them."""

PLAIN: dict[str, Any] = {"apply_default_css": False}
SMALL: dict[str, Any] = {"size": "sm", "elem_classes": "quiet-button"}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}

CONFIRM = {
    "force": "Force {name} to stop? What it learned since its last checkpoint may be lost.",
    "delete": "Delete {name} with all its files? This cannot be undone.",
}

USING = "Each checkpoint can be used at once, in the tab Emojify or Digits."


class View(NamedTuple):
    """What one viewer looks at. found: all runs, the newest first; run: the one that is watched, None without runs;
    other: the one it is compared with; pinned: step of the sample that is looked back at, None for the newest; mine:
    whether the run is the viewer's to change."""

    found: Sequence[RunStatus]
    run: RunStatus | None
    other: RunStatus | None = None
    pinned: int | None = None
    mine: bool = True

    @property
    def name(self) -> str:
        """Of the run that is watched, or ""."""
        return self.run.name if self.run else ""


class Panel(Protocol):
    """A concern of the page. lively: it changes while a run trains; outputs: the components that `update` may name."""

    lively: bool
    outputs: list[Any]

    def key(self, view: View) -> Any:
        """A value that changes when the panel does; cheap to make, since it is asked for at every tick."""

    def update(self, view: View) -> Updates:
        """The panel as it should be now."""


def answer_of(action: Callable[..., str], *arguments: Any) -> str:
    """Do something for the viewer: its answer, or why it can't be done, as HTML."""
    try:
        return html.message(action(*arguments), "agree")
    except UserError as error:
        return html.message(error)


def script(name: str) -> str:
    """The code of a component, from assets/."""
    return (ASSETS / f"{name}.js").read_text("utf-8")


class RunList:
    """All runs, to choose from."""

    lively = True

    def __init__(self) -> None:
        self.html = gr.HTML("", js_on_load=script("runs"), elem_id="train-runs", **PLAIN)
        self.outputs = [self.html]

    def key(self, view: View) -> Any:
        """Steps by the hundredth: the list is long where there are many runs."""
        return [(run.name, run.status, views.hundredth(run), run.notes) for run in view.found], view.name

    def update(self, view: View) -> Updates:
        return {self.html: views.runs(view.found, view.name)}


class Status:
    """Progress, figures, warnings and messages of the run."""

    lively = True

    def __init__(self) -> None:
        self.html = gr.HTML(elem_id="train-status", **PLAIN)
        self.outputs = [self.html]

    def key(self, view: View) -> Any:
        run = view.run
        return run.name, run.status, run.updated, run.step, run.why, len(run.messages), len(run.samples)

    def update(self, view: View) -> Updates:
        return {self.html: views.status(view.run)}


class Controls:
    """Stop, resume, sample, save; and what can't be undone, which is asked twice."""

    lively = False

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
        return view.name, view.run.status, view.mine

    def update(self, view: View) -> Updates:
        run, mine, alive = view.run, view.mine, view.mine and view.run.status in ALIVE
        running = dict.fromkeys((self.sample, self.save, self.every, self.force), gr.update(visible=alive))
        return running | {
            self.stop: gr.update(visible=alive, interactive=run.status != "stopping"),
            self.resume: gr.update(visible=mine and run.status in ("stopped", "failed", "died")),
            self.delete: gr.update(visible=mine and not alive),
            self.sure: gr.update(visible=False),
            self.interval: run.config.sample_every if run.config else None,
            self.answer: "",
        }

    def wire(self, service: TrainService, chosen: gr.BrowserState, beside: gr.Checkbox, follow: Follow) -> None:
        """beside: whether a run may go on beside others."""

        def on(button: gr.Button, action: Callable[..., str], *inputs: Any) -> None:
            follow(button.click(partial(answer_of, action), [chosen, *inputs], self.answer, **QUIET))

        for button, what in ((self.stop, "stop"), (self.sample, "sample"), (self.save, "save")):
            on(button, partial(service.ask, what))
        on(self.resume, service.resume, beside)
        on(self.set_interval, service.sample_every, self.interval)
        self._wire_confirmation(service, chosen, follow)

    def _wire_confirmation(self, service: TrainService, chosen: gr.BrowserState, follow: Follow) -> None:
        """The question keeps the run it was asked about."""
        actions = {"force": service.force_stop, "delete": service.delete}

        def ask(what: str, name: str) -> tuple[Any, str, tuple[str, str]]:
            return gr.update(visible=True), views.quiet(CONFIRM[what].format(name=name)), (what, name)

        def do(asked: tuple[str, str]) -> tuple[Any, str]:
            return gr.update(visible=False), answer_of(actions[asked[0]], asked[1])

        for button, what in ((self.force, "force"), (self.delete, "delete")):
            button.click(partial(ask, what), chosen, [self.sure, self.question, self.asked], **QUIET)
        follow(self.yes.click(do, self.asked, [self.sure, self.answer], **QUIET))
        self.no.click(lambda: gr.update(visible=False), None, self.sure, **QUIET)


class Samples:
    """The newest sample grid, or the one that a viewer scrubs back to."""

    lively = True

    def __init__(self) -> None:
        template = (ASSETS / "samples.html").read_text("utf-8")
        self.grid = gr.HTML(
            None, html_template=template, js_on_load=script("samples"), elem_id="train-samples", **PLAIN
        )
        self.outputs = [self.grid]

    def key(self, view: View) -> Any:
        other = view.other and (view.other.name, len(view.other.samples))
        return view.name, len(view.run.samples), views.shown_step(view.run, view.pinned), view.pinned is None, other

    def update(self, view: View) -> Updates:
        return {self.grid: views.samples(view.run, view.pinned, view.other)}

    def wire(self, pinned: gr.State, follow: Follow) -> None:
        """pinned: as in `View`."""

        def scrub(event: gr.EventData) -> int | None:
            return None if event.follow else int(event.step)

        follow(self.grid.scrub(scrub, None, pinned, **QUIET, trigger_mode="always_last"))


class Comparison:
    """Which other run to compare with."""

    lively = False

    def __init__(self) -> None:
        self.other = gr.Dropdown(
            [("nothing", "")], value="", label="Compare with", allow_custom_value=True, elem_id="train-other"
        )
        self.outputs = [self.other]

    def key(self, view: View) -> Any:
        return [run.name for run in view.found if run.name != view.name]

    def update(self, view: View) -> Updates:
        return {self.other: gr.update(choices=[("nothing", ""), *self.key(view)])}


class Curves:
    """Losses and other figures of the run, and of the one it is compared with."""

    lively = True

    def __init__(self) -> None:
        template = '<div class="curves-place"></div>'
        self.html = gr.HTML(
            "", html_template=template, js_on_load=script("curves"), elem_id="train-curves", **PLAIN
        )  # fmt: skip
        self.outputs = [self.html]

    def key(self, view: View) -> Any:
        runs = filter(None, (view.run, view.other))
        return [(r.name, [(name, len(c[0]), c[0][-1:]) for name, c in r.curves.items()]) for r in runs]

    def update(self, view: View) -> Updates:
        return {self.html: views.drawn(view.run, view.other)}


class Log:
    """The end of what the run's process printed."""

    lively = True

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
    """The run's checkpoints: to use in the demo, or to take away."""

    lively = False

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

    def wire(self, service: TrainService, chosen: gr.BrowserState, tabs: gr.Tabs, demo: Demo) -> None:
        """tabs, demo: where checkpoints are used."""

        def use(name: str, choice: str | None) -> Updates:
            try:
                tab, key = service.in_demo(name, choice)
                if tab not in demo:
                    raise UserError("the tab Digits is off here, as it says. Download the checkpoint instead.")
            except UserError as error:
                return {self.answer: html.message(error)}
            translations, listed = demo[tab]
            return {self.answer: "", tabs: gr.Tabs(selected=tab), listed: refresh(translations, key)}

        def zipped(name: str, choice: str | None) -> tuple[str | None, str]:
            try:
                path = service.zip_export(name, choice, exports.fresh_folder(Path(self.file.GRADIO_CACHE)))
            except UserError as error:
                return None, html.message(error)
            return str(path), html.message(views.exported(path), "agree")

        inputs = [chosen, self.choice]
        outputs = [self.answer, tabs, *(listed for _, listed in demo.values())]
        self.use.click(use, inputs, outputs, api_visibility="private", show_progress="hidden")
        made = self.zip.click(zipped, inputs, [self.file, self.answer], api_visibility="private")
        made.then(None, self.file, None, js=SAVE, api_visibility="private")


SAVE = "(file) => { if (file) setTimeout(() => document.querySelector('#train-file').click(), 100); }"
"""Presses the hidden button that holds the zip."""


class Notes:
    """What the viewer wants to remember of the run."""

    lively = False

    def __init__(self) -> None:
        with gr.Column(elem_id="train-notes") as self.box:
            self.text = gr.Textbox(label="Notes", lines=2, placeholder="What you tried, and how it went")
            self.save = gr.Button("Save the note", **SMALL)
            self.answer = gr.HTML(elem_id="train-noted", **PLAIN)
        self.outputs = [self.box, self.text, self.answer]

    def key(self, view: View) -> Any:
        return view.name, view.mine

    def update(self, view: View) -> Updates:
        return {self.box: gr.update(visible=view.mine), self.text: view.run.notes, self.answer: ""}

    def wire(self, service: TrainService, chosen: gr.BrowserState, follow: Follow) -> None:
        follow(self.save.click(partial(answer_of, service.note), [chosen, self.text], self.answer, **QUIET))
