"""The frames of a video file, upright and in time, and the packets of its sound."""

from __future__ import annotations

import ctypes
import errno
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple

import av
import cv2
import numpy as np
from av.filter import Graph
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame

from ...core.errors import UserError
from ...core.images import MAX_PIXELS
from ...core.types import Image
from . import hdr

FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg,mpegvideo,h264,hevc,m4v,dv,mxf"
"""FFmpeg's demuxers that read one file and nothing else; a playlist would open whatever it names."""

MAX_EARLY_SOUND = 64 << 20
"""Bytes of sound kept in memory until the first frame. A small file can hold any number of packets with the same bytes,
so counting packets is not enough."""

PACKET_OVERHEAD = 512
"""Bytes that a packet takes besides its content, about."""

MAX_EARLY_READ = 512 << 20
"""Bytes read from the file until the first frame. Bounds what FFmpeg keeps of headers: attachments, metadata."""

MAX_STREAMS = 16
"""Tracks in a file."""

MAX_ALLOCATION = 160 << 20
"""Bytes of one allocation by FFmpeg, for all videos of the process. Fits a frame of `MAX_PIXELS` as RGB. An MP4 of a
few hundred bytes can claim 100 million samples, for which FFmpeg would allocate gigabytes of index."""

MAX_SAMPLES = 1 << 22
"""Samples of one packet of sound."""

RATES = (1, 240)
UNSPECIFIED, HD = 2, 720
"""The code of an unspecified colour matrix, and the height from which BT.709 is assumed for it."""


class Frame(NamedTuple):
    """A frame.

    Attributes:
        picture: (H, W, 3) uint8 RGB, upright, with square pixels.
        time: Seconds since the beginning.
    """

    picture: Image
    time: Fraction


def _limit_allocations() -> None:
    """Set FFmpeg's own limit. PyAV doesn't wrap it, and on Windows its symbol can't be found this way."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(av._core.__file__).av_max_alloc(ctypes.c_size_t(MAX_ALLOCATION))


_limit_allocations()


class _LimitedFile:
    """A file that may be read up to a number of bytes until `limit` is set to None.

    Args:
        file: Binary file; all its other methods are passed on.
        name: Name of the file in messages.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self.limit: int | None = MAX_EARLY_READ

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if self.limit is not None:
            self.limit -= len(data)
            if self.limit < 0:
                raise UserError(
                    f"{self._name}: no picture in its first {MAX_EARLY_READ >> 20} MB. Save it as MP4 without "
                    "attachments."
                )
        return data


