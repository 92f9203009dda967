"""Read photos of faces from files."""

from __future__ import annotations

import os

from ..core import images
from ..core.images import LoadedPicture
from .detect import detect

FRAMES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Frames of an animation that are searched for a face if the first has none."""


def load_photo(
    source: str | os.PathLike[str] | bytes, *, min_side: int | None = None, alpha: bool = False
) -> LoadedPicture:
    """Read a photo as `images.load_picture` does; of an animation, a frame with a face if one is found.

    Args:
        source: Path or content of the file.
        min_side: As of `images.load_picture`.
        alpha: Return RGBA if a pixel is transparent.

    Raises:
        UserError: As `images.load_picture`.
    """
    first = images.load_picture(source, min_side, alpha=alpha)
    if not first.is_animated or _has_face(first):
        return first
    for index in FRAMES:
        if index <= first.frame:
            continue
        try:
            loaded = images.load_picture(source, min_side, alpha=alpha, frame=index)
        except EOFError:
            break
        if _has_face(loaded):
            return loaded
    return first


def _has_face(loaded: LoadedPicture) -> bool:
    return bool(detect(loaded.picture[..., :3]))
