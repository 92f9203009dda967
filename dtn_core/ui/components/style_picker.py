"""The style picker of *Emojify*: a thumbnail of each style, first of a sample avatar, then of the user's own face."""

from __future__ import annotations

import io
from html import escape
from typing import Any, NamedTuple

import cv2
import gradio as gr
from PIL import Image as PILImage
from torch import Tensor

from ...avatars import engine
from ...avatars.parameters import Parameters
from ...avatars.styles import LISTED_STYLES
from ...core import images
from ...core.errors import UserError
from ...core.types import Image
from ...faces.align import align
from ...faces.detect import detect_upright
from ...faces.photos import load_photo
from ...faces.quality import judge
from ...pipeline.photo import Transferrer
from ..access.admission import ServerFunctions, check_cancelled
from ..gradio_internals import SECONDARY_LISTENER
from ..translations import EXPERIMENTAL, Translations, style_of
from . import pictures
from .scripts import component_script

SIDE = 128
"""Side of a painted thumbnail in pixels; drawn thumbnails are vectors."""

MAX_SIDE = 1600
"""Longest side in pixels of the copy of a photo in which the face is searched."""

MORE_STYLES = """<button type="button" class="more-styles" aria-expanded="false">More styles
<i>experimental</i></button>"""

SAMPLES = {
    "avataaars": Parameters(
        "avataaars",
        {"top": "curly", "mouth": "smile", "clothes": "hoodie"},
        {"hair": "#724133", "skin": "#edb98a", "clothes": "#65c9ff"},
    ),
    "toon-head": Parameters(
        "toon-head",
        {"hair": "sideComed", "rearHair": "longWavy", "mouth": "laugh", "clothes": "turtleNeck"},
        {"hair": "#724133", "clothes": "#0b3286"},
    ),
    "lorelei": Parameters(
        "lorelei",
        {"hair": "variant35", "head": "variant02", "eyes": "variant14", "eyebrows": "variant05", "mouth": "happy05"},
        {"hair": "#724133", "skin": "#edb98a"},
    ),
}
"""Avatars that drawn styles show before there is a photo."""


def picker(translations: Translations[Transferrer], chosen: gr.Dropdown, functions: ServerFunctions) -> gr.HTML:
    """Create a radio group of the app's own translation and the shipped ones, kept in sync with the full list.

    Args:
        translations: all translations.
        chosen: the list of all of them.
        functions: the queues through which the page calls the server function.
    """

    def thumbnails(photo: Any) -> dict[str, str]:
        try:
            return own_thumbnails(translations, str(photo["url"]), bool(photo["mirror"]))
        except (UserError, KeyError, TypeError):  # the photo's own component shows the error
            return {}

    buttons = "".join(_button(key, entry) for key, entry in offered(translations).items())
    template = f'<div class="styles" role="radiogroup" aria-label="Style">{buttons}</div>{MORE_STYLES}'
    group = gr.HTML(
        "", html_template=template, js_on_load=component_script("style-picker"),
        server_functions=[functions.pictures(thumbnails)], apply_default_css=False, elem_id="styles",
    )  # fmt: skip
    group.select(None, group, chosen, js="(key) => key", api_visibility="private", show_progress="hidden")
    chosen.change(None, chosen, None, js=_dispatch("styles:chosen", "key", "key"), **SECONDARY_LISTENER)
    return group


def follow(shown: Any, photo: gr.HTML, mirror: gr.Checkbox) -> None:
    """Update the thumbnails with the face of a photo after `shown`, the event that shows the photo."""
    script = _dispatch("styles:photo", "url, mirror", "{ url, mirror }")
    shown.then(None, [photo, mirror], None, js=script, api_visibility="private", show_progress="hidden")


def _dispatch(name: str, arguments: str, detail: str) -> str:
    """Return JavaScript that dispatches an event on the window."""
    return f"({arguments}) => {{ window.dispatchEvent(new CustomEvent('{name}', {{ detail: {detail} }})); return []; }}"


class StyleEntry(NamedTuple):
    """A style on offer.

    Attributes:
        title: shown below the thumbnail.
        credit: artist and licence; "" if unknown.
        sample: data URL of a sample picture; "" if there is none.
        experimental: whether it is shown among "More styles" only.
    """

    title: str
    credit: str = ""
    sample: str = ""
    experimental: bool = False


