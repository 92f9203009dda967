"""From log_probabilities to choices: questions, calibration, operating points, skin and expressions."""

import numpy as np
import pytest

from dtn_core.avatars import calibrate
from dtn_core.avatars import choose as choosing
from dtn_core.avatars.choose import HAIR_ATTRIBUTES, QUESTIONS, RESERVED, Decisions, choose
from dtn_core.avatars.outlines import match_outlines
from dtn_core.avatars.parameters import SPECS
from dtn_core.avatars.proportions import face_shapes, shape_statistics
from dtn_core.avatars.shape import SHAPES
from dtn_core.avatars.styles import DRAWINGS

STYLES = tuple(SPECS)
ATTRIBUTES = (
    "Wearing_Hat", "Bald", "Male", "No_Beard", "Mustache", "Eyeglasses", "Smiling", "Mouth_Slightly_Open",
    "age_60", "Bangs", "Wavy_Hair", "Chubby", "Arched_Eyebrows", "Bushy_Eyebrows", "Big_Lips", "Big_Nose",
    "Pointy_Nose", "5_o_Clock_Shadow", *HAIR_ATTRIBUTES.values(),
)  # fmt: skip


def log_probabilities_of(style, n=1, **likely):
    """Uniform log_probabilities, but for the variants given (slot=variant), which are a thousand times as likely."""
    made = {}
    spec = SPECS[style]
    heads = {**spec.slots, **{f"colour:{name}": codes for name, codes in spec.colours.items()}}
    for head, options in heads.items():
        scores = np.zeros((n, len(options)), np.float32)
        if head in likely:
            scores[:, options.index(likely[head])] = 7
        made[head] = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return made


def attributes_of(n=1, **likely):
    return {name: np.full(n, likely.get(name, 0.9 if name == "No_Beard" else 0.02)) for name in ATTRIBUTES}


def plain(style, **changes):
    lines = dict.fromkeys(QUESTIONS[style], (1.0, 0.0))
    rates = dict.fromkeys(QUESTIONS[style], 0.1)
    hair = dict.fromkeys(HAIR_ATTRIBUTES, (1.0, 0.0))
    bias = {head: [0.0] * output.shape[1] for head, output in log_probabilities_of(style).items()}
    return Decisions(lines, rates, hair, dict.fromkeys(HAIR_ATTRIBUTES, 0.25), bias)._replace(**changes)


def chosen(style="avataaars", attributes=None, decisions=None, rates=None, proportions=None, **likely):
    attributes = attributes or attributes_of()
    decisions, skin = decisions or plain(style), np.array([[60.0, 12, 18]])
    log_probabilities = match_outlines(style, log_probabilities_of(style, **likely), decisions.bias, attributes, {})
    ((parameters, sure),) = choose(
        style, log_probabilities, decisions, attributes, skin, rates or {}, proportions or {}
    )  # fmt: skip
    return parameters, sure


def test_what_is_surely_seen_is_drawn():
    parameters, sure = chosen(
        top="hat", facialHair="", accessories="round", attributes=attributes_of(Wearing_Hat=0.98, Eyeglasses=0.98)
    )
    assert parameters.variants["top"] == "hat"
    assert parameters.variants["accessories"] == "round"
    assert parameters.variants["facialHair"] == ""
    assert sure["glasses"] > 0.9
    assert not any("hair" in label for label in sure)  # a hat hides it


def test_a_line_moves_the_odds_and_rates_move_the_threshold():
    sly = plain("avataaars", lines={**plain("avataaars").lines, "glasses": (1.0, -9.0)})
    attributes = attributes_of(Eyeglasses=0.5)
    assert chosen(accessories="round", attributes=attributes)[0].kind_of("accessories") == "clear"
    assert chosen(accessories="round", attributes=attributes, decisions=sly)[0].kind_of("accessories") == "none"
    # odds of 2 to 5 for glasses by uniform log_probabilities: a seventh of them says none
    doubtful = plain("avataaars", lines={**plain("avataaars").lines, "glasses": (1.0, -3.2)})
    assert chosen(attributes=attributes, decisions=doubtful)[0].kind_of("accessories") == "none"
    assert chosen(attributes=attributes, decisions=doubtful, rates=doubtful.rates)[0].kind_of("accessories") != "none"


@pytest.mark.parametrize("style", STYLES)
def test_attributes_that_f_denies_are_not_drawn(style):
    seen = {name: dict(zip(("yes", "no"), (0.9, 0.05))) for name in QUESTIONS[style]}
    for name, question in QUESTIONS[style].items():
        ((slot, kinds),) = question.yes.items()
        variant = SPECS[style].kinds[slot][kinds[0]][0]
        for read, p in seen[name].items():
            attributes = attributes_of(
                **{r.removeprefix("-"): 1 - p if r[0] == "-" else p for r in question.f_attributes}
            )
            log_probabilities = log_probabilities_of(style, **{slot: variant})
            likely = choosing.calibrated_probabilities(style, log_probabilities, plain(style), attributes)[name]
            assert (likely > 0.5) == (read == "yes"), (name, read)
            assert (
                choosing.calibrated_probabilities(style, log_probabilities, plain(style, f_weight=0.0), attributes)[
                    name
                ]
                > 0.5
            )


