"""The tab *Emojify*: a photo or the live webcam in, emoji out; and the endpoint ``/emojify`` for programs."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from ..avatars import engine
from ..avatars.parameters import Parameters
from ..domains import portraits
from ..domains.styles import STYLES
from ..errors import UserError
from ..faces.compose import beside
from ..transfer import Transferrer
from ..types import Drawing, Face, Image, Kind, RefusedFace, Result, TransferredFace
from . import html, pictures
from .translations import Translations, dropdown, style_of

VIEWS = ("Over the face", "Beside", "Emoji alone")

KINDS = (("Drawn", "drawn"), ("Painted", "painted"))

ANEW = 0.5
"""Seconds for which live video keeps an avatar before c is asked again."""


class Live(NamedTuple):
    """What one viewer's live video remembers from frame to frame: where the faces are, their avatars and when c chose
    them, and when frames were done. No pictures."""

    faces: tuple[Face, ...] = ()
    avatars: tuple[tuple[Face, Drawing], ...] = ()
    chosen: float = 0.0
    times: tuple[float, ...] = ()

    def known(self) -> tuple[tuple[Face, Drawing], ...]:
        """The avatars that still stand."""
        return self.avatars if time.perf_counter() - self.chosen < ANEW else ()

    def after(self, result: Result) -> Live:
        """What is remembered once this frame is done."""
        now, kept = time.perf_counter(), [avatar for _, avatar in self.avatars]
        avatars = tuple((face.aligned.face, face.avatar) for face in result.faces if face.avatar)
        same = bool(avatars) and all(any(avatar is old for old in kept) for _, avatar in avatars)
        faces = tuple(face.aligned.face for face in (*result.faces, *result.refused))
        return Live(faces, avatars, self.chosen if same else now, (*self.times, now)[-12:])

    def fps(self) -> float:
        """Frames a second over the times kept; 0 before the second frame."""
        return (len(self.times) - 1) / (self.times[-1] - self.times[0]) if len(self.times) > 1 else 0.0


def warm_up(transferrer: Transferrer) -> None:
    """Load what loads late: the second detector, which is asked where the first finds nothing, and the artist's engine.
    A first photo would wait for them, four seconds on a slow machine."""
    transferrer(np.zeros((64, 64, 3), np.uint8))
    if transferrer.draws:
        engine.image(Parameters(transferrer.checkpoint.drawer.style), 64)


def fill(translations: Translations[Transferrer]) -> gr.Dropdown:
    """Fill the tab, inside a gr.Tab. Returns the list of translations."""
    with gr.Row(elem_id="choices"):
        chosen = dropdown(translations, "Style", elem_id="translation")
        offers = kinds(translations.first, "drawn")
        kind = gr.Radio(
            offers, value="drawn", label="Drawn or painted", show_label=False, container=False, elem_id="kind"
        )
    with gr.Tabs(elem_classes="modes"):
        with gr.Tab("Photo", id="photo"):
            _photo(translations, chosen, kind)
        with gr.Tab("Live webcam", id="live"):
            _live(translations, chosen, kind)
    _endpoint(translations.first)

    def offer(translation: str | None, kind: str) -> dict:
        try:
            return gr.update(choices=kinds(translations.get(translation), kind))
        except UserError:  # is said where a picture is asked for
            return gr.update()

    chosen.input(offer, [chosen, kind], kind, api_visibility="private", show_progress="hidden")
    return chosen


def kinds(transferrer: Transferrer, kind: str) -> list[tuple[str, str]]:
    """What the switch offers: (words, value). Where a style can't be drawn it says so, and the value stays."""
    return list(KINDS) if transferrer.draws else [("Painted only", kind)]


def credit(transferrer: Transferrer) -> str:
    """Whose hand a translation's emoji are; "" where that isn't known."""
    style = style_of(transferrer.checkpoint.info)
    return STYLES[style].credit if style in STYLES else ""


def _photo(translations: Translations[Transferrer], chosen: gr.Dropdown, kind: gr.Radio) -> None:
    quiet = {"show_label": False, "interactive": False, "buttons": ["download", "fullscreen"]}
    script = (pictures.ASSETS / "steps.js").read_text("utf-8")
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=320):
            photo = pictures.photo_input(portraits.free(), elem_id="photo")
            mirror = gr.Checkbox(False, label="Mirror the photo", container=False, elem_id="mirror")
        with gr.Column(scale=7, min_width=320):
            steps = gr.HTML(html.WAITING, js_on_load=script, apply_default_css=False, elem_id="steps")
            with gr.Column(visible=False, elem_id="views") as views, gr.Tabs():
                with gr.Tab("Compare"):
                    compare = pictures.slider(show_label=False, elem_id="compare", buttons=["fullscreen"])
                with gr.Tab(VIEWS[0]):
                    pasted = pictures.image(elem_id="pasted", **quiet)
                with gr.Tab(VIEWS[1]):
                    pair = pictures.image(elem_id="beside", **quiet)

    def show(url: str | None, mirrored: bool, translation: str | None, kind: Kind) -> tuple[Any, ...]:
        if not url:
            return html.WAITING, gr.update(visible=False), None, None, None
        try:
            transferrer, wanted = translations.get(translation), "both" if kind == "drawn" else kind
            result = transferrer(pictures.decode(url), mirror=mirrored, kind=wanted)
        except UserError as error:
            return html.message(str(error)), gr.update(visible=False), None, None, None
        pictured = (result.frame, result.composed), result.composed, beside(result.frame, result.faces, result.refused)
        return html.steps(result, credit(transferrer)), gr.update(visible=bool(result.faces)), *pictured

    gr.on(
        [photo.submit, mirror.change, chosen.input, kind.input], show, [photo, mirror, chosen, kind],
        [steps, views, compare, pasted, pair],
        api_visibility="private", show_progress="minimal", show_progress_on=steps, trigger_mode="always_last",
        concurrency_limit=2, concurrency_id="photo",
    )  # fmt: skip