def offered(translations: Translations[Transferrer]) -> dict[str, StyleEntry]:
    """Return the styles on offer by their keys."""
    first = translations.first.checkpoint
    infos = {name: translations.info(name) for name in translations.shipped() if name != first.name}
    order = list(LISTED_STYLES)
    names = sorted(infos, key=lambda name: order.index(style_of(infos[name])) if style_of(infos[name]) else len(order))
    shipped = first.name in translations.shipped()
    default = {"": _entry(style_of(first.info), first.name, shipped)}
    return default | {name: _entry(style_of(infos[name]), name) for name in names}


def _entry(style: str | None, name: str, shipped: bool = True) -> StyleEntry:
    """Return an entry of `offered`; a checkpoint that isn't shipped is called by its own name."""
    if style not in LISTED_STYLES:
        return StyleEntry(name)
    record = LISTED_STYLES[style]
    if style in SAMPLES:
        sample = pictures.data_url(engine.svg(SAMPLES[style]).encode(), "image/svg+xml")
    else:
        sample = pictures.data_url((pictures.ASSETS / f"{style}.webp").read_bytes(), "image/webp")
    title = record.title if shipped else name
    return StyleEntry(title, f"{record.credit}.", sample, style in EXPERIMENTAL and shipped)


def _button(key: str, entry: StyleEntry) -> str:
    """Return one radio button; the first style, whose key is "", is checked."""
    is_first = not key
    hidden = "hidden" if entry.experimental and not is_first else ""
    description = f'title="{escape(entry.credit)}" aria-description="{escape(entry.credit)}"' if entry.credit else ""
    return (
        f'<button type="button" class="style" role="radio" data-key="{escape(key)}" data-sample="{entry.sample}" '
        f'{description} aria-checked="{str(is_first).lower()}" tabindex="{0 if is_first else -1}" {hidden}>'
        f'<img src="{entry.sample}" alt=""><span>{escape(entry.title)}</span></button>'
    )


def own_thumbnails(translations: Translations[Transferrer], url: str, mirror: bool) -> dict[str, str]:
    """Redraw the largest face of a photo in every style on offer.

    Translations that share an encoder f run it once.

    Returns:
        key of `offered` → data URL; empty where no face can be redrawn.

    Raises:
        UserError: as `pictures.decode`.
    """
    frame = _scaled(load_photo(pictures.content_of(url), min_side=MAX_SIDE).picture)
    if mirror:
        frame = frame[:, ::-1].copy()
    frame, faces, _ = detect_upright(frame, max_faces=1)
    heads = [align(frame, face) for face in faces]
    if not heads or judge(frame, heads[0]).refused:
        return {}
    features: dict[Any, tuple[Tensor, Tensor]] = {}
    thumbnails = {}
    for key in offered(translations):
        check_cancelled()
        try:
            transferrer = translations.get(key)
        except UserError:  # shown when that style is picked
            continue
        if not transferrer.takes_whole_pictures:
            thumbnails[key] = _thumbnail(transferrer, heads[0].image, features)
    return thumbnails


def _scaled(photo: Image) -> Image:
    """Scale a photo down to `MAX_SIDE`: a thumbnail needs no more, and the search takes memory by the pixel."""
    height, width = photo.shape[:2]
    scale = MAX_SIDE / max(height, width)
    if scale >= 1:
        return photo
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA)


def _thumbnail(transferrer: Transferrer, head: Image, cached: dict[Any, Tensor]) -> str:
    """Redraw an aligned face. cached: f's features of this face by `_shared_f`, added to."""
    x = images.to_tensor([head]).to(transferrer.device)
    c = transferrer.checkpoint.predictor
    if c:
        shared = _shared_f(transferrer)
        if shared not in cached:
            cached[shared] = c.f(x)
        (avatar,) = c.decide(transferrer.with_appearance(c.read(cached[shared]), x))
        return pictures.data_url(avatar.svg().encode(), "image/svg+xml")
    return _webp(images.to_images(transferrer.upscale(transferrer.transfer(x)))[0])


def _shared_f(transferrer: Transferrer) -> Any:
    """Return what identifies c's f: the hash of the checkpoint that it is shared from, or the network itself."""
    info = transferrer.checkpoint.info
    c = transferrer.checkpoint.predictor
    stem = "encoder" if c.f is transferrer.checkpoint.f else "avatar-encoder"
    return info.get("shared", {}).get(stem, {}).get("hash", c.f)


def _webp(picture: Image) -> str:
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    PILImage.fromarray(small).save(buffer, "webp", quality=85)
    return pictures.data_url(buffer.getvalue(), "image/webp")
