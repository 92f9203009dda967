"""The styles to pick from in *Emojify*: a thumbnail each, of the style's own avatar, then of one's own face."""

from __future__ import annotations

import io
from html import escape
from typing import Any

import cv2
import gradio as gr
from PIL import Image as PILImage
from torch import Tensor

from .. import images
from ..avatars import engine
from ..avatars.parameters import Parameters
from ..domains.styles import SHOWN
from ..errors import UserError
from ..faces.align import align
from ..faces.detect import detect_upright
from ..faces.quality import judge
from ..transfer import Transferrer
from ..types import Image
from . import pictures
from .gradio_internals import ALONGSIDE
from .translations import EXPERIMENTAL, Translations, style_of

SIDE = 128
"""Of a painted thumbnail, in pixels; drawn ones are vectors."""

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
"""What a drawn style shows before there is a photo."""


def picker(translations: Translations[Transferrer], chosen: gr.Dropdown) -> gr.HTML:
    """A radio group of the translation that the app was started with and of the shipped ones; picking one sets the
    list of all translations, and the other way round."""

    def thumbnails(photo: Any) -> dict[str, str]:
        try:
            return own(translations, str(photo["url"]), bool(photo["mirror"]))
        except (UserError, KeyError, TypeError):  # what is wrong with the photo is said beside it
            return {}

    buttons = "".join(_button(key, *shown, first=not key) for key, shown in offered(translations).items())
    template = f'<div class="styles" role="radiogroup" aria-label="Style">{buttons}</div>'
    script = (pictures.ASSETS / "styles.js").read_text("utf-8")
    group = gr.HTML(
        "", html_template=template, js_on_load=script, server_functions=[thumbnails], apply_default_css=False,
        elem_id="styles",
    )  # fmt: skip
    group.select(None, group, chosen, js="(key) => key", api_visibility="private", show_progress="hidden")
    chosen.change(None, chosen, None, js=_tell("styles:chosen", "key", "key"), **ALONGSIDE)
    return group


def follow(shown: Any, photo: gr.HTML, mirror: gr.Checkbox) -> None:
    """Once a photo is shown (the event of that), the thumbnails become its face."""
    script = _tell("styles:photo", "url, mirror", "{ url, mirror }")
    shown.then(None, [photo, mirror], None, js=script, api_visibility="private", show_progress="hidden")


def _tell(name: str, arguments: str, detail: str) -> str:
    return f"({arguments}) => {{ window.dispatchEvent(new CustomEvent('{name}', {{ detail: {detail} }})); return []; }}"


def offered(translations: Translations[Transferrer]) -> dict[str, tuple[str, str, str]]:
    """Key → what people call it, its credit, and its picture before there is a photo."""
    first = translations.first.checkpoint
    infos = {name: translations.info(name) for name in translations.shipped() if name != first.name}
    order = list(SHOWN)
    names = sorted(infos, key=lambda name: order.index(style_of(infos[name])) if style_of(infos[name]) else len(order))
    shipped = first.name in translations.shipped()
    made = {"": _described(style_of(first.info), first.name, shipped)}
    return made | {name: _described(style_of(infos[name]), name) for name in names}


def _described(style: str | None, name: str, shipped: bool = True) -> tuple[str, str, str]:
    """See `offered`; what isn't shipped goes by its own name."""
    if style not in SHOWN:
        return name, "", ""
    record = SHOWN[style]
    title = record.title if shipped else name
    credit = f"{record.credit}. Experimental." if style in EXPERIMENTAL else f"{record.credit}."
    if style in SAMPLES:
        return title, credit, pictures.data_url(engine.svg(SAMPLES[style]).encode(), "image/svg+xml")
    file = pictures.ASSETS / f"{style}.webp"
    return title, credit, pictures.data_url(file.read_bytes(), "image/webp")


def _button(key: str, title: str, credit: str, url: str, first: bool) -> str:
    """One radio button. Its credit shows on hover and on focus, and is its description for screen readers."""
    told = f'aria-description="{escape(credit)}" data-credit="{escape(credit)}"' if credit else ""
    return (
        f'<button type="button" class="style" role="radio" data-key="{escape(key)}" data-sample="{url}" {told} '
        f'aria-checked="{str(first).lower()}" tabindex="{0 if first else -1}">'
        f'<img src="{url}" alt=""><span>{escape(title)}</span></button>'
    )


def own(translations: Translations[Transferrer], url: str, mirror: bool) -> dict[str, str]:
    """Key of `offered` → the largest face of a photo in that style, as a data URL; nothing where no face can be
    redrawn. An f that several translations share runs once. Raises UserError as `pictures.decode`."""
    frame = pictures.decode(url)
    frame, found, _ = detect_upright(frame[:, ::-1].copy() if mirror else frame, max_faces=1)
    heads = [align(frame, face) for face in found]
    if not heads or judge(frame, heads[0]).refused:
        return {}
    seen: dict[Any, tuple[Tensor, Tensor]] = {}
    made = {}
    for key in offered(translations):
        try:
            transferrer = translations.get(key)
        except UserError:  # it is said once it is picked
            continue
        if not transferrer.sees_pictures:
            made[key] = _thumbnail(transferrer, heads[0].image, seen)
    return made


def _thumbnail(transferrer: Transferrer, head: Image, seen: dict[Any, tuple[Tensor, Tensor]]) -> str:
    x, c = images.to_tensor([head]).to(transferrer.device), transferrer.checkpoint.drawer
    if c:
        shared = _shared_f(transferrer)
        if shared not in seen:
            seen[shared] = c.f(x), c.skin_features(x)
        features, skin_features = seen[shared]
        (avatar,) = c.choose(features, skin_features)
        return pictures.data_url(avatar.svg().encode(), "image/svg+xml")
    return _webp(images.to_images(transferrer.upscale(transferrer.transfer(x)))[0])


def _shared_f(transferrer: Transferrer) -> Any:
    """What tells c's f from others: the hash of the checkpoint that it is shared from, or the network itself."""
    info, c = transferrer.checkpoint.info, transferrer.checkpoint.drawer
    stem = "encoder" if c.f is transferrer.checkpoint.f else "avatar-encoder"
    return info.get("shared", {}).get(stem, {}).get("hash", c.f)


def _webp(picture: Image) -> str:
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    PILImage.fromarray(small).save(buffer, "webp", quality=85)
    return pictures.data_url(buffer.getvalue(), "image/webp")
