"""The pipeline of digits with random weights: its results, and the input it refuses."""

import sys

import numpy as np
import pytest
import torch
from tiny_digits import write_digits, write_judge

from dtn_core.core.errors import UserError
from dtn_core.core.images import to_images, to_tensor
from dtn_core.data.drawn_digits import draw_many
from dtn_core.pipeline.digits import DigitTransferrer, fit


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return write_judge(tmp_path_factory.mktemp("judge") / "tiny-judge")


@pytest.fixture(scope="module")
def tiny(judge, tmp_path_factory):
    return DigitTransferrer.from_checkpoint(write_digits(tmp_path_factory.mktemp("digits") / "tiny"), judge, "cpu")


@pytest.fixture(scope="module")
def numbers():
    return draw_many("street", 0, 6)[0]


def test_a_number_passes_every_stage(tiny, numbers):
    before = numbers[0].copy()
    result = tiny(numbers[0])
    assert (result.picture == before).all()
    assert (numbers[0] == before).all()
    assert (result.generated.shape, result.generated.dtype) == ((32, 32), np.uint8)
    for reading in (result.encoder_probabilities, result.judge_probabilities):
        assert (reading.shape, reading.dtype) == ((10,), np.float32)
        assert reading.sum() == pytest.approx(1, abs=1e-5)
    assert list(result.ms) == ["fit", "read", "generate", "judge", "total"]
    assert min(result.ms.values()) > 0


def test_tensor_methods_agree_with_the_pipeline(tiny, numbers):
    x = to_tensor(numbers)
    y = tiny.transfer(x)
    assert y.shape == (6, 1, 32, 32)
    for i in (0, 5):
        result = tiny(numbers[i])
        assert np.abs(to_images(y)[i, ..., 0].astype(int) - result.generated).max() <= 1
        assert tiny.classify(x)[i].numpy() == pytest.approx(result.encoder_probabilities, abs=1e-5)
        assert tiny.judge_output(y)[i].numpy() == pytest.approx(result.judge_probabilities, abs=1e-5)


def test_the_output_depends_on_the_number(tiny, numbers):
    a, b = tiny.transfer(to_tensor(numbers[:2]))
    assert not torch.equal(a, b)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"channels": 3}, (32, 32, 3)),
        ({"generator": "deconv"}, (32, 32)),
        ({"generator": "deconv", "contains_f": False}, (32, 32)),
    ],
)
def test_every_kind_of_generator(options, shape, judge, numbers, tmp_path):
    result = DigitTransferrer.from_checkpoint(write_digits(tmp_path / "d", **options), judge, "cpu")(numbers[0])
    assert result.generated.shape == shape
    assert result.judge_probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_fit_crops_the_middle_square():
    wide = np.zeros((60, 240, 3), np.uint8)
    wide[:, 90:150] = (10, 200, 30)
    for picture in (wide, wide.transpose(1, 0, 2)):
        assert (fit(picture) == (10, 200, 30)).all()
        assert fit(picture).shape == (32, 32, 3)


def test_fit_averages_when_it_shrinks():
    board = np.indices((64, 64)).sum(0) % 2 * np.uint8(200)
    assert (fit(np.repeat(board[..., None], 3, 2).astype(np.uint8)) == 100).all()


@pytest.mark.parametrize("side", [8, 31, 32, 33, 4000])
def test_every_size_from_8_pixels_is_accepted(side):
    assert fit(np.zeros((side, side, 3), np.uint8)).shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("height", "width", "words"),
    [
        (3, 3, "only 3×3 pixels. Use"),
        (100, 7, "only 7×100 pixels. Use"),
        (20, 100, "longer than 4:1 (100×20 pixels). Crop"),
        (401, 100, "longer than 4:1 (100×401 pixels). Crop"),
    ],
)
def test_too_small_and_too_long_pictures_are_refused(tiny, height, width, words):
    with pytest.raises(UserError) as error:
        tiny(np.zeros((height, width, 3), np.uint8))
    assert str(error.value).startswith(words)
    assert len(str(error.value).splitlines()) == 1


def test_checkpoints_that_do_not_classify_digits_are_refused(tiny_checkpoint, judge, tmp_path):
    digits = write_digits(tmp_path / "digits")
    two = write_judge(tmp_path / "two", outputs=2)
    damaged = write_judge(tmp_path / "damaged")
    (damaged / "encoder.safetensors").write_bytes(b"\0" * 40)
    cases = [
        ((tiny_checkpoint, judge), "can't read digits. Give"),
        ((digits, tiny_checkpoint), "can't read digits. Give"),
        ((digits, two), "can't read digits. Give"),
        ((digits, damaged), "damaged"),
        ((judge, judge), "not a translation"),
        ((tmp_path / "nowhere", judge), "not found"),
        ((digits, tmp_path / "nowhere"), "not found"),
    ]
    for arguments, words in cases:
        with pytest.raises(UserError, match=words) as error:
            DigitTransferrer.from_checkpoint(*arguments, device="cpu")
        assert len(str(error.value).splitlines()) == 1


def test_no_file_is_written(tiny, numbers):
    tiny(numbers[0])  # lazily loaded modules may write their byte code
    opened = []
    watching = [True]

    def hook(event, arguments):
        if watching[0] and event == "open" and (arguments[2] & 3 or set("wax+") & set(arguments[1] or "")):
            opened.append(arguments[0])

    sys.addaudithook(hook)  # can't be removed, only switched off
    try:
        tiny(numbers[1])
    finally:
        watching[0] = False
    assert opened == []
