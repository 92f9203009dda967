"""Real photos, videos and folders: what people report about other tools. One section for each kind."""

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from made_videos import astronauts, video
from PIL import Image as PILImage
from PIL import ImageCms, JpegImagePlugin

from dtn_core.avatars import engine
from dtn_core.avatars.parameters import Parameters
from dtn_core.cli import main
from dtn_core.core import file_kinds, files, images, picture_files
from dtn_core.core.errors import UserError
from dtn_core.data import folders
from dtn_core.faces.align import align
from dtn_core.faces.detect import detect_upright
from dtn_core.faces.photos import load_photo
from dtn_core.faces.quality import judge
from dtn_core.pipeline.video import hdr
from dtn_core.pipeline.video.reading import Frame, Reader

HEIC = base64.b64decode(
    b"AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAA"
    b"AAAERAAAEAAQAAAAABoQABAAAAAAAAAJMAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAA"
    b"AADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkA"
    b"AAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAA"
    b"AAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAJ"
    b"ttZGF0AAAAjygBrwngPg6bnk4QdLDGLT7Bfo0eRrgROeJ8F7zEEF8FD69d93LtsfbcvqzRfLbc/hn+hUXcmLFvpdzIUXSS8a7gBSe8rTuc8C0g"
    b"yXQfn0OY+DNoQjkp3WGmD2ouHsMdFGOrnJA/g9SfP+9b9nSqZ8txox3kKUIYUFhoZ//DpRv7W/E4Shtw8QFDD/1RfFuA"
)
"""A ramp of 64x48 pixels: red grows to the right, green downwards, blue is 90."""


def encoded(picture, format="JPEG", **options):
    buffer = io.BytesIO()
    PILImage.fromarray(picture).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def small(hopper):
    """Grace Hopper at 300 pixels, (300, 256, 3)."""
    return cv2.resize(hopper, (256, 300), interpolation=cv2.INTER_AREA)


# ── orientation ──


def rotated(picture, degrees):
    """A picture rotated clockwise on a canvas that holds it all."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    size = np.abs(matrix[:, :2]) @ (width, height)
    matrix[:, 2] += (size - (width, height)) / 2
    return cv2.warpAffine(picture, matrix, tuple(int(n) for n in np.ceil(size)), borderValue=(128, 128, 128))


@pytest.mark.parametrize("degrees", [0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330])
@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_faces_are_found_at_any_rotation(name, degrees, request):
    frame, faces, turned = detect_upright(rotated(request.getfixturevalue(name), degrees))
    confidence = judge(frame, align(frame, faces[0])).confidence
    assert confidence >= (0.9 if degrees % 90 == 0 else 0.7)
    assert abs((degrees + turned + 180) % 360 - 180) <= 45


def test_an_upright_face_is_not_rotated_though_a_rotated_one_is_near(hopper):
    both = np.concatenate([hopper, np.ascontiguousarray(hopper[::-1, ::-1])], 1)
    assert detect_upright(both)[2] == 0


def test_a_photo_without_a_face_is_not_rotated():
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    assert detect_upright(noise)[1:] == ((), 0)


# ── several drawings on one page ──


@pytest.mark.parametrize("style", ["avataaars", "toon-head", "lorelei"])
def test_inline_avatars_look_as_they_do_alone(style):
    spec = Parameters(style).spec
    first = Parameters(style)
    colours = {name: palette[-1] for name, palette in spec.colours.items()}
    second = Parameters(style, {slot: variants[-1] for slot, variants in spec.slots.items()}, colours)
    texts = [engine.svg(parameters) for parameters in (first, second)]
    left, right = (
        text.replace("<svg ", f'<svg x="{128 * i}" width="128" height="128" ', 1) for i, text in enumerate(texts)
    )
    page = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256">{left}{right}</svg>'
    together = engine.raster(page, 256)[:128]
    for i, text in enumerate(texts):
        alone = engine.raster(text, 128)
        difference = np.abs(together[:, 128 * i : 128 * (i + 1)].astype(int) - alone).max(2)
        assert (difference > 30).mean() < 0.01  # at edges only


def test_ids_depend_on_the_drawing_only():
    a, b = Parameters("avataaars", {"top": "bob"}), Parameters("avataaars", {"top": "frida"})
    assert engine.svg(a) == engine.svg(a)
    ids = [set(re.findall(r'id="([^"]+)"', engine.svg(p))) for p in (a, b)]
    assert not ids[0] & ids[1]


# ── colour profiles ──


def swapped_profile():
    """sRGB with red and blue primaries swapped, so that (255, 0, 0) means blue."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    places = {}
    for i in range(count):
        at = 132 + 12 * i
        places[bytes(data[at : at + 4])] = at
        if bytes(data[at : at + 4]) == b"desc":  # or it would be taken for sRGB
            start = int.from_bytes(data[at + 4 : at + 8], "big")
            length = int.from_bytes(data[at + 8 : at + 12], "big")
            data[start : start + length] = bytes(data[start : start + length]).replace(b"s\0R\0G\0B", b"x\0R\0G\0B")
    red, blue = places[b"rXYZ"], places[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data)


