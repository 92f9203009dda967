"""``python -m dtn_core emojify`` and ``draw`` as people run them: files out, one line for every trouble, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from tiny_digits import write_digits

from dtn_core import cli as command
from dtn_core.core.images import load, save

ROOT = Path(__file__).parents[1]


@pytest.fixture
def emojify(drawing_checkpoint, capsys):
    """Run the command in this process: (exit code, standard output, lines of standard error)."""

    def run(*arguments):
        arguments = [str(a) for a in arguments]
        if "--checkpoint" not in arguments:
            arguments += ["--checkpoint", str(drawing_checkpoint)]
        code = command.main(["emojify", *arguments, "--device", "cpu"])
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return run


@pytest.fixture
def two_faces(tmp_path, hopper, astronaut):
    path = tmp_path / "two.png"
    save(path, np.concatenate([astronaut, hopper[:512]], axis=1))
    return path


@pytest.fixture
def draw(capsys):
    """As `emojify`, of the command draw."""

    def run(*arguments):
        code = command.main(["draw", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return run


def test_portrait_to_transparent_png(emojify, hopper_path, tmp_path):
    code, out, err = emojify(hopper_path, "-o", tmp_path / "out.png")
    assert (code, out, len(err)) == (0, "", 1)
    with PILImage.open(tmp_path / "out.png") as picture:
        assert (picture.mode, picture.size) == ("RGBA", (512, 512))
        assert picture.getpixel((2, 2))[3] == 0
        assert picture.getpixel((256, 200))[3] == 255


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--size", 64), (64, 64, "RGBA")),
        (("--size", 300), (300, 300, "RGBA")),
        (("--painted",), (256, 256, "RGBA")),
        (("--painted", "--size", 64), (64, 64, "RGBA")),
        (("--mode", "paste"), (512, 600, "RGB")),
        (("--mode", "paste", "--painted"), (512, 600, "RGB")),
        (("--mode", "beside"), (512 + 600, 600, "RGB")),
        (("--mode", "beside", "--painted", "--size", 64), (512 + 600, 600, "RGB")),
    ],
)
def test_modes_and_sizes(emojify, hopper_path, tmp_path, options, expected):
    assert emojify(hopper_path, "-o", tmp_path / "out.png", *options)[0] == 0
    with PILImage.open(tmp_path / "out.png") as picture:
        assert (*picture.size, picture.mode) == expected


def test_the_picture_is_that_of_the_library(emojify, drawing, hopper_path, hopper, tmp_path):
    (face,) = drawing(hopper).faces
    for name, options, wanted in (
        ("a.png", (), face.avatar.image(512)),
        ("b.png", ("--painted",), face.image),
        ("c.png", ("--painted", "--size", "64"), face.raw),
        ("d.png", ("--mode", "paste"), drawing(hopper, kind="drawn").composed),
        ("e.png", ("--mode", "paste", "--painted"), drawing(hopper, kind="painted").composed),
    ):
        assert emojify(hopper_path, "-o", tmp_path / name, *options)[0] == 0
        with PILImage.open(tmp_path / name) as picture:
            assert np.abs(np.asarray(picture).astype(int) - wanted).max() <= 1, name
    assert emojify(hopper_path, "-o", tmp_path / "f.svg")[0] == 0
    assert (tmp_path / "f.svg").read_text() == face.avatar.svg()


def test_parameters_are_drawn_again(emojify, draw, hopper_path, tmp_path):
    target = tmp_path / "new" / "who.json"
    code, out, _ = emojify(hopper_path, "-o", tmp_path / "a.svg", "--parameters", target, "--json")
    (face,) = json.loads(out)["inputs"][0]["faces"]
    assert code == 0
    assert json.loads(out)["kind"] == face["kind"] == "drawn"
    assert json.loads(target.read_text()) == face["parameters"]
    assert face["parameters"]["style"] == "avataaars"
    assert all(0 <= sure <= 1 for sure in face["sure"].values())
    assert draw(target, "-o", tmp_path / "b.svg")[0] == 0
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "a.svg").read_bytes()
    for view in ("bust", "head"):
        assert draw(target, "-o", tmp_path / f"{view}.png", "--size", 100, "--view", view)[0] == 0
        with PILImage.open(tmp_path / f"{view}.png") as picture:
            assert (picture.mode, picture.size) == ("RGBA", (100, 100))
    assert (tmp_path / "bust.png").read_bytes() != (tmp_path / "head.png").read_bytes()
    assert draw(target, "-o", tmp_path / "sticker.webp", "--background", "#ffc83d")[0] == 0
    with PILImage.open(tmp_path / "sticker.webp") as picture:
        assert (picture.size, picture.convert("RGB").getpixel((0, 0))) == ((512, 512), (255, 200, 61))
        assert "Pablo Stanley" in picture.getexif()[0x8298]
    assert not list(tmp_path.rglob(".*"))


def test_parameters_of_several_faces_are_a_list(emojify, draw, two_faces, tmp_path):
    target = tmp_path / "who.json"
    code, out, _ = emojify(two_faces, "-o", tmp_path / "out", "--all-faces", "--parameters", target, "--json")
    faces = json.loads(out)["inputs"][0]["faces"]
    assert code == 0
    assert json.loads(target.read_text()) == [face["parameters"] for face in faces]
    code, _, err = draw(target, "-o", tmp_path / "again.svg")
    assert (code, len(err)) == (0, 2)
    assert sorted(p.name for p in tmp_path.glob("again*")) == ["again-1.svg", "again-2.svg"]
    assert emojify(two_faces, "-o", tmp_path / "two.svg", "--all-faces")[0] == 0
    for i in (1, 2):
        assert (tmp_path / f"two-{i}.svg").read_text() == (tmp_path / f"again-{i}.svg").read_text()


def test_no_face_writes_no_parameters(emojify, noise, tmp_path):
    save(tmp_path / "wall.png", noise)
    options = ("-o", tmp_path / "o.svg", "--parameters", tmp_path / "who.json")
    refusal(emojify(tmp_path / "wall.png", *options), "no face")
    assert [p.name for p in tmp_path.iterdir()] == ["wall.png"]


def test_a_drawn_only_checkpoint_is_reported(emojify, hopper_path, make_checkpoint, tmp_path):
    choice = ("--checkpoint", make_checkpoint(tmp_path / "drawn", draws=True, paints=False))
    assert emojify(hopper_path, "-o", tmp_path / "o.svg", *choice)[0] == 0
    refusal(emojify(hopper_path, "-o", tmp_path / "x.png", "--painted", *choice), "'drawn' is drawn only")
    assert not (tmp_path / "x.png").exists()


def test_a_painted_only_checkpoint_is_reported(emojify, hopper_path, tiny_checkpoint, tmp_path):
    choice = ("--checkpoint", tiny_checkpoint)
    code, out, err = emojify(hopper_path, "-o", tmp_path / "o.png", "--json", *choice)
    assert code == 0
    assert "painted only" in err[0]
    (face,) = json.loads(out)["inputs"][0]["faces"]
    assert (face["kind"], face["parameters"], face["sure"]) == ("painted", None, None)
    with PILImage.open(tmp_path / "o.png") as picture:
        assert picture.size == (256, 256)
    assert len(emojify(hopper_path, "-o", tmp_path / "o.png", "--painted", *choice)[2]) == 1
    refusal(emojify(hopper_path, "-o", tmp_path / "x.svg", *choice), "painted only")
    refusal(
        emojify(hopper_path, "-o", tmp_path / "x.png", "--parameters", tmp_path / "x.json", *choice), "painted only"
    )
    refusal(emojify(hopper_path, "-o", tmp_path / "x.png", "--size", 512, *choice), "64 or 256")
    assert [p.name for p in tmp_path.iterdir()] == ["o.png"]


def test_contradictory_options_are_reported_in_one_line(emojify, hopper_path, tmp_path):
    picture, vector, who = tmp_path / "x.png", tmp_path / "x.svg", tmp_path / "who.json"
    for words, options in {
        "between 16 and 4096": ("-o", picture, "--size", 0),
        "not 100000": ("-o", picture, "--size", 100000),
        "64 or 256": ("-o", picture, "--painted", "--size", 512),
        "Leave out --painted": ("-o", vector, "--painted"),
        "neither SVG nor parameters": ("-o", picture, "--painted", "--parameters", who),
        "--mode paste": ("-o", vector, "--mode", "paste"),
        "FILE.json": ("-o", picture, "--parameters", tmp_path / "who.txt"),
        "unknown picture type '.xyz'": ("-o", tmp_path / "x.xyz"),
    }.items():
        refusal(emojify(hopper_path, *options), words)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_may_have_a_dot(emojify, hopper_path, tmp_path):
    (tmp_path / "v1.2").mkdir()
    for folder in (tmp_path / "v1.2", f"{tmp_path}/v1.3/"):
        assert emojify(hopper_path, "-o", folder)[0] == 0
    assert [p.parent.name for p in sorted(tmp_path.rglob("*.png"))] == ["v1.2", "v1.3"]


AVATAR = {"style": "avataaars", "variants": {"top": "bob"}, "colours": {"hair": "#123456"}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({**AVATAR, "style": "cartoon-set"}, "style 'cartoon-set' can't be drawn"),
        ({**AVATAR, "variants": {"topp": "bob"}}, "no slot 'topp'"),
        ({**AVATAR, "variants": {"top": "crown"}}, "top can't be 'crown'"),
        ({**AVATAR, "variants": ["top"]}, "slots must be an object"),
        ({**AVATAR, "colours": {"hair": "red"}}, "#rrggbb"),
        ({**AVATAR, "colours": {"hair": "#123456'/><script>"}}, "#rrggbb"),
        ({**AVATAR, "colours": {"teeth": "#ffffff"}}, "no colour 'teeth'"),
        ({**AVATAR, "shape": {"face_width": 3}}, "shape face_width must be a number from -1 to 1, not 3"),
        ({**AVATAR, "seed": 5}, "unknown entry 'seed'"),
        ([AVATAR, 3], "an avatar is an object"),
        ([], "an empty list"),
        (None, "an avatar is an object"),
        (b'{"style": "avataaars"', "is not JSON"),
        (b"", "is not JSON"),
        (b"\x80\x04\x95\x0c\x00\x00\x00", "is not JSON"),  # a pickle
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_invalid_parameters_are_reported_in_one_line(draw, tmp_path, content, words):
    path = tmp_path / "who.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    refusal(draw(path, "-o", tmp_path / "x.png"), words)
    assert [p.name for p in tmp_path.iterdir()] == ["who.json"]


def test_bad_drawings_are_reported_in_one_line(draw, tmp_path):
    path = tmp_path / "who.json"
    path.write_text(json.dumps(AVATAR))
    (tmp_path / "file").write_text("")
    refusal(draw(tmp_path / "no.json", "-o", tmp_path / "x.png"), "no such file")
    refusal(draw(tmp_path, "-o", tmp_path / "x.png"), "no such file")
    refusal(draw(path, "-o", tmp_path / "x.xyz"), "unknown picture type")
    for target in ("x.png", "x.svg"):
        refusal(draw(path, "-o", tmp_path / target, "--size", 0), "between 16 and 4096")
        refusal(draw(path, "-o", tmp_path / target, "--size", 100000), "between 16 and 4096")
        refusal(draw(path, "-o", tmp_path / "file" / target), "cannot be written")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "who.json"]


def test_an_interrupted_text_leaves_the_old_one(draw, tmp_path, monkeypatch):
    path, target = tmp_path / "who.json", tmp_path / "x.svg"
    path.write_text(json.dumps(AVATAR))
    target.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    refusal(draw(path, "-o", target), "No space left on device")
    assert target.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["who.json", "x.svg"]


def test_a_checkpoint_of_digits_is_refused(emojify, hopper_path, tmp_path):
    numbers = write_digits(tmp_path / "numbers")
    refusal(emojify(hopper_path, "-o", tmp_path / "x.png", "--checkpoint", numbers), "reads digits, not faces")
    assert not (tmp_path / "x.png").exists()


def test_the_confidence_is_printed_of_every_face(emojify, two_faces, tmp_path):
    code, out, err = emojify(two_faces, "-o", tmp_path / "out", "--all-faces", "--json")
    shares = [f"{face['confidence']:.0%}" for face in json.loads(out)["inputs"][0]["faces"]]
    assert code == 0
    assert [line.split("(")[1] for line in err] == [f"how well the face can be seen: {share})" for share in shares]
    _, _, err = emojify(two_faces, "-o", tmp_path / "two.jpg", "--all-faces", "--mode", "paste")
    assert err[0].endswith(f"(how well the face can be seen: {', '.join(shares)})")


def test_a_poorly_visible_face_has_a_note(emojify, dim, tmp_path):
    save(tmp_path / "dim.png", dim)
    code, out, err = emojify(tmp_path / "dim.png", "-o", tmp_path / "out.png", "--json")
    (face,) = json.loads(out)["inputs"][0]["faces"]
    assert code == 0
    assert "too dark" in face["note"]
    assert err[0].endswith(f"seen: {face['confidence']:.0%}) {face['note']}")


def test_a_face_that_is_hardly_seen_is_refused(emojify, dark, tmp_path):
    save(tmp_path / "dark.png", dark)
    target = tmp_path / "out.png"
    for mode in ("alone", "paste", "beside"):
        refusal(emojify(tmp_path / "dark.png", "-o", target, "--mode", mode), "too dark; use more light")
    assert not target.exists()
    record = json.loads(emojify(tmp_path / "dark.png", "-o", target, "--json")[1])["inputs"][0]
    assert record["faces"] == record["outputs"] == []
    assert record["error"].endswith(record["refused"][0]["note"])
    assert record["refused"][0]["confidence"] < 0.25


def test_one_of_two_is_refused(emojify, dark, astronaut, tmp_path):
    save(tmp_path / "two.png", np.concatenate([dark[:512], astronaut], axis=1))
    code, out, err = emojify(tmp_path / "two.png", "-o", tmp_path / "out.png", "--all-faces", "--json")
    record = json.loads(out)["inputs"][0]
    assert (code, len(record["faces"]), len(record["refused"]), len(record["outputs"])) == (0, 1, 1, 1)
    assert record["refused"][0]["box"][2] < 512 < record["faces"][0]["box"][0]
    assert any("left as it is" in line and "too dark" in line for line in err)


def test_json_is_one_object_and_nothing_else(emojify, two_faces, tmp_path, drawing):
    code, out, _ = emojify(two_faces, "-o", tmp_path / "out", "--all-faces", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["checkpoint"] == {"name": "drawing", "hash": drawing.checkpoint.hash}
    assert report["failed"] == 0
    (record,) = report["inputs"]
    assert record["input"] == str(two_faces)
    assert record["error"] is None
    assert record["outputs"] == [str(tmp_path / "out" / f"two-{i}.png") for i in (1, 2)]
    assert all(load(path).shape == (512, 512, 3) for path in record["outputs"])
    left, right = record["faces"]
    assert left["box"][2] < 512 < right["box"][0]
    assert np.shape(left["points"]) == (5, 2)
    assert record["turned"] == 0
    assert record["ms"]["total"] > 0


def test_a_photo_on_its_side_is_turned(emojify, hopper, tmp_path):
    save(tmp_path / "side.png", np.rot90(hopper))
    code, out, log = emojify(tmp_path / "side.png", "-o", tmp_path / "out.png", "--json")
    assert code == 0
    assert "turned by 90° clockwise" in log[0]
    assert json.loads(out)["inputs"][0]["turned"] == 90


def test_only_the_largest_face_by_default(emojify, two_faces, tmp_path):
    code, out, _ = emojify(two_faces, "-o", tmp_path / "one.png", "--json")
    assert code == 0
    (face,) = json.loads(out)["inputs"][0]["faces"]
    assert face["box"][0] > 512
    assert [p.name for p in tmp_path.glob("one*")] == ["one.png"]


def test_folders_are_mirrored_and_bad_pictures_dont_stop_the_rest(emojify, hopper_path, noise, tmp_path):
    album = tmp_path / "album"
    (album / "1952").mkdir(parents=True)
    (album / "a.jpg").write_bytes(hopper_path.read_bytes())
    (album / "1952" / "b.JPG").write_bytes(hopper_path.read_bytes())
    (album / "broken.png").write_bytes(b"not a picture")
    (album / "cut.jpg").write_bytes(hopper_path.read_bytes()[:9000])
    (album / "notes.txt").write_text("not for us")
    save(album / "wall.png", noise)
    code, out, err = emojify(album, "-o", tmp_path / "out", "--json")
    assert code == 2
    written = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert written == ["1952/b.png", "a.png"]
    errors = [line for line in err if line.startswith("error: ")]
    assert len(errors) == 3
    for name, words in (("broken.png", "not a picture"), ("cut.jpg", "cut short"), ("wall.png", "no face")):
        assert sum(name in line and words in line for line in errors) == 1
    report = json.loads(out)
    assert (len(report["inputs"]), report["failed"]) == (5, 3)
    assert "2 of 5 pictures done, 3 failed" in err[-1]


def test_an_output_folder_inside_the_input_is_not_read_again(emojify, hopper_path, tmp_path):
    (tmp_path / "a.jpg").write_bytes(hopper_path.read_bytes())
    for _ in range(2):
        code, out, _ = emojify(tmp_path, "-o", tmp_path / "out", "--json")
        assert code == 0
        assert len(json.loads(out)["inputs"]) == 1


def refusal(answer, words):
    """Exit code 2 and exactly one line, which holds these words."""
    code, out, err = answer
    assert code == 2
    assert out == ""
    assert len(err) == 1
    assert err[0].startswith("error: ")
    assert words in err[0]


def test_bad_input_is_reported_in_one_line(emojify, hopper_path, noise, tmp_path):
    video, empty, nothing, blank, dot = (
        tmp_path / n for n in ("film.mp4", "empty.jpg", "nothing", "blank.png", "dot.png")
    )
    video.write_bytes(bytes(50))
    empty.write_bytes(b"")
    nothing.mkdir()
    save(blank, noise)
    save(dot, noise[:1, :1])
    target = tmp_path / "out.png"
    refusal(emojify(video, "-o", target), "a video is written as MP4")
    refusal(emojify(empty, "-o", target), "0 bytes")
    refusal(emojify(tmp_path / "missing.jpg", "-o", target), "no such file")
    refusal(emojify(blank, "-o", target), "no face found")
    refusal(emojify(dot, "-o", target), "no face found")
    refusal(emojify(nothing, "-o", tmp_path / "out"), "no pictures")
    refusal(emojify(hopper_path, hopper_path, "-o", target), "-o FOLDER")
    refusal(emojify(nothing, "-o", target), "-o FOLDER")
    assert not target.exists()


def test_bad_checkpoints_are_reported_in_one_line(emojify, hopper_path, make_checkpoint, tmp_path):
    target = tmp_path / "out.png"
    refusal(emojify(hopper_path, "-o", target, "--checkpoint", tmp_path / "none"), "not found")
    damaged = make_checkpoint(tmp_path / "damaged")
    (damaged / "generator.safetensors").write_bytes(b"\0" * 40)
    refusal(emojify(hopper_path, "-o", target, "--checkpoint", damaged), "damaged")


def test_unwritable_outputs_are_reported_in_one_line(emojify, hopper_path, tmp_path):
    (tmp_path / "file").write_text("")
    refusal(emojify(hopper_path, "-o", tmp_path / "file" / "out.png"), "cannot be written")
    refusal(emojify(hopper_path, "-o", tmp_path / "file"), "cannot be written")


def test_inputs_and_other_outputs_are_never_overwritten(emojify, hopper_path, hopper, tmp_path):
    save(tmp_path / "a.png", hopper)
    (tmp_path / "a.jpg").write_bytes(hopper_path.read_bytes())
    before = (tmp_path / "a.png").read_bytes()
    refusal(emojify(tmp_path / "a.png", "-o", tmp_path), "overwrite")
    assert (tmp_path / "a.png").read_bytes() == before
    code, *_ = emojify(tmp_path / "a.png", tmp_path / "a.jpg", "-o", tmp_path / "out")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-jpg.png", "a.png"]


def test_a_fatal_error_is_json_too(emojify, hopper_path, tmp_path):
    code, out, err = emojify(hopper_path, "-o", tmp_path / "o.png", "--checkpoint", tmp_path / "none", "--json")
    assert code == 2
    assert "not found" in json.loads(out)["error"]
    assert len(err) == 1


def test_interrupts_are_quiet(emojify, hopper_path, tmp_path, monkeypatch):
    from dtn_core.pipeline.photo import Transferrer

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Transferrer, "__call__", interrupted)
    assert emojify(hopper_path, "-o", tmp_path / "o.png") == (130, "", [])


def test_wrong_usage_is_exit_code_2(capsys):
    wrong_size = ["emojify", "a.png", "-o", "b.png", "--size", "large"]
    for arguments in ([], ["emojify"], ["emojify", "a.png"], wrong_size, ["draw"], ["draw", "a.json"]):
        assert command.main(arguments) == 2
        out, err = capsys.readouterr()
        assert (out, len(err.splitlines())) == ("", 1)
        assert err.startswith("error: ")
        assert "--help" in err


def run(*arguments):
    """The command in a process of its own, from the repository's root."""
    line = [sys.executable, "-m", "dtn_core", *(str(a) for a in arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True)


def test_the_real_command(hopper_path, tiny_checkpoint, tmp_path):
    options = ("-o", tmp_path / "out.png", "--checkpoint", tiny_checkpoint)
    done = run("emojify", hopper_path, *options, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["inputs"][0]["outputs"] == [str(tmp_path / "out.png")]
    missing = run("emojify", tmp_path / "no.jpg", *options)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "no such file" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_help_does_not_wait_for_torch():
    code = """
import sys
from dtn_core.cli import main
try:
    main(["emojify", "--help"])
except SystemExit:
    sys.exit("torch" in sys.modules or "cv2" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0


def test_an_internal_error_is_no_bad_input(monkeypatch):
    """A library's ValueError is a bug of ours: it keeps its traceback, and is not passed off as the user's."""

    def breaks(arguments):
        raise ValueError("axes don't match array")

    monkeypatch.setattr("dtn_core.cli.runs.run", breaks)
    with pytest.raises(ValueError, match="axes"):
        command.main(["runs"])
