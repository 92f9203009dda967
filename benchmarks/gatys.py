"""Neural style transfer on photo → emoji, the baseline that fails (paper, Sec. 5.3): ``python -m benchmarks.gatys
[-n 8] [-o results/gatys.jpg]`` writes the figure and, beside it, the figures as JSON.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016: a photo's pixels are
optimised until deep features are the photo's and their Gram matrices those of an emoji. The paper took VGG-19, whose
weights can't be had offline; here the features are those of what can: our f of faces that knows drawings, dlib's face
ResNet, and a VGG with random weights (Ustyuzhaninov et al., 2016). Losses are relative to the size of what they are
compared with, so that one weight serves all three. The faces are random (`evaluation.gallery.free`), none picked; the
emoji is the first of the seed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from benchmarks import save
from dtn_core import images
from dtn_core.domains import styles
from dtn_core.errors import UserError
from dtn_core.evaluation.cleanliness import judge_features
from dtn_core.evaluation.gallery import free
from dtn_core.evaluation.nets import load_judge, over_grey
from dtn_core.metrics import kid
from dtn_core.networks.encoders import DlibEncoder
from dtn_core.training.feature_cache import make_encoder
from dtn_core.transfer import Transferrer

SIZE = 128
CONTENT = {"content": 1.0, "style": 0.03}
"""Column → weight of the content's loss, that of the style's being 1: one that keeps the photo, one that doesn't."""

STYLE = "emoji, the style"

Features = Callable[[Tensor], list[Tensor]]


def perceptual() -> dict[str, Features]:
    """Name → the feature maps of (B, 3, S, S) pictures in [-1, 1], shallow to deep; the last but one is content."""
    f, dlib = make_encoder("encoder-drawn"), DlibEncoder().eval().requires_grad_(False).net
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    widths = [3, 32, 64, 64, 128, 128]
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        conv = nn.Conv2d(a, b, 3, padding=1, padding_mode="reflect")
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        layers += [nn.Sequential(*([nn.AvgPool2d(2)] if i in (2, 3) else []), conv, nn.ReLU())]
    random = nn.Sequential(*layers).requires_grad_(False)

    def of_f(x: Tensor) -> list[Tensor]:
        h, found = f.body[:3](x), []
        for block in f.body[3:8]:
            h = block(h)
            found.append(h)
        return found

    def of_dlib(x: Tensor) -> list[Tensor]:
        h = F.relu(dlib.stem(((x + 1) * 127.5 - dlib.average) / 256))
        found = [h]
        for place, block in enumerate(dlib.blocks[:10]):
            h = block(h)
            if place in (2, 4, 7, 9):
                found.append(h)
        return found

    def of_random(x: Tensor) -> list[Tensor]:
        found = []
        for layer in random:
            x = layer(x)
            found.append(x)
        return found

    return {"f of faces and drawings": of_f, "dlib's f": of_dlib, "random VGG": of_random}


def stylise(photos: Tensor, emoji: Tensor, features: Features, content: float, steps: int) -> Tensor:
    """(B, 3, S, S) photos in [-1, 1], optimised towards the style of (1, 3, S, S); content: weight of its loss."""
    with torch.no_grad():
        kept = features(photos)[-2]
        grams = [_gram(h) for h in features(emoji)]
    x = photos.clone().requires_grad_(True)
    adam = torch.optim.Adam([x], 0.03)
    for _ in range(steps):
        found = features(x)
        style = sum((_gram(h) - g).square().sum((1, 2)) / g.square().sum((1, 2)) for h, g in zip(found, grams))
        same = (found[-2] - kept).square().mean((1, 2, 3)) / kept.square().mean((1, 2, 3))
        rough = (x[..., 1:] - x[..., :-1]).abs().mean() + (x[..., 1:, :] - x[..., :-1, :]).abs().mean()
        loss = (style / len(grams) + content * same).sum() + 0.02 * len(x) * rough
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            x.clamp_(-1, 1)
    return x.detach()


