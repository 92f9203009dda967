"""Identities, motion and avatars, on synthetic videos of real portraits."""

import threading
from concurrent.futures import Future

import cv2
import numpy as np
import pytest

from dtn_core.core.errors import UserError
from dtn_core.pipeline.live import session as session_module
from dtn_core.pipeline.live.background import Background
from dtn_core.pipeline.live.session import Session
from dtn_core.pipeline.live.tracks import CutDetector

HEADS = {512: (slice(0, 280), slice(84, 364)), 600: (slice(20, 400), slice(60, 440))}
"""Where the heads of Eileen Collins and Grace Hopper are, by the heights of their portraits."""


def framed(*portraits, left=0):
    """A (480, 640, 3) frame with heads side by side, 300 pixels high, shifted to the right."""
    frame = np.full((480, 640, 3), 128, np.uint8)
    for n, picture in enumerate(portraits):
        x = 10 + left + n * 310
        head = np.ascontiguousarray(picture[HEADS[picture.shape[0]]])
        part = cv2.resize(head, (300, 300), interpolation=cv2.INTER_AREA)[:, : 640 - x]
        frame[90:390, x : x + part.shape[1]] = part
    return frame


class Video:
    """Feeds a session at 30 frames a second."""

    def __init__(self, session):
        self.session, self.second = session, 0.0

    def play(self, frame, n=1):
        for _ in range(n):
            self.second += 1 / 30
            seen = self.session.process(frame, self.second)
        return seen


@pytest.fixture
def video(drawing):
    return Video(Session(drawing))


def test_a_face_keeps_its_id_and_is_followed(video, astronaut):
    places = []
    for shift in range(0, 120, 8):
        seen = video.play(framed(astronaut, left=shift))
        (face,) = seen.faces
        assert face.id == 1
        assert face.avatar is not None
        places.append(face.motion.x - shift)
    assert np.ptp(places) < 5
    assert 30 < face.motion.apart < 60
    assert face.visibility > 0.5


def test_frames_without_a_face(video, noise):
    black = np.zeros((480, 640, 3), np.uint8)
    assert video.play(black, 5).faces == ()
    assert video.play(noise, 5) == ((), (), "")


def test_a_person_who_returns_has_the_same_id(video, astronaut):
    first = video.play(framed(astronaut), 3).faces[0]
    seen = video.play(np.full((480, 640, 3), 128, np.uint8))
    assert (seen.faces, seen.gone) == ((), (1,))
    again = video.play(framed(astronaut, left=200), 12).faces[0]
    assert again.id == 1
    assert again.avatar is first.avatar


def test_after_a_cut_another_person_gets_another_id(video, astronaut, hopper):
    video.play(framed(astronaut), 5)
    seen = video.play(framed(hopper), 3)
    assert [face.id for face in seen.faces] == [2]
    assert [face.id for face in video.play(framed(astronaut), 3).faces] == [1]


def test_another_person_at_the_same_place_without_a_cut(video, astronaut, hopper, monkeypatch):
    monkeypatch.setattr(CutDetector, "__call__", lambda *_: False)
    monkeypatch.setattr(session_module, "IDENTIFY_SECONDS", 0.3)
    video.play(framed(astronaut), 5)
    left = [face.id for face in video.play(framed(hopper), 75).faces]
    assert left == [2]


def test_ids_of_two_people(video, astronaut, hopper):
    assert len(video.play(framed(astronaut, hopper), 3).faces) == 2
    ids = {tuple(face.id for face in video.play(framed(astronaut, hopper, left=s)).faces) for s in range(0, 20, 4)}
    assert ids == {(1, 2)}


def test_a_background_thread_gives_the_same_avatar(drawing, astronaut):
    background = Background()
    session = Session(drawing, background)
    video = Video(session)
    for _ in range(200):
        seen = video.play(framed(astronaut))
        if session._pending:
            session._pending[1].exception()  # waits
        if seen.faces and seen.faces[0].avatar:
            break
    background.close()
    plain = Video(Session(drawing)).play(framed(astronaut))
    assert seen.faces[0].avatar.parameters == plain.faces[0].avatar.parameters


