"""A drawing taken apart: nothing is lost at rest, and nothing leaves the face when it moves."""

import re
from dataclasses import replace

import numpy as np
import pytest

from dtn_core.avatars.engine import image, raster
from dtn_core.avatars.expressions import expressions
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.avatars.rig import rig
from dtn_core.avatars.shape import SHAPES
from dtn_core.avatars.styles import DRAWINGS

STYLES = tuple(SPECS)
SIZE = 160
LENSES = ("sunglasses", "wayfarers")
"""Which lie by `screen` over what is behind them, and can't alone."""


def anyone(style, seed, shaped=True):
    rng = np.random.default_rng(seed)
    variants = {
        slot: str(rng.choice([v for v in known if v not in LENSES])) for slot, known in SPECS[style].slots.items()
    }
    shape = {name: rng.uniform(-1, 1) for name in SHAPES[style]} if shaped else {}
    return Parameters(style, variants, {name: codes[-1] for name, codes in SPECS[style].colours.items()}, shape)


def premultiplied(rgba):
    rgba = rgba.astype(np.float32) / 255
    rgba[..., :3] *= rgba[..., 3:]
    return rgba


def composed(parts, look=lambda part: part["svg"]):
    out = np.zeros((SIZE, SIZE, 4), np.float32)
    for part in parts:
        layer = premultiplied(raster(look(part), SIZE))
        out = layer + (1 - layer[..., 3:]) * out
    return out


def off(made, parameters):
    return np.abs(made - premultiplied(image(parameters, SIZE))).mean()


def texts(part):
    return [part["svg"], *part.get("mouths", {}).values(), *([part["closed"]] if "closed" in part else [])]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", range(6))
def test_at_rest_the_parts_are_the_drawing(style, seed):
    one = anyone(style, seed)
    parts = rig(one, ("mouth", "eyes"))["parts"]
    assert off(composed(parts), one) < 0.002
    mouths = DRAWINGS[style].rig.mouths
    for name, variant in mouths.items():
        look = composed(parts, lambda part, name=name: part.get("mouths", {}).get(name, part["svg"]))
        assert off(look, replace(one, variants={**one.variants, "mouth": variant})) < 0.002


@pytest.mark.parametrize("style", STYLES)
def test_unedited_parts_follow_the_face(style):
    neutral = expressions(style)["neutral"]
    shown = {"eyes": DRAWINGS[style].rig.closed_eyes[0], "mouth": SPECS[style].slots["mouth"][-1]}
    one = Parameters(style, shown)
    rest = replace(one, variants={**one.variants, "eyes": neutral["eyes"], "mouth": neutral["mouth"]})
    assert off(composed(rig(one)["parts"]), rest) < 0.002
    kept = replace(rest, variants={**rest.variants, "mouth": shown["mouth"]})
    assert off(composed(rig(one, ("mouth", "colour:hair"))["parts"]), kept) < 0.002
    config = DRAWINGS[style].rig
    open_eyes = next(v for v in SPECS[style].slots["eyes"][1:] if v not in config.closed_eyes + config.winking_eyes)
    other = replace(rest, variants={**rest.variants, "eyes": open_eyes})
    assert off(composed(rig(other)["parts"]), other) < 0.002


@pytest.mark.parametrize("style", STYLES)
def test_a_blink_is_the_artists_own(style):
    one = replace(anyone(style, 1), variants={"eyes": SPECS[style].slots["eyes"][0]})
    look = composed(rig(one, ("mouth",))["parts"], lambda part: part.get("closed", part["svg"]))
    assert off(look, replace(one, variants={**one.variants, "eyes": DRAWINGS[style].rig.blink})) < 0.002


@pytest.mark.parametrize("style", STYLES)
def test_it_holds_what_it_refers_to_and_no_more(style):
    for part in rig(anyone(style, 3))["parts"]:
        for text in texts(part):
            known = set(re.findall(r'id="([^"]+)"', text))
            assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= known
            assert all(f"#{name}" in text for name in known)
            assert text.count("<svg") == 1
            assert "<metadata" not in text


@pytest.mark.parametrize("style", STYLES)
def test_neighbours_with_the_same_motion_are_one_track(style):
    parts = rig(anyone(style, 4))["parts"]
    for below, above in zip(parts, parts[1:]):
        still = below["moves"] == above["moves"] == "still"
        assert not (still and below["depth"] == above["depth"])
    names = [name for part in parts for name in part["name"].split("+")]
    assert names == [layer for layer in SPECS[style].layers if layer in names]


@pytest.mark.parametrize("style", STYLES)
def test_no_eye_is_cut_by_the_split(style):
    left, _, side = SPECS[style].bust
    for variant in SPECS[style].slots["eyes"]:
        part = next(p for p in rig(Parameters(style, {"eyes": variant}), ("eyes",))["parts"] if p["moves"] == "eyes")
        for text in texts(part):
            seen = raster(text, 512)[..., 3].any(0)
            cut = round((part["pivot"][0] - left) / side * 512)
            assert not seen[cut - 3 : cut + 3].any(), variant
            assert seen[:cut].any(), variant
            assert seen[cut:].any(), variant


@pytest.mark.parametrize("style", STYLES)
def test_features_stay_in_the_face(style):
    """Turned and bent as far as it goes, everything but hair, beard and glasses lies upon skin."""
    made = rig(Parameters(style))
    parts = {name: part for part in made["parts"] for name in part["name"].split("+")}
    head = parts["body" if style == "avataaars" else "head"]
    step = made["eyes"][2] * SIZE / made["view"][2]

    def shown(part, x, y, look="svg"):
        mask = raster(part[look], SIZE)[..., 3] > 128
        return np.roll(mask, [round(part["depth"] * step * v) for v in (y, x)], (0, 1))

    for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        skin = shown(head, x, y)
        for part in (parts[name] for name in ("mouth", "nose", "eyes", "eyebrows") if name in parts):
            assert not (shown(part, x, y) & ~skin).any(), (part["name"], x, y)
        assert not (shown(parts["eyes"], x, y, "closed") & ~skin).any()


def test_pivots_follow_the_shape_of_the_face():
    plain, broad = (rig(Parameters("lorelei", {}, {}, {"face_width": width}))["parts"] for width in (0, 1))
    eyes = [next(p["pivot"] for p in parts if p["moves"] == "eyes") for parts in (plain, broad)]
    assert eyes[1][0] - 502 == pytest.approx(1.06 * (eyes[0][0] - 502), abs=0.01)
