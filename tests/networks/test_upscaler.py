import numpy as np
import pytest
import torch

from dtn_core.core import images
from dtn_core.networks.upscaler import InkUpscaler, Upscaler, build

INKS = torch.tensor([[-1.0, -1, -1], [0.2, 0, 0], [1, 1, 1]])


@pytest.fixture
def upscaler():
    made = InkUpscaler(3)
    made.inks.copy_(INKS)
    return made


def test_areas_are_pure_ink_and_edges_are_sharp(upscaler):
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[8:56, 8:56] = (255, 255, 255, 255)
    rgba[20:40, 8:56, :3] = 128, 100, 118  # near the ink in the middle
    large = images.to_images(upscaler(images.to_tensor([rgba])))[0]
    assert large.shape == (256, 256, 4)
    assert large[120, 128].tolist() == [153, 127, 127, 255]
    assert large[200, 128].tolist() == [255, 255, 255, 255]
    assert large[5, 5, 3] == 0
    alpha = large[128, :, 3]
    assert ((alpha > 10) & (alpha < 245)).sum() < 10, "the outline is a pixel or two wide on each side"
    assert large[..., :3][large[..., 3] == 255].min() > 100, "no ink that wasn't there"


def test_build_makes_both_kinds():
    for made in (InkUpscaler(4, 2), Upscaler(4, 8, 2)):
        assert build(made.config).config == made.config
    with pytest.raises(TypeError):
        build({"name": "inks", "colour": 3})
