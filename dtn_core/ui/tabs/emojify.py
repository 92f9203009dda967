"""The tab *Emojify*: a photo or the live webcam in, emoji out."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import gradio as gr
import numpy as np

from ...avatars import engine
from ...avatars.avatar import Avatar
from ...avatars.parameters import Parameters
from ...avatars.styles import LISTED_STYLES
from ...core.errors import UserError
from ...core.images import composite_over
from ...core.types import Kind, Result
from ...data import examples, portraits
from ...faces.compose import side_by_side
from ...pipeline.live import session
from ...pipeline.photo import Transferrer
from ..access.admission import ServerFunctions
from ..api import endpoints
from ..components import html, pictures
from ..components import style_picker as styles
from ..components.scripts import component_script
from ..gradio_internals import SECONDARY_LISTENER, radio, set_visibility_on_select
from ..translations import Translations, dropdown, style_of
from . import batch, editor, live, video

KINDS = (("Drawn", "drawn"), ("Painted", "painted"))

UPDATE_KINDS = """(offered, kind) => (
    { __type__: "update", ...offered && { choices: offered.length > 1 ? offered : [[offered[0][0], kind]] } })"""
"""JavaScript that updates the choices. A single choice gets the current value, so that the value stays valid."""


def warm_up(transferrer: Transferrer) -> None:
    """Load what is loaded on first use: the fallback detector, the avatar engine, and the landmarks of live video.

    Otherwise the first photo would wait for them, for four seconds on a slow machine.
    """
    transferrer(np.zeros((64, 64, 3), np.uint8))
    if transferrer.draws:
        engine.image(Parameters(transferrer.checkpoint.predictor.style), 64)
        session.warm_up()


def fill(translations: Translations[Transferrer]) -> tuple[gr.Dropdown, gr.Image]:
    """Fill the tab. Must be called inside a gr.Tab. Returns the dropdown of translations, and the webcam."""
    functions = ServerFunctions()
    with gr.Row(elem_id="choices"):
        chosen = dropdown(translations, "Checkpoint", always=False, elem_id="translation")
        styles.picker(translations, chosen, functions)
        kind = radio(
            [value for _, value in KINDS], choices=kinds(translations.first), value="drawn", label="Drawn or painted",
            show_label=False, container=False, elem_id="kind",
        )  # fmt: skip
    with gr.Tabs(elem_classes="modes"):
        with gr.Tab("Photo", id="photo", elem_id="photo-mode") as photo:
            _photo(translations, chosen, kind, functions)
        with gr.Tab("Live webcam", id="live") as live_tab:
            camera = live.fill(translations, chosen, kind)
        with gr.Tab("Many photos", id="many") as many:
            batch.fill(translations, chosen, kind, functions)
        with gr.Tab("Video", id="video") as video_tab:
            video.fill(chosen, kind)
    set_visibility_on_select(live_tab, camera)
    for tab in (photo, many, video_tab):
        set_visibility_on_select(tab, camera, False)
    endpoints.emojify(translations)
    endpoints.avatars()

    def offer(translation: str | None) -> Any:
        try:
            return kinds(translations.get(translation))
        except UserError:  # shown when a picture is redrawn
            return gr.skip()

    offered = gr.JSON(visible="hidden")
    change = chosen.change(offer, chosen, offered, **SECONDARY_LISTENER)
    change.then(None, [offered, kind], kind, js=UPDATE_KINDS, **SECONDARY_LISTENER)
    return chosen, camera


def kinds(transferrer: Transferrer) -> list[tuple[str, str]]:
    """Return (label, value) of the kinds that a translation supports."""
    if transferrer.draws and transferrer.paints:
        return list(KINDS)
    return [("Drawn only" if transferrer.draws else "Painted only", "drawn")]


def credit(transferrer: Transferrer) -> str:
    """Return the credit of a translation's style; "" if it is unknown."""
    style = style_of(transferrer.checkpoint.info)
    return LISTED_STYLES[style].credit if style in LISTED_STYLES else ""


def _photo(
    translations: Translations[Transferrer], chosen: gr.Dropdown, kind: gr.Radio, functions: ServerFunctions
) -> None:
    with gr.Row(elem_id="photo-bar"):
        photo = pictures.photo_input(portraits.public_domain(), examples.drawn(), elem_id="photo")
        mirror = gr.Checkbox(False, label="Mirror", container=False, min_width=90, elem_id="mirror")
    messages = gr.HTML(js_on_load=component_script("messages"), apply_default_css=False, elem_id="messages")
    avatars = editor.editor(functions)
    views = gr.HTML(apply_default_css=False, elem_id="views")
    steps = gr.HTML(js_on_load=component_script("steps"), apply_default_css=False, elem_id="steps")

    def show(url: str | None, mirrored: bool, translation: str | None, kind: Kind) -> tuple[str, str, str, str]:
        if not url:
            return "", editor.payload(), "", ""
        try:
            transferrer = translations.get(translation)
            rendered = "both" if kind == "drawn" or not transferrer.paints else kind
            photo = pictures.decode_photo(url)
            result = transferrer(photo.picture, mirror=mirrored, kind=rendered)
        except UserError as error:
            return html.message(error), editor.payload(photo="none"), "", ""
        key = blake2b(url.encode(), digest_size=8).hexdigest()
        avatars = editor.payload(result, key, mirrored, credit(transferrer))
        return html.messages(result, photo.note), avatars, _views(result) if result.faces else "", html.steps(result)

    def show_edited(url: str | None, mirrored: bool, translation: str | None, edited: str | None) -> str:
        known = [(edit.face(), Avatar(edit.parameters, {})) for edit in editor.edits(edited)]
        try:
            frame = pictures.decode_photo(url).picture
            return _views(translations.get(translation)(frame, mirror=mirrored, kind="drawn", known_avatars=known))
        except UserError as error:
            return html.message(error)

    shown = gr.on(
        [photo.submit, mirror.change, chosen.change, kind.input], show, [photo, mirror, chosen, kind],
        [messages, avatars, views, steps],
        api_visibility="private", show_progress="minimal", show_progress_on=messages, trigger_mode="always_last",
        concurrency_limit=2, concurrency_id="photo",
    )  # fmt: skip
    avatars.submit(
        show_edited, [photo, mirror, chosen, avatars], views,
        api_visibility="private", show_progress="hidden", trigger_mode="always_last",
        concurrency_limit=2, concurrency_id="photo",
    )  # fmt: skip
    styles.follow(shown, photo, mirror)


def _views(result: Result) -> str:
    """Render a result in three ways: compared with its photo, over the faces, and side by side."""
    has_alpha = result.composed.shape[2] == 4
    opaque = composite_over(result.composed, (255, 255, 255)) if has_alpha else result.composed
    compared = html.compare(result.frame, opaque)
    pasted = html.view(result.composed, "The photo with the emoji over the faces")
    pair = side_by_side(result.frame, result.faces, result.refused)
    beside = html.view(pair, "The photo and the emoji side by side")
    parts = {"compare": compared, "pasted": pasted, "beside": beside}
    return "".join(f'<div class="photo-view" id="{name}">{part}</div>' for name, part in parts.items())
