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
from .encoders import shipped_encoders
from .hardware import devices
from .panels import PLAIN, QUIET, Updates
from .service import Form, TrainService
from .watch import Watch

PATHS = ("s", "t", "folder")
"""Settings with paths of the viewer's own pictures."""


def has_gpu() -> bool:
    """Whether there is a CUDA GPU."""
    return any(name.startswith("cuda") for _, name in devices())


class FormPanel:
    """The left column, at first with the values of the first preset.

    Attributes:
        remembered: values of the form that the browser keeps across a reload.
        fields: name of a setting → its component.
        uploads: name of a path setting → the button that uploads a zip for it.
        inputs: components whose values make a `Form`, in the order of `as_form`.
        outputs: all components that `restore` may update.
        first: task and preset at the start.
    """

    def __init__(self, service: TrainService, remembered: gr.BrowserState) -> None:
        self.service = service
        self.remembered = remembered
        tasks = settings.tasks(service.tiny)
        task = next(iter(tasks))
        first = settings.first_choice(task, has_gpu(), service.tiny)
        self.fields: dict[str, Any] = {}
        self.uploads: dict[str, gr.UploadButton] = {}
        self._choices(tasks, task, first)
        self._fields(first)
        self._more(first)
        self.first = task, first
        self.command = gr.Textbox(
            "", label="Terminal command", lines=2, max_lines=6, interactive=False, buttons=["copy"],
            elem_id="train-command",
        )  # fmt: skip
        with gr.Row(elem_id="train-go"):
            self.check = gr.Button("Check", elem_id="train-check")
            self.start = gr.Button("Start", variant="primary", elem_id="train-start")
        self.answer = gr.HTML(elem_id="train-answer", **PLAIN)
        self.fields = {field.name: self.fields[field.name] for field in settings.FIELDS}
        general = [self.preset, self.extra, self.device, self.data, self.name, self.share_device]
        self.inputs = [*general, *self.fields.values()]
        texts = [self.explained, self.about, self.letters, self.settings, self.command]
        self.outputs = [self.task, *self.inputs, *self.uploads.values(), *texts]

    # ── components ────────────────────────────────────────────────────────────────────────────────────────

    def _choices(self, tasks: dict[str, str], task: str, first: str) -> None:
        self.task = gr.Radio(
            [(label, key) for key, label in tasks.items()], value=task, label="What to train", elem_id="train-task"
        )
        self.explained = gr.HTML(views.quiet(settings.EXPLAINED[task]), **PLAIN)
        self._group("source", first)
        self.data = gr.Textbox(
            "", visible=self._reads_data(first), label=settings.DATA, elem_id="train-data",
            info="Photos or digits, on the computer that runs this app; if empty: $DTN_DATA",
        )  # fmt: skip
        self.preset = gr.Dropdown(
            settings.presets(task, self.service.tiny), value=first, label="Preset", allow_custom_value=True,
            elem_id="train-preset",
        )  # fmt: skip
        self.about = gr.HTML(views.quiet(settings.about(first)), **PLAIN)

    def _fields(self, first: str) -> None:
        self._group("basic", first)
        self.device = gr.Dropdown(
            devices(), value="auto", label="Device", allow_custom_value=True, elem_id="train-device"
        )

    def _more(self, first: str) -> None:
        with gr.Accordion("More settings", open=False, elem_classes="quiet-fold"):
            self.letters = gr.HTML(_letters(first), **PLAIN)
            self._group("main", first)
            self._group("more", first)
            with gr.Column(visible=not self.service.tiny):
                self.name = gr.Textbox(label="Run name", info="If empty: the preset’s name", elem_id="train-name")
                self.share_device = gr.Checkbox(
                    label="Start even if another training is running", elem_id="train-beside"
                )
        with gr.Accordion("All settings", open=False, visible=not self.service.tiny, elem_classes="quiet-fold"):
            self.extra = gr.Textbox(
                lines=3, label="Other settings", placeholder="clip=1.0\nalpha_end=1", elem_id="train-extra",
                info="key=value, one per line, or a JSON object; overrides the fields above",
            )  # fmt: skip
            self.settings = gr.HTML(views.all_settings(first), **PLAIN)

    def _group(self, group: str, first: str) -> None:
        """Create the fields of a group, and below each path a button that uploads a zip for it."""
        names = [field.name for field in settings.FIELDS]
        filled = dict(zip(names, fill_in(self.service, first, shipped_encoders)))
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

    # ── updates ─────────────────────────────────────────────────────────────────────────────────────────────

    def _reads_data(self, preset: str) -> bool:
        return self.service.names_paths and bool(settings.reads_data(PRESETS[preset]))

    def choose_task(self, task: str, preset: str = "") -> Updates:
        """Show a task's presets, and select one of them ("" for the default)."""
        preset = preset or settings.first_choice(task, has_gpu(), self.service.tiny)
        names = gr.update(choices=settings.presets(task, self.service.tiny), value=preset)
        return {self.explained: views.quiet(settings.EXPLAINED[task]), self.preset: names} | self.choose_preset(preset)

    def choose_preset(self, preset: str) -> Updates:
        """Show the fields of a preset with its values."""
        if preset not in PRESETS:
            return gr.skip()
        filled = dict(zip(self.fields, fill_in(self.service, preset)))
        return {
            self.about: views.quiet(settings.about(preset)),
            self.letters: _letters(preset),
            self.settings: views.all_settings(preset),
            self.data: gr.update(visible=self._reads_data(preset)),
            **{self.fields[name]: gr.update(**options) for name, options in filled.items()},
            **{self.uploads[name]: gr.update(visible=filled[name]["visible"]) for name in PATHS},
        }

    def remember(self, task: str, *values: Any) -> tuple[str, dict[str, Any]]:
        """Return the command of the form, and the values that `restore` takes."""
        saved = dict(zip(self._names(), values))
        return self.service.train_command(as_form(*values)), {"task": task, **saved}

    def restore(self, saved: dict[str, Any]) -> Updates:
        """Show the remembered values, or the first preset if there are none or their preset no longer exists.

        The page is built before it is opened: encoders, devices and the data folder depend on who opens it.
        """
        task, preset = saved.get("task"), saved.get("preset")
        exists = task in settings.tasks(self.service.tiny) and preset in settings.presets(task, self.service.tiny)
        updates: Updates = {self.device: gr.update(choices=devices())}
        if not exists:
            return updates | self._defaults()
        updates |= {self.task: task} | self.choose_task(task, preset)
        components = dict(zip(self._names(), self.inputs))
        for name, value in saved.items():
            if name in components and name != "preset" and isinstance(value, str | int | float | None):
                component = components[name]
                updates[component] = {**updates.get(component, gr.update()), "value": value}
        updates[self.command] = self.service.train_command(as_form(*map(saved.get, components)))
        return updates

    def _defaults(self) -> Updates:
        """Return the updates of the first preset that depend on who opens the page."""
        task, preset = self.first
        data = os.environ.get("DTN_DATA", "") if self.service.names_paths else ""
        values = [options.get("value") for options in fill_in(self.service, preset)]
        return {
            self.command: self.service.train_command(as_form(preset, "", "auto", data, "", False, *values)),
            self.data: gr.update(value=data, visible=self._reads_data(preset)),
            self.fields["encoder"]: gr.update(choices=self.service.encoders(task)),
        }

    def _names(self) -> list[str]:
        return ["preset", "extra", "device", "data", "name", "share_device", *self.fields]

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────

    def connect_events(self, watch: Watch) -> None:
        """Attach the handlers. watch: shows the run that is started."""
        changed = {"inputs": [self.task, *self.inputs], "outputs": [self.command, self.remembered], **QUIET}
        by_preset = [self.about, self.letters, self.settings, self.data, *self.fields.values(), *self.uploads.values()]
        by_task = [self.explained, self.preset, *by_preset]
        self.task.input(self.choose_task, self.task, by_task, **QUIET).then(self.remember, **changed)
        self.preset.input(self.choose_preset, self.preset, by_preset, **QUIET).then(self.remember, **changed)
        others = [component for component in self.inputs if component is not self.preset]
        # gradio fires no "input" for a path pasted with the mouse, and "change" also when `restore` sets a value
        blurs = [component.blur for component in others if isinstance(component, gr.Textbox)]
        gr.on(
            [*blurs, *(component.input for component in others)], self.remember, **changed, trigger_mode="always_last"
        )
        for name, button in self.uploads.items():
            stored = button.upload(
                self.store_upload, button, [self.fields[name], self.answer], api_visibility="private"
            )
            stored.then(self.remember, **changed)

        def check(*values: Any) -> str:
            try:
                return views.dry_run(self.service.check(as_form(*values)))
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
        watch.refresh_after(started)

    def store_upload(self, file: str | None) -> tuple[Any, str]:
        """Store an uploaded zip; return its path for the field, and a message."""
        try:
            path = self.service.keep_upload(file)
        except UserError as error:
            return gr.skip(), html.message(error)
        return str(path), html.message(f"{path.name} was uploaded.", "agree")


