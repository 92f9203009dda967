"""When an avatar changes, and when it does not."""

import numpy as np
import pytest

from dtn_core.avatars.predict import Predictions
from dtn_core.pipeline.live.person import (
    CHANGE_EVIDENCE,
    EVIDENCE_DRIFT,
    MAX_EVIDENCE,
    SETTLED_READINGS,
    Person,
    average_readings,
    reading_of,
)
from dtn_core.pipeline.photo import Transferrer


@pytest.fixture(scope="module")
def predictor():
    return Transferrer.from_checkpoint("emoji", "cpu").checkpoint.predictor


@pytest.fixture(scope="module")
def reading(predictor, astronaut):
    from dtn_core.core.images import to_tensor
    from dtn_core.faces.align import align
    from dtn_core.faces.detect import detect

    x = to_tensor([align(astronaut, detect(astronaut)[0]).image])
    return predictor.read(predictor.f(x))


def with_glasses(reading, log_odds):
    """The same face, with these log-odds of glasses in both f and c."""
    p = 1 / (1 + np.exp(-log_odds))
    slots = reading.log_probabilities["accessories"].copy()
    slots[0] = np.log(1e-6)
    slots[0, 1:4] = np.log(p / 3)
    slots[0, 0] = np.log(1 - p)
    attributes = {**reading.attributes, "Eyeglasses": np.array([p])}
    return Predictions({**reading.log_probabilities, "accessories": slots}, attributes, reading.skin)


def has_glasses(person):
    return person.avatar.parameters.variants["accessories"] != ""


def test_the_second_reading_of_glasses_changes_the_avatar(predictor, reading):
    person = Person()
    for _ in range(6):
        person.update(with_glasses(reading, -4), predictor)
    assert not has_glasses(person)
    before = person.avatar.parameters
    assert not person.update(with_glasses(reading, 4), predictor)  # one reading may be wrong
    assert person.update(with_glasses(reading, 4), predictor)
    assert has_glasses(person)
    after = person.avatar.parameters
    assert {k: v for k, v in after.variants.items() if k != "accessories"} == {
        k: v for k, v in before.variants.items() if k != "accessories"
    }
    for _ in range(2):
        person.update(with_glasses(reading, -4), predictor)
    assert not has_glasses(person)


def test_uncertain_readings_never_change_the_avatar(predictor, reading):
    person, rng = Person(), np.random.default_rng(0)
    changes = [person.update(with_glasses(reading, rng.normal(0, 1)), predictor) for _ in range(300)]
    assert not any(changes[SETTLED_READINGS:])


def test_a_locked_avatar_does_not_change(predictor, reading):
    person = Person()
    person.update(with_glasses(reading, -4), predictor)
    person.locked = True
    assert not any(person.update(with_glasses(reading, 5), predictor) for _ in range(10))
    person.locked = False
    assert any(person.update(with_glasses(reading, 5), predictor) for _ in range(3))


def test_an_avatar_has_a_neutral_expression(predictor, reading):
    person = Person()
    smiling = {**reading.attributes, "Smiling": np.array([0.99]), "Mouth_Slightly_Open": np.array([0.99])}
    person.update(reading._replace(attributes=smiling), predictor)
    assert person.avatar.parameters.kind_of("mouth") == "neutral"
    assert not any("smiling" in label for label in person.avatar.confidences)


def test_measured_colours_are_averaged_and_do_not_flicker(predictor, reading):
    person, rng = Person(), np.random.default_rng(0)

    def measured(lightness):
        hair = np.array([[lightness, 8.0, 12.0]], np.float32)
        skin = np.array([[65.0, 11, 18]], np.float32)
        return reading._replace(appearance={"colour:skin": skin, "colour:hair": hair})

    changes = [person.update(measured(30 + rng.normal(0, 3)), predictor) for _ in range(40)]
    assert changes[0]
    assert not any(changes[1:])
    assert person.avatar.measured == ("hair",)
    assert person.average.appearance["colour:hair"][0, 0] == pytest.approx(30, abs=4)
    known = person.average.appearance["colour:hair"].copy()
    person.update(measured(np.nan), predictor)  # hidden for a moment
    assert person.average.appearance["colour:hair"] == pytest.approx(known)


def test_readings_are_selected_and_averaged(reading):
    both = Predictions(
        {k: np.concatenate([v, v - 1]) for k, v in reading.log_probabilities.items()},
        {k: np.concatenate([v, v * 0.5]) for k, v in reading.attributes.items()},
        np.array([[50.0, 10, 10], [60, 10, 10]]),
    )
    second = reading_of(both, 1)
    assert second.skin[0, 0] == 60
    half = average_readings([reading_of(both, 0), second], [0.5, 0.5])
    assert half.skin[0, 0] == 55
    assert half.log_probabilities["top"] == pytest.approx(reading.log_probabilities["top"] - 0.5)


def test_only_descriptors_of_the_same_person_are_averaged():
    person, one = Person(), np.zeros(128, np.float32)
    assert person.match_descriptor(one) == 0
    near, far = one.copy(), one.copy()
    near[0], far[1] = 0.3, 0.9
    assert person.match_descriptor(near) == pytest.approx(0.3)
    assert person.descriptor[0] == pytest.approx(0.06)
    assert person.match_descriptor(far) > 0.6
    assert person.descriptor[1] == 0


def test_two_clear_readings_are_enough():
    strongest = MAX_EVIDENCE - EVIDENCE_DRIFT
    assert 2 * strongest >= CHANGE_EVIDENCE > strongest
