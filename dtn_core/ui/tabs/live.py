"""The mode *Live webcam*. Drawn avatars: the browser sends small pictures, hears who is there and how they move, and
draws (assets/live*.js). Painted emoji travel as pictures both ways."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import gradio as gr

from ...core.errors import UserError
from ...core.types import Face, Image, Result
from ...faces.compose import side_by_side
from ...pipeline.photo import Transferrer
from ..components import html, pictures
from ..gradio_internals import SECONDARY_LISTENER, image
from ..translations import Translations

VIEWS = ("In the photo", "Beside it", "Alone")
"""Of painted emoji."""


class Stream(NamedTuple):
    """What one viewer's painted stream remembers from frame to frame: where the faces are, and when frames were done.
    No pictures."""

    faces: tuple[Face, ...] = ()
    times: tuple[float, ...] = ()

    def after(self, result: Result) -> Stream:
        """What is remembered once this frame is done."""
        faces = tuple(face.aligned.face for face in (*result.faces, *result.refused))
        return Stream(faces, (*self.times, time.perf_counter())[-12:])

    def fps(self) -> float:
        """Frames a second over the times kept; 0 before the second frame."""
        return (len(self.times) - 1) / (self.times[-1] - self.times[0]) if len(self.times) > 1 else 0.0


def fill(translations: Translations[Transferrer], chosen: gr.Dropdown, kind: gr.Radio) -> gr.Image:
    """Fill the mode, inside a gr.Tab. Returns the webcam of the painted stream."""
    draws = translations.first.draws
    stage = gr.HTML(
        ["", "drawn" if draws else "painted"], html_template=(pictures.ASSETS / "live.html").read_text("utf-8"),
        js_on_load=pictures.scripts("live-draw", "live-socket", "live", "gif", "live-tab"), apply_default_css=False,
        elem_id="live-stage",
    )  # fmt: skip
    with gr.Column(visible=not draws, elem_id="live-painted") as column:
        camera = _painted(translations, chosen)

    def choose(translation: str | None, kind: str) -> tuple[list[str], dict[str, Any]]:
        try:
            transferrer = translations.get(translation)
        except UserError:  # is said where a picture is asked for
            return [translation or "", "drawn"], gr.update(visible=False)
        drawn = transferrer.draws and (kind == "drawn" or not transferrer.paints)
        return [translation or "", "drawn" if drawn else "painted"], gr.update(visible=not drawn)

    gr.on([chosen.change, kind.change], choose, [chosen, kind], [stage, column], **SECONDARY_LISTENER)
    return camera


def _painted(translations: Translations[Transferrer], chosen: gr.Dropdown) -> gr.Image:
    """The stream of painted emoji. Returns the webcam."""
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
        # The browser sends what its preview shows, which is mirrored already.
        kind = "painted" if transferrer.paints else "drawn"
        way = {"mirror": not mirrored, "kind": kind, "compose": view == VIEWS[0], "thorough": False}
        result = transferrer(frame, **way, previous=stream.faces)
        stream = stream.after(result)
        return compose(result, view), hud(result, stream.fps()), stream

    camera.stream(
        show, [camera, view, mirror, state, chosen], [shown, note, state],
        api_visibility="private", show_progress="hidden", stream_every=0.05, time_limit=None,
        concurrency_limit=None, concurrency_id="live",
    )  # fmt: skip
    return camera


def hud(result: Result, fps: float) -> str:
    """What is said below a painted frame: notes on its faces, how well they can be seen, and how fast it goes."""
    faces = (*result.faces, *result.refused)
    said = html.notes(faces) if faces else html.message("No face in view.", "hint")
    return said + html.timing(result.ms, fps, html.seen(result.faces))


def compose(result: Result, view: str) -> Image:
    """A painted frame as the viewer chose to see it; the frame itself where no face was redrawn."""
    if not result.faces or view == VIEWS[0]:
        return result.composed
    if view == VIEWS[1]:
        return side_by_side(result.frame, result.faces, result.refused)
    return max(result.faces, key=lambda face: face.aligned.face.box.width).picture()


def page() -> str:
    """The HTML of `/live`: the avatar alone, for OBS. What is wanted of it stands in its address, see live-page.js."""
    template = (pictures.ASSETS / "live-page.html").read_text("utf-8")
    return template.replace("{{scripts}}", pictures.scripts("live-draw", "live-socket", "live", "live-page"))
