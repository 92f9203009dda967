"""Tiny digit checkpoints with random weights, laid out as trained ones."""

from __future__ import annotations

import torch

from dtn_core.networks import checkpoint
from dtn_core.networks.digits import DeconvGenerator
from dtn_core.networks.encoders import Standardise
from dtn_core.networks.generator import FromPicture, Generator
from dtn_core.networks.resnet import ClassEncoder


def write_digits(directory, channels=1, generator="upsample", contains_f=True):
    """A translation of street numbers. generator: "upsample" or "deconv"; contains_f: False for a `FromPicture`."""
    torch.manual_seed(0)
    f = ClassEncoder(width=8, hidden=16).eval()
    if generator == "deconv":
        g = DeconvGenerator(f.dim, 4, channels)
    else:
        g = Generator(f.dim, 4, channels, 32, pointwise=False)
    if not contains_f:
        g = FromPicture(ClassEncoder(width=8, hidden=16), g)
    with torch.no_grad():
        z = Standardise.of(f(torch.rand(32, 3, 32, 32) * 2 - 1))
    statistics = {f"{name}_{d}": value.clone() for name, value in z.state_dict().items() for d in "st"}
    info = {"kind": "transfer", "encoder": f.config, "generator": g.config, "upscaler": None}
    tensors = {"encoder": f.state_dict(), "statistics": statistics, "generator": g.state_dict()}
    return checkpoint.save(directory, info, tensors)


def write_judge(directory, outputs=10, hidden=16):
    """A judge, or a net of other classes where outputs isn't 10."""
    torch.manual_seed(1)
    judge = ClassEncoder(width=8, hidden=hidden, outputs=outputs)
    return checkpoint.save(directory, {"kind": "encoder", "encoder": judge.config}, {"encoder": judge.state_dict()})
