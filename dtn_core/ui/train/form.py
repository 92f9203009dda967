"""The settings side of the tab *Train*: choose a task, a preset, settings; check; start."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import gradio as gr

from ...config import PRESETS
from ...errors import UserError
from .. import html
from . import fields as settings
from . import views
from . import watch as watch_side
from .service import Form, TrainService, devices


class Parts(NamedTuple):
    """Components of the left column. fields: by the setting's name."""

    task: gr.Radio
    explained: gr.HTML
    preset: gr.Dropdown
    about: gr.HTML
    letters: gr.HTML
    fields: dict[str, Any]
    device: gr.Dropdown
    data: gr.Textbox
    name: gr.Textbox
    beside: gr.Checkbox
    extra: gr.Textbox
    settings: gr.HTML
    command: gr.Textbox
    check: gr.Button
    start: gr.Button
    answer: gr.HTML

    def inputs(self) -> list[Any]:
        """What `as_form` takes, in its order."""
        return [self.preset, self.extra, self.device, self.data, self.name, self.beside, *self.fields.values()]


def as_form(preset: str, extra: str, device: str, data: str, name: str, beside: bool, *values: Any) -> Form:
    """What the page's form holds, from the values of its components."""
    named = dict(zip((field.name for field in settings.FIELDS), values))
    return Form(preset or "", named, extra or "", device or "auto", data or "", name or "", bool(beside))


def make(service: TrainService) -> Parts:
    """The left column, as the first preset wants it."""
    tasks = settings.tasks(service.tiny)
    task = next(iter(tasks))
    first = settings.first_choice(task, gpu(), service.tiny)
    parts: dict[str, Any] = {}
    parts["task"] = gr.Radio(
        [(label, key) for key, label in tasks.items()], value=task, label="What to train", elem_id="train-task"
    )
    parts["explained"] = gr.HTML(views.quiet(settings.EXPLAINED[task]), apply_default_css=False)
    parts["preset"] = gr.Dropdown(
        settings.presets(task, service.tiny),
        value=first,
        label="Preset",
        allow_custom_value=True,
        elem_id="train-preset",
    )
    parts["about"] = gr.HTML(views.quiet(settings.about(first)), apply_default_css=False)
    made: dict[str, Any] = {}
    fields = dict(zip((field.name for field in settings.FIELDS), fill_in(service, first)))
    with gr.Column(elem_classes="fields"):
        made |= {f.name: _field(f, fields[f.name]) for f in settings.FIELDS if f.group == "source"}
    parts["data"] = gr.Textbox(
        os.environ.get("DTN_DATA", "") * (not service.tiny), visible=_data_shown(service, first), label=settings.DATA,
        info="With the packs of photos or digits on the computer that runs this app; empty: $DTN_DATA",
        elem_id="train-data",
    )  # fmt: skip
    parts["letters"] = gr.HTML(_letters(first), apply_default_css=False)
    with gr.Column(elem_classes="fields"):
        made |= {f.name: _field(f, fields[f.name]) for f in settings.FIELDS if f.group == "main"}
    parts["device"] = gr.Dropdown(
        devices(), value="auto", label="Where", allow_custom_value=True, elem_id="train-device"
    )
    with gr.Accordion("More settings", open=False, elem_classes="quiet-fold"):
        with gr.Column(elem_classes="fields"):
            made |= {f.name: _field(f, fields[f.name]) for f in settings.FIELDS if f.group == "more"}
        with gr.Column(visible=not service.tiny):
            parts["name"] = gr.Textbox(label="Name of the run", info="Empty: the preset’s name", elem_id="train-name")
            parts["beside"] = gr.Checkbox(label="Start even if another training is running", elem_id="train-beside")
    with gr.Accordion("All settings", open=False, visible=not service.tiny, elem_classes="quiet-fold"):
        parts["extra"] = gr.Textbox(
            lines=3, label="Other settings",
            info="key=value, one per line, or a JSON object; overrides the fields above",
            placeholder="clip=1.0\nalpha_end=1", elem_id="train-extra",
        )  # fmt: skip
        parts["settings"] = gr.HTML(views.all_settings(first), apply_default_css=False)
    values = [fields[field.name].get("value") for field in settings.FIELDS]
    parts["command"] = gr.Textbox(
        service.command(as_form(first, "", "auto", "", "", False, *values)), label="The same in a terminal", lines=2,
        max_lines=6, interactive=False, buttons=["copy"], elem_id="train-command",
    )  # fmt: skip
    with gr.Row(elem_id="train-go"):
        parts["check"] = gr.Button("Check", elem_id="train-check")
        parts["start"] = gr.Button("Start", variant="primary", elem_id="train-start")
    parts["answer"] = gr.HTML(apply_default_css=False, elem_id="train-answer")
    return Parts(**parts, fields={f.name: made[f.name] for f in settings.FIELDS})


