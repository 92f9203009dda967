"""Video files: containers and codecs that lie, end too soon, or hold no pictures."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path
from random import Random

import av
import numpy as np
from made_videos import turned, video

from dtn_core.core.errors import UserError
from dtn_core.core.images import MAX_PIXELS
from dtn_core.pipeline.video import writing
from dtn_core.pipeline.video.reading import Frame, Reader

from .made_pictures import seeds as pictures
from .mutate import mutated
from .targets import Harm, Target, at_random, by_hand


def frames(count: int = 4, width: int = 64, height: int = 48) -> list[np.ndarray]:
    yy, xx = np.mgrid[:height, :width]
    return [np.stack([xx * 3 % 256, yy * 4 % 256, (xx + yy + 9 * i) % 256], 2).astype(np.uint8) for i in range(count)]


@cache
def seeds() -> dict[str, bytes]:
    """Good ones."""
    made = {
        "mp4": video(frames()),
        "mp4 without sound": video(frames(), sound=None),
        "mkv": video(frames(), "matroska", "libx264"),
        "webm": video(frames(), "webm", "libvpx", sound=None),
        "avi": video(frames(), "avi", "mpeg4", sound="mp2"),
        "mpeg ts": video(frames(), "mpegts", "mpeg2video", sound="mp2"),
        "mjpeg": video(frames(), "avi", "mjpeg", "yuvj420p", sound=None),
        "wide pixels": video(frames(), sound=None, aspect=2),
    }
    return made | {"on its side": turned(made["mp4"], (0, 1, -1, 0))}


def make(random: Random) -> bytes:
    good = list(seeds().values())
    data = random.choice(good)
    if random.randrange(3) == 0:  # where lengths and sizes are told
        boxes = [
            data.find(name) for name in (b"moov", b"trak", b"stsz", b"stts", b"tkhd", b"avcC", b"strh", b"\x16T\xaek")
        ]
        at = random.choice([at for at in boxes if at >= 0] or [0])
        return data[:at] + mutated(random, data[at : at + 300], good) + data[at + 300 :]
    return mutated(random, data, good)


def enter(data: bytes, place: Path) -> object:
    """Read to the end, and write what was read, without the faces: they are the pictures' target."""
    reader = Reader(io.BytesIO(data), "the video")
    count, target = 0, io.BytesIO()
    try:
        with writing.Writer(target, reader, 64, 64) as writer:
            for item in reader:
                if isinstance(item, Frame):
                    if item.picture.shape != (reader.height, reader.width, 3) or item.picture.dtype != np.uint8:
                        raise Harm(f"no picture: {item.picture.shape}")
                    if item.picture.shape[0] * item.picture.shape[1] > MAX_PIXELS:
                        raise Harm(f"too large a picture: {item.picture.shape}")
                    count += 1
                    writer.write(np.ascontiguousarray(item.picture[:1, :1].repeat(64, 0).repeat(64, 1)), item.time)
                else:
                    writer.write_sound(item)
                if count > 2000:
                    break
            writer.finish()
    except av.error.FFmpegError as error:  # as `video.emojify_video`
        raise UserError(f"can't be written as MP4 ({error.strerror}).") from None
    finally:
        reader.close()
    return count


def only_sound() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 44100
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def sized(data: bytes, width: int, height: int) -> bytes:
    """An MP4 whose sample entry claims another size."""
    at = data.index(b"avc1", data.index(b"stsd")) + 4 + 24
    return data[:at] + struct.pack(">HH", width & 0xFFFF, height & 0xFFFF) + data[at + 4 :]


def stretched(data: bytes, across: int, down: int) -> bytes:
    """An MP4 whose pixels aren't square."""
    at = data.index(b"pasp") + 4
    return data[:at] + struct.pack(">II", across, down) + data[at + 8 :]


def cases() -> dict[str, tuple[bytes, str]]:
    good = seeds()
    mp4, large = good["mp4"], video(frames(1, 4000, 3000), sound=None)
    mono, stereo = (video(frames(), "mpegts", "mpeg2video", sound="mp2", channels=n) for n in (1, 2))
    made = {f"good {name}": (data, "result") for name, data in good.items()}
    made |= {
        "nothing": (b"", "error"),
        "zeros": (bytes(9000), "error"),
        "half of it": (mp4[: len(mp4) // 2], ""),
        "half of an mkv": (good["mkv"][: len(good["mkv"]) // 2], ""),
        "sound alone": (only_sound(), "error"),
        "it claims 65,535 × 65,535": (sized(mp4, 65535, 65535), ""),
        "it claims no size": (sized(mp4, 0, 0), ""),
        "pixels nine times as wide as high, of 12 megapixels": (stretched(large, 9, 1), ""),
        "pixels without a size": (stretched(good["wide pixels"], 0, 0), ""),
        "pixels without height": (stretched(good["wide pixels"], 5, 0), ""),
        "pixels as wide as can be": (stretched(good["wide pixels"], 2**31 - 1, 1), ""),
        "a codec that can't be opened": (good["mjpeg"].replace(b"MJPG", bytes(4)), "error"),
        "sound that changes its form": (mono + stereo, "result"),
        "a playlist": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "error"),
        "a list of files": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "error"),
        "a picture": (pictures()["jpeg"], "error"),
        "an animation": (pictures()["animated gif"], ""),
        "a video and a zip": (mp4 + b"PK\5\6" + bytes(18), "result"),
        "two videos": (mp4 + good["webm"], "result"),
        "no frames": (mp4.replace(b"stsz" + bytes(8), b"stsz" + bytes(4) + b"\0\0\0\0"), ""),
        "frames without end": (mp4.replace(struct.pack(">I", 4), b"\xff\xff\xff\x7f"), ""),
    }  # fmt: skip
    return made


DOOR = Target("videos", make, enter, cases)

test_by_hand = by_hand(DOOR)
test_at_random = at_random(DOOR, 120)