@pytest.mark.parametrize("style", STYLES)
def test_reserved_variants_are_never_drawn(style):
    spec = SPECS[style]
    heads = {**spec.slots, **{f"colour:{name}": codes for name, codes in spec.colours.items()}}
    for head, reserved in RESERVED[style].items():
        assert set(reserved) < set(heads[head])  # something is left
        for variant in reserved:
            for attributes in (attributes_of(), attributes_of(Male=0.9, Smiling=0.9, No_Beard=0.1, Eyeglasses=0.9)):
                parameters, _ = chosen(style, attributes=attributes, **{head: variant})
                drawn = {**parameters.variants, **{f"colour:{k}": v for k, v in parameters.colours.items()}}
                assert drawn[head] != variant


def test_the_more_probable_of_beard_and_long_hair_is_drawn():
    bearded, _ = chosen(top="straight01", facialHair="beardLight", attributes=attributes_of(No_Beard=0.1))
    assert (bearded.kind_of("top") == "long") != (bearded.kind_of("facialHair") != "none")


@pytest.mark.parametrize(
    ("smiling", "parted", "kind"),
    [(0.9, 0.9, "laugh"), (0.9, 0.1, "smile"), (0.1, 0.95, "open"), (0.1, 0.1, "neutral")],
)
@pytest.mark.parametrize("style", STYLES)
def test_expressions_follow_f(style, smiling, parted, kind):
    parameters, sure = chosen(style, attributes=attributes_of(Smiling=smiling, Mouth_Slightly_Open=parted))
    assert parameters.kind_of("mouth") == (kind if kind in SPECS[style].kinds["mouth"] else "laugh")
    assert sure["smiling" if smiling > 0.5 else "not smiling"] == pytest.approx(0.9)


def test_a_moustache_needs_a_shaven_chin():
    shaven = attributes_of(Mustache=0.9, No_Beard=0.9)
    assert chosen(facialHair="beardLight", attributes=shaven)[0].kind_of("facialHair") == "moustache"
    assert (
        chosen(facialHair="beardLight", attributes=attributes_of(Mustache=0.9, No_Beard=0.1))[0].kind_of("facialHair")
        == "beard"
    )


@pytest.mark.parametrize("style", STYLES)
def test_hair_has_a_shade_of_its_name(style):
    parameters, sure = chosen(style, attributes=attributes_of(Blond_Hair=0.9), **{"colour:hair": "#ecdcbf"})
    assert parameters.colours["hair"] == "#ecdcbf"
    assert sure["blond hair"] > 0.9
    if "beard" in parameters.colours:
        assert parameters.colours["beard"] == "#ecdcbf"


def test_colours_are_the_likeliest_of_the_artists():
    assert chosen(**{"colour:clothes": "#65c9ff"})[0].colours["clothes"] == "#65c9ff"


def test_variants_become_as_frequent_as_the_artist_has_them():
    rng = np.random.default_rng(0)
    tops = SPECS["avataaars"].slots["top"]
    scores = rng.normal(0, 1, (2000, len(tops)))
    scores[:, tops.index("bob")] += 3  # nearly everybody's without a bias
    scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
    artist = np.zeros(len(tops))
    wanted = {"bob": 0.25, "curly": 0.5, "bun": 0.25, "frida": 0.9}  # the last is reserved for people
    for name, share in wanted.items():
        artist[tops.index(name)] = share
    bias = np.array(calibrate._biases("avataaars", "top", scores.astype(np.float32), artist))
    three = [tops.index(name) for name in ("bob", "curly", "bun")]
    long = choosing.kind_index("avataaars", "top", ("long",))
    rows = np.logaddexp.reduce(scores[:, long], axis=1) > np.log(0.5)
    often = np.bincount((scores[rows][:, three] + bias[three]).argmax(1)) / rows.sum()
    assert often == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert bias[tops.index("frida")] == 0


def test_learning_maps_odds_to_the_readings_of_f():
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 4000)
    wanted = 1 / (1 + np.exp(-(1.7 * odds - 0.8)))
    slope, offset = calibrate._fit_logistic(odds, wanted)
    assert (slope, offset) == pytest.approx((1.7, -0.8), abs=0.02)
    scores = rng.normal(0, 1, (4000, 4))
    logits = 2.5 * scores + np.array([0.5, 0, -0.5, 0])
    target = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    slope, offsets = calibrate._fit_softmax(scores, target)
    assert slope == pytest.approx(2.5, abs=0.1)
    assert offsets == pytest.approx([0.5, 0, -0.5, 0], abs=0.05)


