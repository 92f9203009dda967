"""Tiny videos: a portrait that is moved about, and a tone."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import cv2
import numpy as np

TONE = 440


def moved(portrait, n, size=(320, 240), middle=(256, 300), zoom=0.9):
    """n frames, (height, width, 3) each, in which a portrait sways. middle: its point that is in their middle; zoom: 1:
    512 of its pixels fit in."""
    scale = zoom * min(size) / 512
    for i in range(n):
        place = cv2.getRotationMatrix2D(middle, 4 * np.sin(i / 3), scale)
        place[:, 2] += np.array(size) / 2 - middle + (10 * np.sin(i / 4), 0)
        yield cv2.warpAffine(portrait, place, size, borderValue=(90, 110, 100))


def astronauts(portrait, n):
    """As `moved`, of Eileen Collins, whose face is small."""
    return moved(portrait, n, middle=(222, 160), zoom=1.4)


def video(
    frames,
    format="mp4",
    codec="libx264",
    pixels="yuv420p",
    rate=25,
    times=None,
    sound="aac",
    channels=1,
    late=0.0,
    aspect=1,
):
    """The bytes of a video. times: of the frames, in seconds; late: seconds by which frames begin after the sound;
    aspect: width over height of a pixel."""
    file, frames = io.BytesIO(), list(frames)
    with av.open(file, "w", format=format) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        tone = out.add_stream(sound, rate=44100, layout="mono" if channels == 1 else "stereo") if sound else None
        for i, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
            if times is not None or late:
                frame.time_base = Fraction(1, 1000)
                frame.pts = round(1000 * ((times[i] if times is not None else i / rate) + late))
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if tone:
            _write_tone(out, tone, len(frames) / rate + late, channels)
    return file.getvalue()


def _write_tone(out, stream, seconds, channels):
    t = np.arange(int(44100 * seconds)) / 44100
    samples = (8000 * np.sin(2 * np.pi * TONE * t)).astype(np.int16)
    resampler = av.AudioResampler(stream.format, stream.layout, 44100, stream.codec_context.frame_size or 1024)
    for start in range(0, len(samples), 1024):
        piece = np.repeat(samples[start : start + 1024], channels)[None]
        frame = av.AudioFrame.from_ndarray(piece, "s16", "mono" if channels == 1 else "stereo")
        frame.rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        for one in resampler.resample(frame):
            out.mux(stream.encode(one))
    for one in resampler.resample(None):
        out.mux(stream.encode(one))
    out.mux(stream.encode(None))


def turned(mp4, matrix):
    """An MP4 with a, b, c, d as the display matrix of its first track, as phones write them."""
    a, b, c, d = matrix
    at = mp4.index(b"tkhd") + 4 + 40
    return mp4[:at] + struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30) + mp4[at + 36 :]


def watched(data):
    """(frames (N, H, W, 3), their times, stream of sound's codec or None, samples of the sound, its start)."""
    with av.open(io.BytesIO(data)) as container:
        shown, times, samples, begin = [], [], [], None
        sound = next(iter(container.streams.audio), None)
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                shown.append(frame.to_ndarray(format="rgb24"))
                times.append(float(frame.time))
            else:
                begin = float(frame.time) if begin is None else begin
                samples.append(frame.to_ndarray().astype(np.float32)[0])
        received = np.concatenate(samples) if samples else np.zeros(0)
        return np.stack(shown), times, sound and sound.codec_context.name, received, begin


_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def with_sound(mp4, content, count, duration):
    """An MP4 whose sound track claims `count` samples that all consist of the same bytes.

    Args:
        mp4: Bytes of a video with sound, as `video` makes them.
        content: Bytes that are stored once and are every sample.
        count: Samples claimed.
        duration: Of a sample, in units of the track's clock; 2 or more, or FFmpeg keeps no index of samples.
    """
    start = len(mp4) + 8
    tables = {
        b"stsz": struct.pack(">3I", 0, len(content), count),
        b"stco": struct.pack(f">{2 + count}I", 0, count, *[start] * count),
        b"stsc": struct.pack(">5I", 0, 1, 1, 1, 1),
        b"stts": struct.pack(">4I", 0, 1, count, duration),
    }
    return _with_tables(mp4, tables) + _box(b"free", content)


def with_claimed_samples(mp4, count):
    """An MP4 of the same size whose sound track claims `count` samples of one byte, in one chunk."""
    tables = {
        b"stsz": struct.pack(">3I", 0, 1, count),
        b"stco": struct.pack(">3I", 0, 1, 48),
        b"stsc": struct.pack(">5I", 0, 1, 1, count, 1),
        b"stts": struct.pack(">4I", 0, 1, count, 2),
    }
    return _with_tables(mp4, tables)


def _with_tables(data, tables):
    """MP4 boxes with the contents of some boxes of the sound track replaced. The moov box must come last."""
    made, at = b"", 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + size]
        if name == b"trak" and b"smhd" not in content:
            made += _box(name, content)
            at += size
            continue
        if name in _CONTAINERS:
            content = _with_tables(content, tables)
        name = b"free" if name == b"edts" else name  # an edit list would cut off what is claimed
        made += _box(name, tables.get(name, content))
        at += size
    return made


def _box(name, content):
    return struct.pack(">I4s", 8 + len(content), name) + content
