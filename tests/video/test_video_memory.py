"""Small videos that ask for much memory: the bytes held are bounded, not only the number of things held."""

import io
import os
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from made_videos import video, with_claimed_samples, with_sound
from memory import MEGABYTE, PeakMemory

from dtn_core.avatars.parameters import Parameters
from dtn_core.core.errors import UserError
from dtn_core.pipeline.video import reading, redraw, writing
from dtn_core.pipeline.video.reading import Frame, Reader
from dtn_core.pipeline.video.writing import Writer

GREY = np.full((48, 64, 3), 128, np.uint8)


class Sink:
    """A target that keeps nothing."""

    def __init__(self):
        self.size = 0

    def write(self, data):
        self.size += len(data)
        return len(data)


def bloated(late, count=1200):
    """1 MB sent, 1.2 GB of sound packets. late: whether the pictures begin after the sound."""
    mp4 = video([GREY] * 60, late=30 if late else 0, rate=10)
    return with_sound(mp4, os.urandom(MEGABYTE), count, 50)


def test_sound_before_the_first_picture_is_bounded_in_bytes():
    data = bloated(late=True)
    assert len(data) < 2 * MEGABYTE
    with PeakMemory() as memory, pytest.raises(UserError, match="64 MB of sound before the first picture"):
        Reader(io.BytesIO(data), "the video")
    assert memory.grown < 200 * MEGABYTE


def test_tiny_packets_before_the_first_picture_count_with_their_overhead():
    data = with_sound(video([GREY] * 4, late=30), b"x", 300_000, 2)
    with PeakMemory() as memory, pytest.raises(UserError, match="64 MB of sound before the first picture"):
        Reader(io.BytesIO(data), "the video")
    assert memory.grown < 300 * MEGABYTE


def test_ordinary_sound_before_the_first_picture_is_kept():
    reader = Reader(io.BytesIO(video([GREY] * 4, late=3)), "the video")
    items = list(reader)
    first = next(i for i, item in enumerate(items) if isinstance(item, Frame))
    assert first > 100
    assert sum(isinstance(item, Frame) for item in items) == 4
    reader.close()


def test_samples_that_an_mp4_only_claims_take_no_memory():
    data = with_claimed_samples(video([GREY] * 4), 30_000_000)
    assert len(data) < 100_000
    with PeakMemory() as memory:
        reader = Reader(io.BytesIO(data), "the video")
        reader.close()
    assert memory.grown < 300 * MEGABYTE


def test_a_file_without_a_picture_in_its_beginning_is_refused(monkeypatch):
    data = video([GREY] * 4)
    monkeypatch.setattr(reading, "MAX_EARLY_READ", len(data) // 2)
    with pytest.raises(UserError, match="no picture in its first"):
        Reader(io.BytesIO(data), "the video")


def test_after_the_first_picture_any_amount_is_read(monkeypatch):
    frames = [np.random.default_rng(i).integers(0, 256, (240, 320, 3), np.uint8) for i in range(150)]
    data = video(frames, "matroska", sound=None)
    monkeypatch.setattr(reading, "MAX_EARLY_READ", len(data) // 2)
    reader = Reader(io.BytesIO(data), "the video")
    assert sum(isinstance(item, Frame) for item in reader) == 150
    reader.close()


def test_tracks_beyond_the_limit_are_not_opened():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        pictures = out.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sounds = [out.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(40)]
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 100), np.int16), "s16", "mono")
        silence.rate = 8000
        for stream in sounds:
            out.mux(stream.encode(silence))
        out.mux(pictures.encode(av.VideoFrame.from_ndarray(GREY)))
        out.mux(pictures.encode(None))
    reader = Reader(io.BytesIO(file.getvalue()), "the video")
    assert len(reader.container.streams) == reading.MAX_STREAMS
    reader.close()


def convert(data, target):
    """Read and write a video without redrawing it; returns the number of packets and frames that were written."""
    reader, count = Reader(io.BytesIO(data), "the video"), 0
    try:
        with Writer(target, reader, 64, 48) as writer:
            for item in reader:
                if isinstance(item, Frame):
                    writer.write(item.picture, item.time)
                else:
                    writer.write_sound(item)
                count += 1
            writer.finish()
    finally:
        reader.close()
    return count


@pytest.mark.parametrize("to_path", [False, True])
def test_sound_that_waits_for_pictures_is_bounded_in_bytes(tmp_path, to_path):
    data = bloated(late=False)
    target = tmp_path / "out.mp4" if to_path else Sink()
    with PeakMemory() as memory, pytest.raises(UserError, match="too far apart"):
        convert(data, target)
    assert memory.grown < 500 * MEGABYTE


def test_pictures_that_wait_for_sound_are_bounded_in_bytes(monkeypatch):
    """The sound track says that it has packets, but none comes."""
    monkeypatch.setattr(writing, "MAX_HELD", MEGABYTE)
    reader = Reader(io.BytesIO(video([GREY] * 4)), "the video")
    random = np.random.default_rng(0)

    def write_many(writer):
        for i in range(1000):
            writer.write(random.integers(0, 256, (240, 320, 3), np.uint8), Fraction(i, 25))

    with Writer(Sink(), reader, 320, 240) as writer, pytest.raises(UserError, match="too far apart"):
        write_many(writer)
    reader.close()


def test_a_still_picture_does_not_hold_back_its_sound(monkeypatch):
    """Without a key frame no fragment would end, and all of the sound would stay in memory."""
    monkeypatch.setattr(writing, "MAX_HELD", 20 * MEGABYTE)
    data = with_sound(video([GREY] * 60), os.urandom(MEGABYTE // 4), 200, 10 * 44100)
    sink = Sink()
    assert convert(data, sink) > 200
    assert sink.size > 40 * MEGABYTE


def test_copied_packets_have_a_shortest_duration():
    """Ten seconds of sound, the most that the muxer holds, are a bounded number of packets."""
    data = with_sound(video([GREY] * 60), b"x" * 8, 100_000, 2)
    out = io.BytesIO()
    convert(data, out)
    with av.open(io.BytesIO(out.getvalue())) as container:
        copied = sum(packet.size > 0 for packet in container.demux(audio=0))
    assert 3000 < copied < 5000


def test_sound_of_few_samples_a_second_is_left_out():
    """Resampled for AAC, a megabyte of it would be days of sound."""
    data = video([GREY] * 5, "avi", "mpeg4", sound="pcm_s16le")
    header = struct.pack("<HHII", 1, 1, 44100, 88200)
    assert header in data
    out = io.BytesIO()
    convert(data.replace(header, struct.pack("<HHII", 1, 1, 10, 20)), out)
    with av.open(io.BytesIO(out.getvalue())) as container:
        assert sum(packet.size > 0 for packet in container.demux(audio=0)) <= 1


def test_avatars_of_a_long_video_are_bounded(drawing, monkeypatch):
    monkeypatch.setattr(redraw, "MAX_AVATARS", 3)
    drawn = redraw.DrawnFaces(drawing)
    for person in range(5):
        drawn.remember(person, Parameters("avataaars"))
    drawn.remember(4, Parameters("avataaars"))
    assert list(drawn.avatars) == [0, 1, 2]
