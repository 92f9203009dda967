"""Avatars as files, with the artist's name in them."""

import io
import json

import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core.avatars import engine
from dtn_core.avatars.export import export
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.core.errors import UserError

ONE = Parameters("avataaars", {"top": "bob"})


def pixels(data):
    return np.asarray(PILImage.open(io.BytesIO(data)))


@pytest.mark.parametrize("style", SPECS)
def test_every_format_names_the_artist(style):
    artist, terms = engine.credit(style)
    one = Parameters(style)
    assert artist in export(one, "svg").decode()
    assert (
        PILImage.open(io.BytesIO(export(one, "png", 64))).text["Copyright"] == f"{artist}, {terms}, drawn by DiceBear"
    )
    assert terms in PILImage.open(io.BytesIO(export(one, "webp", 64))).getexif()[0x8298]
    assert terms in json.loads(export(one, "json"))["credit"]


@pytest.mark.parametrize("format", ["png", "webp"])
@pytest.mark.parametrize("size", [256, 512])
def test_pictures_are_the_engines(format, size):
    made, wanted = pixels(export(ONE, format, size)), engine.image(ONE, size)
    shown = wanted[..., 3] > 0
    assert (made[shown] == wanted[shown]).all()
    assert (made[..., 3] == wanted[..., 3]).all()


@pytest.mark.parametrize("format", ["png", "webp"])
def test_a_background_fills_the_picture(format):
    made = pixels(export(ONE, format, 64, "#ffc83d"))
    assert tuple(made[0, 0][:3]) == (255, 200, 61)
    assert made.shape[2] == 3 or made[..., 3].min() == 255


def test_a_background_of_an_svg():
    text = export(ONE, "svg", background="#ffc83d").decode()
    assert text.count("<rect") == engine.svg(ONE).count("<rect") + 1
    assert (engine.raster(text, 64)[0, 0] == (255, 200, 61, 255)).all()


def test_json_round_trip():
    assert Parameters.from_json(export(ONE, "json").decode()) == ONE


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "gif"}, "format is one of svg, png, webp, json"),
        ({"size": 15}, "size must lie between 16 and 4096"),
        ({"size": "512"}, "size must lie between"),
        ({"background": '"><script>'}, "background must be written #rrggbb"),
        ({"background": 3}, "background must be written #rrggbb"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(UserError, match=words):
        export(ONE, **options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{" * 10_000, "is not JSON"),
        ("[1]", "an avatar is an object"),
        (" " * 10_000_000, "10.0 MB are too much"),
        ('{"style": "bottts"}', "style 'bottts' can't be drawn"),
        ('{"style": "avataaars", "version": 2}', "avatar format 2, this version reads 1"),
        ('{"style": "avataaars", "variants": {"tail": "long"}}', "no slot 'tail'"),
        ('{"style": "avataaars", "variants": {"top": ["bob"]}}', "top can't be"),
        ('{"style": "avataaars", "colours": {"hair": "\\"><script>"}}', "must be written #rrggbb"),
        ('{"style": "avataaars", "shape": {"face_width": 7}}', "from -1 to 1"),
        ('{"style": "avataaars", "shape": {"face_width": NaN}}', "from -1 to 1"),
    ],
)
def test_bad_files_are_reported_in_one_line(text, words):
    with pytest.raises(UserError, match=words) as error:
        Parameters.from_json(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700
