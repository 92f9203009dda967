"""Many photos: what the page calls for each, and for the zip. The page itself: tests/e2e/test_batch_browser.py."""

import base64
import io
import json
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core.avatars import engine
from dtn_core.avatars.parameters import Parameters
from dtn_core.transfer import Transferrer
from dtn_core.ui import batch, html, pictures
from dtn_core.ui.translations import Translations


@pytest.fixture
def translations(drawing):
    return Translations(drawing, ("heads", "pictures"), Transferrer.from_checkpoint, None)


@pytest.fixture
def portray(translations):
    call = batch.portrayer(translations)
    return lambda photo, kind="drawn", style="": call({"photo": photo, "kind": kind, "style": style})


@pytest.fixture
def pack(translations):
    return batch.packer(translations)


def opened(answer):
    return zipfile.ZipFile(io.BytesIO(base64.b64decode(answer["url"].partition(",")[2])))


def test_a_face_comes_with_all_that_the_editor_needs(portray, drawing, hopper):
    answer = portray(pictures.encode(hopper, exact=True))
    (here,) = drawing(hopper, kind="drawn").faces
    (face,) = answer["faces"]
    assert answer["notes"] == []
    assert face["parameters"] == face["chosen"] == here.avatar.parameters.to_dict()
    assert face["sure"] == here.avatar.sure
    assert face["likely"] == here.avatar.likely
    assert face["svg"] == here.avatar.svg()
    json.dumps(answer)


def test_faces_go_from_left_to_right(portray, drawing, hopper, astronaut):
    both = np.concatenate([astronaut, hopper[:512]], axis=1)
    answer = portray(pictures.encode(both, exact=True))
    assert [face["svg"] for face in answer["faces"]] == [face.avatar.svg() for face in drawing(both).faces]


def test_painted_where_that_is_chosen_or_nothing_else_is_there(portray, tiny, drawing, hopper):
    url = pictures.encode(hopper, exact=True)
    only_paints = batch.portrayer(Translations(tiny, ("heads",), None, None))
    for answer, transferrer in (
        (portray(url, "painted"), drawing),
        (only_paints({"photo": url, "style": "", "kind": "drawn"}), tiny),
    ):
        (face,) = answer["faces"]
        assert face["parameters"] is None
        painted = PILImage.open(io.BytesIO(base64.b64decode(face["png"].partition(",")[2])))
        assert (np.asarray(painted) == transferrer(hopper, kind="painted").faces[0].image).all()


def test_drawn_where_nothing_is_painted(portray, hopper):
    (face,) = portray(pictures.encode(hopper, exact=True), "painted", "lorelei")["faces"]
    assert face["parameters"]["style"] == "lorelei"


def test_notes_say_why_there_is_no_emoji(portray, noise, dark):
    assert portray(pictures.encode(noise)) == {"faces": [], "notes": [html.NO_FACE]}
    answer = portray(pictures.encode(dark, exact=True))
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
        (None, "An object is wanted"),
        ([1], "An object is wanted"),
        ("x", "An object is wanted"),
    ],
)
def test_bad_photos_are_one_line(translations, request_, words):
    error = batch.portrayer(translations)(request_)["error"]
    assert words in error
    assert len(error.splitlines()) == 1


def test_a_full_queue_is_answered_by_the_code_busy(noise, monkeypatch):
    """The page decides by the code, and asks again."""
    monkeypatch.setattr(batch, "AT_ONCE", 1)
    monkeypatch.setattr(batch, "WAITING", 0)
    request = {"photo": pictures.encode(noise), "style": "", "kind": "drawn"}
    answers = []

    class Slow:
        """Meanwhile another photo is sent, for which there is no place."""

        paints = False

        def __call__(self, *args, **options):
            answers.append(portray(request))
            return SimpleNamespace(faces=(), refused=())

    portray = batch.portrayer(Translations(Slow(), ("heads",), None, None))
    assert portray(request)["notes"] == [html.NO_FACE]
    assert answers == [{"error": "Busy, try again in a moment.", "code": "busy"}]


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
        (None, "A list of emoji"),
        ([None], "A list of emoji"),
        ([{"name": "a", "parameters": {"style": "nobody"}}], "can't be drawn"),
        ([{"name": "a", "parameters": {**AVATAR, "colours": {"skin": '"><script>'}}}], "#rrggbb"),
        ([{"name": "a", "parameters": "x"}], "an object"),
        ([{"name": "a", "png": "data:image/png;base64,aGVsbG8=", "style": ""}], "did not arrive whole"),
        ([{"name": "a", "png": 5, "style": ""}], "did not arrive whole"),
        ([{"name": "a", "png": LARGE, "style": ""}], "did not arrive whole"),
        ([{"name": "a", "style": ""}], "did not arrive whole"),
        ([{"name": "a", "png": pictures.encode(np.zeros((8, 8, 4), np.uint8)), "style": "?"}], "is gone"),
    ],
)
def test_bad_zips_are_one_line(pack, emoji, words):
    error = pack({"emoji": emoji})["error"]
    assert words in error
    assert len(error.splitlines()) == 1
