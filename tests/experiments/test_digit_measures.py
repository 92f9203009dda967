"""The digits' measures by hand: neighbours, what a perfect and a constant translation score, times, tables."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dtn_core.config import PRESETS
from dtn_core.core.images import to_float
from dtn_core.data import drawn_digits
from dtn_core.data.digits import Digits
from dtn_core.evaluation import adaptation, digits
from dtn_core.evaluation.experiments import paper, pictures, report
from dtn_core.evaluation.experiments.digits import SHIPPED_TAUGHT, timing
from dtn_core.evaluation.experiments.figures import absent_digit_accuracy, mean_and_std
from dtn_core.networks.encoders import Standardise
from dtn_core.pipeline.model import Checkpoint
from dtn_core.training.events import Finished, Saved, Stamped, Started, Stepped, encode

LEVELS = to_float(torch.arange(10, dtype=torch.uint8) * 20)


class Reader(nn.Module):
    """Reads the digit from a picture's mean: d pictures have the grey 20 d."""

    def forward(self, x):
        return x.mean((1, 2, 3))[:, None]

    def logits(self, features):
        return -((features - LEVELS) ** 2) * 2000


class Painter(nn.Module):
    """Paints the mean that it hears, or always the same digit."""

    def __init__(self, always=None):
        super().__init__()
        self.always = always

    def forward(self, z):
        grey = z if self.always is None else torch.full_like(z, float(LEVELS[self.always]))
        return grey[:, :, None, None].expand(-1, 1, 32, 32)


def translation(always=None):
    same = Standardise(torch.zeros(1), torch.ones(1))
    return Checkpoint("made", Reader(), same, same, Painter(always), None, 1.0, {}, "0" * 12)


def street(labels):
    y = np.array(labels)
    return Digits(np.repeat(y * 20, 32 * 32 * 3).reshape(-1, 32, 32, 3).astype(np.uint8), y, "made")


def test_nearest_neighbours_by_hand():
    x = torch.zeros(5, 2, 2)
    x[:, 0, 0] = torch.tensor([0.0, 1.0, 2.0, 10.0, 11.0])
    y = torch.tensor([4, 7, 7, 1, 1])
    queries = torch.zeros(4, 2, 2)
    queries[:, 0, 0] = torch.tensor([-1.0, 2.0, 10.4, 5.5])
    assert adaptation.nearest_neighbours(x, y, queries, k=1).tolist()[:3] == [4, 7, 1]
    assert adaptation.nearest_neighbours(x, y, queries, k=3).tolist()[:3] == [7, 7, 1]
    assert adaptation.nearest_neighbours(x, y, queries, k=5).tolist()[1] in (1, 7)  # two of each


def test_nearest_neighbours_of_many_queries_keep_their_order():
    x = torch.arange(10.0)[:, None, None].expand(-1, 2, 2)
    y = torch.arange(10)
    order = torch.randint(10, (1100,), generator=torch.Generator().manual_seed(0))
    assert torch.equal(adaptation.nearest_neighbours(x, y, x[order], k=1), order)


