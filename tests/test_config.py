"""Configurations: presets, dictionaries, --set, and what they refuse."""

import dataclasses
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from dtn_core import config
from dtn_core.config import (
    KINDS,
    PRESETS,
    AvatarTraining,
    ClassifierTraining,
    DigitsTransfer,
    FacesTransfer,
    FolderClassifierTraining,
    FoldersTransfer,
    descriptions,
    from_dict,
    parse_set,
    to_dict,
    upgrade,
)
from dtn_core.core.errors import UserError
from dtn_core.networks.checkpoint import SHIPPED


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_a_dictionary(name):
    assert from_dict(to_dict(PRESETS[name])) == PRESETS[name]


def test_the_weights_of_the_paper_are_a_preset():
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
    with pytest.raises(UserError) as error:
        parse_set(PRESETS["faces-tiny"], [assignment])
    assert "\n" not in str(error.value)
    assert assignment.split("=")[0] in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_numbers_are_finite(kind, value):
    hints = typing.get_type_hints(KINDS[kind])
    names = [f.name for f in dataclasses.fields(KINDS[kind]) if hints[f.name] in (float, float | None)]
    assert "lr" in names
    for name in names:
        with pytest.raises(UserError, match=f"^{name}=.* should be") as error:
            parse_set(KINDS[kind](), [f"{name}={value}"])
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="^clip=.* finite"):
        from_dict({"kind": kind, "clip": float(value)})


@pytest.mark.parametrize("name", ["digits-f-tiny", "digits-tiny"])
def test_a_moving_average_keeps_a_share_of_the_old(name):
    for value in ("3", "1", "-0.1"):
        with pytest.raises(UserError, match="^ema=.* should be (less than 1|greater than or equal to 0)"):
            parse_set(PRESETS[name], [f"ema={value}"])
    assert parse_set(PRESETS[name], ["ema=0"]).ema == 0


@pytest.mark.parametrize(
    "values",
    [{}, {"kind": "nosuch"}, {"kind": "faces", "alhpa": 1}, {"kind": "faces", "steps": "9"},
     {"kind": "faces", "steps": True}, {"kind": "faces", "style": "clay"}, {"kind": "faces", "alpha": None}],
)  # fmt: skip
def test_dictionaries_with_unknown_or_wrong_content_are_refused(values):
    with pytest.raises(UserError):
        from_dict(values)


def test_numbers_written_whole_become_floats():
    made = from_dict({"kind": "faces", "alpha": 3})
    assert isinstance(made, FacesTransfer)
    assert isinstance(made.alpha, float)
    assert config.kind_of(made) == "faces"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False), ("FALSE", False)])
def test_switches_are_read_as_words(text, value):
    assert parse_set(PRESETS["digits-tiny"], [f"swap={text}"]).swap is value


@pytest.mark.parametrize("text", ["maybe", "2", "", "none"])
def test_other_words_are_no_switches(text):
    with pytest.raises(UserError, match="^swap=.* should be a valid boolean"):
        parse_set(PRESETS["digits-tiny"], [f"swap={text}"])


@pytest.mark.parametrize("switch", ["swap=true", "binary=true", "absent_s=0", "absent_t=9", "contains_f=false"])
def test_switches_of_the_digits_are_refused_for_faces(switch):
    changes = ["beta=0", switch] if switch.startswith("binary") else [switch]
    with pytest.raises(UserError, match="unknown setting"):
        parse_set(PRESETS["faces-tiny"], changes)
    assert parse_set(PRESETS["digits-tiny"], changes) != PRESETS["digits-tiny"]


def test_the_binary_d_is_the_baselines_which_has_no_identity_term():
    with pytest.raises(UserError, match="set beta=0 too"):
        parse_set(PRESETS["digits-tiny"], ["binary=true"])
    assert parse_set(PRESETS["digits-tiny"], ["binary=true", "beta=0"]).binary


@pytest.mark.parametrize("name", ["digits-tiny", "digits-f-tiny"])
@pytest.mark.parametrize("digit", ["-1", "10", "x", "2.5"])
def test_absent_digits_are_digits(name, digit):
    keys = ["absent"] if name == "digits-f-tiny" else ["absent_s", "absent_t"]
    for key in keys:
        with pytest.raises(UserError, match=key):
            parse_set(PRESETS[name], [f"{key}={digit}"])
        assert getattr(parse_set(PRESETS[name], [f"{key}=0"]), key) == 0
        assert getattr(parse_set(PRESETS[name], [f"{key}=none"]), key) is None


