"""The ablation of c: rows that differ in their settings, kept as they are done, and not done twice."""

import json

import pytest
import torch
from made_photos import write_photos

from benchmarks import avatars
from dtn_core import checkpoint
from dtn_core.avatars.choose import Decisions
from dtn_core.config import PRESETS
from dtn_core.networks.resnet import AttributeEncoder

ROWS = ["base", "free colours", "drawings alone", "reads G(x), few steps and photos"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("data"), 60)


def write_encoder(folder, seed):
    torch.manual_seed(seed)
    f = AttributeEncoder(8, 16, squash=True, skin=True)
    return str(checkpoint.save(folder, {"kind": "encoder", "encoder": f.config}, {"encoder": f.state_dict()}))


@pytest.fixture
def command(data, tiny_checkpoint, tmp_path):
    """Runs the benchmark with these rows and the f of a seed; returns its exit code."""

    def run(*rows, seed=0):
        encoder = tmp_path / f"f{seed}"
        if not encoder.exists():
            write_encoder(encoder, seed)
        flags = ["--preset", "avatar-tiny", "--steps", "3", "--data", str(data), "-o", str(tmp_path / "rows.json")]
        flags += ["--encoder", str(encoder), "--through", str(tiny_checkpoint)]
        return avatars.main([*flags, *(part for row in rows for part in ("--row", row))])

    return run


def test_rows_are_measured_kept_and_not_done_twice(command, tmp_path, capsys, monkeypatch):
    assert command(*ROWS) == 0
    told = capsys.readouterr()
    report = json.loads((tmp_path / "rows.json").read_text())
    assert list(report["rows"]) == ROWS
    assert report["f"]["hash"] == checkpoint.weights_hash(tmp_path / "f0")
    assert (report["split"], report["seed"], report["asked"][0]) == ("val", 0, "glasses")
    for name, row in report["rows"].items():
        assert row["of"]["settings"]["steps"] == 3
        assert {**row["of"]["settings"], **row["of"]["decisions"]}.items() >= {**avatars.ROWS[name], "steps": 3}.items()
        assert row["n"] == {"celeba": 9, "utkface": 6}
        assert row["sure"]["all_right"]["n"] == 9
        assert 0 <= row["balanced"]["judged"] <= 1
        assert 0 <= row["c_alone"]["auc"] <= 1
        assert row["cleanliness"]["n"] == 9
    table = avatars.table(report)
    assert table in told.out
    assert "| validation part | six right (five without hair), of 9 | c alone | drawn balanced |" in table
    assert table.count("\n") == 1 + len(ROWS)

    trained = []
    train = avatars.train
    monkeypatch.setattr(avatars, "train", lambda config, *rest: trained.append(config) or train(config, *rest))
    assert command(*ROWS, "no noise") == 0
    assert [config.noise for config in trained] == [0]
    again = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert set(again) == {*ROWS, "no noise"}
    assert all(again[name] == report["rows"][name] for name in ROWS)

    assert command("base", seed=1) == 0  # with another f nothing of it holds
    assert len(trained) == 2
    assert list(json.loads((tmp_path / "rows.json").read_text())["rows"]) == ["base"]


def test_what_was_done_before_a_stop_stays(command, tmp_path, monkeypatch):
    train = avatars.train

    def stopped(config, *rest):
        if not config.agree:
            raise KeyboardInterrupt
        return train(config, *rest)

    monkeypatch.setattr(avatars, "train", stopped)
    assert command("base", "drawings alone") == 130
    assert list(json.loads((tmp_path / "rows.json").read_text())["rows"]) == ["base"]
    assert [path.name for path in tmp_path.glob("*rows*")] == ["rows.json"]


@pytest.mark.parametrize("name", avatars.ROWS)
def test_every_row_is_valid_and_no_longer_than_asked(name):
    base = PRESETS["avatar-cpu"]
    config = avatars.settings_of(base, avatars.ROWS[name])
    assert config.steps == min(base.steps, avatars.ROWS[name].get("steps", base.steps))
    assert (config == base) == (set(avatars.ROWS[name]) <= set(Decisions._fields))


def test_photos_that_a_row_leaves_out_are_taken_from_the_end_of_each_set():
    seen = avatars.Seen({}, {}, None, None, [*"abcdefg"], torch.arange(7.0)[:, None], 4, {}, {})
    config = avatars.replace(PRESETS["avatar-cpu"], limit=3, celebahq=2)
    few = avatars.fewer(seen, config)
    assert (few.heads, few.f_s[:, 0].tolist(), few.counted) == ([*"abcef"], [0, 1, 2, 4, 5], 3)
    whole = avatars.fewer(seen, PRESETS["avatar-cpu"])
    assert (whole.heads, whole.counted) == (seen.heads, 4)


def test_bad_requests_are_one_line(data, tmp_path, capsys):
    (tmp_path / "other.json").write_text("[]")
    for flags in (
        ["--preset", "digits-cpu"],
        ["--steps", "0"],
        ["-o", str(tmp_path / "other.json")],
        ["--encoder", "no"],
    ):
        assert avatars.main(["--data", str(data), *flags]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
