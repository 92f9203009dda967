"""Messages of the live page and the answers."""

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image as PILImage
from test_session import framed

from dtn_core.core.errors import UserError
from dtn_core.pipeline.live.protocol import MAX_SENT_AVATARS, Protocol, decode
from dtn_core.pipeline.live.session import Session


def jpeg(frame, **options):
    buffer = io.BytesIO()
    PILImage.fromarray(frame).save(buffer, "jpeg", quality=80, **options)
    return buffer.getvalue()


def message(n, frame):
    return struct.pack("<I", n) + jpeg(frame)


@pytest.fixture
def protocol(drawing):
    return Protocol(Session(drawing))


def test_an_avatar_is_sent_once_and_motion_always(protocol, astronaut):
    first, second = (protocol.answer(message(n, framed(astronaut)), n / 30) for n in (1, 2))
    assert (first["n"], second["n"]) == (1, 2)
    assert (first["width"], first["height"]) == (640, 480)
    avatar = first["avatars"][1]
    assert avatar["svg"].startswith("<svg")
    assert {part["moves"] for part in avatar["rig"]["parts"]} >= {"eyes", "brows", "mouth"}
    assert avatar["chosen"] == avatar["parameters"]
    assert second["avatars"] == {}
    assert len(json.dumps(second)) < 500
    (face,) = second["faces"]
    assert {"id", "seen", "x", "y", "apart", "roll", "yaw", "pitch", "lids", "brows", "open", "wide", "smile"} == set(
        face
    )


def test_the_number_of_remembered_avatars_is_bounded(protocol, astronaut):
    protocol.answer(message(1, framed(astronaut)), 0.1)
    (face,) = protocol.session.process(framed(astronaut), 0.2).faces
    for id in range(2, 500):
        assert protocol._has_changed(face._replace(id=id))
        assert not protocol._has_changed(face._replace(id=id))
    assert len(protocol._sent) <= MAX_SENT_AVATARS


def test_an_edited_avatar_is_sent_again(protocol, astronaut):
    avatar = protocol.answer(message(1, framed(astronaut)), 0.1)["avatars"][1]
    avatar["parameters"]["colours"]["clothes"] = "#123456"
    edit = {"parameters": avatar["parameters"], "edited": ["colour:clothes"]}
    assert protocol.options(json.dumps({"edits": {"1": edit}})) == {}
    again = protocol.answer(message(2, framed(astronaut)), 0.2)["avatars"][1]
    assert "#123456" in again["svg"]
    assert again["chosen"]["colours"]["clothes"] != "#123456"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"edits": 1}', "null", "[" * 100_000])
def test_invalid_options_return_an_error(protocol, text):
    assert list(protocol.options(text)) == ["error", "code"]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "JPEG"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"x" * 100, "JPEG"),
        (b"x" * (5 << 20), "4 MB"),
        (jpeg(np.zeros((480, 640, 3), np.uint8))[:200], "JPEG"),
        (jpeg(np.zeros((20, 640, 3), np.uint8)), "32 to 1920"),
        (jpeg(np.zeros((64, 4000, 3), np.uint8)), "32 to 1920"),
    ],
)
def test_invalid_frames_return_an_error(protocol, body, line):
    answer = protocol.answer(struct.pack("<I", 7) + body)
    assert answer["n"] == (7 if body else 0)
    assert line in answer["error"]


def test_other_formats_are_refused():
    buffer = io.BytesIO()
    PILImage.new("RGB", (64, 64)).save(buffer, "png")
    with pytest.raises(UserError, match="JPEG"):
        decode(buffer.getvalue())


def test_grey_frames_are_decoded_to_rgb():
    assert decode(jpeg(np.full((64, 64), 90, np.uint8))).shape == (64, 64, 3)
