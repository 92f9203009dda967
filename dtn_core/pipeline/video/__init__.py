"""Video files: every face of every frame redrawn, the sound kept; memory doesn't grow with the length."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av

from ...avatars.parameters import Parameters
from ...core.errors import UserError
from ...core.files import FULL, check_file, replacing
from ...core.types import Image, Kind
from ..photo import Transferrer
from .reading import Frame, Reader
from .redraw import Colour, Mode, Redrawer
from .writing import Sound, Writer


class Cancelled(Exception):  # noqa: N818
    """Somebody asked to stop; what was written so far is nothing to keep."""


class Progress(NamedTuple):
    """frames, seconds: done so far; length: of the video in seconds, None where its file doesn't say; picture: the
    newest frame as written, (H, W, 3) RGB."""

    frames: int
    seconds: float
    length: float | None
    picture: Image

    @property
    def share(self) -> float | None:
        """How much is done, 0..1; None where nobody can say."""
        return min(1.0, self.seconds / self.length) if self.length else None


@dataclass(frozen=True)
class Report:
    """What became of a video. frames, seconds: its length; width, height: as written, even numbers; with_faces: frames
    in which somebody was redrawn; avatars: everybody's, in the order in which they came; none where they are painted;
    sound: kept as it was ("copied"), "encoded" as AAC, or "none"; damaged: packets that couldn't be read."""

    frames: int
    seconds: float
    width: int
    height: int
    with_faces: int
    avatars: tuple[Parameters, ...]
    sound: Sound
    damaged: int


def emojify_video(
    source: Path | BinaryIO,
    target: Path | BinaryIO,
    transferrer: Transferrer,
    *,
    kind: Kind = "drawn",
    mode: Mode = "paste",
    size: int = 512,
    background: Colour = (255, 255, 255),
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Redraw every face of a video and write it as MP4 (H.264, AAC).

    source: a path, or a binary file that can be sought; target: a path, which gets the file once it is whole, or a
    binary file that is only written to, which gets it in fragments. kind: drawn avatars, which blink and speak, or
    painted; a checkpoint that can't draw paints. mode: paste over the faces; beside the picture; or alone, size pixels
    square on a background (RGB). progress: called after every frame; cancelled: asked before every frame.

    Raises UserError with one line where the video can't be read, holds no face, or can't be written, and Cancelled.
    """
    with ExitStack() as stack:
        file, name = source, "the video"
        if isinstance(source, Path):
            file, name = stack.enter_context(_opened(source)), str(source)
        redraw = Redrawer(transferrer, kind, mode, size, background)
        reader = stack.enter_context(closing(Reader(file, name)))
        if isinstance(target, Path):
            target = stack.enter_context(replacing(target))
        try:
            return _convert(reader, target, redraw, progress, cancelled)
        except av.error.FFmpegError as error:
            if error.errno in FULL:
                raise OSError(error.errno, error.strerror) from None
            raise UserError(f"{name}: can't be written as MP4 ({error.strerror}). Scale it down.") from None


def _opened(path: Path) -> BinaryIO:
    try:
        return check_file(path, "video").open("rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror}). Check the path.") from None


def _convert(
    reader: Reader,
    target: Path | BinaryIO,
    redraw: Redrawer,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Report:
    frames, with_faces, seconds = 0, 0, 0.0
    with Writer(target, reader, *redraw.shape(reader.width, reader.height)) as writer:
        for item in reader:
            if cancelled():
                raise Cancelled
            if not isinstance(item, Frame):
                writer.write_sound(item)
                continue
            picture, faces = redraw(item)
            writer.write(picture, item.time)
            frames, with_faces = frames + 1, with_faces + (faces > 0)
            seconds = float(item.time + 1 / reader.rate)
            progress(Progress(frames, seconds, reader.length, picture))
        if not with_faces:
            raise UserError(f"{reader.name}: no face found. Use a video with a face that looks at the camera.")
        writer.finish()
    width, height = writer.video.width, writer.video.height
    return Report(frames, round(seconds, 3), width, height, with_faces, redraw.avatars, writer.sound, reader.damaged)
