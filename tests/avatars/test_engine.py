"""The artist's engine: exact SVG with its credit, and pixels that equal those of the emoji domain."""

import io
import json
import re
from dataclasses import replace
from importlib.resources import files
from xml.etree import ElementTree

import numpy as np
import pytest
import resvg_py
from PIL import Image

from dtn_core.avatars import attributes as avatars
from dtn_core.avatars import rendering
from dtn_core.avatars.engine import SIZES, draw, frame, image, options, parameters_of, parts, svg
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.avatars.shape import SHAPES
from dtn_core.core.errors import UserError
from dtn_core.core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT

STYLES = tuple(SPECS)
CREATORS = {"avataaars": "Pablo Stanley", "toon-head": "Johan Melin", "lorelei": "Lisa Wischofsky"}
EVERYTHING = {
    "avataaars": Parameters(
        "avataaars",
        {"top": "winterHat02", "facialHair": "beardMedium", "accessories": "sunglasses", "mouth": "smile"},
        {"skin": "#0102aa", "beard": "#0102bb", "hat": "#0102cc", "clothes": "#0102dd", "glasses": "#0102ee"},
    ),
    "toon-head": Parameters(
        "toon-head",
        {"rearHair": "longWavy", "beard": "fullBeard", "hair": "spiky", "clothes": "openJacket"},
        {"skin": "#0102aa", "hair": "#0102bb", "clothes": "#0102cc"},
    ),
    "lorelei": Parameters(
        "lorelei",
        {"hair": "variant35", "beard": "variant01", "glasses": "variant03", "hairAccessories": "flowers"},
        {"skin": "#0102aa", "hair": "#0102bb", "glasses": "#0102cc", "flowers": "#0102dd"},
    ),
}


def sampled(style, count=25):
    return [rendering.sample(seed, avatars.BALANCED_RATES, style) for seed in range(count)]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("view", ["bust", "head"])
def test_the_artists_credit_is_in_the_svg(style, view):
    root = ElementTree.fromstring(svg(Parameters(style), view))
    (metadata,) = [child for child in root if child.tag.endswith("metadata")]
    result = {element.tag.rpartition("}")[2]: element.text for element in metadata.iter() if element.text}
    assert result["creator"] == CREATORS[style]
    assert result["license"].startswith("https://")
    assert CREATORS[style] in result["rights"]


@pytest.mark.parametrize("style", STYLES)
def test_the_view_is_a_square_of_the_canvas(style):
    def seen(view):
        box = ElementTree.fromstring(svg(Parameters(style), view)).attrib["viewBox"]
        return [float(v) for v in box.split()]

    left, top, side, _ = seen("bust")
    assert seen("bust") == pytest.approx([*frame(style, "bust"), side], abs=0.01)
    assert top + side == pytest.approx(SPECS[style].canvas)  # shoulders end with the canvas
    assert left + side / 2 == pytest.approx(SPECS[style].canvas / 2)
    assert seen("head") == pytest.approx([*frame(style, "head"), frame(style, "head")[2]], abs=0.01)
    x, y, apart = SPECS[style].eyes
    left, top, side = frame(style, "head")
    assert (x - left) / side == pytest.approx(0.5)
    assert (y - top) / side == pytest.approx(HEAD_EYE_HEIGHT)
    assert apart / side == pytest.approx(HEAD_EYE_DISTANCE)


def words(node):
    """Every text in a JSON tree, its keys included."""
    if isinstance(node, dict):
        return [word for pair in node.items() for part in pair for word in words(part)]
    if isinstance(node, list):
        return [word for part in node for word in words(part)]
    return [str(node)]


@pytest.mark.parametrize("style", STYLES)
def test_nothing_but_colours_is_added_to_the_artists_own_drawing(style):
    chosen = EVERYTHING[style]
    text = draw(chosen)
    plain = Parameters(style, chosen.variants)
    assert text != draw(plain)
    for name, code in chosen.colours.items():
        assert code in text or (style, name) == ("avataaars", "hair"), name  # which the hat hides
    # With one colour for all, both are the same text.
    swapped = re.sub("#[0-9a-f]{6}", "#", text)
    assert swapped == re.sub("#[0-9a-f]{6}", "#", draw(plain))

    definition = " ".join(words(json.loads(files("dicebear_styles").joinpath(f"{style}.json").read_text("utf-8"))))
    root = ElementTree.fromstring(text)
    drawing = [element for child in root if not child.tag.endswith("metadata") for element in child.iter()]
    tags = {element.tag.rpartition("}")[2] for element in drawing}
    assert tags <= {
        "defs",
        "g",
        "path",
        "use",
        "clipPath",
        "rect",
        "circle",
        "ellipse",
        "mask",
        "linearGradient",
        "stop",
    }
    for element in drawing:
        assert not (element.text or "").strip()
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            if name == "href":
                assert re.fullmatch(r"#[A-Za-z]+-[A-Za-z0-9]+-[0-9a-f]+", value)
            if name == "d":
                assert value in definition


