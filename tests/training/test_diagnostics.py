"""What is warned about curves: for each trouble, curves that have it and the nearest that don't."""

import math
import re
from dataclasses import fields, replace

import pytest

from dtn_core.config import PRESETS
from dtn_core.training.diagnostics import warnings
from dtn_core.training.runs.status import read_status
from dtn_core.training.runs.store import Run

TERNARY, BINARY = 3 * math.log(3), 2 * math.log(2)
CONFIG = PRESETS["digits-cpu"]


def flat(value, n=40):
    return [value] * n


def line(first, last, n=40):
    return [first + (last - first) * i / (n - 1) for i in range(n)]


HEALTHY = {
    "d": flat(1.5), "d_accuracy": flat(0.75), "g": line(20.0, 10.0), "gang": line(2.0, 3.0), "const": line(1.0, 0.4),
    "tid": line(0.5, 0.1), "tv": flat(0.1), "val/const": line(1.0, 0.5, 8), "val/diversity": line(0.1, 0.9, 8),
    "val/tid": line(0.5, 0.12, 8),
}  # fmt: skip


@pytest.fixture
def titles(tmp_path):
    """Titles (or advice) of the warnings about curves, at a share of the steps."""
    run = Run.create(tmp_path, "x", CONFIG)
    empty = read_status(run.path)

    def warn(curves=None, share=0.8, config=CONFIG, of="what", **changes):
        curves = HEALTHY | changes if curves is None else curves
        found = replace(
            empty, config=config, step=int(share * 1000), steps=1000,
            curves={name: (list(range(len(values))), values) for name, values in curves.items()},
        )  # fmt: skip
        return [getattr(warning, of) for warning in warnings(found)]

    return warn


def test_healthy_curves_have_no_warnings(titles):
    assert titles() == []


@pytest.mark.parametrize(
    "curves",
    [{}, {"loss": flat(0.1), "accuracy": flat(0.99)}, {"val/psnr": flat(1.0)}, {"d": []}, {"d": flat(0.0)}],
)
def test_curves_of_other_stages_say_nothing(titles, curves):
    assert titles(curves) == []
    assert titles(curves, config=PRESETS["upscaler"]) == []


def test_no_warning_before_enough_points(titles):
    bad = {"d": flat(0.0, 19), "d_accuracy": flat(1.0, 19), "gang": flat(9.0, 19), "const": flat(1.0, 19)}
    assert titles(bad) == []
    assert titles({name: values + values[-1:] for name, values in bad.items()}) == ["D has won", "CONST doesn't fall"]


@pytest.mark.parametrize(
    ("d", "accuracy", "gang", "won"),
    [
        (0.14 * TERNARY, 0.9, line(3, 2), True),
        (0.16 * TERNARY, 0.9, line(3, 2), False),
        (1.0, 0.98, line(2, 6), True),
        (1.0, 0.98, flat(6), False),  # sure, but no surer than before
        (1.0, 0.96, line(2, 6), False),
    ],
)
def test_d_has_won(titles, d, accuracy, gang, won):
    warned = titles(d=line(2.0, 2.0, 30) + flat(d, 10), d_accuracy=flat(accuracy), gang=gang)
    assert warned == ["D has won"] * won


@pytest.mark.parametrize(
    ("d", "accuracy", "binary", "silent"),
    [
        (TERNARY, 1 / 3, False, True),
        (1.019 * TERNARY, 0.37, False, True),
        (0.981 * TERNARY, 0.30, False, True),
        (0.97 * TERNARY, 1 / 3, False, False),
        (TERNARY, 0.45, False, False),
        (BINARY, 0.5, True, True),
        (BINARY, 0.6, True, False),
        (BINARY, 1 / 3, False, False),
        (TERNARY, 1 / 3, True, False),
    ],
)
def test_d_is_silent(titles, d, accuracy, binary, silent):
    config = replace(CONFIG, binary=True, beta=0.0) if binary else CONFIG
    assert titles(d=flat(d), d_accuracy=flat(accuracy), config=config) == ["D is silent"] * silent


@pytest.mark.parametrize(
    ("diversity", "share", "collapsed"),
    [
        ([0.2, 0.8, 0.9, 0.4, 0.4], 0.1, True),  # less than half of what it was
        ([0.2, 0.8, 0.9, 0.46, 0.46], 0.8, False),
        ([0.2, 0.8, 0.9, 0.8, 0.2], 0.8, False),  # one bad figure is none
        ([0.1, 0.2, 0.25], 0.8, True),
        ([0.1, 0.2, 0.25], 0.2, False),  # it has only begun
        ([0.1, 0.1], 0.8, False),
    ],
)
def test_mode_collapse(titles, diversity, share, collapsed):
    assert titles(**{"val/diversity": diversity}, share=share) == ["Mode collapse"] * collapsed


@pytest.mark.parametrize(
    ("const", "share", "alpha", "stuck"),
    [
        (flat(1.0), 0.8, 3.0, True),
        (line(1.0, 1.2), 0.8, 3.0, True),
        (flat(1.0, 4) + flat(0.98, 36), 0.8, 3.0, True),
        (flat(1.0, 4) + flat(0.96, 36), 0.8, 3.0, False),
        (flat(1.0), 0.4, 3.0, False),
        (flat(0.0), 0.8, 0.0, False),
    ],
)
def test_const_does_not_fall(titles, const, share, alpha, stuck):
    warned = titles(const=const, share=share, config=replace(CONFIG, alpha=alpha))
    assert warned == ["CONST doesn't fall"] * stuck


@pytest.mark.parametrize(
    ("held_out", "overfits"),
    [
        ([0.5, 0.3, 0.2, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5], True),
        ([0.5, 0.3, 0.2, 0.2, 0.25, 0.3, 0.5, 0.4, 0.35], False),  # falling again
        ([0.5, 0.3, 0.2, 0.15, 0.12, 0.10, 0.11, 0.12, 0.13], False),  # rising, but no worse than on known ones
        ([0.2, 0.25, 0.3, 0.35, 0.5], False),  # too few
    ],
)
def test_tid_overfits(titles, held_out, overfits):
    assert titles(**{"val/tid": held_out}, tid=line(0.5, 0.1)) == ["TID overfits"] * overfits


@pytest.mark.parametrize(("name", "title"), [("g", "The loss of g spikes"), ("d", "The loss of d spikes")])
def test_a_loss_with_a_spike(titles, name, title):
    assert titles(**{name: flat(2.0, 35) + [21.0] + flat(2.0, 4)}) == [title]
    assert titles(**{name: flat(2.0, 35) + [19.0] + flat(2.0, 4)}) == []
    assert titles(**{name: [21.0] + flat(2.0)}) == []  # long ago


def test_what_is_not_a_number_is_left_to_the_one_who_failed(titles):
    assert titles(d=[*flat(1.5), math.nan], g=[*flat(2.0), math.inf]) == []


def test_all_problems_are_reported_together(titles):
    run_out_of_luck = {
        "d": flat(0.0), "d_accuracy": flat(1.0), "gang": line(1, 9), "const": flat(1.0), "g": flat(2.0, 39) + [99.0],
        "tid": flat(0.1), "val/tid": line(0.2, 0.9, 9), "val/diversity": flat(0.1, 5),
    }  # fmt: skip
    assert len(titles(run_out_of_luck)) == 5
    settings = {field.name for field in fields(CONFIG)}
    for advice in titles(run_out_of_luck, of="advice"):
        assert settings & set(re.findall(r"\w+", advice)), advice