def test_negative_weights_of_any_term_are_refused():
    for key in ("alpha", "alpha_end", "beta", "gamma", "delta"):
        with pytest.raises(UserError, match=key):
            parse_set(PRESETS["digits-tiny"], [f"{key}=-1"])


@pytest.mark.parametrize("change", [{"domain": "mnist"}, {"drawn": 0.3}])
def test_a_classifier_of_a_translation_learns_only_its_pictures(change):
    assert ClassifierTraining(through="digits").through == "digits"
    ClassifierTraining(**change)
    with pytest.raises(ValueError, match="through goes with"):
        ClassifierTraining(through="digits", **change)


@pytest.mark.parametrize("name", ["utkface", "celebahq", "relight", "stylised", "drawn"])
def test_shares_of_fs_batch_lie_between_none_and_all(name):
    for share in ("-0.01", "1.01", "nan"):
        with pytest.raises(UserError, match=f"^{name}="):
            parse_set(PRESETS["encoder-tiny"], [f"{name}={share}"])
    for share in (0.0, 1.0):
        assert getattr(parse_set(PRESETS["encoder-tiny"], [f"{name}={share}"]), name) == share


@pytest.mark.parametrize("assignment", ["size=31", "size=257", "focus=-1", "skin=101", "skin=nan"])
def test_fs_size_and_weights_have_bounds(assignment):
    with pytest.raises(UserError, match=f"^{assignment.split('=')[0]}="):
        parse_set(PRESETS["encoder-tiny"], [assignment])


@pytest.mark.parametrize("assignment", ["drawn=1", "stylise=-0.1", "smoothing=1.5", "net=resnet", "domain=usps"])
def test_a_classifiers_shares_and_choices_are_checked(assignment):
    with pytest.raises(UserError, match=assignment.split("=")[0]):
        parse_set(PRESETS["digits-f-tiny"], [assignment])


def test_every_tiny_preset_has_channels_enough():
    """Convolutions of a few channels in channels_last go wrong in some builds of torch's CPU library."""
    for name, preset in PRESETS.items():
        if name.endswith("-tiny"):
            widths = [getattr(preset, key) for key in ("width", "base", "d_base") if hasattr(preset, key)]
            assert min(widths, default=8) >= 8, name


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_described(kind):
    found = descriptions(KINDS[kind])
    assert list(found) == [f.name for f in dataclasses.fields(KINDS[kind])]
    assert all(found.values())


@pytest.mark.parametrize(
    ("preset", "assignment"),
    [("faces-tiny", "utkface=-0.5"), ("faces-tiny", "utkface=1.5"), ("encoder-tiny", "drawn=1.7"),
     ("faces-tiny", "ema=3"), ("faces-tiny", "alpha=nan"), ("faces-tiny", "emphasis=0"), ("faces-tiny", "batch=1"),
     ("faces-tiny", "seed=-1"), ("folders-tiny", "size=48"), ("avatar-tiny", "celebahq=-1")],
)  # fmt: skip
def test_nonsense_is_refused_with_setting_value_and_what_is_expected(preset, assignment):
    name, value = assignment.split("=")
    with pytest.raises(UserError, match=f"^{name}='{value}': should be ") as error:
        parse_set(PRESETS[preset], [assignment])
    assert "\n" not in str(error.value)


OLD_TRANSFER = {
    "task": "faces", "s": None, "t": None, "heads": False, "size": 64, "contains_f": True, "binary": False,
    "swap": False, "absent_s": None, "absent_t": None, "style": "avataaars", "utkface": 0.0, "generator": "upsample",
    "avatars": 12000, "start": None, "tie": 0.0, "avatar": None, "alpha": 7.0, "wobble": True, "views": 3,
}  # fmt: skip
"""The settings that one record had for all three tasks."""