PROFILE = swapped_profile()
RED = np.full((40, 40, 3), (255, 0, 0), np.uint8)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_colours_are_converted_by_the_profile(format):
    options = {"lossless": True} if format == "WEBP" else {}
    got = images.load(encoded(RED, format, icc_profile=PROFILE, **options))
    assert np.abs(got.astype(int) - (0, 0, 255)).max() <= 4


def test_srgb_and_pictures_without_a_profile_are_unchanged():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for options in ({}, {"icc_profile": srgb}):
        assert (images.load(encoded(RED, "PNG", **options)) == RED).all()


def test_a_profile_keeps_alpha_and_the_palette():
    rgba = np.dstack([RED, np.full((40, 40), 128, np.uint8)])
    got = images.load_picture(encoded(rgba, "PNG", icc_profile=PROFILE), alpha=True).picture
    assert np.abs(got[0, 0].astype(int) - (0, 0, 255, 128)).max() <= 2
    palette = PILImage.fromarray(RED).quantize(4)
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", icc_profile=PROFILE)
    assert np.abs(images.load(buffer.getvalue())[0, 0].astype(int) - (0, 0, 255)).max() <= 2


@pytest.mark.parametrize("profile", [b"x", PROFILE[:200], b"\0" * 5000])
def test_a_damaged_profile_is_ignored(profile):
    assert (images.load(encoded(RED, "PNG", icc_profile=profile)) == RED).all()


def test_a_profile_in_several_segments_is_read_and_its_size_is_bounded(monkeypatch):
    large = PROFILE + b"\0" * 200_000
    assert np.abs(images.load(encoded(RED, icc_profile=large))[0, 0].astype(int) - (0, 0, 255)).max() <= 4
    monkeypatch.setattr(picture_files, "MAX_PROFILE", 100_000)
    assert np.abs(images.load(encoded(RED, icc_profile=large))[0, 0].astype(int) - (255, 0, 0)).max() <= 4


# ── JPEGs with more or less than a picture ──


def test_a_motion_photo_is_read_without_its_video(small):
    photo = encoded(small)
    video_part = b"\0\0\0\x18ftypmp42" + b"\xff\xda\xff\xd9" * 500
    assert (images.load(photo + video_part) == images.load(photo)).all()


def test_a_jpeg_of_many_scans_is_refused(small):
    photo = encoded(small, progressive=True)
    start = photo.rindex(b"\xff\xda")
    bomb = photo[:-2] + photo[start:-2] * 150 + photo[-2:]
    with pytest.raises(UserError, match="scans"):
        images.load(bomb)


def test_a_jpeg_without_its_end_is_read_with_a_note(small):
    photo = encoded(small)
    loaded = images.load_picture(photo[:-2])
    assert (loaded.picture == images.load(photo)).all()
    assert "no end mark" in loaded.note
    loaded = images.load_picture(photo[: round(0.8 * len(photo))])
    assert np.abs(loaded.picture[:150].astype(int) - images.load(photo)[:150]).max() <= 2
    assert "% of the picture is missing" in loaded.note


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_other_pictures_that_are_cut_short_are_read_with_a_note(format, small):
    whole = encoded(small, format, **({"interlace": 0} if format == "GIF" else {}))
    loaded = images.load_picture(whole[: round(0.7 * len(whole))])
    assert (loaded.picture[:120] == images.load(whole)[:120]).all()
    assert "% of the picture is missing" in loaded.note
    assert images.load_picture(whole).note == ""