def _live(translations: Translations[Transferrer], chosen: gr.Dropdown, kind: gr.Radio) -> None:
    options = gr.WebcamOptions(mirror=True, constraints={"video": {"width": 640, "height": 480}})
    with gr.Row(equal_height=True):
        camera = pictures.image(
            sources=["webcam"], streaming=True, label="Webcam", elem_id="camera", min_width=320,
            webcam_options=options,
        )  # fmt: skip
        shown = pictures.image(
            label="Emoji", interactive=False, elem_id="shown", buttons=["fullscreen"], min_width=320
        )  # fmt: skip
    note = gr.HTML(elem_id="live-note", apply_default_css=False)
    with gr.Row(elem_id="live-controls"):
        view = gr.Radio(list(VIEWS), value=VIEWS[0], show_label=False, container=False, elem_id="view")
        mirror = gr.Checkbox(True, label="Mirror", container=False, min_width=90, elem_id="live-mirror")
    state = gr.State(Live())

    def show(
        frame: Image | None, view: str, mirrored: bool, live: Live, translation: str | None, kind: Kind
    ) -> tuple[Any, ...]:
        if frame is None:
            return None, "", Live()
        try:
            transferrer = translations.get(translation)
        except UserError as error:
            return frame, html.message(str(error)), Live()
        # The browser sends what its preview shows, which is mirrored already.
        way = {"mirror": not mirrored, "kind": kind, "compose": view == VIEWS[0], "thorough": False}
        result = transferrer(frame, **way, previous=live.faces, known=live.known())
        live = live.after(result)
        return compose(result, view), hud(result, live.fps()), live

    camera.stream(
        show, [camera, view, mirror, state, chosen, kind], [shown, note, state],
        api_visibility="private", show_progress="hidden", stream_every=0.05, time_limit=None,
        concurrency_limit=None, concurrency_id="live",
    )  # fmt: skip


def hud(result: Result, fps: float) -> str:
    """What is said below a live frame: notes on its faces, how well they can be seen, and how fast it goes."""
    faces = (*result.faces, *result.refused)
    said = html.notes(faces) if faces else html.message("No face in view.", "hint")
    return said + html.timing(result.ms, fps, html.seen(result.faces))


def compose(result: Result, view: str) -> Image:
    """A live frame as the viewer chose to see it; the frame itself where no face was redrawn."""
    if not result.faces or view == VIEWS[0]:
        return result.composed
    return beside(result.frame, result.faces, result.refused) if view == VIEWS[1] else result.faces[0].picture()


def _endpoint(transferrer: Transferrer) -> None:
    def emojify(photo: str, mirror: bool = False) -> dict:
        """Redraw every face of a photo as an emoji. Nothing is stored.

        Args:
            photo: the picture file as a data URL or as base64.
            mirror: flip it left to right first.

        Returns:
            width, height: of the photo. faces: biggest first, each with its box (left, top, right, bottom in
            pixels), confidence (how well the face can be seen, 0..1), note (what is wrong where that is little, else
            null), kind ("drawn", or "painted" where the checkpoint can't draw), parameters (of the avatar drawn),
            sure (what it shows and how probably), svg (the avatar as text), drawn (transparent PNG of 512 pixels as
            data URL), all four null where kind is painted, and emoji_64 and emoji_256 (as painted, transparent PNG as
            data URLs). refused: faces of which too little can be seen, each with its box, confidence and note.
            pasted: the photo with the emoji over the faces, a JPEG as data URL. ms: milliseconds by stage.
            checkpoint: its name and hash.
        """
        try:
            return _record(transferrer(pictures.decode(photo), mirror=mirror), transferrer)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None

    gr.api(emojify, api_name="emojify", concurrency_limit=2, concurrency_id="photo")


def _record(result: Result, transferrer: Transferrer) -> dict[str, Any]:
    return {
        "width": result.frame.shape[1],
        "height": result.frame.shape[0],
        "faces": [_made(face) for face in result.faces],
        "refused": [_seen(face) for face in result.refused],
        "pasted": pictures.encode(result.composed, max_side=None),
        "ms": {stage: round(ms, 2) for stage, ms in result.ms.items()},
        "checkpoint": {"name": transferrer.checkpoint.name, "hash": transferrer.checkpoint.hash},
    }


def _made(face: TransferredFace) -> dict[str, Any]:
    svg, drawn = (face.avatar.svg(), pictures.encode(face.picture())) if face.avatar else (None, None)
    painted = {"emoji_64": pictures.encode(face.raw), "emoji_256": pictures.encode(face.image)}
    return {**_seen(face), **face.told(), "svg": svg, "drawn": drawn, **painted}


def _seen(face: TransferredFace | RefusedFace) -> dict[str, Any]:
    box = [round(float(v), 1) for v in face.aligned.face.box]
    sure = None if face.confidence is None else round(face.confidence, 4)
    return {"box": box, "confidence": sure, "note": face.note}
