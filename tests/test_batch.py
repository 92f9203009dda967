"""Many photos: what the page calls for each, and for the zip. The page itself: tests/e2e/test_batch_browser.py."""

import base64
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core.avatars import engine
from dtn_core.avatars.parameters import Parameters
from dtn_core.pipeline.photo import Transferrer
from dtn_core.ui.components import html, pictures
from dtn_core.ui.tabs import batch
from dtn_core.ui.translations import Translations


@pytest.fixture
def translations(drawing):
    return Translations(drawing, ("heads", "pictures"), Transferrer.from_checkpoint, None)


@pytest.fixture
def redraw(translations):
    call = batch.make_batch_handler(translations)
    return lambda photo, kind="drawn", style="": call({"photo": photo, "kind": kind, "style": style})


@pytest.fixture
def pack(translations):
    return batch.make_pack_handler(translations)


def opened(answer):
    return zipfile.ZipFile(io.BytesIO(base64.b64decode(answer["url"].partition(",")[2])))


def test_a_face_has_what_the_editor_needs(redraw, drawing, hopper):
    answer = redraw(pictures.encode(hopper, exact=True))
    (here,) = drawing(hopper, kind="drawn").faces
    (face,) = answer["faces"]
    assert answer["notes"] == []
    assert face["parameters"] == face["chosen"] == here.avatar.parameters.to_dict()
    assert face["sure"] == here.avatar.confidences
    assert face["likely"] == here.avatar.probabilities
    assert face["svg"] == here.avatar.svg()
    json.dumps(answer)


def test_faces_go_from_left_to_right(redraw, drawing, hopper, astronaut):
    both = np.concatenate([astronaut, hopper[:512]], axis=1)
    answer = redraw(pictures.encode(both, exact=True))
    assert [face["svg"] for face in answer["faces"]] == [face.avatar.svg() for face in drawing(both).faces]


def test_painted_is_chosen_or_the_only_kind(redraw, tiny, drawing, hopper):
    url = pictures.encode(hopper, exact=True)
    only_paints = batch.make_batch_handler(Translations(tiny, ("heads",), None, None))
    for answer, transferrer in (
        (redraw(url, "painted"), drawing),
        (only_paints({"photo": url, "style": "", "kind": "drawn"}), tiny),
    ):
        (face,) = answer["faces"]
        assert face["parameters"] is None
        painted = PILImage.open(io.BytesIO(base64.b64decode(face["png"].partition(",")[2])))
        assert (np.asarray(painted) == transferrer(hopper, kind="painted").faces[0].image).all()


def test_drawn_where_nothing_is_painted(redraw, hopper):
    (face,) = redraw(pictures.encode(hopper, exact=True), "painted", "lorelei")["faces"]
    assert face["parameters"]["style"] == "lorelei"


def test_notes_say_why_there_is_no_emoji(redraw, noise, dark):
    assert redraw(pictures.encode(noise)) == {"faces": [], "notes": [html.NO_FACE]}
    answer = redraw(pictures.encode(dark, exact=True))
    assert answer["faces"] == []
    assert "too dark" in answer["notes"][0]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"photo": "data:text/plain;base64,aGVsbG8=", "style": ""}, "Not a picture"),
        ({"photo": "data:;base64,", "style": ""}, "Empty"),
        ({"photo": None, "style": ""}, "No picture was given"),
        ({"style": "../etc", "photo": ""}, "checkpoint is gone"),
        ({}, "No picture was given"),
        (None, "must be an object"),
        ([1], "must be an object"),
        ("x", "must be an object"),
    ],
)
def test_bad_photos_are_reported_in_one_line(translations, request_, words):
    error = batch.make_batch_handler(translations)(request_)["error"]
    assert words in error
    assert len(error.splitlines()) == 1


def test_a_zip_of_drawn_and_painted_emoji(pack, tiny, hopper):
    drawn = Parameters("toon-head", {"hair": "bun"})
    painted = tiny(hopper).faces[0].image
    answer = pack(
        {
            "emoji": [
                {"name": "a.jpg", "parameters": drawn.to_dict(), "style": ""},
                {"name": "b.jpg", "parameters": None, "png": pictures.encode(painted), "style": "cartoon-set"},
            ]
        }
    )
    zipped = opened(answer)
    assert zipped.namelist() == ["a.svg", "a.png", "a.json", "b.png", "CREDITS.txt"]
    assert zipped.read("a.svg").decode() == engine.svg(drawn)
    assert (np.asarray(PILImage.open(io.BytesIO(zipped.read("b.png")))) == painted).all()
    credits = zipped.read("CREDITS.txt").decode()
    assert "Johan Melin" in credits
    assert "Google" in credits
    assert "Pablo Stanley" not in credits


AVATAR = Parameters("avataaars").to_dict()
LARGE = pictures.encode(np.zeros((300, 300, 4), np.uint8))


@pytest.mark.parametrize(
    ("emoji", "words"),
    [
        ([], "1 to 1000 emoji"),
        ([{"name": "a", "parameters": AVATAR}] * 1001, "1 to 1000 emoji"),
        (None, "Emoji must be a list"),
        ([None], "Emoji must be a list"),
        ([{"name": "a", "parameters": {"style": "nobody"}}], "can't be drawn"),
        ([{"name": "a", "parameters": {**AVATAR, "colours": {"skin": '"><script>'}}}], "#rrggbb"),
        ([{"name": "a", "parameters": "x"}], "an object"),
        ([{"name": "a", "png": "data:image/png;base64,aGVsbG8=", "style": ""}], "is damaged or too large"),
        ([{"name": "a", "png": 5, "style": ""}], "is damaged or too large"),
        ([{"name": "a", "png": LARGE, "style": ""}], "is damaged or too large"),
        ([{"name": "a", "style": ""}], "is damaged or too large"),
        ([{"name": "a", "png": pictures.encode(np.zeros((8, 8, 4), np.uint8)), "style": "?"}], "is gone"),
    ],
)
def test_bad_zips_are_reported_in_one_line(pack, emoji, words):
    error = pack({"emoji": emoji})["error"]
    assert words in error
    assert len(error.splitlines()) == 1
