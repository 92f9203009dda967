"""``python -m dtn_core digits`` as people run it: files out, one line for every trouble, exit codes."""

import json

import numpy as np
import pytest
from PIL import Image as PILImage
from tiny_digits import write_digits, write_judge

from dtn_core import cli as command
from dtn_core.core.images import load, save
from dtn_core.data.drawn_digits import draw_many
from dtn_core.pipeline.digits import DigitTransferrer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(translation, judge), read only."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return write_digits(folder / "tiny"), write_judge(folder / "tiny-judge")


@pytest.fixture
def digits(trained, capsys):
    """Run the command in this process: (exit code, standard output, lines of standard error)."""

    def run(*arguments):
        arguments = [str(a) for a in arguments]
        for flag, folder in zip(("--checkpoint", "--judge"), trained):
            if flag not in arguments:
                arguments += [flag, str(folder)]
        code = command.main(["digits", *arguments, "--device", "cpu"])
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return run


@pytest.fixture
def number(tmp_path):
    save(tmp_path / "number.png", draw_many("street", 0, 1)[0][0])
    return tmp_path / "number.png"


@pytest.mark.parametrize("size", [32, 128])
def test_number_to_png(digits, number, trained, tmp_path, size):
    code, out, err = digits(number, "-o", tmp_path / "out.png", "--size", size)
    assert (code, out, len(err)) == (0, "", 1)
    with PILImage.open(tmp_path / "out.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (size, size))
    made = DigitTransferrer.from_checkpoint(*trained, "cpu")(load(number)).generated
    assert (load(tmp_path / "out.png")[:: size // 32, :: size // 32, 0] == made).all()


def test_a_g_that_paints_colour(digits, number, tmp_path):
    checkpoint = write_digits(tmp_path / "colour", channels=3)
    assert digits(number, "-o", tmp_path / "out.png", "--checkpoint", checkpoint)[0] == 0
    picture = load(tmp_path / "out.png").astype(int)
    assert np.abs(picture[..., 0] - picture[..., 2]).max() > 0


def test_json_is_one_object_and_nothing_else(digits, number, trained, tmp_path):
    code, out, _ = digits(number, "-o", tmp_path / "out", "--json")
    report = json.loads(out)
    transferrer = DigitTransferrer.from_checkpoint(*trained, "cpu")
    assert (code, report["failed"], report["size"]) == (0, 0, 32)
    assert report["checkpoint"] == {"name": "tiny", "hash": transferrer.checkpoint.hash}
    (record,) = report["inputs"]
    assert (record["input"], record["error"]) == (str(number), None)
    assert record["output"] == str(tmp_path / "out" / "number.png")
    result = transferrer(load(number))
    for key, reading in (("read", result.encoder_probabilities), ("judged", result.judge_probabilities)):
        assert record[key]["digit"] == reading.argmax()
        assert record[key]["confidence"] == pytest.approx(reading.max(), abs=1e-4)
    assert record["ms"]["total"] > 0


def test_folders_are_mirrored_and_bad_pictures_dont_stop_the_rest(digits, number, noise, tmp_path):
    street = tmp_path / "street"
    (street / "north").mkdir(parents=True)
    for name in ("a.png", "north/b.PNG", "cut.png"):
        (street / name).write_bytes(number.read_bytes())
    (street / "cut.png").write_bytes(number.read_bytes()[:60])
    (street / "text.jpg").write_bytes(b"not a picture")
    save(street / "dot.png", noise[:3, :3])
    save(street / "panorama.png", noise[:100, :500])
    code, out, err = digits(street, "-o", tmp_path / "out", "--json")
    assert code == 2
    written = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert written == ["a.png", "north/b.png"]
    errors = [line for line in err if line.startswith("error: ")]
    bad = {
        "cut.png": "cut short",
        "text.jpg": "not a picture",
        "dot.png": "only 3×3",
        "panorama.png": "longer than 4:1",
    }
    assert len(errors) == len(bad)
    for name, words in bad.items():
        assert sum(name in line and words in line for line in errors) == 1
    report = json.loads(out)
    assert (len(report["inputs"]), report["failed"]) == (6, 4)
    assert "2 of 6 pictures done, 4 failed" in err[-1]


def test_bad_checkpoints_are_reported_in_one_line(digits, number, tiny_checkpoint, tmp_path):
    cases = [
        ("--checkpoint", tmp_path / "none", "not found"),
        ("--judge", tmp_path / "none", "not found"),
        ("--checkpoint", tiny_checkpoint, "can't read digits"),
    ]
    for flag, folder, words in cases:
        code, out, err = digits(number, "-o", tmp_path / "out.png", flag, folder, "--json")
        assert (code, len(err)) == (2, 1)
        assert words in err[0]
        assert words in json.loads(out)["error"]
    assert not (tmp_path / "out.png").exists()


def test_inputs_are_never_overwritten(digits, number):
    before = number.read_bytes()
    code, _, err = digits(number, "-o", number.parent)
    assert (code, len(err)) == (2, 1)
    assert "overwrite" in err[0]
    assert number.read_bytes() == before


def test_wrong_usage_is_exit_code_2(capsys):
    for arguments in (["digits"], ["digits", "a.png"], ["digits", "a.png", "-o", "b.png", "--size", "64"]):
        assert command.main(arguments) == 2
        assert capsys.readouterr().out == ""
