"""How well faces become emoji: does G(x) show the person's attributes, and is it as varied as real avatars?

Held-out CelebA photos, whose labels are used for nothing else here; the judge (`networks.judge`) has seen
rendered avatars only. Two baselines in the same table: a random avatar, and the avatar whose f is nearest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import checkpoint, images
from ..checkpoint import Checkpoint
from ..domains import avatars, portraits
from ..domains.portraits import Split
from ..metrics import auc, balanced_accuracy, mean_pairwise_distance
from ..networks.judge import JUDGED, Judge

TOLD = {
    "glasses": "Eyeglasses", "bald": "Bald", "hat": "Wearing_Hat", "beard": "No_Beard", "male": "Male",
    "hair_black": "Black_Hair", "hair_brown": "Brown_Hair", "hair_blond": "Blond_Hair", "hair_grey": "Gray_Hair",
}  # fmt: skip
"""Judged attribute → CelebA's. No_Beard is turned round."""

SEEDS = 50_000_000
"""Seeds of the avatars used here start at this; training never draws from there."""


def evaluate(
    name: str,
    data: Path,
    judge: str = "judge",
    split: Split = "test",
    limit: int | None = None,
    avatars_n: int = 6000,
) -> dict[str, Any]:
    """All figures of a checkpoint as a JSON-ready dictionary, with n, seeds and hashes.

    limit: at most so many photos; avatars_n: pool of the baselines. Raises ValueError for what is missing.
    """
    loaded, tell = checkpoint.load(name), load_judge(judge)
    photos = portraits.celeba(data, split, tuple(TOLD.values()), limit)
    labels = photos.labels.copy()
    labels[:, list(TOLD).index("beard")] = 1 - labels[:, list(TOLD).index("beard")]
    crops = np.stack([portraits.head_crop(p, photos.eyes, 128) for p in photos.pictures])
    z = encode(loaded, images.to_tensor(crops))
    made = generate(loaded, z)
    (drawn,) = avatars.render_many(range(SEEDS, SEEDS + avatars_n))
    pool = images.to_tensor(drawn)
    z_pool = loaded.standardise_t(batched(loaded.f, pool[:, :3]))
    pool_logits, made_logits = batched(tell, pool[:, :3]), batched(tell, made[:, :3])
    rng = np.random.default_rng(0)
    random_ones = torch.from_numpy(rng.integers(0, len(pool), len(z)))
    nearest = torch.cat([torch.cdist(part, z_pool).argmin(1) for part in z.split(256)])
    z_made = loaded.standardise_t(batched(loaded.f, made[:, :3]))
    real = mean_pairwise_distance(images.to_images(pool[:, :3]))
    info = checkpoint.read_config(checkpoint.find(judge))
    return {
        "checkpoint": loaded.name,
        "hash": loaded.hash,
        "emphasis": loaded.emphasis,
        "judge_hash": checkpoint.weights_hash(checkpoint.find(judge)),
        "judge_balanced_accuracy_on_held_out_avatars": info["trained"]["balanced_accuracy_on_held_out_avatars"],
        "data": {"set": "CelebA", "split": split, "n": len(photos), "positives": _positives(labels)},
        "seed": 0,
        "avatar_pool": avatars_n,
        "dtn": agreement(labels, made_logits),
        "nearest_avatar": agreement(labels, pool_logits[nearest]),
        "random_avatar": agreement(labels, pool_logits[random_ones]),
        "diversity": {
            "dtn": round(mean_pairwise_distance(images.to_images(made[:, :3])), 4),
            "avatars": round(real, 4),
            "share": round(mean_pairwise_distance(images.to_images(made[:, :3])) / real, 3),
        },
        "f_constancy": {
            "dtn": round(float((z_made - z).square().mean()), 4),
            "nearest_avatar": round(float((z_pool[nearest] - z).square().mean()), 4),
            "random_avatar": round(float((z_pool[random_ones] - z).square().mean()), 4),
        },
    }


def _positives(labels: NDArray[np.float32]) -> dict[str, int]:
    return {name: int(labels[:, i].sum()) for i, name in enumerate(TOLD)}


def agreement(labels: NDArray[np.float32], judged: Tensor) -> dict[str, Any]:
    """AUC and balanced accuracy of the judge's (N, len(JUDGED)) logits against (N, len(TOLD)) labels, each
    attribute and their means."""
    rows = {}
    for i, name in enumerate(TOLD):
        scores = judged[:, JUDGED.index(name)].numpy()
        rows[name] = {
            "auc": round(auc(labels[:, i], scores), 4),
            "balanced_accuracy": round(balanced_accuracy(labels[:, i], scores > 0), 4),
        }
    means = {k: round(float(np.nanmean([row[k] for row in rows.values()])), 4) for k in ("auc", "balanced_accuracy")}
    return {**means, "attributes": rows}


def load_judge(name: str = "judge") -> Judge:
    """The shipped judge, or one in a folder. Raises ValueError if missing or damaged."""
    directory = checkpoint.find(name)
    info = checkpoint.read_config(directory)
    if info.get("kind") != "judge":
        raise ValueError(f"{directory}: is no judge. Train one: python -m dtn_core train judge")
    judge = checkpoint.fill(Judge(**info["judge"]), directory, "judge")
    return judge.eval().requires_grad_(False)


@torch.no_grad()
def batched(net: torch.nn.Module, x: Tensor, size: int = 64) -> Tensor:
    """net on (N, ...) in parts, so that memory stays small."""
    return torch.cat([net(part) for part in x.split(size)])


def encode(loaded: Checkpoint, x: Tensor) -> Tensor:
    """(N, 3, S, S) photos → (N, dim) standardised by s's statistics."""
    return loaded.standardise_s(batched(loaded.f, x))


def generate(loaded: Checkpoint, z: Tensor) -> Tensor:
    """(N, dim) standardised → (N, 4, 64, 64), with the checkpoint's emphasis."""
    return batched(loaded.g, loaded.emphasis * z)


def table(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    kinds = ("dtn", "nearest_avatar", "random_avatar")
    lines = ["| AUC / balanced accuracy | DTN | nearest avatar | random avatar |", "|---|---|---|---|"]
    for name in TOLD:
        cells = [figures[k]["attributes"][name] for k in kinds]
        lines.append(
            f"| {name} | " + " | ".join(f"{c['auc']:.2f} / {c['balanced_accuracy']:.2f}" for c in cells) + " |"
        )
    means = " | ".join(f"**{figures[k]['auc']:.3f} / {figures[k]['balanced_accuracy']:.3f}**" for k in kinds)
    lines.append(f"| **mean** | {means} |")
    constancy = " | ".join(f"{figures['f_constancy'][k]:.3f}" for k in kinds)
    lines.append(f"| f-constancy (lower is better) | {constancy} |")
    share = figures["diversity"]["share"]
    lines.append(f"| diversity, share of real avatars' | {share:.2f} | | 1.00 |")
    return "\n".join(lines)