def _gram(h: Tensor) -> Tensor:
    flat = h.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def run(n: int, steps: int, seed: int) -> tuple[dict, np.ndarray]:
    """The figures and the sheet."""
    faces = [cv2.resize(face, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for face in free(n, seed)]
    photos = images.to_tensor(faces)
    drawn = styles.render_many([seed], (SIZE,))[0]
    emoji = over_grey(drawn)
    columns: dict[str, Tensor] = {"face": photos, STYLE: emoji.expand(n, -1, -1, -1)}
    for name, features in perceptual().items():
        for side, weight in CONTENT.items():
            parts = [
                stylise(part, emoji, features, weight, steps)
                for part in tqdm(photos.split(4), desc=f"{name}, {side}", leave=False)
            ]
            columns[f"{name}, {side}"] = torch.cat(parts)
    dtn = Transferrer.from_checkpoint("emoji", "cpu")
    with torch.no_grad():
        columns["DTN, painted"] = dtn.transfer(photos)[:, :3]
    judge = load_judge()
    reference = judge_features(judge, over_grey(styles.render_many(range(90_000_000, 90_001_000), (64,))[0]))[0].numpy()
    rows = {}
    for name, x in ((k, v) for k, v in columns.items() if k != STYLE):
        small = F.interpolate(x, size=(64, 64), mode="bilinear", antialias=True, align_corners=False)
        mean, spread = kid(judge_features(judge, small)[0].numpy(), reference, size=max(2, n // 2), seed=seed)
        rows[name] = {"kid": round(mean, 4), "kid_std": round(spread, 4)}
    figures = {
        "what": "KID to rendered emoji by the judge's features; lower is better",
        "n": n, "seed": seed, "steps": steps, "faces": "evaluation.gallery.free", "checkpoint": dtn.checkpoint.name,
        "hash": dtn.checkpoint.hash, "rows": rows,
    }  # fmt: skip
    shown = {
        k: images.to_images(F.interpolate(v, size=(SIZE, SIZE), mode="bicubic").clamp(-1, 1))
        for k, v in columns.items()
    }
    return figures, _sheet(shown)


def table(figures: dict) -> str:
    """The figures as a Markdown table."""
    lines = [f"| {figures['n']} faces, seed {figures['seed']} | KID |", "|---|---|"]
    return "\n".join([*lines, *(f"| {k} | {v['kid']:.2f} ± {v['kid_std']:.2f} |" for k, v in figures["rows"].items())])


def _sheet(columns: dict[str, np.ndarray]) -> np.ndarray:
    """One row a face, a column each, named above."""
    grid = images.grid([list(row) for row in zip(*columns.values())], gap=6, background=255)
    cell = (grid.shape[1] - 6) // len(columns)
    head = np.full((46, grid.shape[1], 3), 255, np.uint8)
    for i, name in enumerate(columns):
        for line, words in enumerate(name.split(", ")):
            at = (8 + i * cell, 18 + 18 * line)
            cv2.putText(head, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (40, 40, 40), 1, cv2.LINE_AA)
    return np.concatenate([head, grid])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Neural style transfer on photo → emoji, beside the DTN.")
    parser.add_argument("-n", type=int, default=8, metavar="N", help="how many faces (default 8)")
    parser.add_argument("--steps", type=int, default=100, metavar="N", help="of Adam on the pixels (default 100)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("-o", "--output", default="results/gatys.jpg", metavar="FILE.jpg")
    flags = parser.parse_args(arguments)
    try:
        if flags.n < 4 or flags.steps < 1 or flags.seed < 0:
            raise UserError("-n must be at least 4, --steps at least 1, --seed at least 0.")
        figures, sheet = run(flags.n, flags.steps, flags.seed)
        path = Path(flags.output)
        images.save(path, sheet)
        save(figures, path.with_suffix(".json"))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(figures["rows"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
