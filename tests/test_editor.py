"""What the page asks of the editor's functions, and what it is given."""

import base64
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core.avatars import engine
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.avatars.style_mapping import transfer_edits
from dtn_core.ui.components import catalogue
from dtn_core.ui.tabs import editor

ONE = Parameters("avataaars", {"top": "bob"}).to_dict()


def data_of(url):
    return base64.b64decode(url.partition(",")[2])


@pytest.mark.parametrize("style", SPECS)
def test_every_choice_has_a_preview_and_a_label(style):
    info = editor.describe({"style": style})
    assert {slot["name"] for slot in info["slots"]} == set(SPECS[style].slots)
    for slot in info["slots"]:
        n = len(slot["variants"])
        pictures = editor.preview({"parameters": Parameters(style).to_dict(), "slot": slot["name"]})["pictures"]
        assert len({engine.raster(svg, 72).tobytes() for svg in pictures}) == n
        assert len(set(info["labels"][slot["name"]])) == n
    assert len(info["expressions"]) == 7


def test_previews_show_the_avatar_itself():
    own = Parameters("avataaars", {"top": "bob"}, {"hair": "#123456", "skin": "#654321"})
    shaved, *_ = catalogue.previews(own, "top")
    assert "#654321" in shaved
    assert engine.svg(own) in catalogue.previews(own, "top")


def test_words():
    assert [catalogue.words(name) for name in ("shirtCrewNeck", "", "winterHat02")] == [
        "Shirt crew neck",
        "None",
        "Winter hat 02",
    ]


def test_the_payload_has_all_avatars(drawing, hopper, astronaut):
    result = drawing(np.concatenate([hopper[:512], astronaut], axis=1))
    given = json.loads(editor.payload(result, "photo-1", True))
    assert (given["key"], given["mirror"], given["id"]) == ("photo-1", True, "photo")
    for face, shown in zip(result.faces, given["faces"], strict=True):
        assert shown["parameters"] == shown["chosen"] == face.avatar.parameters.to_dict()
        assert shown["svg"] == face.avatar.svg()
        assert shown["box"] == pytest.approx(face.aligned.face.box, abs=0.06)
        assert set(shown["likely"]) >= set(SPECS["avataaars"].slots)
        assert editor.more({**shown, "seed": 1})["avatars"]


def test_what_is_painted_has_no_avatars(drawing, hopper):
    given = json.loads(editor.payload(drawing(hopper, kind="painted"), "x", credit="by me"))
    assert given["faces"] == []
    assert given["credit"] == "by me"
    (painted,) = given["painted"]
    assert PILImage.open(io.BytesIO(data_of(painted))).size == (256, 256)
    empty = {"id": "photo", "key": "", "mirror": False, "faces": [], "painted": [], "credit": ""}
    assert json.loads(editor.payload()) == empty


def test_drawing_and_files():
    assert editor.draw({"parameters": ONE})["svg"] == engine.svg(Parameters.from_dict(ONE))
    written = editor.write({"parameters": ONE, "format": "webp", "size": 256, "background": "#ffffff"})
    assert PILImage.open(io.BytesIO(data_of(written["url"]))).size == (256, 256)
    saved = data_of(editor.write({"parameters": ONE, "format": "json"})["url"]).decode()
    assert editor.read({"text": saved})["parameters"] == ONE


def test_a_zip_of_all_faces():
    answer = editor.pack({"avatars": [{"name": "a", "parameters": ONE}, {"name": "b", "parameters": ONE}], "size": 64})
    names = zipfile.ZipFile(io.BytesIO(data_of(answer["url"]))).namelist()
    assert {"a.svg", "a.png", "a.json", "b.svg", "b.png", "b.json", "CREDITS.txt"} == set(names)


def test_edits_are_carried():
    target = Parameters("toon-head").to_dict()
    answer = editor.carry_over({"edited": ["top"], "source": ONE, "target": target})
    made, edited = transfer_edits(["top"], Parameters.from_dict(ONE), Parameters.from_dict(target))
    assert answer == {"parameters": made.to_dict(), "svg": engine.svg(made), "edited": edited}


BAD = {
    "draw": [None, [], {}, {"parameters": {"style": "x"}}, {"parameters": ONE | {"colours": {"hair": '"><script>'}}}],
    "describe": [{}, {"style": "../x"}],
    "preview": [{"slot": "top"}, {"parameters": ONE}, {"parameters": ONE, "slot": "tail"}],
    "more": [{"parameters": ONE}, {"parameters": ONE, "likely": {}, "seed": -1}, {"parameters": ONE, "likely": 3}],
    "carry_over": [{"source": ONE}],
    "write": [{"parameters": ONE, "format": "exe"}, {"parameters": ONE, "size": 10**9}],
    "read": [{"text": "x" * 10_000_000}, {"text": ""}],
    "pack": [{}, {"avatars": []}, {"avatars": [3]}, {"avatars": [{"parameters": ONE}] * 201}],
}


@pytest.mark.parametrize(("name", "values"), [(name, values) for name, given in BAD.items() for values in given])
def test_bad_input_is_reported_in_one_line(name, values):
    answer = getattr(editor, name)(values)
    assert list(answer) == ["error", "code"]
    assert "\n" not in answer["error"]
    assert len(answer["error"]) < 700


@pytest.mark.parametrize("value", [None, "", "{", "[]", '{"faces": 3}', '{"faces": [{}]}', '{"faces": [{"box": "x"}]}'])
def test_damaged_edits_are_none(value):
    assert editor.edits(value) == []
