"""Many emoji as one zip."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core.avatars import engine
from dtn_core.avatars.parameters import Parameters
from dtn_core.core.errors import UserError
from dtn_core.ui.components import exports

BALD, TOON = Parameters("avataaars", {"top": "sides"}), Parameters("toon-head")


def opened(data):
    pack = zipfile.ZipFile(io.BytesIO(data))
    assert pack.testzip() is None
    return pack


def test_every_avatar_is_exported_in_every_format():
    pack = opened(exports.archive([("a.jpg", BALD), ("b", TOON)], size=64))
    assert pack.namelist() == ["a.svg", "a.png", "a.json", "b.svg", "b.png", "b.json", "CREDITS.txt"]
    assert pack.read("a.svg").decode() == engine.svg(BALD)
    assert Parameters.from_dict(json.loads(pack.read("b.json"))) == TOON
    picture = np.asarray(PILImage.open(io.BytesIO(pack.read("a.png"))))
    assert (picture == engine.image(BALD, 64)).all()


def test_the_artists_are_credited_once_each():
    painted = [("p", np.zeros((8, 8, 4), np.uint8))]
    pack = opened(exports.archive([("a", BALD), ("b", TOON), ("c", TOON)], ("json",), 64, painted, ["A painter, CC0"]))
    credits = pack.read("CREDITS.txt").decode().splitlines()
    assert len(credits) == 3
    assert ["Pablo Stanley" in credits[0], "Johan Melin" in credits[1], credits[2]] == [True, True, "A painter, CC0"]


def test_painted_emoji_are_pngs():
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 4), np.uint8)
    pack = opened(exports.archive([], painted=[("a.webp", picture)]))
    assert pack.namelist() == ["a.png", "CREDITS.txt"]
    assert (np.asarray(PILImage.open(io.BytesIO(pack.read("a.png")))) == picture).all()


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["a.jpg", "A.png", "a-2.jpg", "a"], ["a", "A-2", "a-2-2", "a-3"]),
        (["../../etc/passwd", "C:\\photos\\me.jpg", "/"], ["passwd", "me", "emoji"]),
        (["", "...", ".jpg"], ["emoji", "emoji-2", "emoji-3"]),
        (['<b>"x"|?*', "one two (3).jpg", "Zoë 😀.jpeg"], ["_b__x____", "one two (3)", "Zoë _"]),
        (["x" * 300], ["x" * 80]),
        (["CREDITS.png"], ["CREDITS"]),
    ],
)
def test_names_are_safe_and_unique(names, stems):
    pack = opened(exports.archive([(name, BALD) for name in names], ("json",)))
    assert pack.namelist() == [*(f"{stem}.json" for stem in stems), "CREDITS.txt"]


def test_sizes_have_bounds():
    with pytest.raises(UserError, match="between 16 and 4096"):
        exports.archive([("a", BALD)], size=5000)
