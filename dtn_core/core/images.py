"""Convert between files, pictures and tensors; the only place that does.

A *picture* is uint8 HWC (RGB, or RGBA with straight alpha). A *tensor* is float BCHW in [-1, 1]. A picture
with alpha becomes four channels: colour over mid-grey (0 in the tensor's range), i.e. premultiplied in
[-1, 1], then alpha mapped from 0..255 to -1..1; so the first three channels of a tensor are always a valid
input of f.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage
from PIL import ImageOps
from torch import Tensor

from .errors import UserError, reason_of
from .files import atomic_output, check_file
from .picture_files import open_picture
from .types import Image

MAX_PIXELS = 50_000_000
"""Pictures with more pixels than this are refused before they are decoded (decompression bombs)."""

PICTURE = "the picture"
"""The subject of errors about a picture that has no file name."""

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
LONGEST_SIDE = {".webp": 16383, ".jpg": 65500, ".jpeg": 65500, ".gif": 65535}
VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"}


def load(source: str | os.PathLike[str] | bytes, min_side: int | None = None, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture as (H, W, 3) uint8 RGB.

    EXIF orientation is applied, grey, palette and 16-bit pictures are converted, and alpha is composited over white. Of
    an animation the first frame is read.

    Args:
        source: Path or content of the file.
        min_side: Decode a reduced copy of a JPEG of at least this width and height, which takes less memory.
        max_pixels: Pictures with more pixels are refused before they are decoded.

    Raises:
        UserError: The file is missing, empty, no picture, cut short or too large.
    """
    name = PICTURE if isinstance(source, bytes) else str(source)
    rgb = None
    try:
        if not isinstance(source, bytes):
            path = check_file(Path(source), "picture")
            if path.suffix.lower() in VIDEO_SUFFIXES:
                raise UserError(f"{path}: is a video, a picture is wanted. Save one of its frames as a picture.")
        elif not source:
            raise UserError(subject=name, reason="empty (0 bytes)", remedy="Save or download it again.")
    except OSError as error:
        raise UserError(f"{name}: cannot be opened ({error.strerror}). Check the path.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large pictures and bad EXIF, which are handled here
            with open_picture(source) as picture:
                if picture.width * picture.height <= max_pixels:
                    if min_side:
                        picture.draft("RGB", (min_side, min_side))
                    picture.load()
                    rgb = _to_rgb(_upright(picture))
    except PILImage.DecompressionBombError:
        pass
    except PILImage.UnidentifiedImageError:
        remedy = "Use JPEG, PNG, WebP, BMP, TIFF or GIF."
        raise UserError(subject=name, reason="not a picture that can be read", remedy=remedy) from None
    except PermissionError:
        raise UserError(f"{name}: may not be read. Change its permissions.") from None
    except Exception as error:  # decoders raise all kinds of errors for damaged files
        reason = f"damaged or cut short ({reason_of(error)})"
        raise UserError(code="damaged", subject=name, reason=reason, remedy="Get it again.") from None
    if rgb is None:
        remedy = f"Scale it down to {max_pixels // 1_000_000} megapixels at most."
        raise UserError(code="too_large", subject=name, reason="too large", remedy=remedy)
    return rgb


def _upright(picture: PILImage.Image) -> PILImage.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF raises all kinds of errors; the picture is usable without it
        return picture


def _to_rgb(picture: PILImage.Image) -> Image:
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
        PILImage.fromarray(image).save(temporary)


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
