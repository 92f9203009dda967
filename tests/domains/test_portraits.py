"""Packs of portraits: splits, labels, crops and what is said when they are missing or damaged."""

import zipfile

import cv2
import numpy as np
import pytest

from dtn_core.domains import portraits
from dtn_core.types import HEAD_EYE_DISTANCE, HEAD_EYE_HEIGHT


def test_splits_depend_on_the_name_alone_and_have_their_shares():
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
        made = portraits.stylise(np.random.default_rng(seed), white)
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


def test_missing_and_damaged_packs_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("DTN_DATA", raising=False)
    with pytest.raises(ValueError, match="--data DIR or set DTN_DATA"):
        portraits.data_folder(None)
    with pytest.raises(ValueError, match="no such folder"):
        portraits.data_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="celeba_attributes.csv"):
        portraits.celeba(tmp_path, "train", ())
    (tmp_path / "celeba_attributes.csv").write_text("file,Bald\n" + "".join(f"{i}.jpg,0\n" for i in range(50)))
    (tmp_path / "celeba.zip").write_bytes(b"PK nonsense")
    with pytest.raises(ValueError, match="celeba.zip"):
        portraits.celeba(tmp_path, "train", ("Bald",))
