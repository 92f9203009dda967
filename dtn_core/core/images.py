"""Convert between files, pictures and tensors; the only place that does.

A *picture* is uint8 HWC (RGB, or RGBA with straight alpha). A *tensor* is float BCHW in [-1, 1]. A picture
with alpha becomes four channels: colour over mid-grey (0 in the tensor's range), i.e. premultiplied in
[-1, 1], then alpha mapped from 0..255 to -1..1; so the first three channels of a tensor are always a valid
input of f.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image as PILImage
from PIL import ImageCms, ImageFile, ImageOps
from torch import Tensor

from .errors import UserError, reason_of
from .file_kinds import HEAD_BYTES, kind_of, kind_of_file
from .files import atomic_output, check_file
from .picture_files import open_picture
from .types import Image

MAX_PIXELS = 50_000_000
"""Pictures with more pixels than this are refused before they are decoded (decompression bombs)."""

MAX_JPEG_PIXELS = 250_000_000
"""Maximum pixels of a JPEG that is decoded at a reduced size, which takes little memory. Phones: up to 200 million."""

PICTURE = "the picture"
"""The subject of errors about a picture that has no file name."""

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
"""Suffixes of the formats that `save` writes."""

SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": "4:4:4"},
    ".jpeg": {"quality": 95, "subsampling": "4:4:4"},
    ".webp": {"quality": 92},
}

MAX_MISSING = 0.9
"""Largest missing share of a picture that is read nevertheless."""

_INCOMPLETE_FILES = Lock()

BLANK_FRAMES = 30
"""Maximum number of frames of an animation that are skipped because they have one colour."""

LONGEST_SIDE = {".webp": 16383, ".jpg": 65500, ".jpeg": 65500, ".gif": 65535}
VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"}
"""Suffixes of files that are taken for videos if their content is unknown."""


class LoadedPicture(NamedTuple):
    """A picture file as it was read.

    Attributes:
        picture: (H, W, 3) uint8 RGB, or (H, W, 4) with straight alpha.
        note: One sentence for the user if it isn't the whole file in its own size; otherwise empty.
        frame: Index of the frame, of an animation.
        is_animated: Whether the file has several frames.
    """

    picture: Image
    note: str = ""
    frame: int = 0
    is_animated: bool = False


def load(source: str | os.PathLike[str] | bytes, min_side: int | None = None, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture as (H, W, 3) uint8 RGB, see `load_picture`."""
    return load_picture(source, min_side, max_pixels).picture


def load_picture(
    source: str | os.PathLike[str] | bytes,
    min_side: int | None = None,
    max_pixels: int = MAX_PIXELS,
    *,
    alpha: bool = False,
    frame: int | None = None,
) -> LoadedPicture:
    """Read a picture.

    EXIF orientation is applied, and colours are converted to sRGB by the picture's colour profile. Grey, palette and
    16-bit pictures are converted. A JPEG, PNG or GIF that is cut short is read as far as it
    goes. A JPEG with more pixels than
    allowed is read at a reduced size.

    Args:
        source: Path or content of the file.
        min_side: Decode a reduced copy of a JPEG of at least this width and height, which takes less memory.
        max_pixels: Pictures with more pixels are refused before they are decoded, or reduced.
        alpha: Return RGBA if a pixel is transparent. Otherwise, alpha is composited over white.
        frame: Index of the frame of an animation; None for the first that isn't of one colour.

    Raises:
        UserError: The file is missing, empty, no picture, damaged or too large.
        EOFError: There is no such frame.
    """
    name = _check_source(source)
    loaded = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large pictures and bad EXIF, which are handled here
            try:
                loaded = _open_and_decode(source, min_side, max_pixels, alpha, frame)
            except OSError as error:
                if "truncated" not in str(error):
                    raise
                with _incomplete_files():
                    loaded = _open_and_decode(source, min_side, max_pixels, alpha, frame)
    except EOFError:
        if frame:
            raise
        raise _damaged(name, "it ends too early") from None
    except PILImage.DecompressionBombError:
        pass
    except PILImage.UnidentifiedImageError:
        raise _not_a_picture(name, source) from None
    except PermissionError:
        raise UserError(f"{name}: may not be read. Change its permissions.") from None
    except Exception as error:  # decoders raise all kinds of errors for damaged files
        raise _damaged(name, reason_of(error)) from None
    if loaded is None:
        remedy = f"Scale it down to {max_pixels // 1_000_000} megapixels at most."
        raise UserError(code="too_large", subject=name, reason="too large", remedy=remedy)
    return loaded