class Reader:
    """A video opened for reading; to be iterated once.

    Interlaced frames are deinterlaced, and the colours of HDR are mapped to SDR.

    Args:
        file: A seekable file, or a pipe if the format allows it.
        name: Name of the file in messages.

    Attributes:
        length: Length in seconds; None if unknown.
        width: Width of all frames, which is that of the first.
        height: Height of all frames.
        rate: Approximate frames per second.
        sound: The stream of sound, or None.
        start: Time of the first frame on the clock of the file.
        damaged: Number of packets that couldn't be decoded.
        hdr: "HLG" or "PQ" if the video is HDR; otherwise empty.

    Raises:
        UserError: The file holds no video that can be read.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.damaged = 0
        self.width = 0
        self.height = 0
        self.hdr = ""
        self._deinterlacer: Graph | None = None
        try:
            options = {"format_whitelist": FORMATS, "max_streams": str(MAX_STREAMS)}
            limited = _LimitedFile(file, name)
            self.container = av.open(limited, "r", options=options, metadata_errors="ignore", buffer_size=1 << 18)
        except av.error.FFmpegError as error:
            if error.errno == errno.ENOMEM:
                raise UserError(
                    f"{name}: too large, or more than {MAX_STREAMS} tracks. Save it as MP4 with one track of sound."
                ) from None
            raise UserError(f"{name}: not a video that can be read ({error.strerror}). Use MP4, MOV or WebM.") from None
        try:
            self._open()
            limited.limit = None
        except BaseException:
            self.container.close()
            raise

    def _open(self) -> None:
        container = self.container
        pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        known = [s for s in pictures if s.codec_context is not None]
        if not known:
            why = "its codec is unknown" if pictures else "there are no pictures in it"
            raise UserError(f"{self.name}: {why}. Give a video, as MP4, MOV or WebM.")
        self.video = max(known, key=lambda s: s.width * s.height)
        aspect = float(self.video.sample_aspect_ratio or 1)
        self._aspect = aspect if 0.1 < aspect < 10 else 1.0
        if self.video.width * self.video.height * max(1, self._aspect) > MAX_PIXELS:
            raise UserError(f"{self.name}: too large. Scale it down to {MAX_PIXELS // 1_000_000} megapixels at most.")
        self.video.thread_type = "AUTO"
        self.video.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self.sound = next((s for s in container.streams.audio if s.codec_context is not None), None)
        if self.sound is not None:
            self.sound.codec_context.options = {"max_samples": str(MAX_SAMPLES)}
        rate = self.video.average_rate or self.video.guessed_rate
        self.rate = Fraction(rate) if rate and RATES[0] <= rate <= RATES[1] else Fraction(30)
        self.start = Fraction(container.start_time or 0, av.time_base)
        self.length = self._length()
        self._shift, self._last = Fraction(0), Fraction(-1)
        self._all = self._read()
        self._early: deque[Frame | Packet] = deque()
        sound_bytes = 0
        for item in self._all:
            self._early.append(item)
            if isinstance(item, Frame):
                return
            sound_bytes += item.size + PACKET_OVERHEAD
            if sound_bytes > MAX_EARLY_SOUND:
                raise UserError(
                    f"{self.name}: more than {MAX_EARLY_SOUND >> 20} MB of sound before the first picture. Save it "
                    "again as MP4, or without sound."
                )
        raise UserError(f"{self.name}: damaged, not a single frame can be read. Get it again.")

    def _length(self) -> float | None:
        if self.container.duration:
            return self.container.duration / av.time_base
        return float(self.video.duration * self.video.time_base) if self.video.duration else None

    def __iter__(self) -> Iterator[Frame | Packet]:
        """Frames, and packets of sound between them; those that are damaged are left out."""
        while self._early:
            yield self._early.popleft()
        yield from self._all

    def time(self, packet: Packet | av.AudioFrame) -> Fraction | None:
        """When a piece of sound begins, in seconds."""
        return None if packet.pts is None else packet.pts * packet.time_base - self.start + self._shift

    def close(self) -> None:
        self.container.close()

    def _read(self) -> Iterator[Frame | Packet]:
        for packet in self._packets():
            if packet is not None and packet.stream is self.sound:
                if packet.size:
                    yield packet
                continue
            try:
                for frame in self.video.decode(packet):
                    yield from self._frames(frame)
            except av.error.FFmpegError:
                self.damaged += packet is not None
        if self._deinterlacer is not None:
            self._deinterlacer.push(None)
            yield from map(self._frame, _pull(self._deinterlacer))

    def _frames(self, frame: VideoFrame) -> Iterator[Frame]:
        """Frames that are complete with a decoded one. The deinterlacer waits for the next frame."""
        if self._deinterlacer is None and frame.interlaced_frame:
            self._deinterlacer = _make_deinterlacer(self.video)
        if self._deinterlacer is None:
            yield self._frame(frame)
            return
        self._deinterlacer.push(frame)
        yield from map(self._frame, _pull(self._deinterlacer))

    def _frame(self, frame: VideoFrame) -> Frame:
        return Frame(self._picture(frame), self._time(frame))

    def _packets(self) -> Iterator[Packet | None]:
        """All packets; None at the end, upon which the decoder gives what it has left."""
        try:
            for packet in self.container.demux([s for s in (self.video, self.sound) if s]):
                if packet.size:  # else the end of a stream
                    yield packet
        except av.error.FFmpegError:
            self.damaged += 1
        yield None

    def _time(self, frame: VideoFrame) -> Fraction:
        """Grows from frame to frame, though the timestamps of joined files restart."""
        step = 1 / self.rate
        if frame.pts is None:
            self._last += step if self._last >= 0 else 1
            return self._last
        time = frame.pts * (frame.time_base or self.video.time_base) - self.start + self._shift
        if time <= self._last:
            self._shift += self._last + step - time
            time = self._last + step
        self._last = time
        return time

    def _picture(self, frame: VideoFrame) -> Image:
        is_unspecified = frame.colorspace == UNSPECIFIED and frame.height >= HD
        matrix = {"src_colorspace": "ITU709"} if is_unspecified and "yuv" in frame.format.name else {}
        picture = frame.reformat(format="rgb24", **matrix).to_ndarray()
        self.hdr = hdr.TRANSFERS.get(int(frame.color_trc), "")
        if self.hdr:
            picture = hdr.to_sdr(picture, self.hdr)
        if self._aspect != 1:
            height, width = picture.shape[:2]
            size = max(1, min(round(width * self._aspect), MAX_PIXELS // height)), height
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        picture = upright(picture, _matrix(frame))
        self.height = self.height or picture.shape[0]
        self.width = self.width or picture.shape[1]
        if picture.shape[:2] != (self.height, self.width):
            picture = cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        return picture


def _make_deinterlacer(stream: av.VideoStream) -> Graph:
    """A filter that deinterlaces the frames that are marked as interlaced, and passes on the others."""
    graph = Graph()
    source = graph.add_buffer(template=stream)
    deinterlace = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(deinterlace)
    deinterlace.link_to(sink)
    graph.configure()
    return graph


def _pull(graph: Graph) -> Iterator[VideoFrame]:
    """All frames that a filter has ready."""
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """a, b, c, d of a frame's display matrix, which takes (x, y) to (a x + c y, b x + d y)."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            numbers = np.frombuffer(bytes(data), np.int32)
            return tuple(int(numbers[i]) for i in (0, 1, 3, 4))
    return 1, 0, 0, 1


def upright(picture: Image, matrix: tuple[int, int, int, int]) -> Image:
    """A picture turned by quarters, and mirrored, as a display matrix asks for."""
    a, b, c, d = matrix
    if abs(b) > abs(a):
        picture, across, down = picture.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