def as_form(preset: str, extra: str, device: str, data: str, name: str, share_device: bool, *values: Any) -> Form:
    """Make a `Form` of the values of `FormPanel.inputs`."""
    return Form(
        preset=preset or "",
        values=dict(zip((field.name for field in settings.FIELDS), values)),
        extra=extra or "",
        device=device or "auto",
        data=data or "",
        name=name or "",
        share_device=bool(share_device),
    )


def _letters(preset: str) -> str:
    """Return an explanation of the paper's weights, if a preset has them."""
    return f'<p class="quiet">{settings.LETTERS}</p>' if "alpha" in settings.fields_of(PRESETS[preset]) else ""


def _component(field: settings.Field, initial: dict[str, Any]) -> Any:
    """Create the component of a setting. initial: as in `fill_in`."""
    options = {
        "label": initial["label"],
        "info": field.info or None,
        "elem_id": f"train-{field.name}",
        "visible": initial["visible"],
        "value": initial.get("value"),
        "elem_classes": "wide" if field.wide else None,
    }
    if field.name == "encoder":
        return gr.Dropdown(initial["choices"], allow_custom_value=True, **options)
    if choices := settings.choices(field.name):
        return gr.Dropdown(list(choices), **options)
    value_type = settings.plain_type(field.name)
    if value_type is bool:
        return gr.Checkbox(**options)
    if value_type is str:
        return gr.Textbox(**options)
    if value_type is int:
        return gr.Number(precision=0, step=1, **options)
    return gr.Number(step=0.0001 if field.name.startswith("lr") else 0.1, **options)


def fill_in(
    service: TrainService, preset: str, encoders: Callable[[str], list[tuple[str, str]]] | None = None
) -> list[dict[str, Any]]:
    """Return visibility, label, value and choices of each of `settings.FIELDS` for a preset.

    Paths have no value, so that those which the user has entered stay.

    Args:
        service: the trainings.
        preset: name of a preset.
        encoders: returns the encoders for a task; None for those that the current viewer may use.
    """
    config = PRESETS[preset]
    used = settings.fields_of(config)
    options = []
    for field in settings.FIELDS:
        is_used = field.name in used
        entry: dict[str, Any] = {
            "visible": is_used and (not service.tiny or field.name in settings.TUNABLE),
            "label": used.get(field.name, field).label,
        }
        if is_used and getattr(config, field.name) is not None:
            entry["value"] = getattr(config, field.name)
        if is_used and field.name == "encoder":
            entry["choices"] = (encoders or service.encoders)(settings.task_of(config))
        options.append(entry)
    return options
