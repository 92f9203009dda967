"""The mode *Video*: the page uploads a video in parts (`video_socket`) and receives the redrawn one."""

from __future__ import annotations

import gradio as gr

from ..components import pictures
from ..components.scripts import component_script
from ..gradio_internals import SECONDARY_LISTENER


def fill(chosen: gr.Dropdown, kind: gr.Radio) -> None:
    """Fill the mode. Must be called inside a gr.Tab. chosen, kind: the choices above the modes."""
    stage = gr.HTML(
        ["", "drawn"], html_template=(pictures.ASSETS / "video.html").read_text("utf-8"),
        js_on_load=component_script("video"), apply_default_css=False, elem_id="video",
    )  # fmt: skip
    gr.on([chosen.change, kind.change], lambda *now: list(now), [chosen, kind], stage, **SECONDARY_LISTENER)