@pytest.mark.parametrize("style", STYLES)
def test_decisions_go_through_json(style):
    import json

    attributes = attributes_of(50)
    log_probabilities = log_probabilities_of(style, 50)
    artist = {head: np.full(output.shape[1], 1 / output.shape[1]) for head, output in log_probabilities.items()}
    learnt = calibrate.learn(
        style,
        log_probabilities,
        attributes,
        shape_statistics({name: np.linspace(0, 1, 50) for name in SHAPES[style]}),
        artist,
    )
    again = Decisions.from_dict(json.loads(json.dumps(learnt._asdict())))
    assert again == learnt
    assert again.shape.keys() == SHAPES[style].keys()
    later = ("shape", "f_weight")
    earlier = {name: values for name, values in learnt._asdict().items() if name not in later}
    assert Decisions.from_dict(earlier) == learnt._replace(shape={})  # as in checkpoints without it
    assert again.rates["bald"] == pytest.approx(0.02)
    with pytest.raises(KeyError):
        Decisions.from_dict({"lines": {}})


def test_hair_that_cannot_be_seen_is_grey_on_old_people():
    def read(**likely):
        return dict(zip(HAIR_ATTRIBUTES, choosing.hair_probabilities(attributes_of(**likely))[0]))

    assert max(read(Brown_Hair=0.3), key=read(Brown_Hair=0.3).get) == "brown"
    old = read(Brown_Hair=0.3, age_60=0.9)
    assert max(old, key=old.get) == "grey"
    seen = read(Brown_Hair=0.8, age_60=0.9)
    assert max(seen, key=seen.get) == "brown"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("male", "kind"), [(0.1, "long"), (0.9, "short")])
def test_the_cut_follows_what_f_reads_of_the_hair(style, male, kind):
    ((length, _),), ((hair, _),) = (QUESTIONS[style][name].yes.items() for name in ("male", "bald"))
    for attributes, cut in (({"Bangs": 0.9, "Wavy_Hair": 0.9}, "Bangs"), ({"Wavy_Hair": 0.9}, "Wavy_Hair"), ({}, "")):
        parameters, _ = chosen(style, attributes=attributes_of(Male=male, **attributes))
        assert parameters.kind_of(length) == kind
        assert parameters.variants[hair] in DRAWINGS[style].haircuts[kind][cut]
        assert parameters.variants[length] in ("", *DRAWINGS[style].haircuts[kind][cut])
    bald, _ = chosen(style, attributes=attributes_of(Male=male, Bald=0.99))
    assert bald.kind_of(hair) == "bald"


@pytest.mark.parametrize("style", STYLES)
def test_cuts_and_laughing_eyes_are_for_a_network_to_choose(style):
    ((length, _),), ((hair, _),) = (QUESTIONS[style][name].yes.items() for name in ("male", "bald"))
    for kind, cuts in DRAWINGS[style].haircuts.items():
        reserved = {v for slot in (length, hair) for v in RESERVED[style].get(slot, ())}
        there = {*SPECS[style].kinds[length][kind], *(SPECS[style].slots[hair] if hair != length else ())}
        for cut in cuts.values():
            assert set(cut) <= there - reserved
    for eyes in DRAWINGS[style].laughing_eyes:
        assert chosen(style, eyes=eyes, attributes=attributes_of(Smiling=0.9))[0].variants["eyes"] == eyes
        assert chosen(style, eyes=eyes)[0].variants["eyes"] != eyes


@pytest.mark.parametrize("style", STYLES)
def test_shapes_are_deviations_from_the_mean(style):
    proportions = {"face_width": np.array([0.4, 0.5, 0.6, np.nan]), "eye_size": np.full(4, np.nan)}
    statistics = shape_statistics({"face_width": np.array([0.4, 0.6]), "eye_size": np.array([0.01, 0.02])})
    shapes = face_shapes(style, proportions, statistics)
    assert shapes["face_width"].tolist() == [-0.67, 0, 0.67, 0]
    assert face_shapes(style, {"face_width": np.array([9.0])}, statistics)["face_width"] == 1
    wide, _ = chosen(style, decisions=plain(style, shape=statistics), proportions={"face_width": np.array([0.6])})
    assert wide.shape["face_width"] == 0.67
    assert chosen(style)[0].shape == dict.fromkeys(SHAPES[style], 0.0)
    group_table = {"face_width": {"race_White": 0.0, "race_Black": 1.0, "std": 1.0}}  # of earlier checkpoints
    assert face_shapes(style, proportions, group_table) == {}