def test_an_edit_changes_the_avatar_of_its_face_only(video, astronaut, hopper):
    frame = framed(astronaut, hopper)
    plain = video.play(frame, 3).faces
    edited = plain[1].avatar.parameters.to_dict()
    edited["colours"]["clothes"] = "#123456"
    video.session.options({"edits": {"2": {"parameters": edited, "edited": ["colour:clothes"]}}})
    one, two = video.play(frame).faces
    assert one.avatar is plain[0].avatar
    assert two.avatar.parameters.colours["clothes"] == "#123456"
    assert two.version == plain[1].version + 1
    assert video.session.edited_slots(2) == ("colour:clothes",)
    assert video.session.predicted_parameters(2) == plain[1].avatar.parameters
    video.session.options({"edits": {}})
    assert video.play(frame).faces[1].avatar is plain[1].avatar


def test_reset_cancels_the_pending_request(drawing, astronaut):
    """Or a page that starts over with every frame would fill the queue with frames."""
    background = Background()
    gate = threading.Event()
    background.submit(0, gate.wait)
    session = Session(drawing, background)
    session.process(framed(astronaut), 0.1)
    _, future = session._pending
    session.options({"reset": True})
    assert future.cancelled()
    gate.set()
    background.close()


def test_changing_the_style_changes_the_avatar(drawing, drawn_only, tiny, astronaut):
    known = {"": drawing, "other": drawn_only, "painted": tiny}
    video = Video(Session(drawing, pick=known.get))
    first = video.play(framed(astronaut), 3).faces[0]
    video.session.options({"style": "other"})
    assert video.play(framed(astronaut), 12).faces[0].avatar is not first.avatar
    assert video.session.transferrer is drawn_only
    with pytest.raises(UserError, match="doesn't draw"):
        video.session.options({"style": "painted"})
    assert video.session.transferrer is drawn_only


def test_reset_forgets_all_people(video, astronaut, hopper):
    video.play(framed(hopper), 3)
    video.session.options({"reset": True})
    assert [face.id for face in video.play(framed(astronaut), 2).faces] == [1]


@pytest.mark.parametrize(
    "options",
    [
        [],
        {"edits": 3},
        {"edits": {"x": {}}},
        {"edits": {"1": []}},
        {"edits": {"1": {"parameters": {"style": "none"}}}},
        {"edits": {str(n): {"parameters": {}} for n in range(100)}},
    ],
)
def test_invalid_options_change_nothing(video, astronaut, options):
    video.play(framed(astronaut), 2)
    with pytest.raises(UserError):
        video.session.options(options)
    assert video.play(framed(astronaut)).faces[0].id == 1


def test_a_style_that_only_paints_is_refused(tiny):
    with pytest.raises(UserError, match="doesn't draw"):
        Session(tiny)


def test_at_most_eight_faces_are_followed(video, astronaut):
    small = cv2.resize(astronaut[:300, 100:400], (160, 160), interpolation=cv2.INTER_AREA)
    crowd = np.tile(small, (3, 4, 1))
    for _ in range(3):
        assert len(video.play(crowd).faces) <= 8


def test_cuts_are_detected_and_changes_of_light_are_not(astronaut, hopper):
    is_cut = CutDetector()

    def grey(frame):
        return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)

    assert not is_cut(grey(framed(astronaut)))
    assert not is_cut(grey(framed(astronaut, left=12)))
    assert not is_cut(grey(framed(astronaut)))
    assert not is_cut(grey((framed(astronaut) * 0.6).astype(np.uint8)))
    assert is_cut(255 - grey(np.ascontiguousarray(hopper)))


class DelayedBackground:
    """A background whose results come some frames late."""

    def __init__(self, frames):
        self.frames = frames
        self.submitted = []

    def submit(self, rank, function, *arguments):
        future = Future()
        future.set_running_or_notify_cancel()
        self.submitted.append([self.frames, future, function(*arguments)])
        return future

    def tick(self):
        for call in self.submitted:
            call[0] -= 1
            if call[0] == 0:
                _, future, result = call
                future.set_result(result)


def test_slow_networks_and_low_frame_rates_do_not_misplace_a_face(drawing, astronaut):
    background = DelayedBackground(4)
    video = Video(Session(drawing, background))
    places = []
    for n in range(60):
        shift = round(100 + 100 * np.sin(n / 4))
        background.tick()
        video.second += 1 / 10
        seen = video.play(framed(astronaut, left=shift))
        places += [face.motion.x - shift for face in seen.faces]
    assert len(places) > 40
    assert np.percentile(np.abs(places - np.median(places)), 95) < 8
