"""Results as HTML: the steps of a translation, messages, the line of milliseconds. Pictures are data URLs."""

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
<li><b>Find</b> the faces</li><li><b>Align</b> each by its eyes</li><li><b>Paint</b> it, 64 pixels</li>
<li><b>Refine</b> that to 256</li><li><b>Draw</b> it as the artist would</li></ol>
<p>Your emoji appears here.</p></div>"""


LETTERS = """<p class="letters">The encoder, f, reads what is in the picture; the generator, g, paints that on few
pixels; super-resolution, SR, refines the painting.</p>"""


def message(text: str | UserError, kind: str = "error") -> str:
    """A visible line for people; kind: "error" or "hint"."""
    return f'<p class="message {kind}" role="alert">{escape(sentence(text))}</p>'


def sentence(text: str | UserError) -> str:
    """A line as a sentence. An error about a picture without a name stands beside it, and doesn't name it again."""
    if isinstance(text, UserError) and text.subject == PICTURE:
        text = text.about("")
    line = str(text)
    return line[:1].upper() + line[1:]


def steps(result: Result, credit: str = "") -> str:
    """Detected → aligned → painted → refined of each face, or → aligned where it is only drawn; a gallery to pick
    one of several (with assets/steps.js); the milliseconds. What is drawn of it stands in the editor; what is painted
    ends with refined, large, with a download. Faces that are left as they are: why. Without a face: the message that
    says so. credit: whose hand."""
    n = len(result.faces) + len(result.refused)
    if not n:
        return message(NO_FACE, "hint") + timing(result.ms)
    boxed = encode(draw_boxes(result.frame, result.faces, result.refused, bold=2.5), 900)
    count = "1 face" if n == 1 else f"{n} faces"
    found, news = _figure(boxed, "Detected", count, "found"), f"{count} found: the emoji is ready."
    if result.faces and result.faces[0].confidence is None:  # no face was looked for
        found, news = _figure(boxed, "Taken", "the middle square", "found"), "The result is ready."
    parts = "".join(_face_steps(n, face, credit) for n, face in enumerate(result.faces, 1))
    gallery = _gallery(result.faces) if len(result.faces) > 1 else ""
    turned = message("The photo lay on its side and was turned upright.", "hint") if result.turned else ""
    letters = LETTERS if any(face.raw is not None for face in result.faces) else ""
    say = f'data-say="{news}"' if result.faces else ""
    shown = f'<div class="steps" {say}>{found}{parts}</div>{gallery}'
    return f"{turned}{_left_alone(result)}{shown}{timing(result.ms)}{letters}"


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


def seen(faces: Iterable[TransferredFace]) -> str:
    """How well faces can be seen, "… 87%" or "… 87%, 64%"; "" where none was looked for."""
    shares = [f"{face.confidence:.0%}" for face in faces if face.confidence is not None]
    return f"How well the face can be seen: {', '.join(shares)}" if shares else ""


def _face_steps(number: int, face: TransferredFace, credit: str) -> str:
    """Its pictures; what is drawn stands in the editor, what is painted here, large."""
    aligned = ("Cut out", "") if face.confidence is None else ("Aligned", f"face {number}")
    before = [(encode(face.aligned.image), *aligned, "")]
    if face.raw is not None:
        before.append((encode(face.raw), "Painted", f"{face.raw.shape[0]} px, g", "pixels"))
        before.append((encode(face.image), "Refined", f"{face.image.shape[0]} px, SR", "smooth"))
    about = f'<p class="sure">{seen([face])}</p>{notes([face])}'
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
    """Two pictures of one size over each other, and a handle to slide the border between them."""
    return (
        f'<div class="compare"><img src="{encode(before)}" alt="The photo"><img src="{encode(after)}" alt="The result">'
        '<input type="range" value="50" aria-label="Share of the photo in percent" '
        "oninput=\"this.parentNode.style.setProperty('--at', this.value + '%')\"></div>"
    )


def view(picture: Image, alt: str) -> str:
    """A large picture, and a link that saves what it shows."""
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
    """One quiet line: milliseconds in all and by stage; in live video frames a second and `seen` before them."""
    stages = [f"{stage} {_short(value)}" for stage, value in ms.items() if stage != "total"]
    rate = "" if fps is None else f"<b>{fps:.1f} FPS</b> · "
    sure = sure and f"<b>{sure}</b> · "
    return f'<p class="timing">{sure}{rate}<b>{_short(ms.get("total", 0))} ms</b> · {" · ".join(stages)}</p>'


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"
