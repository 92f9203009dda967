"""Variants by their outline: what is compared, and what remains c's and f's decision."""

import numpy as np
import pytest
from test_choose import STYLES, attributes_of, log_probabilities_of, plain

from dtn_core.avatars.choose import kind_index
from dtn_core.avatars.outlines import FLOOR, SIDE, match_outlines, overlap, variants_of
from dtn_core.avatars.parameters import SPECS


def matched(style, masks, lens=None, bias=None, attributes=None, **likely):
    bias = bias or plain(style).bias
    return match_outlines(
        style, log_probabilities_of(style, **likely), bias, attributes or attributes_of(), masks, lens
    )


def likeliest(log_p, slot, kind):
    """The likeliest variant of a kind of avataaars."""
    members = kind_index("avataaars", slot, (kind,))
    return SPECS["avataaars"].slots[slot][members[int(log_p[slot][0][members].argmax())]]


def mask_of(style, role, *choice):
    variants = variants_of(style, role)
    return variants.outlines[variants.choices.index(choice)][None]


@pytest.mark.parametrize("style", STYLES)
def test_every_haircut_has_an_outline_of_its_own(style):
    variants = variants_of(style, "hair")
    assert variants.outlines.shape == (len(variants.choices), SIDE, SIDE)
    seen = variants.outlines[variants.outlines.mean((1, 2)) > 0.005]
    assert len(seen) >= len(variants.choices) - 3  # without bald heads
    same = overlap(seen, seen)
    assert np.diag(same) == pytest.approx(1, abs=1e-4)
    assert (same.argmax(1) == np.arange(len(seen))).mean() > 0.9


@pytest.mark.parametrize("choice", ["bob", "curly", "straight01", "shortWaved", "theCaesar"])
def test_the_haircut_of_the_nearest_outline_is_the_likeliest_of_its_kind(choice):
    attributes = attributes_of(Bangs=0.33, Wavy_Hair=0.5)  # as likely as not
    log_p = matched("avataaars", {"hair": mask_of("avataaars", "hair", choice)}, attributes=attributes)
    kind = next(kind for kind, members in SPECS["avataaars"].kinds["top"].items() if choice in members)
    assert likeliest(log_p, "top", kind) == choice


@pytest.mark.parametrize("style", STYLES)
def test_kinds_keep_their_probability(style):
    slot = {"avataaars": "top", "lorelei": "hair", "toon-head": "rearHair"}[style]
    long = {"avataaars": "bob", "lorelei": "variant10", "toon-head": "longWavy"}[style]
    before = log_probabilities_of(style, **{slot: long})
    rng = np.random.default_rng(0)
    bias = {head: list(rng.normal(0, 3, len(values))) for head, values in plain(style).bias.items()}
    mask = {"hair": variants_of(style, "hair").outlines[3:4]}
    for after in (matched(style, mask, bias=bias, **{slot: long}), matched(style, {}, bias=bias, **{slot: long})):
        for kind in SPECS[style].kinds[slot]:
            index = kind_index(style, slot, (kind,))
            mass = np.logaddexp.reduce(before[slot][0, index])
            assert np.logaddexp.reduce(after[slot][0, index]) == pytest.approx(mass, abs=0.05), kind


@pytest.mark.parametrize(
    ("outline", "role", "slot", "kind", "variant"),
    [
        ("hat", "hair", "top", "hat", "hat"),
        ("hat", "hair", "top", "hat", "winterHat03"),
        ("glasses", "glasses", "accessories", "clear", "round"),
        ("glasses", "glasses", "accessories", "clear", "prescription02"),
    ],
)
def test_hats_and_glasses_are_recognised_by_their_outline(outline, role, slot, kind, variant):
    log_p = matched("avataaars", {outline: mask_of("avataaars", role, variant)})
    assert likeliest(log_p, slot, kind) == variant


def test_a_turban_is_never_chosen():
    log_p = matched("avataaars", {"hat": mask_of("avataaars", "hair", "turban")})["top"][0]
    assert log_p[SPECS["avataaars"].slots["top"].index("turban")] == pytest.approx(FLOOR)


def test_lenses_decide_between_dark_and_clear_glasses():
    dark, clear = (kind_index("avataaars", "accessories", (kind,)) for kind in ("dark", "clear"))

    def share(lens):
        log_p = matched("avataaars", {}, np.array([lens]), accessories="round")["accessories"][0]
        sides = np.logaddexp.reduce(log_p[dark]), np.logaddexp.reduce(log_p[clear])
        return 1 / (1 + np.exp(sides[1] - sides[0]))

    assert share(50.0) > 0.95
    assert share(0.0) < 0.05
    assert share(np.nan) < 0.05  # as c sees it


def test_where_nothing_is_seen_c_decides():
    nothing = {name: np.zeros((1, SIDE, SIDE)) for name in ("hair", "hat", "glasses")}
    attributes = attributes_of(Bangs=0.33, Wavy_Hair=0.5)
    log_p = matched("avataaars", nothing, attributes=attributes, top="curly")
    assert likeliest(log_p, "top", "long") == "curly"


def test_the_bias_is_not_applied_twice():
    bias = {**plain("avataaars").bias, "top": list(np.linspace(-3, 3, len(SPECS["avataaars"].slots["top"])))}
    mask = {"hair": mask_of("avataaars", "hair", "bob")}
    attributes = attributes_of(Bangs=0.33, Wavy_Hair=0.5)
    log_p = matched("avataaars", mask, bias=bias, attributes=attributes)
    assert likeliest({"top": log_p["top"] + np.array(bias["top"])}, "top", "long") == "bob"


def test_stubble_is_lighter_than_a_beard():
    for shadow, beard in ((0.9, "beardLight"), (0.1, "beardMedium")):
        log_p = matched("avataaars", {}, attributes={**attributes_of(), "5_o_Clock_Shadow": np.array([shadow])})
        assert likeliest(log_p, "facialHair", "beard") == beard
