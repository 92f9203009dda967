"""What can be chosen of an avatar, and that nothing else gets through."""

import json
import math

import pytest

from dtn_core.avatars.parameters import HAIR_COLOURS, NONE, SPECS, Parameters
from dtn_core.avatars.shape import SHAPES
from dtn_core.core.errors import UserError

STYLES = tuple(SPECS)
HOSTILE = '"><script>alert(1)</script>'


def refusal(*values, **entries):
    """The line that Parameters are refused with."""
    with pytest.raises(UserError) as caught:
        Parameters(*values, **entries)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("style", STYLES)
def test_what_is_not_given_is_the_styles_first(style):
    made, spec = Parameters(style), SPECS[style]
    assert made.variants == {slot: variants[0] for slot, variants in spec.slots.items()}
    assert made.colours == {name: codes[0] for name, codes in spec.colours.items()}
    assert made.shape == dict.fromkeys(SHAPES[style], 0.0)
    assert made == Parameters(style, dict(made.variants), dict(made.colours), dict(made.shape))
    assert made.spec is spec


def test_given_values_are_kept_and_colours_are_lower_case():
    made = Parameters("avataaars", {"mouth": "smile", "top": NONE}, {"hair": "#ABCDEF"})
    assert (made.variants["mouth"], made.variants["top"], made.variants["eyes"]) == ("smile", "", "default")
    assert made.colours["hair"] == "#abcdef"


@pytest.mark.parametrize("style", STYLES)
def test_specs_agree_with_themselves(style):
    spec = SPECS[style]
    assert set(spec.slots) <= set(spec.layers)
    assert set(spec.options) == set(spec.colours)
    for slot, variants in spec.slots.items():
        assert len(set(variants)) == len(variants), slot
    for slot, kinds in spec.kinds.items():
        named = [variant for variants in kinds.values() for variant in variants]
        assert set(named) <= set(spec.slots[slot])
        assert len(set(named)) == len(named), slot
    assert set(spec.colours["hair"]) == {code for codes in HAIR_COLOURS.values() for code in codes}


@pytest.mark.parametrize(
    ("values", "result"),
    [
        (("bottts",), "'bottts' can't be drawn; known: avataaars, toon-head, lorelei"),
        (("",), "known: avataaars, toon-head, lorelei"),
        (("avataaars", {"horns": "two"}), "no slot 'horns'; known: clothes, mouth"),
        (("toon-head", {"accessories": "round"}), "no slot 'accessories'; known: rearHair"),
        (("avataaars", {"eyes": "laser"}), "eyes can't be 'laser'; known: default, happy"),
        (("avataaars", {"eyes": NONE}), "eyes can't be ''"),
        (("avataaars", {"eyes": None}), "eyes can't be None"),
        (("avataaars", {"eyes": ["default"]}), "eyes can't be ['default']"),
        (("avataaars", {"facialHair": "full"}), '"" (none), beardLight'),
        (("avataaars", {}, {"lips": "#ff0000"}), "no colour 'lips'; known: skin, hair"),
        (("avataaars", {}, {"skin": "red"}), "colour skin must be written #rrggbb, not 'red'"),
        (("avataaars", {}, {"skin": "#fff"}), "#rrggbb"),
        (("avataaars", {}, {"skin": "#ffffff\n"}), "#rrggbb"),
        (("avataaars", {}, {"skin": "#ffffff00"}), "#rrggbb"),
        (("avataaars", {}, {"skin": 0xFFFFFF}), "#rrggbb"),
        (("avataaars", {}, {"skin": ["#ffffff"]}), "#rrggbb"),
        (("avataaars", ["eyes"]), "slots must be an object of names and values, not list"),
        (("avataaars", {}, "#ffffff"), "colours must be an object of names and values, not str"),
        (("avataaars", None), "not NoneType"),
        (("avataaars", {}, {}, {"ear_size": 0.5}), "no shape 'ear_size'; known: face_width, brow_height"),
        (("toon-head", {}, {}, {"nose_size": 0.5}), "no shape 'nose_size'"),
        (("avataaars", {}, {}, {"face_width": 1.01}), "shape face_width must be a number from -1 to 1, not 1.01"),
        (("avataaars", {}, {}, {"face_width": -2}), "not -2"),
        (("avataaars", {}, {}, {"face_width": math.nan}), "not nan"),
        (("avataaars", {}, {}, {"face_width": math.inf}), "not inf"),
        (("avataaars", {}, {}, {"face_width": 10**400}), "from -1 to 1"),
        (("avataaars", {}, {}, {"face_width": True}), "not True"),
        (("avataaars", {}, {}, {"face_width": "0"}), "not '0'"),
        (("avataaars", {}, {}, {"face_width": None}), "not None"),
        (("avataaars", {}, {}, [0.5]), "shapes must be an object of names and values, not list"),
    ],
)
def test_all_else_is_refused_in_a_line_that_names_what_is_known(values, result):
    assert result in refusal(*values)


