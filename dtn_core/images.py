"""The one door between files, pictures and tensors.

A *picture* is uint8 HWC (RGB, or RGBA with straight alpha). A *tensor* is float BCHW in [-1, 1]. A picture with
alpha becomes four channels: colour over mid-grey (0 in the tensor's range), i.e. premultiplied in [-1, 1], then
alpha mapped from 0..255 to -1..1; so the first three channels of a tensor are always a picture f can look at.
"""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage
from PIL import ImageOps
from torch import Tensor

from .types import Image

MAX_PIXELS = 50_000_000
"""Pictures with more pixels than this are refused before they are decoded (decompression bombs)."""

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}


def load(source: str | os.PathLike[str] | bytes) -> Image:
    """Read a picture as (H, W, 3) uint8 RGB: EXIF orientation applied, grey, palette and 16-bit converted, alpha
    laid over white.

    Raises ValueError with one line for people: missing, empty, not a picture, cut short, or too large.
    """
    name = "the picture" if isinstance(source, bytes) else str(source)
    if not isinstance(source, bytes):
        path = Path(source)
        if not path.exists():
            raise ValueError(f"{name}: no such file. Check the path.")
        if path.is_dir():
            raise ValueError(f"{name}: is a folder, a picture is wanted.")
        if path.stat().st_size == 0:
            raise ValueError(f"{name}: the file is empty (0 bytes). Save or download it again.")
    elif not source:
        raise ValueError("the picture is empty (0 bytes). Save or download it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PILImage.DecompressionBombWarning)
            picture = PILImage.open(io.BytesIO(source) if isinstance(source, bytes) else source)
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(
                    f"{name}: {picture.width}x{picture.height} is too large; at most "
                    f"{MAX_PIXELS // 1_000_000} megapixels. Scale it down first."
                )
            picture.load()
            return _to_rgb(ImageOps.exif_transpose(picture))
    except PILImage.DecompressionBombError:
        raise ValueError(f"{name}: too large. Scale it down below {MAX_PIXELS // 1_000_000} megapixels.") from None
    except PILImage.UnidentifiedImageError:
        raise ValueError(f"{name}: not a picture that can be read. Use JPEG, PNG, WebP, BMP or TIFF.") from None
    except (OSError, SyntaxError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{name}: the picture is damaged or cut short ({reason}). Get it again.") from None


def _to_rgb(picture: PILImage.Image) -> Image:
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 and 32 bit grey: scale, PIL would clip
        grey = np.asarray(picture, np.float64)
        top = 65535.0 if picture.mode.startswith("I") and grey.max(initial=0) > 255 else 255.0
        if picture.mode == "F" and grey.max(initial=0) <= 1:
            top = 1.0
        grey8 = np.clip(np.nan_to_num(grey) / top * 255, 0, 255).round().astype(np.uint8)
        return np.repeat(grey8[..., None], 3, axis=2)
    if "A" in picture.getbands() or "transparency" in picture.info:
        return over(np.asarray(picture.convert("RGBA")), (255, 255, 255))
    return np.array(picture.convert("RGB"))


def over(rgba: Image, colour: tuple[int, int, int]) -> Image:
    """Lay (H, W, 4) straight-alpha RGBA over a plain colour; returns (H, W, 3) RGB."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return (rgba[..., :3] * alpha + np.asarray(colour, np.float32) * (1 - alpha)).round().astype(np.uint8)


def save(path: str | os.PathLike[str], image: Image) -> None:
    """Write a picture by its suffix, whole or not at all (temporary name, then replace).

    Raises ValueError with the remedy if the folder cannot be written or the suffix is unknown.
    """
    path = Path(path)
    temporary = None
    try:
        if path.suffix.lower() not in PILImage.registered_extensions():
            raise ValueError(f"{path}: unknown picture type '{path.suffix}'. Use .png or .jpg.")
        path.parent.mkdir(parents=True, exist_ok=True)
        if image.shape[2] == 4 and path.suffix.lower() in {".jpg", ".jpeg", ".bmp"}:
            image = over(image, (255, 255, 255))
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
        PILImage.fromarray(image).save(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written ({error.strerror or error}). Choose another output.") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def to_tensor(images: Image | Sequence[Image]) -> Tensor:
    """(B, H, W, 3|4) or (H, W, 3|4) uint8 → (B, 3|4, H, W) float32 in [-1, 1]; RGBA as the module says."""
    array = np.asarray(images)
    if array.ndim == 3:
        array = array[None]
    tensor = torch.from_numpy(np.ascontiguousarray(array)).permute(0, 3, 1, 2).float() / 127.5 - 1
    if tensor.shape[1] == 4:
        colour, alpha = tensor[:, :3], (tensor[:, 3:] + 1) / 2
        tensor = torch.cat([colour * alpha, tensor[:, 3:]], 1)
    return tensor


def to_images(tensor: Tensor) -> Image:
    """(B, 3|4, H, W) float in [-1, 1] → (B, H, W, 3|4) uint8; the inverse of `to_tensor` (straight alpha)."""
    tensor = tensor.detach().float().cpu().clamp(-1, 1)
    if tensor.shape[1] == 4:
        alpha = (tensor[:, 3:] + 1) / 2
        colour = (tensor[:, :3] / alpha.clamp_min(1 / 255)).clamp(-1, 1) * (alpha > 1 / 255)
        tensor = torch.cat([colour, tensor[:, 3:]], 1)
    return ((tensor + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def grid(rows: Sequence[Sequence[Image]], gap: int = 2, background: int = 255) -> Image:
    """Tile equally sized RGB pictures, a sequence a row, into one (H, W, 3) picture."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    sheet = np.full(
        (len(rows) * (height + gap) + gap, columns * (width + gap) + gap, 3), background, dtype=np.uint8
    )
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            y, x = gap + r * (height + gap), gap + c * (width + gap)
            sheet[y : y + height, x : x + width] = image if image.shape[2] == 3 else over(image, (255,) * 3)
    return sheet
