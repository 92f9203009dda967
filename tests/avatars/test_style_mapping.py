"""Edits that are carried from one style to another."""

import pytest

from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.avatars.style_mapping import kinds_by_role, transfer_edits


def test_a_slot_is_carried_by_what_it_means():
    source = Parameters("avataaars", {"top": "bob", "facialHair": "moustacheFancy", "mouth": "smile"})
    made, carried = transfer_edits(["top", "facialHair", "mouth"], source, Parameters("toon-head", {"hair": ""}))
    assert made.kind_of("rearHair") == "long"
    assert made.kind_of("hair") == "hair"
    assert made.kind_of("beard") == "moustache"
    assert made.kind_of("mouth") == "laugh"
    assert carried == ["hair", "rearHair", "beard", "mouth"]


def test_a_smile_uses_laugh_as_fallback():
    made, carried = transfer_edits(["mouth"], Parameters("lorelei", {"mouth": "happy02"}), Parameters("toon-head"))
    assert (made.variants["mouth"], carried) == ("laugh", ["mouth"])


def test_and_back():
    source = Parameters("toon-head", {"hair": "", "rearHair": "", "mouth": "smile"})
    made, _ = transfer_edits(["hair", "mouth"], source, Parameters("avataaars", {"top": "bob"}))
    assert made.kind_of("top") == "bald"
    assert made.variants["mouth"] == "serious", "ToonHead's 'smile' is a plain mouth"


def test_the_target_keeps_its_variant_of_the_same_kind():
    target = Parameters("avataaars", {"top": "curly"})
    made, _ = transfer_edits(["rearHair"], Parameters("toon-head", {"rearHair": "longWavy", "hair": "bun"}), target)
    assert made == target


def test_unedited_settings_are_kept():
    source = Parameters("avataaars", {"top": "bob"}, {"hair": "#112233", "skin": "#445566"}, {"face_width": 0.5})
    target = Parameters("toon-head")
    made, carried = transfer_edits(["colour:hair", "shape:face_width", "colour:hat", "accessories"], source, target)
    assert carried == ["colour:hair", "shape:face_width"]
    assert made == Parameters("toon-head", {}, {"hair": "#112233"}, {"face_width": 0.5})


@pytest.mark.parametrize("style", SPECS)
def test_within_a_style_everything_is_carried(style):
    spec = SPECS[style]
    source = Parameters(style, {slot: v[-1] for slot, v in spec.slots.items()}, dict.fromkeys(spec.colours, "#0a0b0c"))
    names = [*spec.slots, *(f"colour:{name}" for name in spec.colours)]
    assert transfer_edits(names, source, Parameters(style)) == (source, names)


@pytest.mark.parametrize("target", SPECS)
@pytest.mark.parametrize("source", SPECS)
def test_every_edit_gives_a_valid_avatar(source, target):
    for slot, variants in SPECS[source].slots.items():
        for variant in variants:
            made, carried = transfer_edits(
                [slot, "nonsense", "colour:none"], Parameters(source, {slot: variant}), Parameters(target)
            )
            assert made.style == target
            assert set(carried) <= set(SPECS[target].slots)


def test_meaning():
    assert kinds_by_role(Parameters("avataaars", {"top": "turban"}))["hair"] == {"hat"}