def gpu() -> bool:
    """Whether there is a GPU to train on."""
    return any(name.startswith("cuda") for _, name in devices())


def _data_shown(service: TrainService, preset: str) -> bool:
    return not service.tiny and bool(settings.reads_data(PRESETS[preset]))


def _letters(preset: str) -> str:
    """The paper's weights explained, where a preset has them."""
    return f'<p class="quiet">{settings.LETTERS}</p>' if "alpha" in settings.shown(PRESETS[preset]) else ""


def _field(field: settings.Field, at: dict[str, Any]) -> Any:
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


def fill_in(service: TrainService, preset: str) -> list[dict[str, Any]]:
    """For each of `settings.FIELDS`: whether a preset shows it, its label and value. The user's own paths stay."""
    if preset not in PRESETS:
        return [{} for _ in settings.FIELDS]
    config = PRESETS[preset]
    shown = settings.shown(config)
    found = []
    for field in settings.FIELDS:
        here = field.name in shown and (not service.tiny or field.name in settings.TUNABLE)
        at = {"visible": here, "label": shown.get(field.name, field).label}
        if field.name in shown and getattr(config, field.name) is not None:
            at["value"] = getattr(config, field.name)
        if field.name == "encoder" and field.name in shown:
            at["choices"] = service.encoders(settings.task_of(config))
        found.append(at)
    return found


def wire(service: TrainService, form: Parts, watch: watch_side.Parts) -> None:
    """What happens when somebody chooses, writes or presses."""
    quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    fields = list(form.fields.values())

    def choose_preset(preset: str) -> list[Any]:
        if preset not in PRESETS:
            return [gr.skip()] * (len(fields) + 4)
        words = [views.quiet(settings.about(preset)), _letters(preset), views.all_settings(preset)]
        data = gr.update(visible=_data_shown(service, preset))
        return [*words, data, *(gr.update(**at) for at in fill_in(service, preset))]

    def choose_task(task: str) -> list[Any]:
        first = settings.first_choice(task, gpu(), service.tiny)
        names = gr.update(choices=settings.presets(task, service.tiny), value=first)
        return [views.quiet(settings.EXPLAINED[task]), names, *choose_preset(first)]

    def command(*values: Any) -> str:
        return service.command(as_form(*values))

    def check(*values: Any) -> str:
        try:
            return views.checked(service.check(as_form(*values)))
        except UserError as error:
            return html.message(str(error))

    def start(*values: Any) -> tuple[Any, ...]:
        try:
            name = service.start(as_form(*values))
        except UserError as error:
            return html.message(str(error)), gr.skip(), gr.skip()
        return html.message(f"{name} is starting …", "hint"), name, None

    about = [form.about, form.letters, form.settings, form.data, *fields]
    told = {"fn": command, "inputs": form.inputs(), "outputs": form.command, **quiet}
    form.task.input(choose_task, form.task, [form.explained, form.preset, *about], **quiet).then(**told)
    form.preset.input(choose_preset, form.preset, about, **quiet).then(**told)
    others = [part for part in form.inputs() if part is not form.preset]
    # A path that is pasted with the mouse is no "input" to gradio.
    touched = [part.change if isinstance(part, gr.Textbox) else part.input for part in others]
    gr.on(touched, **told, trigger_mode="always_last")
    form.check.click(lambda: views.CHECKING, None, form.answer, **quiet).then(
        check, form.inputs(), form.answer, api_visibility="private", concurrency_limit=1, show_progress="hidden"
    )
    started = form.start.click(
        start, form.inputs(), [form.answer, watch.chosen, watch.pinned], api_visibility="private",
        show_progress_on=form.answer,
    )  # fmt: skip
    watch_side.follow(service, watch, started)
