"""Packs of portraits: splits, labels, crops and what is said when they are missing or damaged."""

import zipfile

import cv2
import numpy as np
import pytest

from dtn_core.core import augment
from dtn_core.core.errors import UserError
from dtn_core.core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT
from dtn_core.data import portraits
from dtn_core.faces.detect import detect


def test_splits_depend_only_on_the_name():
    names = [f"{i:06d}.jpg" for i in range(5000)]
    parts = [portraits.split_of(name) for name in names]
    assert parts == [portraits.split_of(name) for name in names]
    assert parts.count("test") / 5000 == pytest.approx(0.12, abs=0.02)
    assert parts.count("val") / 5000 == pytest.approx(0.06, abs=0.02)


def test_head_crops_put_the_eyes_where_avatars_have_them():
    picture = np.zeros((100, 100, 3), np.uint8)
    eyes = (30.0, 68.0, 30.0)
    for x in eyes[:2]:
        cv2.circle(picture, (int(x), int(eyes[2])), 3, (255, 255, 255), -1)
    crop = portraits.head_crop(picture, eyes, 128)[..., 0]
    _, _, _, centres = cv2.connectedComponentsWithStats((crop > 127).astype(np.uint8))
    left, right = sorted(centres[1:].tolist())
    assert (right[0] - left[0]) / 128 == pytest.approx(HEAD_EYE_DISTANCE, abs=0.01)
    assert left[1] / 128 == pytest.approx(HEAD_EYE_HEIGHT, abs=0.01)


def test_stylising_keeps_the_shape_and_never_wraps_round():
    white = np.full((64, 64, 3), 255, np.uint8)
    for seed in range(40):
        made = augment.stylise(np.random.default_rng(seed), white)
        assert made.shape == white.shape
        assert made.min() > 130  # white stays light, whatever the levels


def test_utkface_names_become_labels_and_hair_stays_unknown(tmp_path):
    _, jpeg = cv2.imencode(".jpg", np.full((200, 200, 3), 90, np.uint8))
    with zipfile.ZipFile(tmp_path / "utkface.zip", "w") as pack:
        for i in range(40):
            pack.writestr(f"61_1_1_{i}.jpg", jpeg.tobytes())
        pack.writestr("broken_name.jpg", jpeg.tobytes())
    wanted = ("Male", "race_Black", "race_White", "age_60", "age_under_13", "Bald")
    part = portraits.utkface(tmp_path, "train", wanted)
    assert 20 < len(part) < 40
    assert part.labels[0].tolist() == [0, 1, 0, 1, 0, portraits.UNKNOWN]
    assert part.tight


def test_celebahq_is_read_as_celeba_is(tmp_path):
    _, jpeg = cv2.imencode(".jpg", np.full((104, 104, 3), 90, np.uint8))
    with zipfile.ZipFile(tmp_path / "celebahq.zip", "w") as pack:
        for i in range(100):
            pack.writestr(f"{i}.jpg", jpeg.tobytes())
    rows = "".join(f"{i}.jpg,{i % 2},1\n" for i in range(100))
    (tmp_path / "celebahq_attributes.csv").write_text(f"file,Bald,Male\n{rows}")
    parts = {
        split: portraits.celebahq(tmp_path, split, ("Male", "Bald", "age_60")) for split in ("train", "val", "test")
    }
    assert sum(len(part) for part in parts.values()) == 100
    for split, part in parts.items():
        assert {portraits.split_of(name) for name in part.names} == {split}
        assert part.pictures.shape == (len(part), 104, 104, 3)
        assert part.labels.tolist() == [[1, int(name[:-4]) % 2, portraits.UNKNOWN] for name in part.names]
        assert not part.tight
    assert len(portraits.celebahq(tmp_path, "train", (), 5)) == 5


@pytest.mark.parametrize("name", ["celeba", "celebahq"])
def test_eye_positions_match_the_documented_ones(data_folder, name):
    part = getattr(portraits, name)(data_folder, "val", (), 12)
    found = []
    for picture in part.pictures:
        for face in detect(cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), max_faces=1):
            right, left = face.points[:2].mean(0) / 4, face.points[2:4].mean(0) / 4
            found.append((left[0], right[0], (left[1] + right[1]) / 2))
    assert len(found) >= 9
    assert np.median(found, 0) == pytest.approx(np.array(part.eyes), abs=1)


def test_relighting_changes_the_light_and_nothing_else():
    rng = np.random.default_rng(0)
    crop = rng.integers(40, 200, (64, 64, 3)).astype(np.uint8)
    crop[0] = 0
    means = []
    for seed in range(100):
        made = augment.relight(np.random.default_rng(seed), crop)
        assert (made.shape, made.dtype) == (crop.shape, np.uint8)
        assert (made != crop).any()
        assert (made == augment.relight(np.random.default_rng(seed), crop)).all()
        assert made[0].max() == 0  # black stays black
        means.append(made.mean() / crop.mean())
    assert min(means) < 0.5
    assert max(means) > 1.5
    grey, white = (np.full((64, 64, 3), level, np.uint8) for level in (120, 255))
    lit = [[augment.relight(np.random.default_rng(seed), picture) for seed in range(100)] for picture in (grey, white)]
    assert all((lighter >= darker).all() for darker, lighter in zip(*lit))  # nothing wraps round
    assert max(picture.max() for picture in lit[1]) == 255
    shaded = [picture for picture in lit[0] if np.ptp(picture[..., 1]) > 2]
    assert 20 < len(shaded) < 60  # from one side
    tints = np.array([picture[..., 0].mean() / picture[..., 2].mean() for picture in lit[0]])
    assert tints.min() < 0.8  # colder
    assert tints.max() > 1.2  # warmer


def test_missing_and_damaged_packs_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("DTN_DATA", raising=False)
    with pytest.raises(UserError, match="--data DIR or set DTN_DATA"):
        portraits.data_folder(None)
    with pytest.raises(UserError, match="no such folder"):
        portraits.data_folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match="celeba_attributes.csv"):
        portraits.celeba(tmp_path, "train", ())
    (tmp_path / "celeba_attributes.csv").write_text("file,Bald\n" + "".join(f"{i}.jpg,0\n" for i in range(50)))
    (tmp_path / "celeba.zip").write_bytes(b"PK nonsense")
    with pytest.raises(UserError, match="celeba.zip"):
        portraits.celeba(tmp_path, "train", ("Bald",))
    with pytest.raises(UserError, match=r"celebahq_attributes.csv: missing. [^\n]*celebahq.zip[^\n]*$"):
        portraits.celebahq(tmp_path, "train", ())
