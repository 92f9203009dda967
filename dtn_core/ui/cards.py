"""Results as HTML: the steps of a translation, messages, the line of milliseconds. Pictures are data URLs."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable

from ..faces.compose import draw_boxes
from ..types import RefusedFace, Result, TransferredFace
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
    assets/story.js), downloads, and the milliseconds. Faces that are left as they are: why. Without a face: the message
    that says so."""
    n = len(result.faces) + len(result.refused)
    if not n:
        return message(NO_FACE, "hint") + timing(result.ms)
    boxed = encode(draw_boxes(result.frame, result.faces, result.refused), 900)
    found = _figure(boxed, "Detected", "1 face" if n == 1 else f"{n} faces", "found")
    parts = "".join(_face_steps(n, face) for n, face in enumerate(result.faces, 1))
    gallery = _gallery(result.faces) if len(result.faces) > 1 else ""
    return f'{_left_alone(result)}<div class="steps">{found}{parts}</div>{gallery}{timing(result.ms)}'


def _left_alone(result: Result) -> str:
    """A message for every reason why faces stay as they are."""
    n = len(result.faces) + len(result.refused)
    said = ""
    for note, count in Counter(face.note for face in result.refused).items():
        stay = "stays as it is" if count == 1 else "stay as they are"
        said += message(note if n == 1 else f"{count} of {n} faces {stay}. {note}", "hint")
    return said


def notes(faces: Iterable[TransferredFace | RefusedFace]) -> str:
    """What the notes of faces say, each once, as messages."""
    return "".join(message(note, "hint") for note in dict.fromkeys(face.note for face in faces) if note)


def confidence(faces: Iterable[TransferredFace]) -> str:
    """How well faces can be seen: "Confidence 87%", or "Confidence 87%, 64%"; "" where none was looked for."""
    shares = [f"{face.confidence:.0%}" for face in faces if face.confidence is not None]
    return f"Confidence {', '.join(shares)}" if shares else ""


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
    under = f'<div class="under"><p class="sure">{confidence([face])}</p>{save}</div>'
    return f'<div class="face-steps" data-face="{number}"{hidden}>{figures}{notes([face])}{under}</div>'


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


def timing(ms: dict[str, float], fps: float | None = None, sure: str = "") -> str:
    """One quiet line: milliseconds in all and by stage; in live video frames a second and `confidence` before them."""
    stages = [f"{stage} {_short(value)}" for stage, value in ms.items() if stage != "total"]
    rate = "" if fps is None else f"<b>{fps:.1f} FPS</b> · "
    sure = sure and f"<b>{sure}</b> · "
    return f'<p class="timing">{sure}{rate}<b>{_short(ms.get("total", 0))} ms</b> · {" · ".join(stages)}</p>'


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"
