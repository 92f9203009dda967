"""The live side of the tab *Train*: what it shows of the runs' files, and how it follows them."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from ...errors import UserError
from ...training.status import RunStatus
from .. import html
from ..pictures import ASSETS
from . import views
from .service import ALIVE, TrainService, export_name

FAST, SLOW = 1.5, 12.0
"""Seconds between two looks at the runs' files: while one trains, and while none does."""

KEPT = 3600
"""Seconds that a zip for download stays on the disk at least."""

REALLY = {
    "force": "Force {name} to stop? What came after its last saving is lost.",
    "delete": "Delete {name} with all its files? They can't be brought back.",
}

USING = "Each can be used at once: it stands in the list of checkpoints of Emojify, or of Digits."


def pick(found: Sequence[RunStatus], chosen: str) -> RunStatus | None:
    """The run to watch: the chosen one, else the newest that trains, else the newest."""
    by_name = {run.name: run for run in found}
    if chosen in by_name:
        return by_name[chosen]
    return next((run for run in found if run.status in ALIVE), found[0] if found else None)


def view(
    service: TrainService, chosen: str, other: str, pinned: int | None, seen: dict[str, int]
) -> tuple[dict[str, Any], dict[str, int]]:
    """What has changed on the page since it was as `seen` says, by the part's name, and what it has seen now.

    chosen, other: names of the runs to watch and to compare with, or ""; pinned: step of the sample that the viewer
    looks back at, None for the newest. With the policy "off" nothing is read, and a UserError raised.
    """
    parts = _parts(service, chosen or "", other or "", pinned)
    changed = {name: make() for name, key, make in parts if (seen or {}).get(name) != hash(key)}
    return changed, {name: hash(key) for name, key, _ in parts}


def news(service: TrainService, chosen: str, other: str, pinned: int | None, seen: dict[str, int]) -> set[str]:
    """Names of the parts that `view` would find changed, without making them."""
    parts = _parts(service, chosen or "", other or "", pinned)
    return {name for name, key, _ in parts if (seen or {}).get(name) != hash(key)}


def _parts(
    service: TrainService, chosen: str, other: str, pinned: int | None
) -> list[tuple[str, Any, Callable[[], Any]]]:
    """(name, a key that changes when the part does, how to make it) of every part of the live view."""
    found = service.list()
    run = pick(found, chosen)
    beside = next((r for r in found if r.name == other and run is not None and r.name != run.name), None)
    listed = tuple((r.name, r.status, r.step, r.notes) for r in found)
    name = run.name if run else ""
    pace = FAST if any(r.status in ALIVE for r in found) else SLOW
    parts: list[tuple[str, Any, Callable[[], Any]]] = [
        ("pace", pace, lambda: pace),
        ("chosen", name, lambda: name),
        ("runs", (listed, name), lambda: views.runs(found, name)),
        ("empty", run is None, lambda: run is None),
    ]
    if run is None:
        return parts
    others = [r.name for r in found if r is not run]
    names = [export_name(run, path) for _, path in run.exports]
    alive = run.status in ALIVE
    curves = tuple((r.name, *((n, len(c[0]), c[0][-1:]) for n, c in r.curves.items())) for r in (run, beside) if r)
    grids = (name, len(run.samples), views.shown_step(run, pinned), pinned is None, beside and len(beside.samples))
    said = (name, run.status, run.updated, run.step, run.why, len(run.messages), len(run.samples))
    return [
        *parts,
        ("status", said, lambda: views.status(run)),
        ("buttons", (name, run.status), lambda: run.status),
        ("samples", (*grids, beside and beside.name), lambda: views.samples(run, pinned, beside)),
        ("curves", str(curves), lambda: views.drawn(run, beside)),
        ("log", (name, run.status, _log_stamp(run.path)), lambda: views.log(service.log(name))),
        ("exports", (name, tuple(names)), lambda: names),
        ("others", tuple(others), lambda: others),
        ("notes", name, lambda: run.notes),
        ("interval", name, lambda: run.config.sample_every if run.config else None),
        ("answer", (name, alive), lambda: ""),
    ]


def _log_stamp(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path / "log.txt")
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def said(deed: Callable[..., str], *arguments: Any) -> str:
    """Do something for the viewer: its answer, or why it can't be done, as HTML."""
    try:
        return html.message(deed(*arguments), "agree")
    except UserError as error:
        return html.message(str(error))


