"""A tiny c with random weights, alone and in a checkpoint."""

import torch

from dtn_core.avatars.choose import HAIR_ATTRIBUTES, QUESTIONS, Decisions
from dtn_core.avatars.parameters import SPECS
from dtn_core.avatars.predict import AvatarPredictor
from dtn_core.networks import checkpoint
from dtn_core.networks import merge as joining
from dtn_core.networks.avatar_head import AvatarHead
from dtn_core.networks.encoders import Standardise
from dtn_core.networks.resnet import AttributeEncoder


def make_avatar_predictor(style="avataaars", seed=0):
    torch.manual_seed(seed)
    f, spec = AttributeEncoder(width=4, hidden=8, skin=True), SPECS[style]
    heads = {slot: len(v) for slot, v in spec.slots.items() if slot != "mouth"}
    heads |= {f"colour:{name}": len(codes) for name, codes in spec.colours.items() if name not in ("skin", "beard")}
    decisions = Decisions(
        dict.fromkeys(QUESTIONS[style], (1.0, 0.0)),
        dict.fromkeys(QUESTIONS[style], 0.1),
        dict.fromkeys(HAIR_ATTRIBUTES, (1.0, 0.0)),
        dict.fromkeys(HAIR_ATTRIBUTES, 0.25),
        {head: [0.0] * count for head, count in heads.items()},
    )
    head = AvatarHead(f.dim, heads).eval().requires_grad_(False)
    f = f.eval().requires_grad_(False)
    z = Standardise(torch.zeros(f.dim), torch.ones(f.dim))
    return AvatarPredictor(style, f, z, head, decisions, hash="0c0ffee0")


def write_drawing_checkpoint(translation, directory, style="avataaars"):
    """The translation in a folder, and c with it."""
    predictor = make_avatar_predictor(style)
    info = {
        "kind": "avatar",
        "encoder": predictor.f.config,
        "avatar": predictor.describe(),
        "trained": {},
    }
    tensors = {"encoder": predictor.f.state_dict(), "avatar": predictor.tensors()}
    part = checkpoint.save(directory.parent / f"{directory.name}-c", info, tensors)
    return joining.merge(translation, part, directory)