def test_a_perfect_translation_is_right_for_every_digit():
    test = street([0, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 3)
    figures = digits.measure(translation(), Reader(), test)
    assert figures["n"] == 30
    assert figures["accuracy"] == 1
    assert figures["digits"] == [1.0] * 10
    assert figures["n_digits"] == [3] * 10
    assert figures["const"] == pytest.approx(0, abs=1e-6)
    assert figures["confidence"] > 0.99


def test_a_constant_translation_is_right_for_one_digit():
    test = street([7] * 3 + [0, 1, 2, 3, 4, 5, 6, 8, 9])
    figures = digits.measure(translation(always=7), Reader(), test)
    assert figures["accuracy"] == 0.25
    assert figures["digits"] == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert figures["const"] == pytest.approx(float(((LEVELS[test.y] - LEVELS[7]) ** 2).mean()), abs=1e-3)


def test_an_absent_digit_keeps_the_positions_of_the_others():
    figures = digits.measure(translation(always=7), Reader(), street([1, 7]))
    assert figures["digits"] == [None, 0, None, None, None, None, None, 1, None, None]
    assert math.isnan(absent_digit_accuracy(figures))


def test_accuracy_counts_and_batches_in_order():
    part = street([i % 10 for i in range(600)])
    x = torch.from_numpy(part.x).permute(0, 3, 1, 2)
    assert digits.accuracy(Reader(), x, part.y) == 1
    assert digits.accuracy(Reader(), x, np.zeros(600)) == 0.1


def test_grey_pictures_are_repeated_for_f():
    x = digits.rgb(Digits(np.arange(2 * 32 * 32, dtype=np.uint8).reshape(2, 32, 32), np.zeros(2, np.int64), ""))
    assert x.shape == (2, 3, 32, 32)
    assert torch.equal(x[:, 0], x[:, 2])


def test_mean_and_std_by_hand():
    read = lambda record: record["accuracy"]  # noqa: E731
    one, two = {"accuracy": 0.9}, {"accuracy": 0.92}
    assert mean_and_std({"0": one}, read) == "90.00 (1)"
    assert mean_and_std({"0": one, "1": two}, read) == "91.00 ± 1.41 (2)"


def test_times_leave_pauses_out(tmp_path):
    result = [
        (100, Started(0, 4, "cpu")),
        (110, Stepped(1, {}, 20.0)),
        (111, Finished(1, "stopped")),
        (9000, Started(1, 4, "cpu")),
        (9010, Stepped(2, {}, 40.0)),
        (9015, Stepped(2, {"val/const": 1.0}, 0.0)),  # a figure, no step
        (9020, Stepped(4, {}, 30.0)),
        (9021, Saved(4, "")),
    ]
    lines = [encode(Stamped(event, time)) for time, event in result]
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
    assert timing(tmp_path) == {"seconds": 32, "samples_per_s": 30.0}


def figures(**rows):
    return {
        "data": {"s": "SVHN (pack)", "t": "MNIST (pack)", "n_test_s": 3645, "n_test_t": 10000},
        "f": {"svhn_error": 0.0512, "mnist_accuracy": 0.7},
        "judge": {"mnist_accuracy": 0.994},
        "judge_s": {"svhn_error": 0.04},
        "f_unlabelled": {"svhn_error": 0.3, "mnist_accuracy": 0.5},
        "n_train": {"s": 7000, "t": 60000},
        "original": 0.4321,
        "rows": rows,
    }


def record(accuracy, three=0.5, **more):
    return {"accuracy": accuracy, "digits": [0.0, 0.0, 0.0, three, *[0.0] * 6], **more}


def test_tables_have_a_column_of_the_paper():
    neighbours = {"pixels": 0.811, "deskewed": 0.855}
    adapted = {"neighbours": neighbours, "agreement": neighbours, "chosen": "deskewed", "classifier": 0.922}
    text = report.markdown(
        figures(
            dtn={"0": record(0.95, 0.9, adaptation=adapted), "1": record(0.93, 0.9)},
            no_tid={"0": record(0.88)},
            no_3_t={"0": record(0.8, 0.311)},
            swap={"0": {"accuracy": 0.755, "by_f": 0.9}},
            no_labels={"0": record(0.612)},
            s_100={"0": record(0.4)},
        )
    )
    assert "| **DTN** | 94.00 ± 1.41 (2) | 90.66 |" in text
    assert "| DTN w/o L_TID | 88.00 (1) | 88.40 |" in text
    assert "| the street number itself | 43.21 | 40.06 |" in text
    assert "| DTN, nearest neighbours among G(s), in pixels | 81.10 (1) | 84.44 |" in text
    assert "| DTN, nearest neighbours, in a way chosen without labels | 85.50 (1) | 84.44 |" in text
    assert "| DTN, classifier trained on G(s) | 92.20 (1) |  |" in text
    assert "| 3 not in t | 31.10 (1) | 40.13 |" in text
    assert "| DTN | 90.00 ± 0.00 (2) | 94.67 |" in text
    assert "75.50 (1)% of handwritten digits keep" in text
    assert "classifies 90.00 (1)% correctly" in text
    assert "f without labels: 61.20 (1)%" in text
    assert "classifies 70.00% of s and 50.00% of t correctly" in text
    assert "| 100 pictures of s | 40.00 (1) |  |" in text
    assert "| all: 7,000 of s, 60,000 of t | 94.00 ± 1.41 (2) |  |" in text
    assert "n = 3645" in text
    assert "misclassifies 5.12% of s (paper: 4.95%)" in text
    assert "baseline" not in text  # not measured yet


def test_tables_of_nothing_yet_hold_what_is_known():
    text = report.markdown(figures())
    assert "| the street number itself | 43.21 | 40.06 |" in text
    assert "Table 2" not in text
    assert "Table 3" not in text
    assert "How much" not in text
    assert "without labels" not in text


def test_every_row_of_the_paper_is_in_its_table_once():
    keys = [row.key for row in paper.ROWS]
    assert len(set(keys)) == len(keys)
    assert [row.paper for row in paper.ROWS if row.table == "table1"] == [
        13.71, 90.66, None, None, None, 88.40, 74.55, 36.90, 34.70, 5.28]  # fmt: skip
    assert [row.paper for row in paper.ROWS if row.table == "table3"] == [93.33, 40.13, 60.02, 4.52]
    assert {row.table for row in paper.ROWS} < set(paper.SUITES)
    assert len(set(paper.SUITES)) == len(paper.SUITES)


def test_the_best_row_is_the_preset_of_that_name():
    (best,) = (row for row in paper.ROWS if row.key == "best")
    made = replace(PRESETS["digits-cpu"], **best.changes, encoder=SHIPPED_TAUGHT)
    assert made == PRESETS["digits-best"]


@pytest.mark.parametrize("rows", [{}, {"dtn": {"0": record(0.9)}}, {"swap": {"0": {"accuracy": 0.5}}}])
def test_the_chart_handles_missing_results(rows):
    chart = pictures.chart(figures(**rows))
    assert chart.ndim == 3
    assert chart.shape[2] == 3
    assert chart.std() > 0


def test_the_page_is_named_after_its_figures(tmp_path):
    written = report.write(figures(dtn={"0": record(0.9)}), {}, tmp_path / "made.v2.json")
    assert [path.name for path in written] == ["made.v2.md", "made.v2-chart.png"]
    text = written[0].read_text()
    assert report.markdown(figures(dtn={"0": record(0.9)})) in text
    assert "![Bars: means; dots: seeds.](made.v2-chart.png)" in text
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_deskewing_puts_a_slanted_stroke_upright_and_in_the_middle():
    x = torch.full((1, 32, 32), -1.0)
    for row in range(6, 24):
        x[0, row, 22 - row // 2 : 25 - row // 2] = 1
    columns = (adaptation.deskew(x)[0] > 0).float()
    at = [float((row * torch.arange(32.0)).sum() / row.sum()) for row in columns if row.sum()]
    assert max(at) - min(at) < 2  # 9 before
    assert abs(sum(at) / len(at) - 15.5) < 1
    blank = torch.full((1, 32, 32), -1.0)
    assert torch.allclose(adaptation.deskew(blank), blank)


def test_the_way_of_nearest_neighbours_is_chosen_by_agreement_without_labels():
    x, y = drawn_digits.draw_many("handwritten", 3, 60)
    made = to_float(torch.from_numpy(x))[:, None]
    neighbours = adaptation.Neighbours(made, torch.from_numpy(y), 0)
    read = neighbours.guess("deskewed", made[:, 0])
    way, agreement = adaptation.choose(neighbours, made[:, 0], read)
    assert agreement.keys() == adaptation.VARIANTS.keys()
    assert agreement[way] == max(agreement.values()) == 1
    assert min(agreement.values()) < 1  # they differ
    assert len(neighbours.bent) == (1 + adaptation.COPIES) * len(made)
