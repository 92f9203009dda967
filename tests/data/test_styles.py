"""The styles faces are translated to: drawn ones as their labels say, a pack's cut out of its white."""

import json
import zipfile
from importlib.resources import files
from typing import get_args

import numpy as np
import pytest
from made_cartoons import cartoon, write_cartoons

from dtn_core.avatars import attributes as avatars
from dtn_core.avatars import engine, rendering, styles
from dtn_core.avatars.attributes import BALANCED_RATES, PORTRAIT_RATES
from dtn_core.avatars.parameters import HAIR_COLOURS
from dtn_core.avatars.rendering import render, render_many, sample
from dtn_core.avatars.styles.cartoon_set import cut_out
from dtn_core.config import Style
from dtn_core.core.errors import UserError
from dtn_core.core.images import composite_over
from dtn_core.core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT
from dtn_core.evaluation.drawn.depicted_attributes import of_parameters
from dtn_core.networks.judge import JUDGE_ATTRIBUTES
from dtn_core.training.stages.judge import labels_of


def toon(condition):
    return next(a for a in (sample(seed, BALANCED_RATES, "toon-head") for seed in range(3000)) if condition(a))


# --- toon-head ----------------------------------------------------------------------------------------------------


def test_eyes_of_toons_stand_where_faces_have_theirs():
    size = 512
    plain = toon(
        lambda a: a.attributes.bald and not a.attributes.beard and a.options["eyesVariant"] == ["wide"]
        and a.attributes.skin == "pale"
    )  # fmt: skip
    picture = composite_over(render(plain, size), (255, 255, 255)).astype(int)
    row, column = round(HEAD_EYE_HEIGHT * size), size // 2
    forehead = picture[row - size // 6, column]
    eyes = np.abs(picture - forehead).max(2) > 30
    window = np.zeros_like(eyes)
    window[row - size // 12 : row + size // 14, column - size // 5 : column + size // 5] = True
    y, x = np.nonzero(eyes & window)
    sides = [x[x < column], x[x >= column]]
    assert min(map(len, sides)) > 500
    # The middle of each, with its lashes: pupils look inwards.
    left, right = ((side.min() + side.max() + 1) / 2 for side in sides)
    assert (right - left) / size == pytest.approx(HEAD_EYE_DISTANCE, abs=0.01)
    assert (left + right) / 2 / size == pytest.approx(0.5, abs=0.006)
    assert (y.min() + y.max() + 1) / 2 / size == pytest.approx(HEAD_EYE_HEIGHT, abs=0.01)


def test_a_toon_is_transparent_around_and_no_avataaar():
    image = render(sample(1, style="toon-head"))
    assert image.shape == (64, 64, 4)
    assert image[:2, :2, 3].max() == 0
    assert image[round(64 * HEAD_EYE_HEIGHT), 32, 3] == 255
    assert (render(sample(1, style="toon-head")) == image).all()
    assert (render(sample(1)) != image).any()


def test_rates_of_toons_are_met():
    people = [sample(seed, style="toon-head").attributes for seed in range(3000)]

    def share(values):
        return np.mean([bool(v) for v in values])

    # A woman with a haircut that says nothing isn't told to be one.
    women = PORTRAIT_RATES.women * (1 - PORTRAIT_RATES.neutral_hair)
    assert share(p.male is False for p in people) == pytest.approx(women, abs=0.03)
    assert share(p.smiling for p in people) == pytest.approx(PORTRAIT_RATES.smile, abs=0.03)
    assert share(p.beard for p in people) == pytest.approx((1 - PORTRAIT_RATES.women) * PORTRAIT_RATES.beard, abs=0.03)
    assert share(p.bald for p in people) == pytest.approx((1 - PORTRAIT_RATES.women) * PORTRAIT_RATES.bald, abs=0.02)
    for skin, rate in zip(avatars.SKINS, PORTRAIT_RATES.skin):
        assert share(p.skin == skin for p in people) == pytest.approx(rate, abs=0.03)


def test_labels_of_toons_say_none_where_the_drawing_does_not_say():
    people = [sample(seed, BALANCED_RATES, "toon-head").attributes for seed in range(500)]
    assert {(p.glasses, p.hat) for p in people} == {(None, None)}
    assert all((p.hair is None) == p.bald for p in people)
    assert all(p.male is True for p in people if p.beard or p.bald)
    assert {p.male for p in people} == {True, False, None}


@pytest.mark.parametrize("colour", HAIR_COLOURS)
def test_hair_of_toons_has_the_colour_of_its_label(colour):
    image = render(toon(lambda a: a.attributes.hair == colour and a.options["rearHairProbability"] == 100))
    shades = [[int(h[i : i + 2], 16) for i in (1, 3, 5)] for h in HAIR_COLOURS[colour]]
    near = np.abs(image[..., None, :3].astype(int) - shades).max(3).min(2) < 12
    assert (near & (image[..., 3] == 255)).mean() > 0.05


@pytest.mark.parametrize("skin", styles.toon_head.SKIN_COLOURS)
def test_skin_of_toons_has_the_colour_of_its_label(skin):
    avatar = toon(lambda a: a.attributes.skin == skin and a.attributes.bald and not a.attributes.beard)
    expected = [int(styles.toon_head.SKIN_COLOURS[skin][i : i + 2], 16) for i in (1, 3, 5)]
    assert np.abs(render(avatar)[20, 24:40, :3].astype(int) - expected).max() < 8  # the forehead


# --- lorelei ------------------------------------------------------------------------------------------------------


def test_layers_side_by_side_draw_what_the_artist_nested():
    """All but the hair of the head is the same drawing as DiceBear's own, whose layers lie in one another."""
    from dicebear import Avatar, Style

    nested = Style(json.loads(files("dicebear_styles").joinpath("lorelei.json").read_text("utf-8")))
    for seed in range(8):
        options = sample(seed, BALANCED_RATES, "lorelei").options
        if not options["hairProbability"]:
            continue
        for beard in (0, 100):
            pinned = {**options, "beardProbability": beard, "lipsProbability": beard}
            own = {k: v for k, v in pinned.items() if not k.startswith(("lips", "rearHair", "hairProbability"))}
            text = Avatar(nested, own).to_string()
            drawn = engine.compose("lorelei", pinned, (0, 0, 980))
            miss = np.abs(engine.raster(text, 200).astype(int) - engine.raster(drawn, 200)) > 8
            assert miss.mean() < 1e-3


def test_heads_of_lorelei_stand_in_the_middle_of_their_crop():
    bald = [a for a in (sample(seed, BALANCED_RATES, "lorelei") for seed in range(200)) if a.attributes.bald]
    for avatar in bald[:20]:
        head = render(avatar, 128)[: round(128 * 0.7), :, 3] > 128
        x = np.nonzero(head.any(0))[0]
        assert 8 < x.min() < 24
        assert 104 <= x.max() < 120
        assert np.nonzero(head.any(1))[0].min() > 8


def test_labels_of_lorelei_are_what_is_drawn():
    for seed in range(200):
        avatar = sample(seed, BALANCED_RATES, "lorelei")
        result, drawn = avatar.attributes, of_parameters(engine.parameters_of("lorelei", avatar.options))
        for name in ("glasses", "bald", "beard", "smiling", "hair", "male"):
            assert getattr(drawn, name) == getattr(result, name) or (name, result.bald) == ("male", True), (seed, name)


# --- draw ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", styles.DRAWINGS)
def test_drawn_styles_have_a_picture_for_every_seed(style):
    drawn = rendering.draw(style, [5, 3], rates=BALANCED_RATES)
    assert drawn.pictures.shape == (2, 64, 64, 4)
    assert (drawn.pictures == render_many([5, 3], (64,), BALANCED_RATES, style=style)[0]).all()
    assert drawn.attributes == [sample(seed, BALANCED_RATES, style).attributes for seed in (5, 3)]
    assert drawn.attributes != rendering.draw(style, [5, 3]).attributes


def test_every_style_has_a_credit_and_is_drawn_or_a_pack():
    assert tuple(styles.STYLES) == get_args(Style)
    assert set(styles.PACKS) == set(get_args(Style)) - set(styles.DRAWINGS) == {"cartoon-set"}
    assert all(bool(style.drawing) != bool(style.pack) for style in styles.STYLES.values())


@pytest.mark.parametrize("style", get_args(Style))
def test_a_style_labels_all_but_its_unlabelled_attributes(style, tmp_path):
    if style in styles.PACKS:
        result = rendering.draw(style, range(12), write_cartoons(tmp_path)).attributes
    else:
        result = [sample(seed, BALANCED_RATES, style).attributes for seed in range(200)]
    labels = np.array([labels_of(attributes) for attributes in result])
    both = [name for i, name in enumerate(JUDGE_ATTRIBUTES) if {0.0, 1.0} <= set(labels[:, i].tolist())]
    assert both == [name for name in JUDGE_ATTRIBUTES if name not in styles.STYLES[style].unlabelled]


# --- the pack -----------------------------------------------------------------------------------------------------


def test_the_white_around_a_cartoon_becomes_transparent(tmp_path):
    pictures, result = rendering.draw("cartoon-set", range(100), write_cartoons(tmp_path))
    assert pictures.shape == (12, 64, 64, 4)
    assert pictures.dtype == np.uint8
    row, columns = round(64 * HEAD_EYE_HEIGHT), [round(64 * (0.5 + s * HEAD_EYE_DISTANCE / 2)) for s in (-1, 1)]
    assert pictures[:, :4, :4, 3].max() == 0
    assert pictures[:, row, 32, 3].min() == 255
    assert pictures[:, row, columns, :3].max() < 90  # the pupils
    assert pictures[:, row + 12, 32, :3].min() > 120  # skin below them
    upper = pictures[4, :32]  # black hair alone reaches the edge there
    edge = upper[(upper[..., 3] > 128) & (upper[..., 3] < 200)]
    assert len(edge) > 10
    assert edge[:, :3].max() < 140  # no white fringe
    assert [a.glasses for a in result[:2]] == [False, True]
    assert [a.hair for a in result[:6]] == [None, "blond", "red", "brown", "black", "grey"]
    assert [a.bald for a in result[:2]] == [True, False]


def test_cartoons_before_other_colours_are_left_out(tmp_path):
    plain = rendering.draw("cartoon-set", range(12), write_cartoons(tmp_path / "plain"))
    mixed = rendering.draw("cartoon-set", range(12), write_cartoons(tmp_path / "mixed", coloured=(0, 3)))
    kept = [i for i in range(12) if i not in (0, 3)]
    assert (mixed.pictures == plain.pictures[kept]).all()
    assert mixed.attributes == [plain.attributes[i] for i in kept]
    assert cut_out(cartoon(background=(90, 140, 220))) is None


def test_white_inside_a_cartoon_is_kept():
    picture = cartoon()
    picture[70:76, 60:68] = 255  # teeth
    alpha = cut_out(picture)[..., 3]
    assert alpha[70:76, 60:68].min() == 255
    assert alpha[:10].max() == 0


def test_seeds_of_a_pack_are_its_pictures(tmp_path):
    data = write_cartoons(tmp_path)
    everything = rendering.draw("cartoon-set", range(12), data)
    some = rendering.draw("cartoon-set", [7, 50, 2], data)
    assert (some.pictures == everything.pictures[[7, 2]]).all()
    assert some.attributes == [everything.attributes[i] for i in (7, 2)]


def test_the_last_of_a_pack_are_held_out(tmp_path, monkeypatch):
    data = write_cartoons(tmp_path)
    everything = rendering.draw("cartoon-set", range(12), data)
    learnt, held_out = rendering.split_pack("cartoon-set", data)
    assert (len(learnt.pictures), len(held_out.pictures)) == (6, 6)
    monkeypatch.setattr(rendering, "HELD_OUT", 2)
    learnt, held_out = rendering.split_pack("cartoon-set", data)
    assert (learnt.pictures == everything.pictures[:10]).all()
    assert held_out.attributes == everything.attributes[10:]


@pytest.mark.parametrize(
    "damage", ["no folder", "no zip", "no table", "no zip file", "a picture", "a name", "a column"]
)
def test_a_pack_that_is_missing_or_damaged_is_reported_in_one_line(damage, tmp_path):
    data = write_cartoons(tmp_path)
    pack, table = data / "cartoonset.zip", data / "cartoonset.csv"
    if damage in ("no zip", "no table"):
        (pack if damage == "no zip" else table).unlink()
    elif damage == "no zip file":
        pack.write_bytes(b"no zip")
    elif damage == "a picture":
        with zipfile.ZipFile(pack, "w") as made:
            made.writestr("0.jpg", b"no picture")
    elif damage == "a name":
        table.write_text(table.read_text().replace("5.jpg", "nobody.jpg"))
    elif damage == "a column":
        table.write_text(table.read_text().replace("hair_color", "hair"))
    says = {"no folder": "set DTN_DATA", "no zip": "zip: missing", "no table": "csv: missing"}.get(damage, "damaged")
    with pytest.raises(UserError, match=rf"^[^\n]*{says}[^\n]*$"):
        rendering.draw("cartoon-set", range(3), None if damage == "no folder" else data)


def test_a_pack_without_white_has_nothing(tmp_path):
    with pytest.raises(UserError, match="no cartoon before plain white"):
        rendering.draw("cartoon-set", range(3), write_cartoons(tmp_path, 3, coloured=range(3)))


def test_eyes_of_the_real_cartoons_stand_where_faces_have_theirs(data_folder):
    if not (data_folder / "cartoonset.zip").exists():
        pytest.skip(f"no cartoonset.zip in {data_folder}")
    learnt, held_out = rendering.split_pack("cartoon-set", data_folder)
    assert len(held_out.pictures) == rendering.HELD_OUT
    assert len(learnt.pictures) > 1500
    assert {a.glasses for a in held_out.attributes} == {True, False}
    bare = held_out.pictures[[not a.glasses for a in held_out.attributes]]
    assert len(bare) > 50
    assert bare[:, 0, 0, 3].max() == 0
    # Between brows and nose, the mean cartoon is darkest in its pupils.
    height = round(64 * HEAD_EYE_HEIGHT)
    mean = bare[..., :3].mean((0, 3))[height - 3 : height + 3]
    for side in (-1, 1):
        expected = 31.5 + side * 32 * HEAD_EYE_DISTANCE
        window = slice(round(expected) - 5, round(expected) + 6)
        row, column = np.unravel_index(mean[:, window].argmin(), mean[:, window].shape)
        assert column + window.start == pytest.approx(expected, abs=1.5)
        assert row + height - 3 == pytest.approx(height - 0.5, abs=2)