def _open_and_decode(
    source: str | os.PathLike[str] | bytes, min_side: int | None, max_pixels: int, alpha: bool, frame: int | None
) -> LoadedPicture | None:
    """None if the picture is too large."""
    with open_picture(source) as picture:
        size = picture.size
        return _decode(picture, size, alpha, frame) if _reduce(picture, min_side, max_pixels) else None


@contextmanager
def _incomplete_files() -> Iterator[None]:
    """Let Pillow decode PNGs and GIFs that are cut short as far as they go. Its switch concerns all threads."""
    with _INCOMPLETE_FILES:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False


def _check_source(source: str | os.PathLike[str] | bytes) -> str:
    """Return the name of a source for messages. Raises UserError if it is missing or empty."""
    if isinstance(source, bytes):
        if not source:
            raise UserError(subject=PICTURE, reason="empty (0 bytes)", remedy="Save or download it again.")
        return PICTURE
    try:
        return str(check_file(Path(source), "picture"))
    except OSError as error:
        raise UserError(f"{source}: cannot be opened ({error.strerror}). Check the path.") from None


def _not_a_picture(name: str, source: str | os.PathLike[str] | bytes) -> UserError:
    kind = kind_of(source[:HEAD_BYTES]) if isinstance(source, bytes) else kind_of_file(Path(source))
    if kind == "video":
        return UserError(f"{name}: is a video, a picture is wanted. Save one of its frames as a picture.")
    remedy = "Use JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF."
    return UserError(subject=name, reason="not a picture that can be read", remedy=remedy)


def _damaged(name: str, reason: str) -> UserError:
    return UserError(code="damaged", subject=name, reason=f"damaged or cut short ({reason})", remedy="Get it again.")


