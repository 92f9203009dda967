"""The settings side of the tab *Train*: choose a task, a preset, settings; check; start."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import gradio as gr

from ....config import PRESETS
from ....core.errors import UserError
from ...components import html
from . import fields as settings
from . import views
from .hardware import devices
from .panels import PLAIN, QUIET, Updates
from .service import Form, TrainService, shipped_encoders
from .watch import Watch

PATHS = ("s", "t", "folder")
"""Settings that name the viewer's own pictures."""


def gpu() -> bool:
    """Whether there is a GPU to train on."""
    return any(name.startswith("cuda") for _, name in devices())


class FormPanel:
    """The left column, as the first preset wants it. remembered: what the browser keeps of it across a reload.

    Components: task, preset, the fields by the setting's name, uploads by the path's, device, data, name, beside,
    extra; around them explained, about, letters, settings, command, answer; the buttons check and start.
    """

    def __init__(self, service: TrainService, remembered: gr.BrowserState) -> None:
        self.service, self.remembered = service, remembered
        tasks = settings.tasks(service.tiny)
        task = next(iter(tasks))
        first = settings.first_choice(task, gpu(), service.tiny)
        self.fields: dict[str, Any] = {}
        self.uploads: dict[str, gr.UploadButton] = {}
        self._choices(tasks, task, first)
        self._fields(first)
        self._more(first)
        self.first = task, first
        self.command = gr.Textbox(
            "", label="The same in a terminal", lines=2, max_lines=6, interactive=False, buttons=["copy"],
            elem_id="train-command",
        )  # fmt: skip
        with gr.Row(elem_id="train-go"):
            self.check = gr.Button("Check", elem_id="train-check")
            self.start = gr.Button("Start", variant="primary", elem_id="train-start")
        self.answer = gr.HTML(elem_id="train-answer", **PLAIN)
        self.fields = {field.name: self.fields[field.name] for field in settings.FIELDS}
        given = [self.preset, self.extra, self.device, self.data, self.name, self.beside]
        self.inputs = [*given, *self.fields.values()]
        shown = [self.explained, self.about, self.letters, self.settings, self.command]
        self.outputs = [self.task, *self.inputs, *self.uploads.values(), *shown]

    # ── making the components ───────────────────────────────────────────────────────────────────────────────

    def _choices(self, tasks: dict[str, str], task: str, first: str) -> None:
        self.task = gr.Radio(
            [(label, key) for key, label in tasks.items()], value=task, label="What to train", elem_id="train-task"
        )
        self.explained = gr.HTML(views.quiet(settings.EXPLAINED[task]), **PLAIN)
        self.preset = gr.Dropdown(
            settings.presets(task, self.service.tiny), value=first, label="Preset", allow_custom_value=True,
            elem_id="train-preset",
        )  # fmt: skip
        self.about = gr.HTML(views.quiet(settings.about(first)), **PLAIN)

    def _fields(self, first: str) -> None:
        self._group("source", first)
        self.data = gr.Textbox(
            "", visible=self._reads_data(first), label=settings.DATA, elem_id="train-data",
            info="Photos or digits on the computer that runs this app; empty: $DTN_DATA",
        )  # fmt: skip
        self.letters = gr.HTML(_letters(first), **PLAIN)
        self._group("main", first)
        self.device = gr.Dropdown(
            devices(), value="auto", label="Device", allow_custom_value=True, elem_id="train-device"
        )

    def _more(self, first: str) -> None:
        with gr.Accordion("More settings", open=False, elem_classes="quiet-fold"):
            self._group("more", first)
            with gr.Column(visible=not self.service.tiny):
                self.name = gr.Textbox(label="Name of the run", info="Empty: the preset’s name", elem_id="train-name")
                self.beside = gr.Checkbox(label="Start even if another training is running", elem_id="train-beside")
        with gr.Accordion("All settings", open=False, visible=not self.service.tiny, elem_classes="quiet-fold"):
            self.extra = gr.Textbox(
                lines=3, label="Other settings", placeholder="clip=1.0\nalpha_end=1", elem_id="train-extra",
                info="key=value, one per line, or a JSON object; overrides the fields above",
            )  # fmt: skip
            self.settings = gr.HTML(views.all_settings(first), **PLAIN)

    def _group(self, group: str, first: str) -> None:
        """The fields of a group, and below a path what uploads a zip for it."""
        filled = dict(zip((field.name for field in settings.FIELDS), fill_in(self.service, first, shipped_encoders)))
        with gr.Column(elem_classes="fields"):
            for field in settings.FIELDS:
                if field.group != group:
                    continue
                self.fields[field.name] = _component(field, filled[field.name])
                if field.name in PATHS:
                    self.uploads[field.name] = gr.UploadButton(
                        "Upload a zip instead", file_types=[".zip"], visible=filled[field.name]["visible"],
                        elem_id=f"train-upload-{field.name}", size="sm", elem_classes="quiet-button upload",
                    )  # fmt: skip

    # ── what a choice changes ───────────────────────────────────────────────────────────────────────────────

    def _reads_data(self, preset: str) -> bool:
        return self.service.names_paths and bool(settings.reads_data(PRESETS[preset]))

    def choose_task(self, task: str, preset: str = "") -> Updates:
        """Offer a task's presets. preset: "" for the first to choose."""
        preset = preset or settings.first_choice(task, gpu(), self.service.tiny)
        names = gr.update(choices=settings.presets(task, self.service.tiny), value=preset)
        return {self.explained: views.quiet(settings.EXPLAINED[task]), self.preset: names} | self.choose_preset(preset)

    def choose_preset(self, preset: str) -> Updates:
        """Show the fields of a preset, with its values."""
        if preset not in PRESETS:
            return gr.skip()
        filled = dict(zip(self.fields, fill_in(self.service, preset)))
        return {
            self.about: views.quiet(settings.about(preset)),
            self.letters: _letters(preset),
            self.settings: views.all_settings(preset),
            self.data: gr.update(visible=self._reads_data(preset)),
            **{self.fields[name]: gr.update(**at) for name, at in filled.items()},
            **{self.uploads[name]: gr.update(visible=filled[name]["visible"]) for name in PATHS},
        }

    def remember(self, task: str, *values: Any) -> tuple[str, dict[str, Any]]:
        """The command line of what the form holds, and what `restore` needs to show it again."""
        saved = dict(zip(self._names(), values))
        return self.service.command(as_form(*values)), {"task": task, **saved}

    def restore(self, saved: dict[str, Any]) -> Updates:
        """The form as it was remembered; as it stands where nothing was, or its preset is gone. The page is made before
        anybody looks: f, the devices and the data folder are those of whoever opens it."""
        task, preset = saved.get("task"), saved.get("preset")
        known = task in settings.tasks(self.service.tiny) and preset in settings.presets(task, self.service.tiny)
        updates: Updates = {self.device: gr.update(choices=devices())}
        if not known:
            task, preset = self.first
            data = os.environ.get("DTN_DATA", "") * self.service.names_paths
            values = [at.get("value") for at in fill_in(self.service, preset)]
            updates[self.command] = self.service.command(as_form(preset, "", "auto", data, "", False, *values))
            updates[self.data] = gr.update(value=data, visible=self._reads_data(preset))
            updates[self.fields["encoder"]] = gr.update(choices=self.service.encoders(task))
            return updates
        updates |= {self.task: task} | self.choose_task(task, preset)
        parts = dict(zip(self._names(), self.inputs))
        for name, value in saved.items():
            if name in parts and name != "preset" and isinstance(value, str | int | float | None):
                updates[parts[name]] = {**updates.get(parts[name], gr.update()), "value": value}
        updates[self.command] = self.service.command(as_form(*map(saved.get, parts)))
        return updates

    def _names(self) -> list[str]:
        return ["preset", "extra", "device", "data", "name", "beside", *self.fields]

    # ── wiring ──────────────────────────────────────────────────────────────────────────────────────────────

    def wire(self, watch: Watch) -> None:
        """What happens when somebody chooses, writes or presses."""
        changed = {"inputs": [self.task, *self.inputs], "outputs": [self.command, self.remembered], **QUIET}
        by_preset = [self.about, self.letters, self.settings, self.data, *self.fields.values(), *self.uploads.values()]
        by_task = [self.explained, self.preset, *by_preset]
        self.task.input(self.choose_task, self.task, by_task, **QUIET).then(self.remember, **changed)
        self.preset.input(self.choose_preset, self.preset, by_preset, **QUIET).then(self.remember, **changed)
        others = [part for part in self.inputs if part is not self.preset]
        # A path that is pasted with the mouse is no "input" to gradio; and "change" would come of `restore` as well.
        left = [part.blur for part in others if isinstance(part, gr.Textbox)]
        gr.on([*left, *(part.input for part in others)], self.remember, **changed, trigger_mode="always_last")
        for name, button in self.uploads.items():
            taken = button.upload(self.take, button, [self.fields[name], self.answer], api_visibility="private")
            taken.then(self.remember, **changed)

        def check(*values: Any) -> str:
            try:
                return views.checked(self.service.check(as_form(*values)))
            except UserError as error:
                return html.message(error)

        def start(*values: Any) -> Updates:
            try:
                name = self.service.start(as_form(*values))
            except UserError as error:
                return {self.answer: html.message(error)}
            return {self.answer: html.message(f"{name} is starting …", "hint"), watch.chosen: name, watch.pinned: None}

        self.check.click(lambda: views.CHECKING, None, self.answer, **QUIET).then(
            check, self.inputs, self.answer, api_visibility="private", concurrency_limit=1, show_progress="hidden"
        )
        started = self.start.click(
            start, self.inputs, [self.answer, watch.chosen, watch.pinned], api_visibility="private",
            show_progress_on=self.answer,
        )  # fmt: skip
        watch.follow(started)

    def take(self, file: str | None) -> tuple[Any, str]:
        """Keep an uploaded zip; its path for the field, and an answer."""
        try:
            path = self.service.keep_upload(file)
        except UserError as error:
            return gr.skip(), html.message(error)
        return str(path), html.message(f"{path.name} is uploaded.", "agree")


