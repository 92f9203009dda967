"""The endpoints for programs: ``/emojify``, ``/draw``, ``/styles`` and ``/digits``. gradio describes them by their type
hints, which it doesn't find where they are postponed: so no ``from __future__ import annotations`` here."""

from typing import Any, Literal, NotRequired, TypedDict

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from ...avatars.engine import check_size
from ...avatars.export import MIME, export
from ...avatars.parameters import SPECS, Parameters
from ...core.errors import UserError
from ...core.types import Image, Kind, RefusedFace, Result, TransferredFace
from ...pipeline.digits import DigitResult, DigitTransferrer
from ...pipeline.model import Checkpoint
from ...pipeline.photo import Transferrer
from ..access.admission import check_pixels
from ..components import pictures
from ..components.catalogue import StyleInfo, style_info
from ..translations import Translations


class SeenFace(TypedDict):
    """box: left, top, right, bottom in pixels."""

    box: list[float]
    confidence: float | None
    note: str | None


class MadeFace(SeenFace):
    kind: Literal["drawn", "painted"]
    parameters: dict[str, Any] | None
    sure: dict[str, float] | None
    svg: str | None
    drawn: str | None
    emoji_64: str | None
    emoji_256: str | None


class Version(TypedDict):
    name: str
    hash: str


class Emojified(TypedDict):
    width: int
    height: int
    note: NotRequired[str]
    turned: int
    faces: list[MadeFace]
    refused: list[SeenFace]
    pasted: str
    ms: dict[str, float]
    checkpoint: Version


class DrawnAvatar(TypedDict):
    """parameters: all of them, those not given filled in; content: the SVG as text, or a picture as data URL."""

    parameters: dict[str, Any]
    content: str


class Reading(TypedDict):
    digit: int
    confidence: float
    probabilities: list[float]


class Written(TypedDict):
    read: Reading
    judged: Reading
    picture: str
    made: str
    ms: dict[str, float]
    checkpoint: Version


def emojify(translations: Translations[Transferrer]) -> None:
    """Offer ``/emojify``."""

    def emojify(
        photo: str,
        mirror: bool = False,
        style: str = "",
        kind: Literal["drawn", "painted"] = "drawn",
        size: int = 512,
    ) -> Emojified:
        """Redraw every face of a photo as an emoji. Nothing is stored.

        Args:
            photo: the picture file as a data URL or as base64.
            mirror: flip it left to right first.
            style: the name of a checkpoint, such as toon-head; empty: the one the app was started with.
            kind: drawn by the artist's engine where the style can, else painted; or painted, unless it is drawn only.
            size: side of the drawn PNG in pixels, 16 to 4096.

        Returns:
            width, height: of the photo.
            note: what is unusual about the file; empty if nothing is.
            turned: degrees clockwise by which the photo was rotated, because it wasn't upright.
            faces: from left to right, each with its box (left, top, right, bottom in pixels), confidence (how well the
            face can be seen, 0..1), note (what is wrong if that is low, else null), kind, parameters (of the drawn
            avatar), sure (what it depicts, and its probability), svg (the avatar as text), drawn (transparent PNG of
            the given size as data URL), all four null if kind is painted, and emoji_64 and emoji_256 (as painted,
            transparent PNGs as data URLs; null for a style that is drawn only).
            refused: faces that can hardly be seen, each with its box, confidence and note.
            pasted: the photo with the emoji over the faces, as data URL: a JPEG, or a PNG if the photo has
            transparency.
            ms: milliseconds of each stage.
            checkpoint: its name and hash.
        """
        try:
            loaded = pictures.decode_photo(photo)
            result, transferrer = redraw(translations, loaded.picture, style, kind, size, bool(mirror))
            return {**emojified(result, transferrer, size), "note": loaded.note}
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None

    gr.api(emojify, api_name="emojify", concurrency_limit=2, concurrency_id="photo")