@pytest.mark.parametrize("size", [0, -1, 15, 4097, 100_000])
def test_sizes_beyond_reason_are_refused_in_a_line(size):
    with pytest.raises(UserError, match=f"between 16 and 4096 pixels, not {size}") as caught:
        image(Parameters("avataaars"), size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("size", "view"), [(16, "head"), (64, "head"), (200, "bust")])
def test_pictures_are_square_rgba_before_nothing(style, size, view):
    made = image(Parameters(style), size, view)
    assert (made.shape, made.dtype) == ((size, size, 4), np.uint8)
    assert made[0, [0, -1], 3].max() == 0
    assert made[size // 2, size // 2, 3] == 255
    assert SIZES == (16, 4096)


@pytest.mark.parametrize("style", STYLES)
def test_options_and_parameters_are_each_others_inverse(style):
    for avatar in sampled(style):
        parameters = parameters_of(style, avatar.options)
        assert parameters_of(style, options(parameters)) == parameters
        for slot in SPECS[style].slots:
            shown = avatar.options.get(f"{slot}Probability", 100) and avatar.options.get(f"{slot}Variant", [""])[0]
            assert parameters.variants[slot] == (shown or ""), slot
        for name, option in SPECS[style].options.items():
            if option in avatar.options:
                assert [parameters.colours[name]] == avatar.options[option]


@pytest.mark.parametrize("style", STYLES)
def test_the_head_view_is_the_emoji_domains_picture(style):
    """Whatever seed the domain gave DiceBear: nothing is left to it."""
    for avatar in sampled(style):
        assert (image(parameters_of(style, avatar.options), 64, "head") == rendering.render(avatar, 64)).all()


def exactly(text, size):
    """An SVG as another decoder has it, straight from resvg."""
    png = resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
    return np.array(Image.open(io.BytesIO(png)).convert("RGBA"))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("view", "size"), [("bust", 16), ("bust", 101), ("bust", 256), ("head", 64)])
def test_pixels_are_those_of_the_svg(style, view, size):
    """Clipped as the artist has it, however quickly they are made."""
    for avatar in sampled(style, 6):
        parameters = parameters_of(style, avatar.options)
        assert (image(parameters, size, view) == exactly(svg(parameters, view), size)).all()


@pytest.mark.parametrize("style", STYLES)
def test_every_variant_is_another_drawing(style):
    full = EVERYTHING[style].variants
    for slot, variants in SPECS[style].slots.items():
        seen = {image(Parameters(style, full | {slot: variant}), 96, "bust").tobytes() for variant in variants}
        assert len(seen) == len(variants), slot


def test_a_tall_hat_is_whole():
    """Its pompom stands above the artist's canvas."""
    alpha = image(Parameters("avataaars", {"top": "winterHat03"}), 256)[..., 3]
    assert alpha[0].max() == 0
    assert alpha[-1].max() > 200


@pytest.mark.parametrize("style", STYLES)
def test_every_shape_moves_its_layers_and_no_other(style):
    plain = Parameters(style)
    assert draw(replace(plain, shape=dict.fromkeys(SHAPES[style], 0.0))) == draw(plain)
    _, before, _ = parts(draw(plain), style)
    for name, change in SHAPES[style].items():
        for value in (-1, 1):
            shaped = replace(plain, shape={name: value})
            ElementTree.fromstring(draw(shaped))
            assert np.abs(image(shaped, 64, "head").astype(int) - image(plain, 64, "head")).max() > 20, name
            _, after, _ = parts(draw(shaped), style)
            moved = {layer for (layer, a), (_, b) in zip(before, after, strict=True) if a != b}
            assert moved == set(change.layers) & {layer for layer, _ in before}, name
