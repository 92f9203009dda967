"""Results as HTML: the steps of a translation, messages and timings. Pictures are data URLs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

from ...core.errors import UserError
from ...core.images import PICTURE
from ...core.types import Image, RefusedFace, Result, TransferredFace
from ...faces.compose import draw_boxes
from .pictures import data_url, encode

NO_FACE = "No face found. Try a well lit photo with the face towards the camera, at least 40 pixels wide."

LETTERS = """<p class="letters">The encoder, f, extracts features of the picture; the generator, g, paints a small
picture from them; super-resolution, SR, refines it.</p>"""


def message(text: str | UserError, kind: str = "error") -> str:
    """Render a message as HTML. kind: "error", "hint" or "agree"."""
    return f'<p class="message {kind}" role="alert">{escape(sentence(text))}</p>'


def sentence(text: str | UserError) -> str:
    """Capitalise a message. The error of an unnamed picture, which is shown beside it, loses its subject."""
    if isinstance(text, UserError) and text.subject == PICTURE:
        text = text.with_subject("")
    line = str(text)
    return line[:1].upper() + line[1:]


def messages(result: Result, note: str = "") -> str:
    """Render what there is to say about a result, and announce it to screen readers.

    Args:
        result: of a photo.
        note: about the file.
    """
    n = len(result.faces) + len(result.refused)
    parts = message("The photo was not upright and has been rotated.", "hint") if result.rotation else ""
    parts += message(note, "hint") if note else ""
    if not n:
        return message(NO_FACE, "hint") + parts
    parts += _refused_faces(result) + notes(result.faces)
    announcement = ""
    if result.faces:
        announcement = f"{_count(n)} found: the emoji is ready."
        if result.faces[0].confidence is None:  # the style takes the whole picture
            announcement = "The result is ready."
    return f'<div data-say="{announcement}">{parts}</div>'


def _count(faces: int) -> str:
    return "1 face" if faces == 1 else f"{faces} faces"


def steps(result: Result) -> str:
    """Render how a result was made: the steps of each face (assets/js/steps.js shows one face), and timings.

    The steps are detected → aligned → painted → refined → drawn, as far as there are pictures of them.
    """
    n = len(result.faces) + len(result.refused)
    if not n:
        return f'<details class="how"><summary>How it was made</summary>{timing(result.ms)}</details>'
    boxed = encode(draw_boxes(result.frame, result.faces, result.refused, bold=2.5), 900)
    detected = _figure(boxed, "Detected", _count(n), "found")
    if result.faces and result.faces[0].confidence is None:
        detected = _figure(boxed, "Taken", "the middle square", "found")
    faces = "".join(_face_steps(number, face) for number, face in enumerate(result.faces, 1))
    letters = LETTERS if any(face.raw is not None for face in result.faces) else ""
    body = f'<div class="steps">{detected}{faces}</div>{timing(result.ms)}{letters}'
    return f'<details class="how"><summary>How it was made</summary>{body}</details>'


def _refused_faces(result: Result) -> str:
    """Render a message for each reason why faces weren't redrawn."""
    n = len(result.faces) + len(result.refused)
    messages = ""
    for note, count in Counter(face.note for face in result.refused).items():
        unchanged = "stays as it is" if count == 1 else "stay as they are"
        messages += message(note if n == 1 else f"{count} of {n} faces {unchanged}. {note}", "hint")
    return messages


def notes(faces: Iterable[TransferredFace | RefusedFace]) -> str:
    """Render the notes of faces as messages, each once."""
    return "".join(message(note, "hint") for note in dict.fromkeys(face.note for face in faces) if note)


def visibility(faces: Iterable[TransferredFace]) -> str:
    """Render the confidence of faces, "… 87%" or "… 87%, 64%"; "" if none was searched for."""
    shares = [f"{face.confidence:.0%}" for face in faces if face.confidence is not None]
    return f"Face visibility: {', '.join(shares)}" if shares else ""


def _face_steps(number: int, face: TransferredFace) -> str:
    """Render the pictures of one face."""
    aligned = ("Cut out", "") if face.confidence is None else ("Aligned", f"face {number}")
    figures = _figure(encode(face.aligned.image), *aligned, kind="")
    if face.raw is not None:
        figures += _figure(encode(face.raw), "Painted", f"{face.raw.shape[0]} px, g", "pixels")
        figures += _figure(encode(face.image), "Refined", f"{face.image.shape[0]} px, SR", "smooth")
    if face.avatar:
        figures += _figure(data_url(face.avatar.svg().encode(), "image/svg+xml"), "Drawn", "by the artist’s engine", "")
    hidden = "" if number == 1 else " hidden"
    seen = f'<p class="sure">{visibility([face])}</p>'
    return f'<div class="face-steps" data-face="{number}"{hidden}>{figures}{seen}</div>'


def _figure(url: str, name: str, detail: str, kind: str) -> str:
    caption = f"<figcaption>{name} <i>{detail}</i></figcaption>"
    return f'<figure class="{kind}"><img src="{url}" alt="{name}, {detail}">{caption}</figure>'


def compare(before: Image, after: Image) -> str:
    """Render two pictures of the same size with a slider between them."""
    return (
        f'<div class="compare"><img src="{encode(before)}" alt="The photo"><img src="{encode(after)}" alt="The result">'
        '<input type="range" value="50" aria-label="Visible part of the photo in percent" '
        "oninput=\"this.parentNode.style.setProperty('--at', this.value + '%')\"></div>"
    )


def view(picture: Image, alt: str) -> str:
    """Render a large picture with a download link."""
    return (
        f'<figure class="view"><img src="{encode(picture)}" alt="{alt}"><a class="quiet-button" href="#" '
        'download="emoji.jpg" onclick="this.href = this.previousSibling.src">Download</a></figure>'
    )


def timing(ms: dict[str, float], fps: float | None = None, sure: str = "") -> str:
    """Render total milliseconds and those of each stage; for live video, frames per second and `seen` before them."""
    stages = [f"{stage} {_short(value)}" for stage, value in ms.items() if stage != "total"]
    rate = "" if fps is None else f"<b>{fps:.1f} FPS</b> · "
    sure = sure and f"<b>{sure}</b> · "
    return f'<p class="timing">{sure}{rate}<b>{_short(ms.get("total", 0))} ms</b> · {" · ".join(stages)}</p>'


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"
