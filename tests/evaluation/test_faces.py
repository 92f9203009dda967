"""The measure itself: labels, baselines and what a perfect and a blind translation would score."""

import json

import numpy as np
import pytest
import torch

from dtn_core.avatars import rendering
from dtn_core.cli import main
from dtn_core.core.errors import UserError
from dtn_core.evaluation import baselines, faces, nets, questions, upscaling
from dtn_core.evaluation.measures import agreement
from dtn_core.evaluation.questions import NINE
from dtn_core.networks import checkpoint
from dtn_core.networks.judge import JUDGE_ATTRIBUTES, Judge


def test_a_perfect_judge_scores_one_and_a_blind_one_a_half():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (200, len(NINE))).astype(np.float32)
    logits = torch.zeros(200, len(JUDGE_ATTRIBUTES))
    for i, name in enumerate(NINE):
        logits[:, JUDGE_ATTRIBUTES.index(name)] = torch.from_numpy(labels[:, i]) * 2 - 1
    perfect = agreement(labels, logits)
    assert perfect["auc"] == perfect["balanced_accuracy"] == 1
    blind = agreement(labels, torch.zeros_like(logits))
    assert blind["auc"] == blind["balanced_accuracy"] == 0.5
    assert set(blind["attributes"]) == set(NINE)


def test_evaluation_seeds_are_not_used_elsewhere():
    from dtn_core.training.stages import judge, upscaler

    starts = [
        0,
        judge.FIRST_SEED,
        2 * judge.FIRST_SEED,
        upscaler.FIRST_SEED,
        2 * upscaler.FIRST_SEED,
        baselines.FIRST_SEED,
        upscaling.FIRST_SEED,
    ]
    assert min(b - a for a, b in zip(sorted(starts), sorted(starts)[1:])) >= 1_000_000


def test_the_shipped_judge_reads_held_out_avatars():
    from dtn_core.training.stages.judge import balanced_avatars

    judge = nets.load_judge()
    x, y = balanced_avatars(70_000_000, 300)
    output = nets.batched(judge, x) > 0
    for i, name in enumerate(JUDGE_ATTRIBUTES):
        known = y[:, i] >= 0
        right = [(output[known, i][y[known, i] == v] == bool(v)).float().mean().item() for v in (0, 1)]
        assert sum(right) / 2 >= 0.97, name


@pytest.mark.parametrize("style", ["toon-head", "lorelei"])
def test_the_shipped_judges_of_other_styles_tell_what_they_never_saw(style):
    from dtn_core.training.stages.judge import balanced_avatars

    figures = checkpoint.read_config(checkpoint.find(f"judge-{style}"))["trained"]
    judge = nets.load_judge(f"judge-{style}")
    x, y = balanced_avatars(70_000_000, 300, style)
    output = nets.batched(judge, x) > 0
    for name, promised in figures["balanced_accuracy_on_held_out_avatars"].items():
        if name == "mean":
            continue
        i = JUDGE_ATTRIBUTES.index(name)
        known = y[:, i] >= 0
        right = [(output[known, i][y[known, i] == v] == bool(v)).float().mean().item() for v in (0, 1)]
        assert sum(right) / 2 >= promised - 0.05, name


def test_the_shipped_judge_of_cartoons_reads_held_out_ones(data_folder):
    from dtn_core.training.stages.judge import labelled_tensors

    if not (data_folder / "cartoonset.zip").exists():
        pytest.skip(f"no cartoonset.zip in {data_folder}")
    judge = nets.load_judge("judge-cartoon-set")
    x, y = labelled_tensors(rendering.split_pack("cartoon-set", data_folder)[1])
    output = nets.batched(judge, x) > 0
    for name in ("glasses", *questions.HAIR):
        i = JUDGE_ATTRIBUTES.index(name)
        known = y[:, i] >= 0
        right = [(output[known, i][y[known, i] == v] == bool(v)).float().mean().item() for v in (0, 1)]
        assert sum(right) / 2 >= 0.97, name


def test_evaluate_writes_every_figure_with_its_provenance(tiny_checkpoint, data_folder, tmp_path, capsys):
    out = tmp_path / "figures" / "faces.json"
    arguments = ["--checkpoint", str(tiny_checkpoint), "--data", str(data_folder), "--limit", "40", "-o", str(out)]
    assert main(["evaluate", "faces", *arguments, "--split", "val", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == json.loads(out.read_text())
    assert figures["hash"] == checkpoint.weights_hash(tiny_checkpoint)
    assert figures["data"]["n"] == 40
    assert 0.3 < figures["random_avatar"]["auc"] < 0.7
    assert figures["f_constancy"]["nearest_avatar"] < figures["f_constancy"]["random_avatar"]
    assert figures["diversity"]["avatars"] > 0.1
    row = figures["measure"]["rows"][str(tiny_checkpoint)]
    assert row["hash"] == figures["hash"]
    assert row["f_constancy"] == figures["f_constancy"]["dtn"]
    assert figures["measure"]["rows"]["nearest_avatar"]["f_constancy"] == figures["f_constancy"]["nearest_avatar"]
    assert faces.table(figures).splitlines()[2].startswith("| glasses (CelebA, ")


def test_upscaling_is_measured_beside_bicubic(tiny_checkpoint, make_checkpoint, tmp_path):
    figures = upscaling.evaluate(str(tiny_checkpoint), 4)
    assert figures["upscaler"]["psnr"] == pytest.approx(figures["bicubic"]["psnr"], abs=0.2)  # it starts as bicubic
    assert 20 < figures["bicubic"]["psnr"] < 40
    assert "| bicubic |" in upscaling.table(figures)
    without = make_checkpoint(tmp_path / "without", upscaler=False)
    with pytest.raises(UserError, match="holds no upscaler"):
        upscaling.evaluate(str(without), 4)


def test_bad_requests_is_reported_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DTN_DATA", raising=False)
    assert main(["evaluate", "faces"]) == 2
    assert main(["evaluate", "faces", "--data", str(tmp_path / "no")]) == 2
    assert main(["evaluate", "upscaling", "--limit", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 3
    checkpoint.save(tmp_path / "f", {"kind": "encoder"}, {})
    with pytest.raises(UserError, match="is no judge"):
        nets.load_judge(str(tmp_path / "f"))
    checkpoint.save(tmp_path / "j", {"kind": "judge", "judge": Judge(4).config}, {})
    with pytest.raises(UserError, match="missing"):
        nets.load_judge(str(tmp_path / "j"))


def test_the_pool_of_avatars_depends_only_on_its_seeds():
    one, other = (rendering.render_many(range(baselines.FIRST_SEED, baselines.FIRST_SEED + 3))[0] for _ in "ab")
    assert (one == other).all()
