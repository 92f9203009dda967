"""``python -m dtn_core emojify`` as people run it: files out, one line for every trouble, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core import __main__ as command
from dtn_core.images import load, save

ROOT = Path(__file__).parents[1]


@pytest.fixture
def emojify(tiny_checkpoint, capsys):
    """Run the command in this process: (exit code, standard output, lines of standard error)."""

    def run(*arguments):
        arguments = [str(a) for a in arguments]
        if "--checkpoint" not in arguments:
            arguments += ["--checkpoint", str(tiny_checkpoint)]
        code = command.main(["emojify", *arguments, "--device", "cpu"])
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return run


@pytest.fixture
def two_faces(tmp_path, hopper, astronaut):
    path = tmp_path / "two.png"
    save(path, np.concatenate([astronaut, hopper[:512]], axis=1))
    return path


def test_portrait_to_transparent_png(emojify, hopper_path, tmp_path):
    code, out, err = emojify(hopper_path, "-o", tmp_path / "out.png")
    assert (code, out, len(err)) == (0, "", 1)
    with PILImage.open(tmp_path / "out.png") as picture:
        assert (picture.mode, picture.size) == ("RGBA", (256, 256))


@pytest.mark.parametrize(
    ("mode", "size", "expected"),
    [
        ("alone", 64, (64, 64, "RGBA")),
        ("alone", 256, (256, 256, "RGBA")),
        ("paste", 256, (512, 600, "RGB")),
        ("beside", 64, (512 + 600, 600, "RGB")),
    ],
)
def test_modes_and_sizes(emojify, hopper_path, tmp_path, mode, size, expected):
    assert emojify(hopper_path, "-o", tmp_path / "out.png", "--mode", mode, "--size", size)[0] == 0
    with PILImage.open(tmp_path / "out.png") as picture:
        assert (*picture.size, picture.mode) == expected


def test_the_confidence_is_printed_of_every_face(emojify, two_faces, tmp_path):
    code, out, err = emojify(two_faces, "-o", tmp_path / "out", "--all-faces", "--json")
    shares = [f"{face['confidence']:.0%}" for face in json.loads(out)["inputs"][0]["faces"]]
    assert code == 0
    assert [line.split("(")[1] for line in err] == [f"confidence {share})" for share in shares]
    _, _, err = emojify(two_faces, "-o", tmp_path / "two.jpg", "--all-faces", "--mode", "paste")
    assert err[0].endswith(f"(confidence {', '.join(shares)})")


def test_a_face_that_is_seen_badly_is_done_with_a_note(emojify, dim, tmp_path):
    save(tmp_path / "dim.png", dim)
    code, out, err = emojify(tmp_path / "dim.png", "-o", tmp_path / "out.png", "--json")
    (face,) = json.loads(out)["inputs"][0]["faces"]
    assert code == 0
    assert "too dark" in face["note"]
    assert err[0].endswith(f"(confidence {face['confidence']:.0%}) {face['note']}")


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


def test_json_is_one_object_and_nothing_else(emojify, two_faces, tmp_path, tiny):
    code, out, _ = emojify(two_faces, "-o", tmp_path / "out", "--all-faces", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["checkpoint"] == {"name": "tiny", "hash": tiny.checkpoint.hash}
    assert report["failed"] == 0
    (record,) = report["inputs"]
    assert record["input"] == str(two_faces)
    assert record["error"] is None
    assert record["outputs"] == [str(tmp_path / "out" / f"two-{i}.png") for i in (1, 2)]
    assert all(load(path).shape == (256, 256, 3) for path in record["outputs"])
    big, small = record["faces"]
    assert big["box"][0] > 512 > small["box"][2]
    assert np.shape(big["points"]) == (5, 2)
    assert record["ms"]["total"] > 0


def test_only_the_biggest_face_unless_all_are_asked_for(emojify, two_faces, tmp_path):
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


def test_bad_input_is_one_line(emojify, hopper_path, noise, tmp_path):
    video, empty, nothing, blank, dot = (
        tmp_path / n for n in ("film.mp4", "empty.jpg", "nothing", "blank.png", "dot.png")
    )
    video.write_bytes(bytes(50))
    empty.write_bytes(b"")
    nothing.mkdir()
    save(blank, noise)
    save(dot, noise[:1, :1])
    target = tmp_path / "out.png"
    refusal(emojify(video, "-o", target), "is a video")
    refusal(emojify(empty, "-o", target), "0 bytes")
    refusal(emojify(tmp_path / "missing.jpg", "-o", target), "no such file")
    refusal(emojify(blank, "-o", target), "no face found")
    refusal(emojify(dot, "-o", target), "no face found")
    refusal(emojify(nothing, "-o", tmp_path / "out"), "no pictures")
    refusal(emojify(hopper_path, hopper_path, "-o", target), "-o FOLDER")
    refusal(emojify(nothing, "-o", target), "-o FOLDER")
    assert not target.exists()


def test_bad_checkpoints_are_one_line(emojify, hopper_path, make_checkpoint, tmp_path):
    target = tmp_path / "out.png"
    refusal(emojify(hopper_path, "-o", target, "--checkpoint", tmp_path / "none"), "not found")
    damaged = make_checkpoint(tmp_path / "damaged")
    (damaged / "generator.safetensors").write_bytes(b"\0" * 40)
    refusal(emojify(hopper_path, "-o", target, "--checkpoint", damaged), "damaged")


def test_unwritable_outputs_are_one_line(emojify, hopper_path, tmp_path):
    (tmp_path / "file").write_text("")
    refusal(emojify(hopper_path, "-o", tmp_path / "file" / "out.png"), "cannot be written")
    refusal(emojify(hopper_path, "-o", tmp_path / "file"), "cannot be written")


def test_inputs_and_other_outputs_are_never_overwritten(emojify, hopper_path, hopper, tmp_path):
    save(tmp_path / "a.png", hopper)
    (tmp_path / "a.jpg").write_bytes(hopper_path.read_bytes())
    before = (tmp_path / "a.png").read_bytes()
    refusal(emojify(tmp_path / "a.png", "-o", tmp_path), "overwrite")
    assert (tmp_path / "a.png").read_bytes() == before
    code, _, err = emojify(tmp_path / "a.png", tmp_path / "a.jpg", "-o", tmp_path / "out")
    assert code == 2
    assert sum("would overwrite the emoji of" in line for line in err) == 1
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_fatal_error_is_json_too(emojify, hopper_path, tmp_path):
    code, out, err = emojify(hopper_path, "-o", tmp_path / "o.png", "--checkpoint", tmp_path / "none", "--json")
    assert code == 2
    assert "not found" in json.loads(out)["error"]
    assert len(err) == 1


def test_interrupts_are_quiet(emojify, hopper_path, tmp_path, monkeypatch):
    from dtn_core.transfer import Transferrer

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Transferrer, "__call__", interrupted)
    assert emojify(hopper_path, "-o", tmp_path / "o.png") == (130, "", [])


def test_wrong_usage_is_exit_code_2(capsys):
    wrong_size = ["emojify", "a.png", "-o", "b.png", "--size", "65"]
    for arguments in ([], ["emojify"], ["emojify", "a.png"], wrong_size):
        with pytest.raises(SystemExit) as caught:
            command.main(arguments)
        assert caught.value.code == 2
        assert capsys.readouterr().out == ""


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
from dtn_core.__main__ import main
try:
    main(["emojify", "--help"])
except SystemExit:
    sys.exit("torch" in sys.modules or "cv2" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0