def _reduce(picture: PILImage.Image, min_side: int | None, max_pixels: int) -> bool:
    """Let a JPEG be decoded at a half, quarter or eighth of its size. Returns whether it isn't too large then.

    All coefficients of a progressive JPEG are kept in memory, whatever its reduced size.
    """
    width, height = picture.size
    is_progressive = bool(picture.info.get("progressive") or picture.info.get("progression"))
    if width * height > (MAX_JPEG_PIXELS if picture.format == "JPEG" and not is_progressive else max_pixels):
        return False
    scale = 1
    while scale < 8 and -(-width // scale) * -(-height // scale) > max_pixels:
        scale *= 2
    while min_side and scale < 8 and min(width, height) // (2 * scale) >= min_side:
        scale *= 2
    if scale > 1:
        picture.draft("RGB", (width // scale, height // scale))
    return picture.width * picture.height <= max_pixels


def _decode(picture: PILImage.Image, size: tuple[int, int], alpha: bool, frame: int | None) -> LoadedPicture:
    """Decode an opened picture. size: before it was reduced."""
    is_animated = bool(getattr(picture, "is_animated", False))
    if frame:
        picture.seek(frame)
    picture.load()
    note = ""
    if picture.info.get("cut_short") or ImageFile.LOAD_TRUNCATED_IMAGES:
        pixels = np.asarray(picture.convert("RGB"))
        filling = {"JPEG": (128,) * 3, "PNG": (0,) * 3}.get(picture.format or "", tuple(pixels[-1, -1]))
        note = _describe_missing_rows(pixels, filling)
    pixels = _to_array(picture, alpha)
    if picture.width * picture.height < size[0] * size[1] // 2 and size[0] * size[1] > MAX_PIXELS:
        note = f"It has {size[0] * size[1] / 1e6:.0f} megapixels and was read at {pixels.shape[1]}×{pixels.shape[0]}."
    index = frame or 0
    while is_animated and frame is None and index < BLANK_FRAMES and _is_blank(pixels):
        try:
            picture.seek(index + 1)
        except EOFError:
            break
        index += 1
        pixels = _to_array(picture, alpha)
    if index:
        note = f"Frame {index + 1} of the animation."
    return LoadedPicture(pixels, note, index, is_animated)


def _is_blank(pixels: Image) -> bool:
    return int((pixels.max((0, 1)) - pixels.min((0, 1))).max()) < 8


def _describe_missing_rows(pixels: Image, filling: Sequence[int]) -> str:
    """Describe what is missing of a file without an end. Raises ValueError if it is most of the picture.

    Args:
        pixels: (H, W, 3) as decoded.
        filling: Colour of the pixels in missing rows.
    """
    is_missing = (np.abs(pixels.astype(np.int16) - np.array(filling, np.int16)) <= 2).all((1, 2))
    present = np.flatnonzero(~is_missing)
    missing = 1 - (present[-1] + 1) / len(pixels) if len(present) else 1.0
    if missing > MAX_MISSING:
        raise ValueError(f"{100 * missing:.0f}% of the picture is missing")
    if missing < 0.002:
        return "The file has no end mark; it may have been cut short."
    return f"The file is cut short: {max(1, round(100 * missing))}% of the picture is missing."


def _to_array(picture: PILImage.Image, alpha: bool) -> Image:
    """The current frame as upright sRGB, with alpha if it is wanted and there is any."""
    return _to_rgb(_to_srgb(_upright(picture)), alpha)


def _upright(picture: PILImage.Image) -> PILImage.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF raises all kinds of errors; the picture is usable without it
        return picture


def _to_srgb(picture: PILImage.Image) -> PILImage.Image:
    """Convert the colours by the picture's profile. A damaged profile, or one of other channels, is ignored."""
    content = picture.info.get("icc_profile")
    if not content:
        return picture
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        if "srgb" in ImageCms.getProfileDescription(profile).lower():
            return picture
        space = profile.profile.xcolor_space.strip()
        matching = _with_channels_of(picture, space)
        mode = "RGBA" if matching.mode == "RGBA" else "RGB"
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        return ImageCms.profileToProfile(matching, profile, _srgb_profile(), intent, mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return picture


def _with_channels_of(picture: PILImage.Image, space: str) -> PILImage.Image:
    """Convert a picture to the channels of its profile's colour space. Raises ValueError if they don't match."""
    if space == "RGB" and not picture.mode.startswith(("I", "F", "CMYK", "LAB")):
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if (space, picture.mode) in {("GRAY", "L"), ("CMYK", "CMYK")}:
        return picture
    raise ValueError(f"a profile of {space} for {picture.mode}")


@cache
def _srgb_profile() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _to_rgb(picture: PILImage.Image, alpha: bool) -> Image:
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 and 32 bit grey: scale, PIL would clip
        grey = np.nan_to_num(np.asarray(picture, np.float32))
        brightest = float(grey.max())
        if picture.mode == "F" and brightest <= 1:
            top = 1.0
        else:
            top = 65535.0 if picture.mode.startswith("I;16") or brightest > 255 else 255.0
        grey8 = np.clip(grey / top * 255, 0, 255).round().astype(np.uint8)
        return np.repeat(grey8[..., None], 3, axis=2)
    if "A" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        if alpha and rgba.getextrema()[3][0] < 255:
            return np.array(rgba)
        picture = PILImage.alpha_composite(PILImage.new("RGBA", rgba.size, "white"), rgba)
    return np.array(picture.convert("RGB"))


def composite_over(rgba: Image, colour: tuple[int, int, int]) -> Image:
    """Composite (H, W, 4) straight-alpha RGBA over a plain colour; returns (H, W, 3) RGB."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return (rgba[..., :3] * alpha + np.asarray(colour, np.float32) * (1 - alpha)).round().astype(np.uint8)


def save(path: str | os.PathLike[str], image: Image) -> None:
    """Write a picture atomically, in the format of its suffix.

    Raises:
        UserError: The folder can't be written, or the format is unknown or can't hold the picture.
    """
    path = Path(path)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise UserError(f"{path}: unknown picture type '{path.suffix}'. Use .png or .jpg.")
    if max(image.shape[:2]) > LONGEST_SIDE.get(path.suffix.lower(), MAX_PIXELS):
        raise UserError(f"{path}: this type can't hold {image.shape[1]}×{image.shape[0]} pixels. Use .png.")
    if image.shape[2] == 4 and path.suffix.lower() in {".jpg", ".jpeg", ".bmp"}:
        image = composite_over(image, (255, 255, 255))
    with atomic_output(path) as temporary:
        PILImage.fromarray(image).save(temporary, **SAVE_OPTIONS.get(path.suffix.lower(), {}))


def to_tensor(images: Image | Sequence[Image]) -> Tensor:
    """(B, H, W, 3|4) or (H, W, 3|4) uint8 → (B, 3|4, H, W) float32 in [-1, 1]; RGBA premultiplied, see above."""
    array = np.asarray(images)
    if array.ndim == 3:
        array = array[None]
    tensor = torch.tensor(array).permute(0, 3, 1, 2).float() / 127.5 - 1
    if tensor.shape[1] == 4:
        colour, alpha = tensor[:, :3], (tensor[:, 3:] + 1) / 2
        tensor = torch.cat([colour * alpha, tensor[:, 3:]], 1)
    return tensor


def to_float(x: Tensor) -> Tensor:
    """uint8 tensors → float in [-1, 1] of the same shape."""
    return x.float() / 127.5 - 1


def to_uint8(x: Tensor) -> Tensor:
    """Float tensors in [-1, 1] → uint8 of the same shape; the inverse of `to_float`."""
    return ((x + 1) * 127.5).round().to(torch.uint8)


def to_rgb(x: Tensor) -> Tensor:
    """(B, 1|3|4, H, W) → (B, 3, H, W): grey repeated, alpha dropped (colour is composited over mid-grey already)."""
    return x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x[:, :3]


def to_images(tensor: Tensor) -> Image:
    """(B, 3|4, H, W) float in [-1, 1] → (B, H, W, 3|4) uint8; the inverse of `to_tensor` (straight alpha)."""
    tensor = tensor.detach().float().cpu().clamp(-1, 1)
    if tensor.shape[1] == 4:
        alpha = (tensor[:, 3:] + 1) / 2
        colour = (tensor[:, :3] / alpha.clamp_min(1 / 255)).clamp(-1, 1) * (alpha > 1 / 255)
        tensor = torch.cat([colour, tensor[:, 3:]], 1)
    return to_uint8(tensor).permute(0, 2, 3, 1).numpy()


def grid(rows: Sequence[Sequence[Image]], gap: int = 2, background: int = 255) -> Image:
    """Tile pictures of the same size into one (H, W, 3) RGB picture. rows: a sequence for each row."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    sheet = np.full((len(rows) * (height + gap) + gap, columns * (width + gap) + gap, 3), background, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            y, x = gap + r * (height + gap), gap + c * (width + gap)
            sheet[y : y + height, x : x + width] = image if image.shape[2] == 3 else composite_over(image, (255,) * 3)
    return sheet


def resize_square(square: Image, size: int) -> Image:
    """Resize an (S, S, 3 or 4) uint8 picture. Colours of transparent pixels don't bleed into their neighbours."""
    if len(square) == size:
        return square
    interpolation = cv2.INTER_AREA if len(square) > size else cv2.INTER_CUBIC
    if square.shape[2] == 3:
        return cv2.resize(square, (size, size), interpolation=interpolation)
    layers = square.astype(np.uint16 if len(square) > size else np.float32)  # 16 bits hold premultiplied colours
    layers[..., :3] *= layers[..., 3:]
    layers[..., 3] *= 255
    layers = cv2.resize(layers, (size, size), interpolation=interpolation).astype(np.float32)
    layers[..., :3] *= 255 / np.maximum(layers[..., 3:], 1)
    layers[..., 3] /= 255
    return layers.round().clip(0, 255).astype(np.uint8)
