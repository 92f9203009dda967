"""Results as HTML: the steps of a translation, messages and timings. Pictures are data URLs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

from ...core.errors import UserError
from ...core.images import PICTURE
from ...core.types import Image, RefusedFace, Result, TransferredFace
from ...faces.compose import draw_boxes
from .pictures import encode

NO_FACE = "No face found. Try a well lit photo with the face towards the camera, at least 40 pixels wide."

WAITING = """<div class="waiting"><ol>
<li><b>Find</b> the faces</li><li><b>Align</b> each by its eyes</li><li><b>Paint</b> it at 64 pixels</li>
<li><b>Refine</b> it to 256 pixels</li><li><b>Draw</b> it in the artist’s style</li></ol>
<p>Your emoji will appear here.</p></div>"""


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


def steps(result: Result, credit: str = "", note: str = "") -> str:
    """Render a result: the steps of each face, a gallery if there are several (assets/js/steps.js), and timings.

    The steps are detected → aligned → painted → refined, or detected → aligned for avatars, which the editor shows. A
    painted result is shown large with a download link. Faces that weren't redrawn, or no faces, are explained.

    Args:
        result: of a photo.
        credit: artist of the style.
        note: about the file.
    """
    n = len(result.faces) + len(result.refused)
    about = message(note, "hint") if note else ""
    if not n:
        return message(NO_FACE, "hint") + about + timing(result.ms)
    boxed = encode(draw_boxes(result.frame, result.faces, result.refused, bold=2.5), 900)
    count = "1 face" if n == 1 else f"{n} faces"
    detected = _figure(boxed, "Detected", count, "found")
    announcement = f"{count} found: the emoji is ready."
    if result.faces and result.faces[0].confidence is None:  # the style takes the whole picture
        detected = _figure(boxed, "Taken", "the middle square", "found")
        announcement = "The result is ready."
    faces = "".join(_face_steps(n, face, credit) for n, face in enumerate(result.faces, 1))
    gallery = _gallery(result.faces) if len(result.faces) > 1 else ""
    turned = message("The photo was not upright and has been rotated.", "hint") if result.rotation else ""
    letters = LETTERS if any(face.raw is not None for face in result.faces) else ""
    say = f'data-say="{announcement}"' if result.faces else ""
    steps = f'<div class="steps" {say}>{detected}{faces}</div>{gallery}'
    return f"{turned}{about}{_refused_faces(result)}{steps}{timing(result.ms)}{letters}"


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


def _face_steps(number: int, face: TransferredFace, credit: str) -> str:
    """Render the pictures of one face. The editor shows its avatar; a painted result is shown here."""
    aligned = ("Cut out", "") if face.confidence is None else ("Aligned", f"face {number}")
    before = [(encode(face.aligned.image), *aligned, "")]
    if face.raw is not None:
        before.append((encode(face.raw), "Painted", f"{face.raw.shape[0]} px, g", "pixels"))
        before.append((encode(face.image), "Refined", f"{face.image.shape[0]} px, SR", "smooth"))
    about = f'<p class="sure">{visibility([face])}</p>{notes([face])}'
    if face.avatar:
        result = f'<div class="about">{about}</div>'
    else:
        refined = before.pop()
        link = f'<a class="download png" download="emoji-{number}.png" href="{refined[0]}">Download PNG</a>'
        about += f'<div class="downloads">{link}</div>'
        about += f'<p class="credit">Style: {escape(credit)}</p>' if credit else ""
        result = f'<div class="result">{_figure(*refined[:3], "emoji painted")}<div class="about">{about}</div></div>'
    small = "".join(_figure(*picture) for picture in before)
    hidden = "" if number == 1 else " hidden"
    return f'<div class="face-steps" data-face="{number}"{hidden}>{small}{result}</div>'


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


def _gallery(faces: tuple[TransferredFace, ...]) -> str:
    buttons = "".join(
        f'<button type="button" data-pick="{n}" aria-pressed="{str(n == 1).lower()}">'
        f'<img src="{encode(face.picture(160))}" alt="Emoji of face {n}"><span>{n}</span></button>'
        for n, face in enumerate(faces, 1)
    )
    return f'<div class="gallery" role="group" aria-label="Pick a face">{buttons}</div>'


def timing(ms: dict[str, float], fps: float | None = None, sure: str = "") -> str:
    """Render total milliseconds and those of each stage; for live video, frames per second and `seen` before them."""
    stages = [f"{stage} {_short(value)}" for stage, value in ms.items() if stage != "total"]
    rate = "" if fps is None else f"<b>{fps:.1f} FPS</b> · "
    sure = sure and f"<b>{sure}</b> · "
    return f'<p class="timing">{sure}{rate}<b>{_short(ms.get("total", 0))} ms</b> · {" · ".join(stages)}</p>'


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"
