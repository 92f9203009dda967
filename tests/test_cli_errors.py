"""What the commands share: exit codes, one JSON object also on errors, no torch before a command runs; bad input is a
UserError wherever a library would raise."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dtn_core import cli
from dtn_core.core import images
from dtn_core.core.errors import UserError
from dtn_core.data import portraits
from dtn_core.pipeline import model
from dtn_core.pipeline.digits import DigitTransferrer
from dtn_core.pipeline.photo import Transferrer

ROOT = Path(__file__).parents[1]


def refused(capsys, *arguments):
    """The one line of an error of exit code 2; with --json standard output holds it, too."""
    assert cli.main([str(a) for a in arguments]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    message = line.removeprefix("error: ")
    assert message != line
    if "--json" in arguments:
        assert json.loads(out)["error"] == message
    else:
        assert out == ""
    return message


def test_parser_and_help_import_neither_torch_nor_gradio():
    code = """
import sys
import dtn_core
from dtn_core import cli
cli.build_parser()
for command in ([], *([name.__name__.split(".")[-1]] for name in cli.COMMANDS)):
    try:
        cli.main([*command, "--help"])
    except SystemExit as end:
        assert end.code == 0, command
sys.exit(", ".join({"torch", "gradio", "cv2", "numpy"} & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_type_of_output_makes_no_folder(capsys, tmp_path, hopper_path):
    for inputs in ([hopper_path], [hopper_path, hopper_path], [hopper_path.parent]):
        for command in ("emojify", "digits"):
            assert "unknown picture type '.xyz'" in refused(capsys, command, *inputs, "-o", tmp_path / "a.xyz")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_is_reported_in_one_line(capsys, tmp_path, hopper_path):
    name = "n" * 300 + ".png"
    assert "name too long" in refused(capsys, "emojify", hopper_path, "-o", tmp_path / name)
    assert "name too long" in refused(capsys, "emojify", tmp_path / name, "-o", tmp_path / "a.png")


def test_a_checkpoint_that_reads_something_else_is_refused_with_the_remedy(capsys, tmp_path, hopper_path):
    target = tmp_path / "x.png"
    message = refused(capsys, "emojify", hopper_path, "-o", target, "--checkpoint", "digits", "--json")
    assert "reads digits, not faces" in message
    assert "the command digits" in message
    assert "such as emoji" in refused(capsys, "emojify", hopper_path, "-o", target, "--checkpoint", "digits-f")
    assert "such as digits" in refused(capsys, "digits", hopper_path, "-o", target, "--checkpoint", "emoji")
    assert not target.exists()


@pytest.mark.parametrize("device", ["tpu", "cuda:9"])
def test_an_impossible_device_is_reported_in_one_line(capsys, tmp_path, hopper_path, device):
    for arguments in (["emojify", hopper_path], ["digits", hopper_path], ["gallery"]):
        assert "Use " in refused(capsys, *arguments, "-o", tmp_path / "x.png", "--device", device)


def test_one_default_device(monkeypatch):
    picked = []
    for module in ("photo", "digits"):
        monkeypatch.setattr(f"dtn_core.pipeline.{module}.pick_device", lambda name: picked.append(name) or "cpu")
    Transferrer.from_checkpoint("emoji")
    DigitTransferrer.from_checkpoint()
    assert picked == ["auto", "auto"]
    parser = cli.build_parser()
    for line in (["emojify", "a", "-o", "b"], ["digits", "a", "-o", "b"], ["gallery"]):
        assert parser.parse_args(line).device == "auto"


def test_wrong_usage_is_json_too(capsys):
    assert "--size" in refused(capsys, "emojify", "a.png", "-o", "b.png", "--size", "large", "--json")
    cli.main(["emojify", "--json"])
    assert json.loads(capsys.readouterr().out)["code"] == "usage"
    assert "COMMAND" in refused(capsys)


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000])
def test_an_invalid_configuration_on_standard_input(capsys, monkeypatch, text):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert "no configuration" in refused(capsys, "train", "-", "--json")


def test_interrupts_and_bugs_are_json_too(capsys, monkeypatch, tmp_path):
    def raises(error):
        def run(arguments):
            raise error

        monkeypatch.setattr("dtn_core.cli.runs.run", run)
        return ["runs", "--json"]

    assert cli.main(raises(KeyboardInterrupt())) == 130
    assert json.loads(capsys.readouterr().out) == {"error": "interrupted", "code": "interrupted"}
    bug = raises(ValueError("axes don't match array"))
    with pytest.raises(ValueError, match="axes"):
        cli.main(bug)
    assert json.loads(capsys.readouterr().out) == {
        "error": "ValueError: axes don't match array",
        "code": "bug",
    }


def test_a_bug_is_exit_code_1_with_its_traceback():
    code = "import dtn_core.cli as c; c.runs.run = lambda a: {}['key']; raise SystemExit(c.main(['runs']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "KeyError: 'key'"


@pytest.mark.parametrize(("name", "side"), [("a.webp", 17000), ("a.jpg", 66000), ("a.gif", 66000)])
def test_a_picture_too_long_for_its_format(tmp_path, name, side):
    for shape in ((2, side, 3), (side, 2, 3)):
        with pytest.raises(UserError, match=r"Use \.png"):
            images.save(tmp_path / name, np.zeros(shape, np.uint8))
    assert list(tmp_path.iterdir()) == []
    images.save(tmp_path / "a.png", np.zeros((2, side, 3), np.uint8))


@pytest.mark.parametrize("table", [b"a,b\n1,2\n", b"file,Male\n000001.jpg,x\n", b"\xff\xfe\0", b""])
def test_a_damaged_table_of_attributes(tmp_path, table, monkeypatch):
    monkeypatch.setattr(portraits, "split_of", lambda name: "test")
    (tmp_path / "celeba_attributes.csv").write_bytes(table)
    with pytest.raises(UserError, match=r"celeba_attributes\.csv"):
        portraits.celeba(tmp_path, "test", ("Male",))


@pytest.mark.parametrize("names", [None, ["x_1_2_3.jpg"], ["30_0_x_3.jpg"]])
def test_a_damaged_pack_of_utkface(tmp_path, names, monkeypatch):
    monkeypatch.setattr(portraits, "split_of", lambda name: "test")
    (tmp_path / "utkface.zip").write_bytes(b"PK")
    if names:
        with zipfile.ZipFile(tmp_path / "utkface.zip", "w") as pack:
            for name in names:
                pack.writestr(name, b"")
    with pytest.raises(UserError, match=r"utkface\.zip"):
        portraits.utkface(tmp_path, "test", ("Male",))


@pytest.mark.parametrize("value", [{"width": -1, "depth": 2}, {"width": "8"}, {"nonsense": 1}, 3])
def test_a_checkpoint_with_impossible_sizes(make_checkpoint, tmp_path, value):
    folder = make_checkpoint(tmp_path / "c")
    info = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(info | {"upscaler": value}))
    with pytest.raises(UserError, match=r"config\.json"):
        model.load(folder)