def test_a_jpeg_without_any_pixels_is_refused(small):
    photo = encoded(small)
    with pytest.raises(UserError, match="damaged or cut short"):
        images.load(photo[: photo.index(b"\xff\xda") + 14])


def test_a_cut_short_photo_is_redrawn_and_the_note_is_shown(small, drawing_checkpoint, tmp_path, capsys):
    photo = encoded(small)
    path = tmp_path / "a.jpg"
    path.write_bytes(photo[: round(0.9 * len(photo))])
    command = ["emojify", str(path), "-o", str(tmp_path / "o.png"), "--checkpoint", str(drawing_checkpoint), "--json"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert "cut short" in json.loads(out)["inputs"][0]["note"]
    assert "cut short" in err


# ── large photos ──


def test_a_large_jpeg_is_read_at_a_reduced_size():
    picture = np.zeros((1200, 1600, 3), np.uint8)
    picture[:, 800:] = 255
    content = encoded(picture)
    got = images.load(content, max_pixels=600_000)
    assert got.shape == (600, 800, 3)
    assert (got[:, :390].max(), got[:, 410:].min()) == (0, 255)
    assert images.load(content, max_pixels=100_000).shape == (150, 200, 3)


def test_a_phone_photo_of_108_megapixels_is_read():
    content = encoded(np.full((9000, 12000, 3), 90, np.uint8), quality=50)
    loaded = images.load_picture(content)
    assert loaded.picture.shape == (4500, 6000, 3)
    assert "108 megapixels" in loaded.note


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("JPEG", {"progressive": True})])
def test_large_pictures_that_cannot_be_reduced_are_refused(format, options):
    with pytest.raises(UserError, match="too large"):
        images.load(encoded(np.zeros((400, 500, 3), np.uint8), format, **options), max_pixels=100_000)


def test_the_size_of_a_jpeg_has_a_limit(monkeypatch):
    monkeypatch.setattr(images, "MAX_JPEG_PIXELS", 150_000)
    with pytest.raises(UserError, match="too large"):
        images.load(encoded(np.zeros((400, 500, 3), np.uint8)), max_pixels=100_000)


# ── animations ──


def animation(frames, format="GIF"):
    buffer = io.BytesIO()
    first, *rest = map(PILImage.fromarray, frames)
    first.save(buffer, format, save_all=True, append_images=rest, duration=80)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_blank_first_frames_are_skipped(format, small):
    loaded = images.load_picture(animation([np.zeros_like(small), np.zeros_like(small) + 1, small], format))
    assert loaded.frame >= 1
    assert loaded.picture.std() > 20
    assert "of the animation" in loaded.note