OLD_CLASSIFIER = {"folder": None, "size": 32, "heads": False, "net": "residual", "drawn": 0.0, "width": 16,
                  "unlabelled": 0.0, "balanced": True, "absent": None, "through": None}  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({**OLD_TRANSFER, "kind": "transfer", "utkface": 0.25},
         FacesTransfer(alpha=7.0, random_affine=True, views=3, utkface=0.25)),
        ({**OLD_TRANSFER, "kind": "transfer", "task": "digits", "swap": True},
         DigitsTransfer(alpha=7.0, random_affine=True, views=3, swap=True)),
        ({**OLD_TRANSFER, "kind": "transfer", "task": "folders", "s": "a", "t": "b", "size": 32},
         FoldersTransfer(
             alpha=7.0, random_affine=True, views=3, s="a", t="b", size=32, generator="upsample"
         )),
        ({"kind": "transfer"}, FacesTransfer()),
        ({**OLD_CLASSIFIER, "kind": "classifier", "domain": "mnist"}, ClassifierTraining(domain="mnist", width=16)),
        ({**OLD_CLASSIFIER, "kind": "classifier", "domain": "folder", "folder": "a", "size": 64},
         FolderClassifierTraining(folder="a", size=64, width=16)),
        ({"kind": "classifier", "width": 16}, ClassifierTraining(width=16)),
        ({"kind": "avatar", "reader": "g", "through": "emoji", "mlp": 8, "logits_only": True, "sparsity": 0.1,
          "alpha": 1.0, "prior": 1.0, "adversary": 1.0, "noise": 0.5}, AvatarTraining(noise=0.5)),
        *(({"kind": kind, "steps": 3}, KINDS[kind](steps=3)) for kind in ("encoder", "judge", "avatar", "upscaler")),
    ],
)  # fmt: skip
def test_files_of_earlier_versions_are_read(old, new):
    assert from_dict(old) == new


def test_a_foreign_setting_of_an_old_file_is_dropped_only_at_its_default():
    with pytest.raises(UserError, match="unknown setting 'swap'"):
        from_dict({**OLD_TRANSFER, "kind": "transfer", "swap": True})


RECORDED = {
    "cartoon-set": "cartoon-layered-cpu", "toon-head": "toon-layered-cpu", "emoji": "faces-layered-cpu",
    "digits": "digits-best",
    "digits-f": "digits-f", "digits-f-adapted": "digits-f-adapted", "digits-judge": "digits-judge",
    "encoder": "encoder", "encoder-drawn": "encoder-drawn", "judge": "judge", "judge-toon-head": "judge-toon",
    "judge-cartoon-set": "judge-cartoon", "judge-lorelei": "judge-lorelei", "lorelei": "avatar-cpu",
    "parser": "parser-cpu", "screen-print": "style-cpu",
}  # fmt: skip
"""Shipped checkpoint → the preset that makes it."""

NO_PART = {"kind", "step", "device", "precision", "data", "timing", "exports", "log_every", "sample_every",
           "save_every", "balanced_accuracy_on_held_out_avatars"}  # fmt: skip
"""What is recorded and doesn't change the result (a CPU computes in fp32 whatever the precision)."""


def test_every_shipped_checkpoint_has_its_preset():
    configs = {path.parent.name: json.loads(path.read_text()) for path in SHIPPED.glob("*/config.json")}
    assert set(RECORDED) == {name for name, info in configs.items() if "trained" in info}


@pytest.mark.parametrize("name", RECORDED)
def test_presets_rebuild_what_is_shipped(name):
    info = json.loads((SHIPPED / name / "config.json").read_text())
    preset = to_dict(PRESETS[RECORDED[name]])
    recorded = {key: value for key, value in upgrade(info["trained"]).items() if key not in NO_PART}
    if isinstance(recorded.get("start"), str):  # the name may be followed by the hash of its weights
        recorded["start"] = recorded["start"].split()[0]
    if info["kind"] == "avatar":  # the command names the style
        preset["style"] = recorded["style"]
    assert recorded == {key: preset[key] for key in recorded}
    assert info.get("emphasis", 1.0) == preset.get("emphasis", 1.0)


@pytest.mark.parametrize(("part", "preset"), [("upscaler_trained", "upscaler"), ("avatar_trained", "avatar-cpu")])
def test_presets_rebuild_the_parts_joined_to_a_translation(part, preset):
    info = json.loads((SHIPPED / "emoji" / "config.json").read_text())
    settings = to_dict(PRESETS[preset])
    trained = upgrade({"kind": settings["kind"], **info[part]})
    recorded = {key: value for key, value in trained.items() if key not in NO_PART}
    assert recorded == {key: settings[key] for key in recorded}


@pytest.mark.parametrize("module", ["dtn_core", "dtn_core.config"])
def test_settings_are_read_without_torch(module):
    code = f"import sys, {module}; sys.exit(bool({{'torch', 'gradio', 'cv2'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(config.__file__).parents[2]).returncode == 0
