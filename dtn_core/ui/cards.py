"""Results as HTML: the steps of a translation, messages, the line of milliseconds. Pictures are data URLs."""

from __future__ import annotations

import html

from ..faces.compose import draw_boxes
from ..types import Result, TransferredFace
from .pictures import encode

NO_FACE = "No face found. Try a well lit photo with the face towards the camera, at least 40 pixels wide."

WAITING = """<div class="waiting"><ol>
<li><b>Find</b> the faces</li><li><b>Align</b> each by its eyes</li>
<li><b>Redraw</b> it as an emoji</li><li><b>Refine</b> it to 256 pixels</li></ol>
<p>Your emoji appears here.</p></div>"""


def message(text: str, kind: str = "error") -> str:
    """A visible line for people, such as a ValueError's; kind: "error" or "hint"."""
    text = text.removeprefix("the picture: ")
    return f'<p class="message {kind}" role="alert">{html.escape(text[:1].upper() + text[1:])}</p>'


def steps(result: Result) -> str:
    """Detected → aligned → emoji 64 → emoji 256 of each face, a gallery to pick one of several (with
    assets/story.js), downloads, and the milliseconds. Without a face: the message that says so."""
    if not result.faces:
        return message(NO_FACE, "hint") + timing(result.ms)
    boxed = encode(draw_boxes(result.frame, result.faces), 900)
    count = "1 face" if len(result.faces) == 1 else f"{len(result.faces)} faces"
    found = _figure(boxed, "Detected", count, "found")
    parts = "".join(_face_steps(n, face) for n, face in enumerate(result.faces, 1))
    gallery = _gallery(result.faces) if len(result.faces) > 1 else ""
    return f'<div class="steps">{found}{parts}</div>{gallery}{timing(result.ms)}'


def _face_steps(number: int, face: TransferredFace) -> str:
    emoji = encode(face.image)
    pictures = [
        (encode(face.aligned.image), "Aligned", f"face {number}", ""),
        (encode(face.raw), "Emoji", f"{face.raw.shape[0]} px", "pixels"),
        (emoji, "Refined", f"{face.image.shape[0]} px", "emoji"),
    ]
    figures = "".join(_figure(*picture) for picture in pictures)
    hidden = "" if number == 1 else " hidden"
    save = f'<a class="download" download="emoji-{number}.png" href="{emoji}">Download transparent PNG</a>'
    return f'<div class="face-steps" data-face="{number}"{hidden}>{figures}{save}</div>'


def _figure(url: str, name: str, detail: str, kind: str) -> str:
    caption = f"<figcaption>{name} <i>{detail}</i></figcaption>"
    return f'<figure class="{kind}"><img src="{url}" alt="{name}, {detail}">{caption}</figure>'


def _gallery(faces: tuple[TransferredFace, ...]) -> str:
    buttons = "".join(
        f'<button type="button" data-pick="{n}" aria-pressed="{str(n == 1).lower()}">'
        f'<img src="{encode(face.image)}" alt="Emoji of face {n}"><span>{n}</span></button>'
        for n, face in enumerate(faces, 1)
    )
    return f'<div class="gallery" role="group" aria-label="Pick a face">{buttons}</div>'


def timing(ms: dict[str, float], fps: float | None = None) -> str:
    """One quiet line: milliseconds in all and by stage, and frames a second in live video."""
    stages = [f"{stage} {_short(value)}" for stage, value in ms.items() if stage != "total"]
    rate = "" if fps is None else f"<b>{fps:.1f} FPS</b> · "
    return f'<p class="timing">{rate}<b>{_short(ms.get("total", 0))} ms</b> · {" · ".join(stages)}</p>'


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"