def test_the_first_frame_with_a_face_is_used(small):
    noise = np.random.default_rng(0).integers(0, 255, small.shape, np.uint8)
    loaded = load_photo(animation([noise, noise // 2, small, small]))
    assert loaded.frame == 2
    assert "Frame 3" in loaded.note


def test_an_animation_without_a_face_gives_its_first_frame():
    noise = np.random.default_rng(0).integers(0, 255, (3, 60, 60, 3), np.uint8)
    assert load_photo(animation(noise)).frame == 0


# ── formats and names ──


def test_heic_is_read():
    picture = images.load(HEIC)
    y, x = np.mgrid[0:48, 0:64]
    truth = np.stack([4 * x, 5 * y, np.full_like(x, 90)], -1)
    assert np.abs(picture.astype(int) - truth).mean() < 8


KINDS = {
    "picture": [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0", b"P6\n3 3",
                b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif"],
    "video": [b"\0\0\0\x18ftypisom", b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI ", b"FLV\x01", b"\0\0\0\x08wide",
              (b"G" + b"\0" * 187) * 4, (b"\0" * 4 + b"G" + b"\0" * 187) * 4],
    None: [b"", b"some text", b"PK\3\4", b"%PDF-1.7", b"Pictures", b"G" * 3, b"RIFF\0\0\0\0WAVE"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "head"), [(kind, head) for kind, heads in KINDS.items() for head in heads])
def test_files_are_recognised_by_their_content(kind, head):
    assert file_kinds.kind_of(head) == kind


def emojify(*arguments, checkpoint):
    return main(["emojify", *map(str, arguments), "--checkpoint", str(checkpoint)])


def test_whatever_can_be_read_is_taken_from_a_folder(small, drawing_checkpoint, tmp_path, capsys):
    album = tmp_path / "album"
    (album / "__MACOSX").mkdir(parents=True)
    jpeg = encoded(small)
    for name in ("a.JFIF", "b.jpe", "c.AVIF", "IMG_0001", "IMG.2024", "__MACOSX/._a.jpg", "._a.jpg"):
        (album / name).write_bytes(encoded(small, "AVIF") if name == "c.AVIF" else jpeg)
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "song.mp3"):
        (album / name).write_bytes(b"something else")
    out = tmp_path / "out"
    assert emojify(album, "-o", out, checkpoint=drawing_checkpoint) == 0
    assert sorted(path.name for path in out.iterdir()) == ["IMG.2024.png", "IMG_0001.png", "a.png", "b.png", "c.png"]
    assert f"{album}: 2 files are no pictures or videos, left out" in capsys.readouterr().err


def test_files_of_one_name_have_distinct_results(small, drawing_checkpoint, tmp_path):
    album, other = tmp_path / "album", tmp_path / "other"
    for folder, names in ((album, ("portrait.jpg", "portrait.png", "Portrait.bmp")), (other, ("portrait.jpg",))):
        folder.mkdir()
        for name in names:
            PILImage.fromarray(small).save(folder / name)
    out = tmp_path / "out"
    assert emojify(album, other, "-o", out, checkpoint=drawing_checkpoint) == 0
    names = [path.name.casefold() for path in out.iterdir()]
    assert len(set(names)) == 4
    assert {"portrait.png", "portrait-png.png"} < set(names)


@pytest.mark.parametrize(
    ("suffix", "format"), [(".MTS", "mpegts"), (".ts", "mpegts"), (".3gp", "mp4"), (".flv", "flv")]
)
def test_videos_are_recognised_by_their_content(suffix, format, astronaut, drawing_checkpoint, tmp_path):
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(video(astronauts(astronaut, 3), format=format))
    assert emojify(path, "-o", tmp_path / "o.mp4", "--mode", "alone", checkpoint=drawing_checkpoint) == 0
    with av.open(str(tmp_path / "o.mp4")) as made:
        assert sum(1 for _ in made.decode(video=0)) == 3


def test_a_video_named_as_a_picture_is_named_so(astronaut, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(video(astronauts(astronaut, 2)))
    with pytest.raises(UserError, match="is a video"):
        images.load(path)


# ── transparency and quality ──


def cutout(small):
    """A head on a transparent background whose colour is black, as many programs store it."""
    alpha = np.zeros(small.shape[:2], np.uint8)
    alpha[20:280, 30:220] = 255
    return np.dstack([small * (alpha[..., None] > 0), alpha])


def test_alpha_is_kept_where_the_format_has_it(small, drawing_checkpoint, tmp_path):
    path = tmp_path / "cutout.png"
    PILImage.fromarray(cutout(small)).save(path)
    assert emojify(path, "-o", tmp_path / "o.png", "--mode", "paste", checkpoint=drawing_checkpoint) == 0
    made = np.array(PILImage.open(tmp_path / "o.png"))
    assert made.shape == (300, 256, 4)
    assert made[:, :5, 3].max() == 0
    assert made[150, 128, 3] == 255
    assert emojify(path, "-o", tmp_path / "o.jpg", "--mode", "paste", checkpoint=drawing_checkpoint) == 0
    assert np.array(PILImage.open(tmp_path / "o.jpg"))[:, :5].min() > 250


def test_a_transparent_photo_is_rotated_with_its_alpha(small, drawing):
    result = drawing(np.ascontiguousarray(np.rot90(cutout(small), 2)), kind="drawn")
    assert result.rotation == 180
    assert result.composed.shape == (300, 256, 4)
    assert result.composed[:, :5, 3].max() == 0


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpegs_have_full_colour_resolution_and_little_loss(suffix, tmp_path):
    picture = engine.image(Parameters("avataaars"), 256)
    path = tmp_path / f"o{suffix}"
    images.save(path, picture)
    with PILImage.open(path) as saved:
        assert JpegImagePlugin.get_sampling(saved) == 0  # 4:4:4
        error = np.array(saved).astype(int) - images.composite_over(picture, (255, 255, 255))
    assert np.abs(error).mean() < 1


# ── video ──


def interlaced_video():
    """A bar that moves by 8 pixels from field to field."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        stream.codec_context.options = {"x264-params": "tff=1", "crf": "12"}
        for i in range(12):
            picture = np.full((128, 192, 3), 40, np.uint8)
            for field in (0, 1):
                left = 16 + 10 * i + 5 * field
                picture[field::2, left : left + 40] = 220
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        out.mux(stream.encode(None))
    return file.getvalue()


def combing(picture):
    """How much rows differ from the mean of the rows above and below."""
    grey = picture.astype(int).mean(2)
    return np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean()


def test_interlaced_video_is_deinterlaced():
    content = interlaced_video()
    with av.open(io.BytesIO(content)) as raw:
        combed = [frame.to_ndarray(format="rgb24") for frame in raw.decode(video=0)]
    frames = [item.picture for item in Reader(io.BytesIO(content), "a") if isinstance(item, Frame)]
    assert len(frames) == len(combed) == 12
    assert combing(combed[6]) > 4
    assert max(map(combing, frames[1:-1])) < combing(combed[6]) / 4


def test_progressive_video_is_not_filtered(astronaut):
    reader = Reader(io.BytesIO(video(astronauts(astronaut, 3))), "a")
    assert sum(isinstance(item, Frame) for item in reader) == 3
    assert reader._deinterlacer is None


@pytest.mark.parametrize(("transfer", "white"), [("HLG", 0.75), ("PQ", 0.58)])
def test_hdr_is_mapped_to_the_brightness_of_sdr(transfer, white):
    """Diffuse white is bright, half of its light is as in SDR, black stays black, grey stays grey."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    out = hdr.to_sdr(ramp, transfer)[0].astype(int)
    assert (np.diff(out[:, 0]) >= 0).all()
    assert np.abs(out - out.mean(1, keepdims=True)).max() <= 2
    assert out[0].max() == 0
    assert 230 <= out[round(255 * white)].mean() <= 250
    assert out[-1].min() >= 250


def test_the_colours_of_hdr_are_saturated():
    """Pure red of BT.709, coded as HLG in BT.2020, is red again, not pale."""
    light = np.linalg.inv(hdr._TO_BT709.astype(float)) @ (0.5, 0, 0)  # half of diffuse white
    decoding = hdr._decoding("HLG").astype(float)
    luminance = light @ hdr._LUMA * hdr.WHITE / hdr.PEAK
    scene = light / luminance ** (0.2 / 1.2)
    code = np.searchsorted(decoding, scene).clip(0, 255).astype(np.uint8)
    red, green, blue = hdr.to_sdr(code[None, None], "HLG")[0, 0].astype(int)
    assert red > 150
    assert max(green, blue) < 60


# ── folders to train from ──


def album_with_damaged_files(folder, small, good=20):
    folder.mkdir()
    for i in range(good):
        (folder / f"{i:02d}.jpg").write_bytes(encoded(np.roll(small, i, 1)[::4, ::4]))
    for i in range(5):
        (folder / f"x{i}.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("hello")
    return folder


def test_files_that_cannot_be_used_are_described_in_one_line(small, tmp_path):
    pictures = folders.read(album_with_damaged_files(tmp_path / "photos", small), 32)
    line = folders.describe_skipped(pictures, tmp_path / "photos")
    assert line == "6 of 26 files in photos can't be used: 6 not a picture that can be read ('notes.txt')."
    clean = folders.Pictures(pictures.x, pictures.names, ())
    assert folders.describe_skipped(clean, "photos") == ""


@pytest.fixture(scope="module")
def trained_run(small, tmp_path_factory):
    """A run of folders-tiny, started in its folder with relative paths: (folder, run directory, what it printed)."""
    folder = tmp_path_factory.mktemp("training")
    album_with_damaged_files(folder / "photos", small)
    album_with_damaged_files(folder / "draw", 255 - small)
    done = subprocess.run(
        [sys.executable, "-m", "dtn_core", "train", "folders-tiny", "--set", "s=photos", "--set", "t=draw"],
        cwd=folder, env=files.child_environment(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, folder / "runs" / "00001-folders-tiny", done.stderr


def test_training_says_what_it_leaves_out(trained_run):
    _, run, printed = trained_run
    line = "6 of 26 files in photos can't be used"
    assert line in printed
    assert line in (run / "events.jsonl").read_text()


def test_a_run_is_resumed_from_another_folder(trained_run, tmp_path, monkeypatch):
    _, run, _ = trained_run
    config = json.loads((run / "config.json").read_text())
    assert all(Path(config[name]).is_absolute() for name in ("s", "t"))
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--resume", str(run)]) == 0


def test_a_failed_start_keeps_the_status_and_a_moved_folder_can_be_named(trained_run, capsys):
    from dtn_core.training.runs.status import read_status

    folder, run, _ = trained_run
    before = read_status(run).status
    (folder / "photos").rename(folder / "moved")
    assert main(["train", "--resume", str(run)]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert read_status(run).status == before == "done"
    assert "Not resumed: " in read_status(run).messages[-1][1]
    assert main(["train", "--resume", str(run), "--set", f"s={folder / 'moved'}"]) == 0
    assert json.loads((run / "config.json").read_text())["s"] == str(folder / "moved")


def test_other_settings_of_a_resumed_run_cannot_be_changed(trained_run, capsys):
    _, run, _ = trained_run
    assert main(["train", "--resume", str(run), "--set", "steps=9"]) == 2
    assert "--set can't change a run that is resumed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        ("  /a/b  ", "/a/b"), ('"/a/b c"', "/a/b c"), ("'/a/b'", "/a/b"), ("file:///a/b%20c", "/a/b c"),
        ("~/b", str(Path.home() / "b")), ('"~/b"', str(Path.home() / "b")), ("a'b", "a'b"), ("", ""),
    ],
)  # fmt: skip
def test_pasted_paths_are_cleaned(pasted, path):
    assert files.clean_path(pasted) == path


# ── the same file everywhere ──

CASES = {
    "upside_down": lambda small: encoded(np.ascontiguousarray(small[::-1, ::-1]), "PNG"),
    "profile": lambda small: encoded(small[..., ::-1].copy(), "PNG", icc_profile=PROFILE),
    "motion_photo": lambda small: encoded(small) + b"\xff\xda" * 300,
    "cut_short": lambda small: encoded(small)[:-2],
    "transparent": lambda small: encoded(cutout(small), "PNG"),
    "animation": lambda small: animation([np.zeros_like(small), small]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_file_gives_the_same_avatar_everywhere(case, small, drawing, drawing_checkpoint, tmp_path):
    from dtn_core.ui.components import pictures
    from dtn_core.ui.tabs.batch import make_batch_handler
    from dtn_core.ui.translations import Translations

    content = CASES[case](small)
    path = tmp_path / "photo.bin"
    path.write_bytes(content)
    url = pictures.data_url(content, "application/octet-stream")
    parameters = tmp_path / "p.json"
    assert emojify(path, "-o", tmp_path / "o.png", "--parameters", parameters, checkpoint=drawing_checkpoint) == 0
    by_command = json.loads(parameters.read_text())
    (in_photo,) = drawing(pictures.decode_photo(url).picture, kind="drawn").faces
    handler = make_batch_handler(Translations(drawing, ("heads",), lambda path: drawing, None))
    (in_batch,) = handler({"photo": url, "style": "", "kind": "drawn"})["faces"]
    assert by_command == in_photo.avatar.parameters.to_dict() == in_batch["parameters"]
