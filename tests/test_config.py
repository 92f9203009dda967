"""Configurations: presets, dictionaries, --set, and what they refuse."""

import dataclasses

import pytest

from dtn_core import config
from dtn_core.config import KINDS, PRESETS, ClassifierTraining, TransferTraining, from_dict, parse_set, to_dict


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_numbers_are_finite(kind, value):
    names = [f.name for f in dataclasses.fields(KINDS[kind]) if "float" in f.type]
    assert "lr" in names
    for name in names:
        with pytest.raises(ValueError, match=f"^{name} ") as error:
            parse_set(KINDS[kind](), [f"{name}={value}"])
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="^clip "):
        from_dict({"kind": kind, "clip": float(value)})


@pytest.mark.parametrize("name", ["digits-f-tiny", "digits-tiny"])
def test_a_moving_average_keeps_a_share_of_the_old(name):
    for value in ("3", "1", "-0.1"):
        with pytest.raises(ValueError, match="^ema must be at least 0 and below 1"):
            parse_set(PRESETS[name], [f"ema={value}"])
    assert parse_set(PRESETS[name], ["ema=0"]).ema == 0


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


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False), ("FALSE", False)])
def test_switches_are_read_as_words(text, value):
    assert parse_set(PRESETS["digits-tiny"], [f"swap={text}"]).swap is value


@pytest.mark.parametrize("text", ["1", "0", "yes", "", "none"])
def test_other_words_are_no_switches(text):
    with pytest.raises(ValueError, match="bool is wanted"):
        parse_set(PRESETS["digits-tiny"], [f"swap={text}"])


@pytest.mark.parametrize("switch", ["swap=true", "binary=true", "absent_s=0", "absent_t=9", "contains_f=false",
                                    "generator=deconv"])  # fmt: skip
def test_switches_of_the_digits_are_refused_for_faces(switch):
    changes = ["beta=0", switch] if switch.startswith("binary") else [switch]
    with pytest.raises(ValueError, match="belong to task=digits"):
        parse_set(PRESETS["faces-tiny"], changes)
    assert parse_set(PRESETS["digits-tiny"], changes) != PRESETS["digits-tiny"]


def test_the_binary_d_is_the_baselines_which_has_no_identity_term():
    with pytest.raises(ValueError, match="set beta=0 too"):
        parse_set(PRESETS["digits-tiny"], ["binary=true"])
    assert parse_set(PRESETS["digits-tiny"], ["binary=true", "beta=0"]).binary


@pytest.mark.parametrize("name", ["digits-tiny", "digits-f-tiny"])
@pytest.mark.parametrize("digit", ["-1", "10", "x", "2.5"])
def test_absent_digits_are_digits(name, digit):
    keys = ["absent"] if name == "digits-f-tiny" else ["absent_s", "absent_t"]
    for key in keys:
        with pytest.raises(ValueError, match=key):
            parse_set(PRESETS[name], [f"{key}={digit}"])
        assert getattr(parse_set(PRESETS[name], [f"{key}=0"]), key) == 0
        assert getattr(parse_set(PRESETS[name], [f"{key}=none"]), key) is None


def test_negative_weights_of_any_term_are_refused():
    for key in ("alpha", "alpha_end", "beta", "gamma", "delta"):
        with pytest.raises(ValueError, match=key):
            parse_set(PRESETS["digits-tiny"], [f"{key}=-1"])


@pytest.mark.parametrize("change", [{"domain": "mnist"}, {"drawn": 0.3}])
def test_a_classifier_through_a_translation_learns_its_pictures_alone(change):
    assert ClassifierTraining(through="digits").through == "digits"
    ClassifierTraining(**change)
    with pytest.raises(ValueError, match="through goes with"):
        ClassifierTraining(through="digits", **change)


@pytest.mark.parametrize("name", ["utkface", "celebahq", "relight", "stylised", "drawn"])
def test_shares_of_fs_batch_lie_between_none_and_all(name):
    for share in ("-0.01", "1.01", "nan"):
        with pytest.raises(ValueError, match=f"^{name} "):
            parse_set(PRESETS["encoder-tiny"], [f"{name}={share}"])
    for share in (0.0, 1.0):
        assert getattr(parse_set(PRESETS["encoder-tiny"], [f"{name}={share}"]), name) == share


@pytest.mark.parametrize("assignment", ["size=31", "size=257", "focus=-1", "skin=101", "skin=nan"])
def test_fs_size_and_weights_have_bounds(assignment):
    with pytest.raises(ValueError, match=f"^{assignment.split('=')[0]} "):
        parse_set(PRESETS["encoder-tiny"], [assignment])


@pytest.mark.parametrize("assignment", ["drawn=1", "stylise=-0.1", "smoothing=1.5", "net=resnet", "domain=usps"])
def test_a_classifiers_shares_and_choices_are_checked(assignment):
    with pytest.raises(ValueError, match=assignment.split("=")[0]):
        parse_set(PRESETS["digits-f-tiny"], [assignment])


def test_every_tiny_preset_has_channels_enough():
    """Convolutions of a few channels in channels_last go wrong in some builds of torch's CPU library."""
    for name, preset in PRESETS.items():
        if name.endswith("-tiny"):
            widths = [getattr(preset, key) for key in ("width", "base", "d_base") if hasattr(preset, key)]
            assert min(widths, default=8) >= 8, name