class Parts(NamedTuple):
    """Components of the right column, and what it remembers of a viewer."""

    chosen: gr.BrowserState
    other: gr.Dropdown
    pinned: gr.State
    seen: gr.State
    poll: gr.HTML
    pace: gr.Timer
    runs: gr.HTML
    empty: gr.HTML
    detail: gr.Column
    status: gr.HTML
    stop: gr.Button
    sample: gr.Button
    save: gr.Button
    resume: gr.Button
    force: gr.Button
    delete: gr.Button
    every: gr.Row
    interval: gr.Number
    set_interval: gr.Button
    sure: gr.Column
    question: gr.HTML
    yes: gr.Button
    no: gr.Button
    asked: gr.State
    answer: gr.HTML
    samples: gr.HTML
    curves: gr.HTML
    log: gr.HTML
    notes: gr.Textbox
    keep_notes: gr.Button
    noted: gr.HTML
    made: gr.Column
    exports: gr.Dropdown
    use: gr.Button
    zip: gr.Button
    file: gr.DownloadButton
    used: gr.HTML

    def inputs(self) -> list[Any]:
        """What `look` takes after the service, in its order."""
        return [self.chosen, self.other, self.pinned, self.seen]

    def outputs(self) -> list[Any]:
        """What `as_updates` answers for, in its order; first what changes `OFTEN`."""
        buttons = [self.stop, self.sample, self.save, self.every, self.force, self.resume, self.delete]
        return [
            *self.lively(), self.chosen, self.pace, self.empty, self.detail, *buttons, self.sure, self.exports,
            self.made, self.other, self.notes, self.interval, self.answer, self.used, self.noted,
        ]  # fmt: skip

    def lively(self) -> list[Any]:
        """The first of `outputs`: those that change while a run trains."""
        return [self.seen, self.runs, self.status, self.samples, self.curves, self.log]


OFTEN = ("runs", "status", "samples", "curves", "log")
"""Parts that change while a run trains. gradio builds every component that a handler could answer for anew, even where
it skips it; so the others are left out as long as they can be."""


def as_updates(changed: dict[str, Any], seen: dict[str, int]) -> list[Any]:
    """What `view` found changed, for the components of `Parts.outputs`."""

    def plain(part: str) -> Any:
        return changed[part] if part in changed else gr.skip()

    def when(part: str, make: Callable[[Any], Any]) -> Any:
        return make(changed[part]) if part in changed else gr.skip()

    alive = when("buttons", lambda status: gr.update(visible=status in ALIVE))
    stop = when("buttons", lambda status: gr.update(visible=status in ALIVE, interactive=status != "stopping"))
    over = when("buttons", lambda status: gr.update(visible=status not in ALIVE))
    resume = when("buttons", lambda status: gr.update(visible=status in ("stopped", "failed", "died")))
    return [
        seen, *map(plain, OFTEN), plain("chosen"), when("pace", gr.Timer),
        when("empty", lambda none: gr.update(visible=none)), when("empty", lambda none: gr.update(visible=not none)),
        stop, alive, alive, alive, alive, resume, over, when("buttons", lambda _: gr.update(visible=False)),
        when("exports", lambda names: gr.update(choices=names, value=names[-1] if names else None)),
        when("exports", lambda names: gr.update(visible=bool(names))),
        when("others", lambda names: gr.update(choices=[("nothing", ""), *names])), plain("notes"),
        plain("interval"), plain("answer"), when("notes", lambda _: ""), when("notes", lambda _: ""),
    ]  # fmt: skip


