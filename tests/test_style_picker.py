"""The styles to pick from: what is offered, and one's own face in each."""

import base64
import io
import re

import cv2
import numpy as np
import pytest
from PIL import Image as PILImage

from dtn_core.avatars.styles import LISTED_STYLES
from dtn_core.core import images
from dtn_core.core.errors import UserError
from dtn_core.core.types import Image
from dtn_core.networks.resnet import AttributeEncoder
from dtn_core.pipeline.photo import Transferrer
from dtn_core.ui.components import pictures
from dtn_core.ui.components import style_picker as styles
from dtn_core.ui.translations import EXPERIMENTAL, Translations, refresh


@pytest.fixture(scope="module")
def shipped():
    return Translations(Transferrer.from_checkpoint("emoji"), ("heads", "pictures"), Transferrer.from_checkpoint, None)


def content(url):
    return base64.b64decode(url.partition(",")[2])


def test_every_style_is_offered_by_its_plain_name_with_its_credit(shipped):
    offered = styles.offered(shipped)
    assert list(offered) == ["", "toon-head", "lorelei", "cartoon-set", "screen-print"]
    assert [entry.title for entry in offered.values()] == [
        "Avataaars",
        "ToonHead",
        "Lorelei",
        "Cartoon Set",
        "Screen print",
    ]
    for style, entry in zip(LISTED_STYLES.values(), offered.values()):
        assert entry.credit.startswith(style.credit)
        assert entry.experimental == (style.name in EXPERIMENTAL)
    for key in ("", "toon-head", "lorelei"):
        assert content(offered[key].sample).startswith(b"<svg")
    for key in ("cartoon-set", "screen-print"):
        with PILImage.open(io.BytesIO(content(offered[key].sample))) as picture:
            assert picture.size == (styles.SIDE, styles.SIDE)


def test_another_checkpoint_has_its_own_name(tiny):
    offered = styles.offered(Translations(tiny, ("heads",), Transferrer.from_checkpoint, None))
    assert list(offered) == ["", "emoji", "toon-head", "lorelei", "cartoon-set", "screen-print"]
    assert offered[""] == styles.StyleEntry("tiny")
    button = styles._button("", offered[""])
    assert "title" not in button
    assert re.search('aria-checked="true" tabindex="0"', button)
    hostile = styles._button("x", styles.StyleEntry('"><b>', '"><i>'))
    assert "<b>" not in hostile
    assert "<i>" not in hostile


def test_one_face_in_every_style_and_a_shared_f_runs_once(shipped, hopper, monkeypatch):
    for key in styles.offered(shipped):
        shipped.get(key)  # or f would run for loading too
    seen, forward = [], AttributeEncoder.forward
    monkeypatch.setattr(AttributeEncoder, "forward", lambda f, x: seen.append(f) or forward(f, x))
    made = styles.own_thumbnails(shipped, pictures.encode(hopper, exact=True), False)
    assert len(seen) == 3  # for the three drawn styles; for Cartoon Set; and for screen prints
    assert list(made) == list(styles.offered(shipped))
    monkeypatch.undo()
    for key in ("", "toon-head", "lorelei"):
        (face,) = shipped.get(key)(hopper, kind="drawn").faces
        assert content(made[key]).decode() == face.avatar.svg()
    for key in ("cartoon-set", "screen-print"):
        with PILImage.open(io.BytesIO(content(made[key]))) as picture:
            assert (picture.size, picture.mode) == ((styles.SIDE, styles.SIDE), "RGBA")
    assert sum(map(len, made.values())) < 150_000


def test_the_largest_face_counts_and_mirrors(shipped, hopper, astronaut):
    small: Image = np.ascontiguousarray(hopper[::2, ::2])
    both = np.zeros((512, 512 + small.shape[1], 3), np.uint8)
    both[:, :512], both[: small.shape[0], 512:] = astronaut, small
    one = styles.own_thumbnails(shipped, pictures.encode(both, exact=True), False)[""]
    (face,) = shipped.first(both, kind="drawn", max_faces=1).faces
    assert content(one).decode() == face.avatar.svg()
    mirrored = styles.own_thumbnails(shipped, pictures.encode(both, exact=True), True)[""]
    (face,) = shipped.first(both, kind="drawn", max_faces=1, mirror=True).faces
    assert content(mirrored).decode() == face.avatar.svg()


def test_the_face_is_searched_in_a_reduced_copy(shipped, hopper, monkeypatch):
    """A large JPEG is never decoded whole."""
    sides, load, find = [], images.load_picture, styles.detect_upright

    def loaded(*given, **options):
        photo = load(*given, **options)
        sides.append(max(photo.picture.shape))
        return photo

    def searched(frame, **options):
        sides.append(max(frame.shape))
        return find(frame, **options)

    monkeypatch.setattr(images, "load_picture", loaded)
    monkeypatch.setattr(styles, "detect_upright", searched)
    large = cv2.resize(hopper, (4096, 4800))
    made = styles.own_thumbnails(shipped, pictures.encode(large, max_side=None), False)
    assert sides == [2400, styles.MAX_SIDE]
    assert list(made) == list(styles.offered(shipped))


def test_without_a_face_there_is_nothing(shipped, noise, dark):
    for photo in (noise, dark):
        assert styles.own_thumbnails(shipped, pictures.encode(photo, exact=True), False) == {}
    with pytest.raises(UserError):
        styles.own_thumbnails(shipped, "data:image/png;base64,AAAA", False)


def test_what_only_paints_has_a_thumbnail_too(tiny, hopper):
    made = styles.own_thumbnails(
        Translations(tiny, ("heads",), Transferrer.from_checkpoint, None), pictures.encode(hopper), False
    )
    assert made[""].startswith("data:image/webp")


def test_the_list_is_seen_where_there_are_runs(shipped, tmp_path, make_checkpoint):
    assert refresh(shipped, "", always=False)["visible"] is False
    assert refresh(shipped, "")["visible"] is True
    make_checkpoint(tmp_path / "00001-faces" / "export")
    shipped_and_runs = Translations(shipped.first, ("heads",), Transferrer.from_checkpoint, tmp_path)
    assert refresh(shipped_and_runs, "", always=False)["visible"] is True
