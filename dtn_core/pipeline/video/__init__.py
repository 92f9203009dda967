"""Video files: redraw every face of every frame, and keep the sound. Memory doesn't grow with the length."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av

from ...avatars.parameters import Parameters
from ...core.errors import UserError
from ...core.files import DISK_FULL_ERRORS, atomic_output, check_file
from ...core.types import Image, Kind
from ..photo import Transferrer
from .reading import Frame, Reader
from .redraw import Colour, Mode, Redrawer
from .writing import Sound, Writer


class Cancelled(Exception):  # noqa: N818
    """The conversion was cancelled; its incomplete output should be discarded."""


class Progress(NamedTuple):
    """Progress of a conversion.

    Attributes:
        frames: Frames written so far.
        seconds: Seconds written so far.
        length: Length of the video in seconds; None if unknown.
        picture: The newest frame as written, (H, W, 3) uint8 RGB.
    """

    frames: int
    seconds: float
    length: float | None
    picture: Image

    @property
    def share(self) -> float | None:
        """Share that is done, 0..1; None if the length is unknown."""
        return min(1.0, self.seconds / self.length) if self.length else None


@dataclass(frozen=True)
class Report:
    """Result of a conversion.

    Attributes:
        frames: Frames written.
        seconds: Length in seconds.
        width: Width as written, even.
        height: Height as written, even.
        with_faces: Frames in which at least one face was redrawn.
        avatars: Parameters of all people, in the order in which they appeared; empty if painted.
        sound: "copied" unchanged, "encoded" as AAC, or "none".
        damaged: Packets that couldn't be decoded.
        hdr: "HLG" or "PQ" if the colours were mapped from HDR to SDR.
    """

    frames: int
    seconds: float
    width: int
    height: int
    with_faces: int
    avatars: tuple[Parameters, ...]
    sound: Sound
    damaged: int
    hdr: str = ""


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

    Args:
        source: A path, or a seekable binary file.
        target: A path, which is replaced once the output is complete, or a binary file, which is only written to and
            gets a fragmented MP4.
        transferrer: The translation.
        kind: "drawn" avatars, which blink and speak, or "painted"; a checkpoint that can't draw always paints.
        mode: "paste" over the faces, "beside" the picture, or "alone" on a plain background.
        size: Side of the square output in pixels, for "alone".
        background: RGB, for "alone".
        progress: Called after every frame.
        cancelled: Called before every frame; True cancels.

    Raises:
        UserError: If the video can't be read, holds no face, or can't be written.
        Cancelled: If `cancelled` returned True.
    """
    with ExitStack() as stack:
        file, name = source, "the video"
        if isinstance(source, Path):
            file, name = stack.enter_context(_opened(source)), str(source)
        redraw = Redrawer(transferrer, kind, mode, size, background)
        reader = stack.enter_context(closing(Reader(file, name)))
        if isinstance(target, Path):
            target = stack.enter_context(atomic_output(target))
        try:
            return _convert(reader, target, redraw, progress, cancelled)
        except av.error.FFmpegError as error:
            if error.errno in DISK_FULL_ERRORS:
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
    frames = 0
    with_faces = 0
    seconds = 0.0
    with Writer(target, reader, *redraw.shape(reader.width, reader.height)) as writer:
        for item in reader:
            if cancelled():
                raise Cancelled
            if not isinstance(item, Frame):
                writer.write_sound(item)
                continue
            picture, faces = redraw(item)
            writer.write(picture, item.time)
            frames += 1
            with_faces += faces > 0
            seconds = float(item.time + 1 / reader.rate)
            progress(Progress(frames, seconds, reader.length, picture))
        if not with_faces:
            raise UserError(f"{reader.name}: no face found. Use a video with a face that looks at the camera.")
        writer.finish()
    width, height = writer.video.width, writer.video.height
    return Report(
        frames=frames,
        seconds=round(seconds, 3),
        width=width,
        height=height,
        with_faces=with_faces,
        avatars=redraw.avatars,
        sound=writer.sound,
        damaged=reader.damaged,
        hdr=reader.hdr,
    )
