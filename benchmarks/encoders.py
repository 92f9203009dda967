"""What encoders of faces tell: ``python -m benchmarks.encoders NAME|DIR... --data DATA [-o results/encoders.json]``.

AUC of every attribute on held-out photos of CelebA, CelebA-HQ and UTKFace, and on drawings in two styles of which no
encoder has seen one; of the skin's head, how far L* is from the cheek's and how far it moves with the light.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dtn_core.avatars import attributes as avatars
from dtn_core.avatars import rendering
from dtn_core.core import colors as colours
from dtn_core.core import images
from dtn_core.core.errors import UserError
from dtn_core.core.metrics import auc
from dtn_core.core.types import Image
from dtn_core.data import portraits
from dtn_core.data.portraits import UNKNOWN, data_folder
from dtn_core.networks import checkpoint
from dtn_core.networks.resnet import ATTRIBUTES

AVATARS, SEEDS = 2000, 60_000_000
"""Drawings of a style, with balanced attributes, from seeds of their own."""

LABELS = {
    "glasses": "Eyeglasses", "bald": "Bald", "hat": "Wearing_Hat", "beard": "-No_Beard", "male": "Male",
    "smiling": "Smiling", "hair_black": "Black_Hair", "hair_brown": "Brown_Hair", "hair_blond": "Blond_Hair",
    "hair_grey": "Gray_Hair", "dark_skin": "race_Black",
}  # fmt: skip
"""What a drawing shows → the attribute that should tell it, "-" before its opposite."""

GAINS = (0.5, 0.7, 1.0, 1.3, 1.6)


@torch.no_grad()
def read(f: nn.Module, heads: Image) -> tuple[np.ndarray, np.ndarray | None]:
    """(N, S, S, 3) heads → (N, A) logits and (N,) L* of the skin, if f tells it."""
    features = torch.cat([f(images.to_tensor(heads[i : i + 128])) for i in range(0, len(heads), 128)])
    skin = f.skin_lab(features)[:, 0].numpy() if f.skin is not None else None
    return f.logits(features).numpy(), skin


def on_photos(f: nn.Module, data: Path, split: str) -> dict[str, Any]:
    """Set → n, attribute → AUC; and the skin's figures."""
    made: dict[str, Any] = {}
    for load in (portraits.celeba, portraits.celebahq, portraits.utkface):
        photos = load(data, split, ATTRIBUTES)
        heads = np.stack([portraits.head_crop(p, photos.eyes, 128) for p in photos.pictures])
        logits, skin = read(f, heads)
        figures = {}
        for i, name in enumerate(ATTRIBUTES):
            known = photos.labels[:, i] != UNKNOWN
            if len(set(photos.labels[known, i])) == 2:
                figures[name] = round(auc(photos.labels[known, i], logits[known, i]), 4)
        row = {"n": len(heads), "mean": round(float(np.mean(list(figures.values()))), 4), "attributes": figures}
        if skin is not None:
            cheeks = np.array([colours.cheek(head)[0] for head in heads])
            few = heads[:100].astype(np.float32)
            lit = [read(f, np.clip(few * gain, 0, 255).astype(np.uint8))[1] for gain in GAINS]
            row["skin"] = {
                "error": round(float(np.abs(skin - cheeks).mean()), 2),
                "drift": round(float(np.ptp(lit, axis=0).mean()), 2),
            }
        made[load.__name__] = row
    return made


def on_drawings(f: nn.Module, style: str) -> dict[str, Any]:
    """n, what a drawing shows → AUC."""
    drawn = rendering.draw(style, range(SEEDS, SEEDS + AVATARS), rates=avatars.BALANCED_RATES)
    rgb = images.to_images(images.to_rgb(images.to_tensor(drawn.pictures)))
    logits, _ = read(f, rgb)
    figures = {}
    for shown, attribute in LABELS.items():
        values = [_shown(a, shown) for a in drawn.attributes]
        known = np.array([v is not None for v in values])
        if known.sum() and len({v for v in values if v is not None}) == 2:
            sign = -1 if attribute.startswith("-") else 1
            score = sign * logits[:, ATTRIBUTES.index(attribute.lstrip("-"))]
            figures[shown] = round(auc(np.array([bool(v) for v in values])[known], score[known]), 4)
    return {"n": AVATARS, "mean": round(float(np.mean(list(figures.values()))), 4), "attributes": figures}


def _shown(attributes: avatars.Attributes, name: str) -> bool | None:
    if name.startswith("hair_"):
        return None if attributes.hair is None else attributes.hair == name.removeprefix("hair_")
    if name == "dark_skin":
        return attributes.skin in ("brown", "dark")
    return getattr(attributes, name)


def table(figures: dict[str, Any]) -> str:
    """Markdown: a row an attribute, a column an encoder."""
    names = list(figures["encoders"])
    lines = [f"| AUC | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    first = figures["encoders"][names[0]]
    for where, row in first.items():
        if where == "hash":
            continue
        rows = [figures["encoders"][name][where] for name in names]
        lines.append(f"| **{where}, n = {row['n']}** | " + " | ".join(f"**{r['mean']:.3f}**" for r in rows) + " |")
        lines += [f"| {a} | " + " | ".join(f"{r['attributes'][a]:.3f}" for r in rows) + " |" for a in row["attributes"]]
        if any("skin" in r for r in rows):
            for key in ("error", "drift"):
                cells = (f"{r['skin'][key]:.1f}" if "skin" in r else "" for r in rows)
                lines.append(f"| skin, {key} in L* | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoders", description=__doc__.splitlines()[0])
    parser.add_argument("encoders", nargs="+", metavar="NAME|DIR")
    parser.add_argument("--data", metavar="DIR", help="folder of the data (default: $DTN_DATA)")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("-o", "--output", metavar="FILE.json")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    made: dict[str, Any] = {"split": arguments.split, "encoders": {}}
    try:
        data = data_folder(arguments.data)
        for name in arguments.encoders:
            f = checkpoint.load_encoder(name)
            row = {"hash": checkpoint.weights_hash(checkpoint.find(name), "encoder.safetensors")}
            row |= on_photos(f, data, arguments.split)
            row |= {style: on_drawings(f, style) for style in ("avataaars", "toon-head")}
            made["encoders"][name] = row
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(table(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