def avatars() -> None:
    """Offer ``/styles`` and ``/draw``."""

    def styles() -> list[StyleInfo]:
        """What can be drawn, and of what it is made.

        Returns:
            name and title of each style, artist and terms, slots (each with its variants; an empty name draws nothing;
            kinds: what people call some of them), palettes (the artist's colours; any other "#rrggbb" may be given),
            shapes (each a number from -1 to 1), and expressions (name, then slot and variant).
        """
        return [style_info(style) for style in SPECS]

    def draw(
        parameters: dict[str, Any],
        format: Literal["svg", "png", "webp"] = "svg",
        size: int = 512,
        background: str = "",
    ) -> DrawnAvatar:
        """Draw an avatar from its parameters, without a network.

        Args:
            parameters: style, and of the style's slots, palettes and shapes what isn't to be the first: variants,
                colours and shape, as /styles names them and /emojify gives them.
            format: svg, png or webp.
            size: side of a picture in pixels, 16 to 4096.
            background: such as "#ffc83d"; empty: transparent.

        Returns:
            parameters: all of them. content: the SVG as text, or the picture as data URL; the artist's name and the
            terms are among the metadata.
        """
        try:
            if format == "json":
                raise UserError("format is svg, png or webp.")
            one = Parameters.from_dict(parameters)
            content = export(one, format, size, background or None)
            text = content.decode() if format == "svg" else pictures.data_url(content, MIME[format])
            return {"parameters": one.to_dict(), "content": text}
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None

    gr.api(styles, api_name="styles", queue=False)
    gr.api(draw, api_name="draw", concurrency_limit=2)


def digits(translations: Translations[DigitTransferrer]) -> None:
    """Offer ``/digits``."""

    def digits(picture: str) -> Written:
        """Write the digit of a street number by hand. Nothing is stored.

        Args:
            picture: the picture file as a data URL or as base64; one digit in its middle.

        Returns:
            read: what the encoder, f, reads in the picture: its digit, confidence (0..1) and the probabilities of 0-9.
            judged: the same, of a judge that reads what was written. picture: what f saw, and made: what the generator,
            g, wrote, PNGs of 32×32 as data URLs. ms: milliseconds by stage. checkpoint: its name and hash.
        """
        try:
            return written(translations.first(pictures.decode(picture)), translations.first)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None

    gr.api(digits, api_name="digits", concurrency_limit=2, concurrency_id="digits")


def redraw(
    translations: Translations[Transferrer], photo: Image, style: str, kind: str, size: int, mirror: bool = False
) -> tuple[Result, Transferrer]:
    """Redraw a photo as ``/emojify`` documents it.

    Raises:
        UserError: for an unknown style or kind, and where all faces together would have too many pixels.
    """
    first, *others = (key for _, key in translations.choices())
    names = {translations.first.checkpoint.name: first, **{key: key for key in others}}
    if style and style not in list(names):
        raise UserError(f"there is no such style. Choose one of {', '.join(names)}.")
    if kind not in ("drawn", "painted"):
        raise UserError("kind is drawn or painted.")
    transferrer = translations.get(style and names[style])
    check_size(size)
    kinds: Kind | Literal["both"] = "both" if kind == "drawn" else "painted"
    result = transferrer(photo, mirror=mirror, kind=kinds)
    check_pixels(len(result.faces), size)
    return result, transferrer


def emojified(result: Result, transferrer: Transferrer, size: int = 512) -> Emojified:
    return {
        "width": result.frame.shape[1],
        "height": result.frame.shape[0],
        "turned": result.rotation,
        "faces": [_made(face, size) for face in result.faces],
        "refused": [seen(face) for face in result.refused],
        "pasted": pictures.encode(result.composed, max_side=None),
        "ms": _rounded(result.ms),
        "checkpoint": _version(transferrer.checkpoint),
    }


def _made(face: TransferredFace, size: int) -> MadeFace:
    svg, drawn = (face.avatar.svg(), pictures.encode(face.picture(size))) if face.avatar else (None, None)
    painted = {"emoji_64": face.raw, "emoji_256": face.image}
    painted = {name: None if picture is None else pictures.encode(picture) for name, picture in painted.items()}
    return {**seen(face), **face.describe(), "svg": svg, "drawn": drawn, **painted}


def seen(face: TransferredFace | RefusedFace) -> SeenFace:
    box = [round(float(v), 1) for v in face.aligned.face.box]
    return {
        "box": box,
        "confidence": None if face.confidence is None else round(face.confidence, 4),
        "note": face.note,
    }


def written(result: DigitResult, transferrer: DigitTransferrer) -> Written:
    return {
        "read": _reading(result.encoder_probabilities),
        "judged": _reading(result.judge_probabilities),
        "picture": pictures.encode(result.picture, exact=True),
        "made": pictures.encode(result.generated, exact=True),
        "ms": _rounded(result.ms),
        "checkpoint": _version(transferrer.checkpoint),
    }


def _reading(probabilities: NDArray[np.float32]) -> Reading:
    return {
        "digit": int(probabilities.argmax()),
        "confidence": round(float(probabilities.max()), 4),
        "probabilities": [round(float(p), 4) for p in probabilities],
    }


def _rounded(ms: dict[str, float]) -> dict[str, float]:
    return {stage: round(value, 2) for stage, value in ms.items()}


def _version(checkpoint: Checkpoint) -> Version:
    return {"name": checkpoint.name, "hash": checkpoint.hash}
