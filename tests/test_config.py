"""Configurations: presets, dictionaries, --set, and what they refuse."""

import pytest

from dtn_core import config
from dtn_core.config import PRESETS, TransferTraining, from_dict, parse_set, to_dict


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_a_dictionary(name):
    assert from_dict(to_dict(PRESETS[name])) == PRESETS[name]


def test_papers_weights_are_a_preset():
    paper = PRESETS["faces-paper"]
    assert (paper.alpha, paper.beta, paper.gamma) == (100, 1, 0.05)


def test_set_reads_the_types_of_the_fields():
    changed = parse_set(PRESETS["faces-tiny"], ["alpha=2", "steps=3", "limit=none", "precision=bf16", "encoder=x"])
    assert (changed.alpha, changed.steps, changed.limit) == (2.0, 3, None)
    assert (changed.precision, changed.encoder) == ("bf16", "x")


@pytest.mark.parametrize(
    "assignment",
    [
        "alpha",
        "nosuch=1",
        "steps=many",
        "steps=0",
        "alpha=-1",
        "lr=2",
        "precision=fp8",
        "device=tpu",
        "ema=1",
    ],
)
def test_set_refuses_in_one_line(assignment):
    with pytest.raises(ValueError) as error:
        parse_set(PRESETS["faces-tiny"], [assignment])
    assert "\n" not in str(error.value)
    assert assignment.split("=")[0] in str(error.value)


@pytest.mark.parametrize(
    "values",
    [{}, {"kind": "nosuch"}, {"kind": "transfer", "alhpa": 1}, {"kind": "transfer", "steps": "9"},
     {"kind": "transfer", "steps": True}],
)  # fmt: skip
def test_dictionaries_with_unknown_or_wrong_content_are_refused(values):
    with pytest.raises(ValueError):
        from_dict(values)


def test_numbers_written_whole_become_floats():
    made = from_dict({"kind": "transfer", "alpha": 3})
    assert isinstance(made, TransferTraining)
    assert isinstance(made.alpha, float)
    assert config.kind_of(made) == "transfer"
