"""The mode *Live webcam*.

For drawn avatars the browser sends small frames, and the server returns identities and motion, from which the browser
draws (assets/js/live*.js). Painted emoji are sent as pictures.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import gradio as gr

from ...core.errors import UserError
from ...core.types import Face, Image, Result
from ...faces.compose import side_by_side
from ...pipeline.photo import Transferrer
from ..components import html, pictures
from ..components.scripts import component_script
from ..gradio_internals import SECONDARY_LISTENER, image
from ..translations import Translations

VIEWS = ("In the photo", "Side by side", "Emoji only")
"""Views of painted emoji."""


class Stream(NamedTuple):
    """State of a viewer's painted stream between frames. It contains no pictures.

    Attributes:
        faces: of the last frame.
        times: at which the last frames were finished, in seconds.
    """

    faces: tuple[Face, ...] = ()
    times: tuple[float, ...] = ()

    def after(self, result: Result) -> Stream:
        """Return the state after a frame."""
        faces = tuple(face.aligned.face for face in (*result.faces, *result.refused))
        return Stream(faces, (*self.times, time.perf_counter())[-12:])

    def fps(self) -> float:
        """Return the frames per second over the stored times; 0 before the second frame."""
        if len(self.times) < 2:
            return 0.0
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])


def fill(translations: Translations[Transferrer], chosen: gr.Dropdown, kind: gr.Radio) -> gr.Image:
    """Fill the mode. Must be called inside a gr.Tab. Returns the webcam of the painted stream."""
    draws = translations.first.draws
    sample = "".join(f"<span>{picture}</span>" for picture in pictures.demo()[:2])
    template = (pictures.ASSETS / "live.html").read_text("utf-8").replace("{{sample}}", sample)
    stage = gr.HTML(
        ["", "drawn" if draws else "painted"], html_template=template,
        js_on_load=component_script("live-tab"), apply_default_css=False,
        elem_id="live-stage",
    )  # fmt: skip
    with gr.Column(visible=not draws, elem_id="live-painted") as column:
        camera = _painted(translations, chosen)

    def choose(translation: str | None, kind: str) -> tuple[list[str], dict[str, Any]]:
        try:
            transferrer = translations.get(translation)
        except UserError:  # shown when a frame is redrawn
            return [translation or "", "drawn"], gr.update(visible=False)
        drawn = transferrer.draws and (kind == "drawn" or not transferrer.paints)
        return [translation or "", "drawn" if drawn else "painted"], gr.update(visible=not drawn)

    gr.on([chosen.change, kind.change], choose, [chosen, kind], [stage, column], **SECONDARY_LISTENER)
    return camera


def _painted(translations: Translations[Transferrer], chosen: gr.Dropdown) -> gr.Image:
    """Create the stream of painted emoji. Returns the webcam."""
    options = gr.WebcamOptions(mirror=True, constraints={"video": {"width": 640, "height": 480}})
    with gr.Row(equal_height=True):
        camera = image(
            sources=["webcam"], streaming=True, label="Webcam", elem_id="camera", min_width=320,
            webcam_options=options,
        )  # fmt: skip
        shown = image(
            label="Emoji", interactive=False, elem_id="shown", buttons=["fullscreen"], min_width=320
        )  # fmt: skip
    note = gr.HTML(elem_id="live-note", apply_default_css=False)
    with gr.Row(elem_id="live-controls"):
        view = gr.Radio(list(VIEWS), value=VIEWS[0], show_label=False, container=False, elem_id="view")
        mirror = gr.Checkbox(True, label="Mirror", container=False, min_width=90, elem_id="live-mirror")
    state = gr.State(Stream())

    def show(
        frame: Image | None, view: str, mirrored: bool, stream: Stream, translation: str | None
    ) -> tuple[Any, ...]:
        if frame is None:
            return None, "", Stream()
        try:
            transferrer = translations.get(translation)
        except UserError as error:
            return frame, html.message(error), Stream()
        # the browser sends what its preview shows, which is already mirrored
        kind = "painted" if transferrer.paints else "drawn"
        options = {"mirror": not mirrored, "kind": kind, "compose": view == VIEWS[0], "thorough": False}
        result = transferrer(frame, **options, previous=stream.faces)
        stream = stream.after(result)
        return compose(result, view), hud(result, stream.fps()), stream

    camera.stream(
        show, [camera, view, mirror, state, chosen], [shown, note, state],
        api_visibility="private", show_progress="hidden", stream_every=0.05, time_limit=None,
        concurrency_limit=None, concurrency_id="live",
    )  # fmt: skip
    return camera


def hud(result: Result, fps: float) -> str:
    """Render the notes on the faces of a painted frame, their visibility, and the timings."""
    faces = (*result.faces, *result.refused)
    notes = html.notes(faces) if faces else html.message("No face in view.", "hint")
    return notes + html.timing(result.ms, fps, html.visibility(result.faces))


def compose(result: Result, view: str) -> Image:
    """Compose a painted frame in one of `VIEWS`; the frame itself if no face was redrawn."""
    if not result.faces or view == VIEWS[0]:
        return result.composed
    if view == VIEWS[1]:
        return side_by_side(result.frame, result.faces, result.refused)
    return max(result.faces, key=lambda face: face.aligned.face.box.width).picture()


def page() -> str:
    """Return the HTML of `/live`: only the avatar, for OBS. Its query parameters: see assets/js/live-page.js."""
    return (pictures.ASSETS / "live-page.html").read_text("utf-8")
