"""The probabilities of all that could be chosen, and further avatars drawn from them."""

import pytest
from test_choose import attributes_of, log_probabilities_of, plain

from dtn_core.avatars.choose import RESERVED
from dtn_core.avatars.outlines import match_outlines
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.avatars.sampling import check_probabilities, choice_probabilities, is_consistent, sample_similar
from dtn_core.core.errors import UserError

STYLES = tuple(SPECS)


def of(style, attributes=None, **log_probabilities):
    decisions, attributes = plain(style), attributes or attributes_of()
    log_p = match_outlines(style, log_probabilities_of(style, **log_probabilities), decisions.bias, attributes, {})
    (made,) = choice_probabilities(style, log_p, decisions, attributes)
    return made


@pytest.mark.parametrize("style", STYLES)
def test_every_slot_has_probabilities_and_what_is_reserved_has_none(style):
    made = of(style)
    assert set(SPECS[style].slots) <= set(made)
    for head, p in made.items():
        assert sum(p.values()) == pytest.approx(1, abs=0.03)
        assert not set(p) & set(RESERVED[style].get(head, ()))


def test_kinds_have_the_calibrated_answers():
    made = of("avataaars", attributes_of(Eyeglasses=0.98, No_Beard=0.98, Smiling=0.9, Mouth_Slightly_Open=0.02))
    clear = sum(made["accessories"].get(v, 0) for v in SPECS["avataaars"].slots["accessories"] if v)
    assert clear > 0.8
    assert made["mouth"]["twinkle"] == pytest.approx(0.9 * 0.98, abs=1e-3)
    assert made["facialHair"][""] > 0.8


def test_haircuts_follow_the_waves():
    straight, waved = (of("avataaars", attributes_of(Male=0.02, Wavy_Hair=p)) for p in (0.1, 0.9))
    assert waved["top"]["curvy"] > 3 * straight["top"].get("curvy", 0.001)


@pytest.mark.parametrize("style", STYLES)
def test_further_avatars_differ_and_hold_together(style):
    parameters = Parameters(style)
    made = sample_similar(parameters, of(style), seed=1)
    assert len(made) == 6
    assert len({str(one.variants) for one in made} | {str(parameters.variants)}) == 7
    assert all(is_consistent(one) for one in made)
    assert made == sample_similar(parameters, of(style), seed=1)
    assert made != sample_similar(parameters, of(style), seed=2)


def test_kept_edits_survive():
    parameters = Parameters("avataaars", {"top": "bob"}, {"skin": "#123456", "clothes": "#ff0000"})
    for one in sample_similar(parameters, of("avataaars"), keep=("top", "colour:skin", "colour:clothes")):
        assert one.variants["top"] == "bob"
        assert one.colours["skin"] == "#123456"
        assert one.colours["clothes"] == "#ff0000"


def test_long_hair_excludes_a_beard():
    assert not is_consistent(Parameters("avataaars", {"top": "bob", "facialHair": "beardLight"}))
    assert not is_consistent(Parameters("toon-head", {"rearHair": "longWavy", "hair": ""}))
    assert is_consistent(Parameters("avataaars", {"top": "shortFlat", "facialHair": "beardLight"}))


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {"nose": {"big": 1}},
        {"top": {"nothing": 1.0}},
        {"top": {"bob": 2}},
        {"top": {"bob": "1"}},
        {"top": {"bob": 0}},
        {"top": {"bob": float("nan")}},
        {"colour:hair": {'"><script>': 0.5}},
    ],
)
def test_other_probabilities_are_refused(values):
    with pytest.raises(UserError, match="aren't those of an avatar of avataaars"):
        check_probabilities("avataaars", values)


def test_a_sure_network_has_no_other():
    sure = {"top": {"bob": 1.0}}
    assert sample_similar(Parameters("avataaars", {"top": "bob"}), sure) == []
