"""``python -m dtn_core evaluate digits`` and training digits as people run them."""

import json

import pytest
from tiny_digits import write_judge

from dtn_core.cli import main
from dtn_core.data import digits
from dtn_core.networks import checkpoint
from dtn_core.pipeline import model


@pytest.fixture
def command(few_digits, tmp_path, capsys):
    """Run the command in this process: (exit code, standard output, lines of standard error without progress)."""
    f, judge = write_judge(tmp_path / "f"), write_judge(tmp_path / "judge")

    def run(*arguments):
        options = ["--preset", "digits-tiny", "--judge", str(judge), "--runs", str(tmp_path / "runs")]
        settings = ["--set", f"encoder={f}", "--set", "steps=2", "--set", "limit=12"]
        code = main(["evaluate", "digits", *options, *settings, *(str(a) for a in arguments)])
        out, err = capsys.readouterr()
        return code, out, [line for line in err.splitlines() if "%|" not in line]

    return run


def test_a_table_end_to_end_with_drawn_digits(command, tmp_path):
    output = tmp_path / "results" / "digits.json"
    arguments = ("--suite", "table2", "--seeds", "0", "--limit", "20", "-o", output)
    code, out, err = command(*arguments)
    assert code == 0
    assert "| DTN, nearest neighbours among G(s), in pixels |" in out
    assert "s: drawn, n = 20 held out" in out
    assert sorted(path.name for path in (tmp_path / "runs").glob("0*")) == ["00001-digits-dtn", "00002-digits-adapted"]
    written = sorted(path.name for path in output.parent.iterdir() if not path.name.startswith("."))
    assert written == ["digits-chart.png", "digits-pairs.png", "digits.json", "digits.md"]
    assert any(str(output.parent / "digits.md") in line for line in err)
    assert out.strip() in (output.parent / "digits.md").read_text()
    code, out, err = command(*arguments, "--json")
    assert code == 0
    assert json.loads(out) == json.loads(output.read_text())
    assert len(list((tmp_path / "runs").glob("0*"))) == 2


def test_without_an_output_the_figures_lie_with_the_runs(command, tmp_path):
    assert command("--suite", "swap", "--seeds", "0", "--limit", "4")[0] == 0
    assert {path.name for path in (tmp_path / "runs").glob("digits*")} == {
        "digits.json", "digits.md", "digits-chart.png", "digits-swap.png"}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--suite", "table4"], "Choose one of all, table1, table2, table3, amounts"),
        (["--seeds", "0,x"], "whole numbers"),
        (["--seeds", ""], "whole numbers"),
        (["--seeds", "0,-1"], "whole numbers from 0 up"),
        (["--preset", "nosuch"], "unknown preset"),
        (["--preset", "nosuch.json"], "no configuration can be read"),
        (["--set", "binary=true"], "set beta=0 too"),
        (["--set", "nosuch=1"], "unknown setting"),
        (["--set", "encoder=nosuch"], "'nosuch' not found"),
        (["--judge", "nosuch"], "'nosuch' not found"),
        (["--checkpoint", "nosuch"], "'nosuch' not found"),
        (["--limit", "1"], "at least 2"),
        (["--download"], "--download needs --data"),
        (["--data", "/nowhere"], "no such folder"),
    ],
)
def test_bad_requests_are_reported_in_one_line_before_anything_is_trained(command, tmp_path, arguments, words):
    code, out, err = command("--suite", "table2", *arguments)
    assert (code, out, len(err)) == (2, "", 1)
    assert err[0].startswith("error: ")
    assert words in err[0]
    assert not list(tmp_path.glob("runs/0*"))


@pytest.mark.parametrize("preset", ["faces-tiny", "digits-f-tiny", "upscaler-tiny"])
def test_presets_of_another_kind_are_refused(preset, capsys):
    assert main(["evaluate", "digits", "--preset", preset]) == 2
    output = capsys.readouterr().err
    assert "no transfer of digits" in output
    assert output.count("\n") == 1


def test_a_folder_without_digits_is_refused_before_training(command, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = command("--suite", "table2", "--data", tmp_path / "empty")
    assert (code, len(err)) == (2, 1)
    assert "--download" in err[0]


def test_downloads_go_into_the_data_folder(command, tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(digits, "download", asked.append)
    (tmp_path / "data").mkdir()
    code, _, err = command("--data", tmp_path / "data", "--download")
    assert code == 2  # the stand-in fetched nothing
    assert asked == [tmp_path / "data"]
    assert main(["train", "digits-f-tiny", "--download"]) == 2
    assert "--download needs --data" in capsys.readouterr().err
    assert (
        main(["train", "digits-f-tiny", "--download", "--data", str(tmp_path / "data"), "--runs", str(tmp_path)]) == 2
    )
    assert len(asked) == 2


def test_f_judge_g_and_the_adapted_classifier_train_from_their_tiny_presets(few_digits, tmp_path, capsys):
    runs = ["--runs", str(tmp_path), "--set", "steps=1", "--set", "batch=2", "--set", "limit=6"]
    assert main(["train", "digits-f-tiny", *runs, "--set", "absent=3", "--set", "drawn=0.5"]) == 0
    assert main(["train", "digits-f-tiny", *runs, "--set", "domain=mnist", "--set", "net=paper"]) == 0
    f, judge = (tmp_path / f"{n:05d}-digits-f-tiny" / "export" for n in (1, 2))
    assert checkpoint.load_encoder(judge).config["name"] == "digits-paper"
    assert main(["train", "digits-tiny", *runs, "--set", f"encoder={f}", "--set", "absent_s=3"]) == 0
    g = tmp_path / "00003-digits-tiny" / "export"
    assert model.load(g).info["trained"]["absent_s"] == 3
    assert main(["train", "digits-adapted-tiny", *runs, "--set", f"through={g}"]) == 0
    assert main(["train", "digits-adapted-tiny", *runs, "--set", "through=nosuch"]) == 2
    assert "'nosuch' not found" in capsys.readouterr().err.splitlines()[-1]
