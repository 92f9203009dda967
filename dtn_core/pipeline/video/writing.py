"""An MP4 of H.264 and AAC, which every browser plays."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

import av
import cv2
from av.audio.resampler import AudioResampler
from av.packet import Packet
from av.video.frame import VideoFrame

from ...core.errors import UserError
from ...core.types import Image
from .reading import HD, Reader

Sound = Literal["copied", "encoded", "none", "unreadable"]

CLOCK = Fraction(1, 90_000)
"""Seconds of a tick in which times are written; usual rates are multiples of it."""

COPIED = {"aac", "mp3", "opus"}
"""Codecs of sound that browsers play from an MP4; others are encoded as AAC."""

RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 11_025, 8_000)
"""Samples a second that AAC can have."""

SLOWEST = 4_000
"""Samples a second of sound that is kept. Of one sample a second, a small file would hold days to encode."""

MAX_HELD = 256 << 20
"""Bytes of packets that the muxer may hold back: it waits for sound that never comes, and for fragments to be whole."""

FRAGMENTS = {"frag_size": str(8 << 20), "frag_duration": "10000000"}
"""Bytes and microseconds of a fragment at most; a picture that stands still has no key frame to end one."""

SHORTEST = Fraction(1, 1000)
"""Seconds that a packet of copied sound lasts at least; Opus has the shortest ones, of 2.5 ms."""

GAP = Fraction(1, 5)
"""Seconds of missing sound from which on it is silence, and not a clock that isn't exact."""

SD_COLOURS, HD_COLOURS = 6, 1
"""BT.601 and BT.709, as matrix, primaries and transfer."""


class Writer:
    """A video being written: pictures, all of the first one's size, and the packets of a reader's sound, each in the
    order of time.

    target: a path; or a binary file that is written to and never read or sought, in fragments that can be played while
    more are to come. sound: what becomes of it.
    """

    def __init__(self, target: Path | BinaryIO, reader: Reader, width: int, height: int) -> None:
        self._reader, self._ticks = reader, -1
        flags = "faststart" if isinstance(target, Path) else "frag_keyframe+empty_moov+default_base_moof+delay_moov"
        options = {"movflags": flags} if isinstance(target, Path) else {"movflags": flags, **FRAGMENTS}
        self._target = target if isinstance(target, Path) else _CountingFile(target)
        self._muxed = 0
        file = str(target) if isinstance(target, Path) else self._target
        self.container = av.open(file, "w", format="mp4", options=options)
        self.video = self.container.add_stream("libx264", rate=reader.rate)
        self.video.width, self.video.height = width + width % 2, height + height % 2
        self.video.pix_fmt = "yuv420p"
        code = self.video.codec_context
        code.time_base, code.gop_size = CLOCK, round(2 * reader.rate)
        code.options = {"crf": "20", "preset": "veryfast"}
        self._matrix = HD_COLOURS if height >= HD else SD_COLOURS
        code.colorspace = code.color_primaries = code.color_trc = self._matrix
        code.color_range = 1
        self._sound = _sound(self, reader)
        self.sound: Sound = self._sound.name if self._sound else "none"

    def write(self, picture: Image, time: Fraction) -> None:
        """Add an (H, W, 3) uint8 RGB picture, shown from so many seconds on."""
        down, right = self.video.height - picture.shape[0], self.video.width - picture.shape[1]
        if down or right:
            picture = cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_REPLICATE)
        frame = VideoFrame.from_ndarray(picture, "rgb24")
        space = "ITU709" if self._matrix == HD_COLOURS else "ITU601"
        frame = frame.reformat(format="yuv420p", dst_colorspace=space, dst_color_range="MPEG")
        self._ticks = max(self._ticks + 1, round(time / CLOCK))
        frame.pts, frame.time_base = self._ticks, CLOCK
        self.mux(self.video.encode(frame))

    def mux(self, packets: Sequence[Packet]) -> None:
        """Add encoded packets. Raises UserError if too many of them are held in memory instead of being written."""
        for packet in packets:
            self._muxed += packet.size
            self.container.mux(packet)
            if self._muxed - self._written() > MAX_HELD:
                raise UserError(
                    f"{self._reader.name}: its sound and its pictures lie too far apart. Save it again as MP4, or "
                    "without sound."
                )

    def _written(self) -> int:
        """Bytes of the file so far."""
        return self._target.stat().st_size if isinstance(self._target, Path) else self._target.size

    def write_sound(self, packet: Packet) -> None:
        if self._sound:
            self._sound.write(packet)

    def finish(self) -> None:
        """Write what is left."""
        self.mux(self.video.encode(None))
        if self._sound:
            self._sound.finish()
        self.container.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # not finished: there is another error, which tells more
            self.container.close()


class _CountingFile:
    """A binary file that is only written to. size: bytes written so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return self._file.write(data)


def _sound(writer: Writer, reader: Reader) -> _Copied | _Encoded | None:
    stream = reader.sound
    if stream is None:
        return None
    code = stream.codec_context
    name = code.codec.canonical_name
    if name in COPIED and (name != "aac" or code.extradata):
        return _Copied(writer, reader)
    return _Encoded(writer, reader)


class _Copied:
    name = "copied"

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader, self._last = writer, reader, None
        self._stream = writer.container.add_stream_from_template(reader.sound)

    def write(self, packet: Packet) -> None:
        time = self._reader.time(packet)
        if time is None:
            return
        if self._last is not None and time < self._last + SHORTEST:
            return
        self._last = time
        base = packet.time_base
        ticks = round(time / base)
        packet.pts = packet.dts = ticks
        packet.time_base = base
        packet.stream = self._stream
        self._writer.mux([packet])

    def finish(self) -> None:
        """Nothing is left."""


class _Encoded:
    name = "encoded"

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader
        code = reader.sound.codec_context
        rate = next((rate for rate in RATES if rate <= (code.rate or RATES[0])), RATES[-1])
        layout = "mono" if code.channels == 1 else "stereo"
        self._stream = writer.container.add_stream("aac", rate=rate, layout=layout)
        self._resampled = partial(AudioResampler, "fltp", layout, rate, 1024)
        self._resampler = self._resampled()
        self._start: Fraction | None = None
        self._samples = 0

    def write(self, packet: Packet | None) -> None:
        """Decode a packet, None at the end, and encode what it holds."""
        try:
            frames = self._reader.sound.decode(packet)
        except av.error.FFmpegError:
            self._reader.damaged += packet is not None
            return
        for frame in frames:
            if frame.sample_rate < SLOWEST:
                self._reader.damaged += 1
                continue
            time = self._reader.time(frame)
            self._start = time if self._start is None else self._start
            if time is not None and time > self._start + Fraction(self._samples, self._stream.rate) + GAP:
                self._start = time - Fraction(self._samples, self._stream.rate)
            frame.pts = None
            self._encode(frame)

    def _encode(self, frame: av.AudioFrame | None) -> None:
        try:
            pieces = self._resampler.resample(frame)
        except ValueError:  # the sound changes its form on the way
            self._resampler = self._resampled()
            pieces = self._resampler.resample(frame)
        for piece in pieces:
            piece.pts = round((self._start or 0) * piece.sample_rate) + self._samples
            piece.time_base = Fraction(1, piece.sample_rate)
            self._samples += piece.samples
            self._writer.mux(self._stream.encode(piece))

    def finish(self) -> None:
        self.write(None)
        self._encode(None)
        self._writer.mux(self._stream.encode(None))
