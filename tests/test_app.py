"""The app without a browser: its pictures, its endpoint, its first words when something is wrong."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from html import escape

import gradio as gr
import numpy as np
import pytest
from PIL import Image as PILImage
from serving import ROOT, command, environment
from tiny_digits import write_digits

import app as script
from dtn_core.core.errors import UserError
from dtn_core.core.types import Result
from dtn_core.data import portraits
from dtn_core.data.drawn_digits import draw_many
from dtn_core.evaluation.experiments import report
from dtn_core.pipeline.digits import DigitResult, DigitTransferrer
from dtn_core.ui import app
from dtn_core.ui.access.policy import AccessPolicy
from dtn_core.ui.access.uploads import MAX_BYTES
from dtn_core.ui.api import endpoints
from dtn_core.ui.components import html, pictures, theme
from dtn_core.ui.tabs import digits, editor, emojify, live


def as_url(data):
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def png(width, height):
    buffer = io.BytesIO()
    PILImage.new("1", (width, height)).save(buffer, "png")
    return buffer.getvalue()


def data_of(url):
    return base64.b64decode(url.partition(",")[2])


@pytest.fixture(scope="module")
def numbers(tiny_digit_checkpoints):
    return tiny_digit_checkpoints


@pytest.fixture(scope="module")
def tiny_digits(numbers):
    return DigitTransferrer.from_checkpoint(*numbers, "cpu")


@pytest.fixture(scope="module")
def number():
    """A street number as a data URL, and its pixels."""
    picture = draw_many("street", 0, 1)[0][0]
    return pictures.encode(picture, exact=True), picture


@pytest.fixture(scope="module")
def server(shared_server):
    return shared_server


@pytest.fixture(scope="module")
def client(server):
    from gradio_client import Client

    return Client(server.url, verbose=False)


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────────────


def test_transparent_pictures_survive_the_trip_exactly():
    rgba = np.random.default_rng(0).integers(0, 256, (16, 12, 4), dtype=np.uint8)
    url = pictures.encode(rgba)
    assert url.startswith("data:image/png;base64,")
    read = np.asarray(PILImage.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
    assert (read == rgba).all()


def test_small_pictures_can_be_allowed():
    grey = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    for picture in (grey, np.stack([grey] * 3, 2)):
        url = pictures.encode(picture, exact=True)
        assert url.startswith("data:image/png;base64,")
        assert (np.asarray(PILImage.open(io.BytesIO(data_of(url)))) == picture).all()


def test_photos_travel_as_jpeg_and_large_ones_are_scaled_down():
    url = pictures.encode(np.full((1000, 4000, 3), 128, np.uint8))
    assert url.startswith("data:image/jpeg;base64,")
    assert pictures.decode(url).shape == (400, 1600, 3)
    assert pictures.decode(pictures.encode(np.zeros((1, 4000, 3), np.uint8))).shape == (1, 1600, 3)


def test_decode_takes_data_urls_and_bare_base64(hopper_path, hopper):
    data = hopper_path.read_bytes()
    assert (pictures.decode(as_url(data)) == hopper).all()
    assert (pictures.decode(base64.b64encode(data).decode()) == hopper).all()


@pytest.mark.parametrize("text", ["", "data:", "data:image/png;base64,", "not base64!", "/etc/passwd", "😀", None, 5])
def test_decode_says_what_is_wrong(text):
    with pytest.raises(UserError) as error:
        pictures.decode(text)
    assert len(str(error.value).splitlines()) == 1


def test_decode_refuses_more_bytes_than_it_should_hold(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 1000)
    with pytest.raises(UserError, match="larger than"):
        pictures.decode("A" * 4000)


def test_examples_come_from_packages():
    found = portraits.public_domain()
    assert list(found) == ["Grace Hopper", "Eileen Collins"]
    assert all(picture.ndim == 3 and picture.shape[2] == 3 for picture in found.values())


# ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────


CAPTIONS = re.compile("<figcaption>(\\w+) ")


def test_steps_of_every_face(drawing, hopper, astronaut):
    both = np.concatenate([hopper[:512], astronaut], axis=1)
    result = drawing(both)
    assert len(result.faces) == 2
    shown = html.steps(result)
    assert shown.count('class="face-steps"') == 2
    assert CAPTIONS.findall(shown) == ["Detected", *["Aligned", "Painted", "Refined", "Drawn"] * 2]
    assert "2 faces" in shown
    assert "2 faces found" in html.messages(result)


def test_what_is_painted_ends_with_refined(drawing, tiny, hopper):
    for result in (tiny(hopper), drawing(hopper, kind="painted")):
        assert CAPTIONS.findall(html.steps(result)) == ["Detected", "Aligned", "Painted", "Refined"]
        (file,) = json.loads(editor.payload(result))["painted"]
        assert (np.asarray(PILImage.open(io.BytesIO(data_of(file)))) == result.faces[0].image).all()


def test_what_is_only_drawn_is_shown_without_painting(drawn_only, hopper):
    result = drawn_only(hopper)
    assert CAPTIONS.findall(html.steps(result)) == ["Detected", "Aligned", "Drawn"]
    assert "generator" not in html.steps(result)
    (face,) = endpoints.emojified(result, drawn_only)["faces"]
    assert (face["kind"], face["emoji_64"], face["emoji_256"]) == ("drawn", None, None)
    assert face["drawn"].startswith("data:image/png")


def test_the_switch_names_painted_or_drawn_only_styles(tiny, drawing, drawn_only):
    assert emojify.kinds(drawing) == [("Drawn", "drawn"), ("Painted", "painted")]
    assert emojify.kinds(tiny) == [("Painted only", "drawn")]
    assert emojify.kinds(drawn_only) == [("Drawn only", "drawn")]


def test_the_switch_accepts_both_kinds(tiny, tiny_digits):
    demo = app.build_app(tiny, tiny_digits)[0]
    (switch,) = (block for block in demo.blocks.values() if getattr(block, "elem_id", None) == "kind")
    assert [value for _, value in switch.choices] == ["drawn"]
    assert [switch.preprocess(value) for value in ("drawn", "painted", "else", None)] == [
        "drawn", "painted", "drawn", "drawn",
    ]  # fmt: skip


def test_the_artist_is_named(drawing, tiny):
    assert "Pablo Stanley" in emojify.credit(drawing)
    assert emojify.credit(tiny) == ""


def test_a_rotated_photo_is_mentioned(tiny, hopper):
    words = "has been rotated"
    assert words in html.messages(tiny(np.rot90(hopper)))
    assert words not in html.messages(tiny(hopper))


def test_no_face_is_reported(tiny, noise):
    result = tiny(noise)
    assert html.NO_FACE in html.messages(result)
    assert "Detected" not in html.steps(result)


def test_the_confidence_of_every_face_is_shown(tiny, hopper, dim):
    result = tiny(np.concatenate([hopper[:512], dim[:512]], axis=1))
    good, doubtful = result.faces if result.faces[1].note else result.faces[::-1]
    shown = html.steps(result)
    for face in result.faces:
        assert shown.count(f"Face visibility: {face.confidence:.0%}<") == 1
    assert html.messages(result).count(escape(doubtful.note)) == 1
    assert good.note is None


def test_a_refused_face_is_reported_and_not_painted(tiny, dark, astronaut):
    refused = tiny(dark)
    assert escape("Can't see enough of the face: it is too dark; use more light.") in html.messages(refused)
    assert "Detected, 1 face" in html.steps(refused)
    assert not any(words in html.steps(refused) for words in ("Refined", "Face visibility"))
    both = tiny(np.concatenate([dark[:512], astronaut], axis=1))
    assert escape("1 of 2 faces stays as it is. Can't see enough of the face") in html.messages(both)
    assert html.steps(both).count('class="face-steps"') == 1


def test_live_reports_face_visibility(tiny, hopper, dim, dark, noise):
    output = live.hud(tiny(hopper, thorough=False), 9.0)
    assert "message" not in output
    assert output.index("Face visibility: ") < output.index("9.0 FPS")
    doubtful = live.hud(tiny(dim, thorough=False), 9.0)
    assert escape("Can't see the face well: it is too dark") in doubtful
    assert "Face visibility: " in doubtful
    refused = live.hud(tiny(dark, thorough=False), 9.0)
    assert escape("Can't see enough of the face: it is too dark") in refused
    assert "Face visibility: " not in refused
    assert "9.0 FPS" in refused
    assert "No face in view" in live.hud(tiny(noise, thorough=False), 9.0)


def test_live_leaves_a_refused_face_as_it_is(tiny, dark):
    result = tiny(dark, thorough=False)
    for view in (live.VIEWS[0], live.VIEWS[2]):
        assert (live.compose(result, view) == dark).all()


def test_messages_cannot_carry_markup():
    assert "<b>" not in html.message("<b>hello</b>")


def test_live_views(tiny, hopper, noise):
    result = tiny(hopper, thorough=False)
    assert (live.compose(result, live.VIEWS[0]) == result.composed).all()
    assert live.compose(result, live.VIEWS[1]).shape[1] > hopper.shape[1]
    assert live.compose(result, live.VIEWS[2]).shape == (256, 256, 4)
    empty = Result(noise, (), noise)
    assert all((live.compose(empty, view) == noise).all() for view in live.VIEWS)


def test_live_shows_only_the_largest_emoji(tiny, hopper, astronaut):
    for pair in ((astronaut, hopper[:512]), (hopper[:512], astronaut)):
        result = tiny(np.concatenate(pair, axis=1))
        _, larger = sorted(result.faces, key=lambda face: face.aligned.face.box.width)
        assert (live.compose(result, live.VIEWS[2]) == larger.image).all()


def test_frames_a_second():
    assert live.Stream().fps() == 0
    assert live.Stream(times=(1.0, 1.5, 2.0)).fps() == 2


def test_the_theme_fetches_nothing():
    assert theme.theme()._stylesheets == []
    assert "http" not in theme.CSS
    assert "@import" not in theme.CSS


def reading(digit, confidence):
    p = np.full(10, (1 - confidence) / 9, np.float32)
    p[digit] = confidence
    return p


def digit_result(read, judged):
    return DigitResult(np.zeros((32, 32, 3), np.uint8), read, np.zeros((32, 32), np.uint8), judged, {"total": 1.0})


@pytest.mark.parametrize(
    ("read", "judged", "kind", "words"),
    [
        ((7, 0.9), (7, 0.8), "agree", ["Both read 7"]),
        ((7, 0.9), (1, 0.8), "hint", ["disagree", "encoder reads 7", "judge reads 1"]),
        ((7, 0.41), (7, 0.8), "hint", ["Perhaps a 7", "encoder is not sure: 41%"]),
        ((4, 0.9), (4, 0.79), "hint", ["Perhaps a 4", "judge is not sure: 79%"]),  # as of a scribble
        ((2, 0.3), (3, 0.3), "hint", ["disagree", "encoder is not sure: 30%", "judge is not sure: 30%"]),
    ],
)
def test_verdicts(read, judged, kind, words):
    output = digits.verdict(digit_result(reading(*read), reading(*judged)))
    assert f'class="message {kind}"' in output
    assert all(word in output for word in words)
    assert output.count("not sure:") == str(words).count("not sure:")


def test_the_card_of_a_digit(tiny_digits, number):
    result = tiny_digits(number[1])
    shown = digits.card(result)
    assert shown.count('class="bars"') == 2
    assert shown.count("<li") == 20
    assert shown.count("class=best") == 2
    assert f"Encoder reads <b>{result.encoder_probabilities.argmax()}</b>" in shown
    assert f"Judge reads <b>{result.judge_probabilities.argmax()}</b>" in shown
    assert 'download="digit.png"' in shown


def test_pairs_count_what_the_judge_reads(tiny_digits):
    x, y = draw_many("street", 0, 12)
    shown = digits.grid(tiny_digits, x, y)
    judged = tiny_digits.judge_output(tiny_digits.transfer(digits.to_tensor(x))).argmax(1).numpy()
    assert f"reads {(judged == y).sum()} of 12" in shown
    assert shown.count("missed") == (judged != y).sum()
    assert "framed" not in digits.grid(tiny_digits, x, judged)


def test_pairs_in_colour(numbers, tmp_path):
    colour = DigitTransferrer.from_checkpoint(write_digits(tmp_path / "c", channels=3), numbers[1], "cpu")
    assert digits.grid(colour, *draw_many("street", 0, 2)).count("data:image/png") == 4
    assert "data:image/png" in digits.card(colour(draw_many("street", 0, 1)[0][0]))


def test_figures_that_are_absent_or_damaged(tmp_path, monkeypatch):
    path = tmp_path / "digits.json"
    assert digits.measured(path) == ""
    for text in ("{", "[]", "{}"):
        path.write_text(text)
        shown = digits.measured(path)
        assert len(shown.splitlines()) == 1
        assert "damaged" in shown
    monkeypatch.setattr(report, "markdown", lambda figures: f"| {figures['a']} |")
    path.write_text('{"a": 5}')
    assert digits.measured(path) == "| 5 |"


# ── start ───────────────────────────────────────────────────────────────────────────────────────────────────


class Recorder:
    """Stands in for gr.Blocks in `app.launch`."""

    local_url, server_port, share_url = "http://test/", 7860, None

    def launch(self, **options):
        self.options = options

    def block_thread(self):
        pass


@pytest.mark.parametrize(
    ("space", "flag", "expected"),
    [(None, None, "127.0.0.1"), ("a/b", None, "0.0.0.0"), ("a/b", "127.0.0.1", "127.0.0.1")],
)
def test_host(monkeypatch, space, flag, expected, capsys):
    monkeypatch.delenv("SPACE_ID", raising=False)
    if space:
        monkeypatch.setenv("SPACE_ID", space)
    demo = Recorder()
    app.launch(app.Page(demo, []), host=flag, port=7860)
    assert demo.options["server_name"] == expected
    assert demo.options["run_history"] is False
    assert demo.options["share"] is False
    line, *_ = capsys.readouterr().out.splitlines()
    others = re.fullmatch(r"DTN Studio listens on http://test/(?:, http://([^/]+):7860/)?", line)
    assert (others[1] is None) == (expected == "127.0.0.1")
    assert others[1] not in ("0.0.0.0", "localhost", "127.0.0.1")
    assert demo.options["max_file_size"] == 1
    app.launch(app.Page(demo, []), policy=AccessPolicy())
    assert demo.options["max_file_size"] == MAX_BYTES


def test_the_terminal_shows_at_once_that_the_app_loads(server):
    loading, listens = server.log().splitlines()[:2]
    assert loading == "Loading DTN Studio ..."
    assert "listens on" in listens


def test_a_bad_start_is_reported_in_one_line_and_exit_code_2(tiny_checkpoint, numbers, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "config.json").write_text("{")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases = {
            "not found": ("--checkpoint", tmp_path / "nowhere"),
            "damaged": ("--checkpoint", damaged),
            "not faces": ("--checkpoint", numbers[0]),
            "in use": ("--checkpoint", tiny_checkpoint, "--port", port),
            "not allowed": ("--checkpoint", tiny_checkpoint, "--port", 70000),
        }
        started = {
            words: subprocess.Popen(
                command(*flags), cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
            )
            for words, flags in cases.items()
        }
        for words, process in started.items():
            errors = process.communicate(timeout=120)[1].strip().splitlines()
            assert (process.returncode, len(errors)) == (2, 1), errors
            assert words in errors[0]


@pytest.mark.parametrize(
    ("flags", "words"), [("--checkpoint nowhere", "checkpoint 'nowhere' not found"), ("'", "DTN_FLAGS: No closing")]
)
def test_flags_may_come_from_the_environment(tmp_path, flags, words):
    env = environment(tmp_path, DTN_FLAGS=flags)
    done = subprocess.run(command(), cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]


def words_of(demo):
    return [str(part["props"].get("value", "")) for part in demo.get_config_file()["components"]]


@pytest.mark.parametrize("damage", ["missing", "missing judge", "config", "weights", "faces"])
def test_the_app_starts_without_digits_and_warns(damage, tiny_checkpoint, numbers, monkeypatch, tmp_path):
    translation, judge = write_digits(tmp_path / "digits"), numbers[1]
    if damage == "missing":
        translation = tmp_path / "nowhere"
    elif damage == "missing judge":
        judge = tmp_path / "nowhere"
    elif damage == "config":
        (translation / "config.json").write_text("{")
    elif damage == "weights":
        (translation / "generator.safetensors").write_bytes(b"\0" * 40)
    else:
        translation = tiny_checkpoint
    served = []
    monkeypatch.setattr(app, "launch", lambda page, *_, **__: served.append(page.demo))
    flags = ("--checkpoint", tiny_checkpoint, "--digits", translation, "--judge", judge)
    assert script.main([str(flag) for flag in flags]) == 0
    (line,) = [words for words in words_of(served[0]) if "No digits here" in words]
    assert "or name others by --digits and --judge." in line
    assert str(tmp_path) not in line
    assert list(served[0].get_api_info()["named_endpoints"]) == ["/emojify", "/styles", "/draw"]


@pytest.mark.parametrize("training", ["off", "tiny", "all", None])
def test_the_config_has_no_path_of_the_server(tiny, tiny_digits, training, monkeypatch, tmp_path):
    monkeypatch.setenv("DTN_DATA", str(tmp_path / "data"))
    demo = app.build_app(tiny, tiny_digits, tmp_path / "runs", AccessPolicy(training=training, paths=True)).demo
    served = json.dumps([demo.get_config_file(), demo.get_api_info()], default=str)
    assert "emojify" in served
    assert str(tmp_path) not in served
    assert str(ROOT) not in served


def test_no_event_has_two_handlers_that_repeat_it(tiny, tiny_digits, tmp_path):
    demo = app.build_app(tiny, tiny_digits, tmp_path / "runs", AccessPolicy(training="all", paths=True)).demo
    modes = [(target, fn.trigger_mode) for fn in demo.fns.values() for target in map(tuple, fn.targets)]
    repeating = Counter(target for target, mode in modes if mode == "always_last" and target[0] is not None)
    assert repeating.total() > 5
    assert max(repeating.values()) == 1


def test_no_timer_runs_before_a_permitted_viewer(tiny, tiny_digits, tmp_path):
    demo = app.build_app(tiny, tiny_digits, tmp_path / "runs", AccessPolicy(training="all", paths=True)).demo
    timers = [block for block in demo.blocks.values() if isinstance(block, gr.Timer)]
    assert [timer.active for timer in timers] == [False, False]


def test_the_tables_are_shown_where_they_are_measured(tiny, tiny_digits, monkeypatch, tmp_path, number):
    monkeypatch.setattr(digits, "RESULTS", tmp_path)
    assert not any("An unseen digit" in words for words in words_of(app.build_app(tiny, tiny_digits)[0]))
    (tmp_path / "digits-unseen.png").write_bytes(data_of(number[0]))
    monkeypatch.setattr(digits, "measured", lambda path: f"Table 1 of {path.name}")
    shown = words_of(app.build_app(tiny, tiny_digits)[0])
    assert "Table 1 of digits.json" in shown
    assert any("An unseen digit" in words and "data:image/png" in words for words in shown)


# ── /emojify ────────────────────────────────────────────────────────────────────────────────────────────────


def test_endpoint(client, drawing, hopper_path, hopper):
    answer = client.predict(photo=as_url(hopper_path.read_bytes()), mirror=False, api_name="/emojify")
    assert (answer["width"], answer["height"]) == (hopper.shape[1], hopper.shape[0])
    (face,) = answer["faces"]
    assert answer["refused"] == []
    assert 0.8 < face["confidence"] <= 1
    assert face["note"] is None
    left, top, right, bottom = face["box"]
    assert 0 < left < right < answer["width"]
    assert 0 < top < bottom < answer["height"]
    for key, size in (("emoji_64", 64), ("emoji_256", 256), ("drawn", 512)):
        emoji = PILImage.open(io.BytesIO(data_of(face[key])))
        assert (emoji.format, emoji.mode, emoji.size) == ("PNG", "RGBA", (size, size))
    (here,) = drawing(hopper).faces
    assert face["kind"] == "drawn"
    assert face["parameters"] == here.avatar.parameters.to_dict()
    assert face["sure"] == here.avatar.confidences
    assert face["svg"] == here.avatar.svg()
    assert pictures.decode(answer["pasted"]).shape == hopper.shape
    assert answer["ms"]["total"] > 0
    assert answer["checkpoint"] == {"name": "drawing", "hash": drawing.checkpoint.hash}


def test_the_record_of_what_is_painted(tiny, hopper):
    (face,) = endpoints.emojified(tiny(hopper), tiny)["faces"]
    assert face["kind"] == "painted"
    assert [face[key] for key in ("parameters", "sure", "svg", "drawn")] == [None] * 4
    assert face["emoji_256"].startswith("data:image/png")


def test_endpoint_refuses_a_face_it_can_hardly_see(client, dark):
    answer = client.predict(pictures.encode(dark, exact=True), False, api_name="/emojify")
    assert answer["faces"] == []
    (face,) = answer["refused"]
    assert face["confidence"] < 0.25
    assert "too dark" in face["note"]
    assert len(face["box"]) == 4


def test_endpoint_mirrors(client, hopper_path, hopper):
    url = as_url(hopper_path.read_bytes())
    boxes = [client.predict(url, mirror, api_name="/emojify")["faces"][0]["box"] for mirror in (False, True)]
    assert abs(boxes[1][0] - (hopper.shape[1] - boxes[0][2])) < 12


def test_the_public_endpoints_are_documented(client):
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert list(named) == ["/emojify", "/styles", "/draw", "/digits"]
    asked = [p["parameter_name"] for p in named["/emojify"]["parameters"]]
    assert asked == ["photo", "mirror", "style", "kind", "size"]
    assert named["/emojify"]["parameters"][3]["python_type"]["type"] == "Literal['drawn', 'painted']"
    assert [p["parameter_name"] for p in named["/digits"]["parameters"]] == ["picture"]
    for name, part in (("/emojify", "faces: list[dict("), ("/digits", "read: dict(digit: int")):
        (answer,) = named[name]["returns"]
        assert part in answer["python_type"]["type"]


BAD = {
    "text": (b"hello", "not a picture"),
    "empty": (b"", "empty"),
    "bomb": (png(12000, 9000), "too large"),
    "video": (b"\0\0\0\x18ftypmp42" + bytes(200), "is a video"),
}


@pytest.mark.parametrize("case", BAD)
def test_endpoint_survives_bad_input(client, case):
    from gradio_client.exceptions import AppError

    data, words = BAD[case]
    with pytest.raises(AppError, match=words):
        client.predict(as_url(data), False, api_name="/emojify")
    assert client.predict(as_url(png(1, 1)), False, api_name="/emojify")["faces"] == []


@pytest.mark.parametrize("photo", [None, 5, 1.5, True, [], ["a"], {"a": 1}])
@pytest.mark.parametrize("endpoint", ["/emojify", "/digits"])
def test_endpoints_say_that_nothing_was_given(client, server, photo, endpoint):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="^no picture was given"):
        client.predict(photo, api_name=endpoint)
    assert "Traceback" not in server.log()


def test_endpoint_has_styles_and_kinds(client, server, hopper_path):
    from gradio_client.exceptions import AppError

    url = as_url(hopper_path.read_bytes())
    answer = client.predict(url, style="drawing", kind="painted", api_name="/emojify")
    assert answer["faces"][0]["kind"] == "painted"
    answer = client.predict(url, style="toon-head", api_name="/emojify")
    assert answer["checkpoint"]["name"] == "toon-head"
    for wrong in ({"style": "nobody"}, {"style": ["a"]}, {"style": "../x"}):
        with pytest.raises(AppError, match=r"^there is no such style\. Choose one of .*toon-head"):
            client.predict(url, **wrong, api_name="/emojify")
    for wrong in ("etched", None, ["drawn"]):
        with pytest.raises(AppError, match=r"^kind is drawn or painted\.$"):
            client.predict(url, kind=wrong, api_name="/emojify")
    assert "Traceback" not in server.log()


def test_endpoint_turns_a_photo_on_its_side(client, hopper):
    answer = client.predict(pictures.encode(np.rot90(hopper)), api_name="/emojify")
    assert answer["turned"] == 90
    assert (answer["width"], answer["height"]) == (hopper.shape[1], hopper.shape[0])
    assert len(answer["faces"]) == 1


def test_endpoint_reads_a_truncated_picture_as_far_as_it_goes(client, hopper_path):
    answer = client.predict(as_url(hopper_path.read_bytes()[:9000]), False, api_name="/emojify")
    assert answer["faces"] == []
    assert "cut short" in answer["note"]


# ── /digits ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_digits_endpoint(client, tiny_digits, number):
    url, picture = number
    answer = client.predict(url, api_name="/digits")
    result = tiny_digits(picture)
    for key, probabilities in (("read", result.encoder_probabilities), ("judged", result.judge_probabilities)):
        assert answer[key]["digit"] == probabilities.argmax()
        assert answer[key]["confidence"] == pytest.approx(probabilities.max(), abs=1e-4)
        assert answer[key]["probabilities"] == pytest.approx(probabilities, abs=1e-4)
    for key, pixels in (("picture", result.picture), ("made", result.generated)):
        read = PILImage.open(io.BytesIO(data_of(answer[key])))
        assert (read.format, read.size) == ("PNG", (32, 32))
        assert np.abs(np.asarray(read).astype(int) - pixels).max() <= 1
    assert list(answer["ms"]) == ["fit", "read", "generate", "judge", "total"]
    assert answer["checkpoint"] == {"name": "tiny-digits", "hash": tiny_digits.checkpoint.hash}


BAD_NUMBERS = {
    "empty": ("data:image/png;base64,", "empty"),
    "nothing": ("", "empty"),
    "text": (as_url(b"hello"), "not a picture"),
    "not base64": ("number.png", "did not arrive whole"),
    "bomb": (as_url(png(12000, 9000)), "too large"),
    "dot": (as_url(png(3, 3)), "only 3×3 pixels"),
    "panorama": (as_url(png(100, 20)), "longer than 4:1"),
}


@pytest.mark.parametrize("case", BAD_NUMBERS)
def test_digits_endpoint_survives_bad_input(client, case, number):
    from gradio_client.exceptions import AppError

    url, words = BAD_NUMBERS[case]
    with pytest.raises(AppError, match=words):
        client.predict(url, api_name="/digits")
    assert "made" in client.predict(number[0], api_name="/digits")


# ── nothing on the disk ─────────────────────────────────────────────────────────────────────────────────────


def test_the_endpoints_write_nothing(server, client, hopper_path, number):
    from gradio_client.exceptions import AppError

    files, writes = server.files(), server.writes()
    for _ in range(3):
        client.predict(as_url(hopper_path.read_bytes()), True, api_name="/emojify")
        client.predict(number[0], api_name="/digits")
        with pytest.raises(AppError):
            client.predict(as_url(png(3, 3)), api_name="/digits")
    time.sleep(0.5)
    assert server.writes() == writes
    assert server.files() == files


def test_uploads_into_a_folder_are_refused(server, hopper_path):
    files = server.files()
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    body += hopper_path.read_bytes() + b"\r\n--x--\r\n"
    # Where all trainings are allowed, zips to train on can be uploaded: not by guests.
    kind = {"Content-Type": "multipart/form-data; boundary=x", "X-Forwarded-For": "203.0.113.20"}
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(f"{server.url}/gradio_api/upload", body, kind), timeout=20)
    assert error.value.code == 403
    time.sleep(0.5)
    assert server.files() == files