def as_form(preset: str, extra: str, device: str, data: str, name: str, beside: bool, *values: Any) -> Form:
    """What the page's form holds, from the values of `FormPanel.inputs`."""
    named = dict(zip((field.name for field in settings.FIELDS), values))
    return Form(preset or "", named, extra or "", device or "auto", data or "", name or "", bool(beside))


def _letters(preset: str) -> str:
    """The paper's weights explained, where a preset has them."""
    return f'<p class="quiet">{settings.LETTERS}</p>' if "alpha" in settings.shown(PRESETS[preset]) else ""


def _component(field: settings.Field, at: dict[str, Any]) -> Any:
    """The component of a setting, as `fill_in` wants it at first."""
    options = {"label": at["label"], "info": field.info or None, "elem_id": f"train-{field.name}"}
    options |= {"visible": at["visible"], "value": at.get("value"), "elem_classes": "wide" if field.wide else None}
    kind = settings.plain_type(field.name)
    if field.name == "encoder":
        return gr.Dropdown(at["choices"], allow_custom_value=True, **options)
    if given := settings.choices(field.name):
        return gr.Dropdown(list(given), **options)
    if kind is bool:
        return gr.Checkbox(**options)
    if kind is str:
        return gr.Textbox(**options)
    return gr.Number(
        precision=0 if kind is int else None,
        step=1 if kind is int else 0.0001 if field.name.startswith("lr") else 0.1,
        **options,
    )


def fill_in(
    service: TrainService, preset: str, encoders: Callable[[str], list[tuple[str, str]]] | None = None
) -> list[dict[str, Any]]:
    """For each of `settings.FIELDS`: whether a preset shows it, its label and value. The user's own paths stay.
    encoders: of a task; None for those of whoever asks."""
    config = PRESETS[preset]
    shown = settings.shown(config)
    found = []
    for field in settings.FIELDS:
        here = field.name in shown and (not service.tiny or field.name in settings.TUNABLE)
        at = {"visible": here, "label": shown.get(field.name, field).label}
        if field.name in shown and getattr(config, field.name) is not None:
            at["value"] = getattr(config, field.name)
        if field.name == "encoder" and field.name in shown:
            at["choices"] = (encoders or service.encoders)(settings.task_of(config))
        found.append(at)
    return found
