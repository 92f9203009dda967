"""When an avatar changes, and when it doesn't."""

import numpy as np
import pytest

from dtn_core.avatars.predict import Reading
from dtn_core.pipeline.live.person import ENOUGH, SETTLED, Person, mixed, part
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
    return predictor.read(predictor.f(x), predictor.skin_features(x))


def with_glasses(reading, log_odds):
    """The same face, f and c as sure of glasses as this."""
    p = 1 / (1 + np.exp(-log_odds))
    slots = reading.beliefs["accessories"].copy()
    slots[0] = np.log(1e-6)
    slots[0, 1:4] = np.log(p / 3)
    slots[0, 0] = np.log(1 - p)
    attributes = {**reading.attributes, "Eyeglasses": np.array([p])}
    return Reading({**reading.beliefs, "accessories": slots}, attributes, reading.lightness)


def worn(person):
    return person.avatar.parameters.variants["accessories"] != ""


def test_glasses_are_followed_by_the_second_reading(predictor, reading):
    person = Person()
    for _ in range(6):
        person.hear(with_glasses(reading, -4), predictor)
    assert not worn(person)
    before = person.avatar.parameters
    assert not person.hear(with_glasses(reading, 4), predictor)  # one reading may err
    assert person.hear(with_glasses(reading, 4), predictor)
    assert worn(person)
    after = person.avatar.parameters
    assert {k: v for k, v in after.variants.items() if k != "accessories"} == {
        k: v for k, v in before.variants.items() if k != "accessories"
    }
    for _ in range(2):
        person.hear(with_glasses(reading, -4), predictor)
    assert not worn(person)


def test_what_is_as_likely_as_not_never_toggles(predictor, reading):
    person, rng = Person(), np.random.default_rng(0)
    changes = [person.hear(with_glasses(reading, rng.normal(0, 1)), predictor) for _ in range(300)]
    assert not any(changes[SETTLED:])


def test_locked_is_locked(predictor, reading):
    person = Person()
    person.hear(with_glasses(reading, -4), predictor)
    person.locked = True
    assert not any(person.hear(with_glasses(reading, 5), predictor) for _ in range(10))
    person.locked = False
    assert any(person.hear(with_glasses(reading, 5), predictor) for _ in range(3))


def test_a_smile_is_no_part_of_who_it_is(predictor, reading):
    person = Person()
    smiling = {**reading.attributes, "Smiling": np.array([0.99]), "Mouth_Slightly_Open": np.array([0.99])}
    person.hear(reading._replace(attributes=smiling), predictor)
    assert person.avatar.parameters.kind_of("mouth") == "neutral"
    assert not any("smiling" in label for label in person.avatar.sure)


def test_the_skin_waits_where_it_was_not_read(predictor, reading):
    person = Person()
    person.hear(reading, predictor)
    person.hear(reading._replace(lightness=np.array([np.nan])), predictor)
    assert person.average.lightness == pytest.approx(reading.lightness)


def test_mixed_and_part(reading):
    both = Reading(
        {k: np.concatenate([v, v - 1]) for k, v in reading.beliefs.items()},
        {k: np.concatenate([v, v * 0.5]) for k, v in reading.attributes.items()},
        np.array([50.0, 60.0]),
    )
    second = part(both, 1)
    assert second.lightness == 60
    half = mixed([part(both, 0), second], [0.5, 0.5])
    assert half.lightness == 55
    assert half.beliefs["top"] == pytest.approx(reading.beliefs["top"] - 0.5)


def test_descriptors_move_towards_the_same_person_only():
    person, one = Person(), np.zeros(128, np.float32)
    assert person.meet(one) == 0
    near, far = one.copy(), one.copy()
    near[0], far[1] = 0.3, 0.9
    assert person.meet(near) == pytest.approx(0.3)
    assert person.descriptor[0] == pytest.approx(0.06)
    assert person.meet(far) > 0.6
    assert person.descriptor[1] == 0


def test_two_clear_readings_are_enough():
    assert 2 * (4 - 1) >= ENOUGH > 4 - 1