def make(chosen: gr.BrowserState) -> Parts:
    """The right column, empty until somebody looks."""
    script = {name: (ASSETS / f"{name}.js").read_text("utf-8") for name in ("runs", "samples", "curves", "poll")}
    plain = {"apply_default_css": False}
    quiet = {"size": "sm", "elem_classes": "quiet-button"}
    parts: dict[str, Any] = {"chosen": chosen}
    parts["pinned"], parts["seen"], parts["asked"] = gr.State(None), gr.State({}), gr.State(("", ""))
    parts["poll"] = gr.HTML([0, 0], html_template="", js_on_load=script["poll"], visible="hidden", **plain)
    parts["pace"] = gr.Timer(FAST)
    parts["runs"] = gr.HTML("", js_on_load=script["runs"], elem_id="train-runs", **plain)
    parts["empty"] = gr.HTML(views.NOTHING, elem_id="train-empty", **plain)
    with gr.Column(visible=False, elem_id="train-run") as parts["detail"]:
        parts["status"] = gr.HTML(elem_id="train-status", **plain)
        with gr.Row(elem_id="train-buttons"):
            parts["stop"] = gr.Button("Stop and save", **quiet)
            parts["resume"] = gr.Button("Resume", **quiet)
            parts["sample"] = gr.Button("Sample now", **quiet)
            parts["save"] = gr.Button("Save now", **quiet)
            with gr.Row(elem_id="train-every") as parts["every"]:
                parts["interval"] = gr.Number(label="Sample every", precision=0, elem_id="train-interval")
                parts["set_interval"] = gr.Button("Set", **quiet)
            parts["force"] = gr.Button("Force stop", elem_id="train-force", **quiet)
            parts["delete"] = gr.Button("Delete", elem_id="train-delete", **quiet)
        with gr.Column(visible=False, elem_id="train-sure") as parts["sure"]:
            parts["question"] = gr.HTML(**plain)
            with gr.Row():
                parts["yes"] = gr.Button("Yes", elem_id="train-yes", **quiet)
                parts["no"] = gr.Button("No, leave it", elem_id="train-no", **quiet)
        parts["answer"] = gr.HTML(elem_id="train-told", **plain)
        template = (ASSETS / "samples.html").read_text("utf-8")
        parts["samples"] = gr.HTML(
            None, html_template=template, js_on_load=script["samples"], elem_id="train-samples", **plain
        )
        parts["other"] = gr.Dropdown(
            [("nothing", "")], value="", label="Compare with", allow_custom_value=True, elem_id="train-other"
        )
        parts["curves"] = gr.HTML(js_on_load=script["curves"], elem_id="train-curves", **plain)
        with gr.Accordion("Log", open=False, elem_id="train-log", elem_classes="quiet-fold"):
            parts["log"] = gr.HTML(**plain)
        with gr.Column(elem_id="train-exports") as parts["made"]:
            gr.HTML(f"<h3>What it made</h3>{views.quiet(USING)}", **plain)
            parts["exports"] = gr.Dropdown([], label="Checkpoint", allow_custom_value=True, elem_id="train-export")
            with gr.Row():
                parts["use"] = gr.Button("Use in the demo", elem_id="train-use", **quiet)
                parts["zip"] = gr.Button("Download as zip", elem_id="train-zip", **quiet)
                parts["file"] = gr.DownloadButton("zip", visible="hidden", elem_id="train-file")
            parts["used"] = gr.HTML(elem_id="train-used", **plain)
        with gr.Column(elem_id="train-notes"):
            parts["notes"] = gr.Textbox(label="Notes", lines=2, placeholder="What you tried, and what came of it")
            parts["keep_notes"] = gr.Button("Save the note", **quiet)
            parts["noted"] = gr.HTML(elem_id="train-noted", **plain)
    return Parts(**parts)


def look(service: TrainService, chosen: str, other: str, pinned: int | None, seen: dict[str, int]) -> Any:
    """Updates for `Parts.outputs`, or one that skips them all where nothing has changed."""
    changed, now = view(service, chosen, other, pinned, seen)
    return as_updates(changed, now) if changed else gr.skip()


def glance(service: TrainService, chosen: str, other: str, pinned: int | None, seen: dict[str, int]) -> Any:
    """`look` for `Parts.lively` alone, where nothing else has changed."""
    changed, now = view(service, chosen, other, pinned, seen)
    return as_updates(changed, now)[: 1 + len(OFTEN)] if changed and set(changed) <= set(OFTEN) else gr.skip()


def listen(service: TrainService, heard: list[int] | None, *looked: Any) -> list[int]:
    """At each tick: count up the first number where parts of `OFTEN` alone have changed, the second where others have
    too. Numbers that stay cost nothing more; assets/poll.js asks for the rest where one does not."""
    names, (often, seldom) = news(service, *looked), heard or (0, 0)
    return [often, seldom + 1] if names - set(OFTEN) else [often + bool(names), seldom]