@pytest.mark.parametrize("style", STYLES)
def test_hostile_text_is_refused_everywhere(style):
    refusal(HOSTILE)
    refusal(style, {HOSTILE: "default"})
    refusal(style, {}, {HOSTILE: "#ffffff"})
    refusal(style, {}, {}, {HOSTILE: 0.5})
    for slot in SPECS[style].slots:
        refusal(style, {slot: HOSTILE})
    for name in SHAPES[style]:
        refusal(style, {}, {}, {name: HOSTILE})
    for name in SPECS[style].colours:
        for text in (HOSTILE, f"#ffffff{HOSTILE}", "url(#x)", "#ggg" + "ggg", "＃ffffff", "#١٢٣٤٥٦"):
            refusal(style, {}, {name: text})


@pytest.mark.parametrize("style", STYLES)
def test_parameters_survive_a_dictionary_and_json(style):
    spec = SPECS[style]
    variants = {slot: variants[-1] for slot, variants in spec.slots.items()}
    made = Parameters(style, variants, {"skin": "#102030"}, {"face_width": -0.25, "mouth_size": 1})
    assert Parameters.from_dict(made.to_dict()) == made
    assert Parameters.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert Parameters.from_dict({"style": style}) == Parameters(style)


@pytest.mark.parametrize(
    ("values", "result"),
    [
        (None, "an avatar is an object with style, variants, colours and shape"),
        ("avataaars", "an avatar is an object"),
        ([("style", "avataaars")], "an avatar is an object"),
        ({}, "known: avataaars, toon-head, lorelei"),
        ({"style": None}, "known: avataaars, toon-head, lorelei"),
        ({"style": ["avataaars"]}, "known: avataaars, toon-head, lorelei"),
        ({"style": "avataaars", "seed": 1}, "unknown entry 'seed'"),
        ({"style": "avataaars", HOSTILE: 1}, "unknown entry"),
        ({"style": "avataaars", "variants": "eyes"}, "slots must be an object"),
        ({"style": "avataaars", "variants": {"eyes": 3}}, "eyes can't be 3"),
        ({"style": "avataaars", "colours": None}, "colours must be an object"),
        ({"style": "avataaars", "shape": None}, "shapes must be an object"),
        ({"style": "avataaars", "shape": {"face_width": "wide"}}, "from -1 to 1, not 'wide'"),
        ({"style": "avataaars", "colours": {"skin": None}}, "#rrggbb"),
    ],
)
def test_damaged_dictionaries_are_refused_in_a_line(values, result):
    with pytest.raises(UserError) as caught:
        Parameters.from_dict(values)
    assert result in str(caught.value)
    assert "\n" not in str(caught.value)


def test_probability_of_a_slot_is_summed_by_kind():
    plain = Parameters("avataaars", {"top": "bob", "accessories": "round", "facialHair": "moustacheFancy"})
    assert [plain.kind_of(slot) for slot in ("top", "accessories", "facialHair")] == ["long", "clear", "moustache"]
    hatted = Parameters("avataaars", {"top": "winterHat02"})
    assert [hatted.kind_of(slot) for slot in ("top", "accessories", "facialHair")] == ["hat", "none", "none"]
    assert Parameters("avataaars", {"top": NONE}).kind_of("top") == "bald"
    assert Parameters("avataaars", {"mouth": "grimace"}).kind_of("mouth") is None  # of no kind
    assert plain.kind_of("eyes") is None  # which has none
    assert Parameters("toon-head").kind_of("accessories") is None  # no such slot
    assert Parameters("toon-head", {"beard": "chin", "rearHair": "neckHigh"}).kind_of("rearHair") == "long"
