"""Conversion of videos: faces are redrawn, sound is kept, timestamps are unchanged."""

import io

import av
import numpy as np
import pytest
from made_videos import TONE, astronauts, moved, turned, video, watched

from dtn_core.core.errors import UserError
from dtn_core.pipeline.video import Cancelled, emojify_video
from dtn_core.pipeline.video.reading import Frame, upright
from dtn_core.pipeline.video.redraw import DrawnFaces

N = 12


@pytest.fixture(scope="module")
def sway(hopper):
    return list(moved(hopper, N))


@pytest.fixture(scope="module")
def clip(sway):
    return video(sway)


def convert(data, transferrer, **options):
    out = io.BytesIO()
    report = emojify_video(io.BytesIO(data), out, transferrer, **options)
    return report, *watched(out.getvalue())


def packets(data):
    with av.open(io.BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def pitch(samples, rate=44100):
    spectrum = np.abs(np.fft.rfft(samples))
    return np.argmax(spectrum) * rate / len(samples)


def off(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def test_a_face_is_redrawn_and_the_rest_is_not(clip, sway, drawing):
    report, frames, times, *_ = convert(clip, drawing)
    assert (report.frames, report.with_faces, report.width, report.height) == (N, N, 320, 240)
    assert frames.shape == (N, 240, 320, 3)
    assert times == pytest.approx(np.arange(N) / 25, abs=1e-3)
    for frame, before in zip(frames, sway):
        assert off(frame[:, :40], before[:, :40]) < 6
        assert off(frame[60:120, 120:200], before[60:120, 120:200]) > 20


@pytest.mark.parametrize(("format", "sound"), [("mp4", "aac"), ("matroska", "libmp3lame"), ("mp4", "libmp3lame")])
def test_sound_is_copied(sway, drawing, format, sound):
    data, out = video(sway, format, sound=sound), io.BytesIO()
    report = emojify_video(io.BytesIO(data), out, drawing)
    assert report.sound == "copied"
    assert packets(out.getvalue()) == packets(data)


@pytest.mark.parametrize(("format", "sound", "channels"), [("matroska", "pcm_s16le", 2), ("avi", "pcm_s16le", 1)])
def test_sound_that_an_mp4_cannot_hold_is_encoded(sway, drawing, format, sound, channels):
    code = "libx264" if format == "matroska" else "mpeg4"
    report, _, _, codec, samples, begin = convert(video(sway, format, code, sound=sound, channels=channels), drawing)
    assert (report.sound, codec) == ("encoded", "aac")
    assert pitch(samples) == pytest.approx(TONE, abs=3)
    assert len(samples) / 44100 == pytest.approx(N / 25, abs=0.06)
    assert begin == pytest.approx(0, abs=0.03)


def test_silence(sway, drawing):
    report, _, _, codec, *_ = convert(video(sway, sound=None), drawing)
    assert (report.sound, codec) == ("none", None)


@pytest.mark.parametrize("sound", ["aac", "pcm_s16le"])
def test_pictures_and_sound_are_synchronous(sway, drawing, sound):
    data = video(sway, "matroska", sound=sound, late=0.4)
    _, times, _, _, begin = watched(data)
    _, _, new_times, _, _, new_begin = convert(data, drawing)
    assert new_times[0] - new_begin == pytest.approx(times[0] - begin, abs=0.03)
    assert np.diff(new_times) == pytest.approx(np.diff(times), abs=2e-3)


def test_every_frame_keeps_its_time(sway, drawing):
    times = [0, 0.02, 0.04, 0.2, 0.21, 0.5, 0.51, 0.6, 0.9, 0.95, 1.5, 1.6]
    _, _, new, *_ = convert(video(sway, times=times), drawing)
    assert new == pytest.approx(times, abs=2e-3)


TURNS = {"90": (0, 1, -1, 0), "180": (-1, 0, 0, -1), "270": (0, -1, 1, 0), "mirrored": (-1, 0, 0, 1)}


@pytest.mark.parametrize("turn", TURNS)
def test_turned_videos_come_out_upright(sway, drawing, turn):
    back = {"90": 1, "180": 2, "270": 3}.get(turn)
    stored = [np.rot90(frame, back) if back else frame[:, ::-1] for frame in sway]
    report, frames, *_ = convert(turned(video(stored), TURNS[turn]), drawing)
    assert report.with_faces == N
    assert frames.shape == (N, 240, 320, 3)
    assert off(frames[0][:, :40], sway[0][:, :40]) < 6


def test_all_display_matrices():
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert (upright(picture, (1, 0, 0, 1)) == picture).all()
    assert (upright(picture, (1, 0, 0, -1)) == picture[::-1]).all()
    assert (upright(picture, (0, 1, 1, 0)) == picture.transpose(1, 0, 2)).all()
    for turns, matrix in enumerate([(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)]):
        assert (upright(picture, matrix) == np.rot90(picture, turns)).all()


@pytest.mark.parametrize("size", [(321, 240), (320, 241), (241, 321)])
def test_odd_sizes(hopper, drawing, size):
    data = video(moved(hopper, 4, size), "matroska", "ffv1", "yuv444p", sound=None)
    report, frames, *_ = convert(data, drawing)
    width, height = size
    assert frames.shape[1:3] == (height + height % 2, width + width % 2)
    assert (report.width, report.height) == (width + width % 2, height + height % 2)


def test_pixels_that_are_not_square(sway, drawing):
    narrow = [np.ascontiguousarray(frame[:, ::2]) for frame in sway[:3]]
    report, frames, *_ = convert(video(narrow, "matroska", aspect=2, sound=None), drawing)
    assert (report.width, report.height, report.with_faces) == (320, 240, 3)
    assert off(frames[0][:, :40], sway[0][:, :40]) < 8


PIXELS = [
    *(("libx264", pixels) for pixels in ("yuv420p10le", "yuv444p")),
    *(("ffv1", pixels) for pixels in ("gray", "yuv422p10le")),
    *(("png", pixels) for pixels in ("rgb24", "rgba")),
    ("mjpeg", "yuvj420p"), ("libvpx", "yuv420p"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "pixels"), PIXELS)
def test_pixels_of_every_kind(sway, drawing, codec, pixels):
    format = "mov" if codec == "png" else "matroska"
    report, frames, *_ = convert(video(sway[:4], format, codec, pixels, sound=None), drawing)
    assert report.with_faces == 4
    wanted = sway[0] if pixels != "gray" else np.repeat(sway[0].mean(2, keepdims=True), 3, 2)
    assert off(frames[0][:, :40], wanted[:, :40]) < 8


def test_views_side_by_side_and_emoji_only(clip, sway, drawing):
    report, frames, *_ = convert(clip, drawing, mode="beside")
    assert frames.shape[1:3] == (240, 320 + 240)
    assert off(frames[0][:, :320], sway[0]) < 6
    assert off(frames[0][60:180, 380:500], np.full((120, 120, 3), 248)) > 20
    report, frames, *_ = convert(clip, drawing, mode="alone", size=128, background=(0, 177, 64))
    assert frames.shape == (N, 128, 128, 3)
    assert off(frames[0][:8, :8], np.full((8, 8, 3), (0, 177, 64))) < 6
    assert off(frames[0][40:90, 40:90], np.full((50, 50, 3), (0, 177, 64))) > 20


def test_two_people_are_shown_side_by_side(hopper, astronaut, drawing):
    both = [np.concatenate(pair, 1) for pair in zip(moved(hopper, 4), astronauts(astronaut, 4))]
    _, frames, *_ = convert(video(both, sound=None), drawing, mode="alone", size=256, background=(0, 255, 0))
    away = np.abs(frames[0].astype(int) - (0, 255, 0)).sum(2) > 100
    assert away[64:192, :128].any()
    assert away[64:192, 128:].any()
    assert not away[:40].any()


def test_distant_faces_are_found_in_the_first_frame(hopper, drawing):
    far = np.full((720, 1280, 3), 90, np.uint8)
    far[300:500, 200:400] = next(moved(hopper, 1, (200, 200)))
    assert len(DrawnFaces(drawing)(Frame(far, 0.0))) == 1


@pytest.mark.parametrize("mode", ["paste", "beside", "alone"])
def test_painted(clip, tiny, mode):
    report, frames, *_ = convert(clip, tiny, mode=mode, size=64)
    assert report.with_faces == N
    assert len(frames) == N


def test_a_person_who_returns_has_the_same_avatar(hopper, astronaut, drawing):
    drawn = DrawnFaces(drawing)
    blank = [np.full((240, 320, 3), 90, np.uint8)] * 18
    one, other = list(moved(hopper, 10)), list(astronauts(astronaut, 10))
    seen = []
    for i, picture in enumerate([*one, *other, *blank, *one]):
        drawn(Frame(picture, i / 10))
        seen.append(next(reversed(drawn._puppets.items())))
    assert [id for id, _ in seen] == [1] * 10 + [2] * 28 + [1] * 10
    assert len(drawn._puppets) == 2


def test_progress_and_length(clip, drawing):
    seen = []
    convert(clip, drawing, progress=seen.append)
    assert [one.frames for one in seen] == list(range(1, N + 1))
    assert seen[-1].share == pytest.approx(1, abs=0.05)
    assert seen[0].length == pytest.approx(N / 25, abs=0.05)
    assert seen[0].picture.shape == (240, 320, 3)


def test_cancelled_leaves_nothing(clip, drawing, tmp_path):
    (tmp_path / "in.mp4").write_bytes(clip)
    seen = []
    with pytest.raises(Cancelled):
        emojify_video(
            tmp_path / "in.mp4", tmp_path / "out.mp4", drawing, progress=seen.append, cancelled=lambda: len(seen) > 3
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_files_can_be_played_while_they_download(clip, drawing, tmp_path):
    (tmp_path / "in.mp4").write_bytes(clip)
    emojify_video(tmp_path / "in.mp4", tmp_path / "out.mp4", drawing)
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert watched(data)[0].shape == (N, 240, 320, 3)
    assert len(list(tmp_path.iterdir())) == 2


def test_no_avatar_is_drawn_after_its_face_has_left(hopper, drawing):
    there, blank = list(moved(hopper, 6)), [np.full((240, 320, 3), 90, np.uint8)] * 6
    report, frames, *_ = convert(video([*blank, *there, *blank], rate=5, sound=None), drawing)
    assert 6 <= report.with_faces <= 11
    assert off(frames[-1], blank[0]) < 4


# What can't be read


def test_no_face(drawing, tmp_path):
    (tmp_path / "in.mp4").write_bytes(video([np.full((64, 64, 3), 90, np.uint8)] * 4))
    with pytest.raises(UserError, match="no face found"):
        emojify_video(tmp_path / "in.mp4", tmp_path / "out.mp4", drawing)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_readable_part_of_a_damaged_video_is_converted(sway, drawing):
    data = bytearray(video(sway * 3, "matroska", sound="aac"))
    middle = len(data) // 2
    data[middle : middle + 300] = np.random.default_rng(0).bytes(300)
    assert convert(bytes(data), drawing)[0].frames > N
    short = bytes(video(sway * 3, "mpegts"))
    assert N / 2 < convert(short[: len(short) * 2 // 3], drawing)[0].frames < 3 * N


def sound_alone():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        from made_videos import _write_tone

        _write_tone(out, out.add_stream("aac", rate=44100, layout="mono"), 0.2, 1)
    return file.getvalue()


BAD = {
    "text": lambda clip: b"hello, this is no video at all" * 99,
    "cut short": lambda clip: clip[: len(clip) // 2],
    "zeros": lambda clip: bytes(5000),
    "sound alone": lambda clip: sound_alone(),
    "playlist": lambda clip: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "concatenation": lambda clip: b"ffconcat version 1.0\nfile /etc/passwd\n",
}


@pytest.mark.parametrize("what", BAD)
def test_files_that_are_not_videos_are_refused(clip, drawing, tmp_path, what):
    (tmp_path / "in.mp4").write_bytes(BAD[what](clip))
    with pytest.raises(UserError, match=r"in\.mp4: (not a video|there are no pictures|damaged)") as error:
        emojify_video(tmp_path / "in.mp4", tmp_path / "out.mp4", drawing)
    assert "\n" not in str(error.value)
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_empty_and_folder(drawing, tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name, words in (("none.mp4", "no such file"), ("empty.mp4", "is empty"), (".", "is a folder, a video")):
        with pytest.raises(UserError, match=words):
            emojify_video(tmp_path / name, tmp_path / "out.mp4", drawing)


def test_a_folder_that_may_not_be_written(clip, drawing, tmp_path):
    (tmp_path / "in.mp4").write_bytes(clip)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written"):
        emojify_video(tmp_path / "in.mp4", tmp_path / "file" / "out.mp4", drawing)


def test_errors_of_a_file_object_come_through(clip, drawing):
    class Broken(io.BytesIO):
        def write(self, data):
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        emojify_video(io.BytesIO(clip), Broken(), drawing)