def follow(service: TrainService, watch: Parts, event: Any) -> None:
    """Show what an event of gradio has changed, once it is through."""
    event.then(partial(look, service), watch.inputs(), watch.outputs(), **_QUIET)


_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}


def wire(service: TrainService, watch: Parts, beside: gr.Checkbox) -> None:
    """What happens with time, and when somebody presses. beside: whether a run may go on beside others."""
    inputs = watch.inputs()
    watch.pace.tick(partial(listen, service), [watch.poll, *inputs], watch.poll, **_QUIET, trigger_mode="once")
    watch.poll.often(partial(glance, service), inputs, watch.lively(), **_QUIET)
    watch.poll.seldom(partial(look, service), inputs, watch.outputs(), **_QUIET)
    _wire_choices(service, watch)
    _wire_deeds(service, watch, beside)
    _wire_sure(service, watch)
    _wire_exports(service, watch)


def _wire_choices(service: TrainService, watch: Parts) -> None:
    def pick_run(event: gr.EventData) -> tuple[str, None, str]:
        return str(event.run), None, ""

    def scrub(event: gr.EventData) -> int | None:
        return None if event.follow else int(event.step)

    follow(service, watch, watch.runs.pick(pick_run, None, [watch.chosen, watch.pinned, watch.answer], **_QUIET))
    scrubbed = watch.samples.scrub(scrub, None, watch.pinned, **_QUIET, trigger_mode="always_last")
    follow(service, watch, scrubbed)
    watch.other.input(partial(look, service), watch.inputs(), watch.outputs(), **_QUIET)


def _wire_deeds(service: TrainService, watch: Parts, beside: gr.Checkbox) -> None:
    def on(button: gr.Button, do: Callable[..., str], *inputs: Any, answer: gr.HTML = watch.answer) -> None:
        done = button.click(partial(said, do), [watch.chosen, *inputs], answer, **_QUIET)
        follow(service, watch, done)

    for button, what in ((watch.stop, "stop"), (watch.sample, "sample"), (watch.save, "save")):
        on(button, partial(service.ask, what))
    on(watch.resume, service.resume, beside)
    on(watch.set_interval, service.sample_every, watch.interval)
    on(watch.keep_notes, service.note, watch.notes, answer=watch.noted)


def _wire_sure(service: TrainService, watch: Parts) -> None:
    """What can't be undone is asked twice; the question keeps the run it was asked about."""
    deeds = {"force": service.force_stop, "delete": service.delete}

    def ask(what: str, name: str) -> tuple[Any, str, tuple[str, str]]:
        return gr.update(visible=True), views.quiet(REALLY[what].format(name=name)), (what, name)

    def do(asked: tuple[str, str]) -> tuple[Any, str]:
        return gr.update(visible=False), said(deeds[asked[0]], asked[1])

    for button, what in ((watch.force, "force"), (watch.delete, "delete")):
        button.click(partial(ask, what), watch.chosen, [watch.sure, watch.question, watch.asked], **_QUIET)
    follow(service, watch, watch.yes.click(do, watch.asked, [watch.sure, watch.answer], **_QUIET))
    watch.no.click(lambda: gr.update(visible=False), None, watch.sure, **_QUIET)


def _wire_exports(service: TrainService, watch: Parts) -> None:
    def zipped(name: str, chosen: str | None) -> tuple[str | None, str]:
        folder = Path(watch.file.GRADIO_CACHE) / "exports"
        forget(folder)
        try:
            path = service.zip_export(name, chosen, folder / secrets.token_hex(8))
        except UserError as error:
            return None, html.message(str(error))
        return str(path), html.message(views.exported(path), "agree")

    chosen = [watch.chosen, watch.exports]
    watch.use.click(partial(said, service.use_export), chosen, watch.used, api_visibility="private")
    made = watch.zip.click(zipped, chosen, [watch.file, watch.used], api_visibility="private")
    made.then(None, watch.file, None, js=SAVE, api_visibility="private")


SAVE = "(file) => { if (file) setTimeout(() => document.querySelector('#train-file').click(), 100); }"
"""Presses the hidden button that holds the zip."""


def forget(folder: Path, now: float | None = None) -> None:
    """Delete zips that nobody is still downloading."""
    for path in folder.glob("*/"):
        if (time.time() if now is None else now) - path.stat().st_mtime > KEPT:
            shutil.rmtree(path, ignore_errors=True)
