"""The face parser: probabilities of parts, in batches, and checkpoints that are no parsers."""

import numpy as np
import pytest
import torch

from dtn_core.core.errors import UserError
from dtn_core.core.images import to_tensor
from dtn_core.faces import parse as parsing
from dtn_core.faces.align import align
from dtn_core.faces.detect import detect
from dtn_core.networks.parser import PARTS, UNLABELLED, FaceParser, build, iou


def test_parts_of_a_portrait_are_where_they_belong(astronaut):
    face = detect(astronaut)[0]
    heads = parsing.parse(to_tensor([align(astronaut, face).image]))
    assert heads.pictures.shape == (1, 128, 128, 3)
    assert heads.probabilities.sum(1) == pytest.approx(1, abs=1e-3)
    part = heads.probabilities[0].argmax(0)
    assert PARTS[part[85, 64]] == "skin"  # between the eyes and the mouth
    assert PARTS[part[20, 64]] == "hair"
    share = {name: (part == i).mean() for i, name in enumerate(PARTS)}
    assert share["hair"] > 0.15
    assert share["skin"] > 0.12
    assert share["hat"] < 0.01
    assert share["glasses"] < 0.01


def test_heads_are_parsed_the_same_in_any_batch(monkeypatch):
    x = torch.rand(5, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together = parsing.parse(x).probabilities
    monkeypatch.setattr(parsing, "BATCH", 2)
    assert np.abs(parsing.parse(x).probabilities - together).max() < 1e-4


def test_another_kind_of_checkpoint_is_refused():
    with pytest.raises(UserError, match="not a face parser"):
        parsing.load("emoji")
    with pytest.raises(UserError, match="not found"):
        parsing.load("no-such-parser")


def test_a_parser_is_built_from_its_config_and_keeps_the_size():
    net = build(FaceParser(32, (4, 8, 8)).config)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, len(PARTS), 32, 32)


def test_iou_ignores_unlabelled_pixels_and_parts_that_never_occur():
    truth = torch.tensor([[[1, 1, 5, UNLABELLED]]])
    predicted = torch.tensor([[[1, 5, 5, 7]]])
    figures = iou(predicted, truth)
    assert figures["skin"] == pytest.approx(1 / 2)
    assert figures["hair"] == pytest.approx(1 / 2)
    assert np.isnan(figures["glasses"])
